"""How well predicted entities agree with gold ones: counts that add up, scores computed from them.

Two levels. Spans: an entity is right when start, end and label are those of a gold entity. Words:
every token has an IOB2 tag on either side, and each tag but `O` is counted by itself. A document
that one side lacks is an error, never a skipped row. Nothing here draws intervals or explains
errors, and no option changes what is counted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from biospan import segment, tags
from biospan.document import Document, Entity
from biospan.errors import InputError

_NO_LABEL = ""  # stands opposite an entity that the other side does not have
_Spans = Mapping[tuple[int, int, str], Entity]


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives and false negatives; scores with no base are 0."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        """Share of the predicted that is right."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Share of the gold that was found."""
        return _ratio(self.tp, self.support)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def support(self) -> int:
        """Number of gold items."""
        return self.tp + self.fn


class Scores(NamedTuple):
    """Scores that no longer stand for counts: averages, or a row of somebody's table."""

    precision: float
    recall: float
    f1: float
    support: int


def average(rows: Iterable[Counts | Scores], weights: Iterable[float] | None = None) -> Scores:
    """Mean of precision, recall and F1, each by itself; the support is the sum.

    Args:
        rows: One per label or tag.
        weights: One per row; without them every row counts the same. If they are all 0, so are
            the scores.

    Raises:
        ValueError: If there are not as many weights as rows.
    """
    rows = list(rows)
    shares = [1.0] * len(rows) if weights is None else list(weights)
    weighted = list(zip(rows, shares, strict=True))
    total = sum(shares)
    return Scores(
        precision=_ratio(sum(row.precision * share for row, share in weighted), total),
        recall=_ratio(sum(row.recall * share for row, share in weighted), total),
        f1=_ratio(sum(row.f1 * share for row, share in weighted), total),
        support=sum(row.support for row in rows),
    )


class Level(Mapping[str, Counts]):
    """Counts by label or by tag, sorted by name and read-only, with their averages."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Mapping[str, Counts] = MappingProxyType({})) -> None:
        self._rows = dict(sorted(rows.items()))

    def __getitem__(self, name: str) -> Counts:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"Level({self._rows})"

    def __add__(self, other: "Level") -> "Level":
        none = Counts()
        names = self.keys() | other.keys()
        return Level({name: self.get(name, none) + other.get(name, none) for name in names})

    @property
    def micro(self) -> Counts:
        """All rows counted together."""
        return sum(self.values(), Counts())

    @property
    def macro(self) -> Scores:
        """Mean of the rows, each counting the same."""
        return average(self.values())

    @property
    def weighted(self) -> Scores:
        """Mean of the rows, each counting as often as it is in the gold; some call it macro."""
        return average(self.values(), [row.support for row in self.values()])

    @property
    def averages(self) -> dict[str, Counts | Scores]:
        """The three averages by name, in the order in which they are reported."""
        return {"micro": self.micro, "macro": self.macro, "weighted": self.weighted}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: counts and scores of each row, and the averages."""
        rows = {name: _row_to_dict(row) for name, row in self.items()}
        return {"rows": rows} | {name: _row_to_dict(row) for name, row in self.averages.items()}


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
    """

    spans: Level = field(default_factory=Level)
    words: Level = field(default_factory=Level)
    n_documents: int = 0
    widened: int = 0
    lost: int = 0

    def __add__(self, other: "Report") -> "Report":
        return Report(
            spans=self.spans + other.spans,
            words=self.words + other.words,
            n_documents=self.n_documents + other.n_documents,
            widened=self.widened + other.widened,
            lost=self.lost + other.lost,
        )

    @property
    def unaligned(self) -> int:
        """Number of entities that the level of words does not hold exactly."""
        return self.widened + self.lost

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, with the scores that the counts give."""
        return {
            "n_documents": self.n_documents,
            "widened": self.widened,
            "lost": self.lost,
            "spans": self.spans.to_dict(),
            "words": self.words.to_dict(),
        }

    def to_text(self) -> str:
        """Both levels as aligned tables: a row for each label or tag, then the averages."""
        names = [*self.spans, *self.words, "weighted"]
        width = max(len(_printable(name)) for name in names)
        tables = [*_table("spans", self.spans, width), "", *_table("words", self.words, width)]
        notes = ["", f"{self.n_documents} documents"]
        if self.unaligned:
            notes.append(
                f"words: {self.widened} entities of either side are widened to whole words, "
                f"{self.lost} left out; the spans above count all as they are"
            )
        return "\n".join([*tables, *notes])


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
    pairs = _pair(list(gold), list(predicted))
    span_pairs: Counter[tuple[str, str]] = Counter()
    word_pairs: Counter[tuple[str, str]] = Counter()
    widened = lost = 0
    for gold_document, predicted_document in pairs:
        gold_entities, predicted_entities = _entities(gold_document), _entities(predicted_document)
        span_pairs.update(_compare(gold_entities, predicted_entities))
        words = _words(gold_document)
        sides = []
        for entities in (gold_entities, predicted_entities):
            alignment = tags.align([words], entities.values())
            sides.append(tags.from_spans(len(words), alignment.spans[0]))
            widened += alignment.widened
            lost += alignment.lost
        word_pairs.update(zip(*sides, strict=True))
    return Report(
        spans=_level(span_pairs, _NO_LABEL),
        words=_level(word_pairs, tags.OUTSIDE),
        n_documents=len(pairs),
        widened=widened,
        lost=lost,
    )


def _pair(
    gold: Sequence[Document], predicted: Sequence[Document]
) -> list[tuple[Document, Document]]:
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


def _words(document: Document) -> list[tuple[int, int]]:
    given = [(token.start, token.end) for token in document.tokens()]
    return given or segment.token_spans(document.text)


def _compare(gold: _Spans, predicted: _Spans) -> Iterator[tuple[str, str]]:
    """Yield for each span the label it has on either side, if it is there."""
    for span in gold.keys() | predicted.keys():
        label = span[2]
        yield label if span in gold else _NO_LABEL, label if span in predicted else _NO_LABEL


def _level(pairs: Mapping[tuple[str, str], int], nothing: str) -> Level:
    """Sum up how often which name stood opposite which; `nothing` is not a name."""
    tp: Counter[str] = Counter()
    fp: Counter[str] = Counter()
    fn: Counter[str] = Counter()
    for (gold, predicted), count in pairs.items():
        if gold == predicted:
            tp[gold] += count
        else:
            fn[gold] += count
            fp[predicted] += count
    names = (tp.keys() | fp.keys() | fn.keys()) - {nothing}
    return Level({name: Counts(tp[name], fp[name], fn[name]) for name in names})


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _row_to_dict(row: Counts | Scores) -> dict[str, Any]:
    scores = {
        "precision": row.precision,
        "recall": row.recall,
        "f1": row.f1,
        "support": row.support,
    }
    if isinstance(row, Scores):
        return scores
    return {"tp": row.tp, "fp": row.fp, "fn": row.fn} | scores


def _table(title: str, level: Level, width: int) -> list[str]:
    lines = [f"{title:<{width}}  precision  recall      f1  support"]
    for name, row in (*level.items(), *level.averages.items()):
        lines.append(
            f"{_printable(name):<{width}}  {row.precision:9.4f}  {row.recall:6.4f}  {row.f1:6.4f}"
            f"  {row.support:7d}"
        )
    return lines


def _printable(name: str) -> str:
    return name if name.isprintable() else repr(name)
