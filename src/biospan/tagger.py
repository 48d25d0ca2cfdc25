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

from biospan import decode, highlight, pieces, runtime, segment
from biospan.document import Document, Entity, Passage, Sentence
from biospan.errors import InputError, ModelError
from biospan.model_config import ModelConfig
from biospan.model_dir import load_model_dir
from biospan.tags import Span

logger = logging.getLogger(__name__)

# Documents are read ahead until they hold this many characters (about 16,000 pieces), so that
# windows of like length find each other; memory is bounded by it and the longest document.
LOOK_AHEAD = 65_536
# Pieces of one call of the model, padding included: enough to keep the cores busy, few enough
# for its activations to stay in their caches.
BATCH_PIECES = 2_048
# Tokens of one decoding batch, padding included.
BATCH_TOKENS = 16_384

ERROR_KEY = "biospan_error"  # metadata of a document that could not be tagged


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A document ready for the model.

    Attributes:
        document: Segmented.
        offsets: For each sentence, the character offsets of its tokens.
        stretches: Its sentences, or its passages, as pieces.
    """

    document: Document
    offsets: list[list[tuple[int, int]]]
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

    def inputs(
        self, windows: Sequence[pieces.Window], stretches: Sequence[pieces.Stretch]
    ) -> dict[str, NDArray[np.int64]]:
        """The arrays that this tagger's model takes for some windows; see `pieces.to_inputs`."""
        arrays = pieces.to_inputs(windows, stretches, self._special)
        return {name: arrays[name] for name in self.config.inputs}

    def _tag_group(self, documents: list[Document]) -> list[Document]:
        try:
            prepared = self.prepare(documents)
        except InputError as error:
            if len(documents) == 1:
                return [documents[0].with_entities(()).with_metadata(**{ERROR_KEY: str(error)})]
            # One bad document must not take the others with it.
            return [tagged for document in documents for tagged in self._tag_group([document])]
        found = self._decode(self._emissions(prepared))
        return [_with_entities(item, spans) for item, spans in zip(prepared, found, strict=True)]

    def prepare(self, documents: Sequence[Document]) -> list[Prepared]:
        """Segment documents and turn them into pieces; training uses the same step.

        Raises:
            InputError: If the tokenizer fails on a text.
        """
        limit = max(1, self._capacity // 8)
        segmented = [_segmented(document) for document in documents]
        offsets = [
            [_offsets(document.text, s) for s in document.sentences()] for document in segmented
        ]
        texts: list[list[list[str]]] = []
        counts = []
        for document, sentences in zip(segmented, offsets, strict=True):
            stretches = self._stretches(document, sentences)
            counts.append(len(stretches))
            texts.extend(stretches)
        encoded = iter(pieces.encode(self._tokenizer, texts, self._special, limit))
        return [
            Prepared(document, sentences, [next(encoded) for _ in range(count)])
            for document, sentences, count in zip(segmented, offsets, counts, strict=True)
        ]

    def _stretches(
        self, document: Document, offsets: list[list[tuple[int, int]]]
    ) -> list[list[list[str]]]:
        clean = highlight.replace_surrogates(document.text)
        sentences = [[clean[start:end] for start, end in sentence] for sentence in offsets]
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

    def _decode(
        self, emissions: list[list[NDArray[np.float32]]]
    ) -> list[list[list[tuple[Span, float]]]]:
        found: list[list[list[tuple[Span, float]]]] = [[[] for _ in doc] for doc in emissions]
        places = [
            (len(array), index, nth)
            for index, document in enumerate(emissions)
            for nth, array in enumerate(document)
            if len(array)
        ]
        places.sort()
        while places:
            longest = places[-1][0]
            batch = places[-max(1, BATCH_TOKENS // longest) :]
            del places[-len(batch) :]
            arrays = [emissions[index][nth] for _, index, nth in batch]
            for (_, index, nth), spans in zip(batch, self._decode_batch(arrays), strict=True):
                found[index][nth] = spans
        return found

    def _decode_batch(self, arrays: list[NDArray[np.float32]]) -> list[list[tuple[Span, float]]]:
        padded, lengths = decode.pad(arrays)
        paths = decode.viterbi(padded, lengths, self._chain)
        spans = [
            (row, span) for row, path in enumerate(paths) for span in self._tag_set.decode(path)
        ]
        scored: list[list[tuple[Span, float]]] = [[] for _ in arrays]
        if spans:
            lattice = decode.lattice(padded, lengths, self._chain)
            scores = decode.span_scores(lattice, self._chain, spans)
            for (row, span), score in zip(spans, scores, strict=True):
                scored[row].append((span, float(score)))
        return scored


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
        else Passage(
            passage.start,
            passage.end,
            passage.kind,
            tuple(
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


def _offsets(text: str, sentence: Sentence) -> list[tuple[int, int]]:
    """Offsets of a sentence's own tokens, or of its units if it came without."""
    if sentence.tokens:
        return [(token.start, token.end) for token in sentence.tokens]
    return segment.token_spans(text, sentence.start, sentence.end)


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


def _with_entities(item: Prepared, found: list[list[tuple[Span, float]]]) -> Document:
    text = item.document.text
    entities = []
    for offsets, spans in zip(item.offsets, found, strict=True):
        for span, score in spans:
            start, end = offsets[span.start][0], offsets[span.end - 1][1]
            entities.append(Entity(start, end, span.label, text[start:end], score))
    # The reason why an earlier try failed, as a file may carry it, holds no longer.
    metadata = {key: value for key, value in item.document.metadata.items() if key != ERROR_KEY}
    return replace(item.document, entities=tuple(entities), metadata=metadata)
