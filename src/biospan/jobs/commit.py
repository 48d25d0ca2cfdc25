"""How a job's files come to be there: wholly or not at all, whenever the machine stops.

A file is written as a draft beside its place, brought to the disk, and only then given its name;
the folder is brought to the disk as well, and only after that the journal says that the file is
there. So whatever the journal says is true after any crash, and what it does not say is done again.
This order, and that every step waits for the disk, is all that exactly-once rests on.
"""

import gzip
import io
import os
import re
import secrets
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from biospan.errors import OutputError

_DRAFT = re.compile(r"\.(?P<name>.+)\.[0-9]+-[0-9a-f]{16}\.draft")
_PACKING = 6  # the level is fixed: the same text gives the same bytes


def new_draft(folder: Path, name: str) -> Path:
    """An empty file, under a name that nothing else has, to be written and then `put`."""
    path = folder / f".{name}.{os.getpid()}-{secrets.token_hex(8)}.draft"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
    return path


def is_draft(name: str) -> bool:
    """Whether a file's name is one that `new_draft` gives."""
    return _DRAFT.fullmatch(name) is not None


def sweep(folder: Path, names: Collection[str] | None = None) -> None:
    """Remove the drafts that killed processes left; with `names`, only those of these files."""
    for path in folder.iterdir():
        match = _DRAFT.fullmatch(path.name)
        if match and (names is None or match["name"] in names):
            path.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """Refuse a path where something stands that no job put there.

    Raises:
        OutputError: If it is a link, a folder, a pipe, or a file that has other names too.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise OutputError(f"{path}: got a link, folder or pipe; expected a file of this job alone")


def put(draft: Path, path: Path) -> None:
    """Give a draft its name, for good: when this returns, no crash undoes it.

    Raises:
        OutputError: If something else stands there.
        OSError: If the disk is full or fails; then the file is not known to be there.
    """
    check_place(path)
    _sync(draft)
    os.rename(draft, path)
    _sync(path.parent)


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """Write a file of ASCII lines by way of a draft.

    Raises:
        OutputError: If something else stands there.
        OSError: If the disk is full or fails.
    """
    draft = new_draft(path.parent, path.name)
    try:
        with draft.open("w", encoding="ascii", newline="\n") as stream:
            stream.writelines(lines)
        put(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file, for good."""
    path.unlink(missing_ok=True)
    _sync(path.parent)


def open_journal(path: Path, size: int) -> int:
    """Open a journal for appending, cut to its first `size` bytes; the number of the open file.

    Raises:
        OutputError: If something else stands there.
    """
    check_place(path)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    os.ftruncate(file, size)
    os.fsync(file)
    _sync(path.parent)
    return file


def append(journal: int, line: bytes) -> None:
    """Add a line to an open journal, for good.

    Raises:
        OSError: If the disk is full or fails; then there may be half a line.
    """
    left = memoryview(line)
    while left:
        left = left[os.write(journal, left) :]
    os.fsync(journal)


@contextmanager
def open_text(path: Path, *, packed: bool) -> Iterator[TextIO]:
    """Open a draft for writing UTF-8; packed, nothing in it tells when or where it was written."""
    with path.open("wb") as raw:
        binary = cast(BinaryIO, _pack(raw)) if packed else raw
        with io.TextIOWrapper(binary, encoding="utf-8", newline="\n") as text:
            yield text


def _pack(raw: BinaryIO) -> gzip.GzipFile:
    return gzip.GzipFile("", "wb", _PACKING, raw, mtime=0)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
