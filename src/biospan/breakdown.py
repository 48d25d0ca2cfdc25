"""Scores of parts of the documents: those with one value each of a metadata key.

An entity counts as `scoring` counts it; a document counts in one part, also one without the key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from biospan.counts import Counts
from biospan.document import Document
from biospan.errors import ConfigError, nearest
from biospan.scoring import count_spans, pair


@dataclass(frozen=True, slots=True)
class Part:
    """Documents of one value, and the counts of their entities."""

    n_documents: int = 0
    counts: Counts = field(default_factory=Counts)

    def __add__(self, other: "Part") -> "Part":
        return Part(self.n_documents + other.n_documents, self.counts + other.counts)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, with the scores that the counts give."""
        counts = self.counts
        predicted = {"predicted": counts.tp + counts.fp}
        return {"n_documents": self.n_documents} | predicted | counts.to_dict()


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What `break_down` counted.

    Attributes:
        key: Of the metadata.
        parts: By value, in the order in which the gold documents have them; None, at the end,
            stands for documents without the key.
    """

    key: str
    parts: Mapping[str | None, Part]

    @property
    def total(self) -> Part:
        """All documents."""
        return sum(self.parts.values(), Part())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        parts = [{"value": value} | part.to_dict() for value, part in self.parts.items()]
        return {"by": self.key, "parts": parts, "total": self.total.to_dict()}

    def to_text(self) -> str:
        """An aligned table: a row for each value, then all."""
        rows = [(self._shown(value), part) for value, part in self.parts.items()]
        rows.append(("all", self.total))
        key = _printable(self.key)
        width = max(len(key), *(len(name) for name, _ in rows))
        lines = [f"{key:<{width}}  documents    gold  predicted   right  precision  recall      f1"]
        for name, part in rows:
            counts = part.counts
            lines.append(
                f"{name:<{width}}  {part.n_documents:9d}  {counts.support:6d}  "
                f"{counts.tp + counts.fp:9d}  {counts.tp:6d}  {counts.precision:9.4f}  "
                f"{counts.recall:6.4f}  {counts.f1:6.4f}"
            )
        return "\n".join(lines)

    def _shown(self, value: str | None) -> str:
        return f"(no {_printable(self.key)})" if value is None else _printable(value)


def break_down(gold: Iterable[Document], predicted: Iterable[Document], key: str) -> Breakdown:
    """Count the entities of each group of documents, by a metadata key of the gold ones.

    Raises:
        ConfigError: If no gold document has the key.
        InputError: If the two sides cannot be paired; see `scoring.pair`.
    """
    pairs = pair(gold, predicted)
    parts: dict[str | None, Part] = {}
    for document, other in pairs:
        part = Part(1, count_spans(document, other).micro)
        value = document.metadata.get(key)
        parts[value] = parts.get(value, Part()) + part
    if parts.keys() <= {None}:
        known = sorted({name for document, _ in pairs for name in document.metadata})
        hint = nearest(key, known) if known else "None has any metadata."
        raise ConfigError(f"metadata `{key}`: no gold document has it. {hint}")
    if None in parts:
        parts[None] = parts.pop(None)
    return Breakdown(key, parts)


def _printable(name: str) -> str:
    return name if name.isprintable() and name else repr(name)
