"""What is said of a corpus: where it comes from, and how much there is of what.

Counts only; no corpus is read here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from biospan import tags
from biospan.document import Document


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
    """What is known about a corpus; of one's own it is next to nothing.

    Attributes:
        folder: Its folder's name inside the folder of all corpora.
        how_to_get: What to do if it is not there.
        published: Counts by split, of the form with tokens.
        remarks: What whoever uses a model of it should know, in whole sentences.
    """

    name: str
    source: str
    licence: str
    folder: str = ""
    how_to_get: str = ""
    labels: tuple[str, ...] = ()
    published: Mapping[str, CorpusStatistics] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


class Comparison(NamedTuple):
    """A count beside the published one."""

    name: str
    counted: int
    published: int

    @property
    def matches(self) -> bool:
        """Whether both are the same."""
        return self.counted == self.published


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


def compare(counted: CorpusStatistics, published: CorpusStatistics) -> list[Comparison]:
    """Pair counts with the published ones; without tokens, of documents and entities alone."""
    pairs = [Comparison("documents", counted.documents, published.documents)]
    counts, expected = counted.entities, published.entities
    if counted.tokens:
        pairs.append(Comparison("sentences", counted.sentences, published.sentences))
        pairs.append(Comparison("tokens", counted.tokens, published.tokens))
        counts, expected = counted.tags, published.tags
    for item in [*expected, *(extra for extra in counts if extra not in expected)]:
        pairs.append(Comparison(item, counts.get(item, 0), expected.get(item, 0)))
    return pairs
