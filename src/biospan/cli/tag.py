"""`biospan tag`: mark the entities of texts and files."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Annotated, TextIO

import typer

from biospan import formats, highlight
from biospan.cli import engines
from biospan.cli.steps import DictionaryOption, ExcludeOption, StepsOption, steps
from biospan.document import Document, Entity
from biospan.errors import (
    MAX_LISTED_PROBLEMS,
    BiospanError,
    ConfigError,
    InputError,
    MissingInputError,
    SomeRejectedError,
)
from biospan.formats import html as html_format
from biospan.formats import text as text_format
from biospan.formats.conversion import Conversion
from biospan.formats.record import Record


class Format(StrEnum):
    """What is printed."""

    text = "text"
    jsonl = "jsonl"
    tsv = "tsv"
    csv = "csv"
    brat = "brat"
    iob2 = "iob2"
    iobes = "iobes"
    pubtator = "pubtator"
    bioc_xml = "bioc-xml"
    bioc_json = "bioc-json"
    jsonld = "jsonld"
    html = "html"
    parquet = "parquet"
    spacy = "spacy"


def _not_nan(value: float) -> float:
    if math.isnan(value):  # which no range excludes, and every comparison is false of
        raise typer.BadParameter("nan is not in the range 0<=x<=1.")
    return value


def tag(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="A file or folder; a text (with white space in it); - for stdin.",
        ),
    ],
    lines: Annotated[
        bool, typer.Option("--lines", help="Make each line of plain text a document.")
    ] = False,
    format: Annotated[Format, typer.Option("--format", "-f", help="What to print.")] = Format.text,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write there; a folder for brat.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write a page with the entities coloured.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Read an I- that nothing opened as B-, in IOB2 files.")
    ] = False,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="Keep these labels only; may be repeated.")
    ] = None,
    min_score: Annotated[
        float,
        typer.Option(
            "--min-score", min=0.0, max=1.0, callback=_not_nan, help="Drop entities below it."
        ),
    ] = 0.0,
    refine: StepsOption = None,
    dictionary: DictionaryOption = None,
    exclude: ExcludeOption = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="A model directory instead of the bundled one.")
    ] = None,
    engine: Annotated[str, typer.Option("--engine", help=engines.HELP)] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of the model; all by default.")
    ] = None,
) -> None:
    """Mark the entities of texts and files.

    Prints the text with its entities coloured and a table of them, or one of the formats that
    programs read. Offsets count code points of the original text and exclude the end.
    """
    _check_inputs(inputs, lines=lines, repair=repair)
    _refuse_to_overwrite(inputs, output, html, into_folder=format is Format.brat)
    reading = Conversion()
    documents = reading.documents(_records(inputs, lines=lines, repair=repair))
    first = next(documents, None)  # so that a wrong argument is told before a model is loaded
    if first is None and reading.rejected:
        raise InputError.from_problems(reading.rejected)
    from biospan.tagger import ERROR_KEY, load

    tagger = steps(refine, dictionary, exclude).applied_to(
        load(model, engine=engine, threads=threads)
    )
    wanted = _checked_labels(label, tagger.labels)
    rejected: list[str] = []
    broken: list[BiospanError] = []

    def readable() -> Iterator[Document]:
        try:
            yield from () if first is None else (first,)
            yield from documents
        except BiospanError as error:
            broken.append(error)  # told at the end: what came before is tagged and written

    def tagged() -> Iterator[Document]:
        for document in tagger.tag_many(readable()):
            if ERROR_KEY in document.metadata:
                rejected.append(f"document `{document.id}`: {document.metadata[ERROR_KEY]}")
            yield document.with_labels(wanted, min_score)

    _write(_with_page(tagged(), html) if html else tagged(), format, output)
    if broken:
        raise broken[0]
    if n_rejected := reading.n_rejected + len(rejected):
        listed = [*reading.rejected, *rejected][:MAX_LISTED_PROBLEMS]
        raise SomeRejectedError("\n".join([f"{n_rejected:,} not tagged", *listed]))


def _check_inputs(inputs: list[str], *, lines: bool, repair: bool) -> None:
    """Refuse what is neither a file nor a text, and options that no input could heed."""
    for argument in inputs:
        # Not Path.exists(), which raises on a text too long for a file's name.
        is_input = argument == "-" or os.path.exists(argument) or any(map(str.isspace, argument))
        if not is_input:
            raise MissingInputError(
                f"`{argument}`: no such file, and no white space in it to take it for a text"
            )
    files = [argument for argument in inputs if argument != "-" and os.path.exists(argument)]
    if lines and (structured := [path for path in files if not _is_plain(path)]):
        raise ConfigError(f"--lines: {', '.join(structured)}: not plain text. Leave it out.")
    if repair and not any(map(formats.is_columns, files)):
        raise ConfigError(f"--repair: {', '.join(inputs):.200}: no IOB2 columns. Leave it out.")


def _records(inputs: list[str], *, lines: bool, repair: bool) -> Iterator[Record]:
    """What the arguments stand for, read as it is needed."""
    for number, argument in enumerate(inputs, 1):
        name = str(number) if len(inputs) > 1 else ""
        if argument == "-" and lines:
            yield from text_format.stream_lines(sys.stdin.buffer, "standard input")
        elif argument == "-":
            yield Document(text_format.decode(sys.stdin.buffer.read(), "standard input"), "stdin")
        elif not os.path.exists(argument):
            yield from text_format.lines(argument) if lines else (Document(argument, name),)
        elif _is_plain(argument):
            plain = text_format.read_lines(argument) if lines else formats.records(argument, "txt")
            yield from plain
        else:
            yield from (formats.repaired_records if repair else formats.records)(argument)


def _is_plain(path: str) -> bool:
    """Whether a path is read as plain text: by its suffix, or for want of a known one."""
    if os.path.isdir(path):
        return False
    return Path(path).suffix.lower() == ".txt" or not formats.is_known(path)


def _refuse_to_overwrite(
    inputs: list[str], output: Path | None, html: Path | None, *, into_folder: bool
) -> None:
    """Refuse outputs that may replace an input, maybe before it is read, or each other."""
    if output and html and (output.resolve() == html.resolve() or _are_same(output, html)):
        raise ConfigError(f"{output}: is both --output and --html. Name two places.")
    taken = {file for argument in inputs for file in _input_files(argument)}
    if into_folder:
        # The folder of a link and of what it leads to: either may be written to.
        taken |= {place for file in taken for place in (file.parent, file.resolve().parent)}
    for place, other in product((output, html), taken):
        if place and _are_same(place, other):
            raise ConfigError(f"{place}: an input is there. Name another place.")


def _input_files(argument: str) -> list[Path]:
    """The files that are read for an argument; none for a text."""
    if not os.path.exists(argument):
        return []
    path = Path(argument)
    if path.is_dir():
        return [file for file in path.iterdir() if file.suffix in (".txt", ".ann")]
    return [path, path.with_suffix(".txt")] if path.suffix.lower() == ".ann" else [path]


def _are_same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _checked_labels(wanted: list[str] | None, known: tuple[str, ...]) -> set[str]:
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        raise ConfigError(f"--label {', '.join(unknown)}: the model knows {', '.join(known)}")
    return set(wanted or known)


def _write(documents: Iterator[Document], format: Format, output: Path | None) -> None:
    if format is Format.text:
        with text_format.open_output(output) if output else nullcontext(sys.stdout) as stream:
            for document in documents:
                stream.write(_show(document, colour=_colours(stream)))
    elif output is not None:
        formats.write(documents, output, format.value)
    else:
        formats.write_stream(documents, sys.stdout, format.value)


def _with_page(documents: Iterator[Document], path: Path) -> Iterator[Document]:
    """Pass documents on, and write a page of them while they go by."""
    with text_format.replacing(path) as draft, text_format.open_output(draft) as stream:
        yield from html_format.passing(documents, stream)


def _show(document: Document, *, colour: bool) -> str:
    """The text, coloured if wished, and a line for each entity."""
    body = highlight.to_terminal(document.text, document.highlights() if colour else [])
    width = max((len(e.label) for e in document.entities), default=0)
    rows = [
        f"{e.start:>7}-{e.end:<7} {e.label:<{width}}  {_score(e)}  "
        f"{highlight.to_terminal(' '.join(e.text.split()), [])}"
        for e in document.entities
    ]
    head = f"# {highlight.to_terminal(document.id, [])}\n" if document.id else ""
    return "\n".join([head + body.rstrip("\n"), "", *(rows or ["no entities"]), "", ""])


def _score(entity: Entity) -> str:
    return "    -" if entity.score is None else f"{entity.score:.3f}"


def _colours(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()
