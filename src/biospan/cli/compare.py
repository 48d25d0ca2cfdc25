"""`biospan compare`: two outputs for the same gold, and what their difference is worth."""

import json
from pathlib import Path
from typing import Annotated

import typer

from biospan.errors import ConfigError


def compare(
    gold: Annotated[Path, typer.Argument(help="File with the gold entities.")],
    a: Annotated[Path, typer.Argument(help="File with the entities of one model.")],
    b: Annotated[Path, typer.Argument(help="File with those of the other.")],
    repair: Annotated[
        bool, typer.Option("--repair", help="Read an I- that nothing opened as B-, in IOB2 files.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print counts, scores and differences as JSON.")
    ] = False,
) -> None:
    """Say whether B is better than A: the difference of F1, its interval, and p values.

    Documents are resampled, both outputs of one together. How much a model owes to its seed
    cannot be seen from one output of each.
    """
    from biospan import comparison, formats

    files = (gold, a, b)
    if repair and not any(map(formats.is_columns, files)):
        raise ConfigError(f"--repair: {gold}, {a}, {b}: no IOB2 columns. Leave it out.")
    read = formats.read_repaired if repair else formats.read
    found = comparison.compare(*map(read, files))
    print(json.dumps(found.to_dict(), indent=2) if as_json else found.to_text())
