"""What a tokenizer does with capitals, set as a recipe says.

Published tokenizers do not always do what their vocabulary was made for: one without settings
lower-cases by default, also for a cased vocabulary.
"""

import json
from typing import Any

from tokenizers import Tokenizer

from biospan.train.config import Casing


def with_casing(tokenizer: Tokenizer, casing: Casing) -> Tokenizer:
    """The tokenizer with capitals kept, or lower-cased; or itself, if it is to decide that."""
    if casing == "tokenizer":
        return tokenizer
    parts = json.loads(tokenizer.to_str())
    parts["normalizer"] = _set(parts.get("normalizer"), lower=casing == "lower")
    return Tokenizer.from_str(json.dumps(parts))


def _set(normalizer: Any, *, lower: bool) -> Any:
    """The normalizer's JSON, set so."""
    steps = [] if normalizer is None else [normalizer]
    if normalizer is not None and normalizer["type"] == "Sequence":
        steps = list(normalizer["normalizers"])
    steps = [step for step in steps if step["type"] != "Lowercase"]
    of_bert = [step for step in steps if step["type"] == "BertNormalizer"]
    for step in of_bert:
        step["lowercase"] = lower
    if lower and not of_bert:
        steps.insert(0, {"type": "Lowercase"})
    if len(steps) < 2:
        return steps[0] if steps else None
    return {"type": "Sequence", "normalizers": steps}
