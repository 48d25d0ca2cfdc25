"""The order of work: which windows share a call of the model, and what goes on beside it.

Windows of like size are run together, whatever document they come from, in batches of about as
many pieces. While the model works on one group of documents, the next is read and the one before
is finished. What is computed of a document depends on none of this.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from biospan import pieces
from biospan.document import Document

# Documents are read ahead until they hold this many characters (about 32,000 pieces), in two
# groups: one that the model works on and one that is made ready. Windows of like size find each
# other in a group; memory is bounded by it and the longest document.
LOOK_AHEAD = 131_072
# Pieces of one call of the model, padding included: enough to keep the cores busy, few enough
# for its activations to stay in their caches.
BATCH_PIECES = 2_048
# A batch takes no window that would make more than this share of it padding, unless the padding
# costs less than the call that it spares: about as much as this many pieces.
_MOST_PADDING, _CALL_PIECES = 0.05, 16

Item = TypeVar("Item")
Result = TypeVar("Result")


def groups(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents in groups of about half of `LOOK_AHEAD`."""
    group: list[Document] = []
    size = 0
    for document in documents:
        group.append(document)
        size += len(document.text) + 1  # empty texts must not pile up for ever
        if size >= LOOK_AHEAD / 2:
            yield group
            group, size = [], 0
    if group:
        yield group


def batches(
    windows: Iterable[pieces.Window], stretches: Sequence[pieces.Stretch]
) -> Iterator[list[pieces.Window]]:
    """Windows of like size, as many as fill one call of the model."""
    sized = [(pieces.size(window, stretches[window.stretch]), window) for window in windows]
    sized.sort()
    batch: list[pieces.Window] = []
    used = 0  # pieces, without padding
    for size, window in sized:
        run = size * (len(batch) + 1)
        is_wasteful = run - used - size > max(_MOST_PADDING * run, _CALL_PIECES)
        if batch and (run > BATCH_PIECES or is_wasteful):
            yield batch
            batch, used = [], 0
        batch.append(window)
        used += size
    if batch:
        yield batch


def overlapped(
    items: Iterable[Item], work: Callable[[Item], Result]
) -> Generator[tuple[Item, Result], None, None]:
    """Each item and what `work` makes of it, in order; the next item is made meanwhile.

    `items` is used by the caller's thread alone. What either raises ends the iteration.
    """
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="biospan") as pool:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            # Not kept: an item that was yielded is to be let go.
            del item
            if len(waiting) > 1:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)


def _first(waiting: deque[tuple[Item, Future[Result]]]) -> tuple[Item, Result]:
    item, future = waiting.popleft()
    return item, future.result()
