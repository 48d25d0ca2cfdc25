"""From a recipe's corpus to batches: documents, windows with their gold tags, and their order.

Documents are prepared by the very tagger that is used afterwards, so that training and use
cannot differ in tokens, pieces or windows. The order of an epoch follows from seed and epoch
alone: a run that is resumed in the middle of one finds it again. No model is run here.
"""

import json
import logging
from collections.abc import Iterator, Sequence
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
from biospan.preparation import Prepared
from biospan.tagger import Tagger
from biospan.train import taught
from biospan.train.config import Overlong, TrainConfig
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
        tag_ids: `IGNORED` where another window decides; elsewhere any tag if there are
            `marginals`. Shape (n_tokens,).
        marginals: A teacher's probability of each tag, 0 where another window decides; None: the
            tags are gold. Shape (n_tokens, n_tags).
    """

    stretch: pieces.Stretch
    window: pieces.Window
    tag_ids: NDArray[np.int64]
    marginals: NDArray[np.float32] | None = None


class Batch(NamedTuple):
    """Windows of one step, as torch has them.

    Attributes:
        inputs: The model's named arrays.
        tag_ids: `IGNORED` where nothing is learned. Shape (n_windows, n_tokens).
        sequences: The same gold tags, sentence by sentence.
        marginals: A teacher's instead of gold tags. Shape (n_windows, n_tokens, n_tags).
    """

    inputs: dict[str, torch.Tensor]
    tag_ids: torch.Tensor
    sequences: Sequences
    marginals: torch.Tensor | None = None


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
    train = [document for document in train if document.id not in config.exclude]
    train, _ = set_aside(train, config.judged_documents, "judging")
    train, _ = set_aside(train, config.calibration_documents, "calibration")
    train = _subset(train, config.train_documents)
    if config.second_form:
        chosen = {document.id for document in train}
        second = read_corpus(
            config.second_form, config.train_split, path=config.corpus_path or None
        )
        train += [document for document in second if document.id in chosen]
    shared = sorted({document.id for document in train} & {document.id for document in dev})
    if shared:
        raise InputError(f"in both splits: {', '.join(shared[:20])}")
    _check_labels({entity.label for document in train for entity in document.entities}, config)
    return train, dev


def judged(config: TrainConfig, corpus: str) -> list[Document]:
    """The training documents that a recipe sets aside for judging, as a corpus has them.

    They are in the order of their hashes, so that any cut of them is a random one.
    """
    documents = read_corpus(corpus, config.train_split, path=config.corpus_path or None)
    documents = [document for document in documents if document.id not in config.exclude]
    return set_aside(documents, config.judged_documents, "judging")[1]


def calibrating(config: TrainConfig) -> list[Document]:
    """The training documents that a recipe sets aside for calibration, in the form learned from."""
    documents = read_corpus(config.corpus, config.train_split, path=config.corpus_path or None)
    documents = [document for document in documents if document.id not in config.exclude]
    documents, _ = set_aside(documents, config.judged_documents, "judging")
    _, chosen = set_aside(documents, config.calibration_documents, "calibration")
    if config.tokens == "units":
        return [document.untokenized() for document in chosen]
    return chosen


def set_aside(
    documents: list[Document], size: int, purpose: str
) -> tuple[list[Document], list[Document]]:
    """Part documents by a hash of their ids that is another one for each purpose.

    Returns:
        The others in their own order, and `size` documents in the order of their hashes.

    Raises:
        ConfigError: If there are not more documents than that.
    """
    if size >= len(documents) > 0:
        raise ConfigError(
            f"{size} documents are wanted for {purpose}, but the training split has "
            f"{len(documents)}"
        )
    ranked = sorted(documents, key=lambda d: sha256(f"{purpose} {d.id}".encode()).digest())
    aside = {document.id for document in ranked[:size]}
    return [document for document in documents if document.id not in aside], ranked[:size]


def checksum(documents: Sequence[Document]) -> str:
    """The sha256 of everything that the documents hold."""
    digest = sha256()
    for document in documents:
        digest.update(json.dumps(document.to_dict(), sort_keys=True).encode())
    return digest.hexdigest()


def examples(
    tagger: Tagger, documents: Sequence[Document], *, overlong: Overlong = "windows"
) -> list[Example]:
    """All windows of the documents with the tags of their tokens; losses are logged once."""
    config = tagger.config
    tag_set = config.tag_set
    found = []
    lost = widened = total = cut = 0
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
        for stretch, window, own, mine in _windows(item, config.max_pieces, overlong):
            tag_ids = np.full(window.last - window.first, IGNORED, dtype=np.int64)
            tag_ids[mine] = ids[own]
            found.append(Example(stretch, window, tag_ids))
            if overlong == "cut":
                cut += len(stretch.token_starts) - window.last
    if cut:
        logger.warning("%d units behind the cut of long sentences are not learned", cut)
    if lost or widened:
        logger.warning(
            "%d of %d entities cannot be placed on tokens and are not learned; %d are widened "
            "to whole tokens",
            lost,
            total,
            widened,
        )
    return found


def taught_examples(tagger: Tagger, folder: str) -> list[Example]:
    """All windows of the documents that teachers have labelled, with their probabilities.

    Raises:
        InputError: If the documents do not fall into the units that the teachers saw.
    """
    config = tagger.config
    found = []
    for document, sentences in taught.read(folder, config.tag_set.names):
        (item,) = tagger.prepare([document])
        if [len(rows) for rows in sentences] != [len(units) for units in item.offsets]:
            raise InputError(f"{folder}: `{document.id}` was segmented otherwise")
        rows = np.concatenate(sentences)
        for stretch, window, own, mine in _windows(item, config.max_pieces):
            size = window.last - window.first
            tag_ids = np.full(size, IGNORED, dtype=np.int64)
            marginals = np.zeros((size, rows.shape[1]), dtype=np.float32)
            tag_ids[mine] = 0
            marginals[mine] = rows[own]
            found.append(Example(stretch, window, tag_ids, marginals))
    return found


def _windows(
    item: Prepared, max_pieces: int, overlong: Overlong = "windows"
) -> Iterator[tuple[pieces.Stretch, pieces.Window, slice, slice]]:
    """Windows of a document, with the rows they own: among the document's and among their own."""
    first = 0
    for index, stretch in enumerate(item.stretches):
        windows = pieces.plan(index, stretch, max_pieces - 2)
        if overlong == "cut" and len(windows) > 1:
            windows = [_cut(index, stretch, max_pieces - 2)]
        for window in windows:
            own = slice(first + window.own_first, first + window.own_last)
            mine = slice(window.own_first - window.first, window.own_last - window.first)
            yield stretch, window, own, mine
        first += len(stretch.token_starts)


def _cut(index: int, stretch: pieces.Stretch, capacity: int) -> pieces.Window:
    """The tokens of a stretch that fit in one window, from its first on."""
    ends = np.append(stretch.token_starts[1:], len(stretch.ids))
    fits = int(np.searchsorted(ends, capacity, side="right"))
    return pieces.Window(index, 0, fits, 0, fits)


def epoch_order(
    found: Sequence[Example], *, batch_size: int, seed: int, epoch: int
) -> list[list[int]]:
    """Batches of like length in random order: sorted within pools, the pools and batches mixed.

    Gold and taught examples are in batches of their own.

    Returns:
        Indices of the examples of each batch; the same for the same seed and epoch.
    """
    order = np.random.default_rng([seed, epoch])
    soft = np.array([example.marginals is not None for example in found], dtype=np.bool_)
    batches: list[list[int]] = []
    for kind in (np.flatnonzero(~soft), np.flatnonzero(soft)):
        shuffled = order.permutation(kind).tolist()
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
        _marginals(chosen, inputs["token_starts"].shape[1], device),
    )


def _marginals(
    chosen: Sequence[Example], n_tokens: int, device: torch.device
) -> torch.Tensor | None:
    """A batch is of one kind: all gold, or all taught."""
    found = [example.marginals for example in chosen if example.marginals is not None]
    if not found:
        return None
    padded = np.zeros((len(chosen), n_tokens, found[0].shape[1]), dtype=np.float32)
    for row, marginals in enumerate(found):
        padded[row, : len(marginals)] = marginals
    return torch.from_numpy(padded).to(device)


def hide_tokens(
    inputs: dict[str, torch.Tensor], ratio: float, mask_id: int, source: np.random.Generator
) -> None:
    """Show the mask piece instead of all pieces of some tokens; changes the arrays."""
    mask = inputs["mask"].cpu().numpy()
    opens = np.zeros(mask.shape, dtype=np.int64)
    np.put_along_axis(opens, inputs["token_starts"].cpu().numpy(), 1, axis=1)
    opens[:, 0] = 0  # padding points there
    token_of = np.cumsum(opens, axis=1)
    drawn = source.random((len(mask), int(token_of.max()) + 1)) < ratio
    hidden = np.take_along_axis(drawn, token_of, axis=1) & (token_of > 0)
    inside = np.arange(mask.shape[1]) < mask.sum(axis=1, keepdims=True) - 1  # not the separator
    chosen = torch.from_numpy(hidden & inside).to(inputs["mask"].device)
    inputs["input_ids"][chosen] = mask_id
    if "shapes" in inputs:
        inputs["shapes"][chosen] = pieces.hide_case(inputs["shapes"][chosen])


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
