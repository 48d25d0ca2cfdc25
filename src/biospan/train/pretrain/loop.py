"""`pretrain`: from a recipe and plain text to an encoder that `train` can begin with.

Every step follows from the recipe, the step's number and the weights before it, so that a run
that was killed goes on bit by bit as if it had not been.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from biospan.errors import ConfigError, LockedError, StoppedError
from biospan.lock import locked
from biospan.train import checkpoint, parallel
from biospan.train import record as records
from biospan.train.model import arithmetic
from biospan.train.optimizer import set_rates
from biospan.train.parallel import Processes
from biospan.train.pretrain import windows
from biospan.train.pretrain.config import PretrainConfig, from_mapping
from biospan.train.pretrain.model import MASK, SPECIAL, MaskedLanguageModel
from biospan.train.pretrain.run import TOKENIZER_FILE, Run, start

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
LOCK_FILE = "run.lock"
WEIGHTS_FILE = "model.safetensors"
_ADAM = ("step", "exp_avg", "exp_avg_sq")  # what it knows of each weight
# What may differ between a run and its resumption; of the text, the files' contents may not.
_INCIDENTAL = frozenset({"checkpoint_minutes", "text"})

OnStep = Callable[["Progress"], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run says of itself after each step; `loss` is per hidden piece."""

    step: int
    n_steps: int
    loss: float
    learning_rate: float


def pretrain(
    config: PretrainConfig,
    folder: str | Path,
    *,
    restart: bool = False,
    on_step: OnStep = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Adapt an encoder to text and write it to `folder`, as transformers stores models.

    A run that is there already is gone on with, or, if it is finished, left as it is.

    Args:
        config: The recipe.
        folder: Of the run.
        restart: Start anew whatever is there.
        on_step: Called after each step.
        should_stop: Asked after each step; on True the run writes a checkpoint and stops.

    Returns:
        The record of the run.

    Raises:
        ConfigError: If the recipe does not fit its encoder, or is not that of the run in `folder`,
            or if the loss is not finite.
        InputError: If text or corpus cannot be read, or are not those of the run in `folder`.
        StoppedError: If it was told to stop.
        LockedError: If another process trains in `folder`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    processes = parallel.join()
    with ExitStack() as stack:
        if processes.rank == 0 and not stack.enter_context(locked(folder / LOCK_FILE, wait=False)):
            raise LockedError(f"{folder}: another process is training there")
        if restart:
            _forget(folder, processes)
        before = _before(config, folder)
        if before is not None and before["finished"]:
            return before
        run = start(config, folder, processes, before)
        training = _Training(run, folder, processes)
        if before is not None:
            training.resume(before)
        training.go(on_step, should_stop)
    return run.record


def _forget(folder: Path, processes: Processes) -> None:
    """Remove what an earlier run left."""
    if processes.rank == 0:
        checkpoint.remove(folder / CHECKPOINTS)
        for name in (records.RECORD_FILE, records.LOG_FILE, TOKENIZER_FILE, WEIGHTS_FILE):
            (folder / name).unlink(missing_ok=True)
    processes.wait()


def _before(config: PretrainConfig, folder: Path) -> dict[str, Any] | None:
    """The record of the run that is in a folder, if there is one, and it is of this recipe."""
    path = folder / records.RECORD_FILE
    if not path.is_file():
        return None
    before = records.read(folder)
    # Keys that an older version did not know are as they were then: at their defaults.
    old = from_mapping(before["recipe"], where=str(path)).to_dict()
    records.check_recipe(old, config.to_dict(), folder, may_differ=_INCIDENTAL)
    return before


class _Training:
    """The state of a run between two steps."""

    def __init__(self, run: Run, folder: Path, processes: Processes) -> None:
        self._run, self._folder, self._processes = run, folder, processes
        self._config, self._model = run.config, run.model
        self._optimizer = _optimizer(run.config, run.model)
        self._step = 0
        self._started = time.monotonic()

    def resume(self, before: Mapping[str, Any]) -> None:
        """Take up the newest checkpoint of a run, if there is one."""
        record = self._run.record
        for key in ("commit", "packages", "machine"):
            if before.get(key) != record[key]:
                logger.warning(
                    "%s: `%s` has changed since the run began: the result may differ in last bits",
                    self._folder,
                    key,
                )
        found = checkpoint.newest(self._folder / CHECKPOINTS)
        if found is None:
            return
        record.clear()
        record.update(before, resumed=[*found.notes["resumed"], found.step])
        self._step = found.step
        self._started -= found.notes["seconds"]
        for name, weight in self._model.named_parameters():
            weight.data.copy_(found.tensors[f"model.{name}"])
            self._optimizer.state[weight] = {
                part: found.tensors[f"{part}.{name}"].to(weight.device) for part in _ADAM
            }

    def _save(self, log: records.Log | None) -> None:
        if log is None:
            return
        log.sync()
        tensors = {}
        for name, weight in self._model.named_parameters():
            tensors[f"model.{name}"] = weight.data
            for part in _ADAM:
                tensors[f"{part}.{name}"] = self._optimizer.state[weight][part]
        notes = {"resumed": self._run.record.get("resumed", []), "seconds": self._seconds()}
        checkpoint.write(
            self._folder / CHECKPOINTS, checkpoint.Checkpoint(self._step, tensors, notes)
        )

    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 1)

    def go(self, on_step: OnStep, should_stop: Callable[[], bool]) -> None:
        """Make the steps that are left, and write the encoder."""
        log = records.Log(self._folder, self._step) if self._processes.rank == 0 else None
        if log is not None:
            records.write(self._run.record, self._folder)
        saved = time.monotonic()
        try:
            while self._step < self._run.n_steps:
                progress = self._make_step()
                if log is not None:
                    log.add(progress.step, 1, progress.loss, progress.learning_rate)
                on_step(progress)
                stop = self._processes.any(should_stop())
                if stop or time.monotonic() - saved >= 60 * self._config.checkpoint_minutes:
                    self._save(log)
                    saved = time.monotonic()
                if stop:
                    raise StoppedError(
                        f"{self._folder}: stopped after step {self._step} of {self._run.n_steps}; "
                        "the same command goes on from there"
                    )
        finally:
            if log is not None:
                log.close()
        self._finish()

    def _make_step(self) -> Progress:
        """One step of the optimiser; every process computes its share of the windows."""
        config, processes, run, model = self._config, self._processes, self._run, self._model
        rate = set_rates(self._optimizer, config.warmup_ratio, self._step, run.n_steps)
        seed = np.random.SeedSequence([config.seed, self._step, processes.rank])
        torch.manual_seed(int(seed.generate_state(1, np.uint32)[0]))
        model.train()
        begin = self._step * config.batch_size
        source = np.random.default_rng([config.seed, self._step, 1])
        masked = run.masker.windows(run.order[begin : begin + config.batch_size], source)
        n_hidden = max(1, len(masked.hidden))
        loss = torch.zeros((), device=processes.device)
        # One context for all: weights are cast to its precision once.
        with arithmetic(processes.device, config.precision):
            for share in _shares(masked, config.micro_batch_size, processes):
                arrays = [torch.from_numpy(array).to(processes.device) for array in share]
                scores = model(*arrays[:3])
                part = torch.nn.functional.cross_entropy(scores.float(), arrays[3], reduction="sum")
                part = part / n_hidden
                part.backward()  # type: ignore[no-untyped-call]
                loss += part.detach()
        processes.sum([loss])
        if not torch.isfinite(loss):
            raise ConfigError(
                f"step {self._step}: loss is {loss.item()}, expected a finite number; lower "
                "`learning_rate`"
            )
        for weight in model.parameters():
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        processes.sum(weight.grad for weight in model.parameters() if weight.grad is not None)
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
        self._optimizer.step()
        for weight in model.parameters():
            if weight.grad is not None:
                weight.grad.zero_()  # kept, as making a large array anew costs more
        self._step += 1
        return Progress(self._step, run.n_steps, loss.item(), rate)

    def _finish(self) -> None:
        """Write the encoder as `load_encoder` reads it."""
        run, folder = self._run, self._folder
        if self._processes.rank == 0:
            names = {f"{kind}_token": piece for kind, piece in SPECIAL.items()}
            tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
                tokenizer_object=run.tokenizer, mask_token=MASK, **names
            )
            run.model.encoder.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            run.record.update(finished=True, seconds=self._seconds())
            records.draw(folder, run.record)
            records.write(run.record, folder)
            checkpoint.remove(folder / CHECKPOINTS)
        self._processes.wait()


def _shares(
    masked: windows.Masked, size: int, processes: Processes
) -> Iterator[tuple[NDArray[np.int64], ...]]:
    """This process's windows in small batches: pieces, shapes, and places and ids of the hidden."""
    n_windows, width = masked.input_ids.shape
    rows = masked.places // width
    for begin in range(processes.rank * size, n_windows, processes.count * size):
        end = min(begin + size, n_windows)
        first, last = np.searchsorted(rows, (begin, end))
        yield (
            masked.input_ids[begin:end],
            masked.shapes[begin:end],
            masked.places[first:last] - begin * width,
            masked.hidden[first:last],
        )


def _optimizer(config: PretrainConfig, model: MaskedLanguageModel) -> torch.optim.Optimizer:
    weights = list(model.parameters())
    groups = [
        {"params": [w for w in weights if w.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
