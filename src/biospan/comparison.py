"""Whether one model is better than another on the same documents, or only luckier with them.

Two outputs for the same gold are counted document by document as `scoring` counts spans, and
their difference is resampled (`resampling`). That says how far these documents can be trusted, and
nothing about how much either model owes to the seed that it was trained with.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from biospan import highlight, resampling, scoring
from biospan.counts import Counts, Level
from biospan.document import Document

_MICRO = "micro"


@dataclass(frozen=True, slots=True)
class Difference:
    """Two outputs compared on one label, or on all together.

    Attributes:
        a: Counts of one output.
        b: Counts of the other.
        interval: 95 % interval of the difference of F1, B minus A; None for fewer than two
            documents.
        share_without_sign: Share of the resamples in which the difference is not of the sign that
            was observed; 1 if there was none.
        p: Probability of a difference at least as large, on either side, if the two were alike.
        p_holm: The same adjusted for all labels (Holm); None for all labels together.
    """

    a: Counts
    b: Counts
    interval: resampling.Interval | None
    share_without_sign: float
    p: float
    p_holm: float | None = None

    @property
    def f1(self) -> float:
        """Difference of F1, B minus A."""
        return self.b.f1 - self.a.f1

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: counts and scores of both, and what was found of the difference."""
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "f1_difference": self.f1,
            "interval": self.interval and list(self.interval),
            "share_without_sign": self.share_without_sign,
            "p": self.p,
            "p_holm": self.p_holm,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `compare` found.

    Attributes:
        n_documents: Number of documents.
        labels: By label, sorted by name.
        micro: All labels together.
    """

    n_documents: int
    labels: dict[str, Difference]
    micro: Difference

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "n_documents": self.n_documents,
            "confidence": resampling.CONFIDENCE,
            "resamples": resampling.N_PAIRED,
            "labels": {name: row.to_dict() for name, row in self.labels.items()},
            "micro": self.micro.to_dict(),
        }

    def to_text(self) -> str:
        """The scores of both as an aligned table, and below it their differences."""
        rows = [(highlight.to_terminal(name, []), row) for name, row in self.labels.items()]
        rows.append((_MICRO, self.micro))
        width = max(len("B minus A"), *(len(name) for name, _ in rows))
        columns = "precision  recall      f1"
        lines = [f"{'spans':<{width}}  A {columns}  B {columns}  support"]
        lines += [
            f"{name:<{width}}  {_scores(row.a)}  {_scores(row.b)}  {row.a.support:7d}"
            for name, row in rows
        ]
        titles = f"{'f1':>7}  {'95 % interval':>18}  {'without sign':>12}  {'p':>8}  {'p Holm':>8}"
        head = f"{'B minus A':<{width}}  {titles}"
        lines += ["", head, *(f"{name:<{width}}  {_difference(row)}" for name, row in rows)]
        return "\n".join([*lines, "", f"{self.n_documents} documents", *_LEGEND])


_LEGEND = (
    f"95 % interval, without sign: of {resampling.N_PAIRED:,} draws of as many documents, both "
    "outputs on the same; share in which the difference has not the sign above",
    f"p: two-sided, {resampling.N_PAIRED:,} random exchanges of the two outputs for a document; "
    "p Holm: adjusted for all labels",
)


def compare(gold: Iterable[Document], a: Iterable[Document], b: Iterable[Document]) -> Comparison:
    """Compare two outputs for the same documents; they pair as for `scoring.evaluate`.

    Raises:
        InputError: If an id occurs twice on one side or only on one, or if texts differ.
    """
    gold = list(gold)
    counts_a, counts_b = (
        [scoring.count_spans(*sides) for sides in scoring.pair(gold, side)] for side in (a, b)
    )
    total_a, total_b = Level.total(counts_a), Level.total(counts_b)
    names = sorted(total_a.keys() | total_b.keys())
    *of_labels, micro = resampling.compare_f1(
        scoring.count_array(counts_a, names), scoring.count_array(counts_b, names)
    )
    adjusted = resampling.holm([found.p for found in of_labels])
    none = Counts()
    labels = {
        name: Difference(total_a.get(name, none), total_b.get(name, none), *found, p_holm)
        for name, found, p_holm in zip(names, of_labels, adjusted, strict=True)
    }
    return Comparison(len(gold), labels, Difference(total_a.micro, total_b.micro, *micro))


def _scores(row: Counts) -> str:
    return f"{row.precision:11.4f}  {row.recall:6.4f}  {row.f1:6.4f}"


def _difference(row: Difference) -> str:
    bounds = "{:+.4f} to {:+.4f}".format(*row.interval) if row.interval else ""
    holm = "" if row.p_holm is None else f"  {row.p_holm:8.4f}"
    return f"{row.f1:+7.4f}  {bounds:>18}  {row.share_without_sign:12.4f}  {row.p:8.4f}{holm}"
