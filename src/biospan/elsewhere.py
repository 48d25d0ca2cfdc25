"""What a document says of an entity's words in their other places.

Authors use a name for one thing throughout a text (Gale, Church and Yarowsky 1992, "One sense per
discourse"), but a tagger decides on each place by itself: where it is of another mind about the
same words, one of the two is wrong. Numbers only; `calibration` says what they mean for a score.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from biospan.tags import Span, TagSet

Floats = NDArray[np.float64]
Words = tuple[str | None, ...]

_OUTSIDE = 0  # number of the tag


def weigh(
    words: Sequence[Sequence[str]],
    tags: Sequence[Floats],
    spans: Sequence[Sequence[Span]],
    tag_set: TagSet,
) -> Floats:
    """How many other places with the same words are probably marked alike, otherwise, or not.

    A place counts for a label with the least probability of the tags that the label would need
    there, which is no less than the probability of an entity of exactly these words; and as not
    marked with the least probability of being outside.

    Args:
        words: Of each sentence, unit by unit; equal ones are the same.
        tags: Of each sentence, the probability of each tag. Shape (n_units, n_tags).
        spans: Of each sentence, its entities.
        tag_set: Names and rules of the tags.

    Returns:
        For each span, in order, how many of the other places have its label, another label, and
        none. Shape (n_spans, 3).
    """
    marked: dict[Words, list[tuple[int, int, int]]] = defaultdict(list)
    flat: list[str | None] = []
    n_spans = 0
    for sentence, entities in zip(words, spans, strict=True):
        for span in entities:
            place = len(flat) + span.start, n_spans, tag_set.labels.index(span.label)
            marked[tuple(sentence[span.start : span.end])].append(place)
            n_spans += 1
        flat += (*sentence, None)  # no run of words goes over it
    found = np.zeros((n_spans, 3))
    if not n_spans:
        return found
    edge = np.zeros((1, len(tag_set.names)))
    rows = np.concatenate([part for sentence in tags for part in (sentence, edge)])
    starts = _starts(flat, {mention[0] for mention in marked})
    for mention, places in marked.items():
        same, size = list(mention), len(mention)
        all_places = [at for at in starts[mention[0]] if flat[at : at + size] == same]
        if len(all_places) > 1:
            said = _said(rows, np.array(all_places), size, tag_set)
            own = np.searchsorted(all_places, [place for place, _, _ in places])
            rest = np.maximum(said.sum(axis=0) - said[own], 0.0)
            for (_, index, label), (*of_labels, outside) in zip(places, rest, strict=True):
                alike = of_labels[label]
                found[index] = alike, sum(of_labels) - alike, outside
    return np.maximum(found, 0.0)


def _starts(words: Sequence[str | None], wanted: set[str | None]) -> dict[str | None, list[int]]:
    """Where each of the wanted words is, in order."""
    found: dict[str | None, list[int]] = {word: [] for word in wanted}
    for at, word in enumerate(words):
        if word in found:
            found[word].append(at)
    return found


def _said(rows: Floats, places: NDArray[np.int64], size: int, tag_set: TagSet) -> Floats:
    """What is said of some places that begin there: each label, and none at all.

    Args:
        rows: Probability of each tag at each unit, zero between sentences. Shape (n_units, n_tags).
        places: First units.
        size: Units of each place.
        tag_set: Names and rules of the tags.

    Returns:
        Shape (n_places, n_labels + 1).
    """
    needed = np.array([tag_set.encode(size, [Span(0, size, label)]) for label in tag_set.labels])
    carried = rows[places + size] @ tag_set.continuations[needed[:, -1]].T
    least = np.hstack([1.0 - carried, np.ones((len(places), 1))])
    for unit, of_labels in enumerate(needed.T):
        said = rows[(places + unit)[:, None], [*of_labels, _OUTSIDE]]
        np.minimum(least, said, out=least)
    return least
