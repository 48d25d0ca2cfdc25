"""Where the passages and sentences of a BioC document stand in its text.

BioC's offsets are code points, but files with UTF-8 bytes or UTF-16 units are about. Which it is,
only a document's own text tells: the unit is right in which no piece of text begins before the
last one ends, and annotations say what stands at their place.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType

from biospan.errors import InputError

MAX_GAPS = 10**6  # characters that a document has between its pieces of text, all together


def _byte_width(character: str) -> int:
    code = ord(character)
    return 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF)


def _utf16_width(character: str) -> int:
    return 1 + (ord(character) > 0xFFFF)


UNITS: Mapping[str, Callable[[str], int] | None] = MappingProxyType(
    {"code points": None, "UTF-8 bytes": _byte_width, "UTF-16 units": _utf16_width}
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text at an offset, and what fills the gap before it: one character."""

    offset: int
    text: str
    filler: str = "\n"


@dataclass(frozen=True, slots=True)
class Layout:
    """A document's text, from pieces at offsets in one unit.

    Attributes:
        text: The pieces, each at its place, with gaps filled.
        spans: Of the pieces in the text, in code points.
        tight: Whether no gap is longer than one character, as in nearly all files: in a wrong unit
            gaps grow with every letter that is not ASCII.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    tight: bool
    _offsets: tuple[int, ...] | None  # in the unit, of each character and the end; None: the same

    def index(self, offset: int) -> int:
        """The place in the text, in code points, of what the file has at an offset.

        Raises:
            InputError: If it is behind the text or inside a character.
        """
        found = offset if self._offsets is None else bisect_left(self._offsets, offset)
        if found > len(self.text) or (self._offsets and self._offsets[found] != offset):
            raise InputError(f"offset {offset} is behind the text or inside a character")
        return found


def lay_out(pieces: Iterable[Piece], unit: str) -> Layout:
    """Put pieces at their places, their offsets being in one of `UNITS`.

    Raises:
        InputError: If a piece begins before the one before it ends, or the gaps are too large.
    """
    width = UNITS[unit]
    parts: list[str] = []
    spans = []
    position = length = gaps = 0  # in the unit; in code points
    tight = True
    for piece in pieces:
        gap = piece.offset - position
        if gap < 0:
            raise InputError(
                f"the text at offset {piece.offset} begins before {position}, "
                f"where the text before it ends"
            )
        gaps += gap
        if gaps > MAX_GAPS:
            raise InputError(f"more than {MAX_GAPS:,} characters of no text before {piece.offset}")
        tight = tight and gap <= 1
        parts += (piece.filler * gap, piece.text)
        start = length + gap
        length = start + len(piece.text)
        spans.append((start, length))
        position = piece.offset + (sum(map(width, piece.text)) if width else len(piece.text))
    text = "".join(parts)
    offsets = tuple(accumulate(map(width, text), initial=0)) if width else None
    return Layout(text, tuple(spans), tight, offsets)
