"""The options for what is made of documents after the model, which several commands have."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from biospan.refine import Steps


class Step(StrEnum):
    """What `biospan.refine.STEPS` has."""

    abbreviations = "abbreviations"
    repeats = "repeats"
    labels = "labels"


StepsOption = Annotated[
    list[Step] | None,
    typer.Option(
        "--refine",
        help="Mark long and short forms of abbreviations alike; mark repeats that were missed; "
        "give a mention one label. May be repeated.",
    ),
]
DictionaryOption = Annotated[
    Path | None,
    typer.Option("--dictionary", help="Also mark these: TSV of mention, label, identifier."),
]
ExcludeOption = Annotated[
    Path | None, typer.Option("--exclude", help="Never mark these: a mention on each line.")
]


def steps(names: list[Step] | None, dictionary: Path | None, exclude: Path | None) -> "Steps":
    """The steps that the options ask for."""
    from biospan.refine import Steps

    return Steps(
        names=tuple(name.value for name in names or ()), dictionary=dictionary, exclusions=exclude
    )
