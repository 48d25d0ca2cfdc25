"""Recipes of `teach`: every setting, read from TOML and checked at once. Imports no torch."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from biospan.errors import ConfigError
from biospan.train.config import Ranges, check_all, read_recipe


@dataclass(frozen=True, slots=True)
class TeachConfig:
    """What an ensemble labels. Ranges are checked by `load_config`.

    Attributes:
        teachers: Folders of finished training runs, or model directories.
        text: Folder of the text files.
        files: Names of those to read, one document or paragraph a line; `.gz` is unpacked.
        words: Label this many words, the lines most like the corpus; 0 for all.
        corpus: Known corpus, or path of one, that the text is to be like. What shares text with
            its training or development documents is left out.
        corpus_path: Where the known corpus lies; empty for the default place.
        exclude: Ids of documents of the corpus that the text need not be like.
        precision: Of the arithmetic of runs; model directories have their own.
    """

    teachers: tuple[str, ...]
    text: str
    files: tuple[str, ...]
    words: int = 1_000_000
    corpus: str = "jnlpba-text"
    corpus_path: str = ""
    exclude: tuple[str, ...] = ()
    precision: Literal["bf16", "fp32"] = "bf16"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        lists = {key: list(getattr(self, key)) for key in ("teachers", "files", "exclude")}
        return {**dataclasses.asdict(self), **lists}


_RANGES: Ranges = {"words": (0, 10**10)}


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TeachConfig:
    """Read a recipe, apply `key=value` overrides, and check it all.

    Raises:
        MissingInputError: If there is no such file.
        ConfigError: With every unknown key, wrong type and bad value at once.
    """
    values, found = read_recipe(path, overrides)
    checked, wrong = check_all(values, TeachConfig, _RANGES, str(path))
    if found or wrong:
        raise ConfigError("\n".join([*found, *wrong]))
    return TeachConfig(**checked)
