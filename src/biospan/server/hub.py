"""What clients of Hugging Face's Inference API get: pieces, or groups of them.

For a softmax model the answers are those of `transformers.pipeline` on the same weights: the text
is read as it is, without a splitter of sentences, every piece is decided on, and the strategies
are the pipeline's. Where the pipeline would cut a long text off, windows overlap here. A CRF
decides on whole sentences, so that a piece has no opinion of its own: there every strategy gives
the tagger's entities, and `none` their pieces.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding

from biospan import pieces, tags
from biospan.document import Document
from biospan.highlight import replace_surrogates
from biospan.server import aggregation
from biospan.server.problems import Problem
from biospan.server.schemas import HubParameters
from biospan.tagger import Tagger

Floats = NDArray[np.float32]

WINDOWS = 16  # of a long text that are asked for at a time


def classify(tagger: Tagger, text: str, parameters: HubParameters) -> list[dict[str, Any]]:
    """The items for one text.

    Raises:
        InputError: If the tokenizer fails on the text.
    """
    ignored = {tags.OUTSIDE} if parameters.ignore_labels is None else set(parameters.ignore_labels)

    def wanted(item: dict[str, Any]) -> bool:
        return item.get("entity", item.get("entity_group")) not in ignored

    if tagger.config.transitions is not None:
        return list(filter(wanted, _of_entities(tagger, text, parameters)))
    runs = [list(filter(wanted, run)) for run in _of_pieces(tagger, text, parameters)]
    return aggregation.apart(runs) if len(runs) > 1 else runs[0]


def _of_pieces(
    tagger: Tagger, text: str, parameters: HubParameters
) -> Iterator[list[dict[str, Any]]]:
    """Items of all pieces, or of each run of them that a stride asks for."""
    encoding = _encoded(tagger, text)
    strategy = parameters.aggregation_strategy or "none"
    names = tagger.config.tag_set.names
    runs: Iterable[tuple[int, int | None]] = [(0, None)]
    if parameters.stride is not None and strategy != "none":
        capacity = tagger.config.max_pieces - 2
        if parameters.stride >= capacity:
            raise Problem(
                422,
                "bad_stride",
                f"expected less than the {capacity} pieces that the model takes at once",
                pointer="/parameters/stride",
            )
        runs = _chunks(len(encoding.ids), capacity, parameters.stride)
    for first, last in runs:
        rows = _rows(tagger, text, encoding, first, last)
        found = _pieces(tagger, text, encoding, rows, first)
        yield aggregation.items(found, strategy, names, tagger.tokenizer)


def _encoded(tagger: Tagger, text: str) -> Encoding:
    return pieces.encode_text(tagger.tokenizer, replace_surrogates(text))


def _pieces(
    tagger: Tagger, text: str, encoding: Encoding, rows: Floats, first: int = 0
) -> list[aggregation.Piece]:
    """Pieces `first` and those behind it, one for each row."""
    prefix = getattr(tagger.tokenizer.model, "continuing_subword_prefix", None)
    exponentials = np.exp(rows - rows.max(axis=1, keepdims=True))
    scores = exponentials / exponentials.sum(axis=1, keepdims=True)
    found = []
    for index, row in enumerate(scores, start=first):
        start, end = encoding.offsets[index]
        word, surface = encoding.tokens[index], text[start:end]
        if encoding.ids[index] == tagger.config.unk_id:
            word, goes_on = surface, False
        elif prefix:
            goes_on = len(word) != len(surface)
        else:
            goes_on = start > 0 and " " not in text[start - 1 : start + 1]
        found.append(aggregation.Piece(index - first + 1, word, start, end, row, goes_on))
    return found


def _rows(
    tagger: Tagger, text: str, encoding: Encoding, first: int = 0, last: int | None = None
) -> Floats:
    """What the model says of each piece from `first` to `last`. Shape (n_pieces, n_tags)."""
    ids = np.array(encoding.ids[first:last], dtype=np.int64)
    rows = np.zeros((len(ids), len(tagger.config.tag_set.names)), dtype=np.float32)
    if not len(ids):
        return rows
    offsets = encoding.offsets[first:last]
    ends = [-1, *(end for _, end in offsets)]
    shapes = [
        pieces.shape(text[start:end], glued=start == before)
        for (start, end), before in zip(offsets, ends, strict=False)
    ]
    stretch = pieces.Stretch(
        ids=ids,
        shapes=np.array(shapes, dtype=np.int64),
        token_starts=np.arange(len(ids)),
        sentence_ends=np.array([len(ids)]),
    )
    windows = pieces.plan(0, stretch, tagger.config.max_pieces - 2)
    for number in range(0, len(windows), WINDOWS):
        some = windows[number : number + WINDOWS]
        pieces.merge(tagger.model.run(tagger.inputs(some, [stretch])), some, [rows])
    return rows


def _chunks(n_pieces: int, capacity: int, stride: int) -> Iterator[tuple[int, int]]:
    """Runs of pieces that overlap by `stride`, as tokenizers cut what does not fit."""
    step = capacity - stride
    for first in range(0, max(1, n_pieces), step):
        yield first, min(first + capacity, n_pieces)
        if first + capacity >= n_pieces:
            return


def _of_entities(tagger: Tagger, text: str, parameters: HubParameters) -> Iterator[dict[str, Any]]:
    """The tagger's entities, or their pieces."""
    document = tagger.tag(text)
    if (parameters.aggregation_strategy or "none") == "none":
        yield from _entity_pieces(tagger, document)
        return
    for entity in document.entities:
        yield {
            "entity_group": entity.label,
            "score": entity.score,
            "word": entity.text,
            "start": entity.start,
            "end": entity.end,
        }


def _entity_pieces(tagger: Tagger, document: Document) -> Iterator[dict[str, Any]]:
    encoding = _encoded(tagger, document.text)
    tag_set = tagger.config.tag_set
    starts = [start for start, _ in encoding.offsets]
    for entity in document.entities:
        inside = range(bisect_left(starts, entity.start), bisect_left(starts, entity.end))
        tag_ids = tag_set.encode(len(inside), [tags.Span(0, len(inside), entity.label)])
        for index, tag_id in zip(inside, tag_ids, strict=True):
            start, end = encoding.offsets[index]
            yield {
                "entity": tag_set.names[tag_id],
                "score": entity.score,
                "index": index + 1,
                "word": encoding.tokens[index],
                "start": start,
                "end": end,
            }
