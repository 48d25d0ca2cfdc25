"""`biospan average`: one model of several runs."""

from pathlib import Path
from typing import Annotated

import typer

from biospan.cli.export import show
from biospan.errors import MissingDependencyError


def average(
    runs: Annotated[list[Path], typer.Argument(help="Folders that `biospan train` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the new run.")],
) -> None:
    """Make a run whose weights are the mean of those of others, and export it.

    They are to be finished runs of one recipe with other seeds. The model directory is
    OUTPUT/model.
    """
    try:
        from biospan.train import average as library
        from biospan.train import export
    except ImportError as error:
        raise MissingDependencyError(error.name or "torch", "train") from error

    run = library.average(runs, output)
    for one in run.record["averaged"]:
        print(f"{one['folder']}: development micro F1 {one['micro_f1']:.4f}")
    mean = run.record["best"]["report"]["spans"]["micro"]["f1"]
    print(f"{output}: development micro F1 {mean:.4f}")
    show(output / "model", export.export(run, output / "model"))
