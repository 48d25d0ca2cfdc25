r"""PubTator: a title line, an abstract line and a line per entity, documents one after the other.

    10022127|t|IL-2 gene expression
    10022127|a|It requires NF-kappa B.
    10022127	0	4	IL-2	Gene	3558	0.98

Offsets are code points of the title, one separator and the abstract. In a document the separator
is the newline between its two passages; an empty title line means that there is no title, so the
text is the abstract and its offsets are one less than the file's. The sixth column is an
identifier (of several, `D001|D002`, all stay in it; `-` is none), the seventh, which this project
adds, a score.

What the format has no place for: who marked an entity (what is read has the source `pubtator`),
metadata, sentences, tokens, and passages but two. Format: Wei, Kao and Lu (2013), PubTator: a
web-based text mining tool for assisting biocuration, Nucleic Acids Research 41, W518-W522.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from biospan.document import Document, Entity, Passage
from biospan.errors import InputError
from biospan.formats.record import Record, Rejected, documents
from biospan.formats.text import line_records, open_unpacked
from biospan.highlight import replace_surrogates

logger = logging.getLogger(__name__)

MAX_RECORD = 64 * 2**20  # characters
_TEXT = re.compile(r"([^|\t]+)\|([ta])\|(.*)", re.DOTALL)
_OFFSET = re.compile(r"[0-9]{1,12}")
_SCORE = re.compile(r"[01](?:\.[0-9]*)?(?:e-[0-9]{1,3})?|[2-9](?:\.[0-9]*)?e-[0-9]{1,3}")
_NO_IDENTIFIER = "-"  # an empty column would be lost to readers that strip lines
# A text is on one line, and an entity's text in one column.
_ON_ONE_LINE = str.maketrans("\r\n", "  ")
_IN_A_COLUMN = str.maketrans("\r\n\t", "   ")

_Line = tuple[int, str]  # with its number in the file, from 1


def read(path: Path | str) -> Iterator[Document]:
    """Read documents one by one; relations are counted in one warning.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If the file is not UTF-8, or at the first document that is not in the format
            or whose entities disagree with its text.
    """
    return documents(records(path))


def records(path: Path | str) -> Iterator[Record]:
    """Read as `read` does, and go on after a document that is none.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If packed data are damaged or cut.
    """
    skipped: Counter[str] = Counter()
    with open_unpacked(path) as stream:
        for group in _grouped(enumerate(line_records(stream, path), start=1)):
            yield group if isinstance(group, Rejected) else _record(group, path, skipped)
    if skipped:
        counts = ", ".join(f"{count:,} x {kind}" for kind, count in sorted(skipped.items()))
        logger.warning("%s: read without: %s", path, counts)


def write(documents: Iterable[Document], stream: TextIO) -> None:
    r"""Write documents as they come; one without id gets its number.

    The title line holds the first passage if it is a title with a newline behind it, the abstract
    line everything else. As both are lines, `\n` and `\r` inside them become spaces, so that
    offsets stay. Lone surrogates, which UTF-8 cannot hold, become U+FFFD and are counted in one
    warning.

    Raises:
        InputError: If an id or a label is one that the format cannot hold.
    """
    replaced = 0
    for number, document in enumerate(documents, start=1):
        written = "".join(_lines(document, document.id or str(number)))
        sound = replace_surrogates(written)
        replaced += sum(map(str.__ne__, written, sound)) if written != sound else 0
        stream.write(sound)
    if replaced:
        logger.warning("%d lone surrogates, which UTF-8 cannot hold, written as U+FFFD", replaced)


def _grouped(lines: Iterable[tuple[int, str | Rejected]]) -> Iterator[list[_Line] | Rejected]:
    """The lines of each document: a title begins one, and so does an abstract of another id.

    No more is kept of a document than what is over `MAX_RECORD`, which `_record` refuses. A line
    that is none rejects its document; behind a blank line that is the next one.
    """
    group: list[_Line] = []
    name: str | None = ""  # of the document; None while no line tells
    size = 0
    broken: Rejected | None = None
    after_blank = False
    for number, line in lines:
        if isinstance(line, str) and not line.strip():
            after_blank = True
            continue
        match = _TEXT.match(line) if isinstance(line, str) else None
        begins = match and (match[2] == "t" or name not in (None, match[1]))
        if (group or broken) and (begins or (after_blank and isinstance(line, Rejected))):
            yield broken or group
            group, name, size, broken = [], None, 0, None
        if match:
            name = match[1]
        if isinstance(line, Rejected):
            broken = broken or line
        elif size <= MAX_RECORD:
            group.append((number, line))
            size += len(line)
        after_blank = False
    if group or broken:
        yield broken or group


def _record(lines: list[_Line], path: Path | str, skipped: Counter[str]) -> Record:
    number = lines[0][0]
    if sum(len(line) for _, line in lines) > MAX_RECORD:
        return Rejected(f"{path}:{number}", f"more than {MAX_RECORD:,} characters in one document")
    match = _TEXT.match(lines[0][1])
    if not match or match[2] != "t":
        return Rejected(f"{path}:{number}", f"got `{lines[0][1]:.40}`, expected `PMID|t|title`")
    name, title = match[1], match[3]
    abstracts = [found[3] for _, line in lines[1:] if (found := _TEXT.match(line))]
    abstract = "\n".join(abstracts) if abstracts else None
    text, passages, dropped = _laid_out(title, abstract)
    entities: list[Entity] = []
    problems: list[tuple[int, str]] = []
    ignored: Counter[str] = Counter()
    for number, line in lines[1:]:
        if _TEXT.match(line):
            continue
        columns = line.split("\t")
        try:
            entity = _entity(columns, name, text, dropped)
        except InputError as error:
            problems.append((number, str(error)))
            continue
        if entity is None:
            ignored["relation"] += 1
            continue
        entities.append(entity)
        if any(columns[6:]) and entity.score is None:
            ignored["seventh column that is no score"] += 1
    if problems:
        more = f" (and {len(problems) - 1} more in `{name}`)" if len(problems) > 1 else ""
        return Rejected(f"{path}:{problems[0][0]}", problems[0][1] + more)
    skipped.update(ignored)
    return Document(text, name, passages, tuple(entities))


def _laid_out(title: str, abstract: str | None) -> tuple[str, tuple[Passage, ...], int]:
    """Text, passages, and how many characters of the file's text are not in it."""
    if abstract is None:
        return title, (Passage(0, len(title), "title"),), 0
    if not title:
        return abstract, (Passage(0, len(abstract), "abstract"),), 1
    text = f"{title}\n{abstract}"
    first = Passage(0, len(title), "title")
    return text, (first, Passage(len(title) + 1, len(text), "abstract")), 0


def _entity(columns: list[str], name: str, text: str, dropped: int) -> Entity | None:
    """The entity of a line; None if it is a relation."""
    if columns[0] != name:
        raise InputError(f"got `{columns[0]:.40}` in the document `{name}`, expected its id")
    if len(columns) > 3 and columns[1][:1].isalpha():
        return None
    if len(columns) < 5 or not all(map(_OFFSET.fullmatch, columns[1:3])):
        line = " ".join(columns)
        raise InputError(f"got `{line:.60}`, expected columns `PMID start end text label`")
    said, label, identifier, last = [*columns[3:], "", ""][:4]
    start, end = int(columns[1]) - dropped, int(columns[2]) - dropped
    found = text[max(start, 0) : end]
    if found.translate(_IN_A_COLUMN) != said or len(found) != end - start:
        raise InputError(
            f"entity {columns[1]}-{columns[2]} says `{said[:40]}`, "
            f"the text has `{found[:40]}` there"
        )
    named = None if identifier in ("", _NO_IDENTIFIER) else identifier
    return Entity(start, end, label, found, _score(last), named, source="pubtator")


def _score(column: str) -> float | None:
    """A score between 0 and 1; None if something else is in the column."""
    return float(column) if _SCORE.fullmatch(column) and float(column) <= 1 else None


def _lines(document: Document, name: str) -> Iterator[str]:
    _check("id", name, "\t\r\n|")
    title, abstract = _divided(document)
    yield f"{name}|t|{title.translate(_ON_ONE_LINE)}\n"
    if abstract is not None:
        yield f"{name}|a|{abstract.translate(_ON_ONE_LINE)}\n"
    added = 0 if title or abstract is None else 1
    for entity in document.entities:
        _check("label", entity.label, "\t\r\n")
        said = entity.text.translate(_IN_A_COLUMN)
        span = (str(entity.start + added), str(entity.end + added))
        identifier = entity.id or _NO_IDENTIFIER
        _check("identifier", identifier, "\t\r\n")
        columns = [name, *span, said, entity.label, identifier]
        if entity.score is not None:
            columns.append(repr(entity.score))
        yield "\t".join(columns) + "\n"
    yield "\n"


def _divided(document: Document) -> tuple[str, str | None]:
    """The text of the title's line and of the abstract's; None if there is no such line."""
    text, first = document.text, next(iter(document.passages), None)
    if first and first.kind == "title" and first.end:
        if first.end == len(text):
            return text, None
        if text[first.end] == "\n":
            return text[: first.end], text[first.end + 1 :]
    return "", text


def _check(part: str, value: str, forbidden: str) -> None:
    if any(character in value for character in forbidden):
        raise InputError(
            f"PubTator cannot hold the {part} `{value:.80}`: expected no tab, no newline"
            + (" and no `|`" if "|" in forbidden else "")
        )
