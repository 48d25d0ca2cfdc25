"""Offsets in UTF-16 units, as JavaScript and Java count, instead of code points."""

from itertools import accumulate
from typing import Any

_FIRST_ASTRAL = "\U00010000"


def in_utf16(document: dict[str, Any]) -> dict[str, Any]:
    """The `to_dict` of a document with all offsets in UTF-16 units."""
    text: str = document["text"]
    if text.isascii() or not any(character >= _FIRST_ASTRAL for character in text):
        return document
    # Units before each code point, and of the whole text.
    units = [0, *accumulate(1 + (character >= _FIRST_ASTRAL) for character in text)]

    def moved(item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "start": units[item["start"]], "end": units[item["end"]]}

    return {
        **document,
        "passages": [
            {
                **moved(passage),
                "sentences": [
                    {
                        **moved(sentence),
                        "tokens": [[units[s], units[e]] for s, e in sentence["tokens"]],
                    }
                    for sentence in passage["sentences"]
                ],
            }
            for passage in document["passages"]
        ],
        "entities": [moved(entity) for entity in document["entities"]],
    }
