"""From what the decoder knows of a span to the probability that exactly it has its label.

A model's own probability orders its entities well and overstates them. Calibration is a logistic
regression on the logit of that probability (Platt 1999) and on what else decoding knows for
free: how long the span is, how strong its weakest token is, how probable it is that the same
entity is longer or shorter, and what the document says of the same words in other places. It
changes scores only, never which entities there are. `train.calibrate` fits it, and
`biospan.reliability` tells its worth.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biospan.decode import Chain, Lattice, Places, place_scores
from biospan.errors import ModelError, nearest
from biospan.tags import Span

Floats = NDArray[np.float64]

# What is known of a span, in this order: its probability; its length in units; the least of its
# tokens' highest emissions; the probabilities that an entity of this label has one of its edges
# and is longer, or shorter; and of how many other places of the document with the same words it is
# said that they have the same label, another one, or none (`elsewhere`).
EVIDENCE = (
    "probability",
    "length",
    "strength",
    "longer",
    "shorter",
    "same_elsewhere",
    "other_elsewhere",
    "none_elsewhere",
)
N_OWN = 5  # what `weigh` tells; the rest is of the document

_REACH = 4  # units by which an edge is moved to see how probable that is
_LEAST = 1e-6  # probabilities are kept away from 0 and 1 by it, so that they have a logit
_LEAST_RIVAL = 1e-4  # below it it makes no difference how improbable another edge is
_FEW_PLACES = 0.05  # probability below which it hardly matters how improbable another place is
_MAX_EMISSION = 100.0
_MAX_LOGIT = 30.0  # a float64 tells the probability from 1
_MAX_NUMBER = 1000.0  # of a parameter


@dataclass(frozen=True, slots=True)
class Calibration:
    """How evidence becomes a probability: weights of a logistic regression.

    Attributes:
        labels: Sorted.
        intercepts: One for each label.
        weights: One for each name of `EVIDENCE`; that of the probability is not negative, so
            that a higher probability never gets a lower score, all else being equal.
        lengths: For each label, what its entities' length weighs beside the weight of all.

    Raises:
        ModelError: If the parts do not fit, or a number is out of range; all in one message.
    """

    labels: tuple[str, ...]
    intercepts: tuple[float, ...]
    weights: tuple[float, ...]
    lengths: tuple[float, ...]

    def __post_init__(self) -> None:
        found = []
        expected = {"intercepts": self.labels, "weights": EVIDENCE, "lengths": self.labels}
        for name, keys in expected.items():
            numbers = getattr(self, name)
            if len(numbers) != len(keys) or not all(map(_is_number, numbers)):
                found.append(
                    f"`calibration`: `{name}`: expected {len(keys)} numbers from "
                    f"{-_MAX_NUMBER:g} to {_MAX_NUMBER:g}"
                )
        if not found and self.weights[0] < 0:
            found.append(
                f"`calibration`: `weights`: `{EVIDENCE[0]}`: got {self.weights[0]:g}; expected "
                "no negative number"
            )
        if found:
            raise ModelError("\n".join(found))

    @classmethod
    def identity(cls, labels: Sequence[str]) -> "Calibration":
        """The one that leaves the model's own probability as it is."""
        none = (0.0,) * len(labels)
        return cls(tuple(labels), none, (1.0, *(0.0,) * (len(EVIDENCE) - 1)), none)

    @classmethod
    def from_dict(cls, values: Any) -> "Calibration":
        """Read what `to_dict` writes.

        Raises:
            ModelError: If it is anything else; all that is wrong in one message.
        """
        names = ("intercepts", "weights", "lengths")
        found = _object_problems("calibration", values, names)
        if not found:
            found += _object_problems("weights", values["weights"], EVIDENCE)
            found += _object_problems("intercepts", values["intercepts"], values["intercepts"])
        if not found:
            found += _object_problems("lengths", values["lengths"], values["intercepts"])
        if found:
            raise ModelError("\n".join(f"`calibration`: {problem}" for problem in found))
        labels = tuple(sorted(values["intercepts"]))
        intercepts, lengths = (
            tuple(values[name][label] for label in labels) for name in ("intercepts", "lengths")
        )
        return cls(labels, intercepts, tuple(values["weights"][n] for n in EVIDENCE), lengths)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: each number by its name."""
        return {
            "intercepts": dict(zip(self.labels, self.intercepts, strict=True)),
            "weights": dict(zip(EVIDENCE, self.weights, strict=True)),
            "lengths": dict(zip(self.labels, self.lengths, strict=True)),
        }

    def apply(self, labels: Sequence[str], evidence: Floats) -> Floats:
        """Calibrated probabilities, each above 0 and below 1.

        Args:
            labels: Of the spans; each one of this calibration's.
            evidence: What is known of them. Shape (n_spans, n_evidence).

        Returns:
            Shape (n_spans,).
        """
        rows = [self.labels.index(label) for label in labels]
        values = inputs(evidence)
        # No matrix product: its order of sums would depend on the number of spans.
        logits = (values * np.array(self.weights)).sum(axis=1) + np.array(self.intercepts)[rows]
        logits += np.array(self.lengths)[rows] * values[:, EVIDENCE.index("length")]
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT))))


def inputs(evidence: Floats) -> Floats:
    """Evidence on the scales that weights apply to: log odds, logarithms, and strength as it is.

    Where the words are in no other place, what is said of other places is 0.

    Shape (n_spans, n_evidence), as that of the evidence.
    """
    probability, length, strength, longer, shorter, *places = evidence.T
    clear = np.clip(probability, _LEAST, 1.0 - _LEAST)
    columns = (
        np.log(clear) - np.log1p(-clear),
        np.log(length),
        np.clip(strength, -_MAX_EMISSION, _MAX_EMISSION),
        np.log(longer + _LEAST_RIVAL),
        np.log(shorter + _LEAST_RIVAL),
        *np.log1p(np.array(places) / _FEW_PLACES),
    )
    return np.stack(columns, axis=1)


def weigh(
    found: Lattice, chain: Chain, emissions: Floats, spans: Sequence[tuple[int, Span]]
) -> Floats:
    """The evidence for spans that is in their own sentences.

    Args:
        found: Messages of the batch.
        chain: The chain they were computed with.
        emissions: What they were computed from. Shape (n_tokens, n_sentences, n_tags).
        spans: Pairs of a sentence's index in the batch and a span in it.

    Returns:
        The first columns of the evidence. Shape (n_spans, N_OWN).
    """
    evidence = np.zeros((len(spans), N_OWN))
    if not spans:
        return evidence
    places = Places.of(spans, chain.tag_set)
    evidence[:, 1] = places.ends - places.starts
    evidence[:, 2] = _weakest(emissions.max(axis=2), places)
    evidence[:, 0] = place_scores(found, chain, places)
    rivals, owners, is_longer = _moved(places, found.lengths[places.rows])
    scores = place_scores(found, chain, rivals)
    for column, kind in ((3, is_longer), (4, ~is_longer)):
        evidence[:, column] = np.bincount(owners[kind], scores[kind], minlength=len(spans))
    return evidence


def _weakest(peaks: Floats, places: Places) -> Floats:
    """The least of the peaks in each span. Shapes (n_tokens, n_sentences) and (n_spans,)."""
    # One sentence after the other, and a last number, so that every end is an index.
    flat = np.append(peaks.T.ravel(), np.inf)
    first = places.rows * len(peaks)
    edges = np.stack([first + places.starts, first + places.ends], axis=1)
    return np.asarray(np.minimum.reduceat(flat, edges.ravel())[::2])


def _moved(
    places: Places, n_tokens: NDArray[np.int64]
) -> tuple[Places, NDArray[np.int64], NDArray[np.bool_]]:
    """The spans that share one edge with a span, the other being moved by up to `_REACH`.

    Returns:
        The spans; of which given span each is a rival; and whether it is longer than that.
    """
    steps = [step for step in range(-_REACH, _REACH + 1) if step]
    owners = np.tile(np.arange(len(places.rows)), 2 * len(steps))
    starts, ends = places.starts[owners], places.ends[owners]
    shift = np.repeat(steps, len(places.rows))
    starts[: len(shift)] += shift
    ends[len(shift) :] += shift
    fits = (starts >= 0) & (starts < ends) & (ends <= n_tokens[owners])
    owners = owners[fits]
    rivals = Places(places.rows[owners], starts[fits], ends[fits], places.labels[owners])
    is_longer = rivals.ends - rivals.starts > (places.ends - places.starts)[owners]
    return rivals, owners, is_longer


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= _MAX_NUMBER


def _object_problems(name: str, value: Any, keys: Any) -> list[str]:
    """What is wrong with an object that is to have exactly these keys."""
    if not isinstance(value, Mapping):
        return [f"`{name}`: got {type(value).__name__}; expected an object"]
    found = [
        f"`{name}`: unknown key `{str(key)[:80]}`. {nearest(str(key), keys)}"
        for key in sorted(value.keys() - set(keys))
    ]
    return found + [f"`{name}`: key `{key}` is missing" for key in keys if key not in value]
