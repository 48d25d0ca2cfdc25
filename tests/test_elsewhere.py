"""What other places say, against listing them one by one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan import decode, elsewhere
from biospan.document import Document
from biospan.tags import Span, TagSet
from conftest import small_tagger

LABELS = ("DNA", "protein")
SENTENCES = st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=9), min_size=1, max_size=4)


def marginals(words: list[list[str]], tag_set: TagSet, seed: int) -> list[decode.Floats]:
    chain = decode.Chain.legal(tag_set)
    rng = np.random.default_rng(seed)
    found = []
    for sentence in words:
        shape = (len(sentence), len(tag_set.names))
        if not sentence:
            found.append(np.zeros(shape))
            continue
        padded, lengths = decode.pad([rng.normal(size=shape).astype(np.float32) * 2])
        found.append(decode.lattice(padded, lengths, chain).marginals()[:, 0])
    return found


@given(st.data(), SENTENCES, st.sampled_from(["IOB2", "IOBES"]), st.integers(0, 99))
def test_other_places_are_what_listing_them_says(
    data: st.DataObject, words: list[list[str]], scheme: Any, seed: int
) -> None:
    tag_set = TagSet(LABELS, scheme)
    tags = marginals(words, tag_set, seed)
    spans: list[list[Span]] = []
    for sentence in words:
        edges = sorted(data.draw(st.sets(st.integers(0, len(sentence)), max_size=6)))
        pairs = zip(edges[::2], edges[1::2], strict=False)
        spans.append([Span(a, b, data.draw(st.sampled_from(LABELS))) for a, b in pairs])
    found = iter(elsewhere.weigh(words, tags, spans, tag_set))
    for nth, entities in enumerate(spans):
        for start, end, label in entities:
            expected = np.zeros(3)
            mention = words[nth][start:end]
            for other, (sentence, rows) in enumerate(zip(words, tags, strict=True)):
                for at in range(len(sentence) - len(mention) + 1):
                    last = at + len(mention)
                    if sentence[at:last] != mention or (other, at) == (nth, start):
                        continue
                    for name in LABELS:
                        needed = tag_set.encode(len(mention), [Span(0, len(mention), name)])
                        said = [rows[at + i, tag] for i, tag in enumerate(needed)]
                        if last < len(sentence):
                            after = tag_set.continuations[needed[-1]]
                            said.append(1 - rows[last, after].sum())
                        expected[0 if name == label else 1] += min(said)
                    expected[2] += min(rows[at:last, 0])
            assert next(found) == pytest.approx(expected, abs=1e-9)
    assert next(found, None) is None


def test_a_place_counts_no_less_than_the_probability_of_its_entity() -> None:
    tag_set = TagSet(LABELS, "IOB2")
    chain = decode.Chain.legal(tag_set)
    arrays = [np.random.default_rng(n).normal(size=(6, 5)).astype(np.float32) for n in range(2)]
    padded, lengths = decode.pad(arrays)
    lattice = decode.lattice(padded, lengths, chain)
    tags = list(lattice.marginals().transpose(1, 0, 2))
    words = [list("uvwxyz"), list("abvwcd")]
    (found,) = elsewhere.weigh(words, tags, [[Span(1, 3, "DNA")], []], tag_set)
    for number, label in enumerate(LABELS):
        (exact,) = decode.span_scores(lattice, chain, [(1, Span(2, 4, label))])
        assert 0 < exact <= found[number]


def test_a_tagger_compares_words_whatever_the_case_and_the_blanks_between_them() -> None:
    text = "IL-2 gene. The il-2  Gene and the protein."
    tagger = small_tagger()
    ((document, evidence),) = tagger.weigh([Document(text)])
    mentions = [tuple(entity.text.lower().split()) for entity in document.entities]
    others = evidence[:, -3:].sum(axis=1)
    twice = [mentions.count(mention) > 1 for mention in mentions]
    assert any(twice)
    assert (others[twice] > 0).all()
