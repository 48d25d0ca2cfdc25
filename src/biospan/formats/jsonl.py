"""Documents as JSON, one a line: the form that keeps everything a `Document` holds.

Output is pure ASCII, so that any text survives it, lone surrogates included. A file whose name
ends in `.gz` is read as gzip. `SCHEMA` is the form of a line as a JSON Schema.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TextIO

from biospan.document import Document, Entity
from biospan.errors import InputError
from biospan.formats.record import Record, Rejected, documents
from biospan.formats.text import line_records, open_unpacked

SCHEMA = Path(__file__).with_name("document.schema.json")


def read(path: Path | str) -> Iterator[Document]:
    """Read documents one by one; blank lines are passed over.

    A line is what `write` wrote, or the short form
    `{"id": ..., "text": ..., "entities": [[start, end, label], ...]}`.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If the file is not UTF-8, or at the first line that is not a document.
    """
    return documents(records(path))


def records(path: Path | str) -> Iterator[Record]:
    """Read as `read` does, and go on after a line that is not a document.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If packed data are damaged or cut.
    """
    for where, line in _lines(path):
        if isinstance(line, Rejected):
            yield line
            continue
        try:
            yield _document(line)
        except InputError as error:
            yield Rejected(where, str(error))


def examine(path: Path | str) -> tuple[list[Document], list[str]]:
    """Read what can be read, and list everything that is wrong: lines, and single entities.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If packed data are damaged or cut.
    """
    found: list[Document] = []
    problems: list[str] = []
    for where, line in _lines(path):
        if isinstance(line, Rejected):
            problems.append(str(line))
            continue
        try:
            found.append(_document(line))
        except InputError as error:
            document, wrong = _without_wrong_entities(line, where)
            found += [document] if document else []
            problems += wrong or [f"{where}: {error}"]
    return found, problems


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write one line per document, as the documents come."""
    for document in documents:
        stream.write(json.dumps(document.to_dict(), allow_nan=False) + "\n")


def _lines(path: Path | str) -> Iterator[tuple[str, str | Rejected]]:
    """Lines that are not blank, each after its place."""
    with open_unpacked(path) as stream:
        for number, line in enumerate(line_records(stream, path), start=1):
            if isinstance(line, Rejected) or line.strip():
                yield f"{path}:{number}", line


def _without_wrong_entities(line: str, where: str) -> tuple[Document | None, list[str]]:
    """The document of a broken line if only entities are wrong with it, and what is with them."""
    try:
        data = json.loads(line, parse_constant=_refuse)
        entities = data.pop("entities")
        document = Document.from_dict(data)
        alone = {"id": document.id, "text": document.text}
        sound: list[Entity] = []
        problems: list[str] = []
        for entity in list(entities):
            try:
                sound += Document.from_dict({**alone, "entities": [_long_form(entity)]}).entities
            except InputError as error:
                problems.append(f"{where}: {error}")
    except (ValueError, RecursionError, AttributeError, KeyError, TypeError, InputError):
        return None, []
    return document.with_entities(sound), problems


def _document(line: str) -> Document:
    try:
        data = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}") from error
    if not isinstance(data, dict):
        raise InputError(f"got {line[:40]}, expected an object with `text`")
    if isinstance(data.get("entities"), list):
        data["entities"] = [_long_form(entity) for entity in data["entities"]]
    return Document.from_dict(data)


def _long_form(entity: Any) -> Any:
    if not isinstance(entity, list):
        return entity
    if len(entity) != 3:
        raise InputError(f"entity {entity!r:.80}: expected [start, end, label]")
    return dict(zip(("start", "end", "label"), entity, strict=True))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"`{constant}` is not a JSON number")
