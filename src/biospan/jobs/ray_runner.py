"""Workers on a Ray cluster: the same shards, done and committed the same way.

Inputs and the job's folder lie where all hosts see them under the same path. A cluster that is
running is joined (`RAY_ADDRESS`, or one on this machine); else one is begun on this machine, for
this machine alone: no dashboard, no usage reports.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biospan.errors import BiospanError, MissingDependencyError, StoppedError
from biospan.jobs.agenda import Agenda
from biospan.jobs.deaths import Deaths, Search
from biospan.jobs.journal import Part
from biospan.jobs.plan import Shard
from biospan.jobs.runner import Commit
from biospan.jobs.settings import Work
from biospan.jobs.shard import Worker

logger = logging.getLogger(__name__)

_PATIENCE = 0.5  # seconds after which the signal to stop is looked at again


class _Actor:
    """A worker that is made at its first shard, so that what goes wrong then is told as it is."""

    def __init__(self, work: Work, directory: str) -> None:
        self._work = work
        self._directory = directory
        self._worker: Worker | None = None

    def annotate(self, shard: Shard, search: Search | None) -> tuple[Part, Path]:
        if self._worker is None:
            os.chdir(self._directory)  # where paths were meant that do not begin at the root
            self._worker = Worker(self._work)
        return self._worker.annotate(shard, search)


class _Crew:
    """The actors by number, each at a shard."""

    def __init__(self, ray: Any, work: Work, agenda: Agenda) -> None:
        self._ray = ray
        self._agenda = agenda
        # One processor each, on whatever host has one free.
        self._actor = ray.remote(num_cpus=work.settings.threads, max_restarts=0)(_Actor)
        self._work = ray.put(work)
        self._actors: dict[int, Any] = {}
        self._deaths = Deaths(work)
        self.tasks: dict[Any, tuple[int, Shard]] = {}

    def employ(self, number: int) -> None:
        """Give a worker its next shard, and dismiss it if there is none."""
        shard = self._agenda.next(number)
        if shard is not None:
            if number not in self._actors:
                self._actors[number] = self._actor.remote(self._work, os.getcwd())
            task = self._actors[number].annotate.remote(shard, self._deaths.search(shard))
            self.tasks[task] = number, shard
        elif number in self._actors:
            self._ray.kill(self._actors.pop(number))

    def result(self, task: Any) -> tuple[int, tuple[Part, Path] | None]:
        """Who did a finished task, and the part; None if the worker or its host died at it."""
        number, shard = self.tasks.pop(task)
        try:
            return number, self._ray.get(task)
        except self._ray.exceptions.RayError as error:  # it failed, or is gone, or its host
            cause = getattr(error, "cause", None)
            if isinstance(cause, BiospanError | OSError):
                raise cause from error
            logger.warning("a worker ended at part %d: %s", shard.index, error)
            del self._actors[number]
            self._deaths.add(shard, type(cause or error).__name__)
            self._agenda.put_back(shard)
            return number, None

    def dismiss(self) -> None:
        """End all workers, whatever they are at."""
        for actor in self._actors.values():
            self._ray.kill(actor)


def run(
    work: Work,
    agenda: Agenda,
    n_workers: int | None,
    commit: Commit,
    should_stop: Callable[[], bool],
) -> None:
    """Have all shards of an agenda done by actors of a Ray cluster; see `runner.run`.

    Raises:
        MissingDependencyError: If ray is not installed.
        StoppedError: If told to stop; what was committed stays.
        BiospanError: That a worker raised, or if a shard goes on ending its workers.
        OSError: If the disk is full or fails.
    """
    ray = _joined()
    crew = _Crew(ray, work, agenda)
    n_places = max(1, int(ray.cluster_resources().get("CPU", 1)) // work.settings.threads)
    try:
        for number in range(n_workers or n_places):
            crew.employ(number)
        while crew.tasks:
            finished, _ = ray.wait(list(crew.tasks), timeout=_PATIENCE)
            if should_stop():
                raise StoppedError("stopped; the same command goes on")
            for task in finished:
                number, done = crew.result(task)
                if done is not None:
                    commit(*done)
                crew.employ(number)
    finally:
        crew.dismiss()


def _joined() -> Any:
    """Ray, on a cluster."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError("ray", "cluster") from error
    if not ray.is_initialized():
        if os.environ.get("RAY_ADDRESS"):
            ray.init(configure_logging=False)
        else:
            ray.init(include_dashboard=False, configure_logging=False)
    return ray
