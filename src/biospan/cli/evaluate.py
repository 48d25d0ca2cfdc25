"""`biospan evaluate`: score predictions, or a model, against gold."""

import json
from pathlib import Path
from typing import Annotated

import typer

from biospan.errors import ConfigError


def evaluate(
    gold: Annotated[Path | None, typer.Argument(help="File with the gold entities.")] = None,
    predicted: Annotated[Path | None, typer.Argument(help="File with the predicted ones.")] = None,
    corpus: Annotated[
        str | None, typer.Option("--corpus", help="Tag this corpus instead of reading files.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Split of the corpus.")] = "dev",
    path: Annotated[Path | None, typer.Option("--path", help="Where the corpus lies.")] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="A model directory; the bundled one by default.")
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="onnxruntime or openvino.")
    ] = "onnxruntime",
    repair: Annotated[
        bool, typer.Option("--repair", help="Read an I- that nothing opened as B-, in IOB2 files.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print counts and scores as JSON.")
    ] = False,
) -> None:
    """Score GOLD against PREDICTED, or a model on a corpus: per label, and averages.

    An entity is right if its offsets and its label are. The corpus `jnlpba` is scored on its
    given tokens, `jnlpba-text` on raw text.
    """
    from biospan import formats, scoring

    if corpus is not None and gold is None:
        from biospan.corpora import read_corpus
        from biospan.tagger import load

        documents = read_corpus(corpus, split, path=path)
        tagger = load(model, engine=engine)
        report = scoring.evaluate(documents, tagger.tag_many(documents))
    elif gold and predicted and not (corpus or model or path):
        read = formats.read_repaired if repair else formats.read
        report = scoring.evaluate(read(gold), read(predicted))
    else:
        raise ConfigError("give either GOLD and PREDICTED, or --corpus (and --model, --path)")
    print(json.dumps(report.to_dict(), indent=2) if as_json else report.to_text())
