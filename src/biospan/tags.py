"""Entities as one tag per token, and back; the only file that knows prefixes such as `B-`.

A scheme says which prefixes there are and what may follow what. Here it is data: for every
prefix, whether an entity may start with it, go on after it, and end with it. Spans are
half-open token indices with a label. Sequences are one sentence each: no entity crosses one.

Schemes: IOB2 (Tjong Kim Sang and Veenstra, 1999) and IOBES (also called BILOU).
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from biospan.document import Entity

Scheme = Literal["IOB2", "IOBES"]

OUTSIDE = "O"


class _Prefix(NamedTuple):
    starts: bool  # an entity may start here
    ends: bool  # it may end here
    goes_on: bool  # it may go on after this


_SCHEMES: dict[str, dict[str, _Prefix]] = {
    "IOB2": {
        "B": _Prefix(starts=True, ends=True, goes_on=True),
        "I": _Prefix(starts=False, ends=True, goes_on=True),
    },
    "IOBES": {
        "B": _Prefix(starts=True, ends=False, goes_on=True),
        "I": _Prefix(starts=False, ends=False, goes_on=True),
        "E": _Prefix(starts=False, ends=True, goes_on=False),
        "S": _Prefix(starts=True, ends=True, goes_on=False),
    },
}


class Span(NamedTuple):
    """A labelled run of tokens, half-open."""

    start: int
    end: int
    label: str


def split(tag: str) -> tuple[str, str]:
    """Prefix and label of a tag: `B-DNA` is (`B`, `DNA`), `O` is (`O`, ``).

    Raises:
        ValueError: If the tag is neither `O` nor a known prefix, a hyphen and a label.
    """
    if tag == OUTSIDE:
        return OUTSIDE, ""
    prefix, hyphen, label = tag.partition("-")
    if not hyphen or not label or prefix not in _SCHEMES["IOBES"]:
        raise ValueError(f"tag `{tag}`: expected `O`, or `B-`, `I-`, `E-` or `S-` and a label")
    return prefix, label


def scheme_of(tags: Iterable[str]) -> Scheme:
    """The scheme of all tags of a file: IOBES if any has a prefix that IOB2 does not know.

    Raises:
        ValueError: As for `split`.
    """
    prefixes = {split(tag)[0] for tag in tags} - {OUTSIDE}
    return "IOB2" if prefixes <= _SCHEMES["IOB2"].keys() else "IOBES"


def from_spans(n_tokens: int, spans: Iterable[Span], scheme: Scheme = "IOB2") -> list[str]:
    """Tags of a sentence of `n_tokens` tokens; spans must not overlap.

    Raises:
        ValueError: If a span is empty, out of range, or overlaps another.
    """
    tags = [OUTSIDE] * n_tokens
    for span in spans:
        if not 0 <= span.start < span.end <= n_tokens:
            raise ValueError(f"span {span.start}-{span.end}: outside of {n_tokens} tokens or empty")
        if any(tag != OUTSIDE for tag in tags[span.start : span.end]):
            raise ValueError(f"span {span.start}-{span.end} `{span.label}` overlaps another")
        tags[span.start : span.end] = _span_tags(span.label, span.end - span.start, scheme)
    return tags


def to_spans(tags: Sequence[str], scheme: Scheme = "IOB2") -> list[Span]:
    """The entities of a legal tag sequence; what the scheme does not allow is dropped, strictly.

    This is the strict reading: a tag that does not belong to an entity opened in the way that the
    scheme asks for marks nothing. Use `problems` to find such tags, and `repair` to mend them.
    """
    prefixes = _SCHEMES[scheme]
    spans = []
    start, label = -1, ""
    for index, tag in enumerate(tags):
        prefix, tag_label = split(tag)
        rule = prefixes.get(prefix)
        follows = rule is not None and not rule.starts and start >= 0 and tag_label == label
        if not follows:
            if start >= 0 and prefixes[split(tags[index - 1])[0]].ends:
                spans.append(Span(start, index, label))
            start, label = (index, tag_label) if rule is not None and rule.starts else (-1, "")
        elif not prefixes[split(tags[index - 1])[0]].goes_on:
            start, label = -1, ""
        if start >= 0 and rule is not None and not rule.goes_on:
            spans.append(Span(start, index + 1, label))
            start, label = -1, ""
    if start >= 0 and prefixes[split(tags[-1])[0]].ends:
        spans.append(Span(start, len(tags), label))
    return spans


def problems(tags: Sequence[str], scheme: Scheme = "IOB2") -> list[tuple[int, str]]:
    """Places where a sequence breaks its scheme: (token index, what is wrong)."""
    found = []
    previous = OUTSIDE
    for index, tag in enumerate(tags):
        try:
            prefix, _ = split(tag)
        except ValueError as error:
            found.append((index, str(error)))
            previous = OUTSIDE
            continue
        if prefix != OUTSIDE and prefix not in _SCHEMES[scheme]:
            found.append((index, f"tag `{tag}` is not {scheme}"))
            previous = OUTSIDE
            continue
        if not may_follow(previous, tag, scheme):
            where = f"`{previous}`" if index else "the start of a sentence"
            found.append((index, f"tag `{tag}` cannot follow {where} in {scheme}"))
        previous = tag
    if not may_follow(previous, OUTSIDE, scheme):
        found.append((len(tags) - 1, f"tag `{previous}` cannot end a sentence in {scheme}"))
    return found


def may_follow(previous: str, tag: str, scheme: Scheme = "IOB2") -> bool:
    """Whether `tag` may come right after `previous`; `O` stands for the start of a sentence."""
    prefixes = _SCHEMES[scheme]
    (before, before_label), (prefix, label) = split(previous), split(tag)
    closes = before == OUTSIDE or prefixes[before].ends
    if prefix == OUTSIDE:
        return closes
    if prefixes[prefix].starts:
        return closes
    return before != OUTSIDE and prefixes[before].goes_on and before_label == label


def as_iob2(tag: str) -> tuple[bool, str]:
    """Whether a tag begins an entity, and its name, for who knows the prefixes of IOB2 only.

    Tags of IOBES that IOB2 does not have are names of their own then.
    """
    prefix, label = split(tag)
    rule = _SCHEMES["IOB2"].get(prefix)
    return (False, tag) if rule is None else (rule.starts, label)


def repair(tags: Sequence[str]) -> list[str]:
    """IOB2 from sloppy IOB tags: an `I-` that nothing opened becomes `B-`, as conlleval read it."""
    mended: list[str] = []
    for tag in tags:
        legal = may_follow(mended[-1] if mended else OUTSIDE, tag)
        mended.append(tag if legal else f"B-{split(tag)[1]}")
    return mended


def _span_tags(label: str, length: int, scheme: Scheme) -> list[str]:
    if scheme == "IOB2":
        return [f"B-{label}"] + [f"I-{label}"] * (length - 1)
    if length == 1:
        return [f"S-{label}"]
    return [f"B-{label}"] + [f"I-{label}"] * (length - 2) + [f"E-{label}"]


@dataclass(frozen=True)
class TagSet:
    """The tags of a set of labels, numbered: `O` is 0, the rest sorted by label, then prefix."""

    labels: tuple[str, ...]
    scheme: Scheme = "IOB2"

    def __post_init__(self) -> None:
        if list(self.labels) != sorted(set(self.labels)):
            raise ValueError(f"labels {list(self.labels)}: expected them sorted, each once")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Tag of each number."""
        return (
            OUTSIDE,
            *(f"{prefix}-{label}" for label in self.labels for prefix in _SCHEMES[self.scheme]),
        )

    @cached_property
    def ids(self) -> dict[str, int]:
        """Number of each tag."""
        return {name: index for index, name in enumerate(self.names)}

    @cached_property
    def transitions(self) -> NDArray[np.bool_]:
        """Whether the column may follow the row. Shape (n_tags, n_tags)."""
        return np.array(
            [[may_follow(row, column, self.scheme) for column in self.names] for row in self.names]
        )

    @cached_property
    def starts(self) -> NDArray[np.bool_]:
        """Whether a tag may open a sentence. Shape (n_tags,)."""
        return np.array([may_follow(OUTSIDE, name, self.scheme) for name in self.names])

    @cached_property
    def ends(self) -> NDArray[np.bool_]:
        """Whether a tag may close a sentence. Shape (n_tags,)."""
        return np.array([may_follow(name, OUTSIDE, self.scheme) for name in self.names])

    @cached_property
    def continuations(self) -> NDArray[np.bool_]:
        """Whether the column carries on the entity of the row. Shape (n_tags, n_tags)."""
        opens = np.array(
            [prefix == OUTSIDE or _SCHEMES[self.scheme][prefix].starts for prefix in self._prefixes]
        )
        continuing: NDArray[np.bool_] = self.transitions & ~opens
        return continuing

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        return tuple(split(name)[0] for name in self.names)

    def encode(self, n_tokens: int, spans: Iterable[Span]) -> list[int]:
        """Tag numbers of a sentence; see `from_spans`."""
        return [self.ids[tag] for tag in from_spans(n_tokens, spans, self.scheme)]

    def decode(self, tag_ids: Iterable[int]) -> list[Span]:
        """Entities of a sequence of tag numbers; see `to_spans`."""
        return to_spans([self.names[tag_id] for tag_id in tag_ids], self.scheme)


@dataclass(frozen=True)
class Alignment:
    """Entities of a document as token spans of its sentences, and what that cost.

    Attributes:
        spans: For each sentence, its spans in order.
        widened: Entities with an edge inside a token, now reaching to the token's edge.
        overlapping: Entities left out because an earlier or longer one covers their tokens.
        homeless: Entities left out because they cross a sentence's edge or cover no token.
    """

    spans: list[list[Span]]
    widened: int = 0
    overlapping: int = 0
    homeless: int = 0

    @property
    def lost(self) -> int:
        """Number of entities that have no span."""
        return self.overlapping + self.homeless


def align(sentences: Sequence[Sequence[tuple[int, int]]], entities: Iterable[Entity]) -> Alignment:
    """Place character entities on tokens.

    Args:
        sentences: For each sentence, the half-open character offsets of its tokens.
        entities: In the order of `Document.entities`.
    """
    offsets = [offset for sentence in sentences for offset in sentence]
    starts = [start for start, _ in offsets]
    ends = [end for _, end in offsets]
    sentence_of = [index for index, sentence in enumerate(sentences) for _ in sentence]
    first_of = [0]
    for sentence in sentences:
        first_of.append(first_of[-1] + len(sentence))
    spans: list[list[Span]] = [[] for _ in sentences]
    widened = overlapping = homeless = covered = 0
    for entity in entities:
        first = bisect_right(ends, entity.start)
        last = bisect_left(starts, entity.end)
        if first >= last or sentence_of[first] != sentence_of[last - 1]:
            homeless += 1
            continue
        if first < covered:
            overlapping += 1
            continue
        covered = last
        widened += starts[first] != entity.start or ends[last - 1] != entity.end
        home = sentence_of[first]
        spans[home].append(Span(first - first_of[home], last - first_of[home], entity.label))
    return Alignment(spans, widened, overlapping, homeless)


# Prefixes of tags elsewhere: BILOU and BMES are other names for IOBES.
_FOREIGN = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S", "M": "I"}
_PREFIXED = re.compile(rf"([{''.join(_FOREIGN)}])[-_](.+)")


@dataclass(frozen=True)
class Columns:
    """Where our tags are among the columns of a model that was trained elsewhere.

    Attributes:
        tag_set: Our tags.
        sources: For each of our tags, the columns that mean it; none: the model never says it.
        merging: Labels that it has without prefixes (IO): neighbours are one entity.
    """

    tag_set: TagSet
    sources: tuple[tuple[int, ...], ...]
    merging: frozenset[str]

    @property
    def parts(self) -> NDArray[np.bool_]:
        """Where the column would part what the model cannot part. Shape (n_tags, n_tags)."""
        labels = [split(name)[1] for name in self.tag_set.names]
        opens = list(zip(labels, self.tag_set.starts.tolist(), strict=True))
        return np.array(
            [[new and row == own and own in self.merging for own, new in opens] for row in labels]
        )

    def read(self, columns: Sequence[int]) -> tuple[list[Span], bool]:
        """Entities of the model's own best columns, and whether they are a legal sequence."""
        names = self.tag_set.names
        tags: list[str] = []
        for column in columns:
            named = next(names[i] for i, own in enumerate(self.sources) if column in own)
            label = split(named)[1]
            goes_on = label in self.merging and bool(tags) and split(tags[-1])[1] == label
            tags.append(f"I-{label}" if goes_on else named)
        scheme = self.tag_set.scheme
        return to_spans(tags, scheme), not problems(tags, scheme)


# What a piece opens or goes on with: the end of an entity may be any piece of a word.
_BY_PIECE = {"S": "B", "E": "I"}


def columns(names: Sequence[str], *, by_piece: bool = False) -> Columns:
    """Understand the tag names of a model that was trained elsewhere, by their numbers.

    IOB2, IOBES and its other names are known by their prefixes; names without prefixes are IO.

    Args:
        names: Of each column.
        by_piece: Whether every piece has a tag, so that an entity that IOBES ends at some piece may
            begin and end in one word. Such tags are read as IOB2.

    Raises:
        ValueError: If that is not what they are; the message says which are not.
    """
    found: dict[tuple[str, str], list[int]] = {}
    parsed = [None if name == OUTSIDE else _PREFIXED.fullmatch(name) for name in names]
    others = [name for name in names if name != OUTSIDE]
    bare = [n for n, match in zip(names, parsed, strict=True) if not match and n != OUTSIDE]
    if len(others) == len(names):
        raise ValueError(f"no tag `{OUTSIDE}` among {', '.join(names)}")
    if bare and len(bare) < len(others):
        raise ValueError(f"tags with and without a prefix: {', '.join(others)}")
    for number, (name, match) in enumerate(zip(names, parsed, strict=True)):
        prefix, label = (_FOREIGN[match[1]], match[2]) if match else ("I", name)
        prefix = _BY_PIECE.get(prefix, prefix) if by_piece else prefix
        key = (OUTSIDE, "") if name == OUTSIDE else (prefix, label)
        found.setdefault(key, []).append(number)
    prefixes = {prefix for prefix, _ in found} - {OUTSIDE}
    scheme: Scheme = "IOB2" if prefixes <= _SCHEMES["IOB2"].keys() else "IOBES"
    labels = sorted({label for _, label in found} - {""})
    opened = {label for prefix, label in found if prefix in ("B", "S")}
    merging = frozenset(labels) - opened
    if merging and (opened or scheme == "IOBES"):
        raise ValueError(
            f"no tag opens {', '.join(sorted(merging))}, but tags open others: is it IOB1?"
        )
    tag_set = TagSet(tuple(labels), scheme)
    sources = []
    for name in tag_set.names:
        prefix, label = split(name)
        key = ("I", label) if label in merging else (prefix, label)
        sources.append(tuple(found.get(key, ())))
    return Columns(tag_set, tuple(sources), merging)
