"""XML files of many records: cut into records, each parsed by itself.

A record that is broken, or larger than any real one, is rejected alone, and memory holds one
record at a time. Nothing around the records reaches the parser but the namespaces of the root: no
document type, so no entity of anyone's making, internal or external, is expanded or fetched. The
named characters of HTML are known, as JATS's document type has them: `&alpha;`.
"""

import codecs
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from html.entities import html5
from pathlib import Path
from typing import BinaryIO, NamedTuple
from xml.etree.ElementTree import Element, ParseError, XMLParser
from xml.parsers.expat import errors

from biospan.errors import InputError
from biospan.formats.text import open_unpacked

MAX_RECORD = 64 * 2**20  # bytes
_CHUNK = 2**20  # bytes
_OVERLAP = 64  # bytes; a name and its bracket may lie across two chunks
_HEAD = 2**16  # bytes; where the root and its namespaces are looked for
_MARK = (  # one `<` in front of all, so that the search jumps from one to the next
    rb"<(?:(?P<aside>!--|!\[CDATA\[|\?)|(?P<open>%(names)s)(?=[\s>])|/(?P<close>%(names)s)\s*>"
    rb"|/(?P<end>%(root)s)\s*>)"
)
_ENDS = {b"!--": b"-->", b"![CDATA[": b"]]>", b"?": b"?>"}
_ASIDE = re.compile(rb"<!--.*?-->|<\?.*?\?>", re.DOTALL)
_ROOT = re.compile(rb"<([A-Za-z_:\x80-\xff][\w.:\x80-\xff-]*)")
_NAMED = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|&([A-Za-z][A-Za-z0-9]{0,31});", re.DOTALL)
_NAMESPACE = re.compile(rb"""\s(xmlns:[A-Za-z_][\w.-]*)\s*=\s*("[^"<]*"|'[^'<]*')""")
_ENCODING = re.compile(rb"""^(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.-]+)["']""")
# What the declaration of a real file names; codecs that run far or decode twice are not among them.
_ENCODINGS = {"utf-8", "ascii", "iso8859-1", "cp1252", "utf-16"}


class Cut(NamedTuple):
    """A record as it stands in its file.

    Attributes:
        number: From 1.
        name: Of its element.
        content: For `parse`; None if it is larger than `MAX_RECORD` or the file ends inside it.
    """

    number: int
    name: str
    content: bytes | None


def cut(stream: BinaryIO, names: Sequence[str], *, max_bytes: int = MAX_RECORD) -> Iterator[Cut]:
    """The elements of these names, in order; none may contain another.

    Comments, CDATA sections and processing instructions that look like records are none, and
    neither are elements without anything between their tags, `<document/>`.

    Args:
        stream: From its beginning.
        names: Of elements, without a namespace.
        max_bytes: Of a record.

    Raises:
        InputError: If the file names an encoding that is none of the usual ones, its bytes are not
            in it, or it ends between two records, before its root does.
    """
    window = _Window(_utf8_chunks(stream), max_bytes)
    root = _root(window.data)
    listed = b"|".join(re.escape(name.encode()) for name in names)
    wrapper = _wrapper(window.data, listed)
    mark = re.compile(_MARK % {b"names": listed, b"root": re.escape(root)})
    number, name = 0, b""
    ended = not root or root.decode() in names or _ends_at_once(window.data, root)
    for match in _marks(window, mark):
        if match["open"]:
            if name:  # its end tag is missing; the one that begins may be sound
                record = window.record(match.start())
                yield Cut(number, name.decode(), None if record is None else wrapper % record)
            number, name, window.begin = number + 1, match["open"], match.start()
        elif match["close"] and match["close"] == name:
            record = window.record(match.end())
            yield Cut(number, name.decode(), None if record is None else wrapper % record)
            name, window.begin = b"", None
        ended = ended or bool(match["end"])
    if name:
        yield Cut(number, name.decode(), None)
    elif not ended:
        raise InputError(f"ends before `</{root.decode()}>`: part of the file is missing")


def parse(content: bytes) -> Element:
    """The element that was cut. Entities are those of XML and of HTML, `&alpha;`; no others.

    Raises:
        InputError: If it is not well-formed.
    """
    try:
        try:
            return _element(content)
        except ParseError as error:
            if error.code != errors.codes[errors.XML_ERROR_UNDEFINED_ENTITY]:
                raise
            return _element(_NAMED.sub(_numbered, content))
    except (ParseError, ValueError, IndexError) as error:
        raise InputError(f"not well-formed XML: {error}") from error


def _element(content: bytes) -> Element:
    parser = XMLParser()  # noqa: S314 - it sees a record only: no document type, so no entities
    parser.feed(content)
    return parser.close()[0]


def _numbered(match: re.Match[bytes]) -> bytes:
    """The characters that a name stands for, by their numbers; what is no such name as it is."""
    characters = html5.get(f"{match[1].decode()};", "") if match[1] else ""
    # Entities of XML itself stay: `&lt;` is no bracket.
    named = "" if characters in "<>&'\"" else characters
    return b"".join(b"&#%d;" % ord(character) for character in named) or match[0]


def root_name(path: Path | str) -> str:
    """The name of a file's root element, as it is written there; empty if there is none.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it cannot be opened, is damaged, or is in an encoding that is not known.
    """
    with open_unpacked(path) as stream:
        return _root(next(_utf8_chunks(stream))).decode()


class _Window:
    """The part of a stream that is still needed: from the record that is open, if one is."""

    def __init__(self, chunks: Iterator[bytes], max_bytes: int) -> None:
        self._chunks = chunks
        self._max_bytes = max_bytes
        self.data = next(chunks)
        self.position = 0  # in the data; what is before it has been looked at
        self.begin: int | None = None  # of the open record; before the data if that was let go

    def grow(self) -> bool:
        """Add a chunk, and let go of what is not needed; False at the end of the stream."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        needed = self.position
        if self.begin is not None and self.position - self.begin <= self._max_bytes:
            needed = self.begin
        self.data = self.data[needed:] + chunk
        self.position -= needed
        if self.begin is not None:
            self.begin -= needed
        return True

    def record(self, end: int) -> bytes | None:
        """The open record up to a place in the data; None if it is too large."""
        if self.begin is None or end - self.begin > self._max_bytes:
            return None
        return self.data[self.begin : end]


def _marks(window: _Window, mark: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
    """Tags, in order, but for what looks like tags in comments and the like."""
    while True:
        match = mark.search(window.data, window.position)
        if match is None:
            window.position = max(window.position, len(window.data) - _OVERLAP)
            if not window.grow():
                return
        elif match["aside"]:
            window.position = match.end()
            _pass_over(window, _ENDS[match["aside"]])
        else:
            window.position = match.end()
            yield match


def _pass_over(window: _Window, end: bytes) -> None:
    """Go on behind the next `end`, or to the end of the stream."""
    while (found := window.data.find(end, window.position)) < 0:
        window.position = max(window.position, len(window.data) - len(end) + 1)
        if not window.grow():
            window.position = len(window.data)
            return
    window.position = found + len(end)


def _root(head: bytes) -> bytes:
    match = _ROOT.search(_ASIDE.sub(b"", head[:_HEAD]))
    return match[1] if match else b""


def _ends_at_once(head: bytes, root: bytes) -> bool:
    """Whether the root holds nothing: `<root/>`."""
    tag = rb"<%s(?:\s(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)?/>" % re.escape(root)
    return re.search(tag, _ASIDE.sub(b"", head[:_HEAD])) is not None


def _wrapper(head: bytes, names: bytes) -> bytes:
    """An element for `%` to put a record into, with the namespaces declared around records."""
    around = re.split(rb"<(?:%s)[\s>]" % names, _ASIDE.sub(b"", head[:_HEAD]), maxsplit=1)[0]
    declared = dict(_NAMESPACE.findall(around))
    attributes = b"".join(b" %s=%s" % item for item in declared.items()).replace(b"%", b"%%")
    return b"<record%s>%%s</record>" % attributes


def _utf8_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream's bytes, in UTF-8 whatever its declaration or its byte order mark says."""
    blocks = _blocks(stream)
    data = next(blocks)
    encoding = _encoding(data)
    decoder = codecs.getincrementaldecoder(encoding)() if encoding != "utf-8" else None
    while True:
        try:
            yield data if decoder is None else decoder.decode(data, final=not data).encode()
        except UnicodeError as error:
            raise InputError(f"says it is in `{encoding}`, and is not: {error}") from error
        if not data:
            return
        data = next(blocks)


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Blocks of `_CHUNK` bytes, a shorter one, and an empty one.

    A stream that is damaged gives what stands before the damage, and raises then; `read` of the
    standard library's gzip drops up to a block of that.
    """
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    while True:
        parts, missing = [], _CHUNK
        try:
            while missing and (part := read(missing)):
                parts.append(part)
                missing -= len(part)
        except (OSError, EOFError, zlib.error):
            yield from parts
            raise
        yield b"".join(parts)


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    declared = _ENCODING.search(head)
    if declared is None:
        return "utf-8"
    said = declared[1].decode()
    try:
        known = codecs.lookup(said).name
    except LookupError:
        known = ""
    if known not in _ENCODINGS:
        raise InputError(
            f"says it is in `{said:.40}`, expected one of {', '.join(sorted(_ENCODINGS))}"
        )
    # ASCII is UTF-8; what is not ASCII after all is told where it stands.
    return "utf-8" if known == "ascii" else known
