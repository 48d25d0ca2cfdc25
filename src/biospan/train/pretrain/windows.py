"""Text as windows of pieces, and the units of them that a step hides.

Masks follow from seed and step alone: a run that is resumed finds them again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from biospan import pieces, segment
from biospan.errors import InputError

MAX_UNITS = 2**31  # their numbers are stored in 32 bits
_BATCH = 1000  # lines that are turned into pieces together
# Of the hidden pieces, as in Devlin et al. (2019): the others show a random piece or themselves.
_SHOWN_AS_MASK, _SHOWN_AS_RANDOM = 0.8, 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """A whole text as pieces, a separator after each line.

    Attributes:
        ids: Shape (n_pieces,).
        shapes: See `pieces.shape`. Shape (n_pieces,).
        units: Number of the unit that a piece belongs to, -1 for separators. Shape (n_pieces,).
    """

    ids: NDArray[np.uint16]
    shapes: NDArray[np.uint8]
    units: NDArray[np.int32]


class Masked(NamedTuple):
    """Windows with hidden pieces.

    Attributes:
        input_ids: What is shown. Shape (n_windows, n_pieces).
        shapes: Shape (n_windows, n_pieces).
        places: Index of each hidden piece in the flattened windows. Shape (n_hidden,).
        hidden: What it is. Shape (n_hidden,).
    """

    input_ids: NDArray[np.int64]
    shapes: NDArray[np.int64]
    places: NDArray[np.int64]
    hidden: NDArray[np.int64]


def encode(tokenizer: Tokenizer, lines: Sequence[str], sep: int) -> Pieces:
    """Turn lines into pieces; the units are those that a tagger decides on.

    Args:
        tokenizer: Its numbers are below 65,536.
        lines: Text; at least one line.
        sep: Number of the separator.

    Raises:
        InputError: If there are more units than can be numbered.
    """
    ids: list[NDArray[np.uint16]] = []
    shapes: list[NDArray[np.uint8]] = []
    units: list[NDArray[np.int32]] = []
    n_units = 0
    for begin in range(0, len(lines), _BATCH):
        batch = lines[begin : begin + _BATCH]
        spans = [segment.token_spans(line) for line in batch]
        texts = [
            [line[start:end] for start, end in found]
            for line, found in zip(batch, spans, strict=True)
        ]
        if n_units + sum(map(len, texts)) > MAX_UNITS:
            raise InputError(
                f"text: more than {MAX_UNITS:,} units in its first {begin + len(batch):,} lines, "
                "expected at most so many; lower `words`"
            )
        encodings = tokenizer.encode_batch(texts, is_pretokenized=True, add_special_tokens=False)
        for found, tokens, encoding in zip(spans, texts, encodings, strict=True):
            words = [word for word in encoding.word_ids if word is not None]  # all of them
            glued = [False, *(left[1] == right[0] for left, right in pairwise(found))]
            ids.append(np.array([*encoding.ids, sep], dtype=np.uint16))
            shapes.append(
                np.array(
                    [
                        *(
                            pieces.shape(tokens[w][start:end], glued=start > 0 or glued[w])
                            for w, (start, end) in zip(words, encoding.offsets, strict=True)
                        ),
                        0,
                    ],
                    dtype=np.uint8,
                )
            )
            units.append(np.array([*(n_units + w for w in words), -1], dtype=np.int32))
            n_units += len(tokens)
    return Pieces(np.concatenate(ids), np.concatenate(shapes), np.concatenate(units))


def order(text: Pieces, *, width: int, n_windows: int, seed: int) -> NDArray[np.int64]:
    """Begin of each window of a run: all of the text in random order, again and again.

    Each pass cuts the text at other places.

    Args:
        text: At least `width` pieces.
        width: Pieces of a window, without the special ones around it.
        n_windows: How many to cut.
        seed: Of the places and their order.

    Returns:
        Shape (n_windows,).
    """
    found: list[NDArray[np.int64]] = []
    total, epoch = 0, 0
    while total < n_windows:
        source = np.random.default_rng([seed, epoch])
        begins = np.arange(int(source.integers(width)), len(text.ids) - width + 1, width)
        found.append(source.permutation(begins))
        total += len(begins)
        epoch += 1
    return np.concatenate(found)[:n_windows]


@dataclass(frozen=True, slots=True, eq=False)
class Masker:
    """Cuts windows and hides a share of their units, each unit whole.

    Attributes:
        text: What windows are cut from.
        special: Numbers of the special pieces.
        mask_id: Number of the piece that stands for a hidden one.
        n_vocabulary: Pieces there are.
        width: Pieces of a window, without the special ones around it.
        ratio: Share of the units to hide.
    """

    text: Pieces
    special: pieces.Special
    mask_id: int
    n_vocabulary: int
    width: int
    ratio: float

    def windows(self, begins: NDArray[np.int64], source: np.random.Generator) -> Masked:
        """The windows that begin at some pieces, masked with this source's numbers."""
        places = begins[:, None] + np.arange(self.width)
        ids = self.text.ids[places].astype(np.int64)
        shapes = self.text.shapes[places].astype(np.int64)
        units = self.text.units[places]
        opens = np.pad(units[:, 1:] != units[:, :-1], ((0, 0), (1, 0)), constant_values=True)
        unit = np.cumsum(opens.ravel()) - 1
        drawn = (source.random(int(unit[-1]) + 1) < self.ratio)[unit].reshape(ids.shape)
        chosen = drawn & (units >= 0)
        draw = source.random(ids.shape)
        as_mask = chosen & (draw < _SHOWN_AS_MASK)
        as_random = chosen & ~as_mask & (draw < _SHOWN_AS_MASK + _SHOWN_AS_RANDOM)
        shown = ids.copy()
        shown[as_mask] = self.mask_id
        shown[as_random] = source.integers(self.n_vocabulary, size=int(as_random.sum()))
        shapes[as_mask] = pieces.hide_case(shapes[as_mask])
        inner = ((0, 0), (1, 1))
        input_ids = np.pad(shown, inner, constant_values=self.special.sep)
        input_ids[:, 0] = self.special.cls
        hidden = np.flatnonzero(np.pad(chosen, inner))
        return Masked(input_ids, np.pad(shapes, inner), hidden, ids[chosen])
