"""What scores are worth, against scikit-learn and the plain definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from biospan import reliability
from biospan.document import Document, Entity
from biospan.errors import InputError
from biospan.reliability import Bin, measure

judged = st.lists(st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), min_size=1)


@given(judged)
def test_auroc_and_brier_are_those_of_scikit_learn(pairs: list[tuple[float, bool]]) -> None:
    scores, right = zip(*pairs, strict=True)
    found = measure(scores, right)
    assert found.brier == pytest.approx(brier_score_loss(right, scores))
    constant = [np.mean(right)] * len(right)
    assert found.constant_brier == pytest.approx(brier_score_loss(right, constant))
    if len(set(right)) == 1:
        assert found.auroc is None
    else:
        assert found.auroc == pytest.approx(roc_auc_score(right, scores))


@given(judged, st.randoms())
def test_no_figure_depends_on_the_order(pairs: list[tuple[float, bool]], random: object) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    found, again = (measure(*zip(*each, strict=True)) for each in (pairs, shuffled))
    assert found.to_dict() == again.to_dict()


def test_bins_are_of_equal_mass_and_ece_is_their_mean_gap() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(157)
    right = rng.random(157) < scores**2
    found = measure(scores.tolist(), right.tolist())
    order = np.argsort(scores)
    parts = [order[:11], *np.split(order[11:77], 6), *np.split(order[77:], 8)]
    expected = [(len(p), scores[p].mean(), right[p].mean()) for p in parts]
    assert len(parts) == 15
    assert {len(part) for part in parts} == {10, 11}
    assert [tuple(item) for item in found.bins()] == [pytest.approx(item) for item in expected]
    ece = sum(n * abs(score - share) for n, score, share in expected) / 157
    assert found.ece == pytest.approx(ece)
    assert ece > 0.1


def test_a_constant_score_has_no_gap_if_it_is_the_share_of_right_ones() -> None:
    found = measure([0.25] * 40, [True] * 10 + [False] * 30)
    assert found.ece == pytest.approx(0)
    assert found.auroc == 0.5
    assert set(found.bins()) == {Bin(3, 0.25, 0.25), Bin(2, 0.25, 0.25)}


@given(judged, st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_a_threshold_is_the_lowest_that_reaches_the_precision(
    pairs: list[tuple[float, bool]], wanted: float
) -> None:
    found = measure(*zip(*pairs, strict=True), n_gold=len(pairs) + 3).threshold(wanted)
    for threshold in sorted({score for score, _ in pairs}):
        kept = [right for score, right in pairs if score >= threshold]
        if sum(kept) >= wanted * len(kept):
            assert found is not None
            assert found.threshold == threshold
            assert found.precision == pytest.approx(sum(kept) / len(kept))
            assert found.recall == pytest.approx(sum(kept) / (len(pairs) + 3))
            assert found.coverage == pytest.approx(len(kept) / len(pairs))
            return
    assert found is None


def test_nothing_predicted_has_figures_too() -> None:
    found = measure([], [], n_gold=2)
    assert found.bins() == []
    assert (found.ece, found.auroc, found.brier, found.constant_brier) == (0, None, 0, 0)
    assert found.threshold(0.9) is None
    assert "no threshold reaches precision 0.90" in found.to_text()


def documents(*scores: float | None) -> list[Document]:
    entities = [Entity(n, n + 1, "DNA", "a", score) for n, score in enumerate(scores)]
    return [Document("aaaaaa", "7", entities=tuple(entities))]


def test_documents_are_measured_by_span_and_label() -> None:
    gold = documents(None, None)
    gold = [gold[0].with_entities((*gold[0].entities, Entity(2, 3, "RNA", "a")))]
    right = [True, True, False, False]
    found = reliability.evaluate(gold, documents(0.9, 0.5, 0.7, 0.6))
    assert found.to_dict() == measure([0.9, 0.5, 0.7, 0.6], right, n_gold=3).to_dict()


def test_entities_without_scores_are_refused_by_name() -> None:
    with pytest.raises(InputError) as caught:
        reliability.evaluate(documents(), documents(0.5, None, None))
    assert str(caught.value).splitlines()[0] == (
        "document `7`, characters 1 to 2: `DNA` has no score, expected one on every predicted "
        "entity"
    )


def test_the_text_shows_every_bin_and_figure() -> None:
    scores = [n / 100 for n in range(100)]
    found = measure(scores, [n % 10 < n / 10 for n in range(100)], n_gold=50)
    lines = found.to_text().splitlines()
    assert [int(line.split()[0]) for line in lines[1:16]] == [7] * 10 + [6] * 5
    assert all("|" in line for line in lines[1:16])
    bar = lines[15][23:]
    assert len(bar) == 40
    assert bar.count("#") == round(found.bins()[-1].share_right * 40) - 1
    text = "\n".join(lines)
    for figure in (found.ece, found.auroc, found.brier, found.constant_brier):
        assert f"{figure:.4f}" in text
