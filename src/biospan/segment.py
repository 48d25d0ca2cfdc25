"""Where the sentences and the decision units of a text are.

Pure functions on strings: they return half-open code-point spans and never change the text. The
rules are for English biomedical prose. They mend text that is wrapped at a width, know no other
language's abbreviations, and do not imitate the tokens of a corpus.

Every expression below consumes what it reads or looks a bounded distance around itself, and none
can fail after an unbounded run, so time is linear in the length of any text.
"""

import re
from collections.abc import Iterator
from itertools import pairwise


def _words(table: str) -> frozenset[str]:
    return frozenset(table.split())


# A full stop after one of these ends a sentence only before a word of `_STARTERS`.
_ABBREVIATIONS = _words(
    """
    al approx ca cf e.g eg etc i.e ie resp viz vs
    eq eqs fig figs ref refs suppl tab
    co corp dept dr inc ltd mr mrs ms ph.d prof st univ
    cv pv sp spp ssp str subsp subspp var
    acad am ann biochem biol biophys biosci biotechnol br bull chem clin commun curr endocrinol
    engl environ eur exp genet haematol hematol immunol int lett med microbiol mol mutagen natl
    neurosci nucl oncol opin pathol pharmacol physiol proc res sci soc symp toxicol virol
    """
)
# These abbreviate only before a number (`no. 5`); elsewhere they are words and symbols.
_BEFORE_NUMBER = _words("No Nos Sec Vol n no nos p pp sec v ver vol")
# With a capital these open a sentence and almost never a name. `A` is an initial too often.
_STARTERS = _words(
    """
    Additionally After All Although An And As At Because Both But By Consistent Conversely During
    Each Finally For From Furthermore Hence Here However If In Interestingly It Its Moreover
    Nevertheless No On Our Results Several Since Some Such Surprisingly Taken That The Their Then
    There Therefore These They This Those Thus To Two Using We When Whereas Whether While With
    """
)
_STARTER = re.compile(rf"(?:{'|'.join(sorted(_STARTERS))})(?![\w-])")

# Characters. Mail and MEDLINE wrap text in this range; shorter lines are lists and headings.
_MIN_WIDTH, _MAX_WIDTH = 40, 120
_FIRST_WORD = re.compile(r"\s*\S{1,120}")
# What `str.splitlines` breaks at.
_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
# A bracket; or full stops with the closing marks and the citation that may be glued to them
# (`safe.[1,2]`, `safe.1,2`, `safe.¹`).
_EVENT = re.compile(
    r"""[(\[{)\]}]|[.?!…]+[)\]}"'\u2019\u201d»⁰¹²³⁴-⁹]*"""
    r"(?:\[\d[\d, \u2013-]{0,40}\]|(?<=[a-z)]{3}\.)\d{1,3}(?:[,\u2013-]\d{1,3}){0,9}(?=\s))?"
)
# The next word without its opening marks. MEDLINE glues its own remark to the last sentence.
_OPENING_MARKS = "([{\"'`\u2018\u201c«\u2013\u2014-"
_NEXT = re.compile(rf"\s+[{re.escape(_OPENING_MARKS)}]{{0,5}}(\S{{0,40}})|(?=\(ABSTRACT TRUNCATED)")
# Symbols that open a sentence in lower case: `p53`, `mRNA`, `c-fos`, `alpha-Amanitin`, `a)`.
_SYMBOL = re.compile(
    r"[\u00b5\u03b1-\u03c9]|\w*[A-Z0-9]|[a-z]{1,2}-[A-Za-z]|[a-z]+-(?:[A-Z]|\d)|[a-z]{1,3}\)"
    r"|(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|kappa|lambda|mu|sigma|tau|omega)\b"
)
_INITIAL = re.compile(r"[A-Z]\.")
_INITIALS = re.compile(r"(?:[^\W\d_]\.-?)+[^\W\d_]|[A-Z]")
_NOUN = re.compile(r"[a-z]{4}$")
_LIST_MARK = re.compile(r"\W*(?:\d{1,2}|[A-Za-z]|[ivxIVX]{1,4})")

_OPENING = {")": "(", "]": "[", "}": "{"}
# Characters. A bracket that closes later than this is taken for a slip.
_BRACKET_LIMIT = 1000
# Characters before a full stop that are looked at.
_LOOK_BACK = 40

# Combining marks are no `\w`: those that modify letters of any script, by block.
_MARKS = r"\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_TOKEN = re.compile(rf"\w[\w{_MARKS}]*|[^\w\s]")
# The same for the tokenizers library, whose `\w` has combining marks and not all digits.
_ONIGURUMA_MARKS = re.sub(r"\\u([0-9a-f]{4})", r"\\x{\1}", _MARKS)
_W = r"\p{L}\p{N}_"
UNIT_PATTERN = rf"[{_W}][{_W}{_ONIGURUMA_MARKS}]*|[^{_W}\s\x1c-\x1f]"


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Find the sentences of a text.

    Every character that is not white space is in exactly one span, and no span begins or ends
    with white space. A line break ends a sentence, unless the text is wrapped there (see
    `_is_wrapped`); nothing else does inside brackets.
    """
    spans = []
    for start, stop in _runs(text):
        for end in [*_boundaries(text, start, stop), stop]:
            sentence = text[start:end]
            left = start + len(sentence) - len(sentence.lstrip())
            if stripped := sentence.strip():
                spans.append((left, left + len(stripped)))
            start = end
    return spans


def token_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    r"""Find the decision units between two offsets: words (`\w+`) and single other characters.

    Combining diacritics stay with the word they modify, so that a word has the same edges
    composed and decomposed.
    """
    return [unit.span() for unit in _TOKEN.finditer(text, start, len(text) if end is None else end)]


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Stretches that only punctuation divides: lines, or the wrapped lines of a paragraph."""
    for paragraph in _paragraphs(text):
        width = max(end - start for start, end in paragraph)
        pairs = list(pairwise(paragraph))
        full = [_leaves_no_room(text, first, second, width) for first, second in pairs]
        # One full line is the longest of any list; a wrapped text is made of them.
        is_wrapped = width <= _MAX_WIDTH and sum(full) >= max(2, len(full) / 2)
        start = paragraph[0][0]
        for (first, second), is_full in zip(pairs, full, strict=True):
            if not ((is_wrapped and is_full) or _goes_on(text, first, second)):
                yield start, first[1]
                start = second[0]
        yield start, paragraph[-1][1]


def _paragraphs(text: str) -> Iterator[list[tuple[int, int]]]:
    """Lines that are not blank, grouped where single line feeds part them."""
    lines: list[tuple[int, int]] = []
    for line in _LINE.finditer(text):
        if line[0].isspace():
            continue
        if lines and text[lines[-1][1] : line.start()] not in ("\n", "\r\n"):
            yield lines
            lines = []
        lines.append(line.span())
    if lines:
        yield lines


def _leaves_no_room(text: str, line: tuple[int, int], after: tuple[int, int], width: int) -> bool:
    """Whether a line is full: the first word of the next would not fit in the width."""
    word = _FIRST_WORD.match(text, *after)
    return line[1] - line[0] + (len(word[0]) if word else 0) + 1 > width >= _MIN_WIDTH


def _goes_on(text: str, line: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether a line of some length stops without punctuation and the next starts in lower case."""
    is_open = line[1] - line[0] >= _MIN_WIDTH and text[line[1] - 1] not in ".?!:;"
    return is_open and text[slice(*after)].lstrip()[:1].islower()


def _boundaries(text: str, start: int, end: int) -> list[int]:
    """Return the offsets inside one run at which a sentence ends and another follows."""
    found: list[int] = []
    open_brackets: list[tuple[str, int, int]] = []
    for event in _EVENT.finditer(text, start, end):
        for character in event[0]:
            if character in "([{":
                open_brackets.append((character, event.start(), len(found)))
            elif open_brackets and open_brackets[-1][0] == _OPENING.get(character):
                _, opened, n_before = open_brackets.pop()
                # Only now is it known that the boundaries since then were inside brackets.
                if event.start() - opened <= _BRACKET_LIMIT:
                    del found[n_before:]
        if event[0][0] in ".?!…" and (following := _NEXT.match(text, event.end(), end)):
            sentence_start = found[-1] if found else start
            if following[1] is None or _ends_sentence(text, sentence_start, event, following[1]):
                found.append(event.end())
    return found


def _ends_sentence(text: str, start: int, event: re.Match[str], following: str) -> bool:
    """Decide whether the sentence that starts at `start` ends before the word `following`."""
    stop = event.start()
    before = text[max(start, stop - _LOOK_BACK) : stop]
    is_list_mark = stop - start < _LOOK_BACK and _LIST_MARK.fullmatch(before.strip())
    # Left out words, `CTTGG ... CCAAG`, unlike the end of a thought...
    is_gap = event[0].startswith("..") and before[-1:].isspace()
    if is_list_mark or is_gap or not _can_start(following):
        return False
    words = before.split()
    if event[0][0] in "?!" or not words or _STARTER.match(following):
        return True
    return not _is_abbreviated(words, following)


def _is_abbreviated(words: list[str], following: str) -> bool:
    """Whether the full stop after these words, before `following`, belongs to the last of them."""
    last = words[-1].lstrip(_OPENING_MARKS)
    if last.lower() in _ABBREVIATIONS:
        return True
    if last in _BEFORE_NUMBER:
        return following[:1].isdigit()
    if not _INITIALS.fullmatch(last):
        return False
    # A name (`J. Smith`, `(C. H. Fox`) unless a noun precedes: `kinase C.`, `injected i.p.`
    if len(words) == 1 or words[-1] != last or _INITIAL.match(following):
        return True
    return not _NOUN.search(words[-2]) or (len(last) > 1 and not last.islower())


def _can_start(word: str) -> bool:
    """Whether a sentence can start with this word, of which opening marks are removed."""
    if word[:1].islower():
        return bool(_SYMBOL.match(word))
    return not word or word[0] not in ",;:.?!%)]}"
