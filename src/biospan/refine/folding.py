"""Texts as keys under which spellings of one mention are the same.

`TNF-α`, `TNFα` and `TNF alpha`, `NF–κB` and `NF-kappa B`: dashes of every kind between words count
as white space does, a Greek letter is its name, and compatible characters (`⁺`, full width) are
their plain ones. Case is kept beside the key, for who needs it. Nothing else is the same: `IL2` is
not `IL-2`. What a mention means is not known here.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from biospan.segment import token_spans

_NAMES = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "sigma", "tau", "upsilon"),
    *("phi", "chi", "psi", "omega"),
)
GREEK = dict(zip("αβγδεζηθικλμνξοπρσςτυφχψω", _NAMES, strict=True))
_GREEK_OR_NOT = re.compile("[α-ωΑ-Ω]|[^α-ωΑ-Ω]+")
_DASHES = frozenset("-\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")


class Part(NamedTuple):
    """A unit of a text, or what of it a Greek letter parts from the rest.

    Attributes:
        key: Without case.
        exact: With case.
        start: In the text; None inside of a unit, where no mention begins.
        end: In the text; None inside of a unit, where no mention ends.
    """

    key: str
    exact: str
    start: int | None
    end: int | None


def parts(text: str, start: int = 0, end: int | None = None) -> list[Part]:
    """Cut a stretch of a text into parts, without the dashes that only join two words."""
    return list(_parts(text, token_spans(text, start, end)))


def _parts(text: str, units: list[tuple[int, int]]) -> Iterator[Part]:
    for number, (start, end) in enumerate(units):
        unit = text[start:end]
        if unit.isascii() and unit not in _DASHES:
            yield Part(unit.lower(), unit, start, end)
        elif unit not in _DASHES:
            yield from _cut(unit, start, end)
        elif not (
            0 < number < len(units) - 1
            and units[number - 1][1] == start
            and units[number + 1][0] == end
            and _is_word(text[start - 1])
            and _is_word(text[end])
        ):
            yield Part("-", "-", start, end)


def _cut(unit: str, start: int, end: int) -> Iterator[Part]:
    """Cut a unit before and after each Greek letter."""
    found = _GREEK_OR_NOT.findall(unicodedata.normalize("NFKC", unit))
    for number, piece in enumerate(found):
        exact = piece
        if name := GREEK.get(piece.lower()):
            exact = name.capitalize() if piece.isupper() else name
        yield Part(
            exact.casefold(),
            exact,
            start if number == 0 else None,
            end if number == len(found) - 1 else None,
        )


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
