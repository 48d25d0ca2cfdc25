"""`biospan train`: from a recipe to a model directory."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from biospan.cli.export import show
from biospan.errors import MissingDependencyError


def train(
    recipe: Annotated[Path, typer.Argument(help="TOML file; see recipes/.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the run; runs/RECIPE by default."),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start anew instead of going on with a run.")
    ] = False,
) -> None:
    """Train a model, keep its best epoch on the development split, and export it.

    The model directory is OUTPUT/model; weights, record, log and curves of the run lie beside it.
    A run that was stopped or killed goes on from its last checkpoint by the same command.
    """
    from biospan.train.config import load_config

    config = load_config(recipe, overrides or ())
    try:
        from biospan.train import export, loop, parallel
    except ImportError as error:
        raise MissingDependencyError(error.name or "torch", "train") from error
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from biospan.scoring import Report

    folder = output or Path("runs") / recipe.stem
    console = Console(stderr=True)
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TimeElapsedColumn(),
        TextColumn("eta"),
        TimeRemainingColumn(),
    )
    first = parallel.join().rank == 0  # of several processes one speaks
    console.quiet = not first
    with Progress(*columns, console=console, refresh_per_second=2, disable=not first) as bar:
        task = bar.add_task("train", total=None, epoch=1, loss=float("nan"))

        def on_step(step: loop.Progress) -> None:
            bar.update(
                task, total=step.n_steps, completed=step.step, epoch=step.epoch, loss=step.loss
            )
            if not console.is_terminal and step.step % max(1, step.n_steps // 100) == 0:
                # A log file gets lines instead of a bar.
                eta = bar.tasks[0].time_remaining or 0
                console.print(
                    f"step {step.step}/{step.n_steps} loss {step.loss:.4f} eta {eta:.0f} s"
                )

        def on_epoch(epoch: int, report: Report) -> None:
            console.print(f"epoch {epoch}: development micro F1 {report.spans.micro.f1:.4f}")

        told_to_stop: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, frame: told_to_stop.append(number))
        run = loop.fit(
            config,
            folder,
            restart=restart,
            on_step=on_step,
            on_epoch=on_epoch,
            should_stop=lambda: bool(told_to_stop),
        )
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if first:
        show(folder / "model", export.export(run, folder / "model"))
