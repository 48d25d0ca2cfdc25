"""A job from its plan to its last file, begun, gone on with, or found done."""

import errno
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from biospan.errors import ConfigError, LockedError, OutputError
from biospan.jobs import commit, finish, journal, plan, runner
from biospan.jobs.agenda import Agenda
from biospan.jobs.inputs import differences, expand
from biospan.jobs.journal import Journal, Part
from biospan.jobs.plan import Plan, Shard
from biospan.jobs.progress import Progress, Totals
from biospan.jobs.settings import Settings, Work, fingerprint, part_name
from biospan.lock import locked

logger = logging.getLogger(__name__)

_LOCK = ".lock"
_PLAN_LOCK = f"{_LOCK}-plan"
_MAX_ROUNDS = 3  # of making parts again that are not what their journal says


class Run(Protocol):
    """What has shards done: `runner.run`, or `ray_runner.run`."""

    def __call__(
        self,
        work: Work,
        agenda: Agenda,
        n_workers: int | None,
        commit: runner.Commit,
        should_stop: Callable[[], bool],
    ) -> None:
        """See `runner.run`."""


@dataclass(frozen=True, slots=True)
class Share:
    """The shards that one of several processes does, as in an array of batch jobs: `number/of`."""

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise ConfigError(f"share {self.number}/{self.of}: expected 1/N to N/N")

    @property
    def suffix(self) -> str:
        """What the names of this share's own files end in; empty if it is all of a job."""
        return f"-{self.number}-of-{self.of}" if self.of > 1 else ""

    def of_shards(self, shards: Sequence[Shard]) -> Sequence[Shard]:
        """Those of a plan's shards that are this share's: neighbours, which are in few files."""
        bounds = [len(shards) * n // self.of for n in (self.number - 1, self.number)]
        return shards[slice(*bounds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a job is done; none of it changes the output.

    Attributes:
        n_workers: Processes, or places on a cluster; None: as many as there are processors for.
        run: What has shards done.
        share: Which of the shards.
        on_progress: Told how far the job is, whenever that changed.
        should_stop: Asked every now and then.
    """

    n_workers: int | None = None
    run: Run = runner.run
    share: Share = field(default_factory=Share)
    on_progress: Callable[[Progress], None] = lambda progress: None
    should_stop: Callable[[], bool] = lambda: False


def annotate(
    inputs: Sequence[Path], output: Path, settings: Settings, execution: Execution
) -> Totals | None:
    """Annotate files into a folder, or go on with it; a job that is done stays as it is.

    Returns:
        What became of the records; None after a share of the shards, which finishes nothing.

    Raises:
        MissingInputError: If an input is not there.
        InputError: If an input is of no known format, or changed meanwhile.
        ConfigError: If another job is in the folder, with what differs.
        OutputError: If the folder cannot be used.
        LockedError: If another process is at work there.
        StoppedError: If told to stop.
        ModelError: If the model fails.
        OSError: If the disk is full or fails. The same call goes on with what is there.
    """
    paths = expand(inputs, output)
    annotator = settings.load(settings.threads)
    if unknown := sorted(set(settings.labels) - set(annotator.labels)):
        raise ConfigError(
            f"label {', '.join(unknown)}: the model knows {', '.join(annotator.labels)}"
        )
    known = fingerprint(settings, annotator)
    del annotator
    with _alone(output, execution.share), _told_how_to_go_on(output):
        with locked(output / _PLAN_LOCK):  # of several shares, one plans and the others wait
            made = _plan(output, paths, known, settings, execution)
        if done := finish.read(output):
            finish.tidy(output)
            return done.totals
        return _go_on(output, made, settings, execution)


def _go_on(folder: Path, made: Plan, settings: Settings, execution: Execution) -> Totals | None:
    share = execution.share
    own = share.of_shards(made.shards)
    drafts = None if share.of == 1 else {part_name(shard.index, settings) for shard in own}
    commit.sweep(folder, drafts)
    parts = _trusted(folder, own, settings)
    pending = [shard for shard in own if shard.index not in parts]
    work = Work(folder, settings, made.fingerprint["model"], made.inputs)
    log = Journal(folder / f"{journal.JOURNAL}{share.suffix}")
    try:
        for _ in range(_MAX_ROUNDS):
            _run(work, pending, parts, log, execution)
            if share.of > 1:
                return None
            pending = [made.shards[index] for index in finish.damaged(folder, parts.values())]
            if not pending:
                return finish.finish(folder, made, parts)
            for shard in pending:
                logger.warning("%s: is damaged and made again", parts.pop(shard.index).name)
    finally:
        log.close()
        commit.sweep(folder, drafts)
    raise OSError(errno.EIO, f"{len(pending)} parts are damaged each time they are made", folder)


def _run(
    work: Work,
    pending: Sequence[Shard],
    parts: dict[int, Part],
    log: Journal,
    execution: Execution,
) -> None:
    """Have shards done, and commit them: the file first, then the journal's word for it."""
    n_before = n_done = sum(part.n_records for part in parts.values())
    n_rejected = sum(len(part.rejects) for part in parts.values())
    n_records = n_before + sum(shard.count for shard in pending)  # of this share

    def keep(part: Part, draft: Path) -> None:
        nonlocal n_done, n_rejected
        commit.put(draft, work.folder / part.name)
        log.add(part)
        parts[part.shard] = part
        n_done += part.n_records
        n_rejected += len(part.rejects)
        execution.on_progress(Progress(True, n_records, n_done, n_before, n_rejected))

    execution.on_progress(Progress(True, n_records, n_done, n_before, n_rejected))
    agenda = Agenda(pending, work.inputs)
    execution.run(work, agenda, execution.n_workers, keep, execution.should_stop)


def _plan(
    folder: Path,
    paths: Sequence[Path],
    known: Mapping[str, str],
    settings: Settings,
    execution: Execution,
) -> Plan:
    """The plan that is there, if it is this job's, or a new one, written."""
    if made := plan.read(folder):
        _compare(folder, made, known, paths)
        return replace(made, inputs=tuple(item.touched() for item in made.inputs))
    if others := [path.name for path in folder.iterdir() if not _is_own(path.name)]:
        raise OutputError(
            f"{folder}: holds no job, but {len(others)} other files, such as `{others[0]:.80}`. "
            "Name a new folder."
        )
    commit.sweep(folder)
    made = plan.make(
        paths,
        known,
        settings.shard_size,
        on_record=lambda n_read: execution.on_progress(Progress(False, n_read)),
        should_stop=execution.should_stop,
    )
    plan.write(made, folder)
    return made


def _is_own(name: str) -> bool:
    """Whether a file is one that a job has before it has a plan."""
    return name.startswith(_LOCK) or commit.is_draft(name)


def _compare(folder: Path, made: Plan, known: Mapping[str, str], paths: Sequence[Path]) -> None:
    """Refuse to go on with another job."""
    there = made.fingerprint
    different = [
        f"`{key}` is `{there.get(key, '')}` there and `{known.get(key, '')}` here"
        for key in sorted({*there, *known})
        if there.get(key) != known.get(key)
    ] + differences(made.inputs, paths)
    if different:
        raise ConfigError(
            f"{folder}: holds another job: {'; '.join(different)}. Take another folder."
        )


def _trusted(folder: Path, shards: Sequence[Shard], settings: Settings) -> dict[int, Part]:
    """The parts of shards that the journals tell of and that have the size they say."""
    there = set(os.listdir(folder))
    parts = journal.read(folder)
    trusted = {}
    for shard in shards:
        name = part_name(shard.index, settings)
        if name not in there:
            continue
        commit.check_place(folder / name)
        part = parts.get(shard.index)
        found = (name, (folder / name).stat().st_size, shard.count)
        if part and (part.name, part.size, part.n_records) == found:
            trusted[shard.index] = part
    return trusted


@contextmanager
def _alone(folder: Path, share: Share) -> Iterator[None]:
    """Hold a folder against all other jobs, or with the other shares of this one."""
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            locks = [held.enter_context(locked(folder / _LOCK, wait=False, shared=share.of > 1))]
            if share.of > 1:
                own = folder / f"{_LOCK}{share.suffix}"
                locks.append(held.enter_context(locked(own, wait=False)))
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written: {error.strerror}") from error
        if not all(locks):
            raise LockedError(f"{folder}: another process is at work there; wait until it is done")
        yield


@contextmanager
def _told_how_to_go_on(folder: Path) -> Iterator[None]:
    """Have errors of the system say that nothing is lost."""
    try:
        yield
    except OSError as error:
        n_parts = len(list(folder.glob("part-*")))
        error.add_note(
            f"{folder}: {n_parts:,} parts are written. Make room, or mend what else the message "
            "says, and run the same command again to go on."
        )
        raise
