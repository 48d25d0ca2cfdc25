"""Fitting a calibration: the very optimum, shrinkage, and what comes of too little."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from biospan.calibration import EVIDENCE, Calibration
from biospan.document import Document
from conftest import small_tagger

pytestmark = pytest.mark.usefixtures("needs_train")

LABELS = ("DNA", "RNA", "protein")
Floats = NDArray[np.float64]


def evidence(rng: np.random.Generator, n: int) -> Floats:
    return np.stack(
        [
            rng.uniform(0.05, 0.999, n),
            rng.integers(1, 8, n),
            rng.normal(6, 1, n),
            rng.uniform(0, 0.1, n),
            rng.uniform(0, 0.1, n),
            *rng.uniform(0, 4, (3, n)),
        ],
        axis=1,
    )


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 100))
def test_newton_finds_the_optimum_of_scikit_learn(seed: int, precision: float) -> None:
    from biospan.train.calibrate import logistic

    rng = np.random.default_rng(seed)
    design = rng.normal(size=(60, 4)) * (1, 10, 0.1, 1)
    right = (rng.random(60) < 1 / (1 + np.exp(-design[:, 0] - 2))).astype(float)
    right[:2] = 0, 1
    model = LogisticRegression(C=1 / precision, tol=1e-10, max_iter=100_000).fit(design, right)
    with_ones = np.hstack([design, np.ones((60, 1))])
    found = logistic(with_ones, right, np.zeros(5), np.array([precision] * 4 + [0.0]))
    assert found == pytest.approx([*model.coef_[0], *model.intercept_], rel=1e-3, abs=1e-4)


def test_newton_converges_on_separable_data_and_from_afar() -> None:
    from biospan.train.calibrate import logistic

    design = np.linspace(-1e3, 1e3, 40)[:, None]
    right = (design[:, 0] > 0).astype(float)
    for mean in (0.0, 300.0, -300.0):
        found = logistic(design, right, np.array([mean]), np.array([1.0]))
        chance = 1 / (1 + np.exp(-np.clip(design @ found, -500, 500)))
        gradient = design.T @ (chance - right) + found - mean
        assert abs(gradient[0]) < 1e-3


def test_fitted_scores_are_right_as_often_as_they_say() -> None:
    from biospan.reliability import measure
    from biospan.train.calibrate import fit_evidence

    rng = np.random.default_rng(1)
    weights = (0.4, -0.3, 0.4, -0.1, 0.1, 0.7, -0.4, -0.2)
    truth = Calibration(LABELS, (-3.0, -1.0, -2.0), weights, (0.2, 0, -1))
    known, labels = evidence(rng, 12_000), rng.choice(LABELS, 12_000).tolist()
    right = (rng.random(12_000) < truth.apply(labels, known)).astype(float)
    half = slice(6_000)
    fitted = fit_evidence(LABELS, labels[half], known[half], right[half])
    scores = fitted.apply(labels[6_000:], known[6_000:])
    assert np.abs(scores - truth.apply(labels[6_000:], known[6_000:])).mean() < 0.03
    after = measure(scores.tolist(), right[6_000:].tolist())
    before = measure(known[6_000:, 0].tolist(), right[6_000:].tolist())
    assert after.ece < 0.03 < before.ece
    assert after.brier < before.brier


def test_few_entities_change_little_and_rare_labels_follow_the_others() -> None:
    from biospan.train.calibrate import fit_evidence

    rng = np.random.default_rng(2)
    known = evidence(rng, 400)
    right = (rng.random(400) < 0.3).astype(float)
    labels = ["protein"] * 399 + ["RNA"]
    fitted = fit_evidence(LABELS, labels, known, right)
    common, rare, absent = (fitted.intercepts[LABELS.index(n)] for n in ("protein", "RNA", "DNA"))
    assert abs(rare - common) < 0.5
    assert fitted.lengths[LABELS.index("DNA")] == pytest.approx(0)
    assert absent == pytest.approx(common, abs=0.5)
    few = fit_evidence(LABELS, labels[:2], known[:2], np.array([0.0, 1.0]))
    assert few.weights[0] == pytest.approx(1, abs=0.5)


def test_a_higher_probability_never_gets_a_lower_score() -> None:
    from biospan.train.calibrate import fit_evidence

    rng = np.random.default_rng(3)
    known = evidence(rng, 2_000)
    right = (rng.random(2_000) > known[:, 0]).astype(float)  # the lower the better
    fitted = fit_evidence(LABELS, ["DNA"] * 2_000, known, right)
    assert fitted.weights[0] == 0


def texts(n: int) -> list[Document]:
    rng = np.random.default_rng(4)
    words = ("il", "gene", "protein", "cells", "of", "the", "expression")
    return [Document(" ".join(rng.choice(words, 30)) + ".", str(k)) for k in range(n)]


def with_gold(documents: list[Document], tagger: Any) -> list[Document]:
    """Gold of which a tagger finds about the half, the more the surer it is."""
    rng = np.random.default_rng(5)
    return [
        tagged.with_entities([e for e in tagged.entities if rng.random() < e.score**3])
        for tagged in tagger.tag_many(documents)
    ]


def test_a_tagger_is_calibrated_on_what_it_finds() -> None:
    from biospan.train.calibrate import fit, fit_evidence

    tagger = small_tagger()
    gold = with_gold(texts(60), tagger)
    weighed = tagger.weigh(gold)
    known = np.concatenate([rows for _, rows in weighed])
    assert known.shape[1] == len(EVIDENCE)
    found = [(d, e) for d, (tagged, _) in zip(gold, weighed, strict=True) for e in tagged.entities]
    keys = [{(e.start, e.end, e.label) for e in d.entities} for d in gold]
    by_id = {d.id: key for d, key in zip(gold, keys, strict=True)}
    right = np.array([(e.start, e.end, e.label) in by_id[d.id] for d, e in found], dtype=float)
    assert 0 < right.sum() < len(right)
    expected = fit_evidence(("DNA", "protein"), [e.label for _, e in found], known, right)
    assert fit(tagger, gold) == expected


def test_nothing_found_leaves_the_models_own_probability() -> None:
    from biospan.train.calibrate import fit

    fitted = fit(small_tagger(), [Document("")])
    identity = Calibration.identity(("DNA", "protein"))
    assert fitted.weights == pytest.approx(identity.weights)
    assert fitted.intercepts == pytest.approx(identity.intercepts)
    assert fitted.lengths == pytest.approx(identity.lengths)


@pytest.mark.parametrize("right", [True, False])
def test_all_right_or_all_wrong_gives_finite_weights(right: bool) -> None:
    from biospan.train.calibrate import fit

    tagger = small_tagger()
    gold = list(tagger.tag_many(texts(20))) if right else texts(20)
    fitted = fit(tagger, gold)
    ((document, evidence),) = tagger.weigh(texts(1))
    scores = fitted.apply([e.label for e in document.entities], evidence)
    assert len(scores) > 3
    assert (scores > 0.9).all() if right else (scores < 0.1).all()


def test_the_report_is_json_ready_and_measures_every_form() -> None:
    import json

    from biospan import reliability
    from biospan.train.calibrate import report

    tagger = small_tagger()
    gold = with_gold(texts(20), tagger)
    predicted = list(tagger.tag_many(gold))
    fitted = Calibration.identity(("DNA", "protein"))
    found = json.loads(json.dumps(report(fitted, gold, [("a", gold, predicted)])))
    assert found == {
        "documents": 20,
        "fitted": fitted.to_dict(),
        "development": {"a": reliability.evaluate(gold, predicted).to_dict()},
    }
