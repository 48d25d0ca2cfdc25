"""Coloured spans of a text, as HTML or for a terminal.

Knows text, offsets and labels as plain values, so that every layer may use it. It reads no
files and escapes everything it is given; what a span means is not its business.
"""

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import NamedTuple

# Okabe and Ito's palette (2008), which colour-blind readers can tell apart: light background for
# HTML with dark text (contrast above 7:1), and the nearest of the 256 terminal colours.
PALETTE = (
    ("#bfe0f5", 38),
    ("#ffd9a0", 214),
    ("#b8e8d4", 36),
    ("#f4c3df", 175),
    ("#f6f0a4", 185),
    ("#d9d2f5", 141),
    ("#f5c6b3", 173),
    ("#d5dbe1", 145),
)
# The labels of the bundled model keep their colours whatever else a text holds.
FIXED_COLOURS = {"protein": 0, "DNA": 1, "RNA": 2, "cell_type": 3, "cell_line": 4}

_CSS = """\
.biospan{font:16px/1.9 system-ui,sans-serif;white-space:pre-wrap;overflow-wrap:anywhere;
unicode-bidi:plaintext}
.biospan mark{padding:.15em .3em;border-radius:.3em;color:#111;
-webkit-box-decoration-break:clone;box-decoration-break:clone}
.biospan mark small{margin-left:.4em;font-size:.7em;font-weight:600;letter-spacing:.02em}
"""
_PAGE_CSS = """\
body{max-width:60em;margin:2em auto;padding:0 1em;background:#fff;color:#111}
h2{margin:1.5em 0 .5em;font:600 14px system-ui,sans-serif;color:#555}
"""
_SURROGATE = re.compile("[\ud800-\udfff]")

PAGE_END = "</body></html>\n"


# Not printable by `str.isprintable`, but steering nothing: the last two join and part letters.
_HARMLESS = "\n\t\u00a0\u200d\u200c"


class Span(NamedTuple):
    """A highlighted stretch: half-open character offsets, a label, a score if there is one.

    A quiet one is underlined in HTML where the others are filled; a terminal knows no difference.
    """

    start: int
    end: int
    label: str
    score: float | None = None
    quiet: bool = False


def colour_index(label: str, labels: Iterable[str]) -> int:
    """Place of a label in `PALETTE`: fixed for the known five, else by sorted order."""
    if label in FIXED_COLOURS:
        return FIXED_COLOURS[label]
    others = sorted(set(labels) - FIXED_COLOURS.keys())
    return (len(FIXED_COLOURS) + others.index(label)) % len(PALETTE)


def cut(text: str, spans: Iterable[Span]) -> Iterator[tuple[str, Span | None]]:
    """Cut a text into stretches outside and inside of spans, in order.

    Of spans that overlap, the first (and of those that start together, the longest) is shown;
    `biospan.document` keeps them all.
    """
    position = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.start < position:
            continue
        if span.start > position:
            yield text[position : span.start], None
        yield text[span.start : span.end], span
        position = span.end
    if position < len(text):
        yield text[position:], None


def to_html(text: str, spans: Iterable[Span]) -> str:
    """A fragment with its own style, for a page that is not ours, such as a notebook's."""
    return f"<style>{_CSS}</style>{fragment(text, spans)}"


def fragment(
    text: str, spans: Iterable[Span], *, name: str = "", labels: Iterable[str] = ()
) -> str:
    """One HTML element, styled by its page, under a name; everything from outside is escaped.

    Fragments that are given the same `labels`, all of their page, colour a label alike.
    """
    spans = list(spans)
    labels = {*labels, *(span.label for span in spans)}
    heading = f"<h2>{escape(_visible(name))}</h2>\n" if name else ""
    parts = [heading, '<div class="biospan" dir="auto">']
    for piece, span in cut(text, spans):
        shown = escape(_visible(piece))
        if span is None:
            parts.append(shown)
            continue
        label = escape(_visible(span.label))
        title = label if span.score is None else f"{label} {span.score:.3f}"
        colour = PALETTE[colour_index(span.label, labels)][0]
        look = f'style="background:{colour}"'
        if span.quiet:
            look = f'class="quiet" style="border-color:{colour}"'
        parts.append(
            f'<mark {look} title="{title}"><bdi>{shown}</bdi><small>{label}</small></mark>'
        )
    parts.append("</div>")
    return "".join(parts)


def page_start(title: str) -> str:
    """What stands before the fragments of a self-contained HTML page; `PAGE_END` stands after."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(_visible(title))}</title>"
        f"<style>{_PAGE_CSS}{_CSS}</style></head>\n<body>\n"
    )


def to_terminal(text: str, spans: Iterable[Span]) -> str:
    """The text with ANSI colours, each span followed by its label; control characters shown."""
    spans = list(spans)
    labels = {span.label for span in spans}
    parts = []
    for piece, span in cut(text, spans):
        shown = _visible(piece, controls=True)
        if span is None:
            parts.append(shown)
            continue
        colour = PALETTE[colour_index(span.label, labels)][1]
        label = _visible(span.label, controls=True)
        parts.append(f"\x1b[30;48;5;{colour}m{shown}\x1b[0m\x1b[38;5;{colour}m[{label}]\x1b[0m")
    return "".join(parts)


def replace_surrogates(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which UTF-8 cannot hold; offsets stay."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _visible(text: str, *, controls: bool = False) -> str:
    """Replace what cannot be encoded (lone surrogates), and what would steer a terminal."""
    text = replace_surrogates(text)
    if not controls:
        return text.replace("\0", "\ufffd")
    return "".join(
        char if char in _HARMLESS or char.isprintable() else "\ufffd"
        for char in text.replace("\r\n", "\n")
    )
