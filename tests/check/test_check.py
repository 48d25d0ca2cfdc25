"""The checker finds what was put in, and finds nothing where nothing was."""

import json
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.check import Finding, Findings, check
from biospan.document import Document, Entity, Passage, Sentence
from biospan.segment import token_spans

WARNINGS = set(Finding) - {Finding.UNREADABLE, Finding.WHITE_SPACE}


def document(text: str, *entities: tuple[str, str], id_: str = "1") -> Document:
    """A document whose entities are given by their text, which occurs once, and label."""
    return Document(
        text,
        id_,
        entities=tuple(
            Entity(text.index(part), text.index(part) + len(part), label, part)
            for part, label in entities
        ),
    )


def kinds(findings: Findings) -> set[Finding]:
    return {kind for kind, items in findings.items.items() if items}


CLEAN = [
    document("IL-2 binds.", ("IL-2", "protein"), id_="1"),
    document("The p53 gene grows.", ("p53 gene", "DNA"), id_="2"),
]


def test_sound_data_gives_no_finding() -> None:
    findings = check(CLEAN)
    assert kinds(findings) == set()
    assert (findings.n_documents, findings.n_entities, findings.n_problems) == (2, 2, 0)


@pytest.mark.parametrize(
    ("part", "kind", "said"),
    [
        (" p53", Finding.WHITE_SPACE, "DNA ' p53'"),
        ("p53 ", Finding.WHITE_SPACE, "DNA 'p53 '"),
        ("5", Finding.INSIDE_WORD, "starts inside of `p53` and ends inside of `p53`"),
        ("ene", Finding.INSIDE_WORD, "`ene` starts inside of `gene`"),
        ("grows. It", Finding.CROSSING, "`grows. It`"),
    ],
)
def test_an_odd_place_is_found_and_named(part: str, kind: Finding, said: str) -> None:
    findings = check([document("The p53 gene grows. It binds.", (part, "DNA"))])
    assert kinds(findings) == {kind}
    (item,) = findings.items[kind]
    assert said in str(item)
    assert item.place is not None
    assert "The p53 gene grows. It binds."[item.place.start : item.place.end] == part
    assert findings.n_problems == (0 if kind in WARNINGS else 1)


def test_own_tokens_and_sentences_are_what_edges_are_compared_with() -> None:
    text = "p53 gene. It"
    own = (Passage(0, 12, sentences=(Sentence(0, 12),)),)
    crossing = document(text, ("gene. It", "DNA"))
    assert kinds(check([crossing])) == {Finding.CROSSING}
    assert kinds(check([crossing.with_passages(own)])) == set()


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(1, 6)), max_size=6, unique=True))
def test_an_entity_overlaps_if_one_before_it_reaches_into_it(spans: list[tuple[int, int]]) -> None:
    text = "a b c d e f g h i"
    entities = tuple(Entity(s, s + n, "DNA", text[s : s + n]) for s, n in spans)
    whole = Document(text, "1", entities=entities)
    expected = sum(
        any(other.end > entity.start for other in whole.entities[:index])
        for index, entity in enumerate(whole.entities)
    )
    assert len(check([whole]).items[Finding.OVERLAPPING]) == expected


def test_edges_inside_words_are_those_that_no_unit_has() -> None:
    text = "anti-p53 NFκB 2xIL"
    units = token_spans(text)
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            cut = any(left < edge < right for edge in (start, end) for left, right in units)
            entity = Entity(start, end, "DNA", text[start:end])
            found = check([Document(text, "1", entities=(entity,))]).items[Finding.INSIDE_WORD]
            assert len(found) == cut


def test_ambiguous_texts_are_counted_by_label_and_the_most_even_come_first() -> None:
    def uses(text: str, *labels: str) -> list[Document]:
        return [
            document(f"{text} {word}", (text, label), id_=f"{text}{number}")
            for number, (label, word) in enumerate(zip(labels, _words(), strict=False))
        ]

    even = uses("p53", *["DNA", "protein"] * 5)
    rare = uses("myc", "DNA", "protein")
    skewed = uses("jun", *["DNA"] * 19, "protein")
    alone = uses("fos", "DNA", "DNA")
    upper = uses("P53", "protein")
    items = check([*rare, *skewed, *even, *alone, *upper]).items[Finding.AMBIGUOUS]
    assert [dict(item.counts) for item in items] == [
        {"protein": 6, "DNA": 5},
        {"DNA": 1, "protein": 1},
        {"DNA": 19, "protein": 1},
    ]
    assert str(items[0]) == "`p53`: protein 6, DNA 5"


def _words() -> list[str]:
    return [f"word{number}" for number in range(40)]


def test_a_text_labelled_here_and_not_there_is_found_with_both_places() -> None:
    documents = [
        document("IL-2 gene binds.", ("IL-2 gene", "DNA"), id_="a"),
        document("The IL-2 gene and il-2 gene.", id_="b"),
    ]
    (item,) = check(documents).items[Finding.UNLABELLED]
    assert item.counts == {"labelled": 1, "unlabelled": 1}
    assert "`IL-2 gene`" in item.what
    assert "`a` 0-9" in item.what
    assert "`b` 4-13" in item.what


letters = st.lists(st.sampled_from(["aa", "bb", "cc"]), min_size=1, max_size=8).map(" ".join)


@given(st.lists(st.tuples(letters, st.sets(st.integers(0, 7))), max_size=5))
def test_unlabelled_single_words_are_those_of_brute_force(
    cases: list[tuple[str, set[int]]],
) -> None:
    documents = []
    labelled: Counter[str] = Counter()
    free: Counter[str] = Counter()
    for number, (text, marked) in enumerate(cases):
        entities = []
        for index, word in enumerate(text.split()):
            if index in marked:
                entities.append(Entity(3 * index, 3 * index + 2, "DNA", word))
            (labelled if index in marked else free)[word] += 1
        documents.append(Document(text, str(number), entities=tuple(entities)))
    items = check(documents).items[Finding.UNLABELLED]
    found = {item.what[1:3]: tuple(item.counts.values()) for item in items}
    assert found == {word: (labelled[word], free[word]) for word in labelled if free[word]}


def test_duplicates_are_found_but_for_case_and_punctuation_and_say_if_annotated_differently() -> (
    None
):
    documents = [
        document("IL-2 binds p53.", ("IL-2", "protein"), id_="a"),
        document("Il-2 binds: p53", ("Il-2", "protein"), id_="b"),
        document("A longer text, twice.", id_="c"),
        document("A longer text, twice.", ("text", "DNA"), id_="d"),
        document("...", id_="e"),
        document("!!!", id_="f"),
    ]
    documents.append(document("IL 2 binds p 53 .", ("IL 2", "protein"), id_="g"))  # other tokens
    longer, same = check(documents).items[Finding.DUPLICATE]
    assert str(longer) == "`c`, `d`: `A longer text, twice.`, annotated differently"
    assert str(same) == "`a`, `b`, `g`: `IL-2 binds p53.`"


def test_many_copies_are_counted_and_a_few_of_them_named() -> None:
    copies = [document("The same.", id_=str(number)) for number in range(9)]
    (item,) = check(copies).items[Finding.DUPLICATE]
    assert "`0`, `1`, `2` and 6 more" in item.what
    assert item.counts == {"documents": 9}


def test_ids_of_several_documents_are_found_and_missing_ids_are_not() -> None:
    documents = [document("One."), document("Two."), Document("Three."), Document("Four.")]
    (item,) = check(documents).items[Finding.REPEATED_ID]
    assert item.counts == {"documents": 2}


def test_documents_of_another_split_are_found_by_text_and_by_id() -> None:
    here = [document("Same text.", id_="a"), document("New.", id_="b"), document("Own.", id_="c")]
    there = [document("same text", id_="x"), document("Old.", id_="b")]
    items = check(here, against=there).items[Finding.SHARED]
    assert [str(item) for item in items] == [
        "`a`: there `x`: `Same text.`",
        "`b`: the id, with another text",
    ]


@pytest.mark.parametrize("first", [0, 1])
def test_ids_that_only_count_the_documents_are_no_ids_of_another_split(first: int) -> None:
    counted = [document(f"Here {n}.", id_=str(first + n)) for n in range(3)]
    named = [document(f"There {n}.", id_=str(first + n)) for n in (2, 0)]
    for here, there in ((counted, named), (named, counted)):
        assert not check(here, against=there).items[Finding.SHARED]
    items = check(named, against=[*named, document("x")]).items[Finding.SHARED]
    assert len(items) == 2


def test_documents_without_letters_and_digits_are_found_by_their_id() -> None:
    here = [document("...", id_="a"), document("?", id_="b"), document("!", id_="c")]
    there = [document("...", id_="a"), document("Words.", id_="b"), document("!", id_="x")]
    items = check(here, against=there).items[Finding.SHARED]
    assert [str(item) for item in items] == [
        "`a`: the id, with the same text",
        "`b`: the id, with another text",
    ]


def test_problems_are_listed_in_full_and_warnings_up_to_the_limit() -> None:
    documents = [
        document("The p53x gene.", ("p53x ", "DNA"), ("p53x gene", "DNA"), id_=str(number))
        for number in range(30)
    ]
    findings = check(documents, unreadable=["file:1: broken"])
    text = findings.to_text(limit=4)
    assert text.count("DNA 'p53x '") == findings.n_problems - 1 == 30
    assert "file:1: broken" in text
    assert "entities that overlap another one (30)" in text
    assert text.count(" overlaps ") == 4
    assert "... and 26 more" in text


def test_the_text_obeys_no_control_character_of_the_data() -> None:
    hostile = "\x1b[2J\x9b31m\u202e p53x"
    findings = check([document(hostile, ("p53", "DNA"), id_="\x1b]0;t\x07")] * 2)
    text = findings.to_text(limit=20)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_the_json_form_holds_everything_with_places_and_counts() -> None:
    data = json.loads(json.dumps(check(CLEAN * 2, unreadable=["x"]).to_dict()))
    assert data["n_problems"] == 1
    assert data["problems"]["unreadable"] == [{"what": "x"}]
    assert data["warnings"]["repeated_id"][0]["counts"] == {"documents": 2}
    assert {*data["problems"], *data["warnings"]} == {kind.name.lower() for kind in Finding}
    placed = check([document("a p53x", ("p53", "DNA"))]).to_dict()["warnings"]["inside_word"][0]
    assert (placed["document"], placed["start"], placed["end"]) == ("1", 2, 5)
