"""The tagger: text or Document in, Document with scored entities out.

It joins segmentation, pieces, a runtime and decoding, and owns the order of work: many documents
are cut into windows together, windows of like length share a call of the model, and documents
come back in the order they came in. It reads no files; `load` is the one exception.
"""

import importlib.resources
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from biospan import calibration, decode, highlight, pieces, runtime, segment, spans
from biospan.calibration import Calibration
from biospan.document import Document, Entity, Passage, Sentence
from biospan.errors import InputError, ModelError
from biospan.model_config import ModelConfig
from biospan.model_dir import load_model_dir

logger = logging.getLogger(__name__)

# Documents are read ahead until they hold this many characters (about 16,000 pieces), so that
# windows of like length find each other; memory is bounded by it and the longest document.
LOOK_AHEAD = 65_536
# Pieces of one call of the model, padding included: enough to keep the cores busy, few enough
# for its activations to stay in their caches.
BATCH_PIECES = 2_048

ERROR_KEY = "biospan_error"  # metadata of a document that could not be tagged


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A document ready for the model.

    Attributes:
        document: Segmented.
        offsets: For each sentence, the character offsets of its units.
        joined: For each sentence, which units lie in one given token with the unit before, so
            that no entity begins or ends between the two. Shape (n_units,).
        stretches: Its sentences, or its passages, as pieces.
    """

    document: Document
    offsets: list[list[tuple[int, int]]]
    joined: list[NDArray[np.bool_]]
    stretches: list[pieces.Stretch]


class Tagger:
    """Marks entities with a trained model; safe to share between threads.

    Args:
        model: What runs the encoder; see `biospan.runtime`.
        config: Of the model directory.
        tokenizer_json: Content of the model directory's `tokenizer.json`.
        fingerprint: Identifies the weights; the runtime's own is added to it.
    """

    def __init__(
        self,
        model: runtime.Runtime,
        config: ModelConfig,
        tokenizer_json: str,
        *,
        fingerprint: str = "",
    ) -> None:
        self.config = config
        self.fingerprint = f"{fingerprint} {model.fingerprint}".strip()
        self._model = model
        self._tokenizer = Tokenizer.from_str(tokenizer_json)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True  # `[SEP]` in a text is text
        self._special = pieces.Special(config.cls_id, config.sep_id, config.pad_id, config.unk_id)
        self._capacity = config.max_pieces - 2
        self._tag_set = tag_set = config.tag_set
        if config.transitions is None:
            self._chain = decode.Chain.legal(tag_set)
        else:
            self._chain = decode.Chain.scored(
                tag_set,
                config.start_transitions or (),
                config.transitions,
                config.end_transitions or (),
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that this tagger marks, sorted."""
        return self.config.labels

    def tag(self, text: str | Document) -> Document:
        """Mark the entities of one text.

        A Document that has tokens is tagged on those; its own entities are replaced.

        Raises:
            InputError: If the text cannot be tagged.
        """
        (document,) = self.tag_many([text])
        if ERROR_KEY in document.metadata:
            raise InputError(document.metadata[ERROR_KEY])
        return document

    def tag_many(self, texts: Iterable[str | Document]) -> Iterator[Document]:
        """Mark the entities of many texts, in order, at flat memory.

        A document whose text cannot be turned into pieces comes back without entities and with
        the reason in its metadata under `biospan_error`. What lies outside of the passages or
        sentences that a document came with is not tagged; a warning counts it.

        Raises:
            TypeError: If an item is neither a string nor a Document, or `texts` is one string.
            ModelError: If the model fails; that is no fault of a document.
        """
        if isinstance(texts, str):
            raise TypeError("got one str, expected an iterable of texts; use `tag` for one text")
        failed = incomplete = 0
        for document in self._tagged(texts):
            failed += ERROR_KEY in document.metadata
            incomplete += ERROR_KEY not in document.metadata and _outside(document) > 0
            yield document
        if failed or incomplete:
            logger.warning(
                "%d documents could not be tagged; %d were not tagged where their own passages or "
                "sentences leave text out",
                failed,
                incomplete,
            )

    def _tagged(self, texts: Iterable[str | Document]) -> Iterator[Document]:
        """Tag in groups that are read ahead."""
        group: list[Document] = []
        size = 0
        for number, text in enumerate(texts, 1):
            if not isinstance(text, str | Document):
                raise TypeError(
                    f"text {number}: got {type(text).__name__}, expected str or Document"
                )
            group.append(Document(text) if isinstance(text, str) else text)
            size += len(group[-1].text) + 1  # empty texts must not pile up for ever
            if size >= LOOK_AHEAD:
                yield from self._tag_group(group)
                group, size = [], 0
        yield from self._tag_group(group)

    def emissions(self, documents: Sequence[Document]) -> list[list[NDArray[np.float32]]]:
        """What the model says before decoding: for each document, one array per sentence.

        Returns:
            Arrays of shape (n_tokens, n_tags).

        Raises:
            InputError: If a text cannot be turned into pieces.
        """
        return self._emissions(self.prepare(documents))

    def marginals(self, documents: Sequence[Document]) -> list[list[NDArray[np.float32]]]:
        """Probability of each tag at each unit, in arrays as `emissions` has them.

        What given tokens rule out is not ruled out here.

        Raises:
            InputError: If a text cannot be turned into pieces.
        """
        return spans.marginals(self.emissions(documents), self._chain)

    def inputs(
        self, windows: Sequence[pieces.Window], stretches: Sequence[pieces.Stretch]
    ) -> dict[str, NDArray[np.int64]]:
        """The arrays that this tagger's model takes for some windows; see `pieces.to_inputs`."""
        arrays = pieces.to_inputs(windows, stretches, self._special)
        return {name: arrays[name] for name in self.config.inputs}

    def _tag_group(self, documents: list[Document]) -> list[Document]:
        try:
            return [document for document, _ in self.weigh(documents)]
        except InputError as error:
            if len(documents) == 1:
                return [documents[0].with_entities(()).with_metadata(**{ERROR_KEY: str(error)})]
            # One bad document must not take the others with it.
            return [tagged for document in documents for tagged in self._tag_group([document])]

    def weigh(self, documents: Sequence[Document]) -> list[tuple[Document, decode.Floats]]:
        """Mark entities, and tell what `calibration` is to know of them.

        Returns:
            For each document it with entities, and their evidence. Shape (n_entities, n_evidence).

        Raises:
            InputError: If the tokenizer fails on a text.
        """
        prepared = self.prepare(documents)
        found = spans.find(self._emissions(prepared), [p.joined for p in prepared], self._chain)
        return [
            _with_entities(item, sentences, self.config.calibration)
            for item, sentences in zip(prepared, found, strict=True)
        ]

    def prepare(self, documents: Sequence[Document]) -> list[Prepared]:
        """Segment documents and turn them into pieces; training uses the same step.

        Raises:
            InputError: If the tokenizer fails on a text.
        """
        limit = max(1, self._capacity // 8)
        segmented = [_segmented(document) for document in documents]
        units = [[_units(document.text, s) for s in document.sentences()] for document in segmented]
        texts: list[list[list[pieces.Token]]] = []
        counts = []
        for document, sentences in zip(segmented, units, strict=True):
            stretches = self._stretches(document, [offsets for offsets, _ in sentences])
            counts.append(len(stretches))
            texts.extend(stretches)
        encoded = iter(pieces.encode(self._tokenizer, texts, self._special, limit))
        return [
            Prepared(
                document,
                [offsets for offsets, _ in sentences],
                [joined for _, joined in sentences],
                [next(encoded) for _ in range(count)],
            )
            for document, sentences, count in zip(segmented, units, counts, strict=True)
        ]

    def _stretches(
        self, document: Document, offsets: list[list[tuple[int, int]]]
    ) -> list[list[list[pieces.Token]]]:
        clean = highlight.replace_surrogates(document.text)
        sentences = []
        for sentence in offsets:
            ends = [-1, *(end for _, end in sentence)]
            sentences.append(
                [
                    pieces.Token(clean[start:end], start == before)
                    for (start, end), before in zip(sentence, ends, strict=False)
                ]
            )
        if self.config.context == "sentence":
            return [[sentence] for sentence in sentences]
        queue = iter(sentences)
        return [[next(queue) for _ in passage.sentences] for passage in document.passages]

    def _emissions(self, prepared: Sequence[Prepared]) -> list[list[NDArray[np.float32]]]:
        stretches = [stretch for item in prepared for stretch in item.stretches]
        n_tags = len(self._tag_set.names)
        rows = [np.empty((len(s.token_starts), n_tags), dtype=np.float32) for s in stretches]
        windows = [
            window
            for index, stretch in enumerate(stretches)
            for window in pieces.plan(index, stretch, self._capacity)
        ]
        windows.sort(key=lambda window: pieces.size(window, stretches[window.stretch]))
        for batch in _batches(windows, stretches):
            pieces.merge(self._model.run(self.inputs(batch, stretches)), batch, rows)
        queue = iter(
            part
            for array, stretch in zip(rows, stretches, strict=True)
            for part in np.split(array, stretch.sentence_ends[:-1])
            if len(stretch.sentence_ends)
        )
        return [[next(queue) for _ in item.offsets] for item in prepared]


def load(
    path: str | Path | None = None, *, engine: str = "onnxruntime", threads: int | None = None
) -> Tagger:
    """Load a model directory, the bundled one by default.

    Args:
        path: A model directory that `export` wrote; None for the bundled model.
        engine: `onnxruntime`; or `openvino` or `openvino-bf16`, with the extra `openvino`.
        threads: Threads of the model; None for all cores this process may use.

    Raises:
        MissingInputError: If there is no such directory.
        ModelError: If it is incomplete, damaged, or holds what is never loaded.
        MissingDependencyError: If the engine is not installed.
    """
    if path is None:
        bundled = importlib.resources.files("biospan") / "models" / "default"
        with importlib.resources.as_file(bundled) as folder:
            files = load_model_dir(folder)
    else:
        files = load_model_dir(Path(path))
    model = runtime.open_runtime(engine, files.onnx, inputs=files.config.inputs, threads=threads)
    _check_fit(model, files.config)
    return Tagger(model, files.config, files.tokenizer_json, fingerprint=files.fingerprint)


def _check_fit(model: runtime.Runtime, config: ModelConfig) -> None:
    """Run the longest window once: a graph that does not fit its config is refused now."""
    longest = config.max_pieces
    window = {
        "input_ids": np.full((1, longest), config.unk_id, dtype=np.int64),
        "mask": np.ones((1, longest), dtype=np.int64),
        "token_starts": np.full((1, 2), longest - 1, dtype=np.int64),
        "shapes": np.full((1, longest), pieces.N_SHAPES - 1, dtype=np.int64),
    }
    rows = model.run({name: window[name] for name in config.inputs})
    expected = (1, 2, len(config.tag_set.names))
    if rows.shape != expected:
        raise ModelError(
            f"model.onnx: got emissions of shape {rows.shape} for 1 window of 2 tokens; expected "
            f"{expected}, as config.json has {len(config.labels)} labels in {config.scheme}"
        )


def _segmented(document: Document) -> Document:
    """The document with sentences; those it has already are kept."""
    passages = document.passages or (Passage(0, len(document.text)),)
    if all(passage.sentences for passage in passages):
        return document
    return document.with_passages(
        passage
        if passage.sentences
        else replace(
            passage,
            sentences=tuple(
                Sentence(passage.start + start, passage.start + end)
                for start, end in segment.sentence_spans(document.text[passage.start : passage.end])
            ),
        )
        for passage in passages
    )


def _outside(document: Document) -> int:
    """Characters that are not blank and in no sentence; segmentation itself leaves none out."""
    position = outside = 0
    for sentence in document.sentences():
        outside += len(document.text[position : sentence.start].strip())
        position = sentence.end
    return outside + len(document.text[position:].strip())


def _units(text: str, sentence: Sentence) -> tuple[list[tuple[int, int]], NDArray[np.bool_]]:
    """Offsets of a sentence's units, and which of them are joined to the unit before.

    Units are what is decided on, whether tokens are given or not; given tokens only say where an
    entity may begin and end.
    """
    if not sentence.tokens:
        offsets = segment.token_spans(text, sentence.start, sentence.end)
        return offsets, np.zeros(len(offsets), dtype=np.bool_)
    offsets, joined = [], []
    for token in sentence.tokens:
        units = segment.token_spans(text, token.start, token.end)
        if len(units) == 0 or token.text in pieces.QUOTES:
            units = [(token.start, token.end)]
        offsets += units
        joined += [False] + [True] * (len(units) - 1)
    return offsets, np.array(joined, dtype=np.bool_)


def _batches(
    windows: Sequence[pieces.Window], stretches: Sequence[pieces.Stretch]
) -> Iterator[list[pieces.Window]]:
    """Runs of windows, sorted by size, that fill one call of the model."""
    batch: list[pieces.Window] = []
    for window in windows:
        size = pieces.size(window, stretches[window.stretch])
        if batch and size * (len(batch) + 1) > BATCH_PIECES:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _with_entities(
    item: Prepared, found: Sequence[Sequence[spans.Found]], fitted: Calibration | None
) -> tuple[Document, decode.Floats]:
    """The document with the entities found in its sentences, and the evidence for them."""
    text = item.document.text
    placed = [
        (offsets[span.start][0], offsets[span.end - 1][1], span.label, row)
        for offsets, sentence in zip(item.offsets, found, strict=True)
        for span, row in sentence
    ]
    names = [(label, text[start:end]) for start, end, label, _ in placed]
    evidence = calibration.of_document([row for *_, row in placed], names)
    scores = evidence[:, 0]
    if fitted is not None:
        scores = fitted.apply([label for label, _ in names], evidence)
    entities = tuple(
        Entity(start, end, label, text[start:end], score)
        for (start, end, label, _), score in zip(placed, scores.tolist(), strict=True)
    )
    # The reason why an earlier try failed, as a file may carry it, holds no longer.
    metadata = {key: value for key, value in item.document.metadata.items() if key != ERROR_KEY}
    return replace(item.document, entities=entities, metadata=metadata), evidence
