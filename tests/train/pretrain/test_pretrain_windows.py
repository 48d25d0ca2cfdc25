"""Text in pieces, and windows of it with whole units hidden."""

import numpy as np
import pytest
from tokenizers import Tokenizer

from biospan import pieces
from biospan.errors import InputError
from biospan.train.pretrain import windows
from biospan.train.pretrain.windows import Masker, Pieces
from conftest import small_tokenizer

SEP, MASK, N_VOCABULARY = 3, 99, 99  # the mask is not drawn at random here
SPECIAL = pieces.Special(cls=2, sep=SEP, pad=0, unk=1)
WIDTH = 20


def test_lines_become_pieces_with_shapes_and_units() -> None:
    tokenizer = small_tokenizer()
    encoded = windows.encode(tokenizer, ["IL-2 gene, naïve αβ", "The Cells"], SEP)
    glued = 4
    expected = [
        ("il", 2, 0),
        ("-", glued, 1),
        ("2", glued, 2),
        ("gene", 0, 3),
        (",", glued, 4),
        *zip(("n", "##a", "##i", "##v", "##e"), (0, *[glued] * 4), [5] * 5, strict=True),
        ("[UNK]", 0, 6),
        ("[SEP]", 0, -1),
        ("the", 1, 7),
        ("cells", 1, 8),
        ("[SEP]", 0, -1),
    ]
    found = [tokenizer.id_to_token(int(number)) for number in encoded.ids]
    assert (
        list(zip(found, encoded.shapes.tolist(), encoded.units.tolist(), strict=True)) == expected
    )


def test_more_units_than_can_be_numbered_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MAX_UNITS", 5)
    assert len(windows.encode(small_tokenizer(), ["a b c", "d e"], SEP).ids) == 7
    with pytest.raises(InputError, match="more than 5 units in its first 2 lines"):
        windows.encode(small_tokenizer(), ["a b c", "d e f"], SEP)


@pytest.fixture(scope="module")
def text() -> Pieces:
    """Units of one to four pieces in lines of about ten, every shape among them."""
    rng = np.random.default_rng(0)
    ids: list[int] = []
    units: list[int] = []
    number = 0
    while len(ids) < 4000:
        for _ in range(rng.integers(5, 15)):
            size = int(rng.integers(1, 5))
            ids += rng.integers(4, MASK, size).tolist()
            units += [number] * size
            number += 1
        ids.append(SEP)
        units.append(-1)
    shapes = np.where(np.array(units) < 0, 0, rng.integers(0, pieces.N_SHAPES, len(ids)))
    return Pieces(
        np.array(ids, np.uint16), shapes.astype(np.uint8), np.array(units, dtype=np.int32)
    )


def test_each_pass_takes_all_of_the_text_once_cut_at_another_place(text: Pieces) -> None:
    begins = windows.order(text, width=WIDTH, n_windows=500, seed=5)
    assert begins.shape == (500,)
    passes = []
    while len(begins):
        remainder = begins[0] % WIDTH
        expected = np.arange(remainder, len(text.ids) - WIDTH + 1, WIDTH)
        taken, begins = begins[: len(expected)], begins[len(expected) :]
        assert (np.diff(taken) < 0).any(), "not in the text's order"
        assert set(taken.tolist()) <= set(expected.tolist())
        assert len(set(taken.tolist())) == len(taken)
        passes.append(remainder)
    assert len(passes) == 3
    assert len(set(passes)) > 1


def masker(text: Pieces, ratio: float) -> Masker:
    return Masker(text, SPECIAL, MASK, N_VOCABULARY, WIDTH, ratio)


@pytest.mark.parametrize("ratio", [0.15, 0.4])
def test_whole_units_are_hidden_in_the_share_that_is_asked_for(text: Pieces, ratio: float) -> None:
    begins = windows.order(text, width=WIDTH, n_windows=1000, seed=1)
    found = masker(text, ratio).windows(begins, np.random.default_rng(7))
    assert found.input_ids.shape == found.shapes.shape == (1000, WIDTH + 2)
    assert (found.input_ids[:, 0] == SPECIAL.cls).all()
    assert (found.input_ids[:, -1] == SPECIAL.sep).all()
    assert (np.diff(found.places) > 0).all()
    chosen = np.zeros(found.input_ids.size, dtype=bool)
    chosen[found.places] = True
    n_units = n_hidden = 0
    hidden = iter(found.hidden.tolist())
    for row, begin in zip(chosen.reshape(1000, -1), begins, strict=True):
        assert not row[0]
        assert not row[-1]
        units = text.units[begin : begin + WIDTH]
        assert not row[1:-1][units < 0].any(), "a separator is hidden"
        for unit in np.unique(units[units >= 0]):
            inside = row[1:-1][units == unit]
            assert inside.all() or not inside.any(), "a unit is hidden in part"
            n_units += 1
            n_hidden += inside.all()
        for place in np.flatnonzero(row):
            assert next(hidden) == text.ids[begin + place - 1]
    assert next(hidden, None) is None
    assert n_hidden / n_units == pytest.approx(ratio, abs=0.02)


def test_of_hidden_pieces_most_show_the_mask_without_case_and_nothing_else_changes(
    text: Pieces,
) -> None:
    begins = windows.order(text, width=WIDTH, n_windows=1000, seed=1)
    found = masker(text, 0.4).windows(begins, np.random.default_rng(7))
    places = (begins[:, None] + np.arange(WIDTH)).ravel()
    shown, shapes = (array[:, 1:-1].ravel() for array in (found.input_ids, found.shapes))
    flat = np.zeros(found.input_ids.size, dtype=bool)
    flat[found.places] = True
    chosen = flat.reshape(found.input_ids.shape)[:, 1:-1].ravel()
    ids, original = text.ids[places], text.shapes[places]

    as_mask = shown == MASK
    assert not as_mask[~chosen].any()
    assert as_mask[chosen].mean() == pytest.approx(0.8, abs=0.02)
    other = (shown != ids) & ~as_mask
    assert not other[~chosen].any()
    assert other[chosen].mean() == pytest.approx(0.1, abs=0.02)
    assert (shapes[as_mask] == np.where(original[as_mask] >= 4, 4, 0)).all()
    assert (shapes[~as_mask] == original[~as_mask]).all()
    assert (original[as_mask] % 4 > 0).any()


def test_masks_follow_from_the_source_alone(text: Pieces) -> None:
    begins = windows.order(text, width=WIDTH, n_windows=20, seed=1)
    first, again, other = (
        masker(text, 0.2).windows(begins, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.places, other.places)


def test_a_tokenizer_that_drops_a_unit_leaves_its_number_out() -> None:
    tokenizer: Tokenizer = small_tokenizer()
    encoded = windows.encode(tokenizer, ["a \x00\u200d b"], SEP)
    kept = [tokenizer.id_to_token(int(number)) for number in encoded.ids]
    assert kept[0] == "a"
    assert kept[-2:] == ["b", "[SEP]"]
    assert encoded.units[-1] == -1
    assert len(encoded.ids) == len(encoded.shapes) == len(encoded.units)
