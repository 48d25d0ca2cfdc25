"""The JNLPBA corpus: its two forms, its official files and splits, and the published counts."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from biospan import tags
from biospan.corpora.description import Corpus, CorpusStatistics, compare, statistics
from biospan.document import Document
from biospan.download import OnProgress, add, cache_folder
from biospan.errors import InputError, MissingInputError
from biospan.formats import brat, iob2
from biospan.formats.text import read_text
from biospan.unpack import unpack

N_DEV = 200
FOLDER = "jnlpba"
TRAINING_FILE = "Genia4ERtask2.iob2"
TEST_FILE = "Genia4EReval2.iob2"

# Which published counts a part of the corpus must have.
_PARTS = {
    TRAINING_FILE: "all",
    TEST_FILE: "test",
    "standoff/train": "all",
    "standoff/test": "test",
}
_TEXT = re.compile(r"standoff/(train|test)/[A-Za-z0-9][A-Za-z0-9_-]*\.(txt|ann)")


def _published(
    documents: int, sentences: int, outside: int, by_label: Mapping[str, tuple[int, int]]
) -> CorpusStatistics:
    """Counts from a published table: for each label, its entities and their further tokens."""
    labels = tuple(sorted(by_label))
    counts = [outside, *(count for label in labels for count in by_label[label])]
    return CorpusStatistics(
        documents=documents,
        sentences=sentences,
        tokens=sum(counts),
        tags=MappingProxyType(dict(zip(tags.TagSet(labels).names, counts, strict=True))),
        entities=MappingProxyType({label: by_label[label][0] for label in labels}),
    )


# Kim et al. (2004), and the tag counts of the public model card for the same files.
_PUBLISHED = MappingProxyType(
    {
        "all": _published(
            documents=2_000,
            sentences=18_546,
            outside=382_963,
            by_label={
                "protein": (30_269, 24_848),
                "cell_type": (6_718, 8_748),
                "DNA": (9_533, 15_774),
                "cell_line": (3_830, 7_387),
                "RNA": (951, 1_530),
            },
        ),
        "test": _published(
            documents=404,
            sentences=3_856,
            outside=81_647,
            by_label={
                "protein": (5_067, 4_774),
                "cell_type": (1_921, 2_991),
                "DNA": (1_056, 1_789),
                "cell_line": (500, 989),
                "RNA": (118, 187),
            },
        ),
    }
)


_HOW_TO_GET = (
    "The GENIA project's site has `Genia4ERtraining.tar.gz` (and `Genia4ERtest.tar.gz`): "
    f"`biospan corpus {FOLDER} --download URL` fetches them, or unpack `{TRAINING_FILE}` (and "
    f"`{TEST_FILE}`) into a folder, and name it. The abstracts as running text with brat files "
    "are in the public repository spyysalo/jnlpba: its folder `standoff` belongs beside them."
)


def describe(name: str) -> Corpus:
    """What is known about the form of that name."""
    return Corpus(
        name=name,
        source=(
            "Kim, Ohta, Tsuruoka, Tateisi and Collier (2004): Introduction to the bio-entity "
            "recognition task at JNLPBA. Texts from PubMed."
        ),
        licence="annotations (c) GENIA Project, CC BY 3.0",
        folder=FOLDER,
        how_to_get=_HOW_TO_GET,
        labels=("DNA", "RNA", "cell_line", "cell_type", "protein"),
        published=_PUBLISHED,
        remarks=(
            "The abstracts are about transcription factors in human blood cells, of the 1990s and "
            "before: expect less on other subjects, on full text, and on names coined since.",
            "Ten training abstracts are in the official evaluation set too, annotated twice; the "
            "two annotations agree at F1 0.855 (227 entities, typed exact spans): no model can be "
            "much better than that against either.",
        ),
    )


def find_folder(path: Path | str | None = None) -> Path:
    """The corpus's folder: the one given, or else the first of the usual ones that is there.

    Raises:
        MissingInputError: If there is none.
    """
    data = os.environ.get("BIOSPAN_DATA")
    usual = [Path(data) / FOLDER] if data else []
    usual += [Path("data") / FOLDER, cache_folder() / FOLDER]
    places = usual if path is None else [Path(path)]
    for place in places:
        if place.exists():
            return place
    raise MissingInputError(
        f"corpus `{FOLDER}`: nothing at {', '.join(map(str, places))}. {_HOW_TO_GET} "
        f"Or set BIOSPAN_DATA to the folder that holds `{FOLDER}`."
    )


def download(url: str, on_progress: OnProgress) -> tuple[Path, dict[str, Any] | None]:
    """Fetch an archive or single file with parts of the corpus into the user's cache.

    What is wanted is taken out of it, and must have the published counts.

    Returns:
        The corpus's folder, and what `biospan.download.add` says.

    Raises:
        BiospanError: As `biospan.download.add`.
    """
    folder = cache_folder() / FOLDER
    name = PurePosixPath(urlsplit(url).path).name
    lone = PurePosixPath(TEST_FILE if "eval" in name.lower() else TRAINING_FILE)

    def unpack_checked(archive: Path, new: Path) -> None:
        unpack(archive, new, place=_place, lone=lone)
        _check_counts(new)

    return folder, add(url, folder, unpack=unpack_checked, on_progress=on_progress)


def _place(member: PurePosixPath) -> PurePosixPath | None:
    """Where a file of an archive belongs; its last folders count, not those above."""
    if member.name in (TRAINING_FILE, TEST_FILE):
        return PurePosixPath(member.name)
    last = PurePosixPath(*member.parts[-3:])
    return last if _TEXT.fullmatch(str(last)) else None


def _check_counts(folder: Path) -> None:
    """Refuse parts of the corpus that are not as published."""
    for part, split in _PARTS.items():
        if (folder / part).exists():
            documents = (iob2.read if part.endswith(".iob2") else brat.read)(folder / part)
            compared = compare(statistics(documents), _PUBLISHED[split])
            if different := [pair for pair in compared if not pair.matches]:
                counts = (f"{row.name} {row.counted:,} of {row.published:,}" for row in different)
                raise InputError(f"`{part}` is not as published: {', '.join(counts)}")


def read_columns(folder: Path, split: str) -> list[Document]:
    """Read a split of the official IOB2 file, or one IOB2 file whatever the split.

    Raises:
        MissingInputError: If the file is not there.
        InputError: If it is damaged, or `dev.ids` says something else about the splits.
    """
    if folder.is_file():
        return list(iob2.read(folder))
    file = folder / (TEST_FILE if split == "test" else TRAINING_FILE)
    if not file.exists():
        raise MissingInputError(f"{file}: no such file. {_HOW_TO_GET}")
    documents = list(iob2.read(file))
    if split == "test":
        return documents
    wanted = set(_split_ids([document.id for document in documents], split, folder))
    return [document for document in documents if document.id in wanted]


def read_texts(folder: Path, split: str) -> list[Document]:
    """Read a split of the running texts in `standoff/train` and `standoff/test`.

    Raises:
        MissingInputError: If they are not there, or nothing says what the splits are.
        InputError: If they are damaged, or other documents than the official ones.
    """
    texts = folder / "standoff" / ("test" if split == "test" else "train")
    if not texts.is_dir():
        raise MissingInputError(
            f"{texts}: no such folder. `jnlpba-text` needs brat files there, named by MEDLINE id."
        )
    by_id = {document.id: document for document in brat.read(texts)}
    if split == "test":
        return list(by_id.values())
    order = _official_order(folder, sorted(by_id))
    if odd := sorted(set(order) ^ by_id.keys()):
        raise InputError(
            f"{texts}: {len(odd)} ids are either not here or not in the official files: "
            f"{', '.join(odd[:20])}"
        )
    return [by_id[document_id] for document_id in _split_ids(order, split, folder)]


def _official_order(folder: Path, ids: Sequence[str]) -> list[str]:
    """Order ids as the IOB2 file does; without it, those of the `dev` split come last."""
    if (folder / TRAINING_FILE).exists():
        return iob2.read_ids(folder / TRAINING_FILE)
    listed = _listed_dev_ids(folder)
    if not listed:
        raise MissingInputError(
            f"{folder}: neither `{TRAINING_FILE}` nor `dev.ids`, which say what the splits are"
        )
    known = set(listed)
    return [document_id for document_id in ids if document_id not in known] + listed


def _split_ids(order: Sequence[str], split: str, folder: Path) -> Sequence[str]:
    """Ids of a split of the training set, given all ids in the official order."""
    if split == "all":
        return order
    listed = _listed_dev_ids(folder)
    n_dev = len(listed) or N_DEV
    if len(order) <= n_dev:
        raise InputError(f"{folder}: {len(order)} documents, of which {n_dev} would be `dev`")
    dev = order[-n_dev:]
    if listed and listed != list(dev):
        raise InputError(
            f"{folder / 'dev.ids'}: expected the last {n_dev} ids of `{TRAINING_FILE}`, in order"
        )
    return dev if split == "dev" else order[:-n_dev]


def _listed_dev_ids(folder: Path) -> list[str]:
    file = folder / "dev.ids"
    return read_text(file).split() if file.exists() else []
