"""Whether what a job left is still what it wrote, byte by byte."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from biospan.errors import InputError, MissingInputError
from biospan.jobs import finish, journal, plan
from biospan.jobs.finish import JOB_FILE, File
from biospan.jobs.progress import Totals
from biospan.jobs.shard import digest


def verify(folder: Path) -> Totals:
    """Read everything in a job's folder and compare it with what the job says of it.

    Raises:
        MissingInputError: If there is no job.
        InputError: With every file that is missing, damaged or of no job, or if the job is not
            finished.
    """
    made = plan.read(folder) if folder.is_dir() else None
    if made is None:
        raise MissingInputError(f"{folder}: no job, as there is no {plan.PLAN_FILE}")
    done = finish.read(folder)
    if done is None:
        parts = journal.read(folder).values()
        problems = list(_problems(folder, [File(p.name, p.size, p.sha256) for p in parts]))
        problems.append(
            f"{folder}: not finished: {len(parts):,} of {len(made.shards):,} parts are there. "
            "The same `biospan annotate` goes on."
        )
        raise InputError.from_problems(problems)
    problems = [*_problems(folder, done.files), *_strangers(folder, done.files)]
    if (done.totals.read, done.totals.annotated) != (
        made.n_records,
        sum(file.documents or 0 for file in done.files),
    ):
        problems.append(f"{folder / JOB_FILE}: its totals are not the sums of its parts")
    if problems:
        raise InputError.from_problems(problems)
    return done.totals


def _problems(folder: Path, files: Iterable[File]) -> Iterator[str]:
    for file in files:
        path = folder / file.name
        if not path.is_file():
            yield f"{path}: is missing"
        elif (size := path.stat().st_size) != file.size:
            yield f"{path}: {size:,} bytes, expected {file.size:,}"
        elif digest(path) != file.sha256:
            yield f"{path}: its bytes are not those that were written"


def _strangers(folder: Path, files: Iterable[File]) -> Iterator[str]:
    known = {JOB_FILE, *(file.name for file in files)}
    for name in sorted(os.listdir(folder)):
        if name not in known and not name.startswith("."):
            yield f"{folder / name}: is no file of this job"
