"""`biospan pretrain`: adapt an encoder to plain text."""

from pathlib import Path
from typing import Annotated

import typer

from biospan.cli.progress import display, until_terminated
from biospan.errors import MissingDependencyError


def pretrain(
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
    """Adapt an encoder to a field's language by having it guess hidden words of plain text.

    OUTPUT becomes an encoder for the recipes of `biospan train`; record, log and curves of the
    run lie in it too. A run that was stopped or killed goes on from its last checkpoint by the
    same command.
    """
    from biospan.train.pretrain.config import load_config

    config = load_config(recipe, overrides or ())
    try:
        from biospan.train import parallel
        from biospan.train.pretrain import loop
    except ImportError as error:
        raise MissingDependencyError(error.name or "torch", "train") from error

    folder = output or Path("runs") / recipe.stem
    first = parallel.join().rank == 0  # of several processes one speaks
    with (
        display(lambda step: "adapting", speaks=first) as shown,
        until_terminated() as should_stop,
    ):
        record = loop.pretrain(
            config, folder, restart=restart, on_step=shown.on_step, should_stop=should_stop
        )
    if first:
        print(f"{folder}: an encoder after {record['steps']} steps on {record['pieces']} pieces")
