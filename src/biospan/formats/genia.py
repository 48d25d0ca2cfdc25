"""Tokens like those of the GENIA corpus, for writing columns from text that has none."""

import re
from collections.abc import Sequence
from itertools import pairwise

# Tokens as the GENIA corpus has them: brackets and most marks stand alone wherever they are; an
# apostrophe stays inside a word and as a prime (`5'`), but not at a word's end, nor before `s`.
_MARKS_ALONE = r"()\[\]{}\"“”,;:?!%<>"
_CLOSERS = frozenset(")]}\"”'")
_GENIA_TOKEN = re.compile(
    rf"[{_MARKS_ALONE}]|(?:[^\s{_MARKS_ALONE}']|(?<=\d)'(?!s\b)|'(?!s\b)(?=\w))+|'(?:s\b)?"
)


def genia_tokens(text: str, start: int, end: int, cuts: Sequence[int]) -> list[tuple[int, int]]:
    """Tokens of the sentence from `start` to `end` of a text, cut at offsets inside as well."""
    tokens = [
        match.span()
        for left, right in pairwise([start, *cuts, end])
        for match in _GENIA_TOKEN.finditer(text, left, right)
    ]
    # The sentence's own full stop stands alone, before closing marks if there are any.
    for index in range(len(tokens) - 1, -1, -1):
        left, right = tokens[index]
        if text[right - 1] == "." and right - left > 1 and text[left:right].strip("."):
            tokens[index : index + 1] = [(left, right - 1), (right - 1, right)]
        if text[left:right] not in _CLOSERS:
            break
    return tokens
