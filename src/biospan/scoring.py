"""How well predicted entities agree with gold ones: counts that add up, scores computed from them.

Two levels. Spans: an entity is right when start, end and label are those of a gold entity. Words:
every token has an IOB2 tag on either side, and each tag but `O` is counted by itself. A document
that one side lacks is an error, never a skipped row. Intervals are those of `resampling`. Nothing
here explains errors, and no option changes what is counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biospan import resampling, segment, tags
from biospan.counts import Counts, Level, Scores, average
from biospan.document import Document, Entity
from biospan.errors import InputError, nearest

__all__ = [
    "Counts",
    "F1Intervals",
    "Level",
    "Report",
    "Scores",
    "average",
    "count_array",
    "count_spans",
    "evaluate",
    "pair",
    "words_of",
]

_NO_LABEL = ""  # stands opposite an entity that the other side does not have
_Spans = Mapping[tuple[int, int, str], Entity]


class F1Intervals(NamedTuple):
    """95 % intervals of F1; none at all of fewer than two documents, or without any entity."""

    labels: Mapping[str, resampling.Interval]
    micro: resampling.Interval | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: how they were drawn, and the bounds, low and high."""
        return {
            "confidence": resampling.CONFIDENCE,
            "resamples": resampling.N_RESAMPLES,
            "labels": {name: list(bounds) for name, bounds in self.labels.items()},
            "micro": self.micro and list(self.micro),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What `evaluate` counted. Reports of different documents add up to the report of all.

    Attributes:
        spans: Counts by label.
        words: Counts by IOB2 tag, without `O`.
        n_documents: Number of document pairs.
        widened: Entities of either side with an edge inside a word, which count for the whole
            word at the level of words. The level of spans has them as they are.
        lost: Entities of either side that the level of words leaves out: another one covers
            their first word, or they cover none. The level of spans has them all.
        by_document: The counts of `spans` in each document, sorted by what they are, so that no
            interval depends on the order of the documents.
    """

    spans: Level = field(default_factory=Level)
    words: Level = field(default_factory=Level)
    n_documents: int = 0
    widened: int = 0
    lost: int = 0
    by_document: tuple[Level, ...] = ()

    def __add__(self, other: "Report") -> "Report":
        return Report(
            spans=self.spans + other.spans,
            words=self.words + other.words,
            n_documents=self.n_documents + other.n_documents,
            widened=self.widened + other.widened,
            lost=self.lost + other.lost,
            by_document=_sorted((*self.by_document, *other.by_document)),
        )

    @property
    def unaligned(self) -> int:
        """Number of entities that the level of words does not hold exactly."""
        return self.widened + self.lost

    def f1_intervals(self) -> F1Intervals:
        """What F1 might have been on other documents of the kind, for each label and micro."""
        counted = resampling.f1_intervals(count_array(self.by_document, list(self.spans)))
        if counted is None or not self.spans:
            return F1Intervals({}, None)
        *labels, micro = counted
        return F1Intervals(dict(zip(self.spans, labels, strict=True)), micro)

    def notes(self) -> list[str]:
        """What to know about the scores: documents, widened entities, labels of one side only."""
        notes = [f"{self.n_documents} documents"]
        if self.unaligned:
            notes.append(
                f"words: {self.widened} entities of either side are widened to whole words, "
                f"{self.lost} left out; the spans above count all as they are"
            )
        notes += _label_notes(self.spans)
        return notes

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, with the scores that the counts give."""
        return {
            "n_documents": self.n_documents,
            "widened": self.widened,
            "lost": self.lost,
            "spans": self.spans.to_dict(),
            "f1_intervals": self.f1_intervals().to_dict(),
            "words": self.words.to_dict(),
            "notes": self.notes(),
        }

    def to_text(self) -> str:
        """Both levels as aligned tables: a row for each label or tag, then the averages."""
        names = [*self.spans, *self.words, "weighted"]
        width = max(len(_printable(name)) for name in names)
        intervals = self.f1_intervals()
        spans = _table("spans", self.spans, width)
        if intervals.micro:
            drawn = [*intervals.labels.values(), intervals.micro]
            cells = ["f1, 95 % interval", *(f"{low:.4f} to {high:.4f}" for low, high in drawn)]
            shown = len(cells)  # macro and weighted averages have none
            spans = [*map("  ".join, zip(spans[:shown], cells, strict=True)), *spans[shown:]]
        return "\n".join([*spans, "", *_table("words", self.words, width), "", *self.notes()])


def evaluate(gold: Iterable[Document], predicted: Iterable[Document]) -> Report:
    """Compare two sides of the same documents.

    Documents are paired by id, or by position if none has an id. An entity is the triple of
    start, end and label: given twice it counts once, and every entity of the predicted side
    counts as predicted, whatever its `source` says. Labels are those that either side uses.

    Words are the gold document's tokens, or else the decision units of its text. Which sentence
    they are in makes no difference to a tag, so a wrong sentence boundary costs no entity.

    Raises:
        InputError: If an id occurs twice on one side or only on one, or if the texts of a pair
            differ.
    """
    pairs = pair(gold, predicted)
    by_document = []
    word_pairs: list[tuple[str, str]] = []
    widened = lost = 0
    for gold_document, predicted_document in pairs:
        gold_entities, predicted_entities = _entities(gold_document), _entities(predicted_document)
        by_document.append(_span_counts(gold_entities, predicted_entities))
        words = words_of(gold_document)
        sides = []
        for entities in (gold_entities, predicted_entities):
            alignment = tags.align([words], entities.values())
            sides.append(tags.from_spans(len(words), alignment.spans[0]))
            widened += alignment.widened
            lost += alignment.lost
        word_pairs.extend(zip(*sides, strict=True))
    return Report(
        spans=Level.total(by_document),
        words=Level.from_pairs(word_pairs, tags.OUTSIDE),
        n_documents=len(pairs),
        widened=widened,
        lost=lost,
        by_document=_sorted(by_document),
    )


def count_spans(gold: Document, predicted: Document) -> Level:
    """Counts by label of one document, of which both sides are given."""
    return _span_counts(_entities(gold), _entities(predicted))


def count_array(levels: Sequence[Level], names: Sequence[str]) -> NDArray[np.int64]:
    """Counts as `resampling` takes them.

    Args:
        levels: One for each document.
        names: Rows to take from each; a level that lacks one has counted nothing of it.

    Returns:
        True positives, false positives and false negatives. Shape (n_documents, n_names, 3).
    """
    none = Counts()
    rows = (level.get(name, none) for level in levels for name in names)
    flat = [count for row in rows for count in (row.tp, row.fp, row.fn)]
    return np.array(flat, dtype=np.int64).reshape(len(levels), len(names), 3)


def pair(
    gold: Iterable[Document], predicted: Iterable[Document]
) -> list[tuple[Document, Document]]:
    """Pair the two sides of the same documents: by id, or by position if none has an id.

    Raises:
        InputError: If an id occurs twice on one side or only on one, or if the texts of a pair
            differ.
    """
    gold, predicted = list(gold), list(predicted)
    problems: list[str] = []
    named = any(document.id for document in (*gold, *predicted))
    gold_by_name = _by_name("gold", gold, named, problems)
    predicted_by_name = _by_name("predicted", predicted, named, problems)
    pairs = []
    for name in gold_by_name | predicted_by_name:
        left, right = gold_by_name.get(name), predicted_by_name.get(name)
        if left is None or right is None:
            side = "gold" if left is None else "predicted"
            problems.append(f"{name}: missing on the {side} side, expected the same on both")
        elif left.text != right.text:
            problems.append(f"{name}: {_first_difference(left.text, right.text)}")
        else:
            pairs.append((left, right))
    if problems:
        raise InputError.from_problems(problems)
    return pairs


def _by_name(
    side: str, documents: Sequence[Document], named: bool, problems: list[str]
) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for number, document in enumerate(documents, start=1):
        name = f"document `{document.id}`" if named else f"document number {number}"
        if name in found:
            problems.append(f"{name}: more than once on the {side} side, expected unique ids")
        found[name] = document
    return found


def _first_difference(gold: str, predicted: str) -> str:
    pairs = enumerate(zip(gold, predicted, strict=False))
    shorter = min(len(gold), len(predicted))
    at = next((index for index, (left, right) in pairs if left != right), shorter)
    return (
        f"the texts differ from character {at} on: gold has {gold[at : at + 20]!r}, "
        f"predicted has {predicted[at : at + 20]!r}"
    )


def _entities(document: Document) -> _Spans:
    return {(entity.start, entity.end, entity.label): entity for entity in document.entities}


def words_of(document: Document) -> list[tuple[int, int]]:
    """Offsets of the words that are scored: the document's tokens, else its decision units."""
    given = [(token.start, token.end) for token in document.tokens()]
    return given or segment.token_spans(document.text)


def _span_counts(gold: _Spans, predicted: _Spans) -> Level:
    """Give each span the label it has on either side, if it is there, and count."""
    pairs = (
        (span[2] if span in gold else _NO_LABEL, span[2] if span in predicted else _NO_LABEL)
        for span in gold.keys() | predicted.keys()
    )
    return Level.from_pairs(pairs, _NO_LABEL)


def _sorted(levels: Iterable[Level]) -> tuple[Level, ...]:
    return tuple(sorted(levels, key=lambda rows: [(n, c.tp, c.fp, c.fn) for n, c in rows.items()]))


def _table(title: str, level: Level, width: int) -> list[str]:
    lines = [f"{title:<{width}}  precision  recall      f1  support"]
    for name, row in (*level.items(), *level.averages.items()):
        lines.append(
            f"{_printable(name):<{width}}  {row.precision:9.4f}  {row.recall:6.4f}  {row.f1:6.4f}"
            f"  {row.support:7d}"
        )
    return lines


def _label_notes(spans: Level) -> list[str]:
    """Name each label that only one side uses, with the other side's that it may be meant for.

    A label that both sides use is never taken for a misspelling. If a side has no entity at all,
    there is nothing to say about labels.
    """
    only_gold = [name for name, row in spans.items() if not row.tp + row.fp]
    only_predicted = [name for name, row in spans.items() if not row.support]
    if len(spans) in (len(only_gold), len(only_predicted)):
        return []
    notes = []
    for names, others, side in (
        (only_predicted, only_gold, "predicted"),
        (only_gold, only_predicted, "gold"),
    ):
        for name in names:
            n_entities = spans[name].fp + spans[name].fn
            note = f"label `{_printable(name)}`: {side} only, {n_entities} entities, all wrong."
            hint = nearest(_printable(name), map(_printable, others))
            notes.append(f"{note} {hint}" if hint.startswith("Did you mean") else note)
    return notes


def _printable(name: str) -> str:
    return name if name.isprintable() else repr(name)
