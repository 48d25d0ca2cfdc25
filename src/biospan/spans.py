"""From the emissions of many documents to the spans in them, and the evidence for each.

Sentences of like length are decoded together. Numbers and spans only: no text, no model.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biospan import calibration, decode
from biospan.tags import Span

BATCH_TOKENS = 16_384  # of one decoding batch, padding included


class Sentence(NamedTuple):
    """What is found in a sentence.

    Attributes:
        spans: Of the best tags.
        evidence: Of each span, as `calibration.weigh` tells. Shape (n_spans, N_OWN).
        tags: Probability of each tag at each unit. Shape (n_units, n_tags).
    """

    spans: list[Span]
    evidence: decode.Floats
    tags: decode.Floats


def find(
    emissions: Sequence[Sequence[NDArray[np.float32]]],
    joined: Sequence[Sequence[decode.Flags]],
    chain: decode.Chain,
) -> list[list[Sentence]]:
    """The spans of the best tags, sentence by sentence of each document.

    Args:
        emissions: For each document, an array of each sentence. Shape (n_tokens, n_tags).
        joined: Likewise, where no entity may begin or end before a token. Shape (n_tokens,).
        chain: Scores between neighbouring tags.
    """
    nothing = Sentence([], np.zeros((0, calibration.N_OWN)), np.zeros((0, len(chain.starts))))
    found = [[nothing for _ in document] for document in emissions]
    for batch in _batches(emissions):
        arrays = [emissions[index][nth] for index, nth in batch]
        ties = [joined[index][nth] for index, nth in batch]
        for (index, nth), sentence in zip(batch, _find_batch(arrays, ties, chain), strict=True):
            found[index][nth] = sentence
    return found


def marginals(
    emissions: Sequence[Sequence[NDArray[np.float32]]], chain: decode.Chain
) -> list[list[NDArray[np.float32]]]:
    """Probability of each tag at each token, in arrays like those of `emissions`."""
    rows = [list(document) for document in emissions]
    for batch in _batches(emissions):
        padded, lengths = decode.pad([emissions[index][nth] for index, nth in batch])
        found = decode.lattice(padded, lengths, chain).marginals()
        for column, (index, nth) in enumerate(batch):
            rows[index][nth] = found[: lengths[column], column].astype(np.float32)
    return rows


def _batches(
    emissions: Sequence[Sequence[NDArray[np.float32]]],
) -> Iterator[list[tuple[int, int]]]:
    """Indices of document and sentence in batches of like length; empty sentences are in none."""
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
        yield [(index, nth) for _, index, nth in batch]


def _find_batch(
    arrays: Sequence[NDArray[np.float32]], joined: Sequence[decode.Flags], chain: decode.Chain
) -> list[Sentence]:
    padded, lengths = decode.pad(arrays)
    ties = decode.pad_flags(joined) if any(map(np.any, joined)) else None
    paths = decode.viterbi(padded, lengths, chain, ties)
    found = [chain.tag_set.decode(path) for path in paths]
    lattice = decode.lattice(padded, lengths, chain, ties)
    spans = [(row, span) for row, spans in enumerate(found) for span in spans]
    evidence = calibration.weigh(lattice, chain, padded, spans)
    ends = np.cumsum([len(spans) for spans in found])
    tags = lattice.marginals()
    return [
        Sentence(spans, rows, tags[: len(array), column])
        for column, (spans, rows, array) in enumerate(
            zip(found, np.split(evidence, ends[:-1]), arrays, strict=True)
        )
    ]
