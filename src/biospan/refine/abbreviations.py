"""Abbreviations that a text defines itself: `tumor necrosis factor alpha (TNF-α)`.

Found after Schwartz and Hearst (2003), "A simple algorithm for identifying abbreviation definitions
in biomedical text": a short form in brackets, each of whose letters and digits is found, from right
to left, in the words before, the first at a word's beginning; or a short form before brackets with
the long form in them. Greek letters stand for their names on both sides, square brackets count too,
and brackets inside of brackets are not read. What a form means beyond its document is not asked.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from biospan.document import Document, Entity
from biospan.refine.folding import GREEK
from biospan.refine.matcher import Matcher, takes
from biospan.refine.spans import spread
from biospan.segment import sentence_spans

ABBREVIATIONS = "biospan:abbreviations"  # the source

_BRACKETS = re.compile(r"\(([^()\[\]]{2,200})\)|\[([^()\[\]]{2,200})\]")
_WORD = re.compile(r"\S+")
_GREEK_NAME = re.compile("|".join(sorted(set(GREEK.values()), key=len, reverse=True)))
_LONGEST_SHORT = 10  # letters, digits and signs, a Greek letter's name counted as one
_LOOK_BACK = 300  # characters


class Definition(NamedTuple):
    """Where a text says what an abbreviation stands for: half-open character offsets."""

    short: tuple[int, int]
    long: tuple[int, int]


def definitions(text: str) -> Iterator[Definition]:
    """Find the abbreviations that a text defines, in order."""
    for start, end in sentence_spans(text):
        for match in _BRACKETS.finditer(text, start, end):
            number = match.lastindex or 1
            inside = _stripped(text, *match.span(number))
            found = _before(text, start, match.start(), inside)
            if found is None:
                found = _inside(text, start, match.start(), inside)
            if found is not None:
                yield found


def propagate_abbreviations(document: Document) -> Document:
    """Mark the long and the short forms of abbreviations alike, all over a document.

    The forms that are marked anywhere decide the label (most of them; none, if two labels are as
    frequent), and each place of either form where no entity is gets it. Its score is the mean of
    theirs times the share that they are of all places. At the definition, an entity that ends with
    the long form counts as marking it, so that `human interleukin-2 (IL-2)` says what `IL-2` is.
    Entities that are there already all stay.
    """
    text = document.text
    forms = Matcher[list[Entity]]()
    ends = {}
    for short, long in definitions(text):
        if not all(takes(text[slice(*form)]) for form in (short, long)):
            continue
        marks = forms.get(text[slice(*long)])
        marks = forms.add(text[slice(*short)], [] if marks is None else marks)
        forms.add(text[slice(*long)], marks)
        ends[long[1]] = marks
    if not ends:
        return document
    for entity in document.entities:
        marks = forms.get(entity.text)
        if marks is None:
            marks = ends.get(entity.end)
        if marks is not None:
            marks.append(entity)
    return spread(document, forms, 1, ABBREVIATIONS)


def _before(text: str, start: int, bracket: int, short: tuple[int, int]) -> Definition | None:
    """A short form in brackets, and the long one before them."""
    # After a comma or a semicolon other things are said.
    content = re.split("[;,]", text[slice(*short)], maxsplit=1)[0]
    short = _stripped(text, short[0], short[0] + len(content))
    if not _is_short(text[slice(*short)]):
        return None
    start = max(start, bracket - _LOOK_BACK)
    long = _long_form(text, start, bracket, text[slice(*short)])
    if long is None:
        long = _greek_first(text, start, bracket, text[slice(*short)])
    return None if long is None else Definition(short, long)


def _inside(text: str, start: int, bracket: int, long: tuple[int, int]) -> Definition | None:
    """A short form before brackets, and all in them the long one."""
    words = list(_WORD.finditer(text, max(start, bracket - _LOOK_BACK), bracket))
    if not words or not _is_short(words[-1][0]):
        return None
    found = _long_form(text, *long, words[-1][0])
    return Definition(words[-1].span(), long) if found == long else None


def _is_short(form: str) -> bool:
    """Whether it can be an abbreviation: short, and with a sign that common words do not have."""
    contracted = _GREEK_NAME.sub("α", form)
    return (
        2 <= len(contracted) <= _LONGEST_SHORT
        and len(form.split()) <= 2
        and form[0].isalnum()
        and any(map(str.isalpha, form))
        and any(c.isupper() or c.isdigit() or c.lower() in GREEK for c in form)
    )


def _long_form(text: str, start: int, end: int, short: str) -> tuple[int, int] | None:
    """The shortest stretch up to `end` that a short form can be read from."""
    start, end = _stripped(text, start, end)
    n_words = min(len(short) + 5, len(short) * 2)
    words = list(_WORD.finditer(text, start, end))[-n_words:]
    wanted = [letter for letter, _, _ in _letters(short, 0, len(short))]
    if not words or not wanted:
        return None
    letters = list(_letters(text, words[0].start(), end))
    place = len(letters)
    for number in range(len(wanted) - 1, -1, -1):
        place -= 1
        while place >= 0 and not (
            letters[place][0] == wanted[number] and (number > 0 or letters[place][2])
        ):
            place -= 1
        if place < 0:
            return None
    found = letters[place][1], end
    long = text[slice(*found)]
    is_whole = all(long.count(left) == long.count(right) for left, right in ("()", "[]"))
    is_longer = len(long) > len(short) and short not in long.split()
    return found if is_whole and is_longer else None


def _greek_first(text: str, start: int, end: int, short: str) -> tuple[int, int] | None:
    """The long form that has the Greek letter of the short form in front: `gamma interferon`."""
    plain = "".join(GREEK.get(character.lower(), character) for character in short)
    names = _GREEK_NAME.findall(plain)
    if len(names) != 1:
        return None
    long = _long_form(text, start, end, plain.replace(names[0], ""))
    words = list(_WORD.finditer(text, start, long[0])) if long else []
    if not long or not words:
        return None
    before = words[-1][0].lower().strip("-")
    return (words[-1].start(), long[1]) if GREEK.get(before, before) == names[0] else None


def _letters(text: str, start: int, end: int) -> Iterator[tuple[str, int, bool]]:
    """Letters and digits in lower case, where each is, and whether a word begins with it."""
    before = " "
    for position in range(start, end):
        character = text[position].lower()
        if name := GREEK.get(character):
            for number, letter in enumerate(name):
                yield letter, position, number == 0
        elif character.isalnum():
            yield character, position, not before.isalnum() or before in GREEK
        before = character


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """The offsets without the white space at both ends."""
    content = text[start:end]
    start += len(content) - len(content.lstrip())
    return start, start + len(content.strip())
