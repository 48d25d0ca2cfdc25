"""Entities as a table for spreadsheets and scripts: tab-separated, one row per entity.

Columns: document, start, end, label, text, score. In document, label and text a backslash is
written as two, and tab, newline and carriage return as backslash and `t`, `n`, `r`, so that every
value can be had back. The table does not hold the documents' texts: to read documents back, write
JSON lines.
"""

from collections.abc import Iterable
from typing import TextIO

from biospan.document import Document
from biospan.highlight import replace_surrogates

HEADER = ("document", "start", "end", "label", "text", "score")

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write the header and one row per entity; the score is empty for entities without one."""
    stream.write("\t".join(HEADER) + "\n")
    for document in documents:
        for entity in document.entities:
            row = (
                _escape(document.id),
                str(entity.start),
                str(entity.end),
                _escape(entity.label),
                _escape(entity.text),
                "" if entity.score is None else f"{entity.score:.4f}",
            )
            stream.write("\t".join(row) + "\n")


def _escape(value: str) -> str:
    return replace_surrogates(value.translate(_ESCAPES))
