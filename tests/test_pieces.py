"""Pieces and windows: every token has its place, its row, and the context it was promised."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from biospan import pieces
from biospan.errors import InputError
from biospan.pieces import Special, Stretch, Token, Window
from conftest import small_tokenizer

SPECIAL = Special(cls=2, sep=3, pad=0, unk=1)
TOKENIZER = small_tokenizer()

# Words whose tokenization is plain to see, and what tokenizers stumble over.
WORDS = st.one_of(
    st.sampled_from(
        ["gene", "il", "abc", "x" * 100, "x" * 101, "``", "''", "β", "e\u0301", "\x00"]
    ),
    st.sampled_from(
        ["\u200b", "\ufffd", "\u00ad", "😀", "שלום", "\ufeff", "a\u0308\u0308", "中文"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=30),
)
STRETCHES = st.lists(st.lists(st.lists(WORDS, max_size=6), max_size=4), max_size=5)


def tokens_of(sentences: list[list[str]]) -> list[list[Token]]:
    return [[Token(word) for word in sentence] for sentence in sentences]


def encoded(sentences: list[list[str]], limit: int = 64) -> Stretch:
    return pieces.encode(TOKENIZER, [tokens_of(sentences)], SPECIAL, limit)[0]


def lengths(stretch: Stretch) -> list[int]:
    return [after - before for before, after in pairwise(edges(stretch))]


def stretch_of(sentences: list[list[int]]) -> Stretch:
    """A stretch whose tokens have these numbers of pieces; piece number n has the id 100 + n."""
    counts = np.array([count for sentence in sentences for count in sentence], dtype=np.int64)
    ends = np.cumsum([len(sentence) for sentence in sentences], dtype=np.int64)
    ids = 100 + np.arange(counts.sum())
    return Stretch(ids, ids % pieces.N_SHAPES, np.cumsum(counts) - counts, ends)


@st.composite
def plans(draw: st.DrawFn, least: int = 14) -> tuple[Stretch, int]:
    """A stretch made of runs of equal tokens, and a capacity that it may exceed many times."""
    capacity = draw(st.integers(least, least + 20) | st.integers(least, 600))
    limit = max(1, capacity // 8)
    length = st.sampled_from([1, limit]) | st.integers(1, limit)
    run = st.tuples(st.integers(1, capacity) | st.integers(1, 4), length).map(
        lambda r: [r[1]] * r[0]
    )
    sentence = st.lists(run, max_size=3).map(lambda runs: [count for run in runs for count in run])
    return stretch_of(draw(st.lists(sentence, min_size=1, max_size=12))), capacity


def edges(stretch: Stretch) -> list[int]:
    return [*stretch.token_starts.tolist(), len(stretch.ids)]


def context(window: Window, stretch: Stretch, token: int) -> tuple[float, float]:
    """Pieces to both sides of a token's decision; the stretch's own edges are no limit."""
    bounds, n_tokens = edges(stretch), len(stretch.token_starts)
    left = bounds[token] - bounds[window.first] if window.first else np.inf
    right = bounds[window.last] - bounds[token] - 1 if window.last < n_tokens else np.inf
    return left, right


@given(STRETCHES, st.integers(1, 40))
def test_every_token_has_pieces_and_its_place(texts: list[list[list[str]]], limit: int) -> None:
    found = pieces.encode(TOKENIZER, [tokens_of(text) for text in texts], SPECIAL, limit)
    for stretch, sentences in zip(found, texts, strict=True):
        assert len(stretch.token_starts) == sum(map(len, sentences))
        assert len(stretch.shapes) == len(stretch.ids)
        assert all(1 <= length <= limit for length in lengths(stretch))
        assert np.diff(stretch.sentence_ends, prepend=0).tolist() == [len(s) for s in sentences]


@given(STRETCHES, st.integers(1, 40))
def test_a_token_has_the_pieces_that_it_has_alone(texts: list[list[list[str]]], limit: int) -> None:
    found = pieces.encode(TOKENIZER, [tokens_of(text) for text in texts], SPECIAL, limit)
    for stretch, sentences in zip(found, texts, strict=True):
        words = [{"``": '"', "''": '"'}.get(word, word) for s in sentences for word in s]
        expected = [
            TOKENIZER.encode(word, add_special_tokens=False).ids[:limit] or [SPECIAL.unk]
            for word in words
        ]
        assert [p.tolist() for p in np.split(stretch.ids, stretch.token_starts)[1:]] == expected


def test_a_token_without_pieces_becomes_the_unknown_piece() -> None:
    stretch = encoded([["\x00", "gene", "\u200b"], ["\x01"], ["gene"]])
    gene = TOKENIZER.token_to_id("gene")
    assert stretch.ids.tolist() == [SPECIAL.unk, gene, SPECIAL.unk, SPECIAL.unk, gene]
    assert stretch.token_starts.tolist() == [0, 1, 2, 3, 4]


def test_a_giant_token_keeps_its_first_pieces() -> None:
    whole, cut = encoded([["abcdef", "gene"]]), encoded([["abcdef", "gene"]], limit=4)
    assert lengths(whole) == [6, 1]
    assert lengths(cut) == [4, 1]
    assert cut.ids.tolist() == [*whole.ids[:4], whole.ids[6]]


def test_quotes_of_two_characters_read_as_one() -> None:
    assert encoded([["``", "''"]]).ids.tolist() == encoded([['"', '"']]).ids.tolist()


@pytest.mark.parametrize(
    ("surface", "case"),
    [
        *(("gene", 0), ("2", 0), ("-", 0), ("β", 0), ("", 0)),
        *(("Gene", 1), ("A", 1), ("Γ", 1)),
        *(("DNA", 2), ("IL2", 2), ("ΔN", 2)),
        *(("mRNA", 3), ("kB", 3), ("NFkB", 3)),
    ],
)
def test_a_shape_tells_capitals_and_blanks(surface: str, case: int) -> None:
    assert pieces.shape(surface, glued=False) == case
    assert pieces.shape(surface, glued=True) == case + 4
    assert pieces.hide_case(np.array([case, case + 4])).tolist() == [0, 4]
    assert case + 4 < pieces.N_SHAPES


def test_pieces_have_the_shapes_of_their_text() -> None:
    tokens = [Token("IL"), Token("-", glued=True), Token("GEne", glued=True), Token("\x00")]
    stretch = pieces.encode(TOKENIZER, [[tokens]], SPECIAL, 64)[0]
    pieces_of = np.split(stretch.shapes, stretch.token_starts)[1:]
    assert [shapes.tolist() for shapes in pieces_of][:2] == [[2], [4]]
    assert pieces_of[2][0] in (4 + 3, 4 + 2, 4 + 1)  # as the vocabulary cuts the word
    assert (pieces_of[2][1:] >= 4).all()  # what goes on with a word is glued to it
    assert pieces_of[3].tolist() == [0]


def test_nothing_to_encode_is_nothing() -> None:
    assert pieces.encode(TOKENIZER, [], SPECIAL, 8) == []
    nothing: list[list[list[str]]] = [[], [[]], [[], []]]
    for sentences in nothing:
        stretch = encoded(sentences)
        assert (len(stretch.ids), len(stretch.token_starts)) == (0, 0)
        assert stretch.sentence_ends.tolist() == [0] * len(sentences)
        assert pieces.plan(0, stretch, 14) == []


class Panic(BaseException):
    """What the Rust library's panics look like from here."""


def failing(error: BaseException) -> Any:
    def encode_batch(*_: object, **__: object) -> None:
        raise error

    return SimpleNamespace(encode_batch=encode_batch)


@pytest.mark.parametrize("error", [Panic("index out of bounds"), ValueError("bad"), TypeError()])
def test_whatever_the_tokenizer_raises_is_the_input_s_error(error: BaseException) -> None:
    with pytest.raises(InputError, match="tokenizer failed") as caught:
        pieces.encode(failing(error), [[[Token("gene")]]], SPECIAL, 8)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_a_wish_to_stop_is_not_the_input_s_error(error: BaseException) -> None:
    with pytest.raises(type(error)):
        pieces.encode(failing(error), [[[Token("gene")]]], SPECIAL, 8)


@given(plans())
@example((stretch_of([[1] * 10, [1] * 200]), 126))  # the first sentence is shorter than an overlap
@example((stretch_of([[], [1], [15] * 40]), 126))
def test_windows_fit_and_own_each_token_once_in_order(case: tuple[Stretch, int]) -> None:
    stretch, capacity = case
    windows = pieces.plan(7, stretch, capacity)
    owned = [token for w in windows for token in range(w.own_first, w.own_last)]
    assert owned == list(range(len(stretch.token_starts)))
    for window in windows:
        assert window.stretch == 7
        assert 0 <= window.first <= window.own_first < window.own_last <= window.last
        assert pieces.size(window, stretch) <= capacity + 2
    for before, after in pairwise(windows):
        assert before.first < after.first <= before.last < after.last


@given(plans(least=130))
def test_each_decision_has_context_on_both_sides(case: tuple[Stretch, int]) -> None:
    stretch, capacity = case
    for window in pieces.plan(0, stretch, capacity):
        for token in range(window.own_first, window.own_last):
            assert min(context(window, stretch, token)) >= pieces.CONTEXT


@given(plans())
@example((stretch_of([[1] * 70, [1] * 3, [1] * 300]), 126))
@example((stretch_of([[1] * 100, [1] * 5, [1] * 300]), 126))  # three windows share tokens
def test_the_owner_is_the_window_with_most_context(case: tuple[Stretch, int]) -> None:
    stretch, capacity = case
    windows = pieces.plan(0, stretch, capacity)
    for window in windows:
        for token in {
            window.own_first,
            (window.own_first + window.own_last) // 2,
            window.own_last - 1,
        }:
            holding = [w for w in windows if w.first <= token < w.last]
            # `max` takes the first of equals: ties go to the earlier.
            assert max(holding, key=lambda w: min(context(w, stretch, token))) == window


@given(plans())
def test_windows_end_after_a_sentence_where_that_gets_on(case: tuple[Stretch, int]) -> None:
    stretch, capacity = case
    bounds = edges(stretch)
    overlap = min(2 * pieces.CONTEXT, capacity // 2)
    reached = 0
    for window in pieces.plan(0, stretch, capacity):
        fitting = [
            end
            for end in stretch.sentence_ends.tolist()
            if end > reached
            and bounds[end] - bounds[window.first] <= capacity
            and (bounds[end] - overlap >= bounds[window.first + 1] or end == len(bounds) - 1)
        ]
        if fitting:
            assert window.last == fitting[-1]
        elif len(stretch.ids) > capacity:
            # As far as it goes: one more token would not fit.
            assert bounds[window.last + 1] - bounds[window.first] > capacity
        reached = window.last


@given(plans())
def test_neighbours_overlap_by_what_both_need_and_hardly_more(case: tuple[Stretch, int]) -> None:
    stretch, capacity = case
    bounds, ends = edges(stretch), set(stretch.sentence_ends.tolist())
    after_sentence, inside = min(2 * pieces.CONTEXT, capacity // 2), capacity // 2
    longest = max(1, capacity // 8)
    for before, after in pairwise(pieces.plan(0, stretch, capacity)):
        shared = bounds[before.last] - bounds[after.first]
        assert shared < inside + longest
        assert shared >= (after_sentence if before.last in ends else inside)


@given(st.lists(st.lists(st.integers(1, 15), max_size=30), max_size=8))
def test_a_stretch_that_fits_is_one_window(sentences: list[list[int]]) -> None:
    stretch = stretch_of(sentences)
    n_tokens, capacity = len(stretch.token_starts), max(14, len(stretch.ids))
    whole = [Window(3, 0, n_tokens, 0, n_tokens)] if n_tokens else []
    assert pieces.plan(3, stretch, capacity) == whole


@given(plans())
def test_the_number_of_windows_is_linear(case: tuple[Stretch, int]) -> None:
    stretch, capacity = case
    # Two windows in a row get on by a quarter of the capacity at least, whatever the sentences.
    limit = 1 + 2 * (1 + len(stretch.ids) // (capacity // 4))
    assert len(pieces.plan(0, stretch, capacity)) <= limit


def test_a_very_long_stretch_has_no_more_windows_than_it_needs() -> None:
    sentences = [[1] * 25] * 40_000
    windows = pieces.plan(0, stretch_of(sentences), 510)
    assert len(windows) <= 1_000_000 / (510 - 64 - 25) + 1


@st.composite
def batches(draw: st.DrawFn) -> tuple[list[Stretch], list[Window]]:
    """Some windows of some stretches, in any order."""
    capacity = draw(st.integers(14, 40))
    length = st.integers(1, max(1, capacity // 8))
    sentence = st.lists(length, min_size=1, max_size=40)
    stretches = [
        stretch_of(sentences)
        for sentences in draw(
            st.lists(st.lists(sentence, min_size=1, max_size=3), min_size=1, max_size=4)
        )
    ]
    windows = [w for i, s in enumerate(stretches) for w in pieces.plan(i, s, capacity)]
    return stretches, draw(st.permutations(windows))


@given(batches())
def test_inputs_hold_each_window_between_special_pieces(
    case: tuple[list[Stretch], list[Window]],
) -> None:
    stretches, windows = case
    inputs = pieces.to_inputs(windows, stretches, SPECIAL)
    sizes = [pieces.size(w, stretches[w.stretch]) for w in windows]
    assert inputs["input_ids"].shape == inputs["mask"].shape == (len(windows), max(sizes))
    assert inputs["token_starts"].shape == (len(windows), max(w.last - w.first for w in windows))
    assert {array.dtype for array in inputs.values()} == {np.dtype(np.int64)}
    for row, (window, n_pieces) in enumerate(zip(windows, sizes, strict=True)):
        ids, stretch = inputs["input_ids"][row], stretches[window.stretch]
        bounds = edges(stretch)
        content = stretch.ids[bounds[window.first] : bounds[window.last]].tolist()
        padding = [SPECIAL.pad] * (max(sizes) - n_pieces)
        assert ids.tolist() == [SPECIAL.cls, *content, SPECIAL.sep, *padding]
        assert inputs["mask"][row].tolist() == [1] * n_pieces + [0] * len(padding)
        starts = inputs["token_starts"][row]
        n_tokens = window.last - window.first
        first_pieces = stretch.ids[stretch.token_starts[window.first : window.last]]
        assert ids[starts[:n_tokens]].tolist() == first_pieces.tolist()
        assert (starts[n_tokens:] == pieces.PAD_TOKEN_START).all()


@given(batches(), st.integers(1, 5))
def test_merging_gives_every_token_the_row_of_its_owner(
    case: tuple[list[Stretch], list[Window]], n_rows: int
) -> None:
    stretches, windows = case
    emissions = [np.full((len(s.token_starts), 3), np.nan, dtype=np.float32) for s in stretches]
    for begin in range(0, len(windows), n_rows):
        batch = windows[begin : begin + n_rows]
        rows = np.full((n_rows, max(w.last - w.first for w in batch), 3), np.inf, dtype=np.float32)
        for row, window in enumerate(batch):
            # Which window, which stretch, which token.
            rows[row, : window.last - window.first] = [
                (begin + row, window.stretch, token) for token in range(window.first, window.last)
            ]
        pieces.merge(rows[: len(batch)], batch, emissions)
    for number, window in enumerate(windows):
        for token in range(window.own_first, window.own_last):
            assert emissions[window.stretch][token].tolist() == [number, window.stretch, token]
    assert not any(np.isnan(array).any() for array in emissions)
