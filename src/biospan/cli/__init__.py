"""The command `biospan`: one file per command, each parses, calls the library, and prints.

Standard output is data, standard error is messages. Heavy modules are imported inside the
command that needs them, so that `biospan --help` is quick.
"""

import logging
import os
import sys
from typing import Annotated

import typer

from biospan.cli import corpus, evaluate, export, tag, train
from biospan.errors import BiospanError

app = typer.Typer(
    name="biospan",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Marks proteins, DNA, RNA, cell types and cell lines in biomedical text.",
)
app.command("tag")(tag.tag)
app.command("evaluate")(evaluate.evaluate)
app.command("corpus")(corpus.corpus)
app.command("train")(train.train)
app.command("export")(export.export)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("biospan"))
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; every error that a user can cause is one message and an exit code."""
    logging.basicConfig(format="biospan: %(message)s", level=logging.WARNING, stream=sys.stderr)
    try:
        app()
    except BiospanError as error:
        print(f"biospan: error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader went away, as `head` does. Nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        print(f"biospan: error: {error}", file=sys.stderr)
        sys.exit(74)
