"""Annotation checker: what is wrong, or at least odd, with annotated documents.

`check` looks at documents that could be read; `biospan.formats.examine` says what could not.
Nothing is mended here.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from biospan.check import duplicates, mentions, offsets
from biospan.check.findings import Finding, Findings, Item, Place
from biospan.document import Document

__all__ = ["Finding", "Findings", "Item", "Place", "check"]


def check(
    documents: Iterable[Document],
    *,
    unreadable: Iterable[str] = (),
    against: Iterable[Document] = (),
) -> Findings:
    """Look for problems and oddities of annotated documents.

    Args:
        documents: What could be read.
        unreadable: What could not, each with its place.
        against: Documents that should not be among the others, as those of another split.
    """
    documents = list(documents)
    items: defaultdict[Finding, Sequence[Item]] = defaultdict(list)
    items[Finding.UNREADABLE] = [Item(problem) for problem in unreadable]
    by_kind: defaultdict[Finding, list[Item]] = defaultdict(list)
    for document in documents:
        for kind, item in offsets.find(document):
            by_kind[kind].append(item)
    items.update(by_kind)
    items[Finding.REPEATED_ID] = duplicates.repeated_ids(documents)
    items[Finding.DUPLICATE] = duplicates.repeated_texts(documents)
    items[Finding.SHARED] = duplicates.shared(documents, against)
    items[Finding.AMBIGUOUS] = mentions.ambiguous(documents)
    items[Finding.UNLABELLED] = mentions.unlabelled(documents)
    return Findings(
        n_documents=len(documents),
        n_entities=sum(len(document.entities) for document in documents),
        items={kind: items[kind] for kind in Finding},
    )
