"""Tokens as windows of subword pieces for the encoder, and its rows back as one row per token.

A *stretch* is what a window may be cut from: a sentence, or a passage with its sentences. A
stretch that fits the encoder is one window. A longer one is cut at token edges, where possible
after a sentence, into windows that overlap; each token takes its row from the window in which
the nearer edge is furthest away. So every token gets exactly one row, and no decision is made
with fewer than `CONTEXT` pieces on either side unless the stretch itself ends there (for windows
of 130 pieces or more; half a smaller window).

Numbers only: this module knows neither documents nor labels, and runs no model.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from biospan.errors import InputError

CONTEXT = 32  # pieces that every decision has on each side, unless its stretch ends before
PAD_TOKEN_START = 0  # rows of padding read the first piece; nobody looks at them

# Corpora in Penn Treebank style write quotes as two characters; encoders have seen one.
QUOTES = {"``": '"', "''": '"'}

T = TypeVar("T")
Integers = NDArray[np.int64]

N_SHAPES = 8
_GLUED = 4  # added to a shape if nothing, no blank either, is between the token and the one before


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens of one stretch of text as pieces.

    Attributes:
        ids: Piece numbers, without special pieces. Shape (n_pieces,).
        shapes: What the numbers do not say of the text; see `shape`. Shape (n_pieces,).
        token_starts: Index of each token's first piece. Shape (n_tokens,).
        sentence_ends: Number of tokens up to the end of each sentence. Shape (n_sentences,).
    """

    ids: Integers
    shapes: Integers
    token_starts: Integers
    sentence_ends: Integers


class Token(NamedTuple):
    """A token's text, and whether it follows its left neighbour without a blank."""

    text: str
    glued: bool = False


class Window(NamedTuple):
    """Tokens `first` to `last` of a stretch; rows `own_first` to `own_last` are taken from it."""

    stretch: int
    first: int
    last: int
    own_first: int
    own_last: int


class Special(NamedTuple):
    """Numbers of the special pieces."""

    cls: int
    sep: int
    pad: int
    unk: int


def encode(
    tokenizer: Tokenizer,
    stretches: Sequence[Sequence[Sequence[Token]]],
    special: Special,
    limit: int,
) -> list[Stretch]:
    """Turn stretches of sentences of tokens into pieces.

    A token that leaves no piece (a control character, say) becomes the unknown piece, so that it
    still gets a decision. Of a token with more than `limit` pieces the first are kept: the
    decision is read from its first piece, and no window could hold all of a giant one.

    Raises:
        InputError: If the tokenizer fails on the text.
    """
    flat = [[token for sentence in stretch for token in sentence] for stretch in stretches]
    texts = [[QUOTES.get(token.text, token.text) for token in tokens] for tokens in flat]
    encodings = encode_batch(tokenizer, texts)
    return [
        to_stretch(
            np.array(encoding.ids, dtype=np.int64),
            np.fromiter(_shapes(encoding, tokens), dtype=np.int64),
            np.array(encoding.word_ids, dtype=np.int64),
            np.cumsum([len(sentence) for sentence in stretch], dtype=np.int64),
            (special.unk, limit),
        )
        for encoding, tokens, stretch in zip(encodings, flat, stretches, strict=True)
    ]


def _shapes(encoding: Encoding, tokens: Sequence[Token]) -> Iterator[int]:
    token_of = cast("list[int]", encoding.word_ids)  # no special pieces are among them
    for index, (start, end) in zip(token_of, encoding.offsets, strict=True):
        token = tokens[index]
        yield shape(token.text[start:end], glued=start > 0 or token.glued)


def shape(surface: str, *, glued: bool) -> int:
    """What lower-casing hides of a piece, and the tokenizer of the text before it.

    Args:
        surface: The piece as the text has it.
        glued: Whether it follows its left neighbour without a blank.

    Returns:
        0 without capitals, 1 with a capital in front only, 2 in capitals, 3 mixed; 4 more if
        glued.
    """
    case = 0
    if surface != surface.lower():
        if surface == surface.upper():
            case = 2 if len(surface) > 1 else 1
        else:
            case = 1 if surface[1:] == surface[1:].lower() else 3
    return case + _GLUED * glued


def hide_case(shapes: Any) -> Any:
    """The same shapes, an array or a tensor, without what they say of capitals."""
    return shapes & _GLUED


def plan(index: int, stretch: Stretch, capacity: int) -> list[Window]:
    """Cut stretch number `index` into windows of at most `capacity` pieces.

    Greedy and in order. A window ends after the last sentence that fits, and the next one begins
    2 x `CONTEXT` pieces before; only where no sentence ends beyond that overlap does a window
    end inside of one, and the next begins half a window before. Ties go to the earlier window.
    """
    n_tokens = len(stretch.token_starts)
    if n_tokens == 0:
        return []
    if len(stretch.ids) <= capacity:
        return [Window(index, 0, n_tokens, 0, n_tokens)]
    bounds = np.append(stretch.token_starts, len(stretch.ids))  # piece index of every token edge
    overlap = min(2 * CONTEXT, capacity // 2)
    cuts: list[tuple[int, int]] = []
    first = last = 0
    while last < n_tokens:
        fits = int(np.searchsorted(bounds, bounds[first] + capacity, side="right")) - 1
        nth = int(np.searchsorted(stretch.sentence_ends, fits, side="right")) - 1
        sentence_end = int(stretch.sentence_ends[nth]) if nth >= 0 else 0
        # Ending there gains nothing without a new token, or if the next window begins no later.
        inside = sentence_end <= last or bounds[sentence_end] - overlap < bounds[first + 1]
        last = fits if inside else sentence_end
        cuts.append((first, last))
        back = capacity // 2 if inside else overlap
        first = int(np.searchsorted(bounds, bounds[last] - back, side="right")) - 1
    owned = _owners(cuts, bounds)
    return [
        Window(index, first, last, own_first, own_last)
        for (first, last), own_first, own_last in zip(
            cuts, [0, *owned], [*owned, n_tokens], strict=True
        )
        if own_first < own_last  # its neighbours may see everything better
    ]


def to_inputs(
    windows: Sequence[Window], stretches: Sequence[Stretch], special: Special
) -> dict[str, Integers]:
    """The arrays that the encoder takes, padded to the longest window.

    Returns:
        `input_ids`, `mask` and `shapes` of shape (n_windows, n_pieces), special pieces included,
        and `token_starts` of shape (n_windows, n_tokens).
    """
    n_pieces = max(size(window, stretches[window.stretch]) for window in windows)
    n_tokens = max(window.last - window.first for window in windows)
    input_ids = np.full((len(windows), n_pieces), special.pad, dtype=np.int64)
    mask = np.zeros((len(windows), n_pieces), dtype=np.int64)
    shapes = np.zeros((len(windows), n_pieces), dtype=np.int64)
    token_starts = np.full((len(windows), n_tokens), PAD_TOKEN_START, dtype=np.int64)
    for row, window in enumerate(windows):
        stretch = stretches[window.stretch]
        begin, end = _piece_range(window, stretch)
        input_ids[row, 0] = special.cls
        input_ids[row, 1 : 1 + end - begin] = stretch.ids[begin:end]
        input_ids[row, 1 + end - begin] = special.sep
        shapes[row, 1 : 1 + end - begin] = stretch.shapes[begin:end]
        mask[row, : 2 + end - begin] = 1
        starts = stretch.token_starts[window.first : window.last]
        token_starts[row, : len(starts)] = starts - begin + 1
    return {"input_ids": input_ids, "mask": mask, "token_starts": token_starts, "shapes": shapes}


def merge(
    rows: NDArray[np.float32], windows: Sequence[Window], emissions: Sequence[NDArray[np.float32]]
) -> None:
    """Write the rows that each window owns to its stretch.

    Args:
        rows: What the encoder returned. Shape (n_windows, n_tokens, n_tags).
        windows: The window of each row.
        emissions: For each stretch, the array to fill. Shape (n_tokens, n_tags).
    """
    for row, window in zip(rows, windows, strict=True):
        own = slice(window.own_first - window.first, window.own_last - window.first)
        emissions[window.stretch][window.own_first : window.own_last] = row[own]


def size(window: Window, stretch: Stretch) -> int:
    """Pieces of a window, its two special pieces included."""
    begin, end = _piece_range(window, stretch)
    return end - begin + 2


def _piece_range(window: Window, stretch: Stretch) -> tuple[int, int]:
    starts = stretch.token_starts
    end = starts[window.last] if window.last < len(starts) else len(stretch.ids)
    return int(starts[window.first]), int(end)


def _owners(cuts: Sequence[tuple[int, int]], bounds: Integers) -> list[int]:
    """For each pair of neighbouring windows, the first token that the later one owns."""
    owners = []
    for (_, last), (first, _) in pairwise(cuts):
        decisions = bounds[first:last]  # the first piece of each token in the overlap
        before = decisions - bounds[first]
        after = bounds[last] - decisions - 1
        owners.append(first + int(np.searchsorted(before > after, True)))
    return owners


def to_stretch(
    ids: Integers,
    shapes: Integers,
    token_of: Integers,
    sentence_ends: Integers,
    unk_and_limit: tuple[int, int],
) -> Stretch:
    """Pieces with the token that each belongs to, as a stretch; see `encode`."""
    unk, limit = unk_and_limit
    n_tokens = int(sentence_ends[-1]) if len(sentence_ends) else 0
    counts = np.bincount(token_of, minlength=n_tokens)
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        places = np.searchsorted(token_of, empty)
        ids, shapes = np.insert(ids, places, unk), np.insert(shapes, places, 0)
        token_of = np.insert(token_of, places, empty)
        counts[empty] = 1
    starts = np.cumsum(counts) - counts
    if len(counts) and counts.max() > limit:
        kept = np.arange(len(ids)) - starts[token_of] < limit
        ids, shapes, counts = ids[kept], shapes[kept], np.minimum(counts, limit)
        starts = np.cumsum(counts) - counts
    return Stretch(ids, shapes, starts.astype(np.int64), sentence_ends)


def encode_text(tokenizer: Tokenizer, text: str) -> Encoding:
    """A text as the tokenizer reads it by itself, without special pieces.

    Raises:
        InputError: If the tokenizer fails on the text.
    """
    return _guarded(lambda: tokenizer.encode(text, add_special_tokens=False))


def encode_batch(
    tokenizer: Tokenizer, texts: Sequence[str] | list[list[str]], *, pretokenized: bool = True
) -> list[Encoding]:
    """Encode texts, or lists of tokens, without special pieces.

    Raises:
        InputError: If the tokenizer fails on the text.
    """
    return _guarded(
        lambda: tokenizer.encode_batch(
            texts, is_pretokenized=pretokenized, add_special_tokens=False
        )
    )


def _guarded(encode: Callable[[], T]) -> T:
    try:
        return encode()
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:  # a panic in the Rust library is not an Exception
        raise InputError(f"the tokenizer failed on this text: {str(error)[:200]}") from error
