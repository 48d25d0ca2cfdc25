"""BioC in XML, a document at a time; `bioc` says what becomes of its parts.

Written files are in UTF-8 and have no document type, so that no reader looks for one.
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, TextIO
from xml.etree.ElementTree import Element

from biospan.document import Document
from biospan.errors import InputError
from biospan.formats import xml
from biospan.formats.bioc import from_document, to_document, warning
from biospan.formats.record import Record, Rejected, documents
from biospan.formats.text import open_unpacked

logger = logging.getLogger(__name__)

ROOT = "collection"
_PARTS = ("passage", "sentence", "annotation", "relation", "location")
_LISTS = tuple(f"{part}s" for part in _PARTS)
# What XML 1.0 has no place for, not even escaped (section 2.2, Char).
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# A parser makes newlines of `\r`, and spaces of white space in attributes, if they are not escaped.
_WHITE_SPACE = str.maketrans({"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


def read(path: Path | str) -> Iterator[Document]:
    """Read documents one by one; what they cannot hold is counted in one warning.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is no BioC collection or is cut, or at the first document that is broken
            or whose offsets disagree with its text.
    """
    return documents(records(path))


def records(path: Path | str) -> Iterator[Record]:
    """Read as `read` does, and go on after a document that is none.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is no BioC collection, or ends before the collection does.
    """
    if (root := xml.root_name(path)) != ROOT:
        raise InputError(f"{path}: the root element is `{root:.40}`, expected `{ROOT}`")
    notes: Counter[str] = Counter()
    with open_unpacked(path) as stream:
        try:
            for record in xml.cut(stream, ["document"]):
                yield _record(record, path, notes)
        except InputError as error:
            raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    if notes:
        logger.warning("%s: %s", path, warning(notes))


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write a collection, each document as it comes.

    Characters that XML cannot hold, such as most control characters, become U+FFFD, which keeps
    offsets, and are counted in one warning.
    """
    replaced = 0
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    stream.write("<collection><source>biospan</source><date></date><key></key>\n")
    for document in documents:
        written, count = _FORBIDDEN.subn("\ufffd", "".join(_document(from_document(document))))
        replaced += count
        stream.write(written)
    stream.write("</collection>\n")
    if replaced:
        logger.warning("%s characters that XML cannot hold are written as U+FFFD", f"{replaced:,}")


def _record(record: xml.Cut, path: Path | str, notes: Counter[str]) -> Record:
    where = f"{path}, record {record.number}"
    if record.content is None:
        size = xml.MAX_RECORD >> 20
        return Rejected(where, f"the file ends inside it, or it has more than {size} MiB")
    try:
        document, found = to_document(_data(xml.parse(record.content)))
    except InputError as error:
        return Rejected(where, str(error))
    notes.update(found)
    return document


def _data(element: Element, depth: int = 0) -> dict[str, Any]:
    """An element in the form that BioC JSON has."""
    if depth > 4:  # document, passage, sentence, annotation, location
        raise InputError("elements are nested deeper than in BioC")
    lists: dict[str, Any] = {}
    infons: dict[str, str] = {}
    texts = {}
    for child in element:
        if child.tag in _PARTS:
            lists.setdefault(f"{child.tag}s", []).append(_data(child, depth + 1))
        elif child.tag == "infon":
            infons[child.get("key", "")] = "".join(child.itertext())
        else:
            texts[child.tag] = "".join(child.itertext())
    # Attributes and other elements never stand in for lists, whatever they are called.
    return {**element.attrib, **texts, **{key: [] for key in _LISTS}, **lists, "infons": infons}


def _document(data: Mapping[str, Any]) -> Iterator[str]:
    yield f"<document><id>{_escaped(data['id'])}</id>{_infons(data)}"
    for passage in data["passages"]:
        yield f"<passage>{_infons(passage)}<offset>{passage['offset']}</offset>"
        yield f"<text>{_escaped(passage['text'])}</text>"
        yield from map(_annotation, passage["annotations"])
        yield "</passage>"
    yield from map(_annotation, data["annotations"])
    yield "</document>\n"


def _annotation(data: Mapping[str, Any]) -> str:
    places = "".join(
        f'<location offset="{place["offset"]}" length="{place["length"]}"/>'
        for place in data["locations"]
    )
    text = _escaped(data["text"])
    return (
        f'<annotation id="{_escaped(data["id"])}">{_infons(data)}{places}'
        f"<text>{text}</text></annotation>"
    )


def _infons(data: Mapping[str, Any]) -> str:
    return "".join(
        f'<infon key="{_escaped(key)}">{_escaped(value)}</infon>'
        for key, value in data["infons"].items()
    )


def _escaped(text: str) -> str:
    return escape(text).translate(_WHITE_SPACE)
