"""What of a sentence is decided on, and the pieces of a text that is read as it stands.

A model that was trained here reads each unit by itself. One that was trained elsewhere was made
for whatever its tokenizer makes of a running text, where a piece may cover several units, or none.
Such units are decided on together: the model has one opinion of them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from biospan import pieces, segment
from biospan.document import Sentence
from biospan.formats.genia import genia_tokens
from biospan.model_config import Decisions

Offsets = list[tuple[int, int]]
_NONE = np.zeros(0, dtype=np.int64)


class Read(NamedTuple):
    """A sentence as pieces.

    Attributes:
        offsets: Character offsets of what is decided on.
        joined: Which of these lie in one given token with the one before. Shape (n_units,).
        stretch: The pieces.
    """

    offsets: Offsets
    joined: NDArray[np.bool_]
    stretch: pieces.Stretch


def units(
    text: str, sentence: Sentence, decisions: Decisions = "units"
) -> tuple[Offsets, NDArray[np.bool_]]:
    """Offsets of what is decided on, and which of it is joined to what is before.

    Units are cut inside of given tokens too, which then only say where an entity may begin and
    end. Words are the given tokens themselves, or, where there are none, like those of GENIA.
    """
    if decisions == "words":
        words = [(token.start, token.end) for token in sentence.tokens]
        words = words or genia_tokens(text, sentence.start, sentence.end, ())
        return words, np.zeros(len(words), dtype=np.bool_)
    if not sentence.tokens:
        offsets = segment.token_spans(text, sentence.start, sentence.end)
        return offsets, np.zeros(len(offsets), dtype=np.bool_)
    offsets, joined = [], []
    for token in sentence.tokens:
        found = segment.token_spans(text, token.start, token.end)
        if len(found) == 0 or token.text in pieces.QUOTES:
            found = [(token.start, token.end)]
        offsets += found
        joined += [False] + [True] * (len(found) - 1)
    return offsets, np.array(joined, dtype=np.bool_)


def read(
    tokenizer: Tokenizer,
    text: str,
    sentences: Sequence[tuple[Sentence, tuple[Offsets, NDArray[np.bool_]]]],
    unk: int,
    limit: int,
) -> Iterator[Read]:
    """Turn the text of each sentence into pieces, and its units into those that pieces tell apart.

    Args:
        tokenizer: Of the model.
        text: Of the document.
        sentences: Each with what `units` says of it.
        unk: Number of the unknown piece, for a sentence that leaves no piece.
        limit: Pieces that are kept of one decision's; see `pieces.encode`.

    Raises:
        InputError: If the tokenizer fails on the text.
    """
    texts = [text[sentence.start : sentence.end] for sentence, _ in sentences]
    encodings = pieces.encode_batch(tokenizer, texts, pretokenized=False)
    for (sentence, (offsets, joined)), part, encoding in zip(
        sentences, texts, encodings, strict=True
    ):
        starts = [start - sentence.start for start, _ in offsets]
        if not offsets:
            yield Read([], joined, _stretch(_NONE, _NONE, (unk, limit)))
            continue
        first = _first_pieces(part, encoding, starts)
        opens = np.ones(len(first), dtype=np.bool_)
        opens[1:] = first[1:] != first[:-1]
        groups = np.flatnonzero(opens)
        ends = [offsets[end - 1][1] for end in [*groups[1:].tolist(), len(offsets)]]
        merged = [(offsets[g][0], end) for g, end in zip(groups.tolist(), ends, strict=True)]
        ids = np.array(encoding.ids, dtype=np.int64)
        yield Read(merged, joined[groups], _stretch(ids, first[groups], (unk, limit)))


def _first_pieces(text: str, encoding: Encoding, starts: Sequence[int]) -> NDArray[np.int64]:
    """Index of the first piece of each unit; of a unit inside of a piece, of that piece.

    A piece that holds nothing but the blank before a unit is the unit's.
    """
    if not encoding.ids:
        return np.zeros(len(starts), dtype=np.int64)
    # At each character the place of the first one from there on that is no blank.
    solid = np.array([not character.isspace() for character in text], dtype=np.bool_)
    places = np.where(solid, np.arange(len(text)), len(text))
    following = np.append(np.minimum.accumulate(places[::-1])[::-1], len(text))
    begins = np.array([start for start, _ in encoding.offsets], dtype=np.int64)
    anchors = np.maximum.accumulate(following[begins])
    found = np.searchsorted(anchors, starts)
    own = np.minimum(found, len(anchors) - 1)
    # Else it is inside of a piece that begins before it, or the tokenizer left it out.
    first: NDArray[np.int64] = np.where(anchors[own] == starts, own, np.maximum(found - 1, 0))
    return first


def _stretch(
    ids: NDArray[np.int64], first: NDArray[np.int64], unk_and_limit: tuple[int, int]
) -> pieces.Stretch:
    token_of = np.maximum(np.searchsorted(first, np.arange(len(ids)), side="right") - 1, 0)
    ends = np.array([len(first)], dtype=np.int64)
    return pieces.to_stretch(ids, np.zeros_like(ids), token_of, ends, unk_and_limit)
