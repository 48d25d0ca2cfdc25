"""`biospan report`: an HTML page on what is wrong with predictions."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from biospan.document import Document
from biospan.errors import ConfigError


def report(
    gold: Annotated[Path | None, typer.Argument(help="File with the gold entities.")] = None,
    predicted: Annotated[Path | None, typer.Argument(help="File with the predicted ones.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")] = Path(
        "report.html"
    ),
    corpus: Annotated[
        str | None, typer.Option("--corpus", help="Tag this corpus instead of reading files.")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Split of the corpus; dev by default.")
    ] = None,
    path: Annotated[Path | None, typer.Option("--path", help="Where the corpus lies.")] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="A model directory; the bundled one by default.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", help="onnxruntime (default), openvino, openvino-bf16.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Read an I- that nothing opened as B-, in IOB2 files.")
    ] = False,
    train: Annotated[
        str | None,
        typer.Option("--train", help="Training data, a corpus or file: show what of it is scored."),
    ] = None,
) -> None:
    """Write a page that shows where PREDICTED, or a model on a corpus, differs from GOLD.

    Scores by label, kinds of errors, confusion of labels, reliability of scores, frequent
    mistakes, and the sentences with mistakes. The page is one file that loads nothing.
    """
    from biospan.cli.evaluate import read_training
    from biospan.exposure import expose
    from biospan.formats.text import open_output
    from biospan.report import analyse, to_html

    of_corpus = {"--split": split, "--path": path, "--model": model, "--engine": engine}
    if corpus is not None and gold is None:
        if repair:
            raise ConfigError("--repair: is for GOLD and PREDICTED, not for --corpus")
        from biospan.corpora import read_corpus
        from biospan.tagger import load

        ours = read_corpus(corpus, split or "dev", path=path)
        tagger = load(model, engine=engine or "onnxruntime")
        theirs = list(tagger.tag_many(ours))
        names = (f"{corpus}, split {split or 'dev'}", str(model or "the bundled model"))
    elif gold and predicted and corpus is None:
        if given := [option for option, value in of_corpus.items() if value is not None]:
            raise ConfigError(f"{', '.join(given)}: not for GOLD and PREDICTED, but for --corpus")
        ours, theirs = map(list, _read((gold, predicted), repair=repair))
        names = (gold.name, predicted.name)
    else:
        raise ConfigError(
            f"give either GOLD and PREDICTED, or --corpus (and {', '.join(of_corpus)})"
        )
    for file in (gold, predicted):
        if file and output.exists() and output.samefile(file):
            raise ConfigError(f"{output}: an input is there. Name another place.")
    analysis = analyse(ours, theirs)
    known = None if train is None else expose(ours, theirs, read_training(train, corpus, path))
    with open_output(output) as stream:
        for part in to_html(analysis, gold_name=names[0], predicted_name=names[1], exposure=known):
            stream.write(part)


def _read(files: tuple[Path, Path], *, repair: bool) -> list[Iterable[Document]]:
    from biospan import formats

    if repair and not any(map(formats.is_columns, files)):
        raise ConfigError(f"--repair: {files[0]}, {files[1]}: no IOB2 columns. Leave it out.")
    return [(formats.read_repaired if repair else formats.read)(file) for file in files]
