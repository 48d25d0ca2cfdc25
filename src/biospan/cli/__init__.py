"""The command `biospan`: one file per command, each parses, calls the library, and prints.

Standard output is data, standard error is messages. Heavy modules are imported inside the
command that needs them, so that `biospan --help` is quick.
"""

import io
import logging
import os
import sys
from typing import Annotated, Any, NoReturn

import typer
import typer.core

from biospan import highlight
from biospan.cli import (
    annotate,
    average,
    check,
    compare,
    convert,
    corpus,
    doctor,
    evaluate,
    export,
    fetch,
    hub,
    import_model,
    pretrain,
    rate_test,
    report,
    search,
    serve,
    stats,
    tag,
    teach,
    train,
    verify,
)
from biospan.errors import BiospanError


class _Commands(typer.core.TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run the command; that its reader goes away, as `head` does, is no error."""
        try:
            super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Nothing more can be said to it, at exit neither.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Messages(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One message, in which nothing from a file can steer the terminal."""
        return highlight.to_terminal(super().format(record), [])


app = typer.Typer(
    name="biospan",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Marks proteins, DNA, RNA, cell types and cell lines in biomedical text.",
)
app.command("tag")(tag.tag)
app.command("annotate")(annotate.annotate)
app.command("verify")(verify.verify)
app.command("stats")(stats.stats)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)
app.command("evaluate")(evaluate.evaluate)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("check")(check.check)
app.command("convert")(convert.convert)
app.command("corpus")(corpus.corpus)
app.command("fetch")(fetch.fetch)
app.command("train")(train.train)
app.command("average")(average.average)
app.command("export")(export.export)
app.command("hub")(hub.hub)
app.command("import")(import_model.import_model)
app.command("pretrain")(pretrain.pretrain)
app.command("teach")(teach.teach)
app.command("search")(search.search)
app.command("rate-test")(rate_test.rate_test)


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
    messages = logging.StreamHandler(sys.stderr)
    messages.setFormatter(_Messages("biospan: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[messages])
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The same bytes whatever the locale; not every one knows Greek letters.
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    try:
        app()
    except BiospanError as error:
        _fail(error, error.exit_code)
    except OSError as error:
        _fail(error, 74)


def _fail(error: Exception, exit_code: int) -> NoReturn:
    message = "\n".join([str(error), *getattr(error, "__notes__", ())])
    print(f"biospan: error: {highlight.to_terminal(message, [])}", file=sys.stderr)
    sys.exit(exit_code)
