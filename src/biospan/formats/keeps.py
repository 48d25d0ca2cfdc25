"""What of a document each written format keeps, and how much of it a run of documents loses.

`docs/formats.md` shows the table. What depends on where entities lie (overlaps, tokens) the writers
count themselves.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from biospan.document import Document
from biospan.highlight import replace_surrogates

logger = logging.getLogger(__name__)

_ALL = frozenset(
    {
        "ids",
        "texts",
        "passages",
        "sections",
        "sentences",
        "tokens",
        "entities",
        "scores",
        "identifiers",
        "sources",
        "metadata",
    }
)
# What is in the file, also where no reader of ours has it back.
KEEPS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "jsonl": _ALL | {"lone surrogates"},
        "parquet": _ALL,
        "spacy": _ALL,
        "bioc-xml": _ALL - {"sentences", "tokens"},
        "bioc-json": _ALL - {"sentences", "tokens"} | {"lone surrogates"},
        "pubtator": frozenset({"ids", "texts", "passages", "entities", "scores", "identifiers"}),
        "brat": frozenset({"ids", "texts", "entities", "identifiers"}),
        "iob2": frozenset({"ids", "sentences", "tokens", "entities"}),
        "iobes": frozenset({"ids", "sentences", "tokens", "entities"}),
        "txt": frozenset({"texts"}),
        "jsonld": frozenset({"ids", "entities", "scores", "identifiers", "sources"}),
        "tsv": frozenset({"ids", "entities", "scores", "identifiers", "sources"}),
        "csv": frozenset({"ids", "entities", "scores", "identifiers", "sources"}),
        "html": frozenset({"ids", "texts", "entities", "scores"}),
    }
)


def warning(documents: Iterable[Document], format: str) -> Iterator[Document]:
    """Pass documents on, and log at the end what of them the format does not keep, with counts."""
    lost: Counter[str] = Counter()
    yield from counting(documents, format, lost)
    if lost:
        counts = ", ".join(f"{count:,} {what}" for what, count in lost.items())
        logger.warning("`%s` does not keep: %s", format, counts)


def counting(documents: Iterable[Document], format: str, lost: Counter[str]) -> Iterator[Document]:
    """Pass documents on, and count in `lost` what of them the format does not keep."""
    kept = KEEPS.get(format)
    for document in documents:
        if kept is not None:
            lost.update({what: n for what, n in _parts(document).items() if n and what not in kept})
        yield document


def _parts(document: Document) -> dict[str, int]:
    """How many there are of everything that a format may keep or not."""
    passages, entities = document.passages, document.entities
    return {
        "ids": 1 if document.id else 0,
        "texts": 1 if document.text else 0,
        # One passage over all of a text says nothing.
        "passages": 0 if len(passages) == 1 and passages[0].kind == "text" else len(passages),
        "sections": sum(1 for passage in passages if passage.section),
        "sentences": sum(1 for _ in document.sentences()),
        "tokens": sum(1 for _ in document.tokens()),
        "entities": len(entities),
        "scores": sum(1 for entity in entities if entity.score is not None),
        "identifiers": sum(1 for entity in entities if entity.id is not None),
        "sources": sum(1 for entity in entities if entity.source is not None),
        "metadata": len(document.metadata),
        "lone surrogates": sum(map(str.__ne__, document.text, replace_surrogates(document.text))),
    }
