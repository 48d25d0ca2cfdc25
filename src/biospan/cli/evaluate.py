"""`biospan evaluate`: score predictions, or a model, against gold."""

import json
from pathlib import Path
from typing import Annotated

import typer

from biospan.cli import sides
from biospan.document import Document
from biospan.errors import ConfigError


def evaluate(
    gold: sides.Gold = None,
    predicted: sides.Predicted = None,
    corpus: sides.Corpus = None,
    split: sides.Split = None,
    path: sides.CorpusPath = None,
    model: sides.Model = None,
    engine: sides.Engine = None,
    repair: sides.Repair = False,
    protocols: Annotated[
        bool, typer.Option("--protocols", help="One table of every scoring protocol instead.")
    ] = False,
    as_card: Annotated[
        bool, typer.Option("--as-card", help="Beside the public reference model's card instead.")
    ] = False,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="KEY", help="A row for each value of this metadata instead."),
    ] = None,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="Whether scores are probabilities instead.")
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
    """Score GOLD against PREDICTED, or a model on GOLD or a corpus: per label, and averages.

    An entity is right if its offsets and its label are. A model tags the tokens of GOLD, or its
    raw text if it has none. The corpus `jnlpba` is scored on its given tokens, `jnlpba-text` on
    raw text.

    With --save both sides, gold and tagged, are kept as files, for `compare` and `report`.

    With --by, documents are scored in groups, by what their gold metadata say.

    With --calibration, predicted entities are put in bins by their scores, and the share of right
    ones is shown for each, with what that says of the scores.

    With --train, a corpus (its split train) or a file, the scores are followed by what was trained
    on: documents that are in both, and entities whose text is known from there or new. With
    --as-card the table comes a second time, without those documents.
    """
    if protocols and (as_card or repair):
        raise ConfigError(
            "--protocols: has a table of its own, with both readings of tags that --repair mends. "
            "Leave out --as-card and --repair."
        )
    if by is not None and (protocols or as_card):
        raise ConfigError("--by: has a table of its own. Leave out --protocols and --as-card.")
    if calibration and (protocols or as_card or by is not None):
        raise ConfigError(
            "--calibration: has a table of its own. Leave out --protocols, --as-card and --by."
        )
    from biospan import breakdown, card_table, exposure, formats, reliability, scoring
    from biospan.protocols import Protocols, evaluate_all, evaluate_readings

    request = sides.Request(gold, predicted, corpus, split, path, model, engine, repair)
    if save is not None and predicted is not None:
        raise ConfigError("--save: not for GOLD and PREDICTED, but for --corpus")
    ours, theirs = request.read(formats.read_strict if protocols else None)
    if save is not None:
        _save(save, {"gold.jsonl": ours, "predicted.jsonl": theirs})
    exposed = None if train is None else exposure.expose(ours, theirs, request.read_training(train))
    report: (
        Protocols
        | card_table.CardTable
        | breakdown.Breakdown
        | reliability.Reliability
        | scoring.Report
    )
    if protocols and gold and predicted:
        lenient = formats.read_repaired(gold), formats.read_repaired(predicted)
        report = evaluate_readings((ours, theirs), lenient)
    elif protocols:
        report = evaluate_all(ours, theirs)
    elif calibration:
        report = reliability.evaluate(ours, theirs)
    elif by is not None:
        report = breakdown.break_down(ours, theirs, by)
    elif as_card:
        report = card_table.CardTable(scoring.evaluate(ours, theirs), exposed)
    else:
        report = scoring.evaluate(ours, theirs)
    data, text = report.to_dict(), report.to_text()
    if exposed is not None:
        data, text = data | {"training": exposed.to_dict()}, f"{text}\n\n{exposed.to_text()}"
    print(json.dumps(data, indent=2) if as_json else text)


def _save(folder: Path, sides: dict[str, list[Document]]) -> None:
    from biospan.formats import jsonl
    from biospan.formats.text import open_output

    folder.mkdir(parents=True, exist_ok=True)
    for name, documents in sides.items():
        with open_output(folder / name) as stream:
            jsonl.write(documents, stream)
