"""Recipes: every setting of a training run, read from TOML and checked at once.

Imports no torch, so that a bad recipe is refused before anything heavy is loaded.
"""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from biospan.errors import ConfigError, MissingInputError, nearest

Casing = Literal["tokenizer", "keep", "lower"]
Overlong = Literal["windows", "cut"]

# Lowest and highest allowed value of a key, both allowed themselves.
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """A training run. Ranges are checked by `load_config`.

    Attributes:
        corpus: Name of a known corpus (`jnlpba`, `jnlpba-text`), or the path of another.
        corpus_path: Where the known corpus lies; empty for the default place.
        second_form: Name of a known corpus that has the same documents in another form, to learn
            from too; empty for none. Its given tokens are kept.
        taught: Folder that `biospan teach` left, to learn from too: an equal part of it in each
            epoch; empty for none.
        train_split: Split to learn from.
        dev_split: Split that picks the best epoch; never one called `test`.
        exclude: Ids of documents to leave out of training.
        train_documents: Learn from this many documents, chosen by a hash of their ids; 0 for all.
        judged_documents: This many training documents, chosen by another hash, are not learned
            from, so that settings can be judged on more than the development split.
        calibration_documents: This many training documents, chosen by yet another hash, are not
            learned from; export fits the calibration of scores to them. 0 for no calibration.
        encoder: Hub name, folder, or `package:NAME/FOLDER` for weights in a Python package;
            `biospan hub` makes a folder of a pinned revision.
        casing: What becomes of capitals: what the encoder's own `tokenizer` does, which is refused
            if it throws away what the vocabulary has; `keep` them; or `lower`, whatever it has.
        tokens: Drop the corpus's own tokens for `units`, or keep those `given`, which bound the
            entities.
        decisions: What gets a tag: `units`, also inside of given tokens, or `words`: the given
            tokens, and in raw text what is most like them.
        context: Cut windows from a `sentence` or from the whole `document`.
        max_pieces: Pieces of a window, special pieces included.
        overlong: What is learned of what does not fit in a window: all of it, in `windows` that
            overlap, or what is before the `cut`. Scores always count all of it.
        scheme: `IOB2` or `IOBES`.
        head: `softmax` decides on each token by itself, `crf` on the whole sentence.
        epochs: Passes over the training split.
        batch_size: Windows of one step.
        learning_rate: Peak of AdamW's rate, for every weight but a CRF's transitions.
        crf_learning_rate: Peak of the rate of a CRF's transitions, which see few gradients.
        warmup_ratio: Share of all steps over which the rate rises; it falls linearly after.
        weight_decay: Decoupled; not for biases and normalisation. With 0 it is plain Adam.
        dropout: Before the head, and in the encoder's hidden layers.
        attention_dropout: Of attention weights.
        hidden_tokens: Share of the tokens that are hidden from the encoder in a training step, so
            that it learns from what is around them.
        max_gradient_norm: Gradients are scaled down to this length.
        seed: Of weights, order and dropout.
        precision: Of the arithmetic; weights stay fp32. `bf16` is twice as fast on processors that
            have it, and slower on others.
        threads: Of torch in each process; 0 for its own default.
        compile: Whether torch compiles the model; measure whether that is faster where you are.
        checkpoint_minutes: A checkpoint is written this often, and after every epoch.
        pack: Precision of the stored weights: `fp32`, `fp16` or `int8`.
    """

    encoder: str
    corpus: str = "jnlpba-text"
    corpus_path: str = ""
    second_form: str = ""
    taught: str = ""
    train_split: str = "train"
    dev_split: str = "dev"
    exclude: tuple[str, ...] = ()
    train_documents: int = 0
    judged_documents: int = 0
    calibration_documents: int = 0
    casing: Casing = "tokenizer"
    tokens: Literal["units", "given"] = "units"
    decisions: Literal["units", "words"] = "units"
    context: Literal["sentence", "document"] = "sentence"
    max_pieces: int = 256
    overlong: Overlong = "windows"
    scheme: Literal["IOB2", "IOBES"] = "IOB2"
    head: Literal["softmax", "crf"] = "softmax"
    epochs: int = 5
    batch_size: int = 32
    learning_rate: float = 3e-4
    crf_learning_rate: float = 1e-2
    warmup_ratio: float = 0.1
    weight_decay: float = 0.01
    dropout: float = 0.1
    attention_dropout: float = 0.0
    hidden_tokens: float = 0.0
    max_gradient_norm: float = 1.0
    seed: int = 1
    precision: Literal["bf16", "fp32"] = "bf16"
    threads: int = 0
    compile: bool = False
    checkpoint_minutes: float = 10.0
    pack: Literal["fp32", "fp16", "int8"] = "int8"

    def __post_init__(self) -> None:
        problems = _split_problems(self.train_split, self.dev_split)
        if problems:
            raise ConfigError("\n".join(problems))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {**dataclasses.asdict(self), "exclude": list(self.exclude)}


_SPLITS = ("train_split", "dev_split")

_RANGES: Ranges = {
    "train_documents": (0, 10**9),
    "judged_documents": (0, 10**9),
    "calibration_documents": (0, 10**9),
    "max_pieces": (16, 8192),
    "epochs": (1, 1000),
    "batch_size": (1, 65536),
    "learning_rate": (1e-9, 1.0),
    "crf_learning_rate": (1e-9, 1.0),
    "warmup_ratio": (0.0, 1.0),
    "weight_decay": (0.0, 1.0),
    "dropout": (0.0, 0.9),
    "attention_dropout": (0.0, 0.9),
    "hidden_tokens": (0.0, 0.9),
    "max_gradient_norm": (1e-6, 1e6),
    "seed": (0, 2**32 - 1),
    "threads": (0, 4096),
    "checkpoint_minutes": (0.0, 1e6),
}


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a recipe, apply `key=value` overrides, and check it all.

    Raises:
        MissingInputError: If there is no such file.
        ConfigError: With every unknown key, wrong type and bad value at once.
    """
    values, problems = read_recipe(path, overrides)
    return from_mapping(values, where=str(path), problems=problems)


def read_recipe(
    path: str | Path, overrides: Sequence[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """A recipe's values with `key=value` overrides, unchecked, and overrides that are not so.

    Raises:
        MissingInputError: If there is no such file.
        ConfigError: If it is not TOML.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingInputError(f"{path}: no such recipe")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    problems = []
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            problems.append(f"--set {override}: expected `key=value`")
            continue
        values[key.strip()] = _override_value(value.strip())
    return values, problems


def from_mapping(
    values: Mapping[str, Any], *, where: str = "recipe", problems: Sequence[str] = ()
) -> TrainConfig:
    """Build a TrainConfig from plain values.

    Raises:
        ConfigError: With every unknown key, wrong type and bad value at once.
    """
    found = list(problems)
    if "search" in values:
        found.append(f"{where}: holds a table `[search]`: start it with `biospan search`")
        values = {key: value for key, value in values.items() if key != "search"}
    checked, wrong = check_all(values, TrainConfig, _RANGES, where)
    found += wrong
    splits = [checked.get(key, TrainConfig.__dataclass_fields__[key].default) for key in _SPLITS]
    found += [f"{where}: {problem}" for problem in _split_problems(*splits)]
    if found:
        raise ConfigError("\n".join(found))
    return TrainConfig(**checked)


def _split_problems(train_split: str, dev_split: str) -> list[str]:
    found = [
        f"`{key}` is `{split}`: choosing on the evaluation data is refused"
        for key, split in zip(_SPLITS, (train_split, dev_split), strict=True)
        if split.strip().lower() == "test"
    ]
    if train_split == dev_split:
        found.append(f"`train_split` and `dev_split` are both `{dev_split}`")
    return found


def _override_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def check_all(
    values: Mapping[str, Any], recipe: type, ranges: Ranges, where: str
) -> tuple[dict[str, Any], list[str]]:
    """The values of a recipe's fields, and all that is wrong with them."""
    hints = get_type_hints(recipe)
    checked, found = {}, []
    for key, value in values.items():
        if key not in hints:
            found.append(f"{where}: unknown key `{key}`. {nearest(key, hints)}")
            continue
        try:
            checked[key] = check(key, value, hints[key], ranges)
        except ValueError as error:
            found.append(f"{where}: {error}")
    found += [
        f"{where}: key `{field.name}` is missing"
        for field in dataclasses.fields(recipe)
        if field.default is dataclasses.MISSING and field.name not in values
    ]
    return checked, found


def check(key: str, value: Any, hint: Any, ranges: Ranges) -> Any:
    """A value of a recipe, as its key's type says.

    Raises:
        ValueError: If it is of another type, or out of its range.
    """
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        if value not in choices:
            raise ValueError(f"`{key}` is {value!r}, expected one of {', '.join(choices)}")
        return value
    if get_origin(hint) is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"`{key}` is {value!r}, expected a list of strings")
        return tuple(value)
    expected = {bool: (bool,), int: (int,), float: (int, float), str: (str,)}[hint]
    if not isinstance(value, expected) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(f"`{key}` is {value!r}, expected {hint.__name__}")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return value
    low, high = ranges[key]
    if not low <= value <= high:
        raise ValueError(f"`{key}` is {value}, expected {low} to {high}")
    return hint(value)
