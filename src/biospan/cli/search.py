"""`biospan search`: from a search recipe to the recipe of its best trial."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from biospan.errors import MissingDependencyError


def search(
    recipe: Annotated[Path, typer.Argument(help="TOML file with a table `search`.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the search; runs/RECIPE by default."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", "-w", min=1, help="Processes on this machine.")
    ] = 1,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Go on with the trials of machines that are gone."),
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting; search.KEY for one of the search."
        ),
    ] = None,
) -> None:
    """Train with many settings and keep the best, chosen on the development split.

    Started again, it goes on where it was. Prints a table of the trials, best first; OUTPUT holds
    best.toml for `biospan train`, tables and pictures, and a run folder for each trial.
    """
    from biospan.train.space import load_search

    config = load_search(recipe, overrides or ())
    try:
        import biospan.train.search as library
    except ImportError as error:
        raise MissingDependencyError(error.name or "optuna", "search") from error

    folder = output or Path("runs") / recipe.stem
    found = library.search(
        config,
        folder,
        n_workers=workers,
        take_over=take_over,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(found.to_markdown(), end="")
    print(
        f"best: trial {found.best.number}; `biospan train {folder / 'best.toml'}` makes it again",
        file=sys.stderr,
    )
