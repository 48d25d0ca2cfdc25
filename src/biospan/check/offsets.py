"""Entities whose place is odd: against words, white space, sentences and each other."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from biospan import segment
from biospan.check.findings import Finding, Item, Place, quoted
from biospan.document import Document, Entity


def find(document: Document) -> Iterator[tuple[Finding, Item]]:
    """Yield what is odd about the places of a document's entities."""
    if not document.entities:
        return
    tokens = [(token.start, token.end) for token in document.tokens()]
    words = tokens or segment.token_spans(document.text)
    own = [(sentence.start, sentence.end) for sentence in document.sentences()]
    sentences = own or segment.sentence_spans(document.text)
    furthest: Entity | None = None
    for entity in document.entities:
        place = Place(document.id, entity.start, entity.end)
        shown = f"{entity.label} {quoted(entity.text)}"
        if entity.text != entity.text.strip():
            yield Finding.WHITE_SPACE, Item(f"{entity.label} {entity.text[:60]!r}", place)
        edges = (("starts", entity.start), ("ends", entity.end))
        if cut := [(name, word) for name, edge in edges if (word := _around(words, edge))]:
            how = " and ".join(
                f"{name} inside of {quoted(document.text[slice(*word)])}" for name, word in cut
            )
            yield Finding.INSIDE_WORD, Item(f"{shown} {how}", place)
        index = bisect_right(sentences, entity.start, key=lambda span: span[0]) - 1
        if index >= 0 and entity.start < sentences[index][1] < entity.end:
            yield Finding.CROSSING, Item(shown, place)
        if furthest and entity.start < furthest.end:
            other = f"{furthest.label} {quoted(furthest.text)} {furthest.start}-{furthest.end}"
            yield Finding.OVERLAPPING, Item(f"{shown} overlaps {other}", place)
        if furthest is None or entity.end > furthest.end:
            furthest = entity


def _around(spans: Sequence[tuple[int, int]], offset: int) -> tuple[int, int] | None:
    """The span that an offset is inside of, at neither of its edges."""
    index = bisect_right(spans, offset, key=lambda span: span[0]) - 1
    if index >= 0 and spans[index][0] < offset < spans[index][1]:
        return spans[index]
    return None
