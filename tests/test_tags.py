"""Tags against seqeval, against listing every legal sequence, and against the slow way."""

from collections.abc import Iterator
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2, IOBES, Entities

from biospan import tags
from biospan.document import Document, Entity
from biospan.tags import Scheme, Span, TagSet

LABELS = ("DNA", "cell_type")
PREFIXES: dict[Scheme, str] = {"IOB2": "BI", "IOBES": "BIES"}
SEQEVAL = {"IOB2": IOB2, "IOBES": IOBES}
SCHEMES: tuple[Scheme, ...] = ("IOB2", "IOBES")


def all_tags(scheme: Scheme) -> list[str]:
    return ["O", *(f"{prefix}-{label}" for label in LABELS for prefix in PREFIXES[scheme])]


def any_tags(scheme: Scheme) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(all_tags(scheme)), max_size=12)


def placements(n_tokens: int, start: int = 0) -> Iterator[list[Span]]:
    """Every way to place labelled spans without overlap on a sentence."""
    if start == n_tokens:
        yield []
        return
    yield from placements(n_tokens, start + 1)
    for end in range(start + 1, n_tokens + 1):
        for label in LABELS:
            for rest in placements(n_tokens, end):
                yield [Span(start, end, label), *rest]


@st.composite
def placed_spans(draw: st.DrawFn) -> tuple[int, list[Span]]:
    """A number of tokens and spans on them, in order and without overlap."""
    spans, position = [], 0
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), max_size=6)):
        start = position + gap
        position = start + length
        spans.append(Span(start, position, draw(st.sampled_from([*LABELS, "B-x", "O", "\ud800"]))))
    return position + draw(st.integers(0, 2)), spans


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_to_spans_reads_what_seqeval_reads_strictly(scheme: Scheme, data: st.DataObject) -> None:
    sequence = data.draw(any_tags(scheme))
    expected = Entities([sequence], SEQEVAL[scheme]).entities[0]
    assert tags.to_spans(sequence, scheme) == [(e.start, e.end, e.tag) for e in expected]


@given(any_tags("IOBES"))
def test_prefixes_of_another_scheme_mark_nothing(sequence: list[str]) -> None:
    known = [tag if tag[0] in "OBI" else "O" for tag in sequence]
    assert tags.to_spans(sequence, "IOB2") == tags.to_spans(known, "IOB2")


@pytest.mark.parametrize("scheme", SCHEMES)
@given(placed=placed_spans())
def test_spans_come_back_from_their_tags(scheme: Scheme, placed: tuple[int, list[Span]]) -> None:
    n_tokens, spans = placed
    sequence = tags.from_spans(n_tokens, spans, scheme)
    assert len(sequence) == n_tokens
    assert tags.to_spans(sequence, scheme) == spans
    assert tags.problems(sequence, scheme) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_legal_pairs_are_those_of_all_placements(scheme: Scheme) -> None:
    tag_set = TagSet(LABELS, scheme)
    pairs, first, last = set(), set(), set()
    for spans in placements(4):
        sequence = tags.from_spans(4, spans, scheme)
        pairs |= set(pairwise(sequence))
        first.add(sequence[0])
        last.add(sequence[-1])
    names = tag_set.names
    assert pairs == {
        (names[row], names[column]) for row, column in np.argwhere(tag_set.transitions)
    }
    assert first == {name for name, legal in zip(names, tag_set.starts, strict=True) if legal}
    assert last == {name for name, legal in zip(names, tag_set.ends, strict=True) if legal}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_problems_are_found_where_the_matrix_forbids(scheme: Scheme) -> None:
    tag_set = TagSet(LABELS, scheme)
    for row, before in enumerate(tag_set.names):
        for column, after in enumerate(tag_set.names):
            expected = [
                (0, f"tag `{before}` cannot follow the start of a sentence in {scheme}"),
                (1, f"tag `{after}` cannot follow `{before}` in {scheme}"),
                (1, f"tag `{after}` cannot end a sentence in {scheme}"),
            ]
            legal = [tag_set.starts[row], tag_set.transitions[row, column], tag_set.ends[column]]
            assert tags.problems([before, after], scheme) == [
                problem for problem, fine in zip(expected, legal, strict=True) if not fine
            ]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_a_sequence_without_problems_is_one_that_reads_back(
    scheme: Scheme, data: st.DataObject
) -> None:
    sequence = data.draw(any_tags(scheme))
    spans = tags.to_spans(sequence, scheme)
    reads_back = tags.from_spans(len(sequence), spans, scheme) == sequence
    assert (tags.problems(sequence, scheme) == []) == reads_back


@given(st.lists(st.sampled_from([*all_tags("IOBES"), "X-DNA", "B-", "B", "", "o"]), max_size=6))
def test_problems_names_every_tag_that_is_not_of_the_scheme(sequence: list[str]) -> None:
    named = {index for index, _ in tags.problems(sequence, "IOB2")}
    assert named >= {i for i, tag in enumerate(sequence) if tag not in all_tags("IOB2")}


@given(any_tags("IOB2"))
def test_repair_reads_as_conlleval_did(sequence: list[str]) -> None:
    mended = tags.repair(sequence)
    expected = [(start, end + 1, label) for label, start, end in get_entities(sequence)]
    assert tags.to_spans(mended) == expected
    assert tags.problems(mended) == []
    assert tags.repair(mended) == mended


@pytest.mark.parametrize("tag", ["", "B", "B-", "-DNA", "X-DNA", "o", "BDNA", "U-DNA", " O"])
def test_split_refuses_what_is_not_a_tag(tag: str) -> None:
    with pytest.raises(ValueError, match="expected `O`, or `B-`"):
        tags.split(tag)


def test_split_takes_the_first_hyphen() -> None:
    assert tags.split("B-cell-line") == ("B", "cell-line")
    assert tags.split("O") == ("O", "")


@pytest.mark.parametrize(
    "span", [Span(0, 0, "x"), Span(2, 1, "x"), Span(-1, 1, "x"), Span(2, 4, "x")]
)
def test_from_spans_refuses_spans_that_are_empty_or_outside(span: Span) -> None:
    with pytest.raises(ValueError, match="outside of 3 tokens or empty"):
        tags.from_spans(3, [span])


def test_from_spans_refuses_overlap() -> None:
    with pytest.raises(ValueError, match="1-3 `y` overlaps another"):
        tags.from_spans(3, [Span(0, 2, "x"), Span(1, 3, "y")])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tags_are_numbered_by_label_then_prefix(scheme: Scheme) -> None:
    tag_set = TagSet(("B", "a", "b"), scheme)
    assert tag_set.names == (
        "O",
        *(f"{prefix}-{label}" for label in ("B", "a", "b") for prefix in PREFIXES[scheme]),
    )
    assert tag_set.ids == {name: number for number, name in enumerate(tag_set.names)}
    assert TagSet(("B", "a", "b"), scheme) == tag_set


@pytest.mark.parametrize("labels", [("b", "a"), ("a", "a")])
def test_labels_out_of_order_or_repeated_are_refused(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="expected them sorted, each once"):
        TagSet(labels)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_tag_numbers_say_what_the_tags_say(scheme: Scheme, data: st.DataObject) -> None:
    tag_set = TagSet(LABELS, scheme)
    sequence = data.draw(any_tags(scheme))
    spans = tags.to_spans(sequence, scheme)
    assert tag_set.decode([tag_set.ids[tag] for tag in sequence]) == spans
    encoded = tag_set.encode(len(sequence), spans)
    assert [tag_set.names[number] for number in encoded] == tags.from_spans(
        len(sequence), spans, scheme
    )


@st.composite
def marked_sentences(draw: st.DrawFn) -> tuple[list[list[tuple[int, int]]], tuple[Entity, ...]]:
    """Sentences of tokens with gaps or without, and entities anywhere in the text."""
    sentences, position = [], draw(st.integers(0, 2))
    for n_tokens in draw(st.lists(st.integers(0, 4), max_size=4)):
        sentence = []
        for _ in range(n_tokens):
            end = position + draw(st.integers(1, 4))
            sentence.append((position, end))
            position = end + draw(st.integers(0, 2))
        sentences.append(sentence)
    text = "x" * (position + 3)
    edges = st.tuples(st.integers(0, position + 1), st.integers(1, 9), st.sampled_from(LABELS))
    entities = tuple(
        Entity(start, min(start + length, len(text)), label, text[start : start + length])
        for start, length, label in draw(st.lists(edges, max_size=8))
    )
    return sentences, Document(text, entities=entities).entities


@given(marked_sentences())
def test_align_places_entities_as_the_slow_way_does(
    case: tuple[list[list[tuple[int, int]]], tuple[Entity, ...]],
) -> None:
    sentences, entities = case
    expected: list[list[Span]] = [[] for _ in sentences]
    taken: set[tuple[int, int]] = set()
    widened = overlapping = homeless = 0
    for entity in entities:
        own = [
            (home, index)
            for home, sentence in enumerate(sentences)
            for index, (start, end) in enumerate(sentence)
            if start < entity.end and entity.start < end
        ]
        if len({home for home, _ in own}) != 1:
            homeless += 1
            continue
        if taken & set(own):
            overlapping += 1
            continue
        taken |= set(own)
        (home, first), (_, last) = own[0], own[-1]
        edges = sentences[home][first][0], sentences[home][last][1]
        widened += edges != (entity.start, entity.end)
        expected[home].append(Span(first, last + 1, entity.label))

    alignment = tags.align(sentences, entities)

    assert alignment.spans == expected
    assert alignment.widened == widened
    assert (alignment.overlapping, alignment.homeless) == (overlapping, homeless)
    assert alignment.lost + sum(map(len, alignment.spans)) == len(entities)
    for sentence, spans in zip(sentences, alignment.spans, strict=True):
        assert tags.to_spans(tags.from_spans(len(sentence), spans)) == spans


@given(st.lists(st.integers(1, 4), min_size=1), st.sampled_from(SCHEMES))
def test_any_entity_tells_its_scheme(lengths: list[int], scheme: Scheme) -> None:
    ends = list(accumulate(lengths))
    spans = [Span(end - length, end, "DNA") for end, length in zip(ends, lengths, strict=True)]
    assert tags.scheme_of(tags.from_spans(ends[-1] + 1, spans, scheme)) == scheme
    assert tags.scheme_of(["O"]) == "IOB2"


@pytest.mark.parametrize(
    ("names", "scheme", "labels"),
    [
        (["O", "B-DNA", "I-DNA"], "IOB2", ("DNA",)),
        (["I-x", "O", "B-x", "B-y", "I-y"], "IOB2", ("x", "y")),
        (["B-cell-line", "I-cell-line", "O"], "IOB2", ("cell-line",)),
        (["O", "B_x", "I_x"], "IOB2", ("x",)),
        (["O", "S-x", "E-x", "I-x", "B-x"], "IOBES", ("x",)),
        (["O", "U-x", "L-x", "I-x", "B-x"], "IOBES", ("x",)),
        (["O", "S-x", "E-x", "M-x", "B-x"], "IOBES", ("x",)),
        (["x", "O", "y"], "IOB2", ("x", "y")),
        (["I-x", "O"], "IOB2", ("x",)),
    ],
)
def test_tag_names_of_others_are_understood(
    names: list[str], scheme: str, labels: tuple[str, ...]
) -> None:
    found = tags.columns(names)
    assert (found.tag_set.scheme, found.tag_set.labels) == (scheme, labels)
    assert sorted({column for own in found.sources for column in own}) == list(range(len(names)))
    assert found.sources[0] == (names.index("O"),)


def test_of_names_without_prefixes_neighbours_are_one_entity() -> None:
    found = tags.columns(["x", "O", "y"])
    assert found.read([0, 0, 2, 1, 0]) == (
        [tags.Span(0, 2, "x"), tags.Span(2, 3, "y"), tags.Span(4, 5, "x")],
        True,
    )
    names = found.tag_set.names
    parted = {(names[i], names[j]) for i, j in np.argwhere(found.parts)}
    assert parted == {(f"{before}-{x}", f"B-{x}") for x in "xy" for before in "BI"}
    assert not tags.columns(["O", "B-x", "I-x"]).parts.any()


def test_iobes_tags_of_pieces_say_how_a_word_begins() -> None:
    found = tags.columns(["O", "B-x", "I-x", "L-x", "U-x"], by_piece=True)
    assert found.tag_set.names == ("O", "B-x", "I-x")
    assert found.sources == ((0,), (1, 4), (2, 3))
    # A word of several pieces ends its entity at one that is not its first.
    assert found.read([1, 2, 0]) == ([tags.Span(0, 2, "x")], True)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["B-x", "I-x"], "no tag `O`"),
        (["O", "B-x", "y"], "with and without a prefix"),
        (["O", "B-x", "I-x", "I-y"], "IOB1"),
    ],
)
def test_tag_names_that_are_none_of_these_are_refused(names: list[str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        tags.columns(names)
