"""Pieces of HTML, escaped by default: only what this package wrote itself is `Html`.

Everything else is data: it is escaped, and characters that would steer the text's direction or
cannot be encoded are shown as U+FFFD.
"""

from collections.abc import Iterable, Sequence
from html import escape

from biospan import highlight


class Html(str):
    """Markup of ours, in which all data is escaped already."""

    __slots__ = ()


class HtmlCell(Html):
    """A whole `<td>` of ours: a number with a look of its own."""

    __slots__ = ()


_LONGEST_LABEL = 60  # characters that are shown

Cell = str | int | float | None


def shown(data: str) -> Html:
    """Data as HTML, each character of it in its place; `Html` stays as it is."""
    if isinstance(data, Html):
        return data
    return Html(escape(inert(data)))


def inert(data: str) -> str:
    """The text with U+FFFD for control characters, in as many characters."""
    return highlight.to_terminal(data.replace("\r", " "), [])


def quoted(text: str, *, limit: int = 120) -> Html:
    """An entity's text on one line, cut if it is long, isolated from the text around it."""
    line = " ".join(text.split())
    return Html(f"<bdi>{shown(line if len(line) <= limit else line[:limit] + '…')}</bdi>")


def short(name: str) -> str:
    """A label as it is shown: inert, and cut if it is long."""
    return inert(name if len(name) <= _LONGEST_LABEL else f"{name[:_LONGEST_LABEL]}…")


def label(name: str, labels: Iterable[str]) -> Html:
    """A label with its colour before it."""
    name, labels = short(name), map(short, labels)
    colour = highlight.PALETTE[highlight.colour_index(name, labels)][0]
    swatch = f'<i class="swatch" style="background:{colour}"></i>'
    return Html(f'<span class="label">{swatch}<bdi>{shown(name)}</bdi></span>')


def section(anchor: str, title: str, *parts: str) -> Html:
    """A section under a heading; the parts are `Html`, or text to be escaped."""
    body = "\n".join(shown(part) for part in parts if part)
    return Html(f'<section id="{anchor}"><h2>{shown(title)}</h2>\n{body}\n</section>')


def note(text: str) -> Html:
    """A paragraph that explains."""
    return Html(f'<p class="note">{shown(text)}</p>')


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    caption: str = "",
    groups: Sequence[tuple[str, int]] = (),
    n_foot: int = 0,
) -> Html:
    """A table that scrolls by itself where it is wider than the screen.

    Args:
        head: A title for each column.
        rows: The first cell of each names the row; numbers are aligned, None is left empty.
        caption: What the table shows.
        groups: Titles above the head, each with the number of columns below it.
        n_foot: How many of the last rows sum up the others.
    """
    lines = ['<div class="scroll"><table>']
    if caption:
        lines.append(f"<caption>{shown(caption)}</caption>")
    lines.append("<thead>")
    if groups:
        cells = (
            f'<th scope="colgroup" colspan="{width}">{shown(title)}</th>'
            if title
            else f'<td colspan="{width}"></td>'
            for title, width in groups
        )
        lines.append(f'<tr class="groups">{"".join(cells)}</tr>')
    listed = list(rows)
    numeric = [_is_numeric(cell) for cell in listed[0]] if listed else [False] * len(head)
    titles = "".join(
        f'<th scope="col"{" class=n" if is_number else ""}>{shown(title)}</th>'
        for title, is_number in zip(head, numeric, strict=True)
    )
    lines.append(f"<tr>{titles}</tr></thead><tbody>")
    body = [_row(row) for row in listed]
    n_body = len(body) - n_foot
    lines += body[:n_body]
    if n_foot:
        lines += ["</tbody><tfoot>", *body[n_body:], "</tfoot></table></div>"]
    else:
        lines.append("</tbody></table></div>")
    return Html("\n".join(lines))


def _row(cells: Sequence[Cell]) -> str:
    first, *others = cells
    return f'<tr><th scope="row">{_value(first)}</th>{"".join(map(_data, others))}</tr>'


def _is_numeric(cell: Cell) -> bool:
    return not isinstance(cell, str) or isinstance(cell, HtmlCell)


def _data(cell: Cell) -> str:
    if isinstance(cell, HtmlCell):
        return cell
    name = ' class="n"' if _is_numeric(cell) else ""
    return f"<td{name}>{_value(cell)}</td>"


def _value(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return shown(cell)
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:.3f}"
