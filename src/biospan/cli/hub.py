"""`biospan hub`: a published model as a plain folder, from a pinned revision."""

from pathlib import Path
from typing import Annotated

import typer


def hub(
    source: Annotated[str, typer.Argument(help="Name on the Hugging Face hub, or a folder.")],
    output: Annotated[Path, typer.Argument(help="New folder.")],
    revision: Annotated[
        str, typer.Option("--revision", help="Commit on the hub, 40 hexadecimal digits.")
    ] = "",
    download: Annotated[
        bool, typer.Option("--download", help="Fetch what is not in the local cache.")
    ] = False,
    convert_weights: Annotated[
        bool,
        typer.Option(
            "--convert-weights", help="Turn `pytorch_model.bin` into safetensors, weights only."
        ),
    ] = False,
) -> None:
    """Copy a published model to a folder that recipes name as `encoder` and `import` reads.

    `source.json` in it keeps name, revision and sha256 of each file. Without --download nothing is
    fetched, and without --convert-weights no pickled file is opened.
    """
    from biospan.train import hub as hubs

    found = hubs.find(source, revision=revision, download=download, pickled=convert_weights)
    folder = hubs.keep(found, output, convert_weights=convert_weights)
    for name, digest in found.files.items():
        print(f"{digest}  {name}")
    print(f"{folder}: {found.name}{f' at {found.revision}' if found.revision else ''}")
