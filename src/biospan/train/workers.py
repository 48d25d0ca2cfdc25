"""Processes that work side by side on one search, and tell the one that started them."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing import connection, process

import torch

from biospan.errors import BiospanError

Say = Callable[[str], None]


def run(work: Callable[[Say], None], n_workers: int, say: Say) -> None:
    """Call `work` in each of `n_workers` processes; pass on what they say and raise.

    Args:
        work: Can be pickled. Threads that torch is not told about are shared out evenly.
        n_workers: How many.
        say: Called here with every line that a worker says.

    Raises:
        BiospanError: The first that a worker raised, or that a worker was killed. The others
            finish what they can first.
        OSError: Likewise.
    """
    context = multiprocessing.get_context("spawn")
    n_threads = max(1, (os.cpu_count() or 1) // n_workers)
    under_way: dict[connection.Connection, process.BaseProcess] = {}
    for _ in range(n_workers):
        receiver, sender = context.Pipe(duplex=False)
        started = context.Process(target=_worker, args=(work, n_threads, sender), daemon=True)
        started.start()
        sender.close()  # the worker has the only one left, so that the pipe ends when it does
        under_way[receiver] = started
    failures: list[BiospanError | OSError] = []
    while under_way:
        ready = connection.wait(list(under_way))
        for receiver, worker in list(under_way.items()):
            if receiver not in ready:
                continue
            try:
                message = receiver.recv()
            except EOFError:
                del under_way[receiver]
                worker.join()
                if worker.exitcode:
                    failures.append(
                        BiospanError(f"a worker ended with {worker.exitcode}; start again to go on")
                    )
                continue
            if isinstance(message, BiospanError | OSError):
                failures.append(message)
            else:
                say(message)
    if failures:
        raise failures[0]


def stop_if_alone() -> None:
    """End this worker if the process that started it is gone: nobody would know it goes on."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        raise SystemExit(1)


def _worker(work: Callable[[Say], None], n_threads: int, sender: connection.Connection) -> None:
    torch.set_num_threads(n_threads)
    try:
        work(sender.send)
    except (KeyboardInterrupt, BrokenPipeError):  # the process that started this one ends as well
        pass
    except (BiospanError, OSError) as error:
        sender.send(error)
