"""From documents to what the model reads: sentences, decision units, pieces.

Training prepares its documents by the same step, so that a model is used as it was trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from biospan import highlight, pieces, segment
from biospan.document import Document, Passage, Sentence
from biospan.model_config import Decisions, Reading
from biospan.reading import Offsets, read, units


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


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """How documents are made ready for one model.

    Attributes:
        special: Numbers of the special pieces.
        limit: Pieces of one token that are kept.
        context: What a window may be cut from.
        decisions: What gets a tag; see `reading.units`.
        reading: What is turned into pieces at a time.
    """

    tokenizer: Tokenizer
    special: pieces.Special
    limit: int
    context: Literal["sentence", "document"]
    decisions: Decisions = "units"
    reading: Reading = "units"

    def apply(self, documents: Sequence[Document]) -> list[Prepared]:
        """Segment documents and turn them into pieces.

        Raises:
            InputError: If the tokenizer fails on a text.
        """
        segmented = [_segmented(document) for document in documents]
        found = [
            [units(document.text, sentence, self.decisions) for sentence in document.sentences()]
            for document in segmented
        ]
        if self.reading == "text":
            return [self._as_text(*item) for item in zip(segmented, found, strict=True)]
        texts: list[list[list[pieces.Token]]] = []
        counts = []
        for document, sentences in zip(segmented, found, strict=True):
            stretches = self._stretches(document, [offsets for offsets, _ in sentences])
            counts.append(len(stretches))
            texts.extend(stretches)
        encoded = iter(pieces.encode(self.tokenizer, texts, self.special, self.limit))
        return [
            Prepared(
                document,
                [offsets for offsets, _ in sentences],
                [joined for _, joined in sentences],
                [next(encoded) for _ in range(count)],
            )
            for document, sentences, count in zip(segmented, found, counts, strict=True)
        ]

    def _as_text(
        self, document: Document, decided: list[tuple[Offsets, NDArray[np.bool_]]]
    ) -> Prepared:
        clean = highlight.replace_surrogates(document.text)
        sentences = list(zip(document.sentences(), decided, strict=True))
        found = list(read(self.tokenizer, clean, sentences, self.special.unk, self.limit))
        return Prepared(
            document,
            [item.offsets for item in found],
            [item.joined for item in found],
            [item.stretch for item in found],
        )

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
        if self.context == "sentence":
            return [[sentence] for sentence in sentences]
        queue = iter(sentences)
        return [[next(queue) for _ in passage.sentences] for passage in document.passages]


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
