"""`biospan tag`: mark the entities of texts and files."""

import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Annotated, TextIO

import typer

from biospan import formats, highlight
from biospan.document import Document
from biospan.errors import BiospanError, ConfigError, MissingInputError, OutputError
from biospan.formats import text as text_format


class Format(StrEnum):
    """What is printed."""

    text = "text"
    jsonl = "jsonl"
    tsv = "tsv"
    brat = "brat"
    iob2 = "iob2"


class SomeRejectedError(BiospanError):
    """The run finished, but some documents could not be tagged."""

    exit_code = 3


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
        float, typer.Option("--min-score", min=0.0, max=1.0, help="Drop entities below it.")
    ] = 0.0,
    model: Annotated[
        Path | None, typer.Option("--model", help="A model directory instead of the bundled one.")
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", help="onnxruntime or openvino.")
    ] = "onnxruntime",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of the model; all by default.")
    ] = None,
) -> None:
    """Mark the entities of texts and files.

    Prints the text with its entities coloured and a table of them, or one of the formats that
    programs read. Offsets count code points of the original text and exclude the end.
    """
    _refuse_to_overwrite(inputs, output, html)
    documents = _documents(inputs, lines=lines, repair=repair)
    first = next(documents, None)  # so that a wrong argument is told before a model is loaded
    from biospan.tagger import ERROR_KEY, load

    tagger = load(model, engine=engine, threads=threads)
    wanted = _checked_labels(label, tagger.labels)
    fragments: list[str] = []
    rejected: list[str] = []

    def tagged() -> Iterator[Document]:
        queue = () if first is None else (first,)
        for document in tagger.tag_many(d for part in (queue, documents) for d in part):
            if ERROR_KEY in document.metadata:
                rejected.append(f"document `{document.id}`: {document.metadata[ERROR_KEY]}")
            kept = document.with_entities(
                e
                for e in document.entities
                if e.label in wanted and (e.score is None or e.score >= min_score)
            )
            if html:
                fragments.append(kept._repr_html_())
            yield kept

    _write(tagged(), format, output)
    if html:
        _write_text(html, highlight.to_page("Biospan", fragments))
    if rejected:
        raise SomeRejectedError("\n".join([f"{len(rejected)} not tagged", *rejected[:20]]))


def _documents(inputs: list[str], *, lines: bool, repair: bool) -> Iterator[Document]:
    """What the arguments stand for, read as it is needed; wrong ones are told at once."""
    for argument in inputs:
        # Not Path.exists(), which raises on a text too long for a file's name.
        if argument != "-" and not os.path.exists(argument) and not _has_space(argument):
            raise MissingInputError(
                f"`{argument}`: no such file, and no white space in it to take it for a text"
            )
    for argument in inputs:
        if argument == "-" and lines:
            yield from text_format.stream_lines(sys.stdin.buffer, "standard input")
        elif argument == "-":
            yield Document(text_format.decode(sys.stdin.buffer.read(), "standard input"), "stdin")
        elif not os.path.exists(argument):
            yield from text_format.lines(argument) if lines else (Document(argument),)
        elif Path(argument).is_file() and _is_plain(argument):
            yield from (text_format.read_lines if lines else text_format.read)(argument)
        else:
            yield from (formats.read_repaired if repair else formats.read)(argument)


def _refuse_to_overwrite(inputs: list[str], *outputs: Path | None) -> None:
    """Refuse an output that is an input: it would be emptied before it is read."""
    for output, argument in product(outputs, inputs):
        if output and output.exists() and os.path.exists(argument) and output.samefile(argument):
            raise ConfigError(f"{output}: is an input too. Write to another place.")


def _has_space(argument: str) -> bool:
    return any(map(str.isspace, argument))


def _is_plain(path: str) -> bool:
    """Whether a file is read as plain text: by its suffix, or for want of a known one."""
    return Path(path).suffix == ".txt" or not formats.is_known(path)


def _checked_labels(wanted: list[str] | None, known: tuple[str, ...]) -> set[str]:
    unknown = sorted(set(wanted or ()) - set(known))
    if unknown:
        raise ConfigError(f"--label {', '.join(unknown)}: the model knows {', '.join(known)}")
    return set(wanted or known)


def _write(documents: Iterator[Document], format: Format, output: Path | None) -> None:
    if output is None:
        _write_stream(documents, format, sys.stdout)
    elif format is Format.brat:
        from biospan.formats import brat

        brat.write_dir(documents, output)
    else:
        with _open(output) as stream:
            _write_stream(documents, format, stream)


def _write_stream(documents: Iterator[Document], format: Format, stream: TextIO) -> None:
    if format is Format.text:
        for document in documents:
            stream.write(_show(document, colour=_colours(stream)))
    else:
        formats.FORMATS[format.value](documents, stream)


def _show(document: Document, *, colour: bool) -> str:
    """The text, coloured if wished, and a line for each entity."""
    body = highlight.to_terminal(document.text, document.highlights() if colour else [])
    width = max((len(e.label) for e in document.entities), default=0)
    rows = [
        f"{e.start:>7}-{e.end:<7} {e.label:<{width}}  {e.score or 0:.3f}  "
        f"{highlight.to_terminal(' '.join(e.text.split()), [])}"
        for e in document.entities
    ]
    head = f"# {highlight.to_terminal(document.id, [])}\n" if document.id else ""
    return "\n".join([head + body.rstrip("\n"), "", *(rows or ["no entities"]), "", ""])


def _colours(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def _open(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _write_text(path: Path, content: str) -> None:
    with _open(path) as stream:
        stream.write(content)
