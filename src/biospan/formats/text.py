"""Plain text, and how every format here gets from bytes to characters.

Text stays as it is: no newline is translated, nothing is normalised, only a byte order mark at
the start goes. No encoding but UTF-8 is guessed at.
"""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from biospan.document import Document
from biospan.errors import InputError, MissingInputError, OutputError

BYTE_ORDER_MARK = "\ufeff"
MAX_WHOLE = 512 * 2**20  # bytes of a file that is read in one piece


def read(path: Path | str) -> Iterator[Document]:
    """Read a whole file as one document; its id is the file's name without suffix.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is a folder or not UTF-8.
    """
    return iter([Document(text=read_text(path).removeprefix(BYTE_ORDER_MARK), id=stem(path))])


def read_lines(path: Path | str) -> Iterator[Document]:
    """Read every line that is not blank as a document; its id is the line's number, from 1.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is a folder or a line is not UTF-8.
    """
    with open_unpacked(path) as stream:
        yield from stream_lines(stream, path)


def stream_lines(stream: BinaryIO, name: Path | str) -> Iterator[Document]:
    """Read lines as `read_lines` does, one by one, from an open stream.

    Raises:
        InputError: If a line is not UTF-8.
    """
    return _line_documents(numbered_lines(stream, name))


def lines(content: str) -> Iterator[Document]:
    """Make every line of a text that is not blank a document, as `read_lines` does."""
    stripped = (line.removesuffix("\r") for line in content.split("\n"))
    return _line_documents(enumerate(stripped, start=1))


def decode(data: bytes, name: Path | str) -> str:
    """Characters of UTF-8 bytes, without a byte order mark; the name is for the error.

    Raises:
        InputError: If the bytes are not UTF-8.
    """
    return _decode(data, name).removeprefix(BYTE_ORDER_MARK)


def read_text(path: Path | str) -> str:
    """Characters of a UTF-8 file, all of them: newlines and byte order mark included.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is a folder, not UTF-8, or larger than `MAX_WHOLE`, unpacked.
    """
    with open_unpacked(path) as stream:
        data = stream.read(MAX_WHOLE + 1)
    if len(data) > MAX_WHOLE:
        raise InputError(
            f"{path}: more than {MAX_WHOLE >> 20} MiB in one piece; expected a file of records"
        )
    return _decode(data, path)


def stem(path: Path | str) -> str:
    """A file's name without suffix, and without `.gz` behind that."""
    name = Path(path)
    return Path(name.stem if name.suffix.lower() == ".gz" else name.name).stem


def numbered_lines(stream: BinaryIO, path: Path | str) -> Iterator[tuple[int, str]]:
    r"""Lines of a UTF-8 stream with their numbers, from 1, split at `\n` and at nothing else.

    The newline (`\n` or `\r\n`) and a byte order mark at the start are taken off.

    Raises:
        InputError: If a line is not UTF-8.
    """
    position = 0
    for number, data in enumerate(stream, start=1):
        try:
            line = data.decode("utf-8")
        except UnicodeDecodeError as error:
            offset = position + error.start
            raise _not_utf8(path, number, data[error.start], offset) from error
        position += len(data)
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        yield number, line.removesuffix("\n").removesuffix("\r")


def open_input(path: Path | str) -> BinaryIO:
    """Open a file for reading bytes, with errors that say what is wrong with the path.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is a folder or cannot be opened.
    """
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise MissingInputError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder, expected a file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror}") from error


@contextmanager
def open_unpacked(path: Path | str) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, unpacked if its name ends in `.gz`.

    Unpacked bytes come as they are asked for; that the file is whole is known when it was read to
    its end.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is a folder or cannot be opened; while reading, if it is damaged or cut.
    """
    with open_input(path) as raw:
        if Path(path).suffix.lower() != ".gz":
            yield raw
            return
        try:
            yield cast(BinaryIO, gzip.GzipFile(fileobj=raw))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise InputError(f"{path}: damaged or cut gzip data: {error}") from error


def open_output(path: Path | str) -> TextIO:
    """Open a file for writing UTF-8, packed if its name ends in `.gz`; no newline is translated.

    Raises:
        OutputError: If it cannot be created.
    """
    try:
        if Path(path).suffix.lower() != ".gz":
            return open(path, "w", encoding="utf-8", newline="\n")
        # No time stamp: the same documents give the same bytes.
        packed = gzip.GzipFile(path, "wb", mtime=0)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    return io.TextIOWrapper(packed, encoding="utf-8", newline="\n")


def _line_documents(numbered: Iterable[tuple[int, str]]) -> Iterator[Document]:
    for number, line in numbered:
        if line.strip():
            yield Document(text=line, id=str(number))


def _decode(data: bytes, name: Path | str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _not_utf8(name, line, data[error.start], error.start) from error


def _not_utf8(path: Path | str, line: int, byte: int, offset: int) -> InputError:
    return InputError(
        f"{path}:{line}: byte 0x{byte:02x} at byte offset {offset} is not UTF-8. "
        f"Convert the file to UTF-8."
    )
