"""`biospan convert`: documents from one format to another."""

from typing import Annotated

import typer

from biospan.errors import SomeRejectedError


def _schema(wanted: bool) -> None:
    if wanted:
        from biospan.formats import jsonl

        print(jsonl.SCHEMA.read_text(encoding="utf-8"), end="")
        raise typer.Exit


def convert(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A file, a folder of brat's; - for stdin.")
    ],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="A file, a folder for brat; - for stdout.")
    ],
    read_as: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help="Of IN; by default its suffix.")
    ] = None,
    write_as: Annotated[
        str | None, typer.Option("--to", metavar="FORMAT", help="Of OUT; by default its suffix.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Read an I- that nothing opened as B-, in IOB2 files.")
    ] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema", callback=_schema, is_eager=True, help="Print the JSON Schema of JSON lines."
        ),
    ] = False,
) -> None:
    """Write documents in another format: from PubMed's XML to Parquet, from brat to IOB2 ...

    The suffixes say which formats, .gz behind them packs. A record that is no document is left out
    and told, and what the new format does not keep is told with counts.
    """
    from biospan.formats.conversion import convert as convert_documents

    done = convert_documents(source, target, read_as=read_as, write_as=write_as, repair=repair)
    if done.n_rejected:
        counts = f"{done.n_rejected:,} rejected, {done.n_written:,} written"
        raise SomeRejectedError("\n".join([counts, *done.rejected]))
