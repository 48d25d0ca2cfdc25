"""Fitting a calibration on documents that were not learned from.

A logistic regression with a Gaussian prior on every weight. The prior's mean is the model's own
probability, so the fewer entities there are the less is changed; labels have an intercept and a
length weight in common and deviate from it, the rarer the less.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biospan import reliability
from biospan.calibration import EVIDENCE, Calibration, inputs
from biospan.document import Document
from biospan.scoring import pair
from biospan.tagger import Tagger

Floats = NDArray[np.float64]

# Of the priors: the intercept, which hardly has one, but stays finite where all is right; weights;
# and what labels deviate by from what they have in common.
_INTERCEPT_DEVIATION = 10.0
_WEIGHT_DEVIATION = 1.0
_LABEL_DEVIATION = 0.5
_MAX_STEPS = 100
_CONVERGED = 1e-9  # length of a Newton step


def fit(tagger: Tagger, gold: Sequence[Document]) -> Calibration:
    """Fit a calibration to what a tagger finds in documents it has not learned from.

    Raises:
        InputError: If the tokenizer fails on a text.
    """
    weighed = tagger.weigh(gold)
    labels: list[str] = []
    right: list[bool] = []
    for ours, theirs in pair(gold, (document for document, _ in weighed)):
        known = {(entity.start, entity.end, entity.label) for entity in ours.entities}
        labels += [entity.label for entity in theirs.entities]
        right += [(e.start, e.end, e.label) in known for e in theirs.entities]
    evidence = np.concatenate([rows for _, rows in weighed])
    return fit_evidence(tagger.labels, labels, evidence, np.array(right, dtype=np.float64))


def fit_evidence(
    known: Sequence[str], labels: Sequence[str], evidence: Floats, right: Floats
) -> Calibration:
    """Fit a calibration to evidence.

    Args:
        known: All labels there are, sorted.
        labels: Of each entity.
        evidence: Of each entity. Shape (n_entities, n_evidence).
        right: 1 for an entity that is right, else 0. Shape (n_entities,).
    """
    own = np.array([[label == name for name in known] for label in labels], dtype=np.float64)
    own = own.reshape(len(labels), len(known))  # of no entities too
    values = inputs(evidence)
    length = values[:, [EVIDENCE.index("length")]]
    design = np.hstack([values, np.ones_like(length), own, own * length])
    n_weights, n_labels = len(EVIDENCE), len(known)
    mean = np.zeros(design.shape[1])
    mean[0] = 1.0
    deviations = [_WEIGHT_DEVIATION] * n_weights + [_INTERCEPT_DEVIATION]
    precision = np.array(deviations + [_LABEL_DEVIATION] * 2 * n_labels) ** -2.0
    found = logistic(design, right, mean, precision)
    if found[0] < 0:  # a higher probability shall not mean a lower score
        found = np.insert(logistic(design[:, 1:], right, mean[1:], precision[1:]), 0, 0.0)
    weights, common, rest = found[:n_weights], found[n_weights], found[n_weights + 1 :]
    return Calibration(
        tuple(known),
        tuple((rest[:n_labels] + common).tolist()),
        tuple(weights.tolist()),
        tuple(rest[n_labels:].tolist()),
    )


def logistic(design: Floats, right: Floats, mean: Floats, precision: Floats) -> Floats:
    """Most probable weights of a logistic regression with Gaussian priors, by Newton's method.

    Steps are halved until they help, so that it converges from anywhere.

    Args:
        design: Shape (n_rows, n_weights).
        right: 0 or 1. Shape (n_rows,).
        mean: Of the priors. Shape (n_weights,).
        precision: One over the variance of each prior; 0 for none. Shape (n_weights,).

    Returns:
        Shape (n_weights,).
    """

    def loss(weights: Floats) -> float:
        logits = design @ weights
        fit = np.logaddexp(0.0, logits).sum() - right @ logits
        return float(fit + precision @ (weights - mean) ** 2 / 2)

    weights, now = mean, loss(mean)
    for _ in range(_MAX_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -500.0, 500.0)))
        gradient = design.T @ (chance - right) + precision * (weights - mean)
        curvature = (design.T * (chance * (1 - chance))) @ design + np.diag(precision)
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        while loss(weights - step) > now and np.linalg.norm(step) > _CONVERGED:
            step /= 2
        if np.linalg.norm(step) <= _CONVERGED:
            break
        weights = weights - step
        now = loss(weights)
    return weights


def report(
    calibration: Calibration,
    fitted_on: Sequence[Document],
    development: Iterable[tuple[str, Sequence[Document], Sequence[Document]]],
) -> dict[str, Any]:
    """What a model directory keeps of its calibration, JSON-ready.

    Args:
        calibration: The fitted one.
        fitted_on: The documents.
        development: For each form of the corpus its name, gold and predicted documents; none of
            them was used for fitting.
    """
    return {
        "documents": len(fitted_on),
        "fitted": calibration.to_dict(),
        "development": {
            name: reliability.evaluate(gold, predicted).to_dict()
            for name, gold, predicted in development
        },
    }
