"""Which worker makes which trial of a search: none twice, none forgotten.

A worker holds the lock on its trial's file while it makes it. The system lets go of a lock when its
process ends, however it ends. So a trial that the storage says is under way but whose lock is free
was interrupted, and the next worker goes on with it; no heartbeat has to time out first. That can
be told of a folder's own trials only. Those of another folder, so of another machine, are left to
it until someone who knows that it is gone says so (`take_over`).
"""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from biospan.lock import locked

LOCK_FILE = "lock"
_OWNER = "folder"


@dataclass(frozen=True, slots=True)
class Claims:
    """One folder's part in a study.

    Attributes:
        study: The study.
        folder: Where this worker, and others beside it, make their trials.
        n_trials: Of the whole study.
        shared: Whether workers in other folders take part.
    """

    study: optuna.Study
    folder: Path
    n_trials: int
    shared: bool

    @contextmanager
    def next(self) -> Iterator[Trial | None]:
        """The trial to make next, held until the context is left; None if there is none.

        One that was interrupted comes first, then a new one while there are too few.
        """
        owner = _identity(self.folder)
        with ExitStack() as held:
            with locked(self.folder / LOCK_FILE):
                trial = self._interrupted(owner, held) or self._new(owner, held)
            yield trial

    def take_over(self) -> None:
        """Make all trials that are under way this folder's, so that it goes on with them."""
        for frozen in self._under_way():
            _adopt(self.study, frozen).set_user_attr(_OWNER, _identity(self.folder))

    def elsewhere(self) -> list[int]:
        """Numbers of the trials that are under way in other folders."""
        own = _identity(self.folder)
        return [trial.number for trial in self._under_way() if self._owner(trial, own) != own]

    def _interrupted(self, owner: str, held: ExitStack) -> Trial | None:
        for frozen in self._under_way():
            if self._owner(frozen, owner) != owner:
                continue
            free = held.enter_context(locked(self._lock_file(frozen.number), wait=False))
            # Its worker may have finished it after it was listed, and only then let go of it.
            if free and frozen.number in [trial.number for trial in self._under_way()]:
                trial = _adopt(self.study, frozen)
                trial.set_user_attr(_OWNER, owner)
                return trial
        return None

    def _new(self, owner: str, held: ExitStack) -> Trial | None:
        if len(trials_of(self.study)) >= self.n_trials:
            return None
        trial = self.study.ask()
        before = [other for other in trials_of(self.study) if other.number < trial.number]
        if len(before) >= self.n_trials:  # another machine took the last one in between
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        trial.set_user_attr(_OWNER, owner)
        held.enter_context(locked(self._lock_file(trial.number)))
        return trial

    def _under_way(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _owner(self, trial: FrozenTrial, own: str) -> str:
        """A trial that was asked for a moment ago has no owner yet; in a study of one, it is us."""
        return str(trial.user_attrs.get(_OWNER, "" if self.shared else own))

    def _lock_file(self, number: int) -> Path:
        return trial_folder(self.folder, number) / LOCK_FILE


def trials_of(study: optuna.Study) -> list[FrozenTrial]:
    """A study's trials by number, but for those that nobody made: given back at once by `next`."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state != TrialState.FAIL or _OWNER in trial.user_attrs
    ]


def trial_folder(folder: Path, number: int) -> Path:
    """Where a trial is made."""
    return folder / "trials" / f"{number:03}"


def _adopt(study: optuna.Study, frozen: FrozenTrial) -> Trial:
    """The trial as something that can be reported to and told again."""
    return Trial(study, frozen._trial_id)


def _identity(folder: Path) -> str:
    """A name that no other folder has, not even one of the same path on another machine."""
    path = folder / "folder.id"
    with locked(folder / LOCK_FILE):
        if not path.is_file():
            path.write_text(uuid.uuid4().hex)
        return path.read_text()
