"""Resampling against scipy, against all exchanges one by one, and against what is known."""

import itertools
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from biospan import resampling
from biospan.resampling import compare_f1, f1_intervals, holm

Array = NDArray[np.int64]


def some_counts(n_documents: int, *, n_labels: int = 2, seed: int = 0, share: float = 0.7) -> Array:
    """Documents of very different sizes, in which about `share` is right."""
    rng = np.random.default_rng(seed)
    n_gold = rng.poisson(rng.gamma(2.0, 3.0, size=(n_documents, n_labels)))
    tp = rng.binomial(n_gold, share)
    return np.stack([tp, rng.poisson(2, size=tp.shape), n_gold - tp], axis=-1)


def f1(tp: Any, fp: Any, fn: Any, axis: int = -1) -> Any:
    tp, fp, fn = tp.sum(axis=axis), fp.sum(axis=axis), fn.sum(axis=axis)
    return 2 * tp / np.maximum(1, 2 * tp + fp + fn)


def f1_of(counts: Array) -> float:
    tp, fp, fn = counts.reshape(-1, 3).sum(axis=0)
    return float(2 * tp / (2 * tp + fp + fn)) if tp else 0.0


def test_intervals_are_those_of_scipys_percentile_bootstrap() -> None:
    counts = some_counts(150)
    found = f1_intervals(counts)
    assert found is not None
    assert len(found) == 3
    for ours, rows in zip(found, (counts[:, 0], counts[:, 1], counts.sum(axis=1)), strict=True):
        theirs = scipy.stats.bootstrap(
            tuple(rows.T),
            lambda tp, fp, fn, axis=-1: f1(tp, fp, fn, axis),
            paired=True,
            vectorized=True,
            n_resamples=20_000,
            method="percentile",
            rng=np.random.default_rng(1),
        ).confidence_interval
        width = theirs.high - theirs.low
        assert ours == pytest.approx((theirs.low, theirs.high), abs=0.06 * width)
        assert ours[0] < f1_of(rows) < ours[1]


def test_about_95_of_100_intervals_hold_the_true_score() -> None:
    truth = f1_of(some_counts(200_000, n_labels=1, seed=99))
    hits = 0
    for seed in range(200):
        low, high = (f1_intervals(some_counts(60, n_labels=1, seed=seed)) or [])[-1]
        hits += low <= truth <= high
    assert 180 <= hits <= 198  # 190 expected; 180 is 3.2 standard deviations below


def test_more_documents_give_narrower_intervals() -> None:
    widths = []
    for n_documents in (20, 80, 320):
        low, high = (f1_intervals(some_counts(n_documents)) or [])[-1]
        widths.append(high - low)
    assert widths[0] > 1.5 * widths[1] > 2.25 * widths[2]


def test_entities_of_one_document_count_as_drawn_together() -> None:
    """The same entities in fewer, larger documents say less."""
    counts = np.array([[[1, 0, 0]], [[0, 0, 1]]] * 50)
    clumped = np.array([[[10, 0, 0]], [[0, 0, 10]]] * 5)
    (low, high), (low_clumped, high_clumped) = (
        (f1_intervals(rows) or [])[0] for rows in (counts, clumped)
    )
    assert high_clumped - low_clumped > 2 * (high - low)


def test_fewer_than_two_documents_have_no_interval() -> None:
    assert f1_intervals(some_counts(0)) is None
    assert f1_intervals(some_counts(1)) is None
    assert compare_f1(some_counts(1), some_counts(1, seed=5))[-1].interval is None


def test_without_any_entity_every_resample_scores_zero() -> None:
    assert f1_intervals(np.zeros((5, 1, 3), dtype=np.int64)) == [(0.0, 0.0), (0.0, 0.0)]
    assert f1_intervals(np.zeros((5, 0, 3), dtype=np.int64)) == [(0.0, 0.0)]


def test_blocks_do_not_change_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = some_counts(30), some_counts(30, seed=1)
    whole = f1_intervals(a), compare_f1(a, b)
    monkeypatch.setattr(resampling, "_BLOCK", 1_000)
    assert (f1_intervals(a), compare_f1(a, b)) == whole


def exact_p(a: Array, b: Array) -> float:
    """Share of all 2^n exchanges that make as large a difference as there is."""
    observed = abs(f1_of(b) - f1_of(a))
    differences = []
    for swaps in itertools.product((False, True), repeat=len(a)):
        mask = np.array(swaps)[:, None, None]
        left, right = np.where(mask, b, a), np.where(mask, a, b)
        differences.append(abs(f1_of(right) - f1_of(left)))
    return float(np.mean(np.array(differences) >= observed - 1e-12))


@pytest.mark.parametrize("seed", range(6))
def test_p_is_that_of_all_exchanges_of_few_documents(seed: int) -> None:
    a, b = some_counts(9, seed=seed), some_counts(9, seed=seed + 50, share=0.85)
    *labels, micro = compare_f1(a, b)
    for found, left, right in (
        (micro, a, b),
        (labels[0], a[:, :1], b[:, :1]),
        (labels[1], a[:, 1:], b[:, 1:]),
    ):
        assert found.p == pytest.approx(exact_p(left, right), abs=0.02)


def test_p_is_that_of_scipys_permutation_test() -> None:
    a, b = some_counts(80, n_labels=1, seed=3), some_counts(80, n_labels=1, seed=3)
    b[::2, 0, 1] += 1

    def difference(x: Array, y: Array, axis: int = -1) -> Any:
        left, right = a.reshape(-1, 3), b.reshape(-1, 3)
        swapped = np.asarray(x)[..., None].astype(bool)
        one, other = np.where(swapped, left, right), np.where(swapped, right, left)
        return abs(f1(*np.moveaxis(one, -1, 0)) - f1(*np.moveaxis(other, -1, 0)))

    b[1::4, 0, 0] += 2  # so that B is better in some documents and worse in others
    theirs = scipy.stats.permutation_test(
        (np.ones(80), np.zeros(80)),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=5_000,
        alternative="greater",
        rng=np.random.default_rng(0),
    ).pvalue
    assert 0.02 < theirs < 0.98
    assert compare_f1(a, b)[-1].p == pytest.approx(theirs, abs=0.03)


@given(st.integers(0, 1_000), st.integers(2, 12))
def test_an_output_does_not_differ_from_itself(seed: int, n_documents: int) -> None:
    counts = some_counts(n_documents, seed=seed)
    for found in compare_f1(counts, counts):
        assert found == ((0.0, 0.0), 1.0, 1.0)


def test_the_other_way_round_only_signs_change() -> None:
    a, b = some_counts(40, seed=1), some_counts(40, seed=2, share=0.9)
    for there, back in zip(compare_f1(a, b), compare_f1(b, a), strict=True):
        assert there.interval is not None
        assert back.interval == pytest.approx([-bound for bound in reversed(there.interval)])
        assert (back.share_without_sign, back.p) == pytest.approx(
            (there.share_without_sign, there.p)
        )


def test_a_clear_difference_is_seen_and_a_paired_one_more_clearly() -> None:
    a = some_counts(100, n_labels=1)
    b = a.copy()
    b[:, 0, 1] = np.maximum(0, b[:, 0, 1] - 1)  # one wrong entity less in each document
    found = compare_f1(a, b)[-1]
    low, high = found.interval or (0.0, 0.0)
    assert 0 < low < f1_of(b) - f1_of(a) < high
    assert found.share_without_sign == 0
    assert found.p == 1 / (resampling.N_PAIRED + 1)
    of_a, of_b = (f1_intervals(a) or [])[-1], (f1_intervals(b) or [])[-1]
    assert of_a[1] > of_b[0]  # although the two intervals overlap


def test_p_is_even_where_there_is_no_difference() -> None:
    p_values = [
        compare_f1(some_counts(25, seed=i), some_counts(25, seed=i + 1_000))[-1].p
        for i in range(60)
    ]
    assert scipy.stats.kstest(p_values, "uniform").pvalue > 0.001


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_the_definition(p_values: list[float]) -> None:
    """Rejecting at a level what is adjusted to at most that level is stepping down by hand."""
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.3):
        rejected = set()
        for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
            if (len(p_values) - rank) * p_values[index] > level:
                break
            rejected.add(index)
        assert {index for index, p in enumerate(adjusted) if p <= level} == rejected
