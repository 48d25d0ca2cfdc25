"""The section on training data: which documents were trained on, and scores on names that were."""

from biospan.counts import Counts
from biospan.exposure import Exposure, Kind
from biospan.report.markup import Cell, Html, label, note, short, table

MAX_DUPLICATES = 20  # that are named

_MEANING = {
    Kind.ID: "same id",
    Kind.TEXT: "same letters and digits",
    Kind.NEAR: "nearly the same words",
}


def section(exposure: Exposure) -> list[Html]:
    """What of the test was trained on, and the scores of what was and what was not."""
    n_found, n_all = len(exposure.duplicates), exposure.everything.n_documents
    parts = [
        note(
            f"{n_found:,} of {n_all:,} documents are among the {exposure.n_train:,} training "
            "documents, by their id or by what they say."
        )
    ]
    if n_found:
        parts += [_duplicates(exposure), _with_and_without(exposure)]
    return [
        *parts,
        note(
            "Seen are entities whose text, its case and spacing aside, has their label in "
            "training; unseen are all others. Ambiguous are those whose text has several "
            "labels there; they are seen or unseen too. Recall is that of the gold ones, "
            "precision that of the predicted ones."
        ),
        _mentions(exposure),
    ]


def _duplicates(exposure: Exposure) -> Html:
    rows: list[list[Cell]] = [
        [
            short(found.id or f"number {found.position + 1}"),
            short(found.train_id or f"number {found.train_position + 1}"),
            _MEANING[found.kind],
            found.shared,
        ]
        for found in exposure.duplicates[:MAX_DUPLICATES]
    ]
    n_found = len(exposure.duplicates)
    left_out = note(f"The first {len(rows)} of {n_found:,}.") if len(rows) < n_found else ""
    return Html(table(["document", "in training", "found by", "shared"], rows) + left_out)


def _with_and_without(exposure: Exposure) -> Html:
    rows: list[list[Cell]] = [
        [what, *_scores(report.spans.micro)]
        for what, report in (
            ("all documents", exposure.everything),
            ("without those in training", exposure.without),
        )
    ]
    return table(["micro average", "gold", "precision", "recall", "F1"], rows)


def _mentions(exposure: Exposure) -> Html:
    levels = exposure.mentions.levels
    names = exposure.everything.spans
    rows: list[list[Cell]] = [
        [label(name, names), *_of_kinds([level.get(name, Counts()) for level in levels.values()])]
        for name in names
    ]
    rows.append(["micro average", *_of_kinds([level.micro for level in levels.values()])])
    head = ["label", *["gold", "precision", "recall", "F1"] * len(levels)]
    groups = [("", 1), *((kind, 4) for kind in levels)]
    return table(head, rows, groups=groups, n_foot=1)


def _of_kinds(counts: list[Counts]) -> list[Cell]:
    return [cell for row in counts for cell in _scores(row)]


def _scores(row: Counts) -> list[Cell]:
    return [row.support, row.precision, row.recall, row.f1]
