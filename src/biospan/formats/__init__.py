"""Reading and writing files of documents; the file's suffix says in which format.

One module per family of formats. Every reader takes a path and returns documents, every writer
takes documents and a text stream. Which corpus a file belongs to is not known here.
"""

import gzip
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TextIO, TypeVar

from biospan import highlight
from biospan.document import Document
from biospan.errors import InputError, MissingInputError, OutputError
from biospan.formats import brat, iob2, jsonl, table, text

T = TypeVar("T")
Reader = Callable[[Path], Iterator[Document]]
Writer = Callable[[Iterable[Document], TextIO], None]

FORMATS: Mapping[str, Writer] = MappingProxyType(
    {"jsonl": jsonl.write, "tsv": table.write, "brat": brat.write, "iob2": iob2.write}
)

_READERS: dict[str, Reader] = {
    **dict.fromkeys((".iob2", ".iob", ".conll", ".tsv", ".bio"), iob2.read),
    **dict.fromkeys((".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"), jsonl.read),
    ".txt": text.read,
    ".ann": brat.read,
}


def read(path: Path | str) -> Iterator[Document]:
    """Read documents from a file, or a folder of brat's `.txt` and `.ann` files.

    JSON lines are read as they are asked for; the other formats are checked as a whole first.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the suffix is not known or the content is not what the suffix says.
    """
    path = Path(path)
    if path.is_dir():
        return brat.read(path)
    if not path.exists():
        raise MissingInputError(f"{path}: no such file or folder")
    return _by_suffix(path, _READERS, InputError)(path)


def read_repaired(path: Path | str) -> Iterator[Document]:
    """Read as `read` does, but mend tags of IOB2 columns instead of refusing them.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the suffix is not known or the content cannot be mended.
    """
    columns = (
        Path(path).is_file()
        and is_known(path)
        and _by_suffix(Path(path), _READERS, InputError) is iob2.read
    )
    return iob2.read_repaired(path) if columns else read(path)


def is_known(path: Path | str) -> bool:
    """Whether `read` knows the suffix of a file."""
    return Path(path).name.lower().endswith(tuple(_READERS))


def write(documents: Iterable[Document], path: Path | str) -> None:
    """Write documents to a file by its suffix; a path without suffix is a folder for brat.

    Raises:
        InputError: If the format cannot hold a document.
        OutputError: If the suffix is not known or the file cannot be written.
    """
    path = Path(path)
    if path.is_dir() or not path.suffix:
        brat.write_dir(documents, path)
        return
    writer = _by_suffix(path, _WRITERS, OutputError)
    try:
        with _open_output(path) as stream:
            writer(documents, stream)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _by_suffix(path: Path, known: Mapping[str, T], error: type[Exception]) -> T:
    for suffix, value in known.items():
        if path.name.lower().endswith(suffix):
            return value
    raise error(f"{path}: unknown suffix `{path.suffix}`, expected one of {', '.join(known)}")


def _open_output(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        # No time stamp: the same documents give the same bytes.
        packed = gzip.GzipFile(path, "wb", mtime=0)
        return io.TextIOWrapper(packed, encoding="utf-8", newline="\n")
    return path.open("w", encoding="utf-8", newline="\n")


def _write_html(documents: Iterable[Document], stream: TextIO) -> None:
    fragments = (highlight.to_html(document.text, document.highlights()) for document in documents)
    stream.write(highlight.to_page("Entities", fragments))


_WRITERS: dict[str, Writer] = {
    **dict.fromkeys((".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"), jsonl.write),
    ".tsv": table.write,
    ".iob2": iob2.write,
    ".html": _write_html,
}
