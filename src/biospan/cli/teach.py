"""`biospan teach`: have an ensemble label plain text, for one model to learn from."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from biospan.errors import MissingDependencyError


def teach(
    recipe: Annotated[Path, typer.Argument(help="TOML file; see recipes/.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write to; runs/RECIPE by default."),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting.")
    ] = None,
) -> None:
    """Have finished training runs label text with the probabilities of their tags, on average.

    OUTPUT is for `taught` in the recipe of `biospan train`. A run that was killed goes on by the
    same command.
    """
    from biospan.train.teach_config import load_config

    config = load_config(recipe, overrides or ())
    try:
        from biospan.train import teach as library
    except ImportError as error:
        raise MissingDependencyError(error.name or "torch", "train") from error

    folder = output or Path("runs") / recipe.stem

    def on_part(done: int, total: int) -> None:
        print(f"{done} of {total} documents", file=sys.stderr)

    record = library.teach(config, folder, on_part=on_part)
    print(f"{folder}: {record['documents']} documents, {len(record['teachers'])} teachers")
