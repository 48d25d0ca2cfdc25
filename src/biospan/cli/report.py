"""`biospan report`: an HTML page on what is wrong with predictions."""

from pathlib import Path
from typing import Annotated

import typer

from biospan.cli import sides
from biospan.errors import ConfigError


def report(
    gold: sides.Gold = None,
    predicted: sides.Predicted = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path(
        "report.html"
    ),
    corpus: sides.Corpus = None,
    split: sides.Split = None,
    path: sides.CorpusPath = None,
    model: sides.Model = None,
    engine: sides.Engine = None,
    repair: sides.Repair = False,
    train: Annotated[
        str | None,
        typer.Option("--train", help="Training data, a corpus or file: show what of it is scored."),
    ] = None,
) -> None:
    """Write a page that shows where PREDICTED, or a model's output, differs from GOLD.

    Scores by label, kinds of errors, confusion of labels, reliability of scores, frequent
    mistakes, and the sentences with mistakes. The page is one file that loads nothing.
    """
    from biospan.exposure import expose
    from biospan.formats.text import open_output
    from biospan.report import analyse, to_html

    request = sides.Request(gold, predicted, corpus, split, path, model, engine, repair)
    ours, theirs = request.read()
    names = request.names()
    for file in (gold, predicted):
        if file and output.exists() and output.samefile(file):
            raise ConfigError(f"{output}: an input is there. Name another place.")
    analysis = analyse(ours, theirs)
    known = None if train is None else expose(ours, theirs, request.read_training(train))
    with open_output(output) as stream:
        for part in to_html(analysis, gold_name=names[0], predicted_name=names[1], exposure=known):
            stream.write(part)
