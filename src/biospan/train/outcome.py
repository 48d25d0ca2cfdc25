"""What came of a search: tables, pictures, and the best trial's recipe."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from biospan.errors import ConfigError
from biospan.train import plots
from biospan.train.claims import trials_of
from biospan.train.config import TrainConfig
from biospan.train.space import SearchConfig

REASON, SECONDS = "reason", "seconds"  # attributes of a trial
MIN_FOR_IMPORTANCE = 4  # complete trials

_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "under way",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One trial.

    Attributes:
        number: From 0 on.
        state: `complete`, `pruned`, `failed` or `under way`.
        micro_f1: Best on the development split so far; None before the first epoch's end.
        epoch: Of that score.
        settings: What was searched.
        seconds: Of the process that ended it; None while it is under way.
        reason: Why it failed.
    """

    number: int
    state: str
    micro_f1: float | None
    epoch: int | None
    settings: dict[str, Any]
    seconds: float | None
    reason: str

    @classmethod
    def of(cls, trial: FrozenTrial) -> "Row":
        """The row of an Optuna trial."""
        scores = trial.intermediate_values
        epoch = max(scores, key=lambda epoch: scores[epoch], default=0)
        complete = trial.state == TrialState.COMPLETE
        return cls(
            number=trial.number,
            state=_STATES[trial.state],
            micro_f1=trial.value if complete else scores.get(epoch),
            epoch=epoch or None,
            settings=dict(trial.params),
            seconds=trial.user_attrs.get(SECONDS),
            reason=trial.user_attrs.get(REASON, ""),
        )

    def cells(self, keys: Sequence[str]) -> list[str]:
        """Text of the row's cells, as `HEADER` and the settings `keys` name them."""
        score = "" if self.micro_f1 is None else f"{self.micro_f1:.4f}"
        seconds = "" if self.seconds is None else f"{self.seconds:.0f}"
        values = [str(self.settings.get(key, "")) for key in keys]
        epoch = "" if self.epoch is None else str(self.epoch)
        reason = " ".join(self.reason.split())
        return [str(self.number), *values, score, epoch, seconds, self.state, reason]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All trials of a search.

    Attributes:
        config: The search.
        rows: By number.
        importance: Share of each setting in what sets the best tenth of the trials apart; empty
            where there are too few trials to say.
    """

    config: SearchConfig
    rows: tuple[Row, ...]
    importance: dict[str, float]

    @classmethod
    def of(cls, study: optuna.Study, config: SearchConfig) -> "Outcome":
        """What a study holds by now."""
        rows = tuple(Row.of(trial) for trial in trials_of(study))
        n_complete = sum(row.state == "complete" for row in rows)
        if n_complete < MIN_FOR_IMPORTANCE:
            return cls(config, rows, {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that few trials say little is for the docs
            importance = optuna.importance.get_param_importances(
                study, evaluator=optuna.importance.PedAnovaImportanceEvaluator()
            )
        return cls(config, rows, importance)

    @property
    def best(self) -> Row:
        """The complete trial with the highest score, the earliest of equals.

        Raises:
            ConfigError: If there is none, with the reasons.
        """
        complete = [row for row in self.rows if row.state == "complete"]
        if not complete:
            reasons = dict.fromkeys(row.reason for row in self.rows if row.reason)
            raise ConfigError("\n".join(["no trial of the search was finished", *reasons]))
        return max(complete, key=lambda row: row.micro_f1 or 0.0)

    def line(self, number: int, n_workers: int) -> str:
        """What to say of a trial that has ended, and of how far the search is."""
        row = next(row for row in self.rows if row.number == number)
        score = "no score" if row.micro_f1 is None else f"micro F1 {row.micro_f1:.4f}"
        settings = ", ".join(f"{key} = {value}" for key, value in row.settings.items())
        ended = [row for row in self.rows if row.seconds is not None]
        complete = any(row.state == "complete" for row in self.rows)
        best = f", best {self.best.micro_f1:.4f} (trial {self.best.number})" if complete else ""
        mean = sum(row.seconds or 0.0 for row in ended) / max(1, len(ended))
        minutes = mean * max(0, self.config.trials - len(ended)) / n_workers / 60
        reason = f": {row.reason}" if row.reason else ""
        return (
            f"trial {number} {row.state}{reason}: {score}, {settings}; {len(ended)} of "
            f"{self.config.trials} trials made{best}, eta {minutes:.0f} min"
        )

    def to_markdown(self) -> str:
        """A table, best first."""
        keys = list(self.config.space)
        order = sorted(self.rows, key=lambda row: (-(row.micro_f1 or -1.0), row.number))
        lines = [_header(keys), ["---"] * len(_header(keys))]
        lines += [[cell.replace("|", "\\|") for cell in row.cells(keys)] for row in order]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)

    def to_tsv(self) -> str:
        """A table by number; the last field is the reason of a failure, on one line."""
        keys = list(self.config.space)
        lines = [_header(keys), *(row.cells(keys) for row in self.rows)]
        return "".join("\t".join(cells) + "\n" for cells in lines)

    def best_config(self) -> TrainConfig:
        """The best trial's recipe, every key of it."""
        return self.config.train_config(self.best.settings)

    def write(self, folder: Path) -> None:
        """Write `trials.tsv`, `trials.md`, `history.png`, `importance.png` and `best.toml`.

        Raises:
            ConfigError: If no trial was finished; the tables are written all the same.
        """
        (folder / "trials.tsv").write_text(self.to_tsv(), encoding="utf-8")
        (folder / "trials.md").write_text(self.to_markdown(), encoding="utf-8")
        scored = [(row.number, row.micro_f1, row.state) for row in self.rows]
        plots.history(
            [(n, f1, state) for n, f1, state in scored if f1 is not None], folder / "history.png"
        )
        if self.importance:
            plots.importance(self.importance, folder / "importance.png")
        best = self.best
        origin = (
            f"# Trial {best.number} of {len(self.rows)}: development micro F1 {best.micro_f1:.4f}."
        )
        (folder / "best.toml").write_text(
            f"{origin}\n{to_toml(self.best_config())}", encoding="utf-8"
        )


def _header(keys: Sequence[str]) -> list[str]:
    return ["trial", *keys, "micro F1", "epoch", "seconds", "state", "reason"]


def to_toml(config: TrainConfig) -> str:
    """A recipe that `load_config` reads as `config`."""
    return "".join(f"{key} = {_toml(value)}\n" for key, value in config.to_dict().items())


def _toml(value: Any) -> str:
    # JSON's strings, numbers, booleans and lists are TOML's, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
