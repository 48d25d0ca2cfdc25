"""The tagger: text or Document in, Document with scored entities out.

It joins preparation, a runtime and decoding; documents come back in the order they came in. It
reads no files; `load` is the one exception.
"""

import importlib.resources
import logging
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from biospan import decode, elsewhere, pieces, runtime, schedule, spans
from biospan.calibration import N_OWN, Calibration
from biospan.document import Document, Entity
from biospan.errors import InputError, ModelError
from biospan.model_config import ModelConfig
from biospan.model_dir import load_model_dir
from biospan.preparation import Preparation, Prepared
from biospan.tags import TagSet

logger = logging.getLogger(__name__)

ERROR_KEY = "biospan_error"  # metadata of a document that could not be tagged


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
        self._special = pieces.Special(config.cls_id, config.sep_id, config.pad_id, config.unk_id)
        self._capacity = config.max_pieces - 2
        self._preparation = Preparation(
            _tokenizer(tokenizer_json),
            self._special,
            limit=max(1, self._capacity // 8),
            context=config.context,
            decisions=config.decisions,
            reading=config.reading,
        )
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

    @property
    def tokenizer(self) -> Tokenizer:
        """What cuts tokens into pieces; not to be changed."""
        return self._preparation.tokenizer

    @property
    def model(self) -> runtime.Runtime:
        """What runs the encoder."""
        return self._model

    def with_model(self, model: runtime.Runtime) -> "Tagger":
        """The same tagger with something else between it and its encoder."""
        twin = copy(self)
        twin._model = model
        return twin

    def tag(self, text: str | Document) -> Document:
        """Mark the entities of one text.

        A Document that has tokens is tagged on those; its own entities are replaced.

        Raises:
            InputError: If the text cannot be tagged.
        """
        ((document, _),) = self.weigh(list(_documents([text])))
        if _outside(document):
            logger.warning(
                "1 document was not tagged where its own passages or sentences leave text out"
            )
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
        """Tag in groups that are read ahead; one is prepared while the model works on another."""
        ready = map(self._ready, schedule.groups(_documents(texts)))
        for (prepared, failed), emissions in schedule.overlapped(
            ready, lambda group: self._emissions(group[0])
        ):
            tagged = iter(self._weighed(prepared, emissions))
            for place in range(len(prepared) + len(failed)):
                yield failed[place] if place in failed else next(tagged)[0]

    def _ready(self, documents: list[Document]) -> tuple[list[Prepared], dict[int, Document]]:
        """Documents as pieces; and by their place those of which that cannot be made."""
        try:
            return self.prepare(documents), {}
        except InputError:  # one bad document must not take the others with it
            prepared, failed = [], {}
            for place, document in enumerate(documents):
                try:
                    prepared += self.prepare([document])
                except InputError as error:
                    reason = {ERROR_KEY: str(error)}
                    failed[place] = document.with_entities(()).with_metadata(**reason)
            return prepared, failed

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

    def weigh(self, documents: Sequence[Document]) -> list[tuple[Document, decode.Floats]]:
        """Mark entities, and tell what `calibration` is to know of them.

        Returns:
            For each document it with entities, and their evidence. Shape (n_entities, n_evidence).

        Raises:
            InputError: If the tokenizer fails on a text.
        """
        prepared = self.prepare(documents)
        return self._weighed(prepared, self._emissions(prepared))

    def prepare(self, documents: Sequence[Document]) -> list[Prepared]:
        """Segment documents and turn them into pieces; training uses the same step.

        Raises:
            InputError: If the tokenizer fails on a text.
        """
        return self._preparation.apply(documents)

    def _emissions(self, prepared: Sequence[Prepared]) -> list[list[NDArray[np.float32]]]:
        stretches = [stretch for item in prepared for stretch in item.stretches]
        n_tags = len(self._tag_set.names)
        rows = [np.empty((len(s.token_starts), n_tags), dtype=np.float32) for s in stretches]
        windows = [
            window
            for index, stretch in enumerate(stretches)
            for window in pieces.plan(index, stretch, self._capacity)
        ]
        for batch in schedule.batches(windows, stretches):
            pieces.merge(self._model.run(self.inputs(batch, stretches)), batch, rows)
        queue = iter(
            part
            for array, stretch in zip(rows, stretches, strict=True)
            for part in np.split(array, stretch.sentence_ends[:-1])
            if len(stretch.sentence_ends)
        )
        return [[next(queue) for _ in item.offsets] for item in prepared]

    def _weighed(
        self, prepared: Sequence[Prepared], emissions: Sequence[Sequence[NDArray[np.float32]]]
    ) -> list[tuple[Document, decode.Floats]]:
        found = spans.find(emissions, [item.joined for item in prepared], self._chain)
        return [
            _with_entities(item, sentences, self._tag_set, self.config.calibration)
            for item, sentences in zip(prepared, found, strict=True)
        ]


def load(
    path: str | Path | None = None, *, engine: str = runtime.AUTO, threads: int | None = None
) -> Tagger:
    """Load a model directory, the bundled one by default.

    Args:
        path: A model directory that `export` wrote; None for the bundled model.
        engine: One of `runtime.ENGINES`; by default int8 where the model's export measured it.
            Those of OpenVINO need the extra `openvino`.
        threads: Threads of the model; None for all cores this process may use.

    Raises:
        MissingInputError: If there is no such directory.
        ModelError: If it is incomplete, damaged, or holds what is never loaded.
        ConfigError: If there is no such engine, or the model has not what it needs.
        MissingDependencyError: If the engine is not installed.
    """
    if path is None:
        bundled = importlib.resources.files("biospan") / "models" / "default"
        with importlib.resources.as_file(bundled) as folder:
            files = load_model_dir(folder)
    else:
        files = load_model_dir(Path(path))
    model = runtime.open_runtime(
        engine,
        files.onnx,
        files.config.inputs,
        threads=threads,
        activations=files.config.activations,
    )
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


def _tokenizer(content: str) -> Tokenizer:
    tokenizer = Tokenizer.from_str(content)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # `[SEP]` in a text is text
    return tokenizer


def _documents(texts: Iterable[str | Document]) -> Iterator[Document]:
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str | Document):
            raise TypeError(f"text {number}: got {type(text).__name__}, expected str or Document")
        yield Document(text) if isinstance(text, str) else text


def _outside(document: Document) -> int:
    """Characters that are not blank and in no sentence; segmentation itself leaves none out."""
    position = outside = 0
    for sentence in document.sentences():
        outside += len(document.text[position : sentence.start].strip())
        position = sentence.end
    return outside + len(document.text[position:].strip())


def _with_entities(
    item: Prepared,
    found: Sequence[spans.Sentence],
    tag_set: TagSet,
    fitted: Calibration | None,
) -> tuple[Document, decode.Floats]:
    """The document with the entities found in its sentences, and the evidence for them."""
    text = item.document.text
    words = [[text[start:end].lower() for start, end in offsets] for offsets in item.offsets]
    placed = [
        (offsets[span.start][0], offsets[span.end - 1][1], span.label)
        for offsets, sentence in zip(item.offsets, found, strict=True)
        for span in sentence.spans
    ]
    of_document = elsewhere.weigh(
        words,
        [sentence.tags for sentence in found],
        [sentence.spans for sentence in found],
        tag_set,
    )
    own = np.concatenate([np.zeros((0, N_OWN)), *(sentence.evidence for sentence in found)])
    evidence = np.hstack([own, of_document])
    scores = evidence[:, 0]
    if fitted is not None:
        scores = fitted.apply([label for *_, label in placed], evidence)
    entities = tuple(
        Entity(start, end, label, text[start:end], score)
        for (start, end, label), score in zip(placed, scores.tolist(), strict=True)
    )
    # The reason why an earlier try failed, as a file may carry it, holds no longer.
    metadata = {key: value for key, value in item.document.metadata.items() if key != ERROR_KEY}
    return replace(item.document, entities=entities, metadata=metadata), evidence
