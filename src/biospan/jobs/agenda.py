"""Which shard a worker does next: one that lies ahead of it in the file that it is reading."""

from collections import deque
from collections.abc import Iterable, Sequence

from biospan.jobs.inputs import Input
from biospan.jobs.plan import Places, Shard


class Agenda:
    """The shards that are still to be done.

    Every worker has a file of its own while there are enough, so that each file is read about
    once, however many workers there are.

    Args:
        shards: In order.
        inputs: Of the plan.
    """

    def __init__(self, shards: Iterable[Shard], inputs: Sequence[Input]) -> None:
        self._places = Places(inputs)
        self._waiting: dict[int, deque[Shard]] = {}
        self._readers: dict[int, int] = {}  # the file that each worker reads
        for shard in shards:
            self._waiting.setdefault(self._file(shard), deque()).append(shard)

    def next(self, worker: int) -> Shard | None:
        """The shard that a worker is to do now; None if there is none left."""
        file = self._readers.pop(worker, None)
        if file not in self._waiting:
            taken = set(self._readers.values())
            free = (other for other in self._waiting if other not in taken)
            longest = max(self._waiting, key=lambda other: len(self._waiting[other]), default=None)
            file = next(free, longest)
        if file is None:
            return None
        self._readers[worker] = file
        shard = self._waiting[file].popleft()
        if not self._waiting[file]:
            del self._waiting[file]
        return shard

    def put_back(self, shard: Shard) -> None:
        """Have a shard done after all, by whoever comes next."""
        self._waiting.setdefault(self._file(shard), deque()).appendleft(shard)

    def _file(self, shard: Shard) -> int:
        return self._places.of(shard.first)[0]
