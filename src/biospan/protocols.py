"""One prediction scored by every protocol that published figures on JNLPBA follow.

A protocol says what is compared and when it matches. Most compare exactly: a side is a set of
items, and an item is right if the other side has it. Three let an edge be wrong: an entity matches
if some entity of the other side is close enough, and so the matches of either side are counted by
themselves. Each protocol has its own name, and no option changes what one counts.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from biospan import tags
from biospan.document import Document
from biospan.scoring import Counts, Level, pair, words_of

DEFINITIONS: Mapping[str, str] = MappingProxyType(
    {
        "typed": "An entity is right if its start, end and label are those of an entity of the "
        "other side; a tag that breaks IOB2 marks nothing.",
        "conlleval": "As typed, but an I- tag that nothing opened is read as B-, as the old "
        "conlleval script reads it.",
        "untyped": "An entity is right if its start and end are, whatever its label.",
        "biobert": "As untyped, on protein, DNA and RNA alone: entities of every other label are "
        "taken out of both sides.",
        "left": "An entity matches if one of the other side has its label and its start.",
        "right": "An entity matches if one of the other side has its label and its end.",
        "overlap": "An entity matches if one of the other side has its label and shares a "
        "character with it.",
        "words": "A word is right if its IOB2 tag, prefix included, is; O is not counted.",
        "word_labels": "A word is right if its label, without a prefix, is; O is not counted.",
    }
)

Sides = tuple[Iterable[Document], Iterable[Document]]  # gold and predicted

_ANY = "entity"  # the one label of protocols that read several as one
_BIOBERT_LABELS = frozenset({"protein", "DNA", "RNA"})
_Item = tuple[Hashable, str]  # where or what, and the name of the row that counts it


@dataclass(frozen=True, slots=True)
class Matches:
    """Entities that match, and all entities, on either side; scores with no base are 0.

    One entity may match several, so the matches of the two sides differ. They add up.
    """

    matched_predicted: int = 0
    predicted: int = 0
    matched_gold: int = 0
    gold: int = 0

    def __add__(self, other: "Matches") -> "Matches":
        return Matches(
            self.matched_predicted + other.matched_predicted,
            self.predicted + other.predicted,
            self.matched_gold + other.matched_gold,
            self.gold + other.gold,
        )

    @property
    def precision(self) -> float:
        """Share of the predicted entities that match a gold one."""
        return self.matched_predicted / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Share of the gold entities that match a predicted one."""
        return self.matched_gold / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    @property
    def support(self) -> int:
        """Number of gold entities."""
        return self.gold

    @property
    def averages(self) -> dict[str, "Matches"]:
        """All labels counted together, under the name that a `Level` has for it."""
        return {"micro": self}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, under the name that a `Level` has for it."""
        return {
            "micro": {
                "matched_predicted": self.matched_predicted,
                "predicted": self.predicted,
                "matched_gold": self.matched_gold,
                "precision": self.precision,
                "recall": self.recall,
                "f1": self.f1,
                "support": self.gold,
            }
        }


@dataclass(frozen=True, slots=True)
class Protocols(Mapping[str, Level | Matches]):
    """What each protocol counted, by its name, in the order of `DEFINITIONS`.

    Attributes:
        counted: The counts by protocol: by label or tag, or for edges the matches of all labels.
        n_documents: Number of document pairs.
        unaligned: Entities of either side that protocols on words widen to whole words or leave
            out because another one covers their first word. The others have them as they are.
        has_illegal_tags: Whether a file that was read holds tags that IOB2 does not allow; if
            not, `conlleval` and `typed` are the same.
    """

    counted: Mapping[str, Level | Matches]
    n_documents: int
    unaligned: int = 0
    has_illegal_tags: bool = False

    def __getitem__(self, name: str) -> Level | Matches:
        return self.counted[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.counted)

    def __len__(self) -> int:
        return len(self.counted)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form: definition, counts and scores of each protocol."""
        return {
            "n_documents": self.n_documents,
            "unaligned": self.unaligned,
            "has_illegal_tags": self.has_illegal_tags,
            "protocols": {
                name: {"definition": DEFINITIONS[name]} | counted.to_dict()
                for name, counted in self.items()
            },
        }

    def to_text(self) -> str:
        """An aligned table, the definitions, and what a reader has to know."""
        lines = [f"{'protocol':<15}  precision  recall      f1  support"]
        for name, counted in self.items():
            for average, row in counted.averages.items():
                if average == "micro" or name == "typed":
                    title = name if average == "micro" else f"{name} {average}"
                    lines.append(
                        f"{title:<15}  {row.precision:9.4f}  {row.recall:6.4f}  {row.f1:6.4f}"
                        f"  {row.support:7d}"
                    )
        lines += ["", *(f"{name}: {DEFINITIONS[name]}" for name in self), ""]
        lines.append(f"{self.n_documents} documents; micro averages where nothing else is said")
        if not self.has_illegal_tags:
            lines.append("typed and conlleval coincide: no side has a tag that IOB2 does not allow")
        if self.unaligned:
            lines.append(
                f"words, word_labels: {self.unaligned} entities of either side do not lie on whole "
                f"words of their own, and are widened or left out there"
            )
        return "\n".join(lines)


def evaluate_all(gold: Iterable[Document], predicted: Iterable[Document]) -> Protocols:
    """Score documents by every protocol; they are paired as `scoring.evaluate` pairs them.

    An entity given twice counts once, also where a protocol takes two labels for one. Documents
    hold entities and not tags, so that `conlleval` is the same as `typed`.

    Raises:
        InputError: If an id occurs twice on one side or only on one, or if the texts of a pair
            differ.
    """
    exact = dict.fromkeys(_ITEMS, Level())
    close = dict.fromkeys(_MATCHED, Matches())
    unaligned = 0
    pairs = pair(gold, predicted)
    for gold_document, predicted_document in pairs:
        words = words_of(gold_document)
        ours, theirs = _side(gold_document, words), _side(predicted_document, words)
        unaligned += ours.unaligned + theirs.unaligned
        for name, items in _ITEMS.items():
            exact[name] += _compare(items(ours), items(theirs))
        for name, matched in _MATCHED.items():
            close[name] += Matches(
                matched_predicted=matched(theirs.spans, ours.spans),
                predicted=len(theirs.spans),
                matched_gold=matched(ours.spans, theirs.spans),
                gold=len(ours.spans),
            )
    counted: dict[str, Level | Matches] = {**exact, **close, "conlleval": exact["typed"]}
    return Protocols({name: counted[name] for name in DEFINITIONS}, len(pairs), unaligned)


def evaluate_readings(strict: Sides, lenient: Sides) -> Protocols:
    """Score files that may hold tags that IOB2 does not allow, by every protocol.

    Args:
        strict: Gold and predicted as `formats.read_strict` reads them, for all but `conlleval`.
        lenient: The same two as `formats.read_repaired` reads them, for `conlleval`.

    Raises:
        InputError: As for `evaluate_all`.
    """
    strict, lenient = ((list(gold), list(predicted)) for gold, predicted in (strict, lenient))
    result = evaluate_all(*strict)
    if strict == lenient:  # an illegal tag opens an entity in one reading only
        return result
    counted = {**result.counted, "conlleval": evaluate_all(*lenient)["typed"]}
    return replace(result, counted=counted, has_illegal_tags=True)


@dataclass(frozen=True, slots=True)
class _Side:
    spans: AbstractSet[tuple[int, int, str]]
    tags: Sequence[str]  # one IOB2 tag per word
    unaligned: int


def _side(document: Document, words: Sequence[tuple[int, int]]) -> _Side:
    entities = {(entity.start, entity.end, entity.label): entity for entity in document.entities}
    alignment = tags.align([words], entities.values())
    return _Side(
        spans=entities.keys(),
        tags=tags.from_spans(len(words), alignment.spans[0]),
        unaligned=alignment.widened + alignment.lost,
    )


def _compare(gold: AbstractSet[_Item], predicted: AbstractSet[_Item]) -> Level:
    both = Counter(name for _, name in gold & predicted)
    ours, theirs = (Counter(name for _, name in items) for items in (gold, predicted))
    return Level(
        {
            name: Counts(both[name], theirs[name] - both[name], ours[name] - both[name])
            for name in ours.keys() | theirs.keys()
        }
    )


def _typed(side: _Side) -> set[_Item]:
    return {((start, end), label) for start, end, label in side.spans}


def _untyped(side: _Side) -> set[_Item]:
    return {((start, end), _ANY) for start, end, _ in side.spans}


def _biobert(side: _Side) -> set[_Item]:
    return {((start, end), _ANY) for start, end, label in side.spans if label in _BIOBERT_LABELS}


def _words(side: _Side) -> set[_Item]:
    return {(index, tag) for index, tag in enumerate(side.tags) if tag != tags.OUTSIDE}


def _word_labels(side: _Side) -> set[_Item]:
    return {(index, tags.split(tag)[1]) for index, tag in _words(side)}


_Spans = AbstractSet[tuple[int, int, str]]


def _same_start(spans: _Spans, others: _Spans) -> int:
    starts = {(start, label) for start, _, label in others}
    return sum((start, label) in starts for start, _, label in spans)


def _same_end(spans: _Spans, others: _Spans) -> int:
    ends = {(end, label) for _, end, label in others}
    return sum((end, label) in ends for _, end, label in spans)


def _overlapping(spans: _Spans, others: _Spans) -> int:
    """How many spans share a character with another: some that begin before its end end after.

    Of the others with its label, those that end before it starts are among those that start
    before it ends; so it is overlapped if the latter are more.
    """
    starts: defaultdict[str, list[int]] = defaultdict(list)
    ends: defaultdict[str, list[int]] = defaultdict(list)
    for start, end, label in others:
        starts[label].append(start)
        ends[label].append(end)
    for edges in (*starts.values(), *ends.values()):
        edges.sort()
    return sum(
        bisect_left(starts[label], end) > bisect_right(ends[label], start)
        for start, end, label in spans
    )


_ITEMS: Mapping[str, Callable[[_Side], set[_Item]]] = {
    "typed": _typed,
    "untyped": _untyped,
    "biobert": _biobert,
    "words": _words,
    "word_labels": _word_labels,
}
_MATCHED: Mapping[str, Callable[[_Spans, _Spans], int]] = {
    "left": _same_start,
    "right": _same_end,
    "overlap": _overlapping,
}
