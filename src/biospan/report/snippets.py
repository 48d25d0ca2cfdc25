"""Sentences with mistakes, the gold entities above the predicted ones."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from biospan import segment
from biospan.document import Document, Entity
from biospan.highlight import Span, cut, fragment
from biospan.report.markup import Html, inert, short, shown
from biospan.report.mistakes import Comparison, Mistake

T = TypeVar("T")

# Characters that are shown of a sentence, and around a mistake if the sentence is longer.
_LONGEST, _AROUND = 900, 300


@dataclass(frozen=True, slots=True)
class Snippet:
    """A stretch of a document, a sentence as a rule, and mistakes in it."""

    comparison: Comparison
    start: int
    end: int
    mistakes: tuple[Mistake, ...]


def sentences(comparison: Comparison) -> list[Snippet]:
    """The sentences with a mistake; one is extended to hold its mistakes whole."""
    if not comparison.mistakes:
        return []
    bounds = _bounds(comparison.document)
    mistakes = sorted(comparison.mistakes, key=lambda mistake: mistake.start)
    return [
        _snippet(comparison, bounds[index], tuple(group))
        for index, group in groupby(mistakes, key=lambda mistake: _index(bounds, mistake))
    ]


def around(comparison: Comparison, mistake: Mistake) -> Snippet:
    """The sentence of one mistake."""
    bounds = _bounds(comparison.document)
    return _snippet(comparison, bounds[_index(bounds, mistake)], (mistake,))


def spread(items: Sequence[T], limit: int) -> list[T]:
    """At most so many of the items, evenly spread over all of them, in order."""
    n = min(limit, len(items))
    return [items[index * len(items) // n] for index in range(n)]


def to_html(snippet: Snippet, labels: Iterable[str]) -> Html:
    """Gold above predicted: mistakes filled, what is right underlined."""
    start, end = _window(snippet)
    document, labels = snippet.comparison.document, sorted(map(short, labels))
    kinds = ", ".join(dict.fromkeys(mistake.kind for mistake in snippet.mistakes))
    parts = [
        f'<div class="snippet"><p><b>{shown(kinds)}</b> '
        f"<bdi>{shown(document.id[:80])}</bdi> {start:,}–{end:,}</p>"
    ]
    for side, entities in (
        ("gold", snippet.comparison.gold),
        ("predicted", snippet.comparison.predicted),
    ):
        spans = [
            _span(entity, start, end, snippet.comparison)
            for entity in entities
            if entity.start < end and entity.end > start
        ]
        text = inert(document.text[start:end])
        hidden = len(spans) - sum(span is not None for _, span in cut(text, spans))
        parts.append(
            f'<div class="side {side}"><span>{side}</span>{fragment(text, spans, labels=labels)}'
        )
        if hidden:
            parts.append(f"<small>{hidden} more, inside of or overlapping these</small>")
        parts.append("</div>")
    parts.append("</div>")
    return Html("".join(parts))


def _bounds(document: Document) -> list[tuple[int, int]]:
    own = [(sentence.start, sentence.end) for sentence in document.sentences()]
    return own or segment.sentence_spans(document.text) or [(0, len(document.text))]


def _index(bounds: Sequence[tuple[int, int]], mistake: Mistake) -> int:
    """The sentence in which a mistake starts, or the last before it."""
    return max(0, bisect_right(bounds, mistake.start, key=lambda bound: bound[0]) - 1)


def _snippet(
    comparison: Comparison, bounds: tuple[int, int], mistakes: tuple[Mistake, ...]
) -> Snippet:
    start = min(bounds[0], *(mistake.start for mistake in mistakes))
    end = max(bounds[1], *(mistake.end for mistake in mistakes))
    return Snippet(comparison, start, end, mistakes)


def _window(snippet: Snippet) -> tuple[int, int]:
    """The stretch that is shown: all of it, or what is around its first mistake."""
    if snippet.end - snippet.start <= _LONGEST:
        return snippet.start, snippet.end
    first = snippet.mistakes[0]
    start = max(snippet.start, first.start - _AROUND)
    return start, min(snippet.end, max(start + _LONGEST, first.start + _AROUND))


def _span(entity: Entity, start: int, end: int, comparison: Comparison) -> Span:
    return Span(
        max(entity.start, start) - start,
        min(entity.end, end) - start,
        short(entity.label),
        entity.score,
        quiet=(entity.start, entity.end, entity.label) in comparison.right,
    )
