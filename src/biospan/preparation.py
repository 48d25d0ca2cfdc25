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
    """

    tokenizer: Tokenizer
    special: pieces.Special
    limit: int
    context: Literal["sentence", "document"]

    def apply(self, documents: Sequence[Document]) -> list[Prepared]:
        """Segment documents and turn them into pieces.

        Raises:
            InputError: If the tokenizer fails on a text.
        """
        segmented = [_segmented(document) for document in documents]
        units = [[_units(document.text, s) for s in document.sentences()] for document in segmented]
        texts: list[list[list[pieces.Token]]] = []
        counts = []
        for document, sentences in zip(segmented, units, strict=True):
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
