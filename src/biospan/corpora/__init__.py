"""Corpora by name or path: `read_corpus` is the one door for training, evaluation and reports.

Known corpora have a source, a licence and published counts (`jnlpba`); any other name is the path
of a corpus of one's own (`own`). Files and tags are the readers' business (`biospan.formats`),
models and scores that of higher layers.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from biospan.corpora import jnlpba, own
from biospan.corpora.description import (
    Comparison,
    Corpus,
    CorpusStatistics,
    compare,
    statistics,
)
from biospan.document import Document
from biospan.download import OnProgress
from biospan.errors import ConfigError, InputError, nearest

__all__ = [
    "CORPORA",
    "SPLITS",
    "Comparison",
    "Corpus",
    "CorpusStatistics",
    "compare_with_published",
    "download_corpus",
    "find_corpus",
    "read_corpus",
    "statistics",
]

SPLITS = ("train", "dev", "test", "all")

CORPORA: Mapping[str, Corpus] = MappingProxyType(
    {name: jnlpba.describe(name) for name in ("jnlpba", "jnlpba-text")}
)


def read_corpus(
    name: str, split: str = "train", *, path: Path | str | None = None
) -> list[Document]:
    """Read one split of a known corpus, or of the one at a path.

    `jnlpba` is the official IOB2 file with its tokens, `jnlpba-text` the same abstracts as running
    text (brat files in `standoff/train` and `standoff/test` of the same folder), under the same
    ids. `all` is the official training set, `dev` its last 200 abstracts, `train` the others, and
    `test` the official evaluation set.

    At a path there is a folder with `train`, `dev` and perhaps `test`, each a file or a folder of
    brat files, `all` being `train` and `dev`; or one file, or one folder of brat files, of which
    `dev` is the documents listed in `dev.ids`, or else a tenth chosen by a hash of their ids.

    Args:
        name: A name in `CORPORA`, or a path.
        split: `train`, `dev`, `test` or `all`.
        path: A known corpus's folder; or, for `jnlpba`, one IOB2 file to be read whole whatever
            the split. Without it `$BIOSPAN_DATA/jnlpba`, `data/jnlpba`, or what was downloaded.

    Raises:
        ConfigError: If the name or split is not known.
        MissingInputError: If the corpus or split is not there.
        InputError: If its files are damaged, or disagree about the documents.
    """
    find_corpus(name)
    _check_known("split", split, SPLITS)
    if name in CORPORA:
        where = jnlpba.find_folder(path)
        columns = name == "jnlpba"
        documents = (jnlpba.read_columns if columns else jnlpba.read_texts)(where, split)
    elif path is None:
        where = Path(name)
        documents = own.read(where, split)
    else:
        raise ConfigError(
            f"corpus `{name}`: is a path itself, and another one is given: `{path}`. That is for "
            f"known corpora: {', '.join(CORPORA)}."
        )
    _check_ids_differ(documents, where)
    return documents


def find_corpus(name: str) -> Corpus:
    """What is known about a corpus; of one at a path, that it is there.

    Raises:
        ConfigError: If the name is not known and no path either.
    """
    if name in CORPORA:
        return CORPORA[name]
    if name and Path(name).exists():
        return Corpus(name, source="Read from this path.", licence="not stated")
    raise ConfigError(
        f"unknown corpus `{name}`, nor is there a file or folder of that name. "
        f"{nearest(name, CORPORA)}"
    )


def download_corpus(
    name: str, url: str, *, on_progress: OnProgress = lambda done, total: None
) -> tuple[Path, dict[str, Any] | None]:
    """Fetch a known corpus, or a part of it, into the user's cache, where `read_corpus` looks last.

    `.tar.gz`, `.zip` or one `.iob2` file, plain or gzipped. Nothing is kept of it if it has not
    the published counts.

    Args:
        name: A name in `CORPORA`.
        url: Of scheme http, https or file.
        on_progress: Called now and then with the bytes fetched so far, and in all if known.

    Returns:
        The corpus's folder, and, if the URL had been fetched before and nothing was done, the
        record of that: `url`, `date`, `sha256`, `bytes`, `files`.

    Raises:
        ConfigError: If the corpus is not a known one, or the URL is none.
        MissingInputError: If the server says that there is nothing.
        DownloadError: If the server cannot be reached or the connection breaks.
        InputError: If what was fetched is not the corpus.
        OutputError: If that part of the corpus is there already, or cannot be written.
    """
    _check_known("corpus", name, CORPORA)
    return jnlpba.download(url, on_progress)


def compare_with_published(name: str, split: str, counted: CorpusStatistics) -> list[Comparison]:
    """Pair counts with the published ones; empty for a split that nobody published counts of.

    Raises:
        ConfigError: If the corpus is not known.
    """
    published = find_corpus(name).published.get(split)
    return compare(counted, published) if published else []


def _check_known(what: str, got: str, known: Collection[str]) -> None:
    if got not in known:
        raise ConfigError(f"unknown {what} `{got}`. {nearest(got, known)}")


def _check_ids_differ(documents: Sequence[Document], where: Path) -> None:
    counts = Counter(document.id for document in documents)
    if repeated := [document_id for document_id, count in counts.items() if count > 1]:
        named = ", ".join(repeated[:20])
        raise InputError(f"{where}: {len(repeated)} ids belong to several documents: {named}")
