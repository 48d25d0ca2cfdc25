"""From one file to another of any format, record by record."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from biospan import formats
from biospan.document import Document
from biospan.errors import MAX_LISTED_PROBLEMS, ConfigError, InputError
from biospan.formats import keeps
from biospan.formats.record import Record, Rejected

STANDARD = "-"  # stands for standard input or output


@dataclass
class Conversion:
    """What became of the records of an input.

    Attributes:
        n_written: Documents in the output.
        n_rejected: Records that were no documents.
        rejected: The first 20 of these, each with its place and the reason.
    """

    n_written: int = 0
    n_rejected: int = 0
    rejected: list[str] = field(default_factory=list)

    def documents(self, records: Iterator[Record]) -> Iterator[Document]:
        """The documents among records, counted as they go by."""
        for record in records:
            if isinstance(record, Document):
                self.n_written += 1
                yield record
            else:
                self.n_rejected += 1
                if self.n_rejected <= MAX_LISTED_PROBLEMS:
                    self.rejected.append(str(record))


def convert(
    source: str,
    target: str,
    *,
    read_as: str | None = None,
    write_as: str | None = None,
    repair: bool = False,
) -> Conversion:
    """Write the documents of a file, or a folder of brat's, in another format.

    What the format does not keep is logged, with counts. Nothing is written if nothing can be read.

    Args:
        source: A path, or `-` for standard input.
        target: A path, or `-` for standard output.
        read_as: Format of the input; by default its suffix says it.
        write_as: Format of the output; by default its suffix says it.
        repair: Whether tags of IOB2 columns are mended instead of refused.

    Raises:
        MissingInputError: If there is no such input.
        InputError: If nothing can be read, or the format cannot hold the documents.
        OutputError: If the output cannot be written, or its suffix is not known.
        ConfigError: If a format is missing or not known, or the output would replace the input.
        MissingDependencyError: If a format needs a package that is not installed.
    """
    format = _checked_format(source, target, read_as, write_as)
    conversion = Conversion()
    read = formats.repaired_records if repair else formats.records
    with _path(source) as path:
        records = (_renamed(record, path, source) for record in read(path, read_as))
        documents = conversion.documents(records)
        first = next(documents, None)
        if first is None and conversion.n_rejected:
            raise InputError.from_problems(conversion.rejected)
        documents = keeps.warning(chain([first] if first else [], documents), format)
        if target != STANDARD:
            formats.write(documents, target, format)
        else:
            formats.write_stream(documents, sys.stdout, format)
    return conversion


def _checked_format(source: str, target: str, read_as: str | None, write_as: str | None) -> str:
    """The output's format, if input and output can be what they are."""
    if source == STANDARD and read_as in (None, "brat"):
        raise ConfigError("standard input has no suffix. Pass --from FORMAT; brat is a folder.")
    if target == STANDARD and write_as in (None, "brat"):
        raise ConfigError("standard output has no suffix. Pass --to FORMAT; brat is a folder.")
    format = formats.format_of(target, write_as)
    if STANDARD not in (source, target) and _is_input(Path(target), Path(source), format):
        raise ConfigError(f"{target}: the input is there. Name another place.")
    return format


def _is_input(target: Path, source: Path, format: str) -> bool:
    """Whether writing to the target may replace a file that is read."""
    files = [source, source.with_suffix(".txt")] if source.suffix.lower() == ".ann" else [source]
    if source.is_dir():
        files += [file for file in source.iterdir() if file.suffix in (".txt", ".ann")]
    if format == "brat":
        files += [place for file in files for place in (file.parent, file.resolve().parent)]
    return any(file.exists() and target.exists() and file.samefile(target) for file in files)


@contextmanager
def _path(source: str) -> Iterator[Path]:
    """Where the input is: standard input in a file, as some readers go back and forth."""
    if source != STANDARD:
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="biospan-") as folder:
        yield _spooled(sys.stdin.buffer, Path(folder))


def _renamed(record: Record, path: Path, source: str) -> Record:
    """A record that tells of standard input by its name."""
    if source != STANDARD or not isinstance(record, Rejected):
        return record
    where, reason = (
        said.replace(str(path), "standard input") for said in (record.where, record.reason)
    )
    return Rejected(where, reason)


def _spooled(stream: BinaryIO, folder: Path) -> Path:
    """A file with all of a stream, named so that packed data are unpacked."""
    head = stream.read(2)
    path = folder / ("stdin.gz" if head == b"\x1f\x8b" else "stdin")
    with open(path, "wb") as file:
        file.write(head)
        shutil.copyfileobj(stream, file)
    return path
