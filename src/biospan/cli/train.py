"""`biospan train`: from a recipe to a model directory."""

from pathlib import Path
from typing import Annotated

import typer

from biospan.cli.export import show
from biospan.cli.progress import display, until_terminated
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
    from biospan.scoring import Report

    folder = output or Path("runs") / recipe.stem
    first = parallel.join().rank == 0  # of several processes one speaks

    def title(step: loop.Progress) -> str:
        return f"epoch {step.epoch}"

    with display(title, speaks=first) as shown, until_terminated() as should_stop:

        def on_epoch(epoch: int, report: Report) -> None:
            shown.say(f"epoch {epoch}: development micro F1 {report.spans.micro.f1:.4f}")

        run = loop.fit(
            config,
            folder,
            restart=restart,
            on_step=shown.on_step,
            on_epoch=on_epoch,
            should_stop=should_stop,
        )
    if first:
        show(folder / "model", export.export(run, folder / "model"))
