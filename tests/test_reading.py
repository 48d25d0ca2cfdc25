"""Running text as pieces: every decision begins at its own piece, and nothing is left out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from biospan import reading, segment
from biospan.document import Document, Passage, Sentence, Token
from conftest import small_tagger, small_tokenizer

TEXTS = [
    "IL-2 gene expression (5±2), NF-kappa B; x_y ...",
    "the cells of  IL-2\tand the gene-expression.",
    "protein",
]


def byte_level() -> Tokenizer:
    """Pieces that glue marks, such as `).`, and know every character."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, show_progress=False, special_tokens=["[UNK]"]
    )
    tokenizer.train_from_iterator([*TEXTS, "(cells). (gene). (of)."] * 20, trainer)
    return tokenizer


def metaspace() -> Tokenizer:
    """Pieces that may hold a blank alone, and cross units."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=80, special_tokens=["[UNK]"], unk_token="[UNK]", show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS * 20, trainer)
    return tokenizer


TOKENIZERS = {"wordpiece": small_tokenizer(), "bytes": byte_level(), "unigram": metaspace()}


def read(tokenizer: Tokenizer, text: str, limit: int = 1000) -> reading.Read:
    sentence = Sentence(0, len(text))
    sentences = [(sentence, reading.units(text, sentence))]
    (found,) = reading.read(tokenizer, text, sentences, unk=1, limit=limit)
    return found


def check(tokenizer: Tokenizer, text: str) -> None:
    found = read(tokenizer, text)
    encoding = tokenizer.encode(text, add_special_tokens=False)
    units = segment.token_spans(text)
    # Decisions are runs of units, in order, all of them.
    assert [start for start, _ in found.offsets] == sorted({start for start, _ in found.offsets})
    assert {start for start, _ in found.offsets} <= {start for start, _ in units}
    ends = [max((e for s, e in units if s < start), default=0) for start, _ in found.offsets]
    assert [end for _, end in found.offsets] == [*ends[1:], *[e for _, e in units[-1:]]]
    assert len(found.joined) == len(found.offsets) == len(found.stretch.token_starts)
    if encoding.ids and units:
        assert found.stretch.ids.tolist() == encoding.ids
    # A decision's first piece covers its first character, or is the blank before it.
    for (start, _), first in zip(found.offsets[1:], found.stretch.token_starts[1:], strict=True):
        begin, end = encoding.offsets[first]
        assert begin <= start
        assert start < end or not text[end:start].strip()


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("text", TEXTS)
def test_decisions_are_units_that_pieces_tell_apart(name: str, text: str) -> None:
    check(TOKENIZERS[name], text)


@given(text=st.text(alphabet="aI2 -.()\u0301\u200b\tα±ﬁ…", max_size=30))
@pytest.mark.parametrize("name", TOKENIZERS)
def test_any_text_keeps_its_units(name: str, text: str) -> None:
    check(TOKENIZERS[name], text)


def test_units_in_one_piece_are_one_decision() -> None:
    tokenizer = byte_level()
    text = "IL-2 (cells)."
    assert [text[a:b] for a, b in read(tokenizer, text).offsets] == [
        *("IL", "-", "2", "(", "cells", ")."),
    ]


def test_a_sentence_that_leaves_no_piece_is_one_unknown_decision() -> None:
    found = read(small_tokenizer(), "\u200b\u0001")
    assert found.stretch.ids.tolist() == [1]
    assert found.stretch.token_starts.tolist() == [0]


def test_of_a_giant_word_the_first_pieces_are_kept() -> None:
    found = read(small_tokenizer(), "the " + "x" * 50 + " gene", limit=8)
    assert [len(part) for part in np.split(found.stretch.ids, found.stretch.token_starts[1:])] == [
        *(1, 8, 1)
    ]


def test_a_blank_sentence_has_no_decision() -> None:
    found = read(metaspace(), "   ")
    assert found.offsets == []
    assert len(found.stretch.ids) == 0


def given_tokens(text: str, *words: str) -> Document:
    tokens, position = [], 0
    for word in words:
        start = text.index(word, position)
        position = start + len(word)
        tokens.append(Token(start, position, word))
    sentence = Sentence(0, len(text), tuple(tokens))
    return Document(text).with_passages([Passage(0, len(text), sentences=(sentence,))])


def test_words_are_the_given_tokens_each_decided_on_once() -> None:
    document = given_tokens("IL-2 gene, cells.", "IL-2", "gene", ",", "cells", ".")
    tagger = small_tagger(decisions="words")
    (item,) = tagger.prepare([document])
    assert item.offsets == [[(0, 4), (5, 9), (9, 10), (11, 16), (16, 17)]]
    assert not item.joined[0].any()
    (units,) = small_tagger().prepare([document])
    assert units.joined[0].any()


def test_words_of_raw_text_are_like_those_of_genia() -> None:
    text = "The IL-2 gene (5'-end) of HL-60 cells."
    (item,) = small_tagger(decisions="words").prepare([Document(text)])
    assert [text[a:b] for a, b in item.offsets[0]] == [
        *("The", "IL-2", "gene", "(", "5'-end", ")", "of", "HL-60", "cells", "."),
    ]


def test_a_tagger_that_reads_text_marks_what_one_on_units_does_where_pieces_agree() -> None:
    text = "IL-2 gene and the protein of IL-2, expression of the cells. " * 4
    ours: list[Any] = [
        [(e.start, e.end, e.label, e.score) for e in small_tagger(reading=way).tag(text).entities]
        for way in ("units", "text")
    ]
    assert ours[0] == ours[1] != []


def test_text_is_not_read_across_sentences() -> None:
    from biospan.errors import ModelError

    with pytest.raises(ModelError, match="`context`"):
        small_tagger(reading="text", context="document")
