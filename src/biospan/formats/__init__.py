"""Reading and writing documents: a file's suffix says how, or the name of a format.

One module per family of formats. Every reader takes a path and returns documents, every writer
takes documents and a stream: of text in `FORMATS`, of bytes in `BINARY_FORMATS`. Which corpus a
file belongs to is not known here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, TextIO

from biospan.document import Document
from biospan.errors import ConfigError, InputError, MissingInputError, OutputError, nearest
from biospan.formats import (
    bioc_json,
    bioc_xml,
    brat,
    docbin,
    html,
    iob2,
    jats,
    jsonl,
    parquet,
    pubmed,
    pubtator,
    table,
    text,
    web_annotation,
    xml,
)
from biospan.formats.record import Record, Rejected, documents

Reader = Callable[[Path], Iterator[Document]]
Writer = Callable[[Iterable[Document], TextIO], None]
BinaryWriter = Callable[[Iterable[Document], BinaryIO], None]

FORMATS: Mapping[str, Writer] = MappingProxyType(
    {
        "jsonl": jsonl.write,
        "tsv": table.write,
        "csv": table.write_csv,
        "brat": brat.write,
        "iob2": iob2.write,
        "iobes": iob2.write_iobes,
        "pubtator": pubtator.write,
        "bioc-xml": bioc_xml.write,
        "bioc-json": bioc_json.write,
        "jsonld": web_annotation.write,
        "html": html.write,
        "txt": text.write,
    }
)
BINARY_FORMATS: Mapping[str, BinaryWriter] = MappingProxyType(
    {"parquet": parquet.write, "spacy": docbin.write}
)
# What a suffix stands for when it is written; `.gz` may follow those of text.
_WRITTEN: dict[str, str] = {
    ".pubtator.txt": "pubtator",
    **{f".{name}": name for name in (*FORMATS, *BINARY_FORMATS) if name != "brat"},
    **dict.fromkeys((".bioc", ".bioc.xml", ".xml"), "bioc-xml"),
    ".json": "bioc-json",
    **dict.fromkeys((".iob", ".conll", ".bio"), "iob2"),
    ".ndjson": "jsonl",
    ".htm": "html",
}


def _xml_records(path: Path) -> Iterator[Record]:
    root = xml.root_name(path)
    if read_records := _ROOTS.get(root):
        yield from read_records(path)
    else:
        got = f"the root element is `{root:.40}`" if root else "no element"
        raise InputError(f"{path}: {got}, expected one of {', '.join(_ROOTS)}")


def _xml_read(path: Path) -> Iterator[Document]:
    return documents(_xml_records(path))


# `.gz` may follow any of them that is not binary.
_READERS: dict[str, Reader] = {
    **dict.fromkeys((".iob2", ".iob", ".conll", ".tsv", ".bio", ".iobes"), iob2.read),
    **dict.fromkeys((".jsonl", ".ndjson"), jsonl.read),
    **dict.fromkeys((".xml", ".nxml"), _xml_read),
    **dict.fromkeys((".pubtator", ".pubtator.txt"), pubtator.read),
    ".parquet": parquet.read,
    ".spacy": docbin.read,
    **dict.fromkeys((".bioc", ".bioc-xml"), bioc_xml.read),
    **dict.fromkeys((".json", ".bioc-json"), bioc_json.read),
    ".txt": text.read,
    ".ann": brat.read,
}
# Names that are no suffix.
_NAMED: dict[str, Reader] = {
    "brat": brat.read,
    **dict.fromkeys(("pubmed", "jats"), _xml_read),
}
# What an XML file is, its root element says.
_ROOTS: dict[str, Callable[[Path], Iterator[Record]]] = {
    **dict.fromkeys(pubmed.ROOTS, pubmed.records),
    **dict.fromkeys(jats.ROOTS, jats.records),
    bioc_xml.ROOT: bioc_xml.records,
}
# The formats whose readers go on after a record that is no document.
_RECORDS: dict[Reader, Callable[[Path], Iterator[Record]]] = {
    iob2.read: iob2.records,
    jsonl.read: jsonl.records,
    brat.read: brat.records,
    parquet.read: parquet.records,
    docbin.read: docbin.records,
    _xml_read: _xml_records,
    pubtator.read: pubtator.records,
    bioc_xml.read: bioc_xml.records,
    bioc_json.read: bioc_json.records,
}


def read(path: Path | str) -> Iterator[Document]:
    """Read documents from a file, or a folder of brat's `.txt` and `.ann` files.

    Formats of records are read as they are asked for; columns, plain text and brat are checked as
    a whole first.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the suffix is not known or the content is not what the suffix says.
    """
    return _checked_reader(Path(path))(Path(path))


def records(path: Path | str, format: str | None = None) -> Iterator[Record]:
    """Read as `read` does, but give what is no document as `Rejected`, and go on.

    A file that cannot be read any further is one `Rejected` more.

    Args:
        path: A file, or a folder of brat's.
        format: Its name, or a suffix without its full stop; by default the suffix says it.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the suffix is not known.
        ConfigError: If the format is not known.
    """
    reader = _checked_reader(Path(path), format)
    return _to_the_end(_RECORDS.get(reader, reader), Path(path))


def repaired_records(path: Path | str, format: str | None = None) -> Iterator[Record]:
    """Read as `records` does, but mend tags of IOB2 columns instead of refusing them.

    Raises:
        MissingInputError: If there is no such file or folder.
        InputError: If the suffix is not known.
        ConfigError: If the format is not known.
    """
    if _checked_reader(Path(path), format) is iob2.read:
        return _to_the_end(iob2.read_repaired, Path(path))
    return records(path, format)


def write(documents: Iterable[Document], path: Path | str, format: str | None = None) -> None:
    """Write documents to a file, or a folder of brat's; the file is there when it is whole.

    Args:
        documents: As they come.
        path: The file is packed if its name ends in `.gz`.
        format: One of `FORMATS` or `BINARY_FORMATS`; by default the suffix says which.

    Raises:
        InputError: If the format cannot hold the documents.
        OutputError: If the file cannot be written, or the suffix is not known.
        ConfigError: If the format is not known.
        MissingDependencyError: If the format needs a package that is not installed.
    """
    path = Path(path)
    name = format_of(path, format)
    if name == "brat":
        brat.write_dir(documents, path)
        return
    with text.replacing(path) as draft:
        if name in BINARY_FORMATS:
            with text.open_binary_output(draft) as binary:
                BINARY_FORMATS[name](documents, binary)
        else:
            with text.open_output(draft) as stream:
                FORMATS[name](documents, stream)


def write_stream(documents: Iterable[Document], stream: TextIO, format: str) -> None:
    """Write documents to a text stream such as standard output; bytes go to what is below it.

    Raises:
        InputError: If the format cannot hold the documents.
        MissingDependencyError: If the format needs a package that is not installed.
    """
    if format in BINARY_FORMATS:
        BINARY_FORMATS[format](documents, stream.buffer)
    else:
        FORMATS[format](documents, stream)


def format_of(path: Path | str, format: str | None = None) -> str:
    """The name of the format in which `write` writes to a path.

    Raises:
        OutputError: If the suffix is not known, or `.gz` follows a format that packs itself.
        ConfigError: If the format is given and not known.
    """
    path = Path(path)
    name = path.name.lower()
    if format is not None:
        if format not in FORMATS and format not in BINARY_FORMATS:
            raise ConfigError(f"format `{format}`: {nearest(format, (*FORMATS, *BINARY_FORMATS))}")
        found: str | None = format
    elif path.is_dir():
        found = "brat"
    else:
        plain = name.removesuffix(".gz")
        found = next((_WRITTEN[end] for end in _WRITTEN if plain.endswith(end)), None)
    if found is None:
        raise OutputError(
            f"{path}: unknown suffix `{path.suffix}`, expected one of {', '.join(_WRITTEN)}"
        )
    if found in BINARY_FORMATS and name.endswith(".gz"):
        raise OutputError(f"{path}: `{found}` is packed already. Leave out `.gz`.")
    return found


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
    found: list[Document] = []
    problems: list[str] = []
    for record in records(path):
        if isinstance(record, Rejected):
            problems.append(str(record))
        else:
            found.append(record)
    if problems and not found:
        raise InputError.from_problems(problems)
    return found, problems


def is_known(path: Path | str) -> bool:
    """Whether `read` knows the suffix of a file."""
    return _reader(Path(path)) is not None


def has_own_ids(path: Path | str) -> bool:
    """Whether documents of a file get ids that it says, and not its name or their numbers."""
    return _reader(Path(path)) not in (text.read, brat.read, iob2.read, docbin.read)


def is_columns(path: Path | str) -> bool:
    """Whether `read` takes a path for a file of IOB2 columns."""
    return _reader(Path(path)) is iob2.read and not Path(path).is_dir()


def _to_the_end(read_records: Callable[[Path], Iterator[Record]], path: Path) -> Iterator[Record]:
    try:
        yield from read_records(path)
    except InputError as error:
        # `path: reason`, or `path:line: reason`
        place, _, reason = str(error).partition(": ")
        is_here = place == str(path) or place.startswith(f"{path}:")
        yield Rejected(place, reason) if is_here else Rejected(str(path), str(error))


def _checked_reader(path: Path, format: str | None = None) -> Reader:
    if not path.exists():
        raise MissingInputError(f"{path}: no such file or folder")
    if format is not None:
        if reader := _NAMED.get(format) or _reader(Path(f"-.{format}")):
            return reader
        known = [*_NAMED, *(suffix.removeprefix(".") for suffix in _READERS)]
        raise ConfigError(f"format `{format}`: {nearest(format, known)}")
    if path.is_dir():
        return brat.read
    if reader := _reader(path):
        return reader
    raise InputError(
        f"{path}: unknown suffix `{path.suffix}`, expected one of {', '.join(_READERS)}"
    )


def _reader(path: Path) -> Reader | None:
    name = path.name.lower().removesuffix(".gz")
    return next((reader for suffix, reader in _READERS.items() if name.endswith(suffix)), None)
