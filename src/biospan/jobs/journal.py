"""The journal of a job: a line for each part that is there, with what is in it.

A line is a checksum and a JSON object. Half a line at the end, as a crash leaves it, is no line,
and neither is one whose checksum is wrong: its part is made again.
"""

import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from biospan.jobs import commit

JOURNAL = "journal"


@dataclass(frozen=True, slots=True)
class Part:
    """A file of annotated documents, and what became of the other records of its shard.

    Attributes:
        shard: Index of the shard.
        name: Of the file, in the job's folder.
        size: Bytes.
        sha256: Of its bytes.
        annotated: Documents in it.
        duplicates: Records passed over, for a later one of the same id or a deletion.
        rejects: A row for each record that is no document, or could not be annotated.
    """

    shard: int
    name: str
    size: int
    sha256: str
    annotated: int
    duplicates: int
    rejects: Sequence[Mapping[str, Any]] = field(default=(), hash=False)

    @property
    def n_records(self) -> int:
        """Records of the shard."""
        return self.annotated + self.duplicates + len(self.rejects)


class Journal:
    """A journal that is open for adding to; what a crash left behind its last line is cut off.

    Args:
        path: Of the file, which may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        content = path.read_bytes() if path.is_file() else b""
        self._file = commit.open_journal(path, content.rfind(b"\n") + 1)

    def add(self, part: Part) -> None:
        """Say that a part is there, for good.

        Raises:
            OSError: If the disk is full or fails.
        """
        body = json.dumps(asdict(part)).encode("ascii")
        commit.append(self._file, b"%08x %s\n" % (zlib.crc32(body), body))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def read(folder: Path) -> dict[int, Part]:
    """What the journals in a folder say is there, by shard; of several lines the last."""
    return {part.shard: part for path in journals(folder) for part in _parts(path)}


def journals(folder: Path) -> list[Path]:
    """All journals in a folder: each process of several has its own."""
    return sorted(path for path in folder.glob(f"{JOURNAL}*") if path.is_file())


def _parts(path: Path) -> Iterator[Part]:
    with path.open("rb") as stream:
        for line in stream:
            checksum, _, body = line.removesuffix(b"\n").partition(b" ")
            if line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(body):
                yield Part(**json.loads(body))
