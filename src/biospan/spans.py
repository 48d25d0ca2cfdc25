"""From the emissions of many documents to the spans in them, and the evidence for each.

Sentences of like length are decoded together. Numbers and spans only: no text, no model.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from biospan import calibration, decode
from biospan.tags import Span

Found = tuple[Span, decode.Floats]  # a span and its row of `calibration.EVIDENCE`

BATCH_TOKENS = 16_384  # of one decoding batch, padding included


def find(
    emissions: Sequence[Sequence[NDArray[np.float32]]],
    joined: Sequence[Sequence[decode.Flags]],
    chain: decode.Chain,
) -> list[list[list[Found]]]:
    """The spans of the best tags, in the order of documents and sentences.

    Args:
        emissions: For each document, an array of each sentence. Shape (n_tokens, n_tags).
        joined: Likewise, where no entity may begin or end before a token. Shape (n_tokens,).
        chain: Scores between neighbouring tags.
    """
    found: list[list[list[Found]]] = [[[] for _ in document] for document in emissions]
    for batch in _batches(emissions):
        arrays = [emissions[index][nth] for index, nth in batch]
        ties = [joined[index][nth] for index, nth in batch]
        for (index, nth), spans in zip(batch, _find_batch(arrays, ties, chain), strict=True):
            found[index][nth] = spans
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
) -> list[list[Found]]:
    padded, lengths = decode.pad(arrays)
    ties = decode.pad_flags(joined) if any(map(np.any, joined)) else None
    paths = decode.viterbi(padded, lengths, chain, ties)
    spans = [(row, span) for row, path in enumerate(paths) for span in chain.tag_set.decode(path)]
    found: list[list[Found]] = [[] for _ in arrays]
    if spans:
        lattice = decode.lattice(padded, lengths, chain, ties)
        evidence = calibration.weigh(lattice, chain, padded, spans)
        for (row, span), known in zip(spans, evidence, strict=True):
            found[row].append((span, known))
    return found
