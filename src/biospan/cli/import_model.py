"""`biospan import`: a published token-classification model as a model directory."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from biospan.errors import ConfigError, MissingDependencyError


def import_model(
    source: Annotated[str, typer.Argument(help="Folder, or name on the Hugging Face hub.")],
    output: Annotated[Path, typer.Argument(help="Model directory to write.")],
    revision: Annotated[
        str, typer.Option("--revision", help="Commit on the hub, 40 hexadecimal digits.")
    ] = "",
    download: Annotated[
        bool, typer.Option("--download", help="Fetch what is not in the local cache.")
    ] = False,
    labels: Annotated[
        str,
        typer.Option(
            "--labels", metavar="NAME=TAG,...", help="Tags of columns whose names are others."
        ),
    ] = "",
    decide: Annotated[
        Literal["units", "words"],
        typer.Option("--decide", help="What gets a tag: words if only their first pieces learned."),
    ] = "units",
    read: Annotated[
        Literal["text", "units"],
        typer.Option("--read", help="What the tokenizer gets: text, or each unit or word alone."),
    ] = "text",
    casing: Annotated[
        Literal["tokenizer", "keep", "lower"],
        typer.Option("--casing", help="What becomes of capitals."),
    ] = "tokenizer",
    max_pieces: Annotated[
        int, typer.Option("--max-pieces", help="Of a window; 0: what the model takes, up to 512.")
    ] = 0,
    pack: Annotated[
        Literal["fp32", "fp16", "int8"], typer.Option("--pack", help="How weights are stored.")
    ] = "fp32",
) -> None:
    """Turn a token-classification model of transformers into a model directory.

    BERT, RoBERTa, DistilBERT, ELECTRA, DeBERTa-v2, XLM-RoBERTa, ModernBERT; tags in IOB2, IOBES
    (BILOU, BMES) or IO. Nothing is written unless it says what transformers says. No code of the
    model is run and no pickle is read; `biospan hub --convert-weights` is for those.
    """
    renamed = _renamed(labels)
    try:
        from biospan.train import hub, import_hf
    except ImportError as error:
        raise MissingDependencyError(error.name or "torch", "train") from error

    import_hf.hide_progress()
    found = hub.find(source, revision=revision, download=download)
    options = import_hf.Options(
        labels=renamed,
        decisions=decide,
        reading=read,
        casing=casing,
        max_pieces=max_pieces,
        pack=pack,
    )
    parity = import_hf.import_model(found, output, options)
    print(
        f"{output}: as transformers on {parity.sentences} sentences: emissions within "
        f"{parity.max_difference:.1g}, {parity.entities} entities; in {parity.illegal} sentences "
        f"transformers' tags are no legal sequence; {parity.changed} entities changed by packing"
    )


def _renamed(text: str) -> dict[str, str]:
    found = {}
    for part in filter(None, text.split(",")):
        name, equals, tag = part.partition("=")
        if not equals or not name or not tag:
            raise ConfigError(f"--labels: got `{part}`, expected `NAME=TAG`")
        found[name.strip()] = tag.strip()
    return found
