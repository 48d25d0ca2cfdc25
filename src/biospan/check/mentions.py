"""Texts that are annotated in several ways: with several labels, or here and not there."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from biospan import segment
from biospan.check.findings import Item, Place, quoted
from biospan.document import Document

# Occurrences that are added to those of a text, so that 1 of 2 is less telling than 40 of 90.
_CAUTION = 10

_Words = tuple[str, ...]


def ambiguous(documents: Sequence[Document]) -> list[Item]:
    """Texts, in lower case, that have several labels; the most evenly split first."""
    labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for document in documents:
        for entity in document.entities:
            labels[" ".join(entity.text.lower().split())][entity.label] += 1
    several = [(text, counts) for text, counts in labels.items() if len(counts) > 1]
    several.sort(key=lambda pair: (-_evenness(pair[1]), pair[0]))
    return [
        Item(f"{quoted(text)}: {_listed(counts)}", counts=dict(counts.most_common()))
        for text, counts in several
    ]


@dataclass(slots=True)
class _Uses:
    """Occurrences of a text: the number of either kind, and where the first of them is."""

    text: str = ""
    labelled: int = 0
    unlabelled: int = 0
    labelled_at: Place | None = None
    unlabelled_at: Place | None = None


def unlabelled(documents: Sequence[Document]) -> list[Item]:
    """Texts that are entities in one place and part of none in another, most even first.

    Case matters, and only whole words are looked at; where two texts could be found, the longer
    one is. A single character is too little to go by.
    """
    uses: defaultdict[_Words, _Uses] = defaultdict(_Uses)
    for document in documents:
        for entity in document.entities:
            words = tuple(entity.text[slice(*span)] for span in segment.token_spans(entity.text))
            if len(entity.text) > 1 and words:
                use = uses[words]
                use.text = use.text or entity.text
                use.labelled += 1
                use.labelled_at = use.labelled_at or Place(document.id, entity.start, entity.end)
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for words in uses:
        lengths[words[0]].add(len(words))
    longest_first = {word: sorted(found, reverse=True) for word, found in lengths.items()}
    for document in documents:
        for words, start, end in _unlabelled_in(document, uses.keys(), longest_first):
            use = uses[words]
            use.unlabelled += 1
            use.unlabelled_at = use.unlabelled_at or Place(document.id, start, end)
    both = [use for use in uses.values() if use.unlabelled]
    both.sort(key=lambda use: (-_evenness(_counts(use)), use.text))
    return [
        Item(
            f"{quoted(use.text)}: labelled {use.labelled:,} (first {use.labelled_at}), "
            f"not labelled {use.unlabelled:,} (first {use.unlabelled_at})",
            counts=_counts(use),
        )
        for use in both
    ]


def _unlabelled_in(
    document: Document, known: Collection[_Words], lengths: Mapping[str, Sequence[int]]
) -> Iterator[tuple[_Words, int, int]]:
    """Find known texts that touch no entity, from left to right, none inside of another."""
    spans = segment.token_spans(document.text)
    words = [document.text[start:end] for start, end in spans]
    taken = bytearray(len(document.text))
    for entity in document.entities:
        taken[entity.start : entity.end] = b"\1" * (entity.end - entity.start)
    index = 0
    while index < len(words):
        for length in lengths.get(words[index], ()):
            candidate = tuple(words[index : index + length])
            if len(candidate) == length and candidate in known:
                start, end = spans[index][0], spans[index + length - 1][1]
                if not any(taken[start:end]):
                    yield candidate, start, end
                    index += length - 1
                    break
        index += 1


def _counts(use: _Uses) -> dict[str, int]:
    return {"labelled": use.labelled, "unlabelled": use.unlabelled}


def _evenness(counts: Mapping[str, int]) -> float:
    """Share of the occurrences that are not of the most frequent kind, with caution."""
    total = sum(counts.values())
    return (total - max(counts.values())) / (total + _CAUTION)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{label} {count:,}" for label, count in counts.most_common())
