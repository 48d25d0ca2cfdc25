"""Files out of an archive from anyone: only those that are wanted, to places of our choosing.

Nothing is written under the name that an archive gives it, so no name in it can lead elsewhere; an
archive that tries is refused all the same. Links and other special members are never followed.
What is read out is bounded, however small the archive is.
"""

import gzip
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, NamedTuple, cast

from biospan.errors import InputError

MAX_UNPACKED = 512 * 2**20  # bytes that are read out of an archive, in all

_BLOCK = 2**20
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (
    *(EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile),
    *(NotImplementedError, RuntimeError),  # zip: a method that is not supported, encryption
)

Place = Callable[[PurePosixPath], PurePosixPath | None]


class _Member(NamedTuple):
    """A file in an archive; without `open` it is a link, or something else than a file."""

    name: str
    open: Callable[[], IO[bytes] | None] | None
    size: int | None


class _Bounded:
    """A stream that refuses to give more than `MAX_UNPACKED` bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = MAX_UNPACKED

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise InputError(f"holds more than {MAX_UNPACKED:,} bytes unpacked: refused")
        return data


def unpack(archive: Path, folder: Path, *, place: Place, lone: PurePosixPath) -> None:
    """Write the wanted files of a zip, a tar or a single file; the latter two gzipped or not.

    What an archive is, its bytes say, not its name.

    Args:
        archive: The file.
        folder: An empty one.
        place: Where in `folder` a member of that path goes; None if it is not wanted.
        lone: Where a file goes that is no archive, after gzip is undone.

    Raises:
        InputError: If it is damaged, too large, has a path that leads out of it, gives a file
            twice or as a link, or holds nothing that is wanted.
    """
    try:
        if _begins(archive, b"PK"):
            _write_wanted(_zip_members(archive), folder, place)
        elif _is_tar(archive):
            _write_wanted(_tar_members(archive), folder, place)
        else:
            _write_wanted(_lone_member(archive), folder, lambda path: lone)
    except _DAMAGE as error:
        raise InputError(f"damaged or cut archive: {error}") from error


def _write_wanted(members: Iterator[_Member], folder: Path, place: Place) -> None:
    total = 0
    written = []
    for member in members:
        path = _inner_path(member.name)
        target = place(path)
        if target is None:
            continue
        stream = member.open and member.open()
        if stream is None:
            raise InputError(f"member `{path}` is a link, or no file at all: refused")
        if target in written:
            raise InputError(f"holds `{target}` twice, the second time as `{path}`: refused")
        file = folder / target
        file.parent.mkdir(parents=True, exist_ok=True)
        with stream:
            size = _copy(stream, file, MAX_UNPACKED - total)
        if member.size not in (None, size):
            raise InputError(f"damaged or cut archive: {size} of {member.size} bytes of `{path}`")
        total += size
        written.append(target)
    if not written:
        raise InputError("holds none of the files that are wanted")


def _inner_path(name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or _DRIVE.match(name):
        raise InputError(f"member `{name:.200}` leads out of the archive: refused")
    return path


def _copy(stream: IO[bytes], file: Path, most: int) -> int:
    size = 0
    with file.open("xb") as output:
        while data := stream.read(_BLOCK):
            size += len(data)
            if size > most:
                raise InputError(f"holds more than {MAX_UNPACKED:,} bytes unpacked: refused")
            output.write(data)
    return size


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            # Python unpacks the other methods without a limit, whatever size a member claims.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise InputError("a member is packed by another method than `deflate`: refused")
            link = stat.S_ISLNK(info.external_attr >> 16)
            read = None if link or info.is_dir() else partial(opened.open, info)
            yield _Member(info.filename, read, info.file_size)


def _is_tar(archive: Path) -> bool:
    try:
        with _unzipped(archive) as stream, tarfile.open(fileobj=stream, mode="r|"):
            return True
    except tarfile.ReadError:
        return False


def _tar_members(archive: Path) -> Iterator[_Member]:
    with _unzipped(archive) as stream:
        bounded = _Bounded(stream)
        # As a stream: each byte is unpacked once, and tarfile asks for nothing but `read`.
        with tarfile.open(fileobj=cast(BinaryIO, bounded), mode="r|") as tar:
            for member in tar:
                whole = member.isreg() and not member.issparse()
                read = partial(tar.extractfile, member) if whole else None
                yield _Member(member.name, read, member.size)
        while bounded.read(_BLOCK):  # to the end, where gzip's checksum is
            pass


def _lone_member(archive: Path) -> Iterator[_Member]:
    yield _Member(archive.name, partial(_unzipped, archive), None)


def _unzipped(archive: Path) -> BinaryIO:
    packed = _begins(archive, b"\x1f\x8b")
    return cast(BinaryIO, gzip.open(archive)) if packed else archive.open("rb")


def _begins(archive: Path, mark: bytes) -> bool:
    with archive.open("rb") as file:
        return file.read(len(mark)) == mark
