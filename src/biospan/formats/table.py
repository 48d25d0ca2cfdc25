"""Entities as a table for spreadsheets and scripts: one row per entity, as TSV or CSV.

Columns: document, start, end, label, text, score, id, source. The table does not hold the
documents' texts: to read documents back, write JSON lines.

TSV: a backslash is written as two, and tab, newline and carriage return as backslash and `t`, `n`,
`r`, so that every value can be had back.

CSV (RFC 4180): a cell that a spreadsheet would take for a formula, because it begins with `=`, `+`,
`-`, `@`, a tab, a line break or NUL, is written after an apostrophe, and so is one that begins with
an apostrophe. So every value can be had back: take one apostrophe off where one is in front.
"""

import csv
from collections.abc import Iterable, Iterator
from typing import TextIO

from biospan.document import Document
from biospan.highlight import replace_surrogates

HEADER = ("document", "start", "end", "label", "text", "score", "id", "source")

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "'")


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write TSV: the header and one row per entity; what an entity has not is empty."""
    for row in _rows(documents):
        stream.write("\t".join(value.translate(_ESCAPES) for value in row) + "\n")


def write_csv(documents: Iterable[Document], stream: TextIO) -> None:
    """Write CSV: the header and one row per entity; what an entity has not is empty."""
    writer = csv.writer(stream)
    for row in _rows(documents):
        writer.writerow([f"'{value}" if value.startswith(_FORMULA) else value for value in row])


def _rows(documents: Iterable[Document]) -> Iterator[list[str]]:
    yield list(HEADER)
    for document in documents:
        for entity in document.entities:
            row = (
                document.id,
                str(entity.start),
                str(entity.end),
                entity.label,
                entity.text,
                "" if entity.score is None else f"{entity.score:.4f}",
                entity.id or "",
                entity.source or "",
            )
            yield [replace_surrogates(value) for value in row]
