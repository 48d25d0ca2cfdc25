"""The invariants of documents, and that nothing of one is lost on the way to JSON and back."""

import copy
import json
import math
import pickle
from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan import highlight
from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.errors import InputError

TEXT = "IL-2 gene.\nNF-κB binds."
ANYTHING = st.text(st.characters(), max_size=20)  # lone surrogates too


def entity(start: int, end: int, label: str = "protein", **optional: Any) -> Entity:
    return Entity(start, end, label, TEXT[start:end], **optional)


def token(start: int, end: int) -> Token:
    return Token(start, end, TEXT[start:end])


def segmented() -> Document:
    title = Sentence(0, 10, (token(0, 4), token(5, 9), token(9, 10)))
    abstract = Sentence(11, 23, (token(11, 16), token(17, 22), token(22, 23)))
    return Document(
        TEXT,
        id="1",
        passages=(Passage(0, 10, "title", (title,)), Passage(11, 23, "abstract", (abstract,))),
        entities=(entity(11, 16, score=0.5), entity(0, 9, "DNA", id="MESH:1", source="PubTator")),
        metadata={"journal": "Cell"},
    )


def cut(draw: st.DrawFn, start: int, end: int, *, filled: bool = False) -> list[tuple[int, int]]:
    """Stretches of a stretch, in order: any, or none that is empty."""
    edges = sorted(draw(st.lists(st.integers(start, end), max_size=8)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    return [pair for pair in pairs if pair[0] < pair[1] or not filled]


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Any document: hostile strings, uneven segmentation, overlapping entities."""
    text = draw(ANYTHING)
    passages = tuple(
        Passage(
            *passage,
            draw(ANYTHING),
            tuple(
                Sentence(
                    *sentence,
                    tuple(
                        Token(start, end, text[start:end])
                        for start, end in cut(draw, *sentence, filled=True)
                    ),
                )
                for sentence in cut(draw, *passage)
            ),
        )
        for passage in cut(draw, 0, len(text))
    )
    entities = tuple(
        Entity(
            start,
            end,
            draw(ANYTHING.filter(bool)),
            text[start:end],
            draw(st.none() | st.floats(0, 1)),
            draw(st.none() | ANYTHING),
            draw(st.none() | ANYTHING),
        )
        for start, end in cut(draw, 0, len(text), filled=True)
        + cut(draw, 0, len(text), filled=True)
    )
    metadata = draw(st.dictionaries(ANYTHING, ANYTHING, max_size=3))
    return Document(text, draw(ANYTHING), passages, entities, metadata)


@given(documents())
def test_from_dict_gives_back_what_to_dict_wrote(document: Document) -> None:
    data = document.to_dict()
    assert Document.from_dict(data) == document
    assert Document.from_dict(json.loads(json.dumps(data))) == document
    assert json.loads(json.dumps(data, ensure_ascii=False)) == data


@given(documents())
def test_documents_can_be_pickled_copied_and_hashed(document: Document) -> None:
    assert pickle.loads(pickle.dumps(document)) == document
    assert copy.deepcopy(document) == document
    assert len({document, Document.from_dict(document.to_dict())}) == 1


@given(documents())
def test_entities_are_sorted_by_start_then_longest_then_label(document: Document) -> None:
    keys = [(e.start, -e.end, e.label) for e in document.entities]
    assert keys == sorted(keys)
    assert document.with_entities(reversed(document.entities)).to_dict()["text"] == document.text


@given(documents(), st.randoms())
def test_the_order_in_which_entities_come_makes_no_difference(document: Document, rng: Any) -> None:
    distinct = list({(e.start, e.end, e.label): e for e in document.entities}.values())
    shuffled = rng.sample(distinct, len(distinct))
    assert document.with_entities(shuffled) == document.with_entities(distinct)


def test_the_canonical_order() -> None:
    wanted = [entity(0, 9, "DNA"), entity(0, 9), entity(0, 4), entity(5, 9)]
    assert list(Document(TEXT, entities=tuple(wanted[::-1])).entities) == wanted


@pytest.mark.parametrize(
    "build",
    [
        lambda: Token(2, 2, ""),
        lambda: Token(-1, 2, "x"),
        lambda: Entity(3, 2, "protein", "x"),
        lambda: Entity(-1, 2, "protein", "x"),
        lambda: Entity(0, 0, "protein", ""),
        lambda: Sentence(3, 2),
        lambda: Passage(-1, 2),
    ],
)
def test_offsets_out_of_order_are_refused(build: Any) -> None:
    with pytest.raises(InputError, match=r"expected 0 <= start <=? end"):
        build()


@pytest.mark.parametrize("score", [-0.01, 1.01, math.nan, math.inf])
def test_scores_that_are_no_probabilities_are_refused(score: float) -> None:
    with pytest.raises(InputError, match=r"expected a number in \[0, 1\]"):
        entity(0, 4, score=score)


def test_an_entity_needs_a_label() -> None:
    with pytest.raises(InputError, match="`IL-2` 0-4: empty label"):
        entity(0, 4, "")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Sentence(0, 9, (token(5, 9), token(0, 4))), "token 0-4: starts before 9"),
        (lambda: Sentence(0, 9, (token(0, 4), token(3, 9))), "token 3-9: starts before 4"),
        (lambda: Sentence(2, 9, (token(0, 4),)), "token 0-4: starts before 2"),
        (lambda: Sentence(0, 8, (token(5, 9),)), "token ends at 9, after its sentence 0-8"),
        (lambda: Passage(0, 9, "text", (Sentence(0, 10),)), "sentence ends at 10"),
        (lambda: Passage(0, 9, "text", (Sentence(5, 6), Sentence(0, 1))), "sentence 0-1: starts"),
        (lambda: Document(TEXT, passages=(Passage(0, 24),)), "passage ends at 24"),
        (lambda: Document(TEXT, passages=(Passage(0, 5), Passage(4, 6))), "passage 4-6: starts"),
    ],
)
def test_parts_out_of_order_or_outside_are_refused(build: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize(
    "wrong",
    [
        Entity(0, 4, "protein", "IL-3"),
        Entity(0, 4, "protein", "IL-"),
        Entity(1, 5, "protein", "IL-2"),
        Entity(11, 99, "protein", TEXT[11:]),
        Entity(40, 41, "protein", ""),
    ],
)
def test_entities_that_are_not_in_the_text_are_refused(wrong: Entity) -> None:
    with pytest.raises(InputError, match=f"document `d`: entity {wrong.start}-{wrong.end}"):
        Document(TEXT, id="d", entities=(wrong,))


def test_tokens_that_are_not_in_the_text_are_refused() -> None:
    passage = Passage(0, 10, "text", (Sentence(0, 10, (Token(0, 4, "IL-3"),)),))
    with pytest.raises(
        InputError, match="document `d`: token 0-4 says `IL-3`, the text has `IL-2`"
    ):
        Document(TEXT, id="d", passages=(passage,))


@pytest.mark.parametrize(
    "value",
    [token(0, 4), Sentence(0, 4), Passage(0, 4), entity(0, 4), Document(TEXT)],
    ids=lambda value: type(value).__name__,
)
def test_values_are_frozen(value: Any) -> None:
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, None)


def test_metadata_is_read_only_and_does_not_follow_the_dict_it_came_from() -> None:
    source = {"journal": "Cell"}
    document = Document(TEXT, metadata=source)
    source["journal"] = "Nature"
    assert document.metadata == {"journal": "Cell"}
    with pytest.raises(TypeError):
        document.metadata["journal"] = "Nature"  # type: ignore[index]


def test_sentences_and_tokens_go_through_all_passages() -> None:
    document = segmented()
    assert [(s.start, s.end) for s in document.sentences()] == [(0, 10), (11, 23)]
    assert [t.text for t in document.tokens()] == ["IL-2", "gene", ".", "NF-κB", "binds", "."]


def test_with_labels_keeps_what_has_no_score_and_drops_what_has_a_lower_one() -> None:
    marked = Document(
        TEXT,
        entities=(
            entity(0, 4, score=0.5),
            entity(0, 9, "DNA"),
            entity(11, 16, score=0.49),
            entity(11, 22, "RNA", score=1.0),
        ),
    )
    kept = marked.with_labels({"protein", "DNA"}, 0.5).entities
    assert [(e.end, e.label) for e in kept] == [(9, "DNA"), (4, "protein")]
    assert marked.with_labels({"protein", "DNA", "RNA"}) == marked


def test_with_entities_and_with_passages_change_only_that() -> None:
    document, before = segmented(), segmented()
    changed = document.with_entities(e for e in [entity(0, 4)])
    assert changed.entities == (entity(0, 4),)
    assert changed.with_entities(document.entities) == document
    changed = document.with_passages(p for p in [Passage(0, 4)])
    assert changed.passages == (Passage(0, 4),)
    assert changed.with_passages(document.passages) == document
    assert document == before


def test_with_metadata_adds_and_replaces() -> None:
    document = segmented()
    assert document.with_metadata(year="2004", journal="Nature").metadata == {
        "journal": "Nature",
        "year": "2004",
    }
    assert document.metadata == {"journal": "Cell"}


def test_untokenized_keeps_passages_and_entities() -> None:
    document = segmented()
    bare = document.untokenized()
    assert [(p.start, p.end, p.kind) for p in bare.passages] == [
        (0, 10, "title"),
        (11, 23, "abstract"),
    ]
    assert (list(bare.sentences()), list(bare.tokens())) == ([], [])
    assert bare.with_passages(document.passages) == document


def test_from_dict_needs_only_a_text() -> None:
    assert Document.from_dict({"text": TEXT}) == Document(TEXT)
    assert Document.from_dict(
        {"text": TEXT, "entities": [{"start": 0, "end": 4, "label": "protein"}]}
    ).entities == (entity(0, 4),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": 1}, "got 1, expected str"),
        ({"text": None}, "got None, expected str"),
        ({"id": 7}, "got 7, expected str"),
        ({"metadata": {"year": 2004}}, "got 2004, expected str"),
        ({"metadata": ["year"]}, "expected"),
        ({"entities": None}, "expected"),
        ({"entities": ["IL-2"]}, "expected"),
        ({"entities": [{"start": 0, "end": 4}]}, "`?'?label'?`? is missing"),
        ({"passages": 3}, "expected"),
        ({"passages": [{"start": 0}]}, "`?'?end'?`? is missing"),
        ({"passages": [{"start": 0, "end": True}]}, "got True, expected int"),
        ({"passages": [{"start": 0, "end": 4, "kind": 1}]}, "got 1, expected str"),
    ],
)
def test_from_dict_names_the_document_and_what_is_wrong(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=rf"^document `[17]`: .*{message}"):
        Document.from_dict(segmented().to_dict() | change)


@pytest.mark.parametrize("data", [None, [], "text", 3, {}, {"id": "1"}])
def test_from_dict_refuses_what_is_no_document(data: Any) -> None:
    with pytest.raises(InputError, match=r"^document `"):
        Document.from_dict(data)


@pytest.mark.parametrize(
    "change",
    [
        {"start": "0"},
        {"start": 0.0},
        {"start": False},
        {"end": None},
        {"end": 999},
        {"end": -1},
        {"label": 1},
        {"label": ""},
        {"text": "IL-3"},
        {"text": 2},
        {"score": "high"},
        {"score": "0.5"},
        {"score": [0.5]},
        {"score": True},
        {"score": 2},
        {"score": math.nan},
        {"score": 10**400},
        {"id": 5},
        {"source": ["PubTator"]},
    ],
    ids=lambda change: repr(change)[:30],
)
def test_from_dict_refuses_wrong_entities(change: dict[str, Any]) -> None:
    wrong = {"start": 0, "end": 4, "label": "protein"} | change
    with pytest.raises(InputError):
        Document.from_dict({"text": TEXT, "entities": [wrong]})


@pytest.mark.parametrize(
    "tokens",
    [
        [[0]],
        [[0, 4, 5]],
        ["ab"],
        [4],
        [[0.0, 4.0]],
        [["0", "4"]],
        [[False, True]],
        [[4, 0]],
        [[0, 99]],
    ],
    ids=repr,
)
def test_from_dict_refuses_wrong_tokens(tokens: Any) -> None:
    sentence = {"start": 0, "end": 10, "tokens": tokens}
    passage = {"start": 0, "end": 10, "sentences": [sentence]}
    with pytest.raises(InputError):
        Document.from_dict({"text": TEXT, "passages": [passage]})


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value, at any depth."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [place for key in keys for place in [(value, key), *places(value[key])]]


@given(
    st.integers(min_value=0),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
    | st.sampled_from([[], {}, [[]], [{}], [None], 10**400, "0.5"]),
)  # fmt: skip
def test_a_damaged_dict_gives_a_document_that_round_trips_or_an_input_error(
    where: int, damage: Any
) -> None:
    data = segmented().to_dict()
    found = places(data)
    container, key = found[where % len(found)]
    container[key] = damage
    try:
        document = Document.from_dict(data)
    except InputError:
        return
    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document
    parts: list[Any] = [*document.entities, *document.tokens(), *document.passages]
    for part in parts:
        assert type(part.start) is type(part.end) is int
        assert 0 <= part.start <= part.end <= len(document.text)
    for marked in document.entities:
        assert all(type(name) in (str, type(None)) for name in (marked.id, marked.source))


def test_to_dataframe_has_a_row_for_each_entity() -> None:
    frame = segmented().to_dataframe()
    assert list(frame.columns) == [
        "document", "start", "end", "label", "text", "score", "id", "source",
    ]  # fmt: skip
    first, second = frame.astype(object).where(frame.notna(), None).to_dict("records")
    assert first == {
        "document": "1", "start": 0, "end": 9, "label": "DNA", "text": "IL-2 gene",
        "score": None, "id": "MESH:1", "source": "PubTator",
    }  # fmt: skip
    assert (second["text"], second["score"]) == ("NF-κB", 0.5)


def test_to_dataframe_of_no_entities_has_the_columns() -> None:
    frame = Document(TEXT).to_dataframe()
    assert (len(frame), "document" in frame.columns) == (0, True)


def test_highlights_are_the_entities() -> None:
    document = segmented()
    assert document.highlights() == [
        highlight.Span(e.start, e.end, e.label, e.score) for e in document.entities
    ]


def test_notebooks_get_text_and_label_escaped() -> None:
    text = "<img src=x onerror=alert(1)> & IL-2"
    marked = Entity(31, 35, '"><script>alert(1)</script>', "IL-2")
    html = Document(text, entities=(marked,))._repr_html_()
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; " in html
    assert html.count("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "<img" not in html
    assert "<script" not in html
