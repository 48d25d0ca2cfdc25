"""What a tokenizer file may hold: an allow-list, because a model directory may come from anyone.

A pattern in such a file could cost exponential time, a truncation would cut text silently, and a
casing that does not fit the vocabulary would ruin every decision. Nothing is tokenised here.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from biospan import segment
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
_MAX_CHARSMAP = 2**21  # bytes; those of SentencePiece have a quarter of a million
_MAX_REPLACEMENT = 64  # bytes; the longest that Unicode's own normalisation makes has 33
# Patterns that we know to take linear time: of SentencePiece's conversions, and our own.
_KNOWN_PATTERNS = {
    "normalizer": {" {2,}", r"\s{2,}|[\n\r\t]"},
    "pre_tokenizer": {segment.UNIT_PATTERN},
}
_CAPITAL = re.compile("[A-Z]")
# Parts of a tokenizer that take no pattern from the file: a hostile one costs exponential time.
_TOKENIZER_PARTS = {
    "model": {"WordPiece", "BPE", "Unigram", "WordLevel"},
    "normalizer": {
        *("Sequence", "BertNormalizer", "Lowercase", "StripAccents", "Strip"),
        *("NFC", "NFD", "NFKC", "NFKD", "Precompiled", "Replace"),
    },
    "pre_tokenizer": {
        *("Sequence", "BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation"),
        *("Digits", "ByteLevel", "Metaspace", "UnicodeScripts", "Split"),
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
            if kind not in allowed and kind not in _KNOWN_PATTERNS.get(part, ()):
                expected = " or ".join(sorted(allowed))
                found.append(f"{part}: got {shown(kind)}; expected {expected}")
    found += _replacement_problems(tokenizer.get("normalizer"))
    refuse_any(where, found)
    pieces = _vocabulary(tokenizer, where)
    numbers = set(pieces.values())
    for name in ("cls_id", "sep_id", "pad_id", "unk_id"):
        if getattr(config, name) not in numbers:
            refuse(where, f"no piece {getattr(config, name)}, which is `{name}` in {CONFIG}")
    lowercases = _lowercases(tokenizer)
    if lowercases != config.lowercase:
        refuse(
            where,
            f"normalizer: {'lower-cases' if lowercases else 'keeps capitals'}; "
            f"expected the contrary, as `lowercase` in {CONFIG} is {str(config.lowercase).lower()}",
        )
    if not config.loses_case:
        _check_casing(lowercases, pieces, where)


def loses_case(data: bytes) -> bool:
    """Whether a tokenizer lower-cases what its vocabulary has with capitals."""
    tokenizer = json_object(data, "tokenizer")
    words, capitalised = _capitals(_vocabulary(tokenizer, "tokenizer"))
    return _lowercases(tokenizer) and _is_cased(words, capitalised)


def _kinds(tokenizer: Mapping[str, Any], name: str) -> Iterator[str]:
    """The types of a tokenizer's part and of the parts inside it, and their patterns."""
    part = tokenizer.get(name)
    if part is None and name != "model":
        return
    yield str(part.get("type")) if isinstance(part, dict) else shown(part)
    if name != "model":  # whose vocabulary holds any word
        for inner in _nested(part):
            # A part may leave out its type, to be guessed from its keys.
            yield from (str(inner[key]) for key in ("type", "Regex") if key in inner)
            if not isinstance(inner.get("pattern", {}), dict):
                yield str(inner["pattern"])


def _replacement_problems(normalizer: Any) -> Iterator[str]:
    """Replacements that could make a text very much longer, or that cannot be read."""
    for part in _nested(normalizer):
        if "pattern" in part:
            string = part["pattern"].get("String") if isinstance(part["pattern"], dict) else None
            shortest = 1 if string is None else len(string)
            content = part.get("content")
            if not isinstance(content, str) or shortest < 1 or len(content) > shortest:
                yield (
                    f"normalizer: replaces {shown(part['pattern'])} by {shown(content)}; expected "
                    "something that is no longer"
                )
        if "precompiled_charsmap" in part and not _is_charsmap(part["precompiled_charsmap"]):
            yield (
                "normalizer: `precompiled_charsmap` is not a map as SentencePiece makes them, with "
                f"replacements of at most {_MAX_REPLACEMENT} bytes"
            )


def _is_charsmap(encoded: Any) -> bool:
    """Whether it is a trie of whole units, then texts of bounded length that end in a zero."""
    if not isinstance(encoded, str) or len(encoded) > _MAX_CHARSMAP:
        return False
    try:
        data = base64.b64decode(encoded, validate=True)
        size = int.from_bytes(data[:4], "little")
        texts = data[4 + size :].decode("utf-8")
    except (binascii.Error, ValueError):
        return False
    whole = size % 4 == 0 and 0 < size < len(data) - 4 and texts.endswith("\0")
    return whole and all(len(text.encode()) <= _MAX_REPLACEMENT for text in texts.split("\0"))


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


def _lowercases(tokenizer: Mapping[str, Any]) -> bool:
    return any(
        part.get("type") == "Lowercase" or part.get("lowercase") is True
        for part in _nested(tokenizer.get("normalizer"))
    )


def _capitals(pieces: Mapping[str, int]) -> tuple[int, int]:
    """How many pieces there are, and how many of them have capitals."""
    # Not special pieces like `[CLS]` or `<s>`; ASCII alone, as byte-level pieces misuse the rest.
    words = [piece for piece in map(str, pieces) if piece[:1] not in ("[", "<")]
    return len(words), sum(_CAPITAL.search(piece) is not None for piece in words)


def _is_cased(words: int, capitalised: int) -> bool:
    return capitalised > 0.01 * words


def _check_casing(lowercases: bool, pieces: Mapping[str, int], where: str) -> None:
    words, capitalised = _capitals(pieces)
    if lowercases and _is_cased(words, capitalised):
        refuse(
            where,
            f"got a lower-casing normalizer with a cased vocabulary: {capitalised} of {words} "
            "pieces have capitals and would never be used; "
            'expected the normalizer that it was made with. In a recipe `casing = "keep"` makes '
            'it so, and `casing = "lower"` says that the loss is meant',
        )
    if not lowercases and not capitalised:
        refuse(
            where,
            "got a vocabulary without capitals and a normalizer that keeps them: every word with "
            "one would be unknown; expected the normalizer that it was made with",
        )
