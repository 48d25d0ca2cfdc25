"""Decoding against the plain definition: list every way to place entities and add up."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from biospan import decode, tags
from biospan.decode import Chain
from biospan.tags import Scheme, Span, TagSet

LABELS = ("DNA", "protein")
SCHEMES: tuple[Scheme, ...] = ("IOB2", "IOBES")
TAG_SETS = {scheme: TagSet(LABELS, scheme) for scheme in SCHEMES}
Floats32 = NDArray[np.float32]
Flags = NDArray[np.bool_]


class Model(NamedTuple):
    """A chain, and the numbers that it was made from."""

    chain: Chain
    starts: NDArray[np.float64]
    transitions: NDArray[np.float64]
    ends: NDArray[np.float64]


class Truth(NamedTuple):
    """What listing all sequences says."""

    best: float
    paths: dict[tuple[int, ...], float]  # log scores
    marginals: NDArray[np.float64]
    spans: dict[Span, float]


def numbers(low: int, high: int, *shape: int) -> st.SearchStrategy[NDArray[np.float64]]:
    """Arrays of quarters, which hypothesis shrinks well."""
    size = int(np.prod(shape))
    values = st.lists(st.integers(4 * low, 4 * high), min_size=size, max_size=size)
    return values.map(lambda drawn: np.array(drawn).reshape(shape) / 4)


@st.composite
def models(draw: st.DrawFn, tag_set: TagSet) -> Model:
    """A softmax head or a CRF."""
    n = len(tag_set.names)
    if draw(st.booleans()):
        return Model(Chain.legal(tag_set), np.zeros(n), np.zeros((n, n)), np.zeros(n))
    starts, transitions, ends = (draw(numbers(-3, 3, *shape)) for shape in ((n,), (n, n), (n,)))
    chain = Chain.scored(tag_set, starts.tolist(), transitions.tolist(), ends.tolist())
    return Model(chain, starts, transitions, ends)


@st.composite
def cases(draw: st.DrawFn, max_tokens: int = 4) -> tuple[Model, list[Floats32]]:
    """A chain and a batch of sentences of unequal lengths."""
    tag_set = TAG_SETS[draw(st.sampled_from(SCHEMES))]
    n_tokens = draw(st.lists(st.integers(1, max_tokens), min_size=1, max_size=3))
    batch = [draw(numbers(-5, 5, n, len(tag_set.names))).astype(np.float32) for n in n_tokens]
    return draw(models(tag_set)), batch


def placements(n_tokens: int, start: int = 0) -> Iterator[list[Span]]:
    """Every way to place labelled spans on a sentence: every legal sequence, once."""
    if start == n_tokens:
        yield []
        return
    yield from placements(n_tokens, start + 1)
    for end in range(start + 1, n_tokens + 1):
        for label in LABELS:
            for rest in placements(n_tokens, end):
                yield [Span(start, end, label), *rest]


def enumerate_all(emissions: Floats32, model: Model, joined: Flags) -> Truth:
    tag_set = model.chain.tag_set
    sums: dict[Span, float] = defaultdict(float)
    scores, marginals = {}, np.zeros(emissions.shape)
    for spans in placements(len(emissions)):
        edges = {edge for span in spans for edge in (span.start, span.end)}
        if any(joined[edge] for edge in edges if edge < len(emissions)):
            continue
        path = tag_set.encode(len(emissions), spans)
        score = model.starts[path[0]] + model.ends[path[-1]]
        score += sum(emissions[i, tag] for i, tag in enumerate(path))
        score += sum(model.transitions[a, b] for a, b in pairwise(path))
        scores[tuple(path)] = float(score)
        marginals[np.arange(len(path)), path] += np.exp(score)
        for span in spans:
            sums[span] += np.exp(score)
    total = np.exp(list(scores.values())).sum()
    spans_found = defaultdict(float, {span: value / total for span, value in sums.items()})
    return Truth(max(scores.values()), scores, marginals / total, spans_found)


def solve(
    batch: list[Floats32], chain: Chain
) -> tuple[list[list[int]], NDArray[np.float64], decode.Lattice]:
    emissions, lengths = decode.pad(batch)
    found = decode.lattice(emissions, lengths, chain)
    return decode.viterbi(emissions, lengths, chain), found.marginals(), found


def all_spans(batch: list[Floats32]) -> list[tuple[int, Span]]:
    return [
        (row, Span(start, end, label))
        for row, sentence in enumerate(batch)
        for start in range(len(sentence))
        for end in range(start + 1, len(sentence) + 1)
        for label in LABELS
    ]


@given(cases(), st.data())
def test_all_answers_are_those_of_listing_every_sequence(
    case: tuple[Model, list[Floats32]], data: st.DataObject
) -> None:
    model, batch = case
    joined = [
        np.array([False, *(data.draw(st.booleans()) for _ in sentence[1:])]) for sentence in batch
    ]
    emissions, lengths = decode.pad(batch)
    ties = decode.pad_flags(joined)
    found = decode.lattice(emissions, lengths, model.chain, ties)
    paths, marginals = decode.viterbi(emissions, lengths, model.chain, ties), found.marginals()
    spans = all_spans(batch)
    scores = decode.span_scores(found, model.chain, spans)
    truths = [enumerate_all(s, model, j) for s, j in zip(batch, joined, strict=True)]
    for row, (sentence, truth) in enumerate(zip(batch, truths, strict=True)):
        # Of equally good sequences any will do, so scores are compared and not sequences.
        assert truth.paths[tuple(paths[row])] == pytest.approx(truth.best, abs=1e-4)
        np.testing.assert_allclose(marginals[: len(sentence), row], truth.marginals, atol=1e-6)
    expected = [truths[row].spans[span] for row, span in spans]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


@given(cases(max_tokens=12))
def test_each_token_is_outside_or_in_one_entity(case: tuple[Model, list[Floats32]]) -> None:
    model, batch = case
    _, marginals, found = solve(batch, model.chain)
    spans = all_spans(batch)
    sums = marginals[:, :, 0].copy()
    for (row, span), score in zip(
        spans, decode.span_scores(found, model.chain, spans), strict=True
    ):
        sums[span.start : span.end, row] += score
    for row, sentence in enumerate(batch):
        np.testing.assert_allclose(sums[: len(sentence), row], 1.0, atol=1e-9)


@given(cases(max_tokens=12))
def test_company_in_a_batch_changes_nothing(case: tuple[Model, list[Floats32]]) -> None:
    model, batch = case
    paths, marginals, found = solve(batch, model.chain)
    for row, sentence in enumerate(batch):
        own_paths, own_marginals, own = solve([sentence], model.chain)
        assert own_paths == [paths[row]]
        np.testing.assert_allclose(marginals[: len(sentence), row], own_marginals[:, 0], rtol=1e-9)
        spans = [span for _, span in all_spans([sentence])]
        np.testing.assert_allclose(
            decode.span_scores(found, model.chain, [(row, span) for span in spans]),
            decode.span_scores(own, model.chain, [(0, span) for span in spans]),
            rtol=1e-9,
        )


@given(st.data(), st.sampled_from(SCHEMES))
def test_emissions_beyond_reason_give_legal_tags_and_probabilities(
    data: st.DataObject, scheme: Scheme
) -> None:
    tag_set = TAG_SETS[scheme]
    wild = st.sampled_from([0.0, 0.0, 1.0, -1.0, 300.0, -300.0, 1e4, -1e4, -1e30])
    n_tags = len(tag_set.names)
    row = st.lists(wild, min_size=n_tags, max_size=n_tags)
    rows = st.lists(row, min_size=1, max_size=12).map(lambda drawn: np.array(drawn, np.float32))
    batch = data.draw(st.lists(rows, min_size=1, max_size=3))
    far = st.sampled_from([-50.0, 0.0, 50.0])
    far_row = st.lists(far, min_size=n_tags, max_size=n_tags)
    far_rows = st.lists(far_row, min_size=n_tags, max_size=n_tags)
    chains = st.builds(partial(Chain.scored, tag_set), far_row, far_rows, far_row)
    chain = data.draw(st.just(Chain.legal(tag_set)) | chains)
    with np.errstate(invalid="raise", divide="raise", over="raise"):
        paths, marginals, found = solve(batch, chain)
        spans = all_spans(batch)
        scores = decode.span_scores(found, chain, spans)
    sums = marginals[:, :, 0].copy()
    for (row_index, span), score in zip(spans, scores, strict=True):
        sums[span.start : span.end, row_index] += score
    for index, sentence in enumerate(batch):
        assert tags.problems([tag_set.names[tag] for tag in paths[index]], scheme) == []
        np.testing.assert_allclose(marginals[: len(sentence), index].sum(axis=1), 1.0, atol=1e-9)
        np.testing.assert_allclose(sums[: len(sentence), index], 1.0, atol=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("hopeless", [-1e4, -1e30])
def test_where_every_legal_tag_is_hopeless_the_best_of_them_is_taken(
    scheme: Scheme, hopeless: float
) -> None:
    tag_set = TAG_SETS[scheme]
    emissions = np.full((1, len(tag_set.names)), hopeless, dtype=np.float32)
    emissions[0, tag_set.ids["I-DNA"]] = 1e4  # it cannot open a sentence
    emissions[0, 0] = hopeless / 2
    paths, _, _ = solve([emissions], Chain.legal(tag_set))
    assert paths == [[0]]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_long_sentences_do_not_underflow(scheme: Scheme) -> None:
    tag_set = TAG_SETS[scheme]
    n_tokens = 50_000
    rng = np.random.default_rng(0)
    emissions = rng.normal(size=(n_tokens, len(tag_set.names))).astype(np.float32) * 4
    chain = Chain.legal(tag_set)
    (path,), marginals, found = solve([emissions], chain)
    assert tags.problems([tag_set.names[tag] for tag in path], scheme) == []
    np.testing.assert_allclose(marginals.sum(axis=2), 1.0, atol=1e-9)
    spans = [(0, span) for span in tag_set.decode(path)]
    scores = decode.span_scores(found, chain, spans)
    assert 0.0 < scores.min() <= scores.max() <= 1.0
    # Far from a place nothing counts, so that a short piece around it gives the same.
    near = [(span, score) for (_, span), score in zip(spans, scores, strict=True)]
    cut = slice(25_000, 25_400)
    _, _, around = solve([emissions[cut]], chain)
    inner = [
        (Span(span.start - cut.start, span.end - cut.start, span.label), score)
        for span, score in near
        if cut.start + 100 <= span.start and span.end <= cut.stop - 100
    ]
    assert len(inner) > 10
    again = decode.span_scores(around, chain, [(0, span) for span, _ in inner])
    np.testing.assert_allclose(again, [score for _, score in inner], atol=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_entity_over_a_whole_long_sentence_is_scored(scheme: Scheme) -> None:
    tag_set = TAG_SETS[scheme]
    n_tokens = 20_000
    path = tag_set.encode(n_tokens, [Span(0, n_tokens, "DNA")])
    emissions = np.zeros((n_tokens, len(tag_set.names)), dtype=np.float32)
    emissions[np.arange(n_tokens), path] = 20.0
    chain = Chain.legal(tag_set)
    paths, _, found = solve([emissions], chain)
    assert paths == [path]
    score = decode.span_scores(found, chain, [(0, Span(0, n_tokens, "DNA"))])
    assert 0.99 < score[0] <= 1.0


def test_no_spans_have_no_scores() -> None:
    chain = Chain.legal(TAG_SETS["IOB2"])
    _, _, found = solve([np.zeros((2, 5), dtype=np.float32)], chain)
    assert decode.span_scores(found, chain, []).shape == (0,)


def test_padding_is_zero_and_time_comes_first() -> None:
    short, long = np.ones((1, 5), dtype=np.float32), np.full((3, 5), 2, dtype=np.float32)
    emissions, lengths = decode.pad([short, long])
    assert emissions.shape == (3, 2, 5)
    assert lengths.tolist() == [1, 3]
    assert emissions[:, :, 0].tolist() == [[1, 2], [0, 2], [0, 2]]
