"""`biospan annotate`: mark the entities of a corpus of any size, exactly once."""

import re
import sys
from collections.abc import Callable
from contextlib import closing
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from biospan.cli import engines
from biospan.cli.job_progress import Meter
from biospan.cli.progress import until_terminated
from biospan.cli.steps import DictionaryOption, ExcludeOption, StepsOption, steps
from biospan.errors import ConfigError, SomeRejectedError

if TYPE_CHECKING:
    from biospan.jobs import Share, Totals
    from biospan.jobs.job import Run
    from biospan.refine import Refined, Steps
    from biospan.tagger import Tagger


class Format(StrEnum):
    """What is written."""

    jsonl = "jsonl"
    parquet = "parquet"
    bioc_xml = "bioc-xml"
    pubtator = "pubtator"


class Engine(StrEnum):
    """Where the work is done."""

    local = "local"
    ray = "ray"


def annotate(
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="Files of any format, or folders of them."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")],
    format: Annotated[Format, typer.Option("--format", "-f", help="What to write.")] = Format.jsonl,
    compress: Annotated[bool, typer.Option("--compress", help="Pack the files with gzip.")] = False,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="Keep these labels only; may be repeated.")
    ] = None,
    min_score: Annotated[
        float, typer.Option("--min-score", min=0.0, max=1.0, help="Drop entities below it.")
    ] = 0.0,
    refine: StepsOption = None,
    dictionary: DictionaryOption = None,
    exclude: ExcludeOption = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="A model directory instead of the bundled one.")
    ] = None,
    runtime: Annotated[str, typer.Option("--runtime", help=engines.HELP)] = "auto",
    engine: Annotated[
        Engine, typer.Option("--engine", help="This machine, or a Ray cluster.")
    ] = Engine.local,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes; one a core by default."),
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of each worker.")] = 1,
    shard_size: Annotated[
        int, typer.Option("--shard-size", min=1, help="Records that are committed at once.")
    ] = 1000,
    shards: Annotated[
        str | None,
        typer.Option(
            "--shards", metavar="I/N", help="Do the I-th of N shares only, as in a batch array."
        ),
    ] = None,
) -> None:
    """Mark the entities of a corpus, into a folder of files.

    Stopped or killed, the same command goes on, and the files come out the same to the byte. Of
    records with the same id the last is annotated. What is no document goes to rejects.jsonl.
    """
    if compress and format is Format.parquet:
        raise ConfigError("--compress: Parquet is packed already. Leave it out.")
    from biospan import jobs

    settings = jobs.Settings(
        load=partial(_refined, steps(refine, dictionary, exclude), partial(_load, model, runtime)),
        threads=threads,
        format=format.value,
        packed=compress,
        labels=tuple(label or ()),
        min_score=min_score,
        shard_size=shard_size,
    )
    share = _share(shards)
    with closing(Meter()) as meter, until_terminated() as should_stop:
        execution = jobs.Execution(
            n_workers=workers,
            run=_run(engine),
            share=share,
            on_progress=meter.show,
            should_stop=should_stop,
        )
        totals = jobs.annotate(inputs, output, settings, execution)
    _report(totals, share, output)


def _report(totals: "Totals | None", share: "Share", output: Path) -> None:
    if totals is None:
        print(
            f"share {share.number} of {share.of} is done. When all are, the same command without "
            "--shards finishes the job.",
            file=sys.stderr,
        )
        return
    line = (
        f"{totals.read:,} records read: {totals.annotated:,} annotated, {totals.rejected:,} "
        f"rejected, {totals.duplicates:,} duplicates"
    )
    if totals.deleted:
        line += f" ({totals.deleted:,} deleted by a later file)"
    if totals.rejected:
        raise SomeRejectedError(f"{line}. {output / 'rejects.jsonl'} says why.")
    print(line, file=sys.stderr)


def _load(model: Path | None, runtime: str, threads: int) -> "Tagger":
    from biospan.tagger import load

    return load(model, engine=runtime, threads=threads)


def _refined(chosen: "Steps", load: "Callable[[int], Tagger]", threads: int) -> "Tagger | Refined":
    return chosen.applied_to(load(threads))


def _share(shards: str | None) -> "Share":
    from biospan.jobs import Share

    if shards is None:
        return Share()
    match = re.fullmatch(r"(\d+)/(\d+)", shards)
    if not match:
        raise ConfigError(f"--shards `{shards}`: expected I/N, such as 3/16")
    return Share(int(match[1]), int(match[2]))


def _run(engine: Engine) -> "Run":
    if engine is Engine.ray:
        from biospan.jobs import ray_runner

        return ray_runner.run
    from biospan.jobs import runner

    return runner.run
