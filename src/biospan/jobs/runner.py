"""Workers of this machine: processes that do shards, watched by the one that commits."""

import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import connection, process
from pathlib import Path

from biospan.errors import BiospanError, StoppedError
from biospan.jobs.agenda import Agenda
from biospan.jobs.journal import Part
from biospan.jobs.plan import Shard
from biospan.jobs.settings import Work
from biospan.jobs.shard import Worker

MAX_DEATHS = 3  # of workers, by one shard
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

    def give(self, shard: Shard) -> None:
        self.shard = shard
        with suppress(OSError):  # it is dead, which reading from it will tell
            self.pipe.send(shard)

    def end(self) -> int | None:
        self.pipe.close()
        self._process.kill()
        self._process.join()
        return self._process.exitcode


def run(
    work: Work,
    agenda: Agenda,
    n_workers: int,
    commit: Commit,
    should_stop: Callable[[], bool],
) -> None:
    """Have all shards of an agenda done by processes of this machine, and commit each.

    A shard is committed before its worker gets the next one, so that whenever this ends, one shard
    of each worker is to be done again.

    Args:
        work: What workers need.
        agenda: What is to be done.
        n_workers: Processes.
        commit: Told what is in a part, and where its draft is.
        should_stop: Asked a few times a second.

    Raises:
        StoppedError: If told to stop; what was committed stays.
        BiospanError: That a worker raised, or if a shard goes on ending its workers.
        OSError: If the disk is full or fails.
    """
    workers: dict[int, _Process] = {}
    deaths: Counter[int] = Counter()

    def give(number: int) -> None:
        shard = agenda.next(number)
        if shard is None:
            if number in workers:
                workers.pop(number).end()
            return
        if number not in workers:
            workers[number] = _Process(work)
        workers[number].give(shard)

    try:
        for number in range(n_workers):
            give(number)
        while workers:
            ready = connection.wait([worker.pipe for worker in workers.values()], _PATIENCE)
            if should_stop():
                raise StoppedError("stopped; the same command goes on")
            for number, worker in list(workers.items()):
                if worker.pipe not in ready:
                    continue
                shard, message = worker.shard, _message(worker)
                if isinstance(message, Exception):
                    raise message
                if message is not None:
                    commit(*message)
                elif shard is not None:
                    deaths[shard.index] += 1
                    code = workers.pop(number).end()
                    _check_deaths(shard, deaths[shard.index], code)
                    agenda.put_back(shard)
                give(number)
    finally:
        for worker in workers.values():
            worker.end()


def _message(worker: _Process) -> tuple[Part, Path] | Exception | None:
    """What a worker says; None if it is dead."""
    try:
        message: tuple[Part, Path] | Exception = worker.pipe.recv()
    except (EOFError, OSError):
        return None
    return message


def _check_deaths(shard: Shard, n_deaths: int, code: int | None) -> None:
    if n_deaths >= MAX_DEATHS:
        raise BiospanError(
            f"part {shard.index} (records {shard.first + 1:,} to {shard.first + shard.count:,} of "
            f"all inputs): {n_deaths} workers ended with {code} at it, perhaps for want of "
            "memory. Take fewer --workers, and run the same command again to go on."
        )


def _serve(work: Work, pipe: connection.Connection) -> None:
    """Do shards that come through a pipe until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that commits decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        worker = Worker(work)
        while True:
            pipe.send(worker.annotate(pipe.recv()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except (BiospanError, OSError) as error:
        pipe.send(error)


def _end_with_parent() -> None:
    """End at once when the process that commits does, killed or not: nobody would take the rest."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
