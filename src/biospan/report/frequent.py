"""Mistakes that come back: the same text missed, made up or confused again and again."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from biospan.document import Entity
from biospan.report.mistakes import Comparison, Kind


@dataclass(frozen=True, slots=True)
class Repeated:
    """A text that was mistaken several times, or once.

    Attributes:
        text: In the form that occurs most often; forms that differ in case count together.
        labels: Its label, or the gold and the predicted one.
        n: Number of mistakes.
        total: Number of entities with this text and (first) label on the side of the mistakes.
    """

    text: str
    labels: tuple[str, ...]
    n: int
    total: int


@dataclass(frozen=True, slots=True)
class EdgeWords:
    """Words by which predicted edges differ from gold ones.

    Attributes:
        taken_in: Whether the prediction has them and the gold entity has not, or the reverse.
        before: Whether they stand at the entity's start, or at its end.
    """

    text: str
    taken_in: bool
    before: bool
    n: int


def repeated(comparisons: Sequence[Comparison], kind: Kind) -> list[Repeated]:
    """Group mistakes of one kind by text and label, the most frequent first.

    The gold side's mistakes are counted, or for `Kind.SPURIOUS` the predicted side's.
    """
    in_gold = kind is not Kind.SPURIOUS
    totals: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    forms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for comparison in comparisons:
        side = comparison.gold if in_gold else comparison.predicted
        totals.update((_key(entity), entity.label) for entity in side)
        for mistake in comparison.mistakes:
            if mistake.kind is kind and mistake.in_gold is in_gold:
                pair = (mistake.entity, mistake.opposite)
                labels = tuple(entity.label for entity in pair if entity)
                counts[_key(mistake.entity), labels] += 1
                forms[_key(mistake.entity)][_line(mistake.entity.text)] += 1
    found = [
        Repeated(forms[key].most_common(1)[0][0], labels, n, totals[key, labels[0]])
        for (key, labels), n in counts.items()
    ]
    return sorted(found, key=lambda item: (-item.n, -item.n / item.total, item.text, item.labels))


def edge_words(comparisons: Iterable[Comparison]) -> list[EdgeWords]:
    """Count the words between gold and predicted edges, over mistakes of the boundary."""
    counts: Counter[tuple[str, bool, bool]] = Counter()
    for comparison in comparisons:
        text = comparison.document.text
        for mistake in comparison.mistakes:
            if mistake.kind is Kind.BOUNDARY and mistake.in_gold and mistake.opposite:
                gold, predicted = mistake.entity, mistake.opposite
                for before, one, other in (
                    (True, gold.start, predicted.start),
                    (False, predicted.end, gold.end),
                ):
                    words = _line(text[min(one, other) : max(one, other)])
                    if words:
                        counts[words.lower(), one > other, before] += 1
    found = [EdgeWords(words, taken, before, n) for (words, taken, before), n in counts.items()]
    return sorted(found, key=lambda item: (-item.n, item.text, item.taken_in, item.before))


def _key(entity: Entity) -> str:
    return _line(entity.text).lower()


def _line(text: str) -> str:
    return " ".join(text.split())
