"""How far a job over a corpus is: documents a second, the time left, what was rejected."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from biospan.jobs import Progress


class Meter:
    """Shows progress on standard error: a line that changes, or in a log file a line a minute.

    Args:
        stream: Where to.
        clock: Seconds.
    """

    def __init__(
        self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._is_terminal = self._stream.isatty()
        self._begun: float | None = None
        self._told = clock() - 60
        self._is_open = False

    def show(self, progress: "Progress") -> None:
        """Say how far the job is, unless that was said a moment ago."""
        now = self._clock()
        if progress.planned and self._begun is None:
            self._begun = now
            self._told = now - 60
        if now - self._told < (0.5 if self._is_terminal else 60):
            return
        self._told = now
        line = describe(progress, now - (self._begun or now))
        end = "\x1b[K\r" if self._is_terminal else "\n"
        print(line, end=end, file=self._stream, flush=True)
        self._is_open = self._is_terminal

    def close(self) -> None:
        """Leave the last line standing."""
        if self._is_open:
            print(file=self._stream)


def describe(progress: "Progress", seconds: float) -> str:
    """One line on how far a job is, after so many seconds of annotating."""
    if not progress.planned:
        return f"planning: {progress.n_read:,} records read"
    line = f"{progress.n_done:,} of {progress.n_read:,} records"
    made = progress.n_done - progress.n_before
    if made and seconds > 0:
        rate = made / seconds
        left = round((progress.n_read - progress.n_done) / rate)
        line += f", {rate:,.1f}/s, {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
    return f"{line}, {progress.n_rejected:,} rejected"
