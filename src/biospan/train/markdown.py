"""Markdown that stays what it is whatever is put into it: tables and code spans."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines of a table, with an empty one after it."""
    lines = [_line(header), "|" + "---|" * len(header), *map(_line, rows)]
    return [*lines, ""]


def code(text: str) -> str:
    """A name from elsewhere, such as a path, as code."""
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"


def _line(cells: Sequence[object]) -> str:
    shown = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(shown)} |"
