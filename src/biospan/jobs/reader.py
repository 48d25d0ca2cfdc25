"""The records of a job's inputs, from any of them on."""

import errno
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

from biospan import formats
from biospan.formats.record import Record, Rejected
from biospan.jobs.inputs import Input
from biospan.jobs.plan import Places, Shard


class Reader:
    """The records of all inputs as one sequence, read forward where that is possible.

    Args:
        inputs: Of the plan.
    """

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._places = Places(inputs)
        self._file = -1
        self._next = 0  # the number in the file of the record that comes next
        self._records: Iterator[Record] = iter(())

    def take(self, first: int, count: int) -> Iterator[tuple[int, Record]]:
        """Records with their numbers among those of all inputs, from 0.

        Raises:
            InputError: If an input changed since the job was planned.
            OSError: If it did not, and does not give the same records.
        """
        for ordinal in range(first, first + count):
            file, number = self._places.of(ordinal) if ordinal == first else self._following()
            self._go_to(file, number)
            record = next(self._records, None)
            if record is None:
                raise self._misread(file, f"its end comes after {number} records")
            self._next += 1
            yield ordinal, record

    def place(self, ordinal: int) -> tuple[str, int]:
        """The file of a record, and its number there, from 1."""
        file, number = self._places.of(ordinal)
        return self._inputs[file].path, number + 1

    def check(self, shard: Shard) -> None:
        """Refuse the inputs of a shard if they changed since the job was planned.

        Raises:
            InputError: If one has.
        """
        last, _ = self._places.of(shard.first + shard.count - 1)
        first, _ = self._places.of(shard.first)
        for item in self._inputs[first : last + 1]:
            item.check()

    def misread(self, shard: Shard, what: str) -> Exception:
        """What to raise when a shard's records are not those that were planned."""
        return self._misread(self._places.of(shard.first)[0], what)

    def _misread(self, file: int, what: str) -> OSError:
        """The file has changed, or else the disk did not give what it holds."""
        self._inputs[file].check()
        path = self._inputs[file].path
        return OSError(errno.EIO, f"read otherwise than when the job was planned: {what}", path)

    def _following(self) -> tuple[int, int]:
        file, number = self._file, self._next
        while number >= self._inputs[file].records:
            file, number = file + 1, 0
        return file, number

    def _go_to(self, file: int, number: int) -> None:
        if (file, number) == (self._file, self._next):
            return
        if file != self._file or number < self._next:
            item = self._inputs[file]
            item.check()
            damaged = iter([Rejected(item.path, item.damage)])
            self._records = damaged if item.damage else formats.records(item.path)
            self._file, self._next = file, 0
        deque(islice(self._records, number - self._next), maxlen=0)
        self._next = number
