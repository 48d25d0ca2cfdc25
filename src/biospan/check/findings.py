"""What a check found: problems, which make data unusable, and warnings, which a reader judges."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from biospan import highlight


class Finding(StrEnum):
    """What may be wrong with annotated documents; the value is its heading."""

    UNREADABLE = "lines and entities that cannot be read"
    WHITE_SPACE = "entities that start or end with white space"
    INSIDE_WORD = "entities with an edge inside a word"
    OVERLAPPING = "entities that overlap another one"
    CROSSING = "entities that cross the end of a sentence"
    REPEATED_ID = "ids of several documents"
    DUPLICATE = "texts of several documents"
    SHARED = "documents that the other corpus has too"
    AMBIGUOUS = "texts with several labels"
    UNLABELLED = "texts that are labelled here and not there"


PROBLEMS = (Finding.UNREADABLE, Finding.WHITE_SPACE)
WARNINGS = tuple(kind for kind in Finding if kind not in PROBLEMS)


class Place(NamedTuple):
    """Where something is: half-open character offsets in a document."""

    document: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"document `{self.document:.80}` {self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Item:
    """One finding.

    Attributes:
        what: What is wrong, in one line.
        place: Where it is, if it is in one place.
        counts: Numbers behind it, by name; by label for ambiguous texts.
    """

    what: str
    place: Place | None = None
    counts: Mapping[str, int] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return f"{self.place}: {self.what}" if self.place else self.what

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, without what it has not."""
        place = self.place._asdict() if self.place else {}
        counts = {"counts": dict(self.counts)} if self.counts else {}
        return {"what": self.what, **place, **counts}


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that was found.

    Attributes:
        n_documents: Number of documents that could be read.
        n_entities: Number of their entities.
        items: By kind; the most telling first.
    """

    n_documents: int
    n_entities: int
    items: Mapping[Finding, Sequence[Item]]

    @property
    def n_problems(self) -> int:
        """Number of findings that make the data unusable."""
        return sum(len(self.items[kind]) for kind in PROBLEMS)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, all findings in full."""
        return {
            "n_documents": self.n_documents,
            "n_entities": self.n_entities,
            "n_problems": self.n_problems,
            "problems": {kind.name.lower(): self._dicts(kind) for kind in PROBLEMS},
            "warnings": {kind.name.lower(): self._dicts(kind) for kind in WARNINGS},
        }

    def to_text(self, *, limit: int) -> str:
        """A paragraph for each kind: problems in full, of warnings the first `limit`."""
        paragraphs = [f"{self.n_documents:,} documents, {self.n_entities:,} entities"]
        for group, kinds in (("problem", PROBLEMS), ("warning", WARNINGS)):
            for kind in kinds:
                if items := self.items[kind]:
                    listed = items[:limit] if group == "warning" else items
                    lines = [f"{group}: {kind} ({len(items):,})"]
                    lines += [f"  {highlight.to_terminal(str(item), [])}" for item in listed]
                    if len(listed) < len(items):
                        lines.append(f"  ... and {len(items) - len(listed):,} more")
                    paragraphs.append("\n".join(lines))
        clean = [str(kind) for kind in Finding if not self.items[kind]]
        if clean:
            paragraphs.append(f"nothing found: {'; '.join(clean)}")
        return "\n\n".join(paragraphs)

    def _dicts(self, kind: Finding) -> list[dict[str, Any]]:
        return [item.to_dict() for item in self.items[kind]]


def quoted(text: str, *, limit: int = 60) -> str:
    """A text on one line, cut if it is long."""
    line = " ".join(text.split())
    return f"`{line}`" if len(line) <= limit else f"`{line[:limit]}…`"
