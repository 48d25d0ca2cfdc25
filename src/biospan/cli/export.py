"""`biospan export`: the model directory of a finished run, again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from biospan.errors import MissingDependencyError

if TYPE_CHECKING:
    from biospan.train.export import Gates


def export(
    run: Annotated[Path, typer.Argument(help="Folder that `biospan train` wrote.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Model directory; RUN/model by default.")
    ] = None,
) -> None:
    """Export a run's best epoch: `train` does it already, this does it again."""
    try:
        from biospan.train import export as exporting
        from biospan.train.run import restore
    except ImportError as error:
        raise MissingDependencyError(error.name or "torch", "train") from error

    folder = output or run / "model"
    show(folder, exporting.export(restore(run), folder))


def show(folder: Path, gates: "Gates") -> None:
    """Say what passed the gates."""
    for change in gates.changed:
        print(f"changed by packing: {change}")
    print(
        f"{folder}: {gates.size / 1e6:.1f} MB; development micro F1 {gates.packed_f1:.4f}, "
        f"{gates.unpacked_f1:.4f} before packing, {len(gates.changed)} differences; "
        f"emissions within {gates.max_difference:.1g} of torch"
    )
