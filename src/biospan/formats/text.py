"""Plain text, and how every format here gets from bytes to characters.

Text stays as it is: no newline is translated, nothing is normalised, only a byte order mark at
the start goes. No encoding but UTF-8 is guessed at.
"""

import gzip
import io
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from biospan.document import Document
from biospan.errors import InputError, MissingInputError, OutputError
from biospan.formats.record import Record, Rejected
from biospan.highlight import replace_surrogates

BYTE_ORDER_MARK = "\ufeff"
MAX_WHOLE = 512 * 2**20  # bytes of a file that is read in one piece
MAX_LINE = 64 * 2**20  # bytes of a line, unpacked


def read(path: Path | str) -> Iterator[Document]:
    """Read a whole file as one document; its id is the file's name without suffix.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is a folder or not UTF-8.
    """
    return iter([Document(text=read_text(path).removeprefix(BYTE_ORDER_MARK), id=stem(path))])


def read_lines(path: Path | str) -> Iterator[Record]:
    """Read every line that is not blank as a document; its id is the line's number, from 1.

    A line that is not UTF-8 is rejected, and reading goes on.

    Raises:
        MissingInputError: If there is no such file.
        InputError: If it is a folder, or packed data are damaged or cut.
    """
    with open_unpacked(path) as stream:
        yield from stream_lines(stream, path)


def stream_lines(stream: BinaryIO, name: Path | str) -> Iterator[Record]:
    """Read lines as `read_lines` does, one by one, from an open stream."""
    for number, line in enumerate(line_records(stream, name), start=1):
        if isinstance(line, Rejected):
            yield line
        elif line.strip():
            yield Document(text=line, id=str(number))


def lines(content: str) -> Iterator[Document]:
    """Make every line of a text that is not blank a document, as `read_lines` does."""
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            yield Document(text=line.removesuffix("\r"), id=str(number))


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
        InputError: If a line is not UTF-8, or longer than `MAX_LINE`.
    """
    for number, line in enumerate(line_records(stream, path), start=1):
        if isinstance(line, Rejected):
            raise InputError(str(line))
        yield number, line


def line_records(stream: BinaryIO, path: Path | str) -> Iterator[str | Rejected]:
    """Lines as `numbered_lines` gives them, and `Rejected` in place of what is none.

    A line that is longer than `MAX_LINE` is passed over without being held in memory.
    """
    position = 0
    for number in count(1):
        data = stream.readline(MAX_LINE + 1)
        if not data:
            return
        length = len(data)
        if length > MAX_LINE:
            while not data.endswith(b"\n") and (data := stream.readline(MAX_LINE)):
                length += len(data)
            yield Rejected(
                f"{path}:{number}", f"a line of {length:,} bytes; expected {MAX_LINE:,} at most"
            )
        else:
            yield _line(data, f"{path}:{number}", position)
        position += length


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
        # No time stamp and no name: the same documents give the same bytes.
        packed = _Packed(open_binary_output(path))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    return io.TextIOWrapper(packed, encoding="utf-8", newline="\n")


class _Packed(gzip.GzipFile):
    """A packed file that closes the one it writes to."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__("", "wb", fileobj=stream, mtime=0)
        self._stream = stream

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._stream.close()


def open_binary_output(path: Path | str) -> BinaryIO:
    """Open a file for writing bytes.

    Raises:
        OutputError: If it cannot be created.
    """
    try:
        return open(path, "wb")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def write(documents: Iterable[Document], stream: TextIO) -> None:
    """Write the text of one document, and nothing else; U+FFFD for each lone surrogate.

    Raises:
        InputError: If there is more than one document.
    """
    first = list(islice(documents, 2))
    if len(first) > 1:
        raise InputError(
            "plain text holds one document, got several. Write brat's files to a folder."
        )
    stream.writelines(replace_surrogates(document.text) for document in first)


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A file to write at, which takes the place of `path` when all went well.

    So there is never half a file under the final name. What is there and no ordinary file (a pipe,
    a device) is written to as it is; a link keeps leading to its file.

    Raises:
        OutputError: If the file cannot be created.
        OSError: If the disk is full or fails.
    """
    path = Path(path).absolute()
    if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
        yield path
        return
    real = Path(os.path.realpath(path))
    # Beside it, because a rename is one step within a file system only; the suffix stays.
    draft = real.with_name(f".{os.getpid()}-{real.name}")
    try:
        draft.touch()
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        yield draft
        if real.exists():
            shutil.copymode(real, draft)
        draft.replace(real)
    except OSError as error:
        if error.errno and error.filename is None:  # as when the disk is full
            error.filename = str(path)
        raise
    finally:
        draft.unlink(missing_ok=True)


def _line(data: bytes, where: str, position: int) -> str | Rejected:
    """The characters of a line that begins at a byte offset of its file."""
    try:
        line = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return Rejected(where, _not_utf8(data[error.start], position + error.start))
    if position == 0:
        line = line.removeprefix(BYTE_ORDER_MARK)
    return line.removesuffix("\n").removesuffix("\r")


def _decode(data: bytes, name: Path | str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        reason = _not_utf8(data[error.start], error.start)
        raise InputError(f"{name}:{line}: {reason}") from error


def _not_utf8(byte: int, offset: int) -> str:
    return f"byte 0x{byte:02x} at byte offset {offset} is not UTF-8. Convert the file to UTF-8."
