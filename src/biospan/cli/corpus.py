"""`biospan corpus`: what a corpus holds, beside what was published of it."""

from pathlib import Path
from typing import Annotated

import typer

from biospan.errors import InputError


def corpus(
    name: Annotated[str, typer.Argument(help="Name of a known corpus, such as jnlpba.")],
    split: Annotated[str, typer.Option("--split", help="all, train, dev or test.")] = "all",
    path: Annotated[
        Path | None, typer.Option("--path", help="Where it lies; $BIOSPAN_DATA/jnlpba by default.")
    ] = None,
) -> None:
    """Count documents, sentences, tokens and tags, beside the published counts.

    Fails if they differ.
    """
    from biospan import corpora

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
        rows = {"documents": counted.documents, "sentences": counted.sentences}
        rows |= {"tokens": counted.tokens, **(counted.tags or counted.entities)}
        for item, count in rows.items():
            print(f"{item:<14}{count:>10,}")
    different = [row.name for row in compared if not row.matches]
    if different:
        raise InputError(f"{name}, split `{split}`: not as published: {', '.join(different)}")
