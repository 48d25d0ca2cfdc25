"""Snippets hold their mistakes whole, and are spread over everything."""

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from biospan.document import Document, Entity, Passage, Sentence
from biospan.report import snippets
from biospan.report.mistakes import compare

WORDS = "Alpha binds beta. Gamma cells grow fast. Delta stops. Epsilon works well here."


@st.composite
def documents(draw: st.DrawFn) -> tuple[Document, Document]:
    edges = st.tuples(st.integers(0, len(WORDS) - 1), st.integers(1, 30)).map(
        lambda item: (item[0], min(item[0] + item[1], len(WORDS)))
    )
    sides = [
        Document(
            WORDS,
            entities=tuple(
                Entity(start, end, "DNA", WORDS[start:end])
                for start, end in draw(st.lists(edges, max_size=5))
            ),
        )
        for _ in range(2)
    ]
    if draw(st.booleans()):  # own sentences, which leave text out
        own = (Sentence(6, 17), Sentence(18, 40))
        sides[0] = replace(sides[0], passages=(Passage(0, len(WORDS), sentences=own),))
    return sides[0], sides[1]


@given(documents())
def test_every_mistake_is_in_one_snippet_that_holds_it_and_its_opposite(
    case: tuple[Document, Document],
) -> None:
    comparison = compare(*case)
    found = snippets.sentences(comparison)
    told = [mistake for snippet in found for mistake in snippet.mistakes]
    assert sorted(map(repr, told)) == sorted(map(repr, comparison.mistakes))
    for snippet in found:
        for mistake in snippet.mistakes:
            assert snippet.start <= mistake.start < mistake.end <= snippet.end
            assert snippets.around(comparison, mistake).mistakes == (mistake,)


@given(st.lists(st.integers()), st.integers(0, 20))
def test_a_spread_is_an_ordered_choice_of_the_wanted_number(items: list[int], limit: int) -> None:
    indices = snippets.spread(range(len(items)), limit)
    assert len(indices) == min(limit, len(items))
    assert indices == sorted(set(indices))
    if limit >= len(items):
        assert indices == list(range(len(items)))


def test_a_long_sentence_is_cut_around_its_first_mistake() -> None:
    text = "word " * 2000 + "p53 " + "word " * 2000
    at = text.index("p53")
    gold = Document(text, entities=(Entity(at, at + 3, "protein", "p53"),))
    (snippet,) = snippets.sentences(compare(gold, Document(text)))
    html = snippets.to_html(snippet, ["protein"])
    assert "<bdi>p53</bdi>" in html
    assert len(html) < 4_000


def test_right_entities_are_quiet_and_wrong_ones_are_not() -> None:
    text = "IL-2 and p53 bind."
    both, only = Entity(0, 4, "protein", "IL-2"), Entity(9, 12, "DNA", "p53")
    comparison = compare(Document(text, entities=(both, only)), Document(text, entities=(both,)))
    html = snippets.to_html(snippets.sentences(comparison)[0], ["DNA", "protein"])
    assert len(re.findall(r'<mark class="quiet"[^>]*><bdi>IL-2', html)) == 2
    assert len(re.findall(r'<mark style="background[^>]*><bdi>p53', html)) == 1


def test_an_entity_that_is_given_twice_is_shown_once() -> None:
    twice = Entity(0, 4, "protein", "IL-2", id="1"), Entity(0, 4, "protein", "IL-2", id="2")
    comparison = compare(Document("IL-2 binds.", entities=twice), Document("IL-2 binds."))
    html = snippets.to_html(snippets.sentences(comparison)[0], ["protein"])
    assert html.count("<mark") == 1
    assert "more" not in html


def test_entities_that_others_hide_are_counted() -> None:
    text = "IL-2 gene binds."
    outer, inner = Entity(0, 9, "DNA", "IL-2 gene"), Entity(0, 4, "protein", "IL-2")
    comparison = compare(Document(text, entities=(outer, inner)), Document(text))
    html = snippets.to_html(snippets.sentences(comparison)[0], ["DNA", "protein"])
    assert "1 more, inside of or overlapping these" in html
