"""What a recipe makes a tokenizer do with capitals."""

from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers

pytestmark = pytest.mark.usefixtures("needs_train")

NORMALIZERS = {
    "none": None,
    "bert cased": normalizers.BertNormalizer(lowercase=False),
    "bert uncased": normalizers.BertNormalizer(lowercase=True),
    "lower-casing": normalizers.Lowercase(),
    "several": normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()]),
}


@pytest.mark.parametrize("casing", ["keep", "lower", "tokenizer"])
@pytest.mark.parametrize("name", NORMALIZERS)
def test_capitals_are_kept_or_dropped(name: str, casing: Any) -> None:
    from biospan.train.casing import with_casing

    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    if NORMALIZERS[name] is not None:
        tokenizer.normalizer = NORMALIZERS[name]
    made = with_casing(tokenizer, casing)
    text = "Ab C"
    seen = made.normalizer.normalize_str(text) if made.normalizer else text
    before = tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text
    assert seen == {"keep": text, "lower": text.lower(), "tokenizer": before}[casing]


def test_accents_stay_with_capitals() -> None:
    """BERT's normalizer strips accents when it lower-cases, and only then."""
    from biospan.train.casing import with_casing

    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    assert with_casing(tokenizer, "keep").normalizer.normalize_str("É") == "É"
    assert with_casing(tokenizer, "lower").normalizer.normalize_str("É") == "e"
