"""Bytes of a format to documents, and documents to bytes of a format.

Readers take files, so a body becomes one in a folder of its own that goes with the request. What
is packed (Parquet, DocBin) is read in a process of its own with bounded memory, disk and time: such
bytes may unpack to anything, and their readers are not ours.
"""

import io
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from biospan import formats
from biospan.document import Document
from biospan.errors import MAX_LISTED_PROBLEMS, InputError
from biospan.formats import brat, keeps
from biospan.formats.record import Record, Rejected
from biospan.server.media import ZIP
from biospan.server.problems import Problem
from biospan.unpack import unpack

_NAME = "body"
_PACKED = {"parquet": b"PAR1", "spacy": b"\x78"}  # and how such bytes begin
_MEMORY = 4 * 2**30  # bytes of address space for reading what is packed
_DISK = 256 * 2**20  # bytes of what comes out of it
_SECONDS = 20
_UNPACKED = 10  # times the size of what was sent
_VALUES = re.compile(
    r"`[^`]*`|'[^']*'|\"[^\"]*\"|(?<=got ).*?(?=, expected|; expected|: expected|$)"
)
_WORD = re.compile(r"\w{2,}")
_LONGEST_NAME = 250  # bytes; file systems take 255
_EPOCH = (1980, 1, 1, 0, 0, 0)


def read(body: bytes, format: str, limit: int) -> list[Document]:
    """The documents of a body.

    Args:
        body: As it was sent.
        format: One of `biospan.server.media.MEDIA` that can be read.
        limit: Documents that are taken.

    Raises:
        Problem: 422 if there is a record that is no document, or there are too many.
    """
    with tempfile.TemporaryDirectory(prefix="biospan-") as name:
        folder = Path(name)
        documents: list[Document] = []
        rejected: list[str] = []
        try:
            for record in _records(body, format, folder):
                if isinstance(record, Rejected):
                    number = len(documents) + len(rejected) + 1
                    rejected.append(_shown(record, number, folder, body))
                else:
                    documents.append(record)
                if len(documents) + len(rejected) > limit:
                    raise Problem(422, "too_many", f"more than {limit} documents", limit=limit)
        except InputError as error:
            rejected.append(_without_values(str(error).replace(f"{folder}/", ""), body))
    if rejected:
        raise Problem(
            422,
            "unreadable",
            f"{len(rejected)} records cannot be read as `{format}`; see `problems`",
            problems=rejected[:MAX_LISTED_PROBLEMS],
        )
    if format in ("txt", "iob2", "iobes"):  # named after the file, which is ours
        documents = [replace(d, id="" if d.id == _NAME else d.id) for d in documents]
    return documents


def write(documents: Iterable[Document], format: str) -> tuple[bytes, dict[str, int]]:
    """Documents as bytes of a format, and how much of what was left out.

    Raises:
        Problem: 422 if the format cannot hold the documents.
    """
    lost: Counter[str] = Counter()
    try:
        return _written(keeps.counting(documents, format, lost), format), dict(lost)
    except InputError as error:
        raise Problem(
            422, "unwritable", f"`{format}` cannot hold this: {_VALUES.sub('…', str(error))}"
        ) from error


def _written(documents: Iterator[Document], format: str) -> bytes:
    if format == "brat":
        return _zipped(documents)
    if format in formats.BINARY_FORMATS:
        binary = io.BytesIO()
        formats.BINARY_FORMATS[format](documents, binary)
        return binary.getvalue()
    text = io.StringIO(newline="")
    formats.FORMATS[format](documents, text)
    return text.getvalue().encode("utf-8")


def _zipped(documents: Iterator[Document]) -> bytes:
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="biospan-") as folder:
        brat.write_dir(documents, folder)
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).iterdir()):
                # No time stamp: the same documents give the same bytes.
                archive.writestr(
                    zipfile.ZipInfo(path.name, _EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED
                )
    return packed.getvalue()


def _records(body: bytes, format: str, folder: Path) -> Iterator[Record]:
    if format == "brat":
        return formats.records(_unzipped(body, folder), "brat")
    path = folder / _NAME
    path.write_bytes(body)
    if format in _PACKED:
        if not body.startswith(_PACKED[format]):
            raise InputError(f"not {format} that can be read")
        return formats.records(_in_a_process(path, format), "jsonl")
    return formats.records(path, format)


def _unzipped(body: bytes, folder: Path) -> Path:
    archive, files = folder / "archive", folder / _NAME
    archive.write_bytes(body)
    files.mkdir()
    try:
        with zipfile.ZipFile(archive) as members:
            size = sum(member.file_size for member in members.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise Problem(422, "unreadable", f"the body is not a `{ZIP}`") from error
    if size > _UNPACKED * max(len(body), 2**16):
        raise Problem(413, "too_large", f"the archive unpacks to over {_UNPACKED} times its size")
    unpack(archive, files, place=_brat_place, lone=PurePosixPath("text.txt"))
    return files


def _brat_place(path: PurePosixPath) -> PurePosixPath | None:
    if path.suffix not in (".txt", ".ann"):
        return None
    if len(path.name.encode("utf-8", "replace")) > _LONGEST_NAME:
        raise InputError(f"the name of a member has more than {_LONGEST_NAME} bytes")
    return PurePosixPath(path.name)


def _in_a_process(path: Path, format: str) -> Path:
    """The same documents as JSON lines, read where nothing can come to harm."""
    lines = path.with_name("lines.jsonl")
    command = [sys.executable, "-m", "biospan", "convert", str(path), str(lines)]
    bounds = f'ulimit -v {_MEMORY // 1024} -f {_DISK // 512} -t {_SECONDS}; exec "$@"'
    try:
        done = subprocess.run(  # noqa: S603 - nothing of the request is in it
            ["/bin/sh", "-c", bounds, "sh", *command, "--from", format, "--to", "jsonl"],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"reading it took over {_SECONDS} seconds") from error
    if done.returncode:
        raise InputError(f"not {format} that can be read")
    return lines


def _shown(record: Rejected, number: int, folder: Path, body: bytes) -> str:
    where = Path(record.where)
    if where.parent == folder / _NAME:  # a file of an archive, whose name is the client's
        record = Rejected(
            f"document {number}", record.reason.replace(str(where.with_suffix("")), "")
        )
    return _without_values(str(record).replace(f"{folder}/", ""), body)


def _without_values(message: str, body: bytes) -> str:
    """A reader's message without what it quotes of the body."""
    sent = body.decode("utf-8", "replace")

    def masked(match: re.Match[str]) -> str:
        words = _WORD.findall(match[0])
        return match[0] if words and not any(word in sent for word in words) else "…"

    return _VALUES.sub(masked, message).replace(_NAME, "body")
