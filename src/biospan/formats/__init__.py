"""Reading and writing documents: a file's suffix says how to read it, `FORMATS` how to write.

One module per family of formats. Every reader takes a path and returns documents, every writer
takes documents and a text stream. Which corpus a file belongs to is not known here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

from biospan.document import Document
from biospan.errors import InputError, MissingInputError
from biospan.formats import brat, iob2, jats, jsonl, pubmed, pubtator, table, text, xml
from biospan.formats.record import Record, Rejected, documents

Reader = Callable[[Path], Iterator[Document]]
Writer = Callable[[Iterable[Document], TextIO], None]

FORMATS: Mapping[str, Writer] = MappingProxyType(
    {
        "jsonl": jsonl.write,
        "tsv": table.write,
        "brat": brat.write,
        "iob2": iob2.write,
        "pubtator": pubtator.write,
    }
)


def _xml_records(path: Path) -> Iterator[Record]:
    root = xml.root_name(path)
    if read_records := _ROOTS.get(root):
        yield from read_records(path)
    else:
        got = f"the root element is `{root:.40}`" if root else "no element"
        raise InputError(f"{path}: {got}, expected one of {', '.join(_ROOTS)}")


def _xml_read(path: Path) -> Iterator[Document]:
    return documents(_xml_records(path))


_READERS: dict[str, Reader] = {
    **dict.fromkeys((".iob2", ".iob", ".conll", ".tsv", ".bio"), iob2.read),
    **dict.fromkeys((".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"), jsonl.read),
    **dict.fromkeys((".xml", ".nxml", ".xml.gz", ".nxml.gz"), _xml_read),
    **dict.fromkeys(
        (".pubtator", ".pubtator.txt", ".pubtator.gz", ".pubtator.txt.gz"), pubtator.read
    ),
    ".txt": text.read,
    ".ann": brat.read,
}
# What an XML file is, its root element says.
_ROOTS: dict[str, Callable[[Path], Iterator[Record]]] = {
    **dict.fromkeys(pubmed.ROOTS, pubmed.records),
    **dict.fromkeys(jats.ROOTS, jats.records),
}
# The formats whose readers go on after a record that is no document.
_RECORDS: dict[Reader, Callable[[Path], Iterator[Record]]] = {
    jsonl.read: jsonl.records,
    _xml_read: _xml_records,
    pubtator.read: pubtator.records,
}


def read(path: Path | str) -> Iterator[Document]:
    """Read documents from a file, or a folder of brat's `.txt` and `.ann` files.

    JSON lines are read as they are asked for; the other formats are checked as a whole first.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the suffix is not known or the content is not what the suffix says.
    """
    return _checked_reader(Path(path))(Path(path))


def records(path: Path | str) -> Iterator[Record]:
    """Read as `read` does, but give what is no document as `Rejected`, and go on.

    A file that cannot be read any further is one `Rejected` more.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the suffix is not known.
    """
    reader = _checked_reader(Path(path))
    return _to_the_end(_RECORDS.get(reader, reader), Path(path))


def read_strict(path: Path | str) -> Iterator[Document]:
    """Read as `read` does, but let tags of IOB2 columns that nothing opened mark nothing.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the suffix is not known or the content is not what the suffix says.
    """
    return iob2.read_strict(path) if is_columns(path) else read(path)


def read_repaired(path: Path | str) -> Iterator[Document]:
    """Read as `read` does, but mend tags of IOB2 columns instead of refusing them.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the suffix is not known or the content cannot be mended.
    """
    return iob2.read_repaired(path) if is_columns(path) else read(path)


def examine(path: Path | str) -> tuple[list[Document], list[str]]:
    """Read what can be read of a file or folder, and list everything that is wrong with it.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the suffix is not known, or nothing at all can be read.
    """
    if is_columns(path):
        return iob2.examine(path)
    if Path(path).is_dir() or _reader(Path(path)) is brat.read:
        return brat.examine(path)
    if _reader(Path(path)) is jsonl.read:
        return jsonl.examine(path)
    return list(read(path)), []


def is_known(path: Path | str) -> bool:
    """Whether `read` knows the suffix of a file."""
    return _reader(Path(path)) is not None


def is_columns(path: Path | str) -> bool:
    """Whether `read` takes a path for a file of IOB2 columns."""
    return _reader(Path(path)) is iob2.read and not Path(path).is_dir()


def _to_the_end(read_records: Callable[[Path], Iterator[Record]], path: Path) -> Iterator[Record]:
    try:
        yield from read_records(path)
    except InputError as error:
        yield Rejected(str(path), str(error).removeprefix(f"{path}: "))


def _checked_reader(path: Path) -> Reader:
    if path.is_dir():
        return brat.read
    if not path.exists():
        raise MissingInputError(f"{path}: no such file or folder")
    if reader := _reader(path):
        return reader
    raise InputError(
        f"{path}: unknown suffix `{path.suffix}`, expected one of {', '.join(_READERS)}"
    )


def _reader(path: Path) -> Reader | None:
    name = path.name.lower()
    return next((reader for suffix, reader in _READERS.items() if name.endswith(suffix)), None)
