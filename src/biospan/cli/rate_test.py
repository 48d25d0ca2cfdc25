"""`biospan rate-test`: which learning rate a recipe bears."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from biospan.errors import MissingDependencyError


def rate_test(
    recipe: Annotated[Path, typer.Argument(help="TOML file; see recipes/.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; runs/RECIPE-rate-test by default."),
    ] = None,
    low: Annotated[float, typer.Option("--low", help="First rate.")] = 1e-6,
    high: Annotated[float, typer.Option("--high", help="Last rate.")] = 1.0,
    steps: Annotated[int, typer.Option("--steps", help="Steps from the first to the last.")] = 200,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting.")
    ] = None,
) -> None:
    """Let the learning rate rise until the loss explodes, and print a rate that suits.

    That is a tenth of the rate at which the smoothed loss was lowest. OUTPUT gets rates.tsv and
    rates.png: look at them, a curve says more than a number.
    """
    from biospan.train.config import load_config

    config = load_config(recipe, overrides or ())
    try:
        import biospan.train.rate_test as library
    except ImportError as error:
        raise MissingDependencyError(error.name or "torch", "train") from error

    def on_step(step: int, rate: float, loss: float) -> None:
        if step % max(1, steps // 20) == 0:
            print(f"step {step}/{steps} rate {rate:.1e} loss {loss:.4f}", file=sys.stderr)

    found = library.try_rates(config, low=low, high=high, n_steps=steps, on_step=on_step)
    folder = output or Path("runs") / f"{recipe.stem}-rate-test"
    found.write(folder)
    if not found.exploded:
        print(f"the loss did not explode up to {high}: a higher --high says more", file=sys.stderr)
    print(
        f"suggested: a tenth of the rate with the lowest smoothed loss; it fell most steeply at "
        f"{found.steepest:.1e}; see {folder / 'rates.png'}",
        file=sys.stderr,
    )
    print(f"{found.suggested:.1e}")
