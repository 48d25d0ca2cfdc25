"""From scores of pieces to items: the aggregation strategies of token classification.

As the documentation of the pipeline in transformers defines them: `none` gives pieces, `simple`
groups neighbours whose tags name the same, and the others first let each word speak with one
voice: its first piece's, the mean, or its surest piece's.

Source: https://huggingface.co/docs/transformers/main_classes/pipelines
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from biospan import tags

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text, or several joined: of one word, or of one group.

    Attributes:
        index: Among the pieces of the text, from 1 as the encoder counts; 0 if joined.
        word: As the tokenizer's vocabulary has it.
        start: Code points.
        scores: Probability of each tag. Shape (n_tags,).
        goes_on: Whether it belongs to the word of the piece before.
    """

    index: int
    word: str
    start: int
    end: int
    scores: Floats
    goes_on: bool = False

    @property
    def tag_id(self) -> int:
        """Number of the best tag."""
        return int(self.scores.argmax())

    @property
    def score(self) -> np.float32:
        """Of the best tag."""
        best: np.float32 = self.scores.max()
        return best


def items(
    found: Sequence[Piece], strategy: str, names: Sequence[str], tokenizer: Tokenizer
) -> list[dict[str, Any]]:
    """The items of a strategy, those of tag `O` too.

    Args:
        found: The pieces of a text, in order.
        strategy: `none`, `simple`, `first`, `average` or `max`.
        names: Tag of each number.
        tokenizer: Joins pieces to words.
    """
    if strategy == "none":
        return [
            {"entity": names[p.tag_id], "score": float(p.score), "index": p.index, **_place(p)}
            for p in found
        ]
    units = found if strategy == "simple" else _words(found, strategy, tokenizer)
    return [_group(group, names, tokenizer) for group in _groups(units, names)]


def _place(piece: Piece) -> dict[str, Any]:
    return {"word": piece.word, "start": piece.start, "end": piece.end}


def _words(found: Sequence[Piece], strategy: str, tokenizer: Tokenizer) -> list[Piece]:
    """One unit for each word, with the scores that a strategy takes for it."""
    words: list[list[Piece]] = []
    for piece in found:
        if words and piece.goes_on:
            words[-1].append(piece)
        else:
            words.append([piece])
    return [
        Piece(
            index=0,
            word=_joined([piece.word for piece in word], tokenizer),
            start=word[0].start,
            end=word[-1].end,
            scores=_word_scores(word, strategy),
        )
        for word in words
    ]


def _word_scores(word: Sequence[Piece], strategy: str) -> Floats:
    if strategy == "first":
        return word[0].scores
    if strategy == "max":
        return max(word, key=lambda piece: piece.score).scores
    mean: Floats = np.mean([piece.scores for piece in word], axis=0, dtype=np.float32)
    return mean


def _groups(units: Sequence[Piece], names: Sequence[str]) -> Iterator[list[Piece]]:
    """Neighbours whose tags name the same, cut where one opens an entity."""
    group: list[Piece] = []
    for unit in units:
        opens, name = tags.as_iob2(names[unit.tag_id])
        if group and (opens or name != tags.as_iob2(names[group[-1].tag_id])[1]):
            yield group
            group = []
        group.append(unit)
    if group:
        yield group


def _group(group: Sequence[Piece], names: Sequence[str], tokenizer: Tokenizer) -> dict[str, Any]:
    tag = names[group[0].tag_id]
    return {
        "entity_group": tags.split(tag)[1] or tag,
        "score": float(np.mean([unit.score for unit in group])),
        "word": _joined([unit.word for unit in group], tokenizer),
        "start": group[0].start,
        "end": group[-1].end,
    }


def apart(runs: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The groups of overlapping runs of pieces; where groups overlap, the longest, the surest."""
    groups = [group for run in runs for group in run]
    kept: list[dict[str, Any]] = []
    for group in sorted(groups, key=lambda item: item["start"]):
        if not kept or group["start"] >= kept[-1]["end"]:
            kept.append(group)
        elif _rank(group) > _rank(kept[-1]):
            kept[-1] = group
    return kept


def _rank(group: dict[str, Any]) -> tuple[int, float]:
    return group["end"] - group["start"], group["score"]


def _joined(words: Iterable[str], tokenizer: Tokenizer) -> str:
    decoder = tokenizer.decoder
    return str(decoder.decode(list(words))) if decoder is not None else " ".join(words)
