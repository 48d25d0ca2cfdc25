"""A training run as a value: its recipe, documents, model and record; begun, or found in a folder.

It makes no step; that is the loop's business.
"""

import dataclasses
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from biospan.document import Document
from biospan.errors import MissingInputError
from biospan.model_config import ModelConfig
from biospan.tagger import Tagger
from biospan.tags import TagSet
from biospan.tokenizer_check import check_tokenizer, loses_case
from biospan.train import data, parallel, speed
from biospan.train import record as records
from biospan.train.config import TrainConfig
from biospan.train.model import Encoder, EncoderTagger, TorchRuntime, load_encoder
from biospan.train.parallel import Processes

WEIGHTS_FILE = "best.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A training run: its model and what led to it; when it is finished, the best epoch's."""

    config: TrainConfig
    model: EncoderTagger
    base_config: ModelConfig
    tokenizer: Tokenizer
    train: list[Document]
    dev: list[Document]
    record: dict[str, Any]

    @property
    def model_config(self) -> ModelConfig:
        """The runtime half's configuration, with the scores that a CRF has learned by now."""
        crf = self.model.crf
        if crf is None:
            return self.base_config
        return dataclasses.replace(self.base_config, **crf.learned()._asdict())

    def tagger(self, precision: str = "fp32") -> Tagger:
        """A tagger on the torch weights as they are."""
        runtime = TorchRuntime(self.model, precision)
        return Tagger(runtime, self.model_config, self.tokenizer.to_str())


def start(config: TrainConfig, processes: Processes) -> Run:
    """Corpus, encoder and a fresh head, before the first step.

    Raises:
        ConfigError: If the recipe does not fit its encoder or corpus.
        InputError: If the corpus cannot be read.
    """
    _seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    train, dev = data.read_documents(config)
    encoder = load_encoder(config, config.casing)
    labels = {entity.label for document in train for entity in document.entities}
    tag_set = TagSet(tuple(sorted(labels)), config.scheme)
    model = EncoderTagger(encoder.module, tag_set, dropout=config.dropout, head=config.head)
    base_config = _model_config(config, model, encoder)
    # What no model directory may hold is refused now, not after hours of training.
    check_tokenizer(encoder.tokenizer.to_str().encode(), base_config, config.encoder)
    speed.use_cheap_dropout(model)
    model.to(processes.device)
    record = records.begin(config, train, dev, processes)
    return Run(config, model, base_config, encoder.tokenizer, train, dev, record)


def restore(folder: str | Path) -> Run:
    """The run that `fit` left in `folder`, from its record and best weights.

    Raises:
        MissingInputError: If no run has been there.
        ConfigError: If its recipe does not fit this version.
        InputError: If the corpus is not the one it was trained on.
    """
    folder = Path(folder)
    record = records.read(folder)
    if not (folder / WEIGHTS_FILE).is_file():
        raise MissingInputError(f"{folder / WEIGHTS_FILE}: not found, expected what `train` leaves")
    run = start(records.recipe(record, folder), parallel.join())
    records.check_same(record, run.record, folder)
    run.model.load_state_dict(load_file(folder / WEIGHTS_FILE))
    return dataclasses.replace(run, record=record)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _model_config(config: TrainConfig, model: EncoderTagger, encoder: Encoder) -> ModelConfig:
    special = encoder.special_ids
    return ModelConfig(
        format_version=1,
        labels=model.tag_set.labels,
        scheme=config.scheme,
        inputs=model.inputs,
        max_pieces=config.max_pieces,
        context=config.context,
        lowercase=_lowercase(encoder.tokenizer),
        cls_id=special["cls_id"],
        sep_id=special["sep_id"],
        pad_id=special["pad_id"],
        unk_id=special["unk_id"],
        decisions=config.decisions,
        loses_case=config.casing == "lower" and loses_case(encoder.tokenizer.to_str().encode()),
    )


def _lowercase(tokenizer: Tokenizer) -> bool:
    """Whether the tokenizer lower-cases, asked by letting it do so."""
    normalizer = tokenizer.normalizer
    return normalizer is not None and normalizer.normalize_str("A") == "a"
