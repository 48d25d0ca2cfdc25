"""Every wrong entity of either side, classified once, and how labels were confused.

Entities of a document count as `biospan.scoring` counts them: the triple of start, end and label,
given twice once. What is right is never a mistake's explanation: a gold entity that was found
does not turn an overlapping prediction into an error of the boundary.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from biospan.document import Document, Entity

NOTHING = ""  # stands opposite an entity where the other side has none with its span


class Kind(StrEnum):
    """What is wrong with an entity, seen from the wrong entities of the other side.

    The first that holds counts: another label on exactly the span (`TYPE`), an overlap with the
    same label (`BOUNDARY`), an overlap with another label (`BOTH`), nothing there (`MISSED` for
    a gold entity, `SPURIOUS` for a predicted one).
    """

    TYPE = "type"
    BOUNDARY = "boundary"
    BOTH = "boundary and type"
    MISSED = "missed"
    SPURIOUS = "spurious"


# In the order in which a reader meets them.
KINDS = (Kind.BOUNDARY, Kind.TYPE, Kind.BOTH, Kind.MISSED, Kind.SPURIOUS)
_PRECEDENCE = tuple(Kind)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A gold entity that was not found, or a predicted one that is wrong.

    Attributes:
        entity: The wrong entity.
        in_gold: Whether it is the gold side's.
        opposite: The wrong entity of the other side that decided on the kind; None if nothing
            overlaps.
    """

    kind: Kind
    entity: Entity
    in_gold: bool
    opposite: Entity | None = None

    @property
    def start(self) -> int:
        """Where it or its opposite starts, in characters."""
        return min(self.entity.start, self.opposite.start if self.opposite else self.entity.start)

    @property
    def end(self) -> int:
        """Where it and its opposite have ended, in characters."""
        return max(self.entity.end, self.opposite.end if self.opposite else self.entity.end)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Gold and predicted of one document, compared.

    Attributes:
        document: The gold document.
        gold: Every gold entity, once.
        predicted: Every predicted entity, once.
        right: The predicted entities that are right.
        mistakes: By place; those of the gold side first where two start together.
    """

    document: Document
    gold: tuple[Entity, ...]
    predicted: tuple[Entity, ...]
    right: frozenset[tuple[int, int, str]]
    mistakes: tuple[Mistake, ...]


def compare(gold: Document, predicted: Document) -> Comparison:
    """Find and classify the mistakes of one document; both sides have the same text."""
    gold_entities, predicted_entities = _by_span(gold), _by_span(predicted)
    right = gold_entities.keys() & predicted_entities.keys()
    missing = [entity for span, entity in gold_entities.items() if span not in right]
    wrong = [entity for span, entity in predicted_entities.items() if span not in right]
    mistakes = [*_classified(missing, wrong, in_gold=True)]
    mistakes += _classified(wrong, missing, in_gold=False)
    return Comparison(
        document=gold,
        gold=tuple(gold_entities.values()),
        predicted=tuple(predicted_entities.values()),
        right=frozenset(right),
        mistakes=tuple(sorted(mistakes, key=lambda m: (m.entity.start, not m.in_gold))),
    )


def by_label(comparisons: Iterable[Comparison], *, in_gold: bool) -> Mapping[str, Counter[Kind]]:
    """Count kinds by label, of the gold side's mistakes or of the predicted side's.

    The kinds of a label add up to its false negatives, or to its false positives.
    """
    counts: defaultdict[str, Counter[Kind]] = defaultdict(Counter)
    for comparison in comparisons:
        for mistake in comparison.mistakes:
            if mistake.in_gold is in_gold:
                counts[mistake.entity.label][mistake.kind] += 1
    return counts


def confusion(comparisons: Iterable[Comparison]) -> Counter[tuple[str, str]]:
    """Count (gold label, predicted label) of the entities with the same span.

    `NOTHING` stands on the side that has no entity with the span. Every entity is counted once:
    where a span has several labels, equal ones meet first, the others in sorted order.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for comparison in comparisons:
        counts.update((label, label) for _, _, label in comparison.right)
        left: defaultdict[tuple[int, int], tuple[list[str], list[str]]] = defaultdict(
            lambda: ([], [])
        )
        for mistake in comparison.mistakes:
            entity = mistake.entity
            left[entity.start, entity.end][0 if mistake.in_gold else 1].append(entity.label)
        for gold_labels, predicted_labels in left.values():
            counts.update(_zipped(sorted(gold_labels), sorted(predicted_labels)))
    return counts


def _zipped(gold: Sequence[str], predicted: Sequence[str]) -> Iterator[tuple[str, str]]:
    for index in range(max(len(gold), len(predicted))):
        yield (
            gold[index] if index < len(gold) else NOTHING,
            predicted[index] if index < len(predicted) else NOTHING,
        )


def _by_span(document: Document) -> dict[tuple[int, int, str], Entity]:
    return {(entity.start, entity.end, entity.label): entity for entity in document.entities}


def _classified(
    entities: Sequence[Entity], others: Sequence[Entity], *, in_gold: bool
) -> Iterator[Mistake]:
    others = sorted(others, key=lambda other: other.start)
    starts = [other.start for other in others]
    longest = max((other.end - other.start for other in others), default=0)
    for entity in entities:
        # No other entity that starts further left can reach this one.
        first = bisect_left(starts, entity.start - longest)
        near = others[first : bisect_left(starts, entity.end)]
        kinds = [(_relation(entity, other), other) for other in near if other.end > entity.start]
        if not kinds:
            yield Mistake(Kind.MISSED if in_gold else Kind.SPURIOUS, entity, in_gold)
            continue
        kind, opposite = min(
            kinds, key=lambda pair: (_PRECEDENCE.index(pair[0]), -_overlap(entity, pair[1]))
        )
        yield Mistake(kind, entity, in_gold, opposite)


def _relation(entity: Entity, other: Entity) -> Kind:
    """How two wrong entities that overlap differ."""
    if (entity.start, entity.end) == (other.start, other.end):
        return Kind.TYPE
    return Kind.BOUNDARY if entity.label == other.label else Kind.BOTH


def _overlap(one: Entity, other: Entity) -> int:
    return min(one.end, other.end) - max(one.start, other.start)
