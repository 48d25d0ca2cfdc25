"""`biospan check`: look for what is wrong with annotated data."""

import json
from pathlib import Path
from typing import Annotated

import typer

from biospan.document import Document
from biospan.errors import ConfigError, InputError


def check(
    corpus: Annotated[
        str, typer.Argument(metavar="CORPUS", help="A file or folder, or a known corpus's name.")
    ],
    split: Annotated[
        str | None, typer.Option("--split", help="Split of a corpus; everything by default.")
    ] = None,
    path: Annotated[
        Path | None, typer.Option("--path", help="Where the known corpus lies.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            help="List the documents that are here too: a file, folder, known corpus or split.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Warnings to print of each kind.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Check the annotations of CORPUS, and list what is wrong or odd.

    Problems make data unusable, are listed in full, and end with exit code 65: lines that cannot
    be read (illegal tags, broken JSON, entities that the text contradicts), and entities that
    start or end with white space.

    Warnings are for you to judge and end with exit code 0: entities with an edge inside a word,
    duplicate documents and ids, overlapping entities, entities across sentences, texts with
    several labels, and texts that are labelled in one place and not in another.
    """
    from biospan.check import check as check_documents

    documents, unreadable = _read(corpus, split, path)
    others = _read_others(against, corpus, path)
    findings = check_documents(documents, unreadable=unreadable, against=others)
    print(json.dumps(findings.to_dict(), indent=2) if as_json else findings.to_text(limit=limit))
    if findings.n_problems:
        raise InputError(f"{corpus}: {findings.n_problems:,} problems")


def _read(corpus: str, split: str | None, path: Path | None) -> tuple[list[Document], list[str]]:
    """Documents, and what could not be read; to be split, a corpus has to be sound."""
    from biospan import corpora, formats
    from biospan.errors import nearest

    if path is not None and corpus not in corpora.CORPORA:
        raise ConfigError(
            f"--path: `{corpus}` is no known corpus. {nearest(corpus, corpora.CORPORA)}"
        )
    if corpus in corpora.CORPORA or split is not None:
        return corpora.read_corpus(corpus, split or "all", path=path), []
    return formats.examine(corpus)


def _read_others(against: str | None, corpus: str, path: Path | None) -> list[Document]:
    """The documents to compare with, which have to be sound."""
    from biospan import corpora, formats

    if against is None:
        return []
    if against in corpora.SPLITS:
        return corpora.read_corpus(corpus, against, path=path)
    if against in corpora.CORPORA:
        return corpora.read_corpus(against, "all")
    return list(formats.read(against))
