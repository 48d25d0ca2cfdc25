"""Workers of this machine: processes that do shards, watched by the one that commits."""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection, process
from pathlib import Path

from biospan.errors import BiospanError, StoppedError
from biospan.jobs.agenda import Agenda
from biospan.jobs.deaths import Deaths, Search
from biospan.jobs.journal import Part
from biospan.jobs.plan import Shard
from biospan.jobs.settings import Work
from biospan.jobs.shard import Worker
from biospan.processors import n_cores

logger = logging.getLogger(__name__)

_PATIENCE = 0.2  # seconds after which the signal to stop is looked at again

Commit = Callable[[Part, Path], None]


class _Process:
    """A worker's process, and the pipe to it."""

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, end = context.Pipe()
        self._process: process.BaseProcess = context.Process(
            target=_serve, args=(work, end), daemon=True
        )
        self._process.start()
        end.close()  # the worker has the only one left, so that the pipe ends when it does
        self.shard: Shard | None = None

    def give(self, shard: Shard, search: Search | None) -> None:
        self.shard = shard
        with suppress(BrokenPipeError, ConnectionResetError):  # it is dead, as reading will tell
            self.pipe.send((shard, search))

    def message(self) -> tuple[Part, Path] | Exception | str | None:
        """What it says: a finished part, an error, a message for the user; None if it is dead."""
        try:
            message: tuple[Part, Path] | Exception | str = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return message

    def end(self) -> int | None:
        self.pipe.close()
        self._process.kill()
        self._process.join()
        return self._process.exitcode


class _Crew:
    """The workers by number, none of them idle."""

    def __init__(self, work: Work, agenda: Agenda) -> None:
        self._work = work
        self._agenda = agenda
        self._deaths = Deaths(work)
        self.workers: dict[int, _Process] = {}

    def employ(self, number: int) -> None:
        """Give a worker its next shard, and dismiss it if there is none."""
        shard = self._agenda.next(number)
        if shard is not None:
            if number not in self.workers:
                self.workers[number] = _Process(self._work)
            self.workers[number].give(shard, self._deaths.search(shard))
        elif number in self.workers:
            self.workers.pop(number).end()

    def bury(self, number: int) -> None:
        """Have the shard of a dead worker done by another."""
        worker = self.workers.pop(number)
        code, shard = worker.end(), worker.shard
        if shard is not None:
            self._deaths.add(shard, code)
            self._agenda.put_back(shard)


def run(
    work: Work,
    agenda: Agenda,
    n_workers: int | None,
    commit: Commit,
    should_stop: Callable[[], bool],
) -> None:
    """Have all shards of an agenda done by processes of this machine, and commit each.

    A shard is committed before its worker gets the next one, so that whenever this ends, one shard
    of each worker is to be done again.

    Args:
        work: What workers need.
        agenda: What is to be done.
        n_workers: Processes; None: as many as this process has processors for.
        commit: Told what is in a part, and where its draft is.
        should_stop: Asked a few times a second.

    Raises:
        StoppedError: If told to stop; what was committed stays.
        BiospanError: That a worker raised, or if a shard goes on ending its workers.
        OSError: If the disk is full or fails.
    """
    crew = _Crew(work, agenda)
    said: set[str] = set()
    n_places = max(1, n_cores() // work.settings.threads)
    try:
        for number in range(n_workers or n_places):
            crew.employ(number)
        while crew.workers:
            ready = connection.wait([worker.pipe for worker in crew.workers.values()], _PATIENCE)
            if should_stop():
                raise StoppedError("stopped; the same command goes on")
            for number, worker in list(crew.workers.items()):
                if worker.pipe not in ready:
                    continue
                match worker.message():
                    case Exception() as error:
                        raise error
                    case str(text):
                        if text not in said:  # of a file that several workers read
                            logger.warning("%s", text)
                        said.add(text)
                        continue
                    case None:
                        crew.bury(number)
                    case part, draft:
                        commit(part, draft)
                crew.employ(number)
    finally:
        for worker in crew.workers.values():
            worker.end()


class _Told(logging.Handler):
    """Has the process that commits say what a worker has to say."""

    def __init__(self, pipe: connection.Connection) -> None:
        super().__init__(logging.WARNING)
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        self._pipe.send(record.getMessage())


def _serve(work: Work, pipe: connection.Connection) -> None:
    """Do shards that come through a pipe until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that commits decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.getLogger().addHandler(_Told(pipe))
    try:
        worker = Worker(work)
        while True:
            pipe.send(worker.annotate(*pipe.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except (BiospanError, OSError) as error:
        pipe.send(error)
    except MemoryError:
        os._exit(1)  # as when the system ends it; where it was by chance explains nothing


def _end_with_parent() -> None:
    """End at once when the process that commits does, killed or not: nobody would take the rest."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
