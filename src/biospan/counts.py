"""Counts of what was right, and the scores and averages that follow from them.

Counts add up across documents, scores do not; so counts are what is stored. What counts as right
is not known here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple


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

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: the counts, and the scores that they give."""
        scores = Scores(self.precision, self.recall, self.f1, self.support)
        return {"tp": self.tp, "fp": self.fp, "fn": self.fn} | scores.to_dict()


class Scores(NamedTuple):
    """Scores that no longer stand for counts: averages, or a row of somebody's table."""

    precision: float
    recall: float
    f1: float
    support: int

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return self._asdict()


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

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, str]], nothing: str) -> "Level":
        """Count which gold name stands opposite which predicted one; `nothing` is not a name."""
        tp: Counter[str] = Counter()
        fp: Counter[str] = Counter()
        fn: Counter[str] = Counter()
        for (gold, predicted), count in Counter(pairs).items():
            if gold == predicted:
                tp[gold] += count
            else:
                fn[gold] += count
                fp[predicted] += count
        names = (tp.keys() | fp.keys() | fn.keys()) - {nothing}
        return cls({name: Counts(tp[name], fp[name], fn[name]) for name in names})

    @classmethod
    def total(cls, levels: Iterable["Level"]) -> "Level":
        """The sum of any number of levels."""
        rows: dict[str, Counts] = {}
        for level in levels:
            for name, counts in level.items():
                rows[name] = rows[name] + counts if name in rows else counts
        return cls(rows)

    def __getitem__(self, name: str) -> Counts:
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"Level({self._rows})"

    def __add__(self, other: "Level") -> "Level":
        return Level.total((self, other))

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
        rows = {name: row.to_dict() for name, row in self.items()}
        return {"rows": rows} | {name: row.to_dict() for name, row in self.averages.items()}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
