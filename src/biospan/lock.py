"""Locks that a process loses when it dies, however it dies: one process to a folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, wait: bool = True, shared: bool = False) -> Iterator[bool]:
    """Hold a file's lock; without `wait`, yield whether it could be had at once.

    Any number of processes may hold it `shared`, while none holds it alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            # Not `flock`, which processes that a trial starts would go on holding.
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            fcntl.lockf(file, kind | (0 if wait else fcntl.LOCK_NB))
        except (BlockingIOError, PermissionError):
            yield False
        else:
            yield True
