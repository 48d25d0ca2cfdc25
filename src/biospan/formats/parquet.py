"""Documents as Parquet: a row for each, so that one query reads a corpus of any size.

Columns: `id`, `text`, `passages`, `entities`, `metadata`, nested as in `Document.to_dict`. Other
columns are passed over, and all but `text` may be missing. Memory holds one group of rows.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from biospan.document import Document
from biospan.errors import InputError, MissingDependencyError
from biospan.formats.record import Record, Rejected, documents
from biospan.formats.text import open_input
from biospan.highlight import replace_surrogates

logger = logging.getLogger(__name__)

COLUMNS = ("id", "text", "passages", "entities", "metadata")
_MAX_ROWS = 1024  # documents of a row group
_MAX_CHARACTERS = 2**24  # of a row group's texts
_ROWS_AT_ONCE = 64  # documents that are made into Python objects at a time


def read(path: Path | str) -> Iterator[Document]:
    """Read documents one by one.

    Raises:
        MissingInputError: If there is no such file.
        MissingDependencyError: If pyarrow is not installed.
        InputError: If the file is not Parquet, has no column `text`, or at the first row that is
            not a document.
    """
    return documents(records(path))


def records(path: Path | str) -> Iterator[Record]:
    """Read as `read` does, and go on after a row that is not a document.

    Raises:
        MissingInputError: If there is no such file.
        MissingDependencyError: If pyarrow is not installed.
        InputError: If the file is not Parquet, is damaged, or has no column `text`.
    """
    pyarrow, parquet = _pyarrow()
    with open_input(path) as stream:
        try:
            file = parquet.ParquetFile(stream)
            names = file.schema_arrow.names
            if "text" not in names:
                raise InputError(f"{path}: no column `text`, got {', '.join(names):.200}")
            if others := [name for name in names if name not in COLUMNS]:
                logger.warning("%s: columns passed over: %s", path, ", ".join(others))
            columns = [name for name in COLUMNS if name in names]
            number = 0
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=columns):
                for row in range(batch.num_rows):
                    number += 1
                    try:
                        yield _document(batch.slice(row, 1).to_pylist()[0])
                    except (InputError, ValueError, TypeError, AttributeError) as error:
                        # All but the first are what columns of other types lead to.
                        yield Rejected(f"{path}, record {number}", str(error))
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(f"{path}: no Parquet file, or a damaged one: {error}") from error


def write(documents: Iterable[Document], stream: BinaryIO) -> None:
    """Write documents in groups of rows, as they come; U+FFFD for each lone surrogate.

    The same documents give the same bytes with the same release of pyarrow.

    Raises:
        MissingDependencyError: If pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow()
    schema = _schema(pyarrow)
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for rows in _row_groups(documents):
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))


def _row_groups(documents: Iterable[Document]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    characters = 0
    for document in documents:
        rows.append(_row(document))
        characters += len(document.text)
        if len(rows) == _MAX_ROWS or characters >= _MAX_CHARACTERS:
            yield rows
            rows, characters = [], 0
    if rows:
        yield rows


def _row(document: Document) -> dict[str, Any]:
    """A document's `to_dict` in the types of the schema."""
    row: dict[str, Any] = _encodable(document.to_dict())
    for passage in row["passages"]:
        for sentence in passage["sentences"]:
            sentence["tokens"] = [{"start": s, "end": e} for s, e in sentence["tokens"]]
    row["metadata"] = list(row["metadata"].items())
    return row


def _document(row: dict[str, Any]) -> Document:
    """The document of a row; what is null is missing."""
    data = _without_nulls(row)
    if type(data.get("id")) is int:  # as PMIDs are in the tables of others
        data["id"] = str(data["id"])
    for passage in data.get("passages", ()):
        for sentence in passage.get("sentences", ()):
            if "tokens" in sentence:
                sentence["tokens"] = [[t.get("start"), t.get("end")] for t in sentence["tokens"]]
    if "metadata" in data:
        data["metadata"] = dict(data["metadata"])
    return Document.from_dict(data)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def _schema(pyarrow: Any) -> Any:
    span = [("start", pyarrow.int32()), ("end", pyarrow.int32())]
    tokens = pyarrow.list_(pyarrow.struct(span))
    sentences = pyarrow.list_(pyarrow.struct([*span, ("tokens", tokens)]))
    kind = [("kind", pyarrow.string()), ("section", pyarrow.string())]
    names = [(name, pyarrow.string()) for name in ("id", "source")]
    entity = [
        *span,
        ("label", pyarrow.string()),
        ("text", pyarrow.string()),
        ("score", pyarrow.float64()),
        *names,
    ]
    return pyarrow.schema(
        [
            ("id", pyarrow.string()),
            ("text", pyarrow.string()),
            (
                "passages",
                pyarrow.list_(pyarrow.struct([*span, *kind, ("sentences", sentences)])),
            ),
            ("entities", pyarrow.list_(pyarrow.struct(entity))),
            ("metadata", pyarrow.map_(pyarrow.string(), pyarrow.string())),
        ]
    )


def _pyarrow() -> tuple[Any, Any]:
    """The modules `pyarrow` and `pyarrow.parquet`."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependencyError("pyarrow", "parquet") from error
    return pyarrow, parquet
