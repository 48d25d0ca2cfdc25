"""A vocabulary of the text's own, whose embeddings come from the old one."""

import random

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

pytest.importorskip("torch")

import torch

from biospan.train.pretrain import vocabulary, windows
from conftest import small_tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SHARED = ("kinase", "phosphorylates", "the", "receptor", "cell", "of", "bone", "marrow", "grows")


def word_piece(*words: str) -> Tokenizer:
    pieces = (*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), *words)
    numbers = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def text() -> list[str]:
    """`zap` keeps the company of `kinase` and never that of `marrow`."""
    rng = random.Random(0)
    lines = []
    for _ in range(300):
        enzyme = rng.choice(("zap", "kinase"))
        lines.append(f"the {enzyme} phosphorylates the receptor")
        lines.append("cell of bone marrow grows")
    return lines


Carried = tuple[torch.Tensor, torch.Tensor, Tokenizer, Tokenizer, int]


@pytest.fixture(scope="module")
def carried() -> Carried:
    old, new = (
        word_piece(*SHARED),
        word_piece(
            "zap",
            *reversed(SHARED),
        ),
    )
    torch.manual_seed(1)
    table = torch.randn(old.get_vocab_size(), 24)
    encoded = windows.encode(new, text(), 3)
    result, kept = vocabulary.carry_over(table, old, new, encoded.ids)
    return table, result, old, new, kept


def test_a_piece_of_both_vocabularies_keeps_its_embedding(carried: Carried) -> None:
    table, result, old, new, kept = carried
    assert result.shape == (new.get_vocab_size(), 24)
    both = old.get_vocab().keys() & new.get_vocab().keys()
    assert len(both) == kept == old.get_vocab_size()
    for piece in both:
        assert torch.equal(result[new.token_to_id(piece)], table[old.token_to_id(piece)]), piece


def test_a_new_word_begins_near_the_words_whose_company_it_keeps(carried: Carried) -> None:
    table, result, old, new, _ = carried
    spelled = table[[old.token_to_id(piece) for piece in ("z", "##a", "##p")]].mean(dim=0)
    company = 2 * result[new.token_to_id("zap")] - spelled  # it stands halfway between the two
    cosines = {
        piece: torch.cosine_similarity(company, table[number], dim=0).item()
        for piece, number in old.get_vocab().items()
    }
    assert max(cosines, key=lambda piece: cosines[piece]) == "kinase"
    assert cosines["kinase"] > cosines["marrow"] + 0.3


def test_without_a_new_piece_the_table_is_only_reordered() -> None:
    old, new = word_piece(*SHARED), word_piece(*reversed(SHARED))
    table = torch.randn(old.get_vocab_size(), 8)
    result, kept = vocabulary.carry_over(table, old, new, np.zeros(10, dtype=np.uint16))
    assert kept == len(table)
    for piece, number in new.get_vocab().items():
        assert torch.equal(result[number], table[old.token_to_id(piece)])


def test_a_learned_tokenizer_is_of_the_old_ones_make() -> None:
    old = small_tokenizer()
    old.add_special_tokens(["[MASK]"])
    lines = ["Interleukin-2 receptors in naïve cells"] * 6 + ["rareword"]
    new = vocabulary.learn(old, lines, size=80)
    assert {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"} <= new.get_vocab().keys()
    assert new.encode("Receptors NAIVE", add_special_tokens=False).tokens == ["receptors", "naive"]
    assert "rareword" not in new.get_vocab()
    assert new.get_vocab_size() <= 80
