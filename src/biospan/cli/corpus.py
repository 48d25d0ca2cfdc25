"""`biospan corpus`: what a corpus holds, beside what was published of it."""

from pathlib import Path
from typing import Annotated

import typer


def corpus(
    name: Annotated[str, typer.Argument(help="Name of a known corpus, such as jnlpba.")],
    split: Annotated[str, typer.Option("--split", help="all, train, dev or test.")] = "all",
    path: Annotated[
        Path | None, typer.Option("--path", help="Where it lies; $BIOSPAN_DATA/NAME by default.")
    ] = None,
) -> None:
    """Count documents, sentences, tokens, tags and entities of a corpus."""
    from biospan import corpora

    documents = corpora.read_corpus(name, split, path=path)
    print(corpora.describe(name, split, documents))
