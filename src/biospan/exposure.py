"""Who is in the test: scored documents that were trained on, and mentions that were seen there.

A score on documents that are in the training data too, or on names that are, says little about
others. Nothing is taken out of a score silently: what was found is listed, and scores with and
without it stand side by side. Which files are training data is not known here.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from biospan import highlight
from biospan.document import Document
from biospan.scoring import Counts, Level, Report, Scores, evaluate, pair

SHINGLE = 8  # words in a row
NEAR = 0.5  # share of a document's shingles that make it a near-duplicate
_WORD = re.compile(r"[^\W_]+")
_NAMED = 20  # duplicates that a text names; JSON has them all


class Kind(StrEnum):
    """How a scored document is known from training; the first that holds counts.

    `ID`: the same id. `TEXT`: the same letters and digits, whatever their case and what is
    between them. `NEAR`: at least half of its runs of 8 words are in one training document.
    """

    ID = "id"
    TEXT = "text"
    NEAR = "near"


_BY = {Kind.ID: "by id", Kind.TEXT: "by text", Kind.NEAR: "nearly by text"}
_LEGEND = (
    "without: without the documents that are in training too.",
    "seen: entities whose text, its case and spacing aside, has their label in training; unseen: "
    "all others.",
    "ambiguous: entities whose text has several labels in training; they are seen or unseen too.",
)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A scored document that is among the training documents.

    Attributes:
        position: Its place among the scored documents, from 0.
        id: Its id, perhaps empty.
        kind: What the two have in common.
        train_position: Place of the training document, from 0; the first that matches best.
        train_id: Its id, perhaps empty.
        shared: Share of the scored document's runs of 8 words that the other one has, in [0, 1];
            of a document that is shorter, 1 for the same text and else 0.
    """

    position: int
    id: str
    kind: Kind
    train_position: int
    train_id: str
    shared: float


def duplicates(scored: Iterable[Document], train: Iterable[Document]) -> tuple[Duplicate, ...]:
    """Find scored documents that are among the training documents, by id or by what they say.

    Texts are compared by their letters and digits in lower case, so that an abstract is found
    in another tokenisation. Ids that only count the documents are none. A text without letters and
    digits is like no other.

    Args:
        scored: The documents that a score is about.
        train: The documents that were trained on; read once.
    """
    scored, train = list(scored), list(train)
    index = _Index(scored)
    trusted = not has_counted_ids(train)
    found: dict[int, Duplicate] = {}
    for train_position, document in enumerate(train):
        for position, kind, shared in index.like(document, by_id=trusted):
            other = Duplicate(
                position, scored[position].id, kind, train_position, document.id, shared
            )
            found[position] = min(found.get(position, other), other, key=_rank)
    return tuple(found[position] for position in sorted(found))


@dataclass(frozen=True, slots=True)
class Mentions:
    """Scores of entities by what training said of their text, its case and spacing aside.

    Recall is that on the gold entities of a kind, precision that of the predicted ones. `seen` and
    `unseen` are all entities between them; `ambiguous` cuts across both.

    Attributes:
        seen: The text was an entity with this very label in training.
        unseen: It was not, be it that it was none or that it had other labels.
        ambiguous: The text was an entity with two labels or more in training.
    """

    seen: Level = field(default_factory=Level)
    unseen: Level = field(default_factory=Level)
    ambiguous: Level = field(default_factory=Level)

    def __add__(self, other: "Mentions") -> "Mentions":
        return Mentions(
            self.seen + other.seen, self.unseen + other.unseen, self.ambiguous + other.ambiguous
        )

    @property
    def levels(self) -> dict[str, Level]:
        """Counts by kind, then by label."""
        return {"seen": self.seen, "unseen": self.unseen, "ambiguous": self.ambiguous}


def mentions(
    gold: Iterable[Document], predicted: Iterable[Document], train: Iterable[Document]
) -> Mentions:
    """Count right and wrong entities by what their text was in training.

    Raises:
        InputError: If the documents of the two sides do not pair, as for `scoring.evaluate`.
    """
    labels_of: defaultdict[str, set[str]] = defaultdict(set)
    for document in train:
        for entity in document.entities:
            labels_of[_name(entity.text)].add(entity.label)
    counts: defaultdict[str, defaultdict[str, Counts]] = defaultdict(lambda: defaultdict(Counts))
    for gold_document, predicted_document in pair(gold, predicted):
        ours, theirs = _spans(gold_document), _spans(predicted_document)
        for start, end, label in ours | theirs:
            span = (start, end, label)
            count = Counts(
                tp=int(span in ours and span in theirs),
                fp=int(span not in ours),
                fn=int(span not in theirs),
            )
            known = labels_of.get(_name(gold_document.text[start:end]), set())
            counts["seen" if label in known else "unseen"][label] += count
            if len(known) > 1:
                counts["ambiguous"][label] += count
    return Mentions(**{kind: Level(rows) for kind, rows in counts.items()})


@dataclass(frozen=True, slots=True)
class Exposure:
    """How much of what is scored was trained on.

    Attributes:
        n_train: Number of training documents.
        duplicates: Scored documents that are among them.
        everything: Scores of all documents.
        without: Scores of those that are no duplicates.
        mentions: Scores by what a text was in training, of all documents.
    """

    n_train: int
    duplicates: tuple[Duplicate, ...]
    everything: Report
    without: Report
    mentions: Mentions

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {
            "n_train": self.n_train,
            "duplicates": [asdict(duplicate) for duplicate in self.duplicates],
            "without_duplicates": self.without.to_dict(),
            "mentions": {kind: level.to_dict() for kind, level in self.mentions.levels.items()},
        }

    def to_text(self) -> str:
        """Duplicates, scores with and without them, and scores by what training said of a text."""
        kinds = Counter(duplicate.kind for duplicate in self.duplicates)
        listed = ", ".join(f"{kinds[kind]} {_BY[kind]}" for kind in Kind if kinds[kind])
        lines = [
            f"{len(self.duplicates)} of {self.everything.n_documents} documents are among the "
            f"{self.n_train:,} training documents" + (f": {listed}" if listed else "")
        ]
        lines += [
            f"  {highlight.to_terminal(named, [])}"
            for named in map(_named, self.duplicates[:_NAMED])
        ]
        if len(self.duplicates) > _NAMED:
            lines.append(f"  ... and {len(self.duplicates) - _NAMED} more")
        rows: list[tuple[str, str, Counts | Scores]] = [
            (what, name, row)
            for what, report in (("all documents", self.everything), ("without", self.without))
            for name, row in report.spans.averages.items()
            if report is self.everything or self.duplicates
        ]
        for kind, level in self.mentions.levels.items():
            rows += [(kind, name, row) for name, row in (*level.items(), ("micro", level.micro))]
        shown = [(what, highlight.to_terminal(name, []), row) for what, name, row in rows]
        width = max(len(name) for _, name, _ in shown)
        lines += ["", f"{'spans':<13}  {'':<{width}}  precision  recall      f1  support"]
        lines += [
            f"{what:<13}  {name:<{width}}  {row.precision:9.4f}  {row.recall:6.4f}  {row.f1:6.4f}"
            f"  {row.support:7d}"
            for what, name, row in shown
        ]
        return "\n".join([*lines, "", *_LEGEND])


def expose(
    gold: Iterable[Document], predicted: Iterable[Document], train: Iterable[Document]
) -> Exposure:
    """Find out how much of what is scored was trained on, and what that does to the scores.

    Raises:
        InputError: If the documents of the two sides do not pair, as for `scoring.evaluate`.
    """
    pairs, train = pair(gold, predicted), list(train)
    ours, theirs = ([documents[side] for documents in pairs] for side in (0, 1))
    found = duplicates(ours, train)
    known = {duplicate.position for duplicate in found}
    rest = [documents for position, documents in enumerate(pairs) if position not in known]
    return Exposure(
        n_train=len(train),
        duplicates=found,
        everything=evaluate(ours, theirs),
        without=evaluate([left for left, _ in rest], [right for _, right in rest]),
        mentions=mentions(ours, theirs, train),
    )


class _Index:
    """Documents by id, by letters and digits, and by runs of words."""

    def __init__(self, documents: Sequence[Document]) -> None:
        trusted = not has_counted_ids(documents)
        self._ids: defaultdict[str, list[int]] = defaultdict(list)
        self._texts: defaultdict[str, list[int]] = defaultdict(list)
        self._shingles: defaultdict[str, list[int]] = defaultdict(list)
        self._n_shingles: list[int] = []
        for position, document in enumerate(documents):
            words = words_of(document.text)
            shingles = _shingles(words)
            if trusted and document.id:
                self._ids[document.id].append(position)
            if words:
                self._texts["".join(words)].append(position)
            for shingle in shingles:
                self._shingles[shingle].append(position)
            self._n_shingles.append(len(shingles))

    def like(self, document: Document, *, by_id: bool) -> Iterator[tuple[int, Kind, float]]:
        """Positions of the documents that are the given one, how so, and the share they share."""
        words = words_of(document.text)
        shared: Counter[int] = Counter()
        for shingle in _shingles(words):
            shared.update(self._shingles.get(shingle, ()))
        same_id = set(self._ids.get(document.id, ())) if by_id else set()
        same_text = set(self._texts.get("".join(words), ()))
        for position in sorted({*same_id, *same_text, *shared}):
            n_shingles = self._n_shingles[position]
            share = shared[position] / n_shingles if n_shingles else float(position in same_text)
            if position in same_id:
                yield position, Kind.ID, share
            elif position in same_text:
                yield position, Kind.TEXT, share
            elif share >= NEAR:
                yield position, Kind.NEAR, share


def words_of(text: str) -> list[str]:
    """Runs of letters and digits, in lower case: what texts are compared by."""
    return _WORD.findall(text.lower())


def has_counted_ids(documents: Sequence[Document]) -> bool:
    """Whether ids are the documents' numbers, as readers give them; elsewhere they begin anew."""
    ids = [document.id for document in documents]
    return any(ids == [str(first + i) for i in range(len(ids))] for first in (0, 1))


def _shingles(words: Sequence[str]) -> set[str]:
    return {" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}


def _rank(duplicate: Duplicate) -> tuple[int, float]:
    """The better match first; `min` keeps the earlier of equals."""
    return list(Kind).index(duplicate.kind), -duplicate.shared


def _spans(document: Document) -> set[tuple[int, int, str]]:
    return {(entity.start, entity.end, entity.label) for entity in document.entities}


def _name(text: str) -> str:
    return " ".join(text.lower().split())


def _named(duplicate: Duplicate) -> str:
    here, there = (
        f"`{document_id:.80}`" if document_id else f"number {position + 1}"
        for document_id, position in (
            (duplicate.id, duplicate.position),
            (duplicate.train_id, duplicate.train_position),
        )
    )
    return f"{here}: {there} in training, {_BY[duplicate.kind]}, {duplicate.shared:.0%} shared"
