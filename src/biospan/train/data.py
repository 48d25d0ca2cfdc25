"""From a recipe's corpus to batches: documents, windows with their gold tags, and their order.

Documents are prepared by the very tagger that is used afterwards, so that training and use
cannot differ in tokens, pieces or windows. The order of an epoch follows from seed and epoch
alone: a run that is resumed in the middle of one finds it again. No model is run here.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from biospan import pieces, tags
from biospan.corpora import read_corpus
from biospan.document import Document
from biospan.errors import ConfigError, InputError
from biospan.model_config import LABEL_PATTERN, is_label
from biospan.tagger import Tagger
from biospan.train.config import TrainConfig
from biospan.train.crf import Sequences

logger = logging.getLogger(__name__)

IGNORED = -100  # tag of rows that padding or another window owns
POOL = 64  # batches that are sorted by length together


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A window with the gold tags of its tokens.

    Attributes:
        stretch: What the window was cut from.
        window: Its place there.
        tag_ids: `IGNORED` where another window decides. Shape (n_tokens,).
    """

    stretch: pieces.Stretch
    window: pieces.Window
    tag_ids: NDArray[np.int64]


class Batch(NamedTuple):
    """Windows of one step, as torch has them.

    Attributes:
        inputs: The model's named arrays.
        tag_ids: `IGNORED` where nothing is learned. Shape (n_windows, n_tokens).
        sequences: The same gold tags, sentence by sentence.
    """

    inputs: dict[str, torch.Tensor]
    tag_ids: torch.Tensor
    sequences: Sequences


def read_documents(config: TrainConfig) -> tuple[list[Document], list[Document]]:
    """Training and development documents; on `units` given tokens are dropped.

    Raises:
        ConfigError: If the recipe does not fit the corpus.
        InputError: If the corpus cannot be read, or a document is in both splits.
    """
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
    train = _subset(
        [document for document in train if document.id not in config.exclude],
        config.train_documents,
    )
    shared = sorted({document.id for document in train} & {document.id for document in dev})
    if shared:
        raise InputError(f"in both splits: {', '.join(shared[:20])}")
    _check_labels({entity.label for document in train for entity in document.entities}, config)
    return train, dev


def checksum(documents: Sequence[Document]) -> str:
    """The sha256 of everything that the documents hold."""
    digest = sha256()
    for document in documents:
        digest.update(json.dumps(document.to_dict(), sort_keys=True).encode())
    return digest.hexdigest()


def examples(tagger: Tagger, documents: Sequence[Document]) -> list[Example]:
    """All windows of the documents with the tags of their tokens; losses are logged once."""
    config = tagger.config
    tag_set = config.tag_set
    found = []
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
                found.append(Example(stretch, window, tag_ids))
            first = last
    if lost or widened:
        logger.warning(
            "%d of %d entities cannot be placed on tokens and are not learned; %d are widened "
            "to whole tokens",
            lost,
            total,
            widened,
        )
    return found


def epoch_order(
    found: Sequence[Example], *, batch_size: int, seed: int, epoch: int
) -> list[list[int]]:
    """Batches of like length in random order: sorted within pools, the pools and batches mixed.

    Returns:
        Indices of the examples of each batch; the same for the same seed and epoch.
    """
    order = np.random.default_rng([seed, epoch])
    shuffled = order.permutation(len(found)).tolist()
    batches: list[list[int]] = []
    for begin in range(0, len(shuffled), batch_size * POOL):
        pool = shuffled[begin : begin + batch_size * POOL]
        pool.sort(key=lambda i: pieces.size(found[i].window, found[i].stretch))
        batches.extend(pool[i : i + batch_size] for i in range(0, len(pool), batch_size))
    return [batches[index] for index in order.permutation(len(batches))]


def to_batch(chosen: Sequence[Example], tagger: Tagger, device: torch.device) -> Batch:
    """Pad examples to one batch."""
    windows = [example.window._replace(stretch=row) for row, example in enumerate(chosen)]
    inputs = tagger.inputs(windows, [example.stretch for example in chosen])
    tag_ids = np.full(inputs["token_starts"].shape, IGNORED, dtype=np.int64)
    for row, example in enumerate(chosen):
        tag_ids[row, : len(example.tag_ids)] = example.tag_ids
    return Batch(
        {name: torch.from_numpy(array).to(device) for name, array in inputs.items()},
        torch.from_numpy(tag_ids).to(device),
        _sequences(chosen, inputs["token_starts"].shape[1], device),
    )


def _check_labels(labels: set[str], config: TrainConfig) -> None:
    where = f"corpus `{config.corpus}`, split `{config.train_split}`"
    if not labels:
        raise InputError(f"{where}: no entity to learn")
    if unfit := sorted(label for label in labels if not is_label(label)):
        raise InputError(
            f"{where}: labels that a model cannot have: {', '.join(map(repr, unfit[:20]))}; "
            f"expected them like `{LABEL_PATTERN}`. Rename them in the corpus"
        )


def _subset(documents: list[Document], size: int) -> list[Document]:
    """The documents whose ids have the lowest hashes, in their own order; all if `size` is 0."""
    if not size:
        return documents
    if size > len(documents):
        raise ConfigError(
            f"`train_documents` is {size}, but the training split has {len(documents)} documents"
        )
    ranked = sorted(documents, key=lambda document: sha256(document.id.encode()).digest())
    kept = {document.id for document in ranked[:size]}
    return [document for document in documents if document.id in kept]


def _sequences(chosen: Sequence[Example], n_tokens: int, device: torch.device) -> Sequences:
    """The owned tokens of each window, cut at the ends of sentences."""
    runs = []  # row, first and last token in the stretch, whether it opens and closes a sentence
    for row, example in enumerate(chosen):
        begin = 0
        for end in example.stretch.sentence_ends.tolist():
            first = max(begin, example.window.own_first)
            last = min(end, example.window.own_last)
            if first < last:
                runs.append((row, first, last, first == begin, last == end))
            begin = end
    lengths = np.array([last - first for _, first, last, _, _ in runs], dtype=np.int64)
    places = np.zeros((len(runs), int(lengths.max())), dtype=np.int64)
    tag_ids = np.zeros_like(places)
    for index, (row, first, last, _, _) in enumerate(runs):
        here = slice(first - chosen[row].window.first, last - chosen[row].window.first)
        places[index, : last - first] = np.arange(here.start, here.stop) + row * n_tokens
        tag_ids[index, : last - first] = chosen[row].tag_ids[here]
    edges = np.array([(opens, closes) for *_, opens, closes in runs], dtype=np.bool_)
    arrays = (places, tag_ids, lengths, edges[:, 0].copy(), edges[:, 1].copy())
    return Sequences(*(torch.from_numpy(array).to(device) for array in arrays))
