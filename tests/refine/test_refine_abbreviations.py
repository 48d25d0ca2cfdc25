"""Abbreviations: which definitions a text holds, and what follows from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.document import Document, Entity
from biospan.refine.abbreviations import ABBREVIATIONS, definitions, propagate_abbreviations


def defined(text: str) -> list[tuple[str, str]]:
    return [(text[slice(*d.short)], text[slice(*d.long)]) for d in definitions(text)]


@pytest.mark.parametrize(
    ("text", "short", "long"),
    [
        ("Tumour necrosis factor alpha (TNF-α) rose.", "TNF-α", "Tumour necrosis factor alpha"),
        ("the tumor necrosis factor-α (TNF alpha)", "TNF alpha", "tumor necrosis factor-α"),
        ("IL (interleukin) is one.", "IL", "interleukin"),
        (
            "in peripheral blood mononuclear cells (PBMCs)",
            "PBMCs",
            "peripheral blood mononuclear cells",
        ),
        ("human interleukin-2 (IL-2) gene", "IL-2", "interleukin-2"),
        ("a glucocorticoid receptor (GR; NR3C1)", "GR", "glucocorticoid receptor"),
        (
            "nuclear factor of activated T cells [NF-AT]",
            "NF-AT",
            "nuclear factor of activated T cells",
        ),
        ("gamma interferon (IFN-γ)", "IFN-γ", "gamma interferon"),
        ("long terminal repeat ( LTR )", "LTR", "long terminal repeat"),
        (
            "human immunodeficiency virus type 1 (HIV-1)",
            "HIV-1",
            "human immunodeficiency virus type 1",
        ),
    ],
)
def test_definitions_are_found(text: str, short: str, long: str) -> None:
    assert defined(text) == [(short, long)]


@pytest.mark.parametrize(
    "text",
    [
        "cells were kept (see Fig. 2)",
        "young animals (mice)",
        "receptors (Smith et al., 1999)",
        "glucocorticoid (IL-2)",
        "values (P < 0.05)",
        "IL-2 (IL-2)",
        "We saw it. (IL-2)",
        "in islet (β+) cells",
        "of a receptor (α′) chain",
        "",
    ],
)
def test_other_brackets_define_nothing(text: str) -> None:
    assert defined(text) == []


TEXT = (
    "Glucocorticoid receptor (GR) binds. GR is a receptor; the GR gene and the "
    "glucocorticoid receptor differ."
)


def entity(text: str, mention: str, label: str, score: float | None, number: int = 0) -> Entity:
    start = -1
    for _ in range(number + 1):
        start = text.index(mention, start + 1)
    return Entity(start, start + len(mention), label, mention, score)


def test_a_marked_long_form_marks_every_short_form_and_itself_elsewhere() -> None:
    tagged = Document(TEXT).with_entities(
        [
            entity(TEXT, "Glucocorticoid receptor", "protein", 0.8),
            entity(TEXT, "GR gene", "DNA", 0.9),
        ]
    )
    done = propagate_abbreviations(tagged)
    new = [e for e in done.entities if e.source == ABBREVIATIONS]
    assert [(e.start, e.text, e.label, e.score) for e in new] == [
        (25, "GR", "protein", 0.2),
        (36, "GR", "protein", 0.2),
        (TEXT.rindex("glucocorticoid"), "glucocorticoid receptor", "protein", 0.2),
    ]
    assert set(tagged.entities) < set(done.entities)
    assert propagate_abbreviations(done) == done


def test_a_marked_short_form_marks_the_long_one() -> None:
    tagged = Document(TEXT).with_entities([entity(TEXT, "GR", "protein", 0.6, 1)])
    added = set(propagate_abbreviations(tagged).entities) - set(tagged.entities)
    assert {e.text for e in added} == {"Glucocorticoid receptor", "GR", "glucocorticoid receptor"}
    assert [e.score for e in added] == pytest.approx([0.12] * 4)


def test_a_longer_entity_at_the_definition_says_what_the_short_form_is() -> None:
    text = "Human interleukin-2 (IL-2) acts. We gave IL-2."
    tagged = Document(text).with_entities([entity(text, "Human interleukin-2", "protein", 0.7)])
    done = propagate_abbreviations(tagged)
    assert [e.text for e in done.entities] == ["Human interleukin-2", "IL-2", "IL-2"]


def test_labels_that_are_as_frequent_mark_nothing() -> None:
    tagged = Document(TEXT).with_entities(
        [
            entity(TEXT, "Glucocorticoid receptor", "protein", 0.8),
            entity(TEXT, "GR", "DNA", 0.8),
        ]
    )
    assert propagate_abbreviations(tagged) == tagged


def test_gold_has_no_score_to_give() -> None:
    tagged = Document(TEXT).with_entities([entity(TEXT, "GR", "protein", None)])
    assert {e.score for e in propagate_abbreviations(tagged).entities} == {None}


@given(st.text(alphabet="abAB12 ()[]-α.,;\n", max_size=120))
def test_any_text_has_definitions_that_lie_in_it_and_apart(text: str) -> None:
    for short, long in definitions(text):
        assert 0 <= short[0] < short[1] <= len(text)
        assert 0 <= long[0] < long[1] <= len(text)
        assert short[1] <= long[0] or long[1] <= short[0]


@pytest.mark.parametrize("unit", ["(", "(a", "(A1) ", "a b c (ABC) ", "A1 (", "((A1)", "α(α"])
def test_long_odd_texts_take_linear_work(unit: str) -> None:
    n_calls = []
    for times in (300, 600):
        n_calls.append(_lines_run(unit * times))
    assert n_calls[1] < 2.6 * n_calls[0] + 1_000


def _lines_run(text: str) -> int:
    """How many lines of this module run: a measure that no other process disturbs."""
    import sys

    count = 0

    def tracer(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return tracer if "refine" in frame.f_code.co_filename else None  # type: ignore[attr-defined]

    sys.settrace(tracer)  # type: ignore[arg-type]
    try:
        list(definitions(text))
    finally:
        sys.settrace(None)
    return count
