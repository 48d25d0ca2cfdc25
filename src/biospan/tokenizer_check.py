"""What a tokenizer file may hold: an allow-list, because a model directory may come from anyone.

A pattern in such a file could cost exponential time, a truncation would cut text silently, and a
casing that does not fit the vocabulary would ruin every decision. Nothing is tokenised here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from biospan.model_config import (
    CONFIG,
    ModelConfig,
    is_piece_id,
    json_object,
    refuse,
    refuse_any,
    shown,
)

_MAX_ADDED_TOKENS = 1000
_CAPITAL = re.compile("[A-Z]")
# Parts of a tokenizer that take no pattern from the file: a hostile one costs exponential time.
_TOKENIZER_PARTS = {
    "model": {"WordPiece", "BPE", "Unigram", "WordLevel"},
    "normalizer": {
        *("Sequence", "BertNormalizer", "Lowercase", "StripAccents", "Strip"),
        *("NFC", "NFD", "NFKC", "NFKD"),
    },
    "pre_tokenizer": {
        *("Sequence", "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation"),
        *("Digits", "ByteLevel", "Metaspace", "UnicodeScripts"),
    },
    "post_processor": {
        *("Sequence", "BertProcessing", "RobertaProcessing", "TemplateProcessing", "ByteLevel"),
    },
    "decoder": {"Sequence", "WordPiece", "BPEDecoder", "ByteLevel", "Metaspace", "Fuse"},
}


def check_tokenizer(data: bytes, config: ModelConfig, where: str) -> None:
    """Refuse a tokenizer that is hostile or does not fit its config.

    Raises:
        ModelError: With all parts that are not allowed, or the first thing that does not fit.
    """
    tokenizer = json_object(data, where)
    found = [
        f"{part}: got {shown(tokenizer[part])}; expected null, as it would cut text or add pieces"
        for part in ("truncation", "padding")
        if tokenizer.get(part) is not None
    ]
    for part, allowed in _TOKENIZER_PARTS.items():
        for kind in _kinds(tokenizer, part):
            if kind not in allowed:
                expected = " or ".join(sorted(allowed))
                found.append(f"{part}: got {shown(kind)}; expected {expected}")
    refuse_any(where, found)
    pieces = _vocabulary(tokenizer, where)
    numbers = set(pieces.values())
    for name in ("cls_id", "sep_id", "pad_id", "unk_id"):
        if getattr(config, name) not in numbers:
            refuse(where, f"no piece {getattr(config, name)}, which is `{name}` in {CONFIG}")
    lowercases = any(
        part.get("type") == "Lowercase" or part.get("lowercase") is True
        for part in _nested(tokenizer.get("normalizer"))
    )
    if lowercases != config.lowercase:
        refuse(
            where,
            f"normalizer: {'lower-cases' if lowercases else 'keeps capitals'}; "
            f"expected the contrary, as `lowercase` in {CONFIG} is {str(config.lowercase).lower()}",
        )
    _check_casing(lowercases, pieces, where)


def _kinds(tokenizer: Mapping[str, Any], name: str) -> Iterator[str]:
    """The types of a tokenizer's part and of the parts inside it."""
    part = tokenizer.get(name)
    if part is None and name != "model":
        return
    yield str(part.get("type")) if isinstance(part, dict) else shown(part)
    if name != "model":  # whose vocabulary holds any word
        for inner in _nested(part):
            # A part may leave out its type, to be guessed from its keys.
            yield from (str(inner[key]) for key in ("type", "pattern", "Regex") if key in inner)


def _nested(part: Any) -> Iterator[dict[str, Any]]:
    """All objects in a JSON value; not by recursion, which hostile nesting would exhaust."""
    waiting = [part]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _vocabulary(tokenizer: Mapping[str, Any], where: str) -> dict[str, int]:
    vocabulary, added = tokenizer["model"].get("vocab"), tokenizer.get("added_tokens") or []
    try:
        if isinstance(vocabulary, list):  # of Unigram: [piece, score]
            entries = [(piece, number) for number, (piece, _) in enumerate(vocabulary)]
        else:
            entries = list(dict(vocabulary).items())
        distinct = len(entries) == len(dict(entries)) == len({number for _, number in entries})
        pieces = dict(entries) | {token["content"]: token["id"] for token in added}
    except (KeyError, TypeError, ValueError) as error:
        refuse(where, f"vocabulary: cannot be read: {shown(error)}")
    if not distinct or not all(map(is_piece_id, pieces.values())):
        refuse(where, "vocabulary: expected each piece once, with a number of its own")
    if len(added) > _MAX_ADDED_TOKENS:
        refuse(where, f"got {len(added)} added tokens; expected at most {_MAX_ADDED_TOKENS}")
    return pieces


def _check_casing(lowercases: bool, pieces: Mapping[str, int], where: str) -> None:
    # Not special pieces like `[CLS]` or `<s>`; ASCII alone, as byte-level pieces misuse the rest.
    words = [piece for piece in map(str, pieces) if piece[:1] not in ("[", "<")]
    capitalised = sum(_CAPITAL.search(piece) is not None for piece in words)
    if lowercases and capitalised > 0.01 * len(words):
        refuse(
            where,
            f"got a lower-casing normalizer with a cased vocabulary: {capitalised} of {len(words)} "
            "pieces have capitals and would never be used; "
            "expected the normalizer that it was made with",
        )
    if not lowercases and not capitalised:
        refuse(
            where,
            "got a vocabulary without capitals and a normalizer that keeps them: every word with "
            "one would be unknown; expected the normalizer that it was made with",
        )
