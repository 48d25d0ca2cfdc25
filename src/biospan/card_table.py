"""The figures of the public reference model's card beside ours, like for like.

The card is that of SciBERT (scivocab) fine-tuned on JNLPBA. It prints rows for the labels, a
"micro avg" and a "macro avg" of spans, and averages over the tags of words. What it prints is
quoted here as it is; what its rows give when they are averaged as the name says is worked out
beside it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from biospan import exposure, highlight, resampling, scoring
from biospan.document import Document
from biospan.exposure import Exposure
from biospan.scoring import Counts, Report, Scores


class CardRow(NamedTuple):
    """A row of the card."""

    precision: float
    recall: float
    f1: float


CARD: Mapping[str, CardRow] = MappingProxyType(
    {
        "cell_line": CardRow(0.5205, 0.7100, 0.6007),
        "cell_type": CardRow(0.7736, 0.7422, 0.7576),
        "protein": CardRow(0.6953, 0.8459, 0.7633),
        "DNA": CardRow(0.6997, 0.7894, 0.7419),
        "RNA": CardRow(0.6985, 0.8051, 0.7480),
        "spans, micro": CardRow(0.6984, 0.8076, 0.7490),
        "spans, weighted": CardRow(0.7032, 0.8076, 0.7498),
        "spans, macro": CardRow(0.6775, 0.7785, 0.7223),
        "words, weighted": CardRow(0.7742, 0.8536, 0.8093),
    }
)

NOTES = (
    'spans, weighted: the card calls this row "macro avg"; it is the average weighted by support.',
    "spans, macro: not on the card, but the mean of its five rows, each counting the same.",
    "words, weighted: the card has an average over tags, as its F1 is not the harmonic mean of its "
    "precision and recall, which is 0.8120; it does not say which. Ours is weighted by support, "
    "without O.",
    "The card's epoch was picked on the evaluation set, and its sentences were cut at 128 pieces, "
    "so that entities behind the cut were not counted as missed.",
    "The card's figures are on the official evaluation set, ours on the documents that were "
    "scored: they are the same task only if those are the same documents.",
)

_NAMED = 20  # documents that a text names; JSON has them all


@dataclass(frozen=True, slots=True)
class CardTable:
    """Our scores beside the card's.

    Attributes:
        report: What `scoring.evaluate` counted.
        exposed: What of the scored documents was trained on; None if that was not asked.
    """

    report: Report
    exposed: Exposure | None = None

    @property
    def rows(self) -> dict[str, Counts | Scores | None]:
        """Our row for each of the card's, in its order; None for a label that neither side has."""
        return _rows(self.report)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: the card's row and ours under each name, and the notes.

        `without_duplicates` is there if it is known what was trained on.
        """
        found = _as_dict(self.report)
        if self.exposed is not None:
            duplicates = [asdict(duplicate) for duplicate in self.exposed.duplicates]
            without = _as_dict(self.exposed.without)
            found["without_duplicates"] = {"duplicates": duplicates, **without}
        return {**found, "notes": list(NOTES)}

    def to_text(self) -> str:
        """An aligned table, the card's columns first, and the notes.

        A second one is without the documents that were trained on, if there are any.
        """
        lines = [*_as_lines(self.report), ""]
        if self.exposed is not None:
            lines += [*_duplicates_as_lines(self.exposed), ""]
        return "\n".join([*lines, f"{self.report.n_documents} documents", *NOTES])


def evaluate(
    gold: Iterable[Document],
    predicted: Iterable[Document],
    train: Iterable[Document] | None = None,
) -> CardTable:
    """Score documents as `scoring.evaluate` does, to be laid beside the card.

    Args:
        gold: One side.
        predicted: The other.
        train: The documents that were trained on, to score without those of them as well.

    Raises:
        InputError: If the documents of the two sides do not pair.
    """
    if train is None:
        return CardTable(scoring.evaluate(gold, predicted))
    exposed = exposure.expose(gold, predicted, train)
    return CardTable(exposed.everything, exposed)


def _rows(report: Report) -> dict[str, Counts | Scores | None]:
    averages: dict[str, Counts | Scores] = {
        "spans, micro": report.spans.micro,
        "spans, weighted": report.spans.weighted,
        "spans, macro": report.spans.macro,
        "words, weighted": report.words.weighted,
    }
    return {name: averages.get(name, report.spans.get(name)) for name in CARD}


def _intervals(report: Report) -> dict[str, resampling.Interval]:
    """Intervals of our F1, by the card's name of the row, where there are any."""
    found = report.f1_intervals()
    labels = {name: bounds for name, bounds in found.labels.items() if name in CARD}
    return labels | ({"spans, micro": found.micro} if found.micro else {})


def _as_dict(report: Report) -> dict[str, Any]:
    keys = ("precision", "recall", "f1", "support")
    return {
        "n_documents": report.n_documents,
        "rows": {
            name: {
                "card": CARD[name]._asdict(),
                "ours": None if row is None else {key: getattr(row, key) for key in keys},
            }
            for name, row in _rows(report).items()
        },
        "f1_intervals": report.f1_intervals().to_dict(),
    }


def _as_lines(report: Report) -> list[str]:
    width = max(map(len, CARD))
    intervals = _intervals(report)
    lines = [
        f"{'':<{width}}  {'reference card':>22}  {'ours':>31}",
        f"{'':<{width}}  {'P':>6}  {'R':>6}  {'F1':>6}  {'P':>6}  {'R':>6}  {'F1':>6}  support",
    ]
    if intervals:
        lines[1] += "  F1, 95 % interval"
    for name, row in _rows(report).items():
        support = "-" if row is None else row.support
        cells = [f"{name:<{width}}", _cells(CARD[name]), _cells(row), f"{support:>7}"]
        if name in intervals:
            cells.append("{:.4f} to {:.4f}".format(*intervals[name]))
        lines.append("  ".join(cells))
    return lines


def _duplicates_as_lines(exposed: Exposure) -> list[str]:
    """Which documents were trained on, and the table without them."""
    found, total = exposed.duplicates, exposed.everything.n_documents
    known = f"the {exposed.n_train:,} training documents"
    if not found:
        return [f"None of the {total} documents is among {known}."]
    names = [duplicate.id or f"number {duplicate.position + 1}" for duplicate in found]
    named = highlight.to_terminal(", ".join(f"{name:.80}" for name in names[:_NAMED]), [])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    lines = [f"{len(found)} of the {total} documents are among {known}: {named}{more}."]
    if len(found) == total:
        return [*lines, "Nothing is left to score without them."]
    lines += ["Without them (the card's figures are still those of all documents):", ""]
    return [*lines, *_as_lines(exposed.without), "", f"{exposed.without.n_documents} documents"]


def _cells(row: CardRow | Counts | Scores | None) -> str:
    if row is None:
        return "  ".join(["     -"] * 3)
    return f"{row.precision:6.4f}  {row.recall:6.4f}  {row.f1:6.4f}"
