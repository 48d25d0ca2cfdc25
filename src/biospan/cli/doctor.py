"""`biospan doctor`: whether this installation works, and what it consists of."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from biospan import highlight


def doctor(
    model: Annotated[
        Path | None, typer.Option("--model", help="A model directory instead of the bundled one.")
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option("--engine", help="Try this one only; may be repeated."),
    ] = None,
) -> None:
    """Tell versions, check the model's files, and try each engine on one sentence.

    Each engine is tried in a process of its own, so that one that crashes is told too. The exit
    code is that of the first thing that is wrong; 0 if nothing is.
    """
    from biospan.doctor import examine

    errors = []
    for finding in examine(model, engine or ()):
        print(highlight.to_terminal(f"{finding.name:<14} {finding.detail}", []), flush=True)
        if finding.error is not None:
            errors.append(finding.error)
    for error in errors[1:]:
        print(f"biospan: error: {highlight.to_terminal(str(error), [])}", file=sys.stderr)
    if errors:
        raise errors[0]
