"""From emissions to tags and probabilities: linear-chain decoding in NumPy.

A softmax head is the chain whose transitions are 0 where the tag scheme allows them and minus
infinity elsewhere, so that one code path serves both kinds of head. All sequences of a batch
are handled at once; time is linear in their length. No model is run here and no label known.

Sources: Viterbi and forward-backward as in Rabiner, "A tutorial on hidden Markov models"
(1989), with his scaling; probability of a span by clamping the chain to it, after Culotta and
McCallum, "Confidence estimation for information extraction" (2004).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biospan.tags import Span, TagSet

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Below this an emission cannot win. From any tag to any other takes three steps at most; even if
# all are hopeless, and transitions as far as 50 from zero, their product is above zero in float64.
_FLOOR = -100.0

_ALONE, _FIRST, _INSIDE, _LAST = range(4)  # columns of `_tags_inside`


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Scores between neighbouring tags, in the log domain.

    Attributes:
        tag_set: Names and rules of the tags.
        starts: Score of opening a sentence. Shape (n_tags,).
        transitions: Score of the column after the row. Shape (n_tags, n_tags).
        ends: Score of closing a sentence. Shape (n_tags,).
    """

    tag_set: TagSet
    starts: Floats
    transitions: Floats
    ends: Floats

    def joined(self) -> Floats:
        """Transitions between units of one token: nothing begins or ends there.

        Shape (n_tags, n_tags).
        """
        carries_on = self.tag_set.continuations.copy()
        carries_on[0, 0] = True  # outside stays outside
        return np.where(carries_on, self.transitions, -np.inf)

    @classmethod
    def legal(cls, tag_set: TagSet) -> "Chain":
        """The chain of a softmax head: 0 where the scheme allows, minus infinity elsewhere."""
        return cls(
            tag_set,
            _log_allowed(tag_set.starts),
            _log_allowed(tag_set.transitions),
            _log_allowed(tag_set.ends),
        )

    @classmethod
    def scored(
        cls,
        tag_set: TagSet,
        starts: Sequence[float],
        transitions: Sequence[Sequence[float]],
        ends: Sequence[float],
    ) -> "Chain":
        """The chain of a CRF head: learned scores on top of what the scheme allows."""
        legal = cls.legal(tag_set)
        return cls(
            tag_set,
            legal.starts + np.asarray(starts, dtype=np.float64),
            legal.transitions + np.asarray(transitions, dtype=np.float64),
            legal.ends + np.asarray(ends, dtype=np.float64),
        )


def pad(sequences: Sequence[NDArray[np.float32]]) -> tuple[Floats, NDArray[np.int64]]:
    """Stack emissions of several sentences.

    Args:
        sequences: One array per sentence, at least one token each. Shape (n_tokens, n_tags).

    Returns:
        Emissions, time first, zero where a sentence has ended, and the lengths.
        Shapes (n_tokens, n_sentences, n_tags) and (n_sentences,).
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    shape = (int(lengths.max()), len(sequences), sequences[0].shape[1])
    emissions = np.zeros(shape, dtype=np.float64)
    for index, sequence in enumerate(sequences):
        emissions[: len(sequence), index] = sequence
    return emissions, lengths


def pad_flags(sequences: Sequence[Flags]) -> Flags:
    """Stack flags of several sentences, time first. Shape (n_tokens, n_sentences)."""
    flags = np.zeros((max(map(len, sequences)), len(sequences)), dtype=np.bool_)
    for index, sequence in enumerate(sequences):
        flags[: len(sequence), index] = sequence
    return flags


def viterbi(
    emissions: Floats, lengths: NDArray[np.int64], chain: Chain, joined: Flags | None = None
) -> list[list[int]]:
    """The best tag sequence of each sentence.

    Args:
        emissions: As `pad` gives them. Shape (n_tokens, n_sentences, n_tags).
        lengths: Tokens of each sentence. Shape (n_sentences,).
        chain: Scores between neighbouring tags.
        joined: Where no entity may begin or end before a token. Shape (n_tokens, n_sentences).
    """
    n_steps, n_sentences, _ = emissions.shape
    tied = chain.joined()
    everyone = np.arange(n_sentences)
    best = chain.starts + emissions[0]
    pointers = np.zeros(emissions.shape, dtype=np.int16)
    for step in range(1, n_steps):
        candidates = best[:, :, None] + chain.transitions
        if joined is not None and joined[step].any():
            here = joined[step]
            candidates[here] = best[here][:, :, None] + tied
        pointers[step] = candidates.argmax(axis=1)
        extended = candidates.max(axis=1) + emissions[step]
        best = np.where((step < lengths)[:, None], extended, best)
    paths = np.zeros((n_steps, n_sentences), dtype=np.int64)
    tag = (best + chain.ends).argmax(axis=1)
    for step in range(n_steps - 1, -1, -1):
        paths[step] = tag
        came_from = pointers[step, everyone, tag]
        tag = np.where((step < lengths) & (step > 0), came_from, tag)
    return [paths[:length, index].tolist() for index, length in enumerate(lengths)]


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Forward and backward messages of a batch, scaled so that they sum to one at each step.

    Attributes:
        weights: Exponentials of the emissions, up to a factor per row.
        forward: Shape (n_tokens, n_sentences, n_tags), like `weights` and `backward`.
        backward: Divided by the same factors as `forward`.
        scales: The factor of each step. Shape (n_tokens, n_sentences).
        totals: Sum over all legal sequences, scaled. Shape (n_sentences,).
        lengths: Tokens of each sentence. Shape (n_sentences,).
        joined: Where no entity may begin or end before a token. Shape (n_tokens, n_sentences).
    """

    weights: Floats
    forward: Floats
    backward: Floats
    scales: Floats
    totals: Floats
    lengths: NDArray[np.int64]
    joined: Flags

    def marginals(self) -> Floats:
        """Probability of each tag at each token. Shape (n_tokens, n_sentences, n_tags)."""
        return self.forward * self.backward / self.totals[:, None]


def lattice(
    emissions: Floats, lengths: NDArray[np.int64], chain: Chain, joined: Flags | None = None
) -> Lattice:
    """Run forward-backward; arguments as for `viterbi`."""
    n_steps, n_sentences, _ = emissions.shape
    peaks = emissions.max(axis=2, keepdims=True)
    weights = np.exp(np.maximum(emissions - peaks, _FLOOR))
    moves, tied, ends = np.exp(chain.transitions), np.exp(chain.joined()), np.exp(chain.ends)
    joined = np.zeros((n_steps, n_sentences), dtype=np.bool_) if joined is None else joined
    forward = np.empty_like(weights)
    scales = np.ones((n_steps, n_sentences))
    forward[0] = np.exp(chain.starts) * weights[0]
    scales[0] = forward[0].sum(axis=1)
    forward[0] /= scales[0][:, None]
    for step in range(1, n_steps):
        extended = _moved(forward[step - 1], moves, tied, joined[step]) * weights[step]
        running = step < lengths
        scales[step] = np.where(running, extended.sum(axis=1), 1.0)
        forward[step] = np.where(
            running[:, None], extended / scales[step][:, None], forward[step - 1]
        )
    backward = np.empty_like(weights)
    backward[-1] = ends
    for step in range(n_steps - 2, -1, -1):
        reduced = _moved(weights[step + 1] * backward[step + 1], moves.T, tied.T, joined[step + 1])
        reduced /= scales[step + 1][:, None]
        backward[step] = np.where((step + 1 < lengths)[:, None], reduced, ends)
    totals = (forward[-1] * ends).sum(axis=1)
    return Lattice(weights, forward, backward, scales, totals, lengths, joined)


def _moved(messages: Floats, moves: Floats, tied: Floats, joined: Flags) -> Floats:
    """Messages of all sentences carried over one edge. Shape (n_sentences, n_tags)."""
    carried = _times(messages, moves)
    if joined.any():
        carried[joined] = _times(messages[joined], tied)
    return carried


def _times(messages: Floats, moves: Floats) -> Floats:
    """The product, row by row in one order of sums, whatever the number of rows.

    A matrix multiplication adds in an order that depends on it, and a sentence's scores would then
    depend on which others are in its batch.
    """
    return np.asarray((messages[:, :, None] * moves).sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Spans in the sentences of a batch, as arrays of one number for each. Shape (n_spans,).

    Attributes:
        rows: Index of the sentence in the batch.
        starts: First token.
        ends: The token after the last.
        labels: Number of the label in the tag set.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    labels: NDArray[np.int64]

    @classmethod
    def of(cls, spans: Sequence[tuple[int, Span]], tag_set: TagSet) -> "Places":
        """From pairs of a sentence's index in the batch and a span in it."""
        number = {label: index for index, label in enumerate(tag_set.labels)}
        columns = [(row, span.start, span.end, number[span.label]) for row, span in spans]
        return cls(*np.array(columns, dtype=np.int64).reshape(-1, 4).T)


def span_scores(
    found: Lattice, chain: Chain, spans: Sequence[tuple[int, Span]]
) -> NDArray[np.float64]:
    """Probability that exactly this span, with this label, is an entity.

    The chain is clamped to the span's own tags, and what follows must not carry it on.

    Args:
        found: Messages of the batch.
        chain: The chain they were computed with.
        spans: Pairs of a sentence's index in the batch and a span in it.

    Returns:
        Probabilities in [0, 1]. Shape (n_spans,).
    """
    return place_scores(found, chain, Places.of(spans, chain.tag_set))


def place_scores(found: Lattice, chain: Chain, places: Places) -> NDArray[np.float64]:
    """See `span_scores`."""
    if not len(places.rows):
        return np.zeros(0)
    rows, starts, ends = places.rows, places.starts, places.ends
    lengths = ends - starts
    tags_of = _tags_inside(chain.tag_set)[places.labels]
    tags = np.where(lengths == 1, tags_of[:, _ALONE], tags_of[:, _FIRST])
    moves = np.exp(chain.transitions)
    scores = found.forward[starts, rows, tags]
    for offset in range(1, int(lengths.max())):
        active = np.flatnonzero(lengths > offset)
        at, row = starts[active] + offset, rows[active]
        is_last = lengths[active] == offset + 1
        following = np.where(is_last, tags_of[active, _LAST], tags_of[active, _INSIDE])
        step = moves[tags[active], following] * found.weights[at, row, following]
        scores[active] *= step / found.scales[at, row]
        tags[active] = following
    scores *= _leaving(found, chain, rows, ends, tags)
    probabilities: Floats = np.clip(scores / found.totals[rows], 0.0, 1.0)
    return probabilities


def _leaving(
    found: Lattice,
    chain: Chain,
    rows: NDArray[np.int64],
    ends: NDArray[np.int64],
    tags: NDArray[np.int64],
) -> Floats:
    """Weight of all ways to go on after spans that end before `ends` with `tags`."""
    closing = np.exp(chain.ends)[tags]
    inside = np.flatnonzero(ends < found.lengths[rows])
    if not len(inside):
        return closing
    at, row, tag = ends[inside], rows[inside], tags[inside]
    moves = np.where(chain.tag_set.continuations, 0.0, np.exp(chain.transitions))[tag]
    onward = (moves * found.weights[at, row] * found.backward[at, row]).sum(axis=1)
    closing[inside] = np.where(found.joined[at, row], 0.0, onward / found.scales[at, row])
    return closing


def _tags_inside(tag_set: TagSet) -> NDArray[np.int64]:
    """Tags of a token alone in its span, and of the first, an inner and the last of several.

    Shape (n_labels, 4).
    """
    return np.array(
        [
            tag_set.encode(1, [Span(0, 1, label)]) + tag_set.encode(3, [Span(0, 3, label)])
            for label in tag_set.labels
        ]
    )


def _log_allowed(allowed: NDArray[np.bool_]) -> Floats:
    return np.where(allowed, 0.0, -np.inf)
