"""Recipes of an adaptation: every setting, read from TOML and checked at once. Imports no torch."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from biospan.errors import ConfigError
from biospan.train.config import Ranges, check_all, read_recipe


@dataclass(frozen=True, slots=True)
class PretrainConfig:
    """A masked-language-model run. Ranges are checked by `load_config`.

    Attributes:
        encoder: Hub name, folder, or `package:NAME/FOLDER`; where the run begins.
        text: Folder of the text files, seen from the current one.
        files: Names of those to read, one document or paragraph a line; `.gz` is unpacked.
        words: Learn from this many words, the lines most like the corpus; 0 for all.
        corpus: Known corpus, or path of one, that the text is to be like. Its own training text
            is learned from too; its development split never is.
        corpus_path: Where the known corpus lies; empty for the default place.
        exclude: Ids of documents of the corpus to leave out.
        vocabulary: Pieces of a new vocabulary learned from the text; 0 keeps the encoder's.
        max_pieces: Pieces of a window, special pieces included.
        batch_size: Windows of one step.
        micro_batch_size: Windows that are computed at once; a matter of memory and speed.
        passes: How often the text is learned from.
        mask_ratio: Share of the units that is hidden.
        learning_rate: Peak of AdamW's rate.
        warmup_ratio: Share of all steps over which the rate rises; it falls linearly after.
        weight_decay: Decoupled; not for biases and normalisation.
        dropout: In the encoder's hidden layers.
        attention_dropout: Of attention weights.
        max_gradient_norm: Gradients are scaled down to this length.
        seed: Of windows and masks.
        precision: Of the arithmetic; weights stay fp32.
        threads: Of torch in each process; 0 for its own default.
        checkpoint_minutes: A checkpoint is written this often.
    """

    encoder: str
    text: str
    files: tuple[str, ...]
    words: int = 0
    corpus: str = "jnlpba-text"
    corpus_path: str = ""
    exclude: tuple[str, ...] = ()
    vocabulary: int = 0
    max_pieces: int = 128
    batch_size: int = 64
    micro_batch_size: int = 8
    passes: float = 1.0
    mask_ratio: float = 0.2
    learning_rate: float = 5e-4
    warmup_ratio: float = 0.06
    weight_decay: float = 0.01
    dropout: float = 0.0
    attention_dropout: float = 0.0
    max_gradient_norm: float = 1.0
    seed: int = 1
    precision: Literal["bf16", "fp32"] = "bf16"
    threads: int = 0
    checkpoint_minutes: float = 10.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        lists = {key: list(getattr(self, key)) for key in ("files", "exclude")}
        return {**dataclasses.asdict(self), **lists}


_RANGES: Ranges = {
    "words": (0, 10**10),
    "vocabulary": (0, 65_536),
    "max_pieces": (16, 8192),
    "batch_size": (1, 65_536),
    "micro_batch_size": (1, 65_536),
    "passes": (0.0001, 1000.0),
    "mask_ratio": (0.01, 0.9),
    "learning_rate": (1e-9, 1.0),
    "warmup_ratio": (0.0, 1.0),
    "weight_decay": (0.0, 1.0),
    "dropout": (0.0, 0.9),
    "attention_dropout": (0.0, 0.9),
    "max_gradient_norm": (1e-6, 1e6),
    "seed": (0, 2**32 - 1),
    "threads": (0, 4096),
    "checkpoint_minutes": (0.0, 1e6),
}


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> PretrainConfig:
    """Read a recipe, apply `key=value` overrides, and check it all.

    Raises:
        MissingInputError: If there is no such file.
        ConfigError: With every unknown key, wrong type and bad value at once.
    """
    values, problems = read_recipe(path, overrides)
    return from_mapping(values, where=str(path), problems=problems)


def from_mapping(
    values: Mapping[str, Any], *, where: str = "recipe", problems: Sequence[str] = ()
) -> PretrainConfig:
    """Build a PretrainConfig from plain values.

    Raises:
        ConfigError: With every unknown key, wrong type and bad value at once.
    """
    checked, wrong = check_all(values, PretrainConfig, _RANGES, where)
    if problems or wrong:
        raise ConfigError("\n".join([*problems, *wrong]))
    return PretrainConfig(**checked)
