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
    protocols: Annotated[
        bool, typer.Option("--protocols", help="One table of every scoring protocol instead.")
    ] = False,
    as_card: Annotated[
        bool, typer.Option("--as-card", help="Beside the public reference model's card instead.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print counts and scores as JSON.")
    ] = False,
) -> None:
    """Score GOLD against PREDICTED, or a model on a corpus: per label, and averages.

    An entity is right if its offsets and its label are. The corpus `jnlpba` is scored on its
    given tokens, `jnlpba-text` on raw text.
    """
    if protocols and (as_card or repair):
        raise ConfigError(
            "--protocols: has a table of its own, with both readings of tags that --repair mends. "
            "Leave out --as-card and --repair."
        )
    from biospan import card_table, formats, scoring
    from biospan.protocols import evaluate_all, evaluate_files

    score = evaluate_all if protocols else card_table.evaluate if as_card else scoring.evaluate
    of_corpus = {"--split": split, "--path": path, "--model": model, "--engine": engine}
    if corpus is not None and gold is None:
        if repair:
            raise ConfigError("--repair: is for GOLD and PREDICTED, not for --corpus")
        from biospan.corpora import read_corpus
        from biospan.tagger import load

        documents = read_corpus(corpus, split or "dev", path=path)
        tagger = load(model, engine=engine or "onnxruntime")
        report = score(documents, tagger.tag_many(documents))
    elif gold and predicted and corpus is None:
        if given := [option for option, value in of_corpus.items() if value is not None]:
            raise ConfigError(f"{', '.join(given)}: not for GOLD and PREDICTED, but for --corpus")
        if repair and not any(map(formats.is_columns, (gold, predicted))):
            raise ConfigError(f"--repair: {gold}, {predicted}: no IOB2 columns. Leave it out.")
        read = formats.read_repaired if repair else formats.read
        report = (
            evaluate_files(gold, predicted) if protocols else score(read(gold), read(predicted))
        )
    else:
        raise ConfigError(
            f"give either GOLD and PREDICTED, or --corpus (and {', '.join(of_corpus)})"
        )
    print(json.dumps(report.to_dict(), indent=2) if as_json else report.to_text())
