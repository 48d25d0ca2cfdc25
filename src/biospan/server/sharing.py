"""A model whose calls are shared: what several threads ask at one time runs together.

Each request is tagged by the ordinary tagger in a thread of its own; only the runtime below it is
one of these. Every run of the model takes windows of like length from all calls that wait. What the
model says of a window does not depend on what runs beside it (checked when a model is packed), so
answers are exactly those of the tagger by itself.

Turns alternate: one goes to the oldest call, the next to the client that had least so far. So a
long text neither starves short ones nor is starved by them.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biospan.runtime import TOKEN_STARTS, Runtime

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]

RUN_PIECES = 512  # of one run, padding included: no turn takes long
# What padding may cost: a run of its own costs as much as about so many pieces of one window.
SPREAD = 4
LINGER_S = 0.002  # how long a turn waits for those who are about to ask


class GivenUpError(Exception):
    """The request that a call belongs to is no longer wanted."""


class Client:
    """One request, across the calls that tagging its texts takes.

    Attributes:
        served: Pieces that ran for it.
        gone: Whether its answer is no longer wanted.
    """

    def __init__(self) -> None:
        self.served = 0
        self.gone = False


@dataclass(eq=False)
class _Call:
    """What one thread waits for."""

    client: Client
    order: int
    inputs: Mapping[str, Integers]
    lengths: list[int]
    waiting: deque[int]
    left: int
    rows: Floats | None = None
    done: Future[Floats] = field(default_factory=Future)


class _Place(NamedTuple):
    """A window: a row of a call."""

    call: _Call
    row: int

    @property
    def length(self) -> int:
        return self.call.lengths[self.row]


class SharedRuntime:
    """What runs the windows of many threads together.

    Args:
        runtime: What runs them.
        pad_id: Number of the padding piece.
        workers: Threads that run the model; while one cuts and joins arrays, others compute.
        observe: Told the number of windows of each run.
    """

    def __init__(
        self,
        runtime: Runtime,
        pad_id: int,
        *,
        workers: int = 2,
        observe: Callable[[int], object] = lambda n_windows: None,
    ) -> None:
        self.fingerprint = runtime.fingerprint
        self._runtime = runtime
        self._pad_id = pad_id
        self._observe = observe
        self._changed = threading.Condition()
        self._calls: list[_Call] = []
        self._numbers = count()
        self._clients: set[Client] = set()
        self._asking = 0
        self._turn = 0
        self._stopped = False
        for number in range(workers):
            threading.Thread(target=self._work, name=f"biospan-run-{number}", daemon=True).start()

    def serving(self, client: Client) -> Runtime:
        """This runtime for the calls of one client, from whatever thread."""
        return _Served(self, client)

    def expect(self, client: Client) -> None:
        """Say that a client is about to ask; a turn waits a little for it."""
        with self._changed:
            self._clients.add(client)

    def dismiss(self, client: Client) -> None:
        """Say that a client will ask no more; calls of its that wait are given up."""
        with self._changed:
            client.gone = True
            self._clients.discard(client)
            given_up = [call for call in self._calls if call.client is client]
            self._calls = [call for call in self._calls if call.client is not client]
            self._changed.notify_all()
        for call in given_up:
            if not call.done.done():
                call.done.set_exception(GivenUpError())

    def stop(self) -> None:
        """End the threads; calls that wait are given up."""
        with self._changed:
            self._stopped = True
            given_up, self._calls = self._calls, []
            self._changed.notify_all()
        for call in given_up:
            if not call.done.done():
                call.done.set_exception(GivenUpError())

    def run_for(self, client: Client, inputs: Mapping[str, Integers]) -> Floats:
        """See `Runtime.run`.

        Raises:
            GivenUpError: If the client was dismissed, or the runtime was stopped.
        """
        lengths = inputs["mask"].sum(axis=1).tolist()
        rows = range(len(lengths))
        with self._changed:
            if client.gone or self._stopped:
                raise GivenUpError
            call = _Call(client, next(self._numbers), inputs, lengths, deque(rows), len(lengths))
            self._calls.append(call)
            self._asking += 1
            self._changed.notify_all()
        try:
            return call.done.result()
        finally:
            with self._changed:
                self._asking -= 1

    def _work(self) -> None:
        while places := self._next():
            try:
                rows = self._runtime.run(self._joined(places))
                self._observe(len(places))
                self._deliver(places, rows)
            except Exception as error:
                self._fail(places, error)

    def _next(self) -> list[_Place]:
        """The windows of the next run; none when all is over."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._stopped or self._any_waits())
                if not self._stopped and self._asking < len(self._clients):
                    self._changed.wait_for(self._all_ask, timeout=LINGER_S)
                if self._stopped:
                    return []
                if places := self._picked():
                    return places

    def _any_waits(self) -> bool:
        return any(call.waiting for call in self._calls)

    def _all_ask(self) -> bool:
        return self._stopped or self._asking >= len(self._clients)

    def _picked(self) -> list[_Place]:
        """Whose turn it is, and the windows that are most like its first one in length."""
        waiting = [call for call in self._calls if call.waiting]
        if not waiting:
            return []
        self._turn += 1
        fair = self._turn % 2 == 0
        first = min(waiting, key=lambda call: (fair and call.client.served, call.order))
        target = first.lengths[first.waiting[0]]
        places = [
            _Place(call, row)
            for call in waiting
            for row in call.waiting
            if abs(call.lengths[row] - target) <= SPREAD
        ]
        places.sort(key=lambda p: (abs(p.length - target), p.call is not first, p.call.order))
        picked = _fitting(places)
        for place in picked:
            place.call.waiting.remove(place.row)
            place.call.client.served += place.length
        return picked

    def _joined(self, places: Sequence[_Place]) -> dict[str, Integers]:
        """The arrays of windows from different calls, padded to the longest."""
        n_pieces = max(place.length for place in places)
        n_tokens = max(_n_tokens(place) for place in places)
        joined: dict[str, Integers] = {}
        for name in places[0].call.inputs:
            width = n_tokens if name == TOKEN_STARTS else n_pieces
            padding = self._pad_id if name == "input_ids" else 0
            array = np.full((len(places), width), padding, dtype=np.int64)
            for number, place in enumerate(places):
                row = place.call.inputs[name][place.row][:width]
                array[number, : len(row)] = row
            joined[name] = array
        return joined

    def _deliver(self, places: Sequence[_Place], rows: Floats) -> None:
        finished: list[tuple[_Call, Floats]] = []
        with self._changed:
            for place, row in zip(places, rows, strict=True):
                call = place.call
                if call.rows is None:
                    shape = (*call.inputs[TOKEN_STARTS].shape, rows.shape[2])
                    call.rows = np.zeros(shape, dtype=np.float32)
                n_tokens = min(len(row), call.rows.shape[1])
                call.rows[place.row, :n_tokens] = row[:n_tokens]
                call.left -= 1
                if call.left == 0 and call in self._calls:
                    finished.append((call, call.rows))
            # Only now, so that a failure above still finds every call that waits.
            for call, _ in finished:
                self._calls.remove(call)
        for call, found in finished:
            call.done.set_result(found)

    def _fail(self, places: Sequence[_Place], error: Exception) -> None:
        failed = {place.call for place in places}
        with self._changed:
            failed &= set(self._calls)
            self._calls = [call for call in self._calls if call not in failed]
        for call in failed:
            call.done.set_exception(error)


class _Served:
    def __init__(self, shared: SharedRuntime, client: Client) -> None:
        self.fingerprint = shared.fingerprint
        self._shared = shared
        self._client = client

    def run(self, inputs: Mapping[str, Integers]) -> Floats:
        return self._shared.run_for(self._client, inputs)


def _fitting(places: Sequence[_Place]) -> list[_Place]:
    """As many of the places, in their order, as one run takes."""
    picked: list[_Place] = []
    shortest = longest = places[0].length
    for place in places:
        low, high = min(shortest, place.length), max(longest, place.length)
        if picked and (high - low > SPREAD or high * (len(picked) + 1) > RUN_PIECES):
            break
        picked.append(place)
        shortest, longest = low, high
    return picked


def _n_tokens(place: _Place) -> int:
    """Columns of `token_starts` up to the last that is not padding."""
    starts = np.flatnonzero(place.call.inputs[TOKEN_STARTS][place.row])
    return int(starts[-1]) + 1 if len(starts) else 1
