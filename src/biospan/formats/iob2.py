"""IOB2 or IOBES columns: a token and its tag on each line, a blank line between sentences.

Documents begin at a line `###MEDLINE:id` (the GENIA project's mark) or a row `-DOCSTART-` (the
CoNLL tasks' mark); without marks each sentence is a document. The first column is the token, the
last is the tag; columns between them are passed over. A file is read as IOBES if any of its tags is
none of IOB2.
"""

import logging
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TextIO

from biospan import tags
from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.errors import InputError
from biospan.formats.genia import genia_tokens
from biospan.formats.record import Record, Rejected
from biospan.formats.text import BYTE_ORDER_MARK, read_text
from biospan.segment import sentence_spans

logger = logging.getLogger(__name__)

_MARKS = ("###MEDLINE:", "-DOCSTART-")
_MARK = re.compile(r"###MEDLINE:([^\t]*)|-DOCSTART-(?:[ \t][^(]*(?:\((.*)\))?.*)?")
# What would break the columns, or be read as something else than a token.
_UNWRITABLE = re.compile("[\t\n\r\0\ud800-\udfff]|\\A\ufeff|\\A-(?=DOCSTART-\\Z)")


class _Sentence(NamedTuple):
    """Rows on consecutive lines; a row that cannot be used has an empty tag."""

    line: int
    tokens: list[str]
    tags: list[str]


@dataclass
class _Draft:
    """A document while its file is read."""

    id: str = ""
    sentences: list[_Sentence] = field(default_factory=list)


class _Parsed(NamedTuple):
    """A file; problems are (line number, what is wrong)."""

    drafts: list[_Draft]
    problems: list[tuple[int, str]]
    scheme: tags.Scheme

    def sentences(self) -> Iterator[_Sentence]:
        for draft in self.drafts:
            yield from draft.sentences


def read(path: Path | str) -> Iterator[Document]:
    """Read documents, strictly; their ids are the marks', else numbers from 1.

    A document's text is its tokens, a space between them, and a newline between sentences.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If the file is not UTF-8, holds no sentence, or breaks the format or its scheme
            anywhere; the first 20 problems of the whole file are listed.
    """
    parsed = _parse_strictly(path)
    _raise_problems(path, parsed.problems)
    return _documents(parsed)


def records(path: Path | str) -> Iterator[Record]:
    """Read as `read` does, and go on after a document in which something is wrong.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If the file is not UTF-8 or holds no sentence.
    """
    parsed = _parse_strictly(path)
    problems = sorted(parsed.problems)
    for draft in parsed.drafts:
        wrong = _of_draft(draft, problems)
        if wrong:
            more = f" (and {len(wrong) - 1} more in `{draft.id}`)" if len(wrong) > 1 else ""
            yield Rejected(f"{path}:{wrong[0][0]}", wrong[0][1] + more)
        else:
            yield _document(draft, parsed.scheme)


def examine(path: Path | str) -> tuple[list[Document], list[str]]:
    """Read what can be read, and say of every line what is wrong with it, at any number of them.

    The documents lack the rows that cannot be used; tags of IOB2 are repaired, and those of IOBES
    that break it mark nothing.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If the file is not UTF-8 or holds no sentence.
    """
    parsed = _parse_strictly(path)
    for sentence in parsed.sentences():
        usable = [index for index, tag in enumerate(sentence.tags) if tag]
        sentence.tokens[:] = [sentence.tokens[index] for index in usable]
        sentence.tags[:] = [sentence.tags[index] for index in usable]
        if parsed.scheme == "IOB2":
            sentence.tags[:] = tags.repair(sentence.tags)
    for draft in parsed.drafts:
        draft.sentences = [sentence for sentence in draft.sentences if sentence.tokens]
    return list(_documents(parsed)), _located(path, parsed.problems)


def read_strict(path: Path | str) -> Iterator[Document]:
    """Read documents; a tag that belongs to no entity opened as it should be marks nothing.

    How many there are is logged.

    Raises:
        MissingInputError: If there is no such file.
        InputError: As for `read`, but for what marks nothing.
    """
    parsed = _parse(path)
    _raise_problems(path, parsed.problems)
    dropped = 0
    for sentence in parsed.sentences():
        if tags.problems(sentence.tags, parsed.scheme):
            spans = tags.to_spans(sentence.tags, parsed.scheme)
            legal = tags.from_spans(len(sentence.tags), spans, parsed.scheme)
            dropped += sum(map(str.__ne__, legal, sentence.tags))
    if dropped:
        logger.warning("%s: %s tags belong to no entity and mark nothing", path, f"{dropped:,}")
    return _documents(parsed)


def read_repaired(path: Path | str) -> Iterator[Document]:
    """Read documents, with `B-` for an `I-` that nothing opened; how many is logged.

    IOBES is read as `read` does: what was meant by tags that break it, nobody knows.

    Raises:
        MissingInputError: If there is no such file.
        InputError: As for `read`, but for what was mended.
    """
    parsed = _parse(path)
    if parsed.scheme == "IOBES":
        return read(path)
    _raise_problems(path, parsed.problems)
    mended = 0
    for sentence in parsed.sentences():
        if found := tags.problems(sentence.tags):
            mended += len(found)
            sentence.tags[:] = tags.repair(sentence.tags)
    if mended:
        logger.warning(
            "%s: %s tags that IOB2 does not allow there were mended", path, f"{mended:,}"
        )
    return _documents(parsed)


def read_ids(path: Path | str) -> list[str]:
    """Document ids of a file's marks, in order; rows are not looked at.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If the file is not UTF-8.
    """
    lines = read_text(path).removeprefix(BYTE_ORDER_MARK).split("\n")
    return [found for line in lines if (found := _mark_id(line)) is not None]


def write(documents: Iterable[Document], stream: TextIO, scheme: tags.Scheme = "IOB2") -> None:
    """Write documents as columns, each after a mark, which holds its id if it has one.

    A document without tokens gets tokens like GENIA's, cut at every entity's edge as GENIA does, so
    that no entity is widened. Characters that would break the columns are written as U+FFFD. What
    columns cannot hold is counted in one warning.
    """
    counts: Counter[str] = Counter()
    for document in documents:
        if document.id:
            stream.write(f"###MEDLINE:{_writable(document.id, counts)}\n\n")
        else:
            stream.write("-DOCSTART-\tO\n\n")
        sentences = _token_offsets(document)
        alignment = tags.align(sentences, document.entities)
        counts["entities widened to whole tokens"] += alignment.widened
        counts["entities left out because they overlap another"] += alignment.overlapping
        counts["entities left out because no sentence holds them"] += alignment.homeless
        for offsets, spans in zip(sentences, alignment.spans, strict=True):
            for (start, end), tag in zip(
                offsets, tags.from_spans(len(offsets), spans, scheme), strict=True
            ):
                token = _writable(document.text[start:end], counts)
                stream.write(f"{token}\t{_writable(tag, counts)}\n")
            stream.write("\n")
    if lost := ", ".join(f"{count:,} {what}" for what, count in counts.items() if count):
        logger.warning("%s columns cannot hold all of it: %s", scheme, lost)


def write_iobes(documents: Iterable[Document], stream: TextIO) -> None:
    """Write as `write` does, with tags of IOBES."""
    write(documents, stream, "IOBES")


def _parse(path: Path | str) -> _Parsed:
    """Cut a file into documents and sentences."""
    drafts = [_Draft()]
    sentence: _Sentence | None = None
    rows = _Rows()
    for number, line in enumerate(
        read_text(path).removeprefix(BYTE_ORDER_MARK).split("\n"), start=1
    ):
        line = line.removesuffix("\r")
        if not line or not line.strip(" \t"):
            sentence = None
        elif line.startswith(_MARKS) and (document_id := _mark_id(line)) is not None:
            drafts.append(_Draft(document_id))
            sentence = None
        else:
            if sentence is None:
                sentence = _Sentence(number, [], [])
                drafts[-1].sentences.append(sentence)
            token, tag = rows.parse(number, line)
            sentence.tokens.append(token)
            sentence.tags.append(tag)
    if not any(draft.sentences for draft in drafts):
        raise InputError(f"{path}: no sentences, expected lines of token and tag")
    return _Parsed(_arranged(drafts), rows.problems, rows.scheme())


def _parse_strictly(path: Path | str) -> _Parsed:
    parsed = _parse(path)
    for sentence in parsed.sentences():
        parsed.problems.extend(_sequence_problems(sentence, parsed.scheme))
    return parsed


def _arranged(drafts: list[_Draft]) -> list[_Draft]:
    """Without marks make each sentence a document; number documents that have no id."""
    if len(drafts) == 1:
        drafts = [_Draft(sentences=[sentence]) for sentence in drafts[0].sentences]
    elif not drafts[0].sentences:
        del drafts[0]
    for number, draft in enumerate(drafts, start=1):
        draft.id = draft.id or str(number)
    return drafts


def _mark_id(line: str) -> str | None:
    """Return the id that a document mark carries, empty if none; None for any other line."""
    if not line.startswith(_MARKS) or not (match := _MARK.fullmatch(line.strip())):
        return None
    return (match[1] or match[2] or "").strip()


class _Rows:
    """Rows of one file: they all have the same number of columns."""

    def __init__(self) -> None:
        self.problems: list[tuple[int, str]] = []
        self._n_columns = 0
        self._tag_problems: dict[str, str | None] = {}

    def parse(self, number: int, line: str) -> tuple[str, str]:
        """Token and tag of a line; the tag is empty if something is wrong with the line."""
        columns = line.split("\t") if "\t" in line else [word for word in line.split(" ") if word]
        token, tag = columns[0], columns[-1]
        if tag not in self._tag_problems:
            self._tag_problems[tag] = _tag_problem(tag)
        if len(columns) < 2:
            problem: str | None = f"got `{line[:40]}`, expected a token, a tab and a tag"
        elif len(columns) != (self._n_columns or len(columns)):
            problem = f"{len(columns)} columns, expected {self._n_columns} as in the lines before"
        elif not token:
            problem = "empty token"
        elif "\0" in line:
            problem = "NUL character. Convert the file to UTF-8."
        else:
            self._n_columns = len(columns)
            problem = self._tag_problems[tag]
        if problem is None:
            return token, tag
        self.problems.append((number, problem))
        return token, ""

    def scheme(self) -> tags.Scheme:
        """What the tags so far are of."""
        return tags.scheme_of(tag for tag, problem in self._tag_problems.items() if not problem)


def _tag_problem(tag: str) -> str | None:
    try:
        tags.split(tag)
    except ValueError as error:
        return str(error)
    return None


def _sequence_problems(sentence: _Sentence, scheme: tags.Scheme) -> list[tuple[int, str]]:
    usable = [tag or tags.OUTSIDE for tag in sentence.tags]
    found = tags.problems(usable, scheme)
    mended = tags.repair(usable) if found and scheme == "IOB2" else []
    return [
        (
            sentence.line + index,
            f"{what}. Pass --repair to read it as `{mended[index]}`." if mended else what,
        )
        for index, what in found
        # Nobody knows what a broken row may follow, and what it.
        if sentence.tags[index] and (index == 0 or sentence.tags[index - 1])
    ]


def _of_draft(draft: _Draft, problems: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Those of a file's problems, sorted, that are in a document."""
    if not draft.sentences:
        return []
    first, last = draft.sentences[0], draft.sentences[-1]
    bounds = (first.line, last.line + len(last.tokens))  # rows are on consecutive lines
    return problems[slice(*(bisect_left(problems, (line, "")) for line in bounds))]


def _raise_problems(path: Path | str, problems: list[tuple[int, str]]) -> None:
    if problems:
        raise InputError.from_problems(_located(path, problems))


def _located(path: Path | str, problems: list[tuple[int, str]]) -> list[str]:
    return [f"{path}:{line}: {what}" for line, what in sorted(problems)]


def _documents(parsed: _Parsed) -> Iterator[Document]:
    for draft in parsed.drafts:
        yield _document(draft, parsed.scheme)


def _document(draft: _Draft, scheme: tags.Scheme) -> Document:
    text = "\n".join(" ".join(sentence.tokens) for sentence in draft.sentences)
    sentences: list[Sentence] = []
    entities: list[Entity] = []
    position = 0
    for sentence in draft.sentences:
        tokens = []
        for word in sentence.tokens:
            tokens.append(Token(position, position + len(word), word))
            position += len(word) + 1
        sentences.append(Sentence(tokens[0].start, tokens[-1].end, tuple(tokens)))
        for span in tags.to_spans(sentence.tags, scheme):
            start, end = tokens[span.start].start, tokens[span.end - 1].end
            entities.append(Entity(start, end, span.label, text[start:end]))
    passages = (Passage(0, len(text), sentences=tuple(sentences)),) if sentences else ()
    return Document(text, draft.id, passages, tuple(entities))


def _token_offsets(document: Document) -> list[list[tuple[int, int]]]:
    """Return the half-open character offsets of the tokens of every sentence that has any."""
    given = [
        [(token.start, token.end) for token in sentence.tokens]
        for sentence in document.sentences()
        if sentence.tokens
    ]
    if given:
        return given
    edges = sorted({edge for e in document.entities for edge in (e.start, e.end)})
    bounds = [(sentence.start, sentence.end) for sentence in document.sentences()]
    return [
        genia_tokens(
            document.text, start, end, edges[bisect_right(edges, start) : bisect_left(edges, end)]
        )
        for start, end in bounds or sentence_spans(document.text)
    ]


def _writable(value: str, counts: Counter[str]) -> str:
    written, replaced = _UNWRITABLE.subn("\ufffd", value)
    counts["characters replaced by U+FFFD"] += replaced
    return written
