"""What the steps share: placing new entities among those that are there."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from biospan.document import Document, Entity
from biospan.refine.matcher import Matcher, T


def free(
    found: Iterable[tuple[int, int, T]], entities: Sequence[Entity]
) -> Iterator[tuple[int, int, T]]:
    """Pass on what overlaps no entity."""
    taken = merged(entities)
    ends = [end for _, end in taken]
    for start, end, value in found:
        place = bisect_left(ends, start + 1)
        if place == len(taken) or taken[place][0] >= end:
            yield start, end, value


def merged(entities: Sequence[Entity]) -> list[tuple[int, int]]:
    """The stretches of a text that entities cover, in order and apart."""
    stretches: list[tuple[int, int]] = []
    for entity in entities:  # a document has them sorted by start
        if stretches and entity.start < stretches[-1][1]:
            start, end = stretches.pop()
            stretches.append((start, max(end, entity.end)))
        else:
            stretches.append((entity.start, entity.end))
    return stretches


def find(document: Document, matcher: Matcher[T]) -> Iterator[tuple[int, int, T]]:
    """Find mentions in a document, none across two passages, or in the middle of a given token."""
    starts, ends = set(), set()
    for token in document.tokens():
        starts.add(token.start)
        ends.add(token.end)
    stretches = [(p.start, p.end) for p in document.passages] or [(0, len(document.text))]
    for stretch in stretches:
        for start, end, value in matcher.find(document.text, *stretch):
            if not starts or (start in starts and end in ends):
                yield start, end, value


def spread(document: Document, matcher: Matcher[list[Entity]], least: int, source: str) -> Document:
    """Mark the free places of mentions as the marked ones are.

    Args:
        document: With entities.
        matcher: For each mention the entities that mark it.
        least: How many must have the label that most have.
        source: Of what is added.
    """
    places = list(free(find(document, matcher), document.entities))
    n_free = Counter(id(marks) for _, _, marks in places)
    added = []
    for start, end, marks in places:
        most = majority(marks)
        if len(most) < least:
            continue
        # The model has seen the free places too, and decided otherwise.
        share = len(most) / (len(most) + n_free[id(marks)])
        mean = mean_score(most)
        score = None if mean is None else mean * share
        added.append(
            Entity(start, end, most[0].label, document.text[start:end], score, source=source)
        )
    return document.with_entities([*document.entities, *added])


def majority(entities: Sequence[Entity]) -> list[Entity]:
    """The entities with the label that most have; empty if two labels are as frequent."""
    counts = Counter(entity.label for entity in entities).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return []
    return [entity for entity in entities if entity.label == counts[0][0]]


def mean_score(entities: Iterable[Entity]) -> float | None:
    """The mean of the scores that there are."""
    scores = [entity.score for entity in entities if entity.score is not None]
    return sum(scores) / len(scores) if scores else None
