"""The CRF head against enumerating every tag sequence, and against the NumPy decoder."""

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biospan import decode
from biospan.tags import Scheme, TagSet

pytestmark = pytest.mark.usefixtures("needs_train")

Sentence = tuple[Any, list[int], bool, bool]  # emissions, gold tags, opens, closes


def random_crf(tag_set: TagSet, seed: int) -> Any:
    import torch

    from biospan.train.crf import Crf

    crf = Crf(tag_set)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for scores in crf.parameters():
            scores.normal_(generator=generator)
    return crf


def log_likelihoods(crf: Any, sentences: list[Sentence]) -> Any:
    import torch

    from biospan.train.crf import Sequences

    lengths = [len(emissions) for emissions, *_ in sentences]
    rows = np.concatenate([emissions for emissions, *_ in sentences])
    places = np.zeros((len(sentences), max(lengths)), dtype=np.int64)
    tag_ids = np.zeros_like(places)
    first = 0
    for index, (emissions, gold, _, _) in enumerate(sentences):
        places[index, : len(emissions)] = np.arange(first, first + len(emissions))
        tag_ids[index, : len(emissions)] = gold
        first += len(emissions)
    gold_tags = Sequences(
        torch.from_numpy(places),
        torch.from_numpy(tag_ids),
        torch.tensor(lengths),
        torch.tensor([opens for _, _, opens, _ in sentences]),
        torch.tensor([closes for *_, closes in sentences]),
    )
    return crf.log_likelihood(torch.from_numpy(rows), gold_tags)


def path_score(crf: Any, tag_set: TagSet, sentence: Sentence, path: tuple[int, ...]) -> float:
    """Log-score of one sequence; minus infinity where the scheme forbids it."""
    emissions, _, opens, closes = sentence
    total = sum(float(row[tag]) for row, tag in zip(emissions, path, strict=True))
    if opens:
        total += crf.starts[path[0]].item() if tag_set.starts[path[0]] else -np.inf
    for before, after in pairwise(path):
        allowed = tag_set.transitions[before, after]
        total += crf.transitions[before, after].item() if allowed else -np.inf
    if closes:
        total += crf.ends[path[-1]].item() if tag_set.ends[path[-1]] else -np.inf
    return total


def every_path(tag_set: TagSet, length: int) -> list[tuple[int, ...]]:
    return list(product(range(len(tag_set.names)), repeat=length))


@st.composite
def batches(draw: st.DrawFn, tag_set: TagSet) -> list[Sentence]:
    """Sentences of up to four tokens with gold tags that the scheme allows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sentences: list[Sentence] = []
    for _ in range(draw(st.integers(1, 4))):
        length, opens, closes = draw(st.integers(1, 4)), draw(st.booleans()), draw(st.booleans())
        emissions = rng.normal(size=(length, len(tag_set.names)), scale=3).astype(np.float32)
        legal = [
            path
            for path in every_path(tag_set, length)
            if (not opens or tag_set.starts[path[0]])
            and (not closes or tag_set.ends[path[-1]])
            and all(tag_set.transitions[x, y] for x, y in pairwise(path))
        ]
        gold = legal[draw(st.integers(0, len(legal) - 1))]
        sentences.append((emissions, list(gold), opens, closes))
    return sentences


@pytest.mark.parametrize("scheme", ["IOB2", "IOBES"])
@settings(max_examples=40)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_log_likelihood_and_its_gradient_equal_enumeration(
    scheme: Scheme, data: st.DataObject, seed: int
) -> None:
    import torch

    tag_set = TagSet(("DNA", "RNA") if scheme == "IOB2" else ("DNA",), scheme)
    crf = random_crf(tag_set, seed)
    sentences = data.draw(batches(tag_set))
    found = log_likelihoods(crf, sentences)
    gradient = torch.zeros_like(crf.transitions)
    for value, sentence in zip(found, sentences, strict=True):
        paths = every_path(tag_set, len(sentence[0]))
        scores = np.array([path_score(crf, tag_set, sentence, path) for path in paths])
        total = np.logaddexp.reduce(scores)
        gold = path_score(crf, tag_set, sentence, tuple(sentence[1]))
        assert value.item() == pytest.approx(gold - total, abs=1e-4)
        # Of each transition: how often gold has it, less how often it is to be expected.
        for path, score in [*zip(paths, -np.exp(scores - total), strict=True), (sentence[1], 1.0)]:
            for before, after in pairwise(path):
                gradient[before, after] += float(score)
    found.sum().backward()
    assert torch.allclose(crf.transitions.grad, gradient, atol=1e-4)
    assert all(torch.isfinite(scores.grad).all() for scores in crf.parameters())


@pytest.mark.parametrize("scheme", ["IOB2", "IOBES"])
def test_the_numpy_decoder_has_the_same_chain(scheme: Scheme) -> None:
    """What training calls the best and the likeliest is what is decoded at run time."""
    tag_set = TagSet(("DNA", "RNA"), scheme)
    crf = random_crf(tag_set, 1)
    chain = decode.Chain.scored(tag_set, *crf.learned())
    rng = np.random.default_rng(2)
    for length in (1, 2, 3, 4):
        emissions = rng.normal(size=(length, len(tag_set.names)), scale=3).astype(np.float32)
        padded, lengths = decode.pad([emissions])
        (best,) = decode.viterbi(padded, lengths, chain)
        sentence = (emissions, best, True, True)
        paths = every_path(tag_set, length)
        scores = np.array([path_score(crf, tag_set, sentence, path) for path in paths])
        assert tuple(best) == paths[int(scores.argmax())]
        shares = np.exp(scores - np.logaddexp.reduce(scores))
        (likelihood,) = log_likelihoods(crf, [sentence]).tolist()
        assert np.exp(likelihood) == pytest.approx(shares.max(), rel=1e-4)
        marginals = decode.lattice(padded, lengths, chain).marginals()[:, 0]
        for token in range(length):
            for tag in range(len(tag_set.names)):
                expected = sum(
                    s for path, s in zip(paths, shares, strict=True) if path[token] == tag
                )
                assert marginals[token, tag] == pytest.approx(expected, abs=1e-6)


def test_scores_of_all_zero_are_the_chain_of_a_softmax_head() -> None:
    from biospan.train.crf import Crf

    tag_set = TagSet(("DNA", "RNA"))
    legal = decode.Chain.legal(tag_set)
    scored = decode.Chain.scored(tag_set, *Crf(tag_set).learned())
    for name in ("starts", "transitions", "ends"):
        assert np.array_equal(getattr(legal, name), getattr(scored, name))


def test_what_the_scheme_forbids_is_written_as_zero_and_scores_are_bounded() -> None:
    import torch

    tag_set = TagSet(("DNA",))
    crf = random_crf(tag_set, 0)
    with torch.no_grad():
        crf.transitions.fill_(80.0)
    found = np.array(crf.learned().transitions)
    assert np.array_equal(found, np.where(tag_set.transitions, 50.0, 0.0))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from(["IOB2", "IOBES"]))
def test_a_teacher_pulls_each_tag_towards_its_probability(seed: int, scheme: Scheme) -> None:
    """The gradient at each token is our probability of each tag minus the teacher's."""
    import torch

    from biospan.train.crf import Sequences

    tag_set = TagSet(("DNA", "protein"), scheme)
    crf = random_crf(tag_set, seed)
    source = np.random.default_rng(seed)
    lengths = source.integers(1, 6, size=3)
    rows = [source.normal(size=(n, len(tag_set.names))).astype(np.float32) for n in lengths]
    taught = [source.dirichlet(np.ones(len(tag_set.names)), size=n) for n in lengths]
    places = np.zeros((3, int(lengths.max())), dtype=np.int64)
    for index, n in enumerate(lengths):
        places[index, :n] = np.arange(n) + lengths[:index].sum()
    whole = torch.ones(3, dtype=torch.bool)
    where = Sequences(
        torch.from_numpy(places),
        torch.zeros(places.shape, dtype=torch.int64),
        torch.from_numpy(lengths),
        whole,
        whole,
    )
    emissions = torch.from_numpy(np.concatenate(rows)).requires_grad_()
    marginals = torch.from_numpy(np.concatenate(taught)).float()
    crf.divergence(emissions, where, marginals).sum().backward()

    padded, sizes = decode.pad(rows)
    chain = decode.Chain.scored(tag_set, *crf.learned())
    ours = decode.lattice(padded, sizes, chain).marginals()
    expected = np.concatenate([ours[:n, i] - taught[i] for i, n in enumerate(lengths)])
    assert emissions.grad is not None
    np.testing.assert_allclose(emissions.grad.numpy(), expected, atol=1e-5)
    assert all(weight.grad is None for weight in crf.parameters())
