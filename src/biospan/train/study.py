"""A search as an Optuna study: its name, storage, pruner, and what each trial is to try."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial

from biospan.errors import ConfigError
from biospan.train.claims import Claims
from biospan.train.space import Range, SearchConfig

JOURNAL_FILE = "journal.log"


def settings(config: SearchConfig) -> dict[str, Any]:
    """What makes a search this one. More trials or another storage do not make it another."""
    space = {
        key: {name: getattr(choices, name) for name in Range.__slots__}
        if isinstance(choices, Range)
        else list(choices)
        for key, choices in config.space.items()
    }
    own = {"method": config.method, "pruning": config.pruning, "seed": config.seed}
    return {"recipe": dict(config.base), "space": space, **own}


def join(config: SearchConfig, folder: Path) -> Claims:
    """The study, made by whoever comes first, and this folder's part in it.

    Raises:
        ConfigError: If the storage cannot be used.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # the search tells it all
    storage = _storage(config, folder)
    name = sha256(json.dumps(settings(config)).encode()).hexdigest()[:16]
    study = optuna.create_study(
        study_name=f"biospan-{name}",
        storage=storage,
        direction="maximize",
        pruner=_pruner(config),
        load_if_exists=True,
    )
    return Claims(study, folder, config.trials, shared=bool(config.storage))


def _storage(config: SearchConfig, folder: Path) -> optuna.storages.BaseStorage:
    if "://" not in config.storage:
        path = config.storage or str(folder / JOURNAL_FILE)
        return JournalStorage(JournalFileBackend(path))
    try:
        return RDBStorage(config.storage)
    except Exception as error:  # of the driver, of which there are many
        shown = config.storage.rpartition("@")[2]  # without user and password
        raise ConfigError(f"`storage` {shown} cannot be used: {error}") from error


def _pruner(config: SearchConfig) -> optuna.pruners.BasePruner:
    if config.pruning == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=4)
    if config.pruning == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(reduction_factor=2)
    return optuna.pruners.NopPruner()


class _GridSampler(optuna.samplers.BaseSampler):
    """Gives trial n the n-th point. Optuna's own may give one point to two workers at once."""

    def __init__(self, points: tuple[Mapping[str, Any], ...]) -> None:
        self._points = points

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._points[trial.number][param_name]


def point(config: SearchConfig, trial: Trial) -> dict[str, Any]:
    """The trial's settings, drawn now unless they were before it was interrupted."""
    if config.method == "grid":
        trial.study.sampler = _GridSampler(config.points)
    else:
        # A seed for each trial: workers with one and the same would all draw the same.
        seed = np.random.SeedSequence([config.seed, trial.number]).generate_state(1)[0]
        trial.study.sampler = optuna.samplers.TPESampler(seed=int(seed), constant_liar=True)
    return {key: _suggest(trial, key, choices) for key, choices in config.space.items()}


def _suggest(trial: Trial, key: str, choices: tuple[Any, ...] | Range) -> Any:
    if not isinstance(choices, Range):
        return trial.suggest_categorical(key, choices)
    if isinstance(choices.low, int):
        step = int(choices.step or 1)
        return trial.suggest_int(key, choices.low, int(choices.high), step=step, log=choices.log)
    return trial.suggest_float(key, choices.low, choices.high, step=choices.step, log=choices.log)
