"""`biospan export`: what others load of a finished run, again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from biospan.errors import ConfigError, MissingDependencyError, ModelError

if TYPE_CHECKING:
    from biospan.train.export import Gates
    from biospan.train.export_hf import Written


def export(
    run: Annotated[Path, typer.Argument(help="Folder that `biospan train` wrote.")],
    out: Annotated[Path | None, typer.Argument(help="Folder to write.", show_default=False)] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Model directory; RUN/model by default.")
    ] = None,
    to: Annotated[
        Literal["biospan", "huggingface"],
        typer.Option("--to", help="A model directory, or a folder that transformers loads."),
    ] = "biospan",
    licence: Annotated[
        str, typer.Option("--licence", help="Of the card for the hub, such as `apache-2.0`.")
    ] = "",
) -> None:
    """Export a run's best epoch.

    The model directory is made by `train` already, this does it again. For Hugging Face a folder is
    written with safetensors, tokenizer and card; a CRF is dropped, and what that costs is printed.
    """
    if out and output:
        raise ConfigError(f"two places to write to: `{out}` and `{output}`")
    folder = out or output
    if to == "huggingface" and folder is None:
        raise ConfigError("--to huggingface: expected a folder to write after that of the run")
    run = _run_of(run)
    try:
        from biospan.train import export as exporting
        from biospan.train import export_hf
        from biospan.train.run import restore
    except ImportError as error:
        raise MissingDependencyError(error.name or "torch", "train") from error

    if to == "huggingface" and folder is not None:
        written = export_hf.export(restore(run), folder, licence=licence)
        show_written(folder, written)
    else:
        folder = folder or run / "model"
        show(folder, exporting.export(restore(run), folder))


def _run_of(folder: Path) -> Path:
    """The run's folder; of a model directory inside of a run, that of the run."""
    if (folder / "record.json").is_file() or not (folder / "manifest.json").is_file():
        return folder
    if (folder.parent / "record.json").is_file():
        return folder.parent
    raise ModelError(
        f"{folder}: a model directory holds a graph to run, and no weights that torch could load; "
        "expected the folder of the run that it was exported from"
    )


def show(folder: Path, gates: "Gates") -> None:
    """Say what passed the gates."""
    for change in gates.changed:
        print(f"changed by packing: {change}")
    print(
        f"{folder}: {gates.size / 1e6:.1f} MB; development micro F1 {gates.packed_f1:.4f}, "
        f"{gates.unpacked_f1:.4f} before packing, {len(gates.changed)} differences; "
        f"emissions within {gates.max_difference:.1g} of torch"
    )


def show_written(folder: Path, written: "Written") -> None:
    """Say what transformers makes of the model."""
    parity = written.parity
    print(
        f"{folder}: emissions within {parity.max_difference:.1g} of the run on {parity.sentences} "
        "sentences of running text"
    )
    dropped = "the CRF is dropped, and " if written.has_crf else ""
    print(
        f"{dropped}transformers takes the best tag of each piece: development micro F1 "
        f"{written.plain_f1:.4f} instead of {written.f1:.4f} "
        f"({written.plain_f1 - written.f1:+.4f})"
    )
