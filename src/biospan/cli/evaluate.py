"""`biospan evaluate`: score predictions, or a model, against gold."""

import json
from pathlib import Path
from typing import Annotated

import typer

from biospan.document import Document
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
    train: Annotated[
        str | None,
        typer.Option("--train", help="Training data, to find what of the test is in them."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option("--save", help="Write gold.jsonl and predicted.jsonl to this folder."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print counts and scores as JSON.")
    ] = False,
) -> None:
    """Score GOLD against PREDICTED, or a model on a corpus: per label, and averages.

    An entity is right if its offsets and its label are. The corpus `jnlpba` is scored on its
    given tokens, `jnlpba-text` on raw text.

    With --save the two sides of a corpus are kept as files, for `compare` and `report`.

    With --train, a corpus (its split train) or a file, the scores are followed by what was trained
    on: documents that are in both, and entities whose text is known from there or new.
    """
    if protocols and (as_card or repair):
        raise ConfigError(
            "--protocols: has a table of its own, with both readings of tags that --repair mends. "
            "Leave out --as-card and --repair."
        )
    from biospan import card_table, exposure, formats, scoring
    from biospan.protocols import evaluate_all, evaluate_readings

    score = evaluate_all if protocols else card_table.evaluate if as_card else scoring.evaluate
    of_corpus = {"--split": split, "--path": path, "--model": model, "--engine": engine}
    of_corpus["--save"] = save
    if corpus is not None and gold is None:
        if repair:
            raise ConfigError("--repair: is for GOLD and PREDICTED, not for --corpus")
        from biospan.corpora import read_corpus
        from biospan.tagger import load

        ours = read_corpus(corpus, split or "dev", path=path)
        tagger = load(model, engine=engine or "onnxruntime")
        theirs = list(tagger.tag_many(ours))
        if save is not None:
            _save(save, {"gold.jsonl": ours, "predicted.jsonl": theirs})
        report = score(ours, theirs)
    elif gold and predicted and corpus is None:
        if given := [option for option, value in of_corpus.items() if value is not None]:
            raise ConfigError(f"{', '.join(given)}: not for GOLD and PREDICTED, but for --corpus")
        if repair and not any(map(formats.is_columns, (gold, predicted))):
            raise ConfigError(f"--repair: {gold}, {predicted}: no IOB2 columns. Leave it out.")
        strict = formats.read_strict if protocols else formats.read
        read = formats.read_repaired if repair else strict
        ours, theirs = list(read(gold)), list(read(predicted))
        if protocols:
            lenient = formats.read_repaired(gold), formats.read_repaired(predicted)
            report = evaluate_readings((ours, theirs), lenient)
        else:
            report = score(ours, theirs)
    else:
        raise ConfigError(
            f"give either GOLD and PREDICTED, or --corpus (and {', '.join(of_corpus)})"
        )
    data, text = report.to_dict(), report.to_text()
    if train is not None:
        exposed = exposure.expose(ours, theirs, read_training(train, corpus, path))
        data, text = data | {"training": exposed.to_dict()}, f"{text}\n\n{exposed.to_text()}"
    print(json.dumps(data, indent=2) if as_json else text)


def _save(folder: Path, sides: dict[str, list[Document]]) -> None:
    from biospan.formats import jsonl
    from biospan.formats.text import open_output

    folder.mkdir(parents=True, exist_ok=True)
    for name, documents in sides.items():
        with open_output(folder / name) as stream:
            jsonl.write(documents, stream)


def read_training(train: str, corpus: str | None, path: Path | None) -> list[Document]:
    """The split `train` of a corpus; a file whole, unless it is the corpus that is scored."""
    from biospan import formats
    from biospan.corpora import read_corpus

    if train != corpus and Path(train).is_file():
        return list(formats.read(train))
    return read_corpus(train, "train", path=path if train == corpus else None)
