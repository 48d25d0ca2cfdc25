"""XML files of many records: cut into records, each parsed by itself.

A record that is broken, or larger than any real one, is rejected alone, and memory holds one
record at a time. Nothing around the records reaches the parser but the namespaces of the root: no
document type, so no entity of anyone's making, internal or external, is expanded or fetched.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple
from xml.etree.ElementTree import Element, ParseError, XMLParser

from biospan.errors import InputError

MAX_RECORD = 64 * 2**20  # bytes
_CHUNK = 2**20  # bytes
_OVERLAP = 64  # bytes; a name and its bracket may lie across two chunks
_HEAD = 2**16  # bytes; where the root's namespaces are looked for
_MARK = rb"(?P<aside><!--|<!\[CDATA\[|<\?)|<(?P<open>%s)(?=[\s>])|</(?P<close>%s)\s*>|<(?:%s)\s*/>"
_ENDS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_NAMESPACE = re.compile(rb"""\sxmlns:[A-Za-z_][\w.-]*\s*=\s*(?:"[^"<]*"|'[^'<]*')""")
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

    Comments, CDATA sections and processing instructions that look like records are none.

    Args:
        stream: From its beginning.
        names: Of elements, without a namespace.
        max_bytes: Of a record.

    Raises:
        InputError: If the file names an encoding that is none of the usual ones, or its bytes are
            not in it.
    """
    listed = b"|".join(re.escape(name.encode()) for name in names)
    mark = re.compile(_MARK % (listed, listed, listed))
    chunks = _utf8_chunks(stream)
    buffer = next(chunks)
    opening = next((m for m in mark.finditer(buffer) if not m["aside"]), None)
    head = buffer[: opening.start() if opening else _HEAD]
    wrapper = b"<record%s>%%s</record>" % b"".join(_NAMESPACE.findall(head)).replace(b"%", b"%%")
    number, name, begin, position, aside = 0, b"", 0, 0, b""
    while True:
        if aside:
            found = buffer.find(aside, position)
            match = None
        else:
            found = -1
            match = mark.search(buffer, position)
        if found >= 0:
            position, aside = found + len(aside), b""
        elif match is None:
            position = max(position, len(buffer) - _OVERLAP)
            if name and position - begin <= max_bytes:
                begin, kept = 0, begin
            else:  # between records, or in one that is too large to keep: only remember that
                begin, kept = begin - position, position
            more = next(chunks, None)
            if more is None:
                break
            buffer, position = buffer[kept:] + more, position - kept
        else:
            position = match.end()
            if match["aside"]:
                aside = _ENDS[match["aside"]]
            elif match["open"] and not name:
                name, begin = match["open"], match.start()
                number += 1
            elif match["close"] == name:
                content = None
                if position - begin <= max_bytes:
                    content = wrapper % buffer[begin:position]
                yield Cut(number, name.decode(), content)
                name = b""
    if name:
        yield Cut(number, name.decode(), None)


def parse(content: bytes) -> Element:
    """The element that was cut.

    Raises:
        InputError: If it is not well-formed.
    """
    parser = XMLParser()
    try:
        parser.feed(content)
        return parser.close()[0]
    except (ParseError, ValueError, IndexError) as error:
        raise InputError(f"not well-formed XML: {error}") from error


def _utf8_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream's bytes, in UTF-8 whatever its declaration or its byte order mark says."""
    data = stream.read(max(_CHUNK, _HEAD))
    encoding = _encoding(data)
    decoder = codecs.getincrementaldecoder(encoding)() if encoding != "utf-8" else None
    while True:
        try:
            yield data if decoder is None else decoder.decode(data, final=not data).encode()
        except UnicodeError as error:
            raise InputError(f"says it is in `{encoding}`, and is not: {error}") from error
        if not data:
            return
        data = stream.read(_CHUNK)


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
