"""Whether a model directory says what transformers says of the same sentences.

The other side is the plain way: transformers' tokenizer and model on one sentence at a time, the
best column of each piece, and pieces matched with places in the text one by one.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from biospan.document import Document, Entity, Passage, Sentence
from biospan.errors import ModelError
from biospan.model_config import Reading
from biospan.preparation import Prepared
from biospan.tagger import Tagger
from biospan.tags import Columns
from biospan.train.export import MAX_DIFFERENCE, SAFE_MARGIN
from biospan.train.sentences import SENTENCES

logger = logging.getLogger(__name__)

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """A model of transformers with its tokenizer, and what its columns mean."""

    model: Any
    tokenizer: Any
    columns: Columns


@dataclass(frozen=True, slots=True)
class Parity:
    """What the comparison found.

    Attributes:
        sentences: Compared; those that are too long for one window are left out.
        decisions: Units or words in them.
        max_difference: Largest difference of an emission.
        illegal: Sentences in which the best columns are no legal sequence, so that the entities of
            the two cannot be compared: transformers has no rule for them, and we decide as a whole.
        entities: Marked in all sentences.
        changed: Entities that packing the weights adds or takes away.
    """

    sentences: int
    decisions: int
    max_difference: float
    illegal: int
    entities: int
    changed: int


def measure(
    published: Published,
    exported: Tagger,
    packed: Tagger,
    texts: Sequence[str] = SENTENCES,
    *,
    reading: Reading | None = None,
) -> Parity:
    """Compare emissions and entities, sentence by sentence.

    Args:
        published: The model of transformers.
        exported: Ours.
        packed: Ours as it is stored.
        texts: Sentences.
        reading: What transformers' tokenizer gets; None: what ours does.

    Raises:
        ModelError: If an emission differs by more than 1e-4, a legal sequence gives other entities,
            or no sentence fits into a window.
    """
    worst, decisions, illegal, entities, changed, compared = 0.0, 0, 0, 0, 0, 0
    for text in texts:
        document = one_sentence(text)
        (item,) = exported.prepare([document])
        if not _fits(item, published, exported.config.max_pieces):
            continue
        expected = in_tags(
            _plain(published, item, reading or exported.config.reading), published.columns
        )
        ((rows,),) = exported.emissions([document])
        worst = max(worst, _difference(expected, rows, text))
        own, legal = published.columns.read(
            [published.columns.sources[tag][0] for tag in expected.argmax(axis=1)]
        )
        offsets = item.offsets[0]
        marked = _spans(exported.tag(document).entities)
        plain = {(offsets[s.start][0], offsets[s.end - 1][1], s.label) for s in own}
        if legal and marked != plain and _is_clear(expected):
            raise ModelError(f"parity: in `{text}` we mark {marked}, transformers {plain}")
        illegal += not legal
        changed += len(marked ^ _spans(packed.tag(document).entities))
        entities += len(marked)
        decisions += len(offsets)
        compared += 1
    if not compared:
        raise ModelError(
            f"parity: no sentence fits into windows of {exported.config.max_pieces} pieces, so "
            "nothing could be compared; expected more pieces"
        )
    return Parity(compared, decisions, worst, illegal, entities, changed)


def _fits(item: Prepared, published: Published, max_pieces: int) -> bool:
    """Whether both sides read all of a sentence at once: it fits, and no unit is a giant."""
    pieces = item.stretches[0]
    longest = np.diff(np.append(pieces.token_starts, len(pieces.ids))).max(initial=0)
    whole = len(published.tokenizer(item.document.text)["input_ids"]) <= max_pieces
    return whole and longest < (max_pieces - 2) // 8


def one_sentence(text: str) -> Document:
    """A document that is one sentence, whatever is in it."""
    passage = Passage(0, len(text), sentences=(Sentence(0, len(text)),))
    return Document(text).with_passages([passage])


def in_tags(logits: Rows, found: Columns) -> Rows:
    """The columns of a published model in our order. Shape (n_tokens, n_tags)."""
    parts = [
        np.logaddexp.reduce(logits[:, list(own)], axis=1) if own else np.full(len(logits), -1e4)
        for own in found.sources
    ]
    return np.stack(parts, axis=1).astype(np.float32)


def _plain(published: Published, item: Prepared, reading: Reading) -> Rows:
    """The logits of transformers at the first piece of each decision of one sentence."""
    text, offsets = item.document.text, item.offsets[0]
    tokenizer = published.tokenizer
    if reading == "text":
        encoding = tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
        places = [tuple(pair) for pair in encoding.pop("offset_mapping")[0].tolist()]
        words = encoding.word_ids(0)
        first = [_place(text, places, words, start) for start, _ in offsets]
    else:
        split = [text[start:end] for start, end in offsets]
        encoding = tokenizer(split, is_split_into_words=True, return_tensors="pt")
        words = encoding.word_ids(0)
        if missing := sorted(set(range(len(split))) - set(words)):
            raise ModelError(f"parity: the tokenizer makes nothing of `{split[missing[0]]}`")
        first = [words.index(number) for number in range(len(split))]
    with torch.inference_mode():
        logits = published.model(**encoding).logits[0]
    rows: Rows = logits[first].numpy()
    return rows


def _place(
    text: str, places: Sequence[tuple[int, int]], words: Sequence[int | None], start: int
) -> int:
    """The piece that a decision begins with; else the last one before it."""
    before = None
    for number, (begin, _) in enumerate(places):
        if words[number] is None:  # `[CLS]` and the like
            continue
        while begin < len(text) and text[begin].isspace():
            begin += 1
        if begin == start:
            return number
        if begin < start or before is None:
            before = number
    if before is None:
        raise ModelError(f"parity: the tokenizer makes nothing of `{text}`")
    return before


def _difference(expected: Rows, rows: Rows, text: str) -> float:
    if expected.shape != rows.shape:
        raise ModelError(f"parity: in `{text}`: {rows.shape} emissions, expected {expected.shape}")
    worst = float(np.abs(expected - rows).max())
    if not worst <= MAX_DIFFERENCE:
        raise ModelError(
            f"parity: in `{text}` an emission differs from transformers' by {worst:.2g}; at most "
            f"{MAX_DIFFERENCE} is allowed"
        )
    return worst


def _is_clear(rows: Rows) -> bool:
    """Whether no two columns are so near to each other that rounding could choose."""
    best = np.sort(np.unique(rows, axis=1), axis=1)
    return best.shape[1] < 2 or bool((best[:, -1] - best[:, -2] > SAFE_MARGIN).all())


def _spans(entities: Sequence[Entity]) -> set[tuple[int, int, str]]:
    return {(entity.start, entity.end, entity.label) for entity in entities}
