"""`fit`: from a recipe to the best epoch's weights and a record of the run.

One plain loop. Documents are prepared by the very tagger that is used afterwards, so that
training and use cannot differ in tokens, pieces or windows. It does not export (see `export`)
and prints nothing (see `cli`).
"""

import json
import logging
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from biospan import pieces, tags
from biospan.corpora import read_corpus
from biospan.document import Document
from biospan.errors import ConfigError, InputError, MissingInputError
from biospan.model_config import INPUT_NAMES, ModelConfig
from biospan.scoring import Report, evaluate
from biospan.tagger import Tagger
from biospan.tokenizer_check import check_tokenizer
from biospan.train.config import TrainConfig, from_mapping
from biospan.train.model import Encoder, EncoderTagger, TorchRuntime, load_encoder

logger = logging.getLogger(__name__)

IGNORED = -100  # tag of rows that padding or another window owns
POOL = 64  # batches that are sorted by length together

WEIGHTS_FILE = "best.safetensors"
RECORD_FILE = "record.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run says of itself after each step."""

    epoch: int
    step: int
    n_steps: int
    loss: float
    learning_rate: float


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A finished training run: the best epoch's model and what led to it."""

    config: TrainConfig
    model: EncoderTagger
    model_config: ModelConfig
    tokenizer: Tokenizer
    train: list[Document]
    dev: list[Document]
    record: dict[str, Any]

    def tagger(self) -> Tagger:
        """A tagger on the torch weights."""
        return Tagger(TorchRuntime(self.model), self.model_config, self.tokenizer.to_str())


@dataclass(frozen=True, slots=True, eq=False)
class _Example:
    stretch: pieces.Stretch
    window: pieces.Window
    tag_ids: NDArray[np.int64]  # of the window's tokens; IGNORED where it does not own them


def fit(
    config: TrainConfig,
    folder: str | Path,
    *,
    on_step: Callable[[Progress], None] = lambda progress: None,
    on_epoch: Callable[[int, Report], None] = lambda epoch, report: None,
) -> Run:
    """Train, keeping the epoch with the best entity F1 on the development split.

    Writes the best weights and `record.json` to `folder` as it goes.

    Raises:
        ConfigError: If the recipe does not fit its encoder or corpus.
        InputError: If the corpus cannot be read.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    run = _start(config)
    model, dev, tagger = run.model, run.dev, run.tagger()
    examples = _examples(tagger, run.train)
    n_steps = config.epochs * -(-len(examples) // config.batch_size)
    optimizer, schedule = _optimizer(config, model, n_steps)
    order = np.random.default_rng(config.seed)
    best = -1.0
    step = 0
    for epoch in range(1, config.epochs + 1):
        model.train()
        for batch in _epoch(examples, config.batch_size, order):
            loss = _loss(model, batch, tagger, precision=config.precision)
            if not torch.isfinite(loss):
                raise ConfigError(
                    f"epoch {epoch}, step {step}: loss is {loss.item()}, expected a finite number; "
                    "lower `learning_rate`"
                )
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            step += 1
            on_step(Progress(epoch, step, n_steps, loss.item(), float(schedule.get_last_lr()[0])))
        report = evaluate(dev, tagger.tag_many(dev))
        on_epoch(epoch, report)
        run.record["epochs"].append({"epoch": epoch, "micro_f1": report.spans.micro.f1})
        if report.spans.micro.f1 > best:
            best = report.spans.micro.f1
            run.record["best"] = {"epoch": epoch, "report": report.to_dict()}
            save_file(model.state_dict(), folder / WEIGHTS_FILE)
        run.record["seconds"] = round(time.monotonic() - started, 1)
        (folder / RECORD_FILE).write_text(json.dumps(run.record, indent=2) + "\n")
    model.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return run


def restore(folder: str | Path) -> Run:
    """The run that `fit` left in `folder`, from its record and best weights.

    Raises:
        MissingInputError: If no run has been there.
        ConfigError: If its recipe does not fit this version.
        InputError: If the corpus is not the one it was trained on.
    """
    folder = Path(folder)
    for name in (RECORD_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise MissingInputError(f"{folder / name}: not found, expected what `train` leaves")
    record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    config = from_mapping(record["recipe"], where=str(folder / RECORD_FILE))
    run = _start(config, record)
    for split, documents in (("train", run.train), ("dev", run.dev)):
        if record[split]["sha256"] != _checksum(documents):
            raise InputError(
                f"corpus `{config.corpus}`, `{split}` documents: not those that "
                f"{folder / RECORD_FILE} was made with"
            )
    run.model.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return run


def _start(config: TrainConfig, record: dict[str, Any] | None = None) -> Run:
    """Corpus, encoder and a fresh head, before the first step."""
    _seed(config)
    train, dev = _documents(config)
    encoder = load_encoder(config)
    model_config = _model_config(config, train, encoder)
    # What no model directory may hold is refused now, not after hours of training.
    check_tokenizer(encoder.tokenizer.to_str().encode(), model_config, config.encoder)
    n_tags = len(model_config.tag_set.names)
    model = EncoderTagger(encoder.module, n_tags=n_tags, dropout=config.dropout)
    record = record or _record(config, train, dev)
    return Run(config, model, model_config, encoder.tokenizer, train, dev, record)


def _seed(config: TrainConfig) -> None:
    random.seed(config.seed)
    np.random.seed(config.seed)
    torch.manual_seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)


def _documents(config: TrainConfig) -> tuple[list[Document], list[Document]]:
    """Training and development documents; on `units` given tokens are dropped."""
    splits = []
    for split in (config.train_split, config.dev_split):
        documents = read_corpus(config.corpus, split, path=config.corpus_path or None)
        if config.tokens == "units":
            documents = [document.untokenized() for document in documents]
        elif not all(next(document.tokens(), None) for document in documents):
            raise ConfigError(
                f"`tokens` is `given`, but corpus `{config.corpus}` gives none: take "
                "another corpus, or `units`"
            )
        splits.append(documents)
    train, dev = splits
    known = {document.id for document in train}
    unknown = sorted(set(config.exclude) - known)
    if unknown:
        raise ConfigError(f"`exclude`: not in the training split: {', '.join(unknown)}")
    train = [document for document in train if document.id not in config.exclude]
    shared = sorted({document.id for document in train} & {document.id for document in dev})
    if shared:
        raise InputError(f"in both splits: {', '.join(shared[:20])}")
    if not any(document.entities for document in train):
        raise InputError(f"corpus `{config.corpus}`: no entity in split `{config.train_split}`")
    return train, dev


def _model_config(config: TrainConfig, train: Sequence[Document], encoder: Encoder) -> ModelConfig:
    labels = {entity.label for document in train for entity in document.entities}
    return ModelConfig(
        format_version=1,
        labels=tuple(sorted(labels)),
        scheme=config.scheme,
        inputs=INPUT_NAMES,
        max_pieces=config.max_pieces,
        context=config.context,
        lowercase=_lowercase(encoder.tokenizer),
        transitions=None,
        start_transitions=None,
        end_transitions=None,
        provenance={},
        **encoder.special_ids,
    )


def _lowercase(tokenizer: Tokenizer) -> bool:
    """Whether the tokenizer lower-cases, asked by letting it do so."""
    normalizer = tokenizer.normalizer
    return normalizer is not None and normalizer.normalize_str("A") == "a"


def _examples(tagger: Tagger, documents: Sequence[Document]) -> list[_Example]:
    """All windows of the documents with the tags of their tokens; losses are logged once."""
    config = tagger.config
    tag_set = config.tag_set
    examples = []
    lost = widened = total = 0
    for item in tagger.prepare(documents):
        aligned = tags.align(item.offsets, item.document.entities)
        lost += aligned.lost
        widened += aligned.widened
        total += len(item.document.entities)
        ids = [
            tag_id
            for offsets, spans in zip(item.offsets, aligned.spans, strict=True)
            for tag_id in tag_set.encode(len(offsets), spans)
        ]
        first = 0
        for index, stretch in enumerate(item.stretches):
            last = first + len(stretch.token_starts)
            own = np.array(ids[first:last], dtype=np.int64)
            for window in pieces.plan(index, stretch, config.max_pieces - 2):
                tag_ids = np.full(window.last - window.first, IGNORED, dtype=np.int64)
                mine = slice(window.own_first - window.first, window.own_last - window.first)
                tag_ids[mine] = own[window.own_first : window.own_last]
                examples.append(_Example(stretch, window, tag_ids))
            first = last
    if lost or widened:
        logger.warning(
            "%d of %d entities cannot be placed on tokens and are not learned; %d are widened "
            "to whole tokens",
            lost,
            total,
            widened,
        )
    return examples


def _epoch(
    examples: Sequence[_Example], batch_size: int, order: np.random.Generator
) -> Iterator[list[_Example]]:
    """Batches of like length in random order: sorted within pools, the pools and batches mixed."""
    shuffled = order.permutation(len(examples)).tolist()
    batches: list[list[int]] = []
    for begin in range(0, len(shuffled), batch_size * POOL):
        pool = shuffled[begin : begin + batch_size * POOL]
        pool.sort(key=lambda i: pieces.size(examples[i].window, examples[i].stretch))
        batches.extend(pool[i : i + batch_size] for i in range(0, len(pool), batch_size))
    for index in order.permutation(len(batches)):
        yield [examples[i] for i in batches[index]]


def _loss(
    model: EncoderTagger, batch: Sequence[_Example], tagger: Tagger, *, precision: str
) -> torch.Tensor:
    windows = [example.window._replace(stretch=row) for row, example in enumerate(batch)]
    inputs = tagger.inputs(windows, [example.stretch for example in batch])
    tag_ids = np.full(inputs["token_starts"].shape, IGNORED, dtype=np.int64)
    for row, example in enumerate(batch):
        tag_ids[row, : len(example.tag_ids)] = example.tag_ids
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        emissions = model(*(torch.from_numpy(inputs[name]) for name in INPUT_NAMES))
    return torch.nn.functional.cross_entropy(
        emissions.float().flatten(0, 1), torch.from_numpy(tag_ids).flatten(), ignore_index=IGNORED
    )


def _optimizer(
    config: TrainConfig, model: EncoderTagger, n_steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    plain = [weight for weight in model.parameters() if weight.ndim < 2]
    decayed = [weight for weight in model.parameters() if weight.ndim >= 2]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        fused=True,
    )
    n_warmup = max(1, round(config.warmup_ratio * n_steps))

    def factor(step: int) -> float:
        if step < n_warmup:
            return (step + 1) / n_warmup
        return max(0.0, (n_steps - step) / max(1, n_steps - n_warmup))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _record(
    config: TrainConfig, train: Sequence[Document], dev: Sequence[Document]
) -> dict[str, Any]:
    packages = ("biospan", "torch", "transformers", "tokenizers", "numpy")
    return {
        "recipe": config.to_dict(),
        "commit": code_version(),
        "packages": {name: version(name) for name in packages},
        "machine": f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads",
        "train": {"documents": len(train), "sha256": _checksum(train)},
        "dev": {"documents": len(dev), "sha256": _checksum(dev)},
        "epochs": [],
    }


def _checksum(documents: Sequence[Document]) -> str:
    digest = sha256()
    for document in documents:
        digest.update(json.dumps(document.to_dict(), sort_keys=True).encode())
    return digest.hexdigest()


def code_version() -> str:
    """The commit of the checkout this runs from; empty when it is installed elsewhere."""
    root = Path(__file__).parents[3]
    if not (root / "recipes").is_dir():
        return ""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],  # noqa: S607
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()
