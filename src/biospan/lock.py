"""Locks that a process loses when it dies, however it dies: one process to a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from biospan.errors import LockedError


@contextmanager
def locked(path: Path, *, wait: bool = True, shared: bool = False) -> Iterator[bool]:
    """Hold a file's lock; without `wait`, yield whether it could be had at once.

    Any number of processes may hold it `shared`, while none holds it alone.

    Raises:
        LockedError: Where the system has no such locks, as Windows has not.
    """
    try:
        import fcntl
    except ImportError as error:
        raise LockedError(
            f"{path.parent}: cannot be held against other processes: training, searching and "
            "corpus jobs need POSIX file locks. On Windows, run them in its Subsystem for Linux; "
            "tagging, evaluating and converting work without."
        ) from error
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
