"""`pretrain`: from a recipe and plain text to an encoder that `train` can begin with.

Every step follows from the recipe, the step's number and the weights before it, so that a run
that was killed goes on. Text, vocabulary and windows are made anew from the recipe at each start.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from biospan import pieces
from biospan.corpora import read_corpus
from biospan.errors import ConfigError, LockedError, StoppedError
from biospan.train import checkpoint, parallel
from biospan.train import record as records
from biospan.train.checkpoint import write_whole
from biospan.train.lock import locked
from biospan.train.model import arithmetic, load_encoder
from biospan.train.optimizer import set_rates
from biospan.train.parallel import Processes
from biospan.train.pretrain import text, vocabulary, windows
from biospan.train.pretrain.config import PretrainConfig
from biospan.train.pretrain.model import MaskedLanguageModel, change_vocabulary, take_shapes

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
LOCK_FILE = "run.lock"
TOKENIZER_FILE = "tokenizer.json"
_ADAM = ("step", "exp_avg", "exp_avg_sq")


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
    on_step: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Adapt an encoder to text and write it to `folder`, as transformers stores models.

    A run that is there already is gone on with, or, if it is finished, left as it is.

    Returns:
        The record of the run.

    Raises:
        ConfigError: If the recipe does not fit its encoder, or is not that of the run in `folder`,
            or if the loss is not finite.
        InputError: If text or corpus cannot be read.
        StoppedError: If it was told to stop.
        LockedError: If another process trains in `folder`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    processes = parallel.join()
    if config.threads:
        torch.set_num_threads(config.threads)
    with ExitStack() as stack:
        if processes.rank == 0 and not stack.enter_context(locked(folder / LOCK_FILE, wait=False)):
            raise LockedError(f"{folder}: another process is training there")
        before = None
        if (folder / records.RECORD_FILE).is_file():
            before = records.read(folder)
            if before["recipe"] != config.to_dict():
                raise ConfigError(f"{folder}: holds a run of another recipe")
            if before["finished"]:
                return before
        training = _Pretraining(config, folder, processes)
        if before is not None:
            training.resume()
        training.go(on_step, should_stop)
        return training.record


class _Pretraining:
    """The state of a run between two steps."""

    def __init__(self, config: PretrainConfig, folder: Path, processes: Processes) -> None:
        self._config, self._folder, self._processes = config, folder, processes
        torch.manual_seed(config.seed)
        train, held_out = (
            read_corpus(config.corpus, split, path=config.corpus_path or None)
            for split in ("train", "dev")
        )
        train = [document for document in train if document.id not in config.exclude]
        lines = text.choose(
            [Path(config.text) / name for name in config.files],
            train,
            held_out,
            n_words=config.words,
        )
        own = [" ".join(document.text.split()) for document in train]
        everything = [*lines.lines, *own]
        encoder = load_encoder(config)
        self._tokenizer, special = encoder.tokenizer, encoder.special_ids
        if config.vocabulary:
            self._tokenizer = self._vocabulary(encoder.tokenizer, everything)
            special = {
                key: self._tokenizer.token_to_id(encoder.tokenizer.id_to_token(number))
                for key, number in special.items()
            }
        self._special = pieces.Special(*(special[f"{kind}_id"] for kind in pieces.Special._fields))
        encoded = windows.encode(self._tokenizer, everything, self._special.sep)
        shared = None
        if config.vocabulary:
            table, shared = vocabulary.carry_over(
                encoder.module.get_input_embeddings().weight.data,
                encoder.tokenizer,
                self._tokenizer,
                encoded.ids,
            )
            change_vocabulary(encoder.module, table)
        take_shapes(encoder.module)
        self._model = MaskedLanguageModel(encoder.module).to(processes.device)
        width = config.max_pieces - 2
        self._masker = windows.Masker(
            encoded,
            self._special,
            self._tokenizer.token_to_id("[MASK]"),
            self._tokenizer.get_vocab_size(),
            width,
            config.mask_ratio,
        )
        n_windows = int(config.passes * len(encoded.ids) / width)
        self._n_steps = max(1, n_windows // config.batch_size)
        self._order = windows.order(
            encoded, width=width, n_windows=self._n_steps * config.batch_size, seed=config.seed
        )
        self._optimizer = _optimizer(config, self._model)
        self._step = 0
        self._started = time.monotonic()
        self.record: dict[str, Any] = {
            "recipe": config.to_dict(),
            **records.environment(processes),
            "text": {
                "files": lines.files,
                "words": lines.n_words,
                "dropped": lines.dropped,
                "own_documents": len(own),
            },
            "pieces": len(encoded.ids),
            "vocabulary": {"size": self._tokenizer.get_vocab_size(), "kept": shared},
            "steps": self._n_steps,
            "finished": False,
        }

    def _vocabulary(self, old: Tokenizer, lines: list[str]) -> Tokenizer:
        """The new vocabulary; learned once, as learning it again may break ties otherwise."""
        path = self._folder / TOKENIZER_FILE
        if self._processes.rank == 0 and not path.is_file():
            learned = vocabulary.learn(old, lines, size=self._config.vocabulary)
            write_whole(path, learned.to_str())
        self._processes.wait()
        return Tokenizer.from_file(str(path))

    def resume(self) -> None:
        """Take up the newest checkpoint, if there is one."""
        found = checkpoint.newest(self._folder / CHECKPOINTS)
        if found is None:
            return
        self._step = found.step
        self.record["resumed"] = [*found.notes["resumed"], found.step]
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
        notes = {"resumed": self.record.get("resumed", []), "seconds": self._seconds()}
        checkpoint.write(
            self._folder / CHECKPOINTS, checkpoint.Checkpoint(self._step, tensors, notes)
        )

    def _seconds(self) -> float:
        return round(time.monotonic() - self._started, 1)

    def go(self, on_step: Callable[[Progress], None], should_stop: Callable[[], bool]) -> None:
        """Make the steps that are left, and write the encoder."""
        log = records.Log(self._folder, self._step) if self._processes.rank == 0 else None
        if log is not None:
            records.write(self.record, self._folder)
        saved = time.monotonic()
        try:
            while self._step < self._n_steps:
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
                        f"{self._folder}: stopped after step {self._step} of {self._n_steps}; "
                        "the same command goes on from there"
                    )
        finally:
            if log is not None:
                log.close()
        self._finish()

    def _make_step(self) -> Progress:
        """One step of the optimiser; every process computes its share of the windows."""
        config, processes, model = self._config, self._processes, self._model
        rate = set_rates(self._optimizer, config.warmup_ratio, self._step, self._n_steps)
        begin = self._step * config.batch_size
        source = np.random.default_rng([config.seed, self._step, 1])
        masked = self._masker.windows(self._order[begin : begin + config.batch_size], source)
        loss = torch.zeros((), device=processes.device)
        # One context for all: weights are cast to its precision once.
        with arithmetic(processes.device, config.precision):
            for share in _shares(masked, config.micro_batch_size, processes):
                arrays = [torch.from_numpy(array).to(processes.device) for array in share]
                scores = model(*arrays[:3])
                part = torch.nn.functional.cross_entropy(scores.float(), arrays[3], reduction="sum")
                part = part / len(masked.hidden)
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
        return Progress(self._step, self._n_steps, loss.item(), rate)

    def _finish(self) -> None:
        if self._processes.rank == 0:
            self._model.encoder.save_pretrained(self._folder)
            PreTrainedTokenizerFast(
                tokenizer_object=self._tokenizer,
                cls_token="[CLS]",  # noqa: S106 - a piece, as the next ones
                sep_token="[SEP]",  # noqa: S106
                pad_token="[PAD]",  # noqa: S106
                unk_token="[UNK]",  # noqa: S106
                mask_token="[MASK]",  # noqa: S106
            ).save_pretrained(self._folder)
            self.record.update(finished=True, seconds=self._seconds())
            records.write(self.record, self._folder)
            checkpoint.remove(self._folder / CHECKPOINTS)
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
