"""What a long run shows while it makes its steps, and how it is told to stop."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple, Protocol

from biospan.errors import StoppedError


class Step(Protocol):
    """What a run says of itself after a step."""

    @property
    def step(self) -> int:
        """Its number, from 1."""

    @property
    def n_steps(self) -> int:
        """Steps of the whole run."""

    @property
    def loss(self) -> float:
        """Training loss."""


class Display(NamedTuple):
    """How to show something; of several processes the first one speaks."""

    on_step: Callable[[Step], None]
    say: Callable[[str], None]


@contextmanager
def display(title: Callable[[Any], str], *, speaks: bool) -> Iterator[Display]:
    """A bar on a terminal; lines, about a hundred in all, in a log file.

    Args:
        title: What stands before the bar after a step.
        speaks: Whether anything is shown.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True, quiet=not speaks)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=2, disable=not speaks) as bar:
        task = bar.add_task("preparing", total=None, loss=float("nan"))

        def on_step(step: Step) -> None:
            if bar.tasks[0].total is None:  # steps that were made before have taken no time now
                bar.reset(task, total=step.n_steps, completed=step.step - 1)
            bar.update(task, description=title(step), completed=step.step, loss=step.loss)
            if not console.is_terminal and step.step % max(1, step.n_steps // 100) == 0:
                eta = bar.tasks[0].time_remaining or 0
                console.print(
                    f"step {step.step}/{step.n_steps} loss {step.loss:.4f} eta {eta:.0f} s"
                )

        yield Display(on_step, console.print)


@contextmanager
def until_terminated() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM has come, for a run that asks after each step.

    Before the run asks for the first time there is nothing to keep, and SIGTERM ends it at once.
    """
    told: list[int] = []
    asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        told.append(number)
        if not asked:
            raise StoppedError("stopped before a step was made; the same command begins again")

    def should_stop() -> bool:
        nonlocal asked
        asked = True
        return bool(told)

    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield should_stop
    finally:
        signal.signal(signal.SIGTERM, before)
