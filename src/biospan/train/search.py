"""`search`: many training runs, and the recipe of the best.

Workers, here and on other machines, share one Optuna study. Each makes one trial after another in
a run folder of its own with `loop.fit`, scored on the development split, and the score of every
epoch goes to the study. A search that was killed goes on where it was (see `claims`).
"""

import json
import logging
import time
from functools import partial
from pathlib import Path

import optuna
from optuna.trial import Trial, TrialState

from biospan.errors import BiospanError, ConfigError
from biospan.lock import locked
from biospan.scoring import Report
from biospan.train import checkpoint, loop, study, workers
from biospan.train.claims import trial_folder, trials_of
from biospan.train.outcome import REASON, SECONDS, Outcome
from biospan.train.run import WEIGHTS_FILE
from biospan.train.space import SearchConfig

logger = logging.getLogger(__name__)

SETTINGS_FILE = "search.json"


def search(
    config: SearchConfig,
    folder: str | Path,
    *,
    n_workers: int = 1,
    take_over: bool = False,
    say: workers.Say = lambda line: None,
) -> Outcome:
    """Make the trials that are missing, and write what came of all of them to `folder`.

    Start it again to go on with a search that was interrupted; start it in another folder with
    the same recipe, whose `storage` all can reach, to take part in it.

    Args:
        config: The search.
        folder: Holds `trials/NNN`, the run folder of each trial, and the files of `Outcome.write`.
        n_workers: Processes on this machine.
        take_over: Go on with trials that other folders began, for their machines are gone.
        say: Called with a line for each epoch and trial.

    Raises:
        ConfigError: If `folder` holds another search, or one with more trials already, or not a
            single trial could be finished.
        MissingInputError: If the corpus is not there.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _check_same(config, folder)
    claims = study.join(config, folder)
    n_made = len(trials_of(claims.study))
    if n_made > config.trials:
        raise ConfigError(
            f"{folder}: `trials` is {config.trials}, but the search has {n_made} trials already: "
            "expected as many or more"
        )
    if take_over:
        claims.take_over()
    work = partial(_work, config, folder, n_workers)
    if n_workers == 1:
        work(say)
    else:
        workers.run(work, n_workers, say)
    elsewhere = claims.elsewhere()
    if elsewhere:
        say(
            f"trials {', '.join(map(str, elsewhere))} are under way in other folders; when their "
            "machines are gone, take them over"
        )
    found = Outcome.of(claims.study, config)
    found.write(folder)
    return found


def _check_same(config: SearchConfig, folder: Path) -> None:
    """Refuse to mix two searches in one folder."""
    path = folder / SETTINGS_FILE
    settings = study.settings(config)
    if not path.is_file():
        checkpoint.write_whole(path, checkpoint.as_text(settings))
    earlier = json.loads(path.read_text(encoding="utf-8"))
    # As text, for the order of keys is part of the study's name, and decides a grid's points.
    changed = [key for key in settings if json.dumps(settings[key]) != json.dumps(earlier.get(key))]
    if changed:
        raise ConfigError(
            f"{folder}: holds a search with another {', '.join(f'`{key}`' for key in changed)}: "
            "take another folder, or the recipe that it was begun with, in its order"
        )


def _work(config: SearchConfig, folder: Path, n_workers: int, say: workers.Say) -> None:
    """Make one trial after another until there are enough."""
    claims = study.join(config, folder)
    while True:
        with claims.next() as trial:
            if trial is None:
                return
            _make(config, trial, folder, say)
        _remove_weights(claims.study, folder)
        say(Outcome.of(claims.study, config).line(trial.number, n_workers))


def _make(config: SearchConfig, trial: Trial, folder: Path, say: workers.Say) -> None:
    """Train one trial to its end, of whatever kind, and tell the study."""
    run_config = config.train_config(study.point(config, trial))
    known = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values.keys()
    reported = set(known)  # before it was interrupted
    started = time.monotonic()

    def on_step(progress: loop.Progress) -> None:
        workers.stop_if_alone()

    def on_epoch(epoch: int, report: Report) -> None:
        score = report.spans.micro.f1
        say(f"trial {trial.number}, epoch {epoch}: development micro F1 {score:.4f}")
        if epoch not in reported:
            trial.report(score, epoch)
        if epoch < run_config.epochs and trial.should_prune():
            raise optuna.TrialPruned

    def tell(state: TrialState, score: float | None = None, reason: str = "") -> None:
        trial.set_user_attr(SECONDS, round(time.monotonic() - started, 1))
        trial.set_user_attr(REASON, reason)
        trial.study.tell(trial, score, state=state)

    place = trial_folder(folder, trial.number)
    try:
        run = loop.fit(run_config, place, on_step=on_step, on_epoch=on_epoch)
    except optuna.TrialPruned:
        tell(TrialState.PRUNED)
    except ConfigError as error:  # it diverged, or its settings do not go together
        tell(TrialState.FAIL, reason=str(error))
    except (BiospanError, OSError) as error:
        # What no trial could do without: a corpus, space on the disk.
        error.add_note(f"in trial {trial.number}, {place}: start again to go on with it")
        raise
    except Exception as error:
        logger.warning("trial %d", trial.number, exc_info=True)
        tell(TrialState.FAIL, reason=f"{type(error).__name__}: {error}")
    else:
        tell(TrialState.COMPLETE, max(epoch["micro_f1"] for epoch in run.record["epochs"]))


def _remove_weights(claimed: optuna.Study, folder: Path) -> None:
    """Keep the best trial's weights only; records, tables and recipes stay."""
    with locked(folder / "weights.lock"):
        trials = claimed.get_trials(deepcopy=False)
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        best = max(complete, key=lambda trial: trial.value or 0.0, default=None)
        for trial in trials:
            if trial.state.is_finished() and trial is not best:
                place = trial_folder(folder, trial.number)
                (place / WEIGHTS_FILE).unlink(missing_ok=True)
                checkpoint.remove(place / loop.CHECKPOINTS)
