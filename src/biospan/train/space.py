"""Search recipes: a recipe with a table `[search]`, checked whole before torch is loaded.

    [search]
    method = "grid"            # or "tpe", with `trials`

    [search.space]
    learning_rate = [1e-4, 3e-4]
    batch_size = { low = 16, high = 64, step = 16 }

Says which points there are; `search` tries them.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from biospan.errors import ConfigError, nearest
from biospan.train.config import TrainConfig, from_mapping, read_recipe

METHODS = ("grid", "tpe")
PRUNING = ("none", "median", "halving")
MAX_TRIALS = 10_000

_SAME = "every trial is to be scored on the same documents in the same way"
_NO_EFFECT = "it does not change the score"
_FIXED = {
    **dict.fromkeys(("corpus", "corpus_path", "dev_split", "tokens"), _SAME),
    **dict.fromkeys(("train_split", "exclude"), "what is learnt from is set by `train_documents`"),
    **dict.fromkeys(("pack", "checkpoint_minutes"), _NO_EFFECT),
}


@dataclass(frozen=True, slots=True)
class Range:
    """All numbers from `low` to `high`, both included.

    Attributes:
        low: Whole if the setting is.
        high: Above `low`.
        step: Distance of neighbours from `low` on; None for every number in between.
        log: Whether numbers are drawn on a logarithmic scale.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """A search, as `load_search` checked it.

    Attributes:
        base: Settings that all trials share.
        space: Choices or a range for each setting that is searched.
        method: `grid` tries every combination, `tpe` what looks promising after those before.
        trials: How many.
        points: The settings of a grid's trials, the last key of the recipe changing fastest.
        pruning: `none`, or which trials are ended early: those below the `median` of the others
            at the same epoch, or by successive `halving`.
        storage: Optuna's URL of a data base, or a journal file; empty for one in the output folder.
        seed: Of what `tpe` draws.
    """

    base: Mapping[str, Any]
    space: Mapping[str, tuple[Any, ...] | Range]
    method: str
    trials: int
    pruning: str
    storage: str
    seed: int
    points: tuple[Mapping[str, Any], ...] = ()

    def train_config(self, point: Mapping[str, Any]) -> TrainConfig:
        """The recipe of one trial."""
        return from_mapping({**self.base, **point})


def load_search(path: str | Path, overrides: Sequence[str] = ()) -> SearchConfig:
    """Read a search recipe, apply `key=value` and `search.key=value` overrides, and check it all.

    Raises:
        MissingInputError: If there is no such file.
        ConfigError: With every unknown key, wrong type and bad value at once.
    """
    values, problems = read_recipe(path, overrides)
    table = values.pop("search", None)
    if not isinstance(table, dict):
        problems.append(f"{path}: no table `[search]`: a recipe for `biospan train`?")
        table = {}
    for key in [key for key in values if key.startswith("search.")]:
        table[key.removeprefix("search.")] = values.pop(key)
    raw_space = table.pop("space", None)
    settings = _settings(table, f"{path}: [search]", problems)
    space = _space(raw_space, settings["method"], f"{path}: [search.space]", problems)
    # An encoder may be searched; then the rest of the recipe is checked with any.
    placeholder = {"encoder": "searched"} if "encoder" in space else {}
    try:
        from_mapping({**placeholder, **values}, where=str(path))
    except ConfigError as error:
        problems.append(str(error))
    points = (
        _grid(space, f"{path}: [search.space]", problems) if settings["method"] == "grid" else ()
    )
    if problems:
        raise ConfigError("\n".join(problems))
    return SearchConfig(
        base=values,
        space=space,
        points=points,
        **{**settings, "trials": len(points) or settings["trials"]},
    )


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


# Default, rule, and the rule in words.
_SETTINGS: dict[str, tuple[Any, Callable[[Any], bool], str]] = {
    "method": ("grid", lambda value: value in METHODS, f"one of {', '.join(METHODS)}"),
    "trials": (0, _whole(1, MAX_TRIALS), f"a whole number from 1 to {MAX_TRIALS}"),
    "pruning": ("none", lambda value: value in PRUNING, f"one of {', '.join(PRUNING)}"),
    "storage": ("", lambda value: isinstance(value, str), "a URL or a file's path"),
    "seed": (1, _whole(0, 2**32 - 1), "a whole number from 0 to 4294967295"),
}


def _settings(table: Mapping[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    settings = {key: default for key, (default, _, _) in _SETTINGS.items()}
    for key, value in table.items():
        if key not in _SETTINGS:
            problems.append(f"{where}: unknown key `{key}`. {nearest(key, (*_SETTINGS, 'space'))}")
            continue
        _, holds, rule = _SETTINGS[key]
        if not holds(value):
            problems.append(f"{where}: `{key}` is {value!r}, expected {rule}")
        else:
            settings[key] = value
    if settings["method"] == "tpe" and "trials" not in table:
        problems.append(f"{where}: `trials` is missing: how many `tpe` is to make")
    if settings["method"] == "grid" and "trials" in table:
        problems.append(
            f"{where}: `trials` is set, but a grid has as many as its lists multiply to"
        )
    return settings


def _space(
    raw: Any, method: str, where: str, problems: list[str]
) -> dict[str, tuple[Any, ...] | Range]:
    if not isinstance(raw, dict) or not raw:
        problems.append(f"{where}: is missing or empty: a table of settings to search")
        return {}
    hints = get_type_hints(TrainConfig)
    space = {}
    for key, given in raw.items():
        if key not in hints:
            problems.append(f"{where}: unknown key `{key}`. {nearest(key, hints)}")
        elif key in _FIXED:
            problems.append(f"{where}: `{key}` cannot be searched: {_FIXED[key]}")
        else:
            try:
                space[key] = _dimension(key, given, where, grid=method == "grid")
            except ConfigError as error:
                problems.append(str(error))
    return space


def _grid(
    space: Mapping[str, tuple[Any, ...] | Range], where: str, problems: list[str]
) -> tuple[dict[str, Any], ...]:
    lists = [choices for choices in space.values() if isinstance(choices, tuple)]
    n_points = math.prod(len(choices) for choices in lists)
    if n_points > MAX_TRIALS:
        problems.append(f"{where}: a grid of {n_points:,} trials, expected {MAX_TRIALS:,} at most")
        return ()
    return tuple(dict(zip(space, point, strict=True)) for point in itertools.product(*lists))


def _dimension(key: str, given: Any, where: str, *, grid: bool) -> tuple[Any, ...] | Range:
    """Choices or range of one setting; a grid's ranges are written out."""
    if isinstance(given, list) and given:
        return _choices(key, given, where)
    if isinstance(given, dict):
        values = _range(key, given, where)
        if not grid:
            return values
        if values.step is None:
            raise ConfigError(f"{where}: `{key}`: a grid needs a list, or a range with a `step`")
        n_steps = round((values.high - values.low) / values.step)
        # Twelve digits: 0.1 + 2 * 0.1 is to be 0.3.
        numbers = [float(f"{values.low + i * values.step:.12g}") for i in range(n_steps + 1)]
        return tuple(type(values.low)(number) for number in numbers)
    raise ConfigError(
        f"{where}: `{key}` is {given!r}, expected a list of choices or "
        "{ low = ..., high = ..., log = true, step = ... }"
    )


def _choices(key: str, given: list[Any], where: str) -> tuple[Any, ...]:
    """The choices as the recipe's types, none twice."""
    problems = []
    choices = []
    for value in given:
        try:
            choices.append(_checked(key, value, where))
        except ConfigError as error:
            problems.append(str(error))
    repeated = {value for value in choices if choices.count(value) > 1}
    problems += [f"{where}: `{key}`: {value!r} is listed twice" for value in sorted(repeated)]
    if problems:
        raise ConfigError("\n".join(problems))
    return tuple(choices)


def _range(key: str, given: Mapping[str, Any], where: str) -> Range:
    names = tuple(Range.__dataclass_fields__)
    numbers = {name: given[name] for name in ("low", "high", "step") if name in given}
    log = given.get("log", False)
    whole = get_type_hints(TrainConfig)[key] is int
    problems = [f"unknown key `{name}`. {nearest(name, names)}" for name in given.keys() - names]
    problems += [f"`{name}` is missing" for name in ("low", "high") if name not in given]
    if get_type_hints(TrainConfig)[key] not in (int, float):
        problems = ["is no number: expected a list of choices"]
    elif any(type(n) not in ((int,) if whole else (int, float)) for n in numbers.values()):
        problems.append(f"got {numbers}, expected {'whole ' if whole else ''}numbers")
    elif {"low", "high"} <= numbers.keys() and not numbers["low"] < numbers["high"]:
        problems.append(f"`low` is {numbers['low']}, expected less than `high`")
    elif not numbers.get("step", 1) > 0:
        problems.append(f"`step` is {numbers['step']}, expected more than 0")
    if not isinstance(log, bool):
        problems.append(f"`log` is {log!r}, expected true or false")
    elif log and "step" in given:
        problems.append("`log` and `step` exclude each other")
    elif log and not problems and numbers["low"] <= 0:
        problems.append(f"`low` is {numbers['low']}, expected more than 0 with `log`")
    if problems:
        raise ConfigError("\n".join(f"{where}: `{key}`: {problem}" for problem in problems))
    low, high = (_checked(key, numbers[name], where) for name in ("low", "high"))
    step = numbers.get("step")
    n_steps = (high - low) / (step or 1)
    if step and (n_steps < 1 or abs(n_steps - round(n_steps)) > 1e-6):
        raise ConfigError(f"{where}: `{key}`: no whole number of steps of {step} leads to `high`")
    return Range(low, high, step, log)


def _checked(key: str, value: Any, where: str) -> Any:
    """The value as a recipe would hold it."""
    return getattr(from_mapping({"encoder": "any", key: value}, where=where), key)
