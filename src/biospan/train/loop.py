"""`fit`: from a recipe to the best epoch's weights and a record of the run.

One plain loop, whose every step follows from the recipe, the step's number and the weights
before it, so that a run that was killed goes on bit by bit as if it had not been. It does not
export (see `export`) and prints nothing (see `cli`).
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save
from tokenizers import Tokenizer

from biospan.errors import ConfigError, LockedError, StoppedError
from biospan.lock import locked
from biospan.scoring import Report, evaluate
from biospan.train import checkpoint, data, parallel, speed
from biospan.train import record as records
from biospan.train.checkpoint import write_whole
from biospan.train.config import TrainConfig
from biospan.train.data import Batch, Example
from biospan.train.model import EncoderTagger, arithmetic
from biospan.train.optimizer import make_optimizer, set_rates
from biospan.train.parallel import Processes
from biospan.train.run import WEIGHTS_FILE, Run, start

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
LOCK_FILE = "run.lock"
_ADAM = ("step", "exp_avg", "exp_avg_sq")  # what it knows of each weight

OnStep = Callable[["Progress"], None]
OnEpoch = Callable[[int, Report], None]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run says of itself after each step."""

    epoch: int
    step: int
    n_steps: int
    loss: float
    learning_rate: float


def fit(
    config: TrainConfig,
    folder: str | Path,
    *,
    restart: bool = False,
    on_step: OnStep = lambda progress: None,
    on_epoch: OnEpoch = lambda epoch, report: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Train, keeping the epoch with the best entity F1 on the development split.

    Writes the best weights, the record, the log and checkpoints to `folder` as it goes. A run
    that is there already is gone on with, or, if it is finished, returned.

    Args:
        config: The recipe.
        folder: Of the run.
        restart: Start anew whatever is there.
        on_step: Called after each step.
        on_epoch: Called after each epoch with its number and development scores.
        should_stop: Asked after each step; on True the run writes a checkpoint and stops.

    Raises:
        ConfigError: If the recipe does not fit its encoder or corpus, or is not the one of the
            run in `folder`, or if the loss is not finite.
        InputError: If the corpus cannot be read, or is not that of the run in `folder`.
        StoppedError: If it was told to stop.
        LockedError: If another process trains in `folder`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    processes = parallel.join()
    with ExitStack() as stack:
        if processes.rank == 0 and not stack.enter_context(locked(folder / LOCK_FILE, wait=False)):
            raise LockedError(f"{folder}: another process is training there")
        run = start(config, processes)
        training = _Training(run, folder, processes)
        if restart:
            training.forget()
        elif training.resume():
            return run
        training.go(on_step, on_epoch, should_stop)
    return run


class _Training:
    """The state of a run between two steps."""

    def __init__(self, run: Run, folder: Path, processes: Processes) -> None:
        self._run, self._folder, self._processes = run, folder, processes
        self._config = config = run.config
        self._tagger = run.tagger()  # for windows and arrays; it decides on nothing
        self._mask_id = _mask_id(run.tokenizer) if config.hidden_tokens else 0
        self._examples = data.examples(self._tagger, run.train, overlong=config.overlong)
        self._taught = data.taught_examples(self._tagger, config.taught) if config.taught else []
        self._steps = [len(self._order(epoch)) for epoch in range(1, config.epochs + 1)]
        self._n_steps = sum(self._steps)
        self._step = 0
        self._epoch_loss = 0.0  # sum over its steps so far
        self._optimizer = make_optimizer(config, run.model)
        self._tables = speed.row_gradients(run.model.encoder, shared=processes.count > 1)
        self._forward = torch.compile(run.model, dynamic=True) if config.compile else run.model
        self._started = time.monotonic()

    @property
    def _writes(self) -> bool:
        return self._processes.rank == 0

    def forget(self) -> None:
        """Remove what an earlier run left."""
        if self._writes:
            checkpoint.remove(self._folder / CHECKPOINTS)
            for name in (records.RECORD_FILE, records.LOG_FILE, WEIGHTS_FILE):
                (self._folder / name).unlink(missing_ok=True)
        self._processes.wait()

    def resume(self) -> bool:
        """Take up what is in the folder; returns whether the run is finished already."""
        run, record = self._run, self._run.record
        if not (self._folder / records.RECORD_FILE).is_file():
            return False
        before = records.read(self._folder)
        records.check_same(before, record, self._folder)
        for key in ("commit", "packages", "machine"):
            if before.get(key) != record[key]:
                logger.warning(
                    "%s: `%s` has changed since the run began: the result may differ in last bits",
                    self._folder,
                    key,
                )
        if before.get("finished"):
            run.record.update(before)
            run.model.load_state_dict(load_file(self._folder / WEIGHTS_FILE))
            return True
        found = checkpoint.newest(self._folder / CHECKPOINTS)
        if found is not None:
            self._take(found)
        return False

    def _take(self, found: checkpoint.Checkpoint) -> None:
        """Put everything as it was after the checkpoint's step."""
        self._step = found.step
        self._epoch_loss = found.notes["epoch_loss"]
        record = found.notes["record"]
        self._started -= record["seconds"]
        self._run.record.clear()
        self._run.record.update(record, resumed=[*record.get("resumed", []), found.step])
        model, tensors = self._run.model, found.tensors
        model.load_state_dict({name: tensors[_key("model", name)] for name in model.state_dict()})
        for name, weight in model.named_parameters():
            self._optimizer.state[weight] = {
                part: tensors[_key(part, name)].to(weight.device) for part in _ADAM
            }

    def _save(self, log: records.Log | None) -> None:
        if log is None:
            return
        log.sync()
        model, record = self._run.model, self._run.record
        record["seconds"] = round(time.monotonic() - self._started, 1)
        tensors = {_key("model", name): tensor for name, tensor in model.state_dict().items()}
        for name, weight in model.named_parameters():
            for part in _ADAM:
                tensors[_key(part, name)] = self._optimizer.state[weight][part]
        notes = {"record": record, "epoch_loss": self._epoch_loss}
        checkpoint.write(
            self._folder / CHECKPOINTS, checkpoint.Checkpoint(self._step, tensors, notes)
        )

    def go(self, on_step: OnStep, on_epoch: OnEpoch, should_stop: Callable[[], bool]) -> None:
        """Make the steps that are left, and load the best epoch."""
        log = records.Log(self._folder, self._step) if self._writes else None
        if log is not None and not self._step:
            records.write(self._run.record, self._folder)
        saved = time.monotonic()
        try:
            for epoch, chosen, ends in self._batches():
                progress = self._make_step(epoch, chosen)
                if log is not None:
                    log.add(progress.step, epoch, progress.loss, progress.learning_rate)
                on_step(progress)
                if ends:
                    self._end_epoch(epoch, on_epoch)
                stop = self._processes.any(should_stop())
                if ends or stop or time.monotonic() - saved >= 60 * self._config.checkpoint_minutes:
                    self._save(log)
                    saved = time.monotonic()
                if stop:
                    raise StoppedError(
                        f"{self._folder}: stopped after step {self._step} of {self._n_steps}; "
                        "the same command goes on from there"
                    )
        finally:
            if log is not None:
                log.close()
        self._finish()

    def _batches(self) -> Iterator[tuple[int, list[Example], bool]]:
        """Epoch and windows of each step that is left, and whether it is its epoch's last."""
        done = self._step
        for epoch, n_steps in enumerate(self._steps, 1):
            if done < n_steps:
                order = self._order(epoch)
                for nth in range(done, n_steps):
                    yield epoch, order[nth], nth + 1 == n_steps
            done = max(0, done - n_steps)

    def _order(self, epoch: int) -> list[list[Example]]:
        """The batches of an epoch: all gold examples, and an equal part of the taught ones."""
        config = self._config
        examples = self._examples + self._taught[epoch - 1 :: config.epochs]
        order = data.epoch_order(
            examples, batch_size=config.batch_size, seed=config.seed, epoch=epoch
        )
        return [[examples[i] for i in batch] for batch in order]

    def _make_step(self, epoch: int, chosen: Sequence[Example]) -> Progress:
        """One step of the optimiser, on this process's share of a batch."""
        config, processes, model = self._config, self._processes, self._run.model
        rate = set_rates(self._optimizer, config.warmup_ratio, self._step, self._n_steps)
        seed = np.random.SeedSequence([config.seed, self._step, processes.rank])
        torch.manual_seed(int(seed.generate_state(1, np.uint32)[0]))
        model.train()
        n_tokens = sum(int((example.tag_ids != data.IGNORED).sum()) for example in chosen)
        loss = torch.zeros((), device=processes.device)
        if share := chosen[processes.rank :: processes.count]:
            batch = data.to_batch(share, self._tagger, processes.device)
            if config.hidden_tokens:
                source = np.random.default_rng([config.seed, self._step, processes.rank, 1])
                data.hide_tokens(batch.inputs, config.hidden_tokens, self._mask_id, source)
            loss = batch_loss(self._forward, model, batch, config.precision) / n_tokens
            loss.backward()  # type: ignore[no-untyped-call]
        loss = loss.detach()
        processes.sum([loss])
        if not torch.isfinite(loss):
            raise ConfigError(
                f"epoch {epoch}, step {self._step}: loss is {loss.item()}, expected a finite "
                "number; lower `learning_rate`"
            )
        for table in self._tables:
            table.gather()
        for weight in model.parameters():
            if weight.grad is None:  # the encoder does not use it, or no window was ours
                weight.grad = torch.zeros_like(weight)
        processes.sum(weight.grad for weight in model.parameters() if weight.grad is not None)
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
        self._optimizer.step()
        self._optimizer.zero_grad()
        for table in self._tables:
            table.clear()
        self._step += 1
        self._epoch_loss += loss.item()
        return Progress(epoch, self._step, self._n_steps, loss.item(), rate)

    def _end_epoch(self, epoch: int, on_epoch: OnEpoch) -> None:
        loss, self._epoch_loss = self._epoch_loss / self._steps[epoch - 1], 0.0
        if not self._writes:
            return
        run, folder = self._run, self._folder
        report = evaluate(run.dev, run.tagger(self._config.precision).tag_many(run.dev))
        if records.add_epoch(run.record, epoch, loss, report):
            write_whole(folder / WEIGHTS_FILE, save(_contiguous(run.model)))
        run.record["seconds"] = round(time.monotonic() - self._started, 1)
        records.write(run.record, folder)
        records.draw(folder, run.record)
        on_epoch(epoch, report)

    def _finish(self) -> None:
        run, folder = self._run, self._folder
        if self._writes:
            run.record["finished"] = True
            records.write(run.record, folder)
            checkpoint.remove(folder / CHECKPOINTS)
        self._processes.wait()
        run.model.load_state_dict(load_file(folder / WEIGHTS_FILE))


def batch_loss(
    forward: Callable[..., Any], model: EncoderTagger, batch: Batch, precision: str
) -> torch.Tensor:
    """Loss of a batch, summed over its tokens; `forward` is the model or its compiled form."""
    with arithmetic(batch.tag_ids.device, precision):
        emissions = forward(*(batch.inputs[name] for name in model.inputs))
    return model.loss(emissions, batch)


def _mask_id(tokenizer: Tokenizer) -> int:
    for piece in ("[MASK]", "<mask>"):
        if (number := tokenizer.token_to_id(piece)) is not None:
            return int(number)
    raise ConfigError("`hidden_tokens`: the encoder's tokenizer has no mask piece")


def _key(part: str, name: str) -> str:
    """Name of a tensor in a checkpoint."""
    return f"{part}.{name}"


def _contiguous(model: EncoderTagger) -> dict[str, torch.Tensor]:
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
