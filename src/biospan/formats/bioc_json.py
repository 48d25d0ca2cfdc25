"""BioC in JSON; `bioc` says what becomes of its parts.

Read are a collection, a list of collections or of documents, PubTator 3's export, and any of these
one after the other, as in JSON lines. Files are read in one piece, and written a document at a
time, in ASCII, so that any text survives.
"""

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

from biospan.document import Document
from biospan.errors import InputError
from biospan.formats.bioc import from_document, to_document, warning
from biospan.formats.record import Record, Rejected, documents
from biospan.formats.text import BYTE_ORDER_MARK, read_text

logger = logging.getLogger(__name__)

_DOCUMENTS = ("documents", "PubTator3")  # what collections call the list of their documents
_HEADER = {
    "bioctype": "BioCCollection",
    "source": "biospan",
    "date": "",
    "key": "",
    "version": "1.0",
    "infons": {},
}


def read(path: Path | str) -> Iterator[Document]:
    """Read documents; what they cannot hold is counted in one warning.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is not UTF-8 or too large, or at the first part that is not BioC, or
            whose offsets disagree with its text.
    """
    return documents(records(path))


def records(path: Path | str) -> Iterator[Record]:
    """Read as `read` does, and go on after a document or a line that is none.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is not UTF-8 or too large.
    """
    notes: Counter[str] = Counter()
    number = 0
    for value in _values(read_text(path).removeprefix(BYTE_ORDER_MARK), path):
        if isinstance(value, Rejected):
            yield value
            continue
        for data in _documents(value):
            number += 1
            try:
                document, found = to_document(data)
            except InputError as error:
                yield Rejected(f"{path}, record {number}", str(error))
                continue
            notes.update(found)
            yield document
    if notes:
        logger.warning("%s: %s", path, warning(notes))


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write a collection, each document as it comes, on a line of its own."""
    stream.write(json.dumps(_HEADER)[:-1] + ', "documents": [')
    for number, document in enumerate(documents):
        stream.write(",\n" if number else "\n")
        stream.write(json.dumps(from_document(document), allow_nan=False))
    stream.write("\n]}\n")


def _values(text: str, path: Path | str) -> Iterator[Any]:
    """The JSON values of a text, one after the other, and `Rejected` for what is none."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    position = 0
    while rest := text[position : position + 1]:
        if rest.isspace():
            position += 1
            continue
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            at = max(position, getattr(error, "pos", position))
            yield Rejected(f"{path}:{text.count(chr(10), 0, at) + 1}", f"not JSON: {error}")
            # The next value that begins a line may be sound.
            position = text.find("\n{", max(position, at - 1)) + 1 or len(text)
        else:
            yield value


def _documents(value: Any) -> Iterator[Any]:
    """The documents of a collection, of a list of collections or documents, or the value itself."""
    for item in value if isinstance(value, list) else [value]:
        names = [name for name in _DOCUMENTS if isinstance(item, dict) and name in item]
        if names and isinstance(item[names[0]], list):
            yield from item[names[0]]
        else:
            yield item


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"`{constant}` is not a JSON number")
