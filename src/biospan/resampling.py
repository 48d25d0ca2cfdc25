"""How much a score owes to the documents that happened to be there: resampling of counts.

Everything here works on integer arrays of counts with axes (documents, labels, 3), the last being
true positives, false positives and false negatives. What was counted, and how documents pair up,
is the business of others. Documents are drawn, never entities: those of one document resemble
each other, and intervals that took them for independent would be too narrow.

Results depend on the seed, which is fixed, and on the order of the documents.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

N_RESAMPLES = 2_000  # of an interval
N_PAIRED = 10_000  # of a comparison: small p values need more
CONFIDENCE = 0.95
_SEED = 20_040_828
_BLOCK = 4_000_000  # drawn numbers that are held at a time
# Differences of F1 that are equal on paper may differ in their last bits.
_SAME = 1e-12

Interval = tuple[float, float]
_Floats = NDArray[np.float64]
_Integers = NDArray[np.int64]


class Paired(NamedTuple):
    """What resampling says of the difference between two F1, B minus A.

    Attributes:
        interval: Of the difference; None for fewer than two documents.
        share_without_sign: Share of the resamples in which the difference is not of the sign that
            was observed; 1 if there was none.
        p: Two-sided, of approximate randomisation.
    """

    interval: Interval | None
    share_without_sign: float
    p: float


def f1_intervals(counts: _Integers) -> list[Interval] | None:
    """Percentile bootstrap of F1 over documents (Efron and Tibshirani 1993, chapter 13).

    A resample without any item of a label has F1 0 there, as everywhere: so a label that few
    documents have gets an interval down to 0.

    Args:
        counts: Shape (n_documents, n_labels, 3).

    Returns:
        One for each label, then the one of all labels together (micro); None for fewer than two
        documents, which say nothing about how documents differ.
    """
    if len(counts) < 2:
        return None
    table = _with_micro(counts)
    drawn = [_f1(_totals(weights, table)) for weights in _draws(len(counts), N_RESAMPLES)]
    return _percentiles(np.concatenate(drawn))


def compare_f1(a: _Integers, b: _Integers) -> list[Paired]:
    """Compare the F1 of two outputs for the same documents.

    The interval is that of a paired bootstrap: both are scored on the same drawn documents. The
    p value is that of approximate randomisation (Noreen 1989; Yeh 2000): if the two were alike,
    their outputs for a document could change places; it is the share of random exchanges that
    make a difference as large as the observed one, which itself counts as one of them.

    Args:
        a: Counts of one. Shape (n_documents, n_labels, 3).
        b: Counts of the other, in the same order.

    Returns:
        One for each label, then the one of all labels together (micro).
    """
    left, right = _with_micro(a), _with_micro(b)
    observed = _f1(right.sum(axis=0)) - _f1(left.sum(axis=0))
    n_documents, n_rows = left.shape[:2]
    intervals: Sequence[Interval | None] = [None] * n_rows
    without_sign = np.ones(n_rows)
    if n_documents >= 2:
        drawn = np.concatenate(
            [
                _f1(_totals(weights, right)) - _f1(_totals(weights, left))
                for weights in _draws(n_documents, N_PAIRED)
            ]
        )
        intervals = _percentiles(drawn)
        without_sign = np.mean(drawn * np.sign(observed) <= _SAME, axis=0)
    as_large = np.zeros(n_rows)
    for exchanged in _exchanges(n_documents, N_PAIRED):
        moved = _totals(exchanged, right - left)
        differences = _f1(right.sum(axis=0) - moved) - _f1(left.sum(axis=0) + moved)
        as_large += np.sum(np.abs(differences) >= np.abs(observed) - _SAME, axis=0)
    p_values = (as_large + 1) / (N_PAIRED + 1)
    return [
        Paired(interval, float(share), float(p))
        for interval, share, p in zip(intervals, without_sign, p_values, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for being several (Holm 1979): each holds beside all the others."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _with_micro(counts: _Integers) -> _Floats:
    """Counts with a last row for all labels. Shape (n_documents, n_labels + 1, 3)."""
    return np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1, dtype=np.float64)


def _f1(counts: _Floats) -> _Floats:
    """F1 of counts with a last axis of 3, which the result lacks."""
    twice_tp = 2 * counts[..., 0]
    base = twice_tp + counts[..., 1] + counts[..., 2]
    return np.divide(twice_tp, base, out=np.zeros_like(base), where=base > 0)


def _totals(weights: _Floats, table: _Floats) -> _Floats:
    """Weighted sums over documents. Shape (n_resamples, n_labels + 1, 3)."""
    return np.tensordot(weights, table, axes=1)


def _percentiles(drawn: _Floats) -> list[Interval]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail), axis=0)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _draws(n_documents: int, n_resamples: int) -> Iterator[_Floats]:
    """How often each document is drawn. Blocks of shape (n_resamples, n_documents)."""
    rng = np.random.default_rng(_SEED)
    for size in _blocks(n_documents, n_resamples):
        drawn = rng.integers(n_documents, size=(size, n_documents))
        places = drawn + n_documents * np.arange(size)[:, None]
        times = np.bincount(places.ravel(), minlength=size * n_documents)
        yield times.reshape(size, n_documents).astype(np.float64)


def _exchanges(n_documents: int, n_resamples: int) -> Iterator[_Floats]:
    """Whether the outputs for each document change places, 0 or 1; blocks as of `_draws`."""
    rng = np.random.default_rng(_SEED)
    for size in _blocks(n_documents, n_resamples):
        yield rng.integers(2, size=(size, n_documents)).astype(np.float64)


def _blocks(n_documents: int, n_resamples: int) -> Iterator[int]:
    most = max(1, _BLOCK // max(1, n_documents))
    for start in range(0, n_resamples, most):
        yield min(most, n_resamples - start)
