"""The end of a job: everything is read once more, counted, and vouched for in one file.

`job.json` is written last. Where it is, the job is done, and what it says can be checked.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from biospan.errors import InputError
from biospan.jobs import commit, journal
from biospan.jobs.journal import Part
from biospan.jobs.plan import FORMAT_VERSION, PLAN_FILE, Plan
from biospan.jobs.progress import Totals, totals
from biospan.jobs.shard import digest

JOB_FILE, REJECTS_FILE = "job.json", "rejects.jsonl"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a finished job.

    Attributes:
        documents: How many a part holds; None for other files.
    """

    name: str
    size: int
    sha256: str
    documents: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """What `job.json` says of a finished job.

    Attributes:
        fingerprint: What the output depends on, but for the inputs, which the plan tells.
        totals: What became of the records.
        files: All but `job.json` itself; the parts first, in order.
    """

    fingerprint: Mapping[str, str]
    totals: Totals
    files: tuple[File, ...]

    @property
    def parts(self) -> tuple[File, ...]:
        """The files that hold documents."""
        return tuple(file for file in self.files if file.documents is not None)


def damaged(folder: Path, parts: Iterable[Part]) -> list[int]:
    """The shards whose parts are not what the journal says, byte by byte."""
    return [part.shard for part in parts if digest(folder / part.name) != part.sha256]


def finish(folder: Path, made: Plan, parts: Mapping[int, Part]) -> Totals:
    """Write the rejects and `job.json`, and do away with the journals.

    Raises:
        OSError: If the disk is full or fails.
    """
    ordered = [parts[shard.index] for shard in made.shards]
    counts = totals(ordered, made.n_deleted)
    if (counts.read, counts.duplicates) != (made.n_records, made.n_skipped):
        raise RuntimeError(f"{folder}: {counts}, planned {made.n_records} and {made.n_skipped}")
    commit.write_whole(folder / REJECTS_FILE, _rejects(ordered))
    others = [_file(folder / name) for name in (REJECTS_FILE, PLAN_FILE)]
    files = [File(part.name, part.size, part.sha256, part.annotated) for part in ordered]
    said = {
        "version": FORMAT_VERSION,
        "fingerprint": dict(made.fingerprint),
        "totals": asdict(counts),
        "files": [asdict(file) for file in (*files, *others)],
    }
    commit.write_whole(folder / JOB_FILE, [json.dumps(said, indent=1) + "\n"])
    tidy(folder)
    return counts


def tidy(folder: Path) -> None:
    """Remove what a finished job needs no more."""
    for path in journal.journals(folder):
        commit.remove(path)
    commit.sweep(folder)


def read(folder: Path) -> Finished | None:
    """What a job says of itself, if it is finished.

    Raises:
        InputError: If `job.json` is damaged, or was written by a later version.
    """
    path = folder / JOB_FILE
    if not path.is_file():
        return None
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        if said["version"] != FORMAT_VERSION:
            raise InputError(f"{path}: version {said['version']}, expected {FORMAT_VERSION}")
        return Finished(
            said["fingerprint"],
            Totals(**said["totals"]),
            tuple(File(**row) for row in said["files"]),
        )
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputError(
            f"{path}: is damaged: {error}. Remove it, and run the job again."
        ) from error


def _rejects(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        for row in part.rejects:
            yield json.dumps(row) + "\n"


def _file(path: Path) -> File:
    return File(path.name, path.stat().st_size, digest(path))
