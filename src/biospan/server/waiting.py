"""Which requests may wait for the models: bounded in number, in characters, and in time."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Gauge

from biospan.server.limits import Limits
from biospan.server.problems import wait

_MEMORY = 0.98  # of the past that each request leaves: about the last fifty count
_MAX_RETRY_S = 60


class Waiting:
    """Admits requests while they can be answered in time. Used from the event loop only.

    Requests share the models fairly, so one of `n` characters waits for at most `n` characters of
    each other one.

    Args:
        limits: Bounds.
        gauge: Shows the characters that wait.
    """

    def __init__(self, limits: Limits, gauge: Gauge) -> None:
        self._limits = limits
        self._gauge = gauge
        self._sizes: list[int] = []
        self._busy_since = 0.0
        self._busy_s = 0.0
        self._done = 0.0

    @contextmanager
    def admitted(self, characters: int) -> Iterator[None]:
        """Hold a place for a request of so many characters while it is served.

        Raises:
            Problem: 429 if there is no place; `Retry-After` says when there will be.
        """
        size = characters + 1
        if self._sizes:  # whoever is alone is always served
            self._check(size)
        else:
            self._busy_since = time.monotonic()
        self._sizes.append(size)
        self._gauge.set(sum(self._sizes))
        completed = False
        try:
            yield
            completed = True
        finally:
            self._sizes.remove(size)
            self._gauge.set(sum(self._sizes))
            self._learn(size if completed else 0)

    @property
    def rate(self) -> float | None:
        """Characters a second while there is work; None before anything was done."""
        return self._done / self._busy_s if self._done and self._busy_s else None

    def _check(self, size: int) -> None:
        limits = self._limits
        total = sum(self._sizes)
        in_front = sum(min(size, other) for other in self._sizes) + size
        late = self.rate is not None and in_front / self.rate > limits.deadline_s * 0.8
        full = len(self._sizes) >= limits.queue_requests
        if full or late or total + size > limits.queue_characters:
            seconds = math.ceil(in_front / self.rate) if self.rate else 1
            raise wait(
                429,
                "busy",
                f"{len(self._sizes)} requests with {total} characters are waiting",
                min(seconds, _MAX_RETRY_S),
            )

    def _learn(self, size: int) -> None:
        now = time.monotonic()
        self._busy_s = self._busy_s * _MEMORY + now - self._busy_since
        self._busy_since = now
        self._done = self._done * _MEMORY + size
