"""An adaptation as a value: its text in pieces, vocabulary, model, masks and record.

All of it is made anew from the recipe at each start, whether the run goes on or begins. It makes
no step; that is the loop's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from biospan import pieces
from biospan.corpora import read_corpus
from biospan.errors import InputError, MissingInputError
from biospan.train import record as records
from biospan.train.checkpoint import write_whole
from biospan.train.data import checksum
from biospan.train.model import load_encoder
from biospan.train.parallel import Processes
from biospan.train.pretrain import text, vocabulary, windows
from biospan.train.pretrain.config import PretrainConfig
from biospan.train.pretrain.model import (
    MASK,
    SPECIAL,
    MaskedLanguageModel,
    change_vocabulary,
    check_encoder,
    take_shapes,
)

TOKENIZER_FILE = "tokenizer.json"

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What the steps are made with.

    Attributes:
        config: The recipe.
        tokenizer: The encoder's own, or the one that was learned.
        model: Before the first step.
        masker: Of the text's windows.
        order: Begin of each window, step by step. Shape (n_steps * batch_size,).
        record: What was done with what.
    """

    config: PretrainConfig
    tokenizer: Tokenizer
    model: MaskedLanguageModel
    masker: windows.Masker
    order: NDArray[np.int64]
    record: Record

    @property
    def n_steps(self) -> int:
        """Steps of the whole run."""
        return len(self.order) // self.config.batch_size


def start(
    config: PretrainConfig, folder: Path, processes: Processes, before: Mapping[str, Any] | None
) -> Run:
    """Text, vocabulary, windows and model, before the first step.

    Args:
        config: The recipe.
        folder: Of the run; a vocabulary that is learned is kept there.
        processes: Of the run.
        before: The record of the run that is gone on with, if there is one.

    Raises:
        ConfigError: If the recipe does not fit its encoder or corpus.
        InputError: If text or corpus cannot be read, are not those of the run before, or are too
            small for a window.
    """
    torch.manual_seed(config.seed)
    if config.threads:
        torch.set_num_threads(config.threads)
    encoder = load_encoder(config)
    check_encoder(encoder, config.encoder, keeps_vocabulary=not config.vocabulary)
    lines, record = _read(config)
    if before is not None:
        _check_same_text(before, record, folder)
    tokenizer = encoder.tokenizer
    if config.vocabulary:
        path = folder / TOKENIZER_FILE
        if processes.rank == 0:
            _learn(config.vocabulary, tokenizer, lines, path, begun=before is not None)
        processes.wait()
        tokenizer = Tokenizer.from_file(str(path))
    numbers = tokenizer.get_vocab()
    special = pieces.Special(*(numbers[SPECIAL[kind]] for kind in pieces.Special._fields))
    encoded = windows.encode(tokenizer, lines, special.sep)
    width = config.max_pieces - len((special.cls, special.sep))
    if len(encoded.ids) < width:
        raise InputError(
            f"text: {len(encoded.ids)} pieces in {len(lines)} lines ({_dropped(record)}), "
            f"expected at least the {width} of one window"
        )
    kept = None
    if config.vocabulary:
        table = encoder.module.get_input_embeddings().weight.data  # type: ignore[operator]
        table, kept = vocabulary.carry_over(table, encoder.tokenizer, tokenizer, encoded.ids)
        change_vocabulary(encoder.module, table)
    take_shapes(encoder.module)
    n_steps = max(1, int(config.passes * len(encoded.ids) / width) // config.batch_size)
    record |= records.environment(processes)
    record |= {"pieces": len(encoded.ids), "vocabulary": {"size": len(numbers), "kept": kept}}
    return Run(
        config,
        tokenizer,
        MaskedLanguageModel(encoder.module).to(processes.device),
        windows.Masker(encoded, special, numbers[MASK], len(numbers), width, config.mask_ratio),
        windows.order(
            encoded, width=width, n_windows=n_steps * config.batch_size, seed=config.seed
        ),
        record | {"steps": n_steps, "finished": False},
    )


def _read(config: PretrainConfig) -> tuple[list[str], Record]:
    """All lines to learn from, the corpus's own documents last; and where they are from."""
    paths = text.locate(config.text, config.files)
    train, held_out = (
        read_corpus(config.corpus, split, path=config.corpus_path or None)
        for split in ("train", "dev")
    )
    train = [document for document in train if document.id not in config.exclude]
    chosen = text.choose(paths, train, held_out, n_words=config.words)
    own = [" ".join(document.text.split()) for document in train]
    record: Record = {
        "recipe": config.to_dict(),
        "text": {
            "files": chosen.files,
            "words": chosen.n_words,
            "dropped": chosen.dropped,
            "own_documents": len(own),
        },
        "train": {"documents": len(train), "sha256": checksum(train)},
        "dev": {"documents": len(held_out), "sha256": checksum(held_out)},
    }
    lines = [*chosen.lines, *own]
    if not lines:
        raise InputError(f"text: no line to learn from ({_dropped(record)}), expected at least one")
    return lines, record


def _dropped(record: Record) -> str:
    counts = record["text"]["dropped"]
    return "left out: " + ", ".join(f"{n} {reason}" for reason, n in counts.items())


def _check_same_text(before: Mapping[str, Any], now: Record, folder: Path) -> None:
    """Refuse to go on with a run on text that has changed since."""
    where = folder / records.RECORD_FILE
    old, new = before["text"], now["text"]
    known = {file["name"]: file["sha256"] for file in old["files"]}
    changed = [f["name"] for f in new["files"] if f["sha256"] != known.get(f["name"])]
    if changed:
        raise InputError(
            f"text: not what {where} was made with: {', '.join(changed)}. Give the same files, "
            "take another folder, or start anew with --restart"
        )
    corpora = [split for split in ("train", "dev") if before.get(split, now[split]) != now[split]]
    if corpora or old != new:
        raise InputError(
            f"corpus `{now['recipe']['corpus']}`: not the documents that {where} was made with. "
            "Give the same, take another folder, or start anew with --restart"
        )


def _learn(size: int, old: Tokenizer, lines: list[str], path: Path, *, begun: bool) -> None:
    """Learn the vocabulary; once a run, as learning it again may break ties otherwise."""
    if not begun:
        write_whole(path, vocabulary.learn(old, lines, size=size).to_str())
    elif not path.is_file():
        raise MissingInputError(
            f"{path}: not found, expected the vocabulary that the run in its folder began with; "
            "start anew with --restart"
        )
