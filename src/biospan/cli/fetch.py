"""`biospan fetch`: abstracts and full text by their identifiers, from NCBI."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from biospan.errors import InputError, MissingInputError, SomeRejectedError


def fetch(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="PMID...",
            help="PMIDs, or PMC ids for full text; a file of them; - for stdin.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write there; packed if it ends in .gz.")
    ] = None,
    email: Annotated[
        str, typer.Option("--email", envvar="NCBI_EMAIL", help="Yours; NCBI asks for it.")
    ] = "",
    api_key: Annotated[
        str,
        typer.Option(
            "--api-key", envvar="NCBI_API_KEY", help="Of your NCBI account: 10 requests/s, not 3."
        ),
    ] = "",
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", envvar="BIOSPAN_EUTILS", help="Of a mirror of E-utilities; NCBI's if not."
        ),
    ] = None,
) -> None:
    """Fetch abstracts or full text from NCBI, as XML that the other commands read.

    Uses the network. If not all of them came it lists those that did not, and fails with exit
    code 3.
    """
    from biospan import fetch as library
    from biospan.formats import text

    words = [word for argument in inputs for word in _words(argument)]
    wanted = library.checked_ids(words)
    server = library.Server(base_url or library.URL, email, api_key)
    if output is None:
        missing = library.fetch(wanted, sys.stdout.buffer, server=server, on_progress=_show)
    else:
        with text.replacing(output) as draft, text.open_output(draft) as stream:
            missing = library.fetch(wanted, stream.buffer, server=server, on_progress=_show)
    if missing:
        raise SomeRejectedError(
            f"{len(missing):,} of {len(wanted):,} did not come: {' '.join(missing)}"
        )


def _words(argument: str) -> list[str]:
    """An identifier, or those in a file or in standard input, with white space between them."""
    from biospan.fetch import is_id

    if is_id(argument):
        return [argument]
    if argument == "-":
        data = sys.stdin.buffer.read()
    elif Path(argument).is_file():
        data = Path(argument).read_bytes()
    else:
        raise MissingInputError(
            f"`{argument:.80}`: no such file, and no PMID such as 12345 or PMC id such as PMC1"
        )
    try:
        return data.decode("utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise InputError(f"{argument}: not UTF-8 at byte offset {error.start}") from error


def _show(done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done:,} of {total:,}", end=end, file=sys.stderr, flush=True)
