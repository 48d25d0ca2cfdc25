"""Documents that are there more than once, in one corpus or in two."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from biospan.check.findings import Item, quoted
from biospan.document import Document
from biospan.exposure import has_counted_ids, words_of

# Ids that are named of a group; their number is always said.
_NAMED = 3


def repeated_ids(documents: Sequence[Document]) -> list[Item]:
    """Ids that several documents have."""
    counts = Counter(document.id for document in documents if document.id)
    return [
        Item(f"`{document_id:.80}`: {count:,} documents", counts={"documents": count})
        for document_id, count in counts.most_common()
        if count > 1
    ]


def repeated_texts(documents: Sequence[Document]) -> list[Item]:
    """Texts that several documents have but for case, spaces and punctuation, longest first."""
    groups = [group for group in _by_words(documents).values() if len(group) > 1]
    groups.sort(key=lambda group: -len(group[0].text))
    return [
        Item(
            f"{_ids(group)}: {quoted(group[0].text)}{_disagreement(group)}",
            counts={"documents": len(group)},
        )
        for group in groups
    ]


def shared(documents: Sequence[Document], others: Iterable[Document]) -> list[Item]:
    """Documents whose text, or id, the other corpus has too; ids that only count are none."""
    others = list(others)
    by_words = _by_words(others)
    items = []
    for words, group in _by_words(documents).items():
        if copies := by_words.get(words):
            note = _disagreement([*group, *copies])
            what = f"{_ids(group)}: there {_ids(copies)}: {quoted(group[0].text)}{note}"
            items.append(Item(what, counts={"here": len(group), "there": len(copies)}))
    if has_counted_ids(documents) or has_counted_ids(others):
        return items
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for document in others:
        texts[document.id].add(document.text)
    for document in documents:
        if document.id and document.id in texts and _words(document) not in by_words:
            same = "the same" if document.text in texts[document.id] else "another"
            items.append(Item(f"`{document.id:.80}`: the id, with {same} text"))
    return items


def _by_words(documents: Iterable[Document]) -> Mapping[str, list[Document]]:
    """Group documents by their letters and digits; those that have none are left out."""
    groups: defaultdict[str, list[Document]] = defaultdict(list)
    for document in documents:
        if words := _words(document):
            groups[words].append(document)
    return groups


def _words(document: Document) -> str:
    return "".join(words_of(document.text))


def _disagreement(group: Sequence[Document]) -> str:
    """What to add if documents of the same words do not have the same entities."""
    annotated = {
        tuple(("".join(words_of(e.text)), e.label) for e in document.entities) for document in group
    }
    return ", annotated differently" if len(annotated) > 1 else ""


def _ids(group: Sequence[Document]) -> str:
    named = ", ".join(f"`{document.id:.80}`" for document in group[:_NAMED])
    return named if len(group) <= _NAMED else f"{named} and {len(group) - _NAMED:,} more"
