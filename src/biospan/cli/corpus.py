"""`biospan corpus`: what a corpus holds, beside what was published of it; and fetching one."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from biospan.errors import ConfigError, InputError

if TYPE_CHECKING:
    from biospan.corpora import CorpusStatistics


def corpus(
    name: Annotated[
        str,
        typer.Argument(help="A known corpus, such as jnlpba, or the path of your own."),
    ],
    split: Annotated[str, typer.Option("--split", help="all, train, dev or test.")] = "all",
    path: Annotated[
        Path | None,
        typer.Option(
            "--path", help="Where the known corpus lies; $BIOSPAN_DATA/jnlpba by default."
        ),
    ] = None,
    download: Annotated[
        str | None,
        typer.Option(
            "--download",
            metavar="URL",
            help="Fetch the known corpus from here into the cache, $BIOSPAN_CACHE, and stop.",
        ),
    ] = None,
) -> None:
    """Count documents, sentences, tokens, tags and entities, beside the published counts.

    Fails if they differ. Sentences, tokens and tags are counted where the corpus gives tokens.
    """
    from biospan import corpora

    if download is not None:
        if path is not None:
            raise ConfigError("--path: not with --download. BIOSPAN_CACHE names another place.")
        _download(name, download)
        return
    known = corpora.find_corpus(name)
    counted = corpora.statistics(corpora.read_corpus(name, split, path=path))
    compared = corpora.compare_with_published(name, split, counted)
    print(f"{name}, split `{split}`\n{known.source}\nLicence: {known.licence}\n")
    if compared:
        print(f"{'':<14}{'here':>10}{'published':>12}")
        for row in compared:
            mark = "" if row.matches else "   differs"
            print(f"{row.name:<14}{row.counted:>10,}{row.published:>12,}{mark}")
    else:
        _print_counts(counted)
    different = [row.name for row in compared if not row.matches]
    if different:
        raise InputError(f"{name}, split `{split}`: not as published: {', '.join(different)}")


def _print_counts(counted: "CorpusStatistics") -> None:
    rows = {"documents": counted.documents}
    if counted.tokens:
        rows |= {"sentences": counted.sentences, "tokens": counted.tokens, **counted.tags}
    rows |= {"entities": sum(counted.entities.values()), **counted.entities}
    width = max(14, 2 + max(map(len, rows)))
    for item, count in rows.items():
        print(f"{item:<{width}}{count:>10,}")


def _download(name: str, url: str) -> None:
    from biospan.corpora import download_corpus, jnlpba

    shown = sys.stderr.isatty()

    def show(done: int, total: int | None) -> None:
        if shown:
            of = f" of {total / 1e6:.1f}" if total else ""
            print(f"\r{done / 1e6:.1f}{of} MB", end="", file=sys.stderr, flush=True)

    print(f"biospan: fetching {url}", file=sys.stderr)
    try:
        folder, before = download_corpus(name, url, on_progress=show)
    finally:
        if shown:
            print(file=sys.stderr)
    if before:
        print(f"biospan: is there since {before['date']}, nothing done", file=sys.stderr)
    used = jnlpba.find_folder()
    if used != folder:
        print(f"biospan: {used} is there too and comes first", file=sys.stderr)
    print(folder)
