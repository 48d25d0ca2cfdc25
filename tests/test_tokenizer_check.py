"""Normalizers of SentencePiece's conversions, patterns, and capitals, against the real library."""

import base64
import json
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from biospan import segment
from biospan.errors import ModelError
from biospan.tokenizer_check import check_tokenizer, loses_case
from charsmap import CHARSMAP
from conftest import small_config, small_tokenizer


def checked(tokenizer: Tokenizer, **changes: Any) -> None:
    """Check a tokenizer as one of a model directory, and that it is one that can be used."""
    tokenizer.encode("IL-2  gene")
    config = small_config(**{"lowercase": False, **changes})
    check_tokenizer(tokenizer.to_str().encode(), config, "tokenizer.json")


def unigram(normalizer: Any = None) -> Tokenizer:
    vocabulary = [(piece, 0.0) for piece in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁IL", "gene")]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=1))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return tokenizer


def with_normalizer(**part: Any) -> bytes:
    parts = json.loads(unigram().to_str())
    parts["normalizer"] = part
    return json.dumps(parts).encode()


@pytest.mark.parametrize(
    "normalizer",
    [
        normalizers.Precompiled(CHARSMAP),
        normalizers.Replace(Regex(" {2,}"), " "),
        normalizers.Replace("``", '"'),
        normalizers.Sequence(
            [
                normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "),
                normalizers.NFC(),
                normalizers.Strip(left=False, right=True),
            ]
        ),
    ],
    ids=["precompiled", "spaces", "quotes", "deberta"],
)
def test_what_sentencepiece_becomes_is_allowed(normalizer: Any) -> None:
    checked(unigram(normalizer))


def test_the_map_of_the_test_is_a_real_one() -> None:
    assert normalizers.Precompiled(CHARSMAP).normalize_str("ﬁ Ａ µ −1") == "fi A μ -1"


def test_our_own_units_are_allowed_as_a_first_step() -> None:
    tokenizer = unigram()
    own = pre_tokenizers.Split(Regex(segment.UNIT_PATTERN), "removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([own, pre_tokenizers.Metaspace()])
    checked(tokenizer)


TEXTS = (
    "IL-2 5±2 naïve x²_y a\u0301b …(TNF-α). \u0301z",
    "NF‑κB (p50/p65), 3′‑UTR; [3H]thymidine\t50 %\n“A”",
    "日本 ٣ Ⅳ ½ ₂ ᴬ 𝛼𝛽 🧬 _x_ a\u200bb",
)


@pytest.mark.parametrize("text", TEXTS)
def test_the_pattern_for_the_library_finds_our_units(text: str) -> None:
    split = pre_tokenizers.Split(Regex(segment.UNIT_PATTERN), "removed", invert=True)
    assert [place for _, place in split.pre_tokenize_str(text)] == segment.token_spans(text)


def broken_map(texts: bytes, size: int = 8) -> str:
    return base64.b64encode(size.to_bytes(4, "little") + bytes(8) + texts).decode()


@pytest.mark.parametrize(
    "part",
    [
        {"type": "Precompiled", "precompiled_charsmap": broken_map(b"a" * 65 + b"\0")},
        {"type": "Precompiled", "precompiled_charsmap": broken_map(b"a")},
        {"type": "Precompiled", "precompiled_charsmap": broken_map(b"a\0", size=7)},
        {"type": "Precompiled", "precompiled_charsmap": broken_map(b"a\0", size=800)},
        {"type": "Precompiled", "precompiled_charsmap": broken_map(b"\xff\0")},
        {"type": "Precompiled", "precompiled_charsmap": "no base 64"},
        {"type": "Precompiled", "precompiled_charsmap": 7},
        {"type": "Replace", "pattern": {"String": "a"}, "content": "aaaa"},
        {"type": "Replace", "pattern": {"String": ""}, "content": ""},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "aa"},
        {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""},
        {"type": "Replace", "pattern": "(a+)+$", "content": ""},
        {"pattern": {"String": "a"}, "content": "a" * 1000},
    ],
)
def test_what_could_cost_without_bound_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="normalizer"):
        check_tokenizer(with_normalizer(**part), small_config(lowercase=False), "tokenizer.json")


def test_a_cased_vocabulary_is_lower_cased_only_on_purpose() -> None:
    parts = json.loads(small_tokenizer().to_str())
    for number, piece in enumerate(("IL", "Cells", "DNA", "RNA"), len(parts["model"]["vocab"])):
        parts["model"]["vocab"][piece] = number
    data = json.dumps(parts).encode()
    with pytest.raises(ModelError, match=r'cased vocabulary.*casing = "keep".*casing = "lower"'):
        check_tokenizer(data, small_config(), "tokenizer.json")
    check_tokenizer(data, small_config(loses_case=True), "tokenizer.json")
    assert loses_case(data)
    assert not loses_case(small_tokenizer().to_str().encode())
