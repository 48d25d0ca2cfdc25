"""Known corpora: where they come from, how they are split, and what was published about them.

Nothing is downloaded: the licences ask users to get the files themselves. Files and tags are the
readers' business (`biospan.formats`), models and scores are that of higher layers.
"""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from biospan import tags
from biospan.document import Document
from biospan.errors import ConfigError, InputError, MissingInputError, nearest
from biospan.formats import brat, iob2
from biospan.formats.text import read_text

SPLITS = ("train", "dev", "test", "all")
N_DEV = 200

_TRAINING_FILE = "Genia4ERtask2.iob2"
_TEST_FILE = "Genia4EReval2.iob2"


@dataclass(frozen=True)
class CorpusStatistics:
    """Counts of a corpus; sentences, tokens and tags are of given tokens alone."""

    documents: int
    sentences: int
    tokens: int
    tags: Mapping[str, int]
    entities: Mapping[str, int]


@dataclass(frozen=True)
class Corpus:
    """What is known about a corpus.

    Attributes:
        folder: Its folder's name inside the folder of all corpora.
        how_to_get: What to do if it is not there.
        published: Counts by split, of the form with tokens.
        remarks: What whoever uses a model of it should know, in whole sentences.
    """

    name: str
    source: str
    licence: str
    folder: str
    how_to_get: str
    labels: tuple[str, ...]
    published: Mapping[str, CorpusStatistics]
    remarks: tuple[str, ...]


class Comparison(NamedTuple):
    """A count beside the published one."""

    name: str
    counted: int
    published: int

    @property
    def matches(self) -> bool:
        """Whether both are the same."""
        return self.counted == self.published


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
_JNLPBA_PUBLISHED = MappingProxyType(
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


def _jnlpba(name: str) -> Corpus:
    return Corpus(
        name=name,
        source=(
            "Kim, Ohta, Tsuruoka, Tateisi and Collier (2004): Introduction to the bio-entity "
            "recognition task at JNLPBA. Texts from PubMed."
        ),
        licence="annotations (c) GENIA Project, CC BY 3.0",
        folder="jnlpba",
        how_to_get=(
            "Get `Genia4ERtraining.tar.gz` (and `Genia4ERtest.tar.gz`) from the GENIA project's "
            f"site, unpack `{_TRAINING_FILE}` (and `{_TEST_FILE}`) into a folder, and name it. "
            "The abstracts as running text with brat files are in the public repository "
            "spyysalo/jnlpba: its folder `standoff` belongs beside them."
        ),
        labels=("DNA", "RNA", "cell_line", "cell_type", "protein"),
        published=_JNLPBA_PUBLISHED,
        remarks=(
            "The abstracts are about transcription factors in human blood cells, of the 1990s and "
            "before: expect less on other subjects, on full text, and on names coined since.",
            "Ten training abstracts are in the official evaluation set too, annotated twice; the "
            "two annotations agree at F1 0.855 (227 entities, typed exact spans): no model can be "
            "much better than that against either.",
        ),
    )


CORPORA: Mapping[str, Corpus] = MappingProxyType(
    {name: _jnlpba(name) for name in ("jnlpba", "jnlpba-text")}
)


def read_corpus(
    name: str, split: str = "train", *, path: Path | str | None = None
) -> list[Document]:
    """Read one split of a known corpus.

    `jnlpba` is the official IOB2 file with its tokens, `jnlpba-text` the same abstracts as running
    text (brat files in `standoff/train` and `standoff/test` of the same folder), under the same
    ids. `all` is the official training set, `dev` its last 200 abstracts, `train` the others, and
    `test` the official evaluation set.

    Args:
        name: A name in `CORPORA`.
        split: `train`, `dev`, `test` or `all`.
        path: The corpus's folder; or, for `jnlpba`, one IOB2 file to be read whole whatever the
            split. Without it `$BIOSPAN_DATA/jnlpba`, or else `data/jnlpba`.

    Raises:
        ConfigError: If the name or split is not known.
        MissingInputError: If the corpus is not there.
        InputError: If its files are damaged, or disagree about the documents.
    """
    corpus = find_corpus(name)
    _check_known("split", split, SPLITS)
    folder = _folder(corpus, path)
    documents = (_read_columns if name == "jnlpba" else _read_texts)(folder, split)
    _check_ids_differ(documents, folder)
    return documents


def find_corpus(name: str) -> Corpus:
    """What is known about a corpus.

    Raises:
        ConfigError: If the name is not known.
    """
    _check_known("corpus", name, CORPORA)
    return CORPORA[name]


def statistics(documents: Iterable[Document]) -> CorpusStatistics:
    """Count documents, sentences, tokens, tags and entities.

    Tags are IOB2 of the given tokens; a corpus without tokens has none.
    """
    n_documents = n_sentences = n_tokens = 0
    tag_counts: Counter[str] = Counter()
    entity_counts: Counter[str] = Counter()
    for document in documents:
        offsets = [
            [(token.start, token.end) for token in sentence.tokens]
            for sentence in document.sentences()
        ]
        n_documents += 1
        n_sentences += len(offsets)
        n_tokens += sum(map(len, offsets))
        entity_counts.update(entity.label for entity in document.entities)
        for tokens, spans in zip(
            offsets, tags.align(offsets, document.entities).spans, strict=True
        ):
            tag_counts.update(tags.from_spans(len(tokens), spans))
    return CorpusStatistics(
        documents=n_documents,
        sentences=n_sentences,
        tokens=n_tokens,
        tags=MappingProxyType(dict(sorted(tag_counts.items()))),
        entities=MappingProxyType(dict(sorted(entity_counts.items()))),
    )


def compare_with_published(name: str, split: str, counted: CorpusStatistics) -> list[Comparison]:
    """Pair counts with the published ones; empty for a split that nobody published counts of.

    Raises:
        ConfigError: If the corpus is not known.
    """
    published = find_corpus(name).published.get(split)
    if published is None:
        return []
    pairs = [Comparison("documents", counted.documents, published.documents)]
    counts, expected = counted.entities, published.entities
    if counted.tokens:
        pairs.append(Comparison("sentences", counted.sentences, published.sentences))
        pairs.append(Comparison("tokens", counted.tokens, published.tokens))
        counts, expected = counted.tags, published.tags
    for item in [*expected, *(extra for extra in counts if extra not in expected)]:
        pairs.append(Comparison(item, counts.get(item, 0), expected.get(item, 0)))
    return pairs


def _check_known(what: str, got: str, known: Collection[str]) -> None:
    if got not in known:
        raise ConfigError(f"unknown {what} `{got}`. {nearest(got, known)}")


def _folder(corpus: Corpus, path: Path | str | None) -> Path:
    """Find a corpus's folder, or the file that stands for it."""
    data = os.environ.get("BIOSPAN_DATA")
    folder = Path(path) if path is not None else Path(data or "data") / corpus.folder
    if not folder.exists():
        raise MissingInputError(
            f"corpus `{corpus.name}`: nothing at {folder}. {corpus.how_to_get} "
            f"Or set BIOSPAN_DATA to the folder that holds `{corpus.folder}`."
        )
    return folder


def _read_columns(folder: Path, split: str) -> list[Document]:
    if folder.is_file():
        return list(iob2.read(folder))
    file = folder / (_TEST_FILE if split == "test" else _TRAINING_FILE)
    if not file.exists():
        raise MissingInputError(f"{file}: no such file. {CORPORA['jnlpba'].how_to_get}")
    documents = list(iob2.read(file))
    if split == "test":
        return documents
    wanted = set(_split_ids([document.id for document in documents], split, folder))
    return [document for document in documents if document.id in wanted]


def _read_texts(folder: Path, split: str) -> list[Document]:
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
    if (folder / _TRAINING_FILE).exists():
        return iob2.read_ids(folder / _TRAINING_FILE)
    listed = _listed_dev_ids(folder)
    if not listed:
        raise MissingInputError(
            f"{folder}: neither `{_TRAINING_FILE}` nor `dev.ids`, which say what the splits are"
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
            f"{folder / 'dev.ids'}: expected the last {n_dev} ids of `{_TRAINING_FILE}`, in order"
        )
    return dev if split == "dev" else order[:-n_dev]


def _listed_dev_ids(folder: Path) -> list[str]:
    file = folder / "dev.ids"
    return read_text(file).split() if file.exists() else []


def _check_ids_differ(documents: Sequence[Document], where: Path) -> None:
    counts = Counter(document.id for document in documents)
    if repeated := [document_id for document_id, count in counts.items() if count > 1]:
        named = ", ".join(repeated[:20])
        raise InputError(f"{where}: {len(repeated)} ids belong to several documents: {named}")
