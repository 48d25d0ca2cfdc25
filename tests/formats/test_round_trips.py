"""What a writer and a reader keep of arbitrary documents, and that `KEEPS` tells it."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from biospan import formats
from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.formats import jsonl
from biospan.formats.keeps import KEEPS
from biospan.highlight import replace_surrogates

letters = st.characters(exclude_categories=["Cs"])
words = st.text(letters, max_size=6)
texts = st.text(st.one_of(st.characters(), st.sampled_from(" \t\n\r\u00a0aβ-.\U0001f9ec")))


@st.composite
def entities(draw: st.DrawFn, text: str) -> Entity:
    start = draw(st.integers(0, len(text) - 1))
    end = draw(st.integers(start + 1, len(text)))
    optional = st.none() | st.text(letters, min_size=1, max_size=4)
    return Entity(
        start,
        end,
        draw(st.sampled_from(["DNA", "cell line", "β"])),
        text[start:end],
        draw(st.none() | st.floats(0, 1)),
        draw(optional),
        draw(optional),
    )


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Any document at all: overlaps, given tokens with gaps, white space and surrogates."""
    text = draw(texts)

    def parts(start: int, end: int) -> list[tuple[int, int]]:
        cuts = draw(st.sets(st.integers(start, end), max_size=4))
        return [span for span in pairwise(sorted(cuts)) if draw(st.booleans())]

    passages = tuple(
        Passage(
            start,
            end,
            draw(st.sampled_from(["text", "title", "caption"])),
            tuple(
                Sentence(left, right, tuple(Token(s, e, text[s:e]) for s, e in parts(left, right)))
                for left, right in parts(start, end)
            ),
            draw(words),
        )
        for start, end in parts(0, len(text))
    )
    marked = draw(st.lists(entities(text), max_size=4)) if text else []
    metadata = draw(st.dictionaries(words, words, max_size=2))
    return Document(text, draw(words), passages, tuple(marked), metadata)


def encodable(document: Document) -> Document:
    """The document with U+FFFD for lone surrogates, as every format but ours has it."""
    data = document.to_dict()
    data["text"] = replace_surrogates(document.text)
    for entity in data["entities"]:
        del entity["text"]
    return Document.from_dict(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("round")


@pytest.mark.parametrize(
    ("name", "held"), [("a.jsonl", list), ("a.parquet", encodable), ("a.spacy", encodable)]
)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(given_documents=st.lists(documents(), max_size=3))
def test_all_of_any_document_survives(
    folder: Path, name: str, held: Callable[[Any], Any], given_documents: list[Document]
) -> None:
    formats.write(given_documents, folder / name)
    expected = given_documents if held is list else [held(d) for d in given_documents]
    assert list(formats.read(folder / name)) == expected
    assert list(formats.records(folder / name)) == expected


@given(documents())
def test_every_line_of_ours_is_what_the_schema_says(document: Document) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = closed(json.loads(jsonl.SCHEMA.read_text()))
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(document.to_dict())))


def closed(schema: Any) -> Any:
    """The schema without room for fields that it does not name, so that none is forgotten."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema and isinstance(schema.get("type"), str):
        parts["additionalProperties"] = False
    return parts


@pytest.mark.parametrize(
    ("line", "valid"),
    [
        ({"text": "a", "entities": [[0, 1, "DNA"]]}, True),
        ({"text": "a", "entities": [{"start": 0, "end": 1, "label": "DNA", "score": 1}]}, True),
        ({"id": "7"}, False),
        ({"text": "a", "entities": [[0, 1]]}, False),
        ({"text": "a", "entities": [{"start": 0, "end": 1, "label": ""}]}, False),
        ({"text": "a", "entities": [{"start": 0, "end": 1, "label": "x", "score": 2}]}, False),
        ({"text": "a", "metadata": {"year": 2001}}, False),
        ({"text": "a", "passages": [{"start": -1, "end": 1}]}, False),
        ({"text": "a", "passages": [{"start": 0}]}, False),
    ],
)
def test_the_schema_and_the_reader_agree(folder: Path, line: dict[str, Any], valid: bool) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(jsonl.SCHEMA.read_text())
    assert jsonschema.Draft202012Validator(schema).is_valid(line) is valid
    (folder / "line.jsonl").write_text(json.dumps(line))
    (record,) = formats.records(folder / "line.jsonl")
    assert isinstance(record, Document) is valid


TEXT = "Quorin rises.\nZeta cells"
FULL = Document(
    TEXT,
    "id-7",
    (
        Passage(
            0, 13, "title", (Sentence(0, 13, (Token(0, 6, "Quorin"), Token(7, 13, "rises."))),)
        ),
        Passage(
            14,
            24,
            "abstract",
            (Sentence(14, 24, (Token(14, 18, "Zeta"), Token(19, 24, "cells"))),),
            "METHODS-S",
        ),
    ),
    (
        Entity(0, 6, "protein", "Quorin", 0.875, "UniProt:Q7", "curator-X"),
        Entity(14, 24, "cell_type", "Zeta cells"),
    ),
    {"journal": "J-of-Quor"},
)
# How each part looks when it is there; for what no reader of ours has back, as it is written.
LOOKS: dict[str, Callable[[Document], Any]] = {
    "ids": lambda d: d.id,
    "texts": lambda d: d.text,
    "passages": lambda d: [(p.start, p.end, p.kind) for p in d.passages],
    "sections": lambda d: [p.section for p in d.passages],
    "sentences": lambda d: [(s.start, s.end) for s in d.sentences()],
    "tokens": lambda d: [t.text for t in d.tokens()],
    "entities": lambda d: [(e.start, e.end, e.label) for e in d.entities],
    "scores": lambda d: [e.score for e in d.entities],
    "identifiers": lambda d: [e.id for e in d.entities],
    "sources": lambda d: [e.source for e in d.entities],
    "metadata": lambda d: dict(d.metadata),
}
WRITTEN = {
    "ids": "id-7",
    "entities": "cell_type",
    "scores": "0.875",
    "identifiers": "UniProt:Q7",
    "sources": "curator-X",
    "metadata": "J-of-Quor",
    "sections": "METHODS-S",
}
ONLY_WRITTEN = ("csv", "html", "jsonld", "tsv")
READ = sorted(set(KEEPS) - set(ONLY_WRITTEN))


def test_the_table_has_every_format() -> None:
    assert set(KEEPS) == {*formats.FORMATS, *formats.BINARY_FORMATS}


@pytest.mark.parametrize("name", READ)
def test_a_format_keeps_what_the_table_says_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"other.{name}"
    if name == "brat":
        path.mkdir()
    formats.write([FULL], path)
    (found,) = formats.read(path)
    kept = {what for what, look in LOOKS.items() if look(found) == look(FULL)}
    # The text of the columns of this document happens to be the document's.
    assert kept - {"texts"} == KEEPS[name] - {"lone surrogates", "texts"}
    assert "texts" not in KEEPS[name] or "texts" in kept


@pytest.mark.parametrize("name", ONLY_WRITTEN)
def test_a_format_that_is_only_written_has_what_the_table_says(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"other.{name}"
    formats.write([FULL], path)
    written = path.read_text()
    assert {what for what, mark in WRITTEN.items() if mark in written} == KEEPS[name] - {"texts"}
    assert ("rises" in written and name != "jsonld") is ("texts" in KEEPS[name])


@pytest.mark.parametrize("name", sorted({name for name in READ if "texts" in KEEPS[name]}))
def test_lone_surrogates_survive_where_it_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"other.{name}"
    if name == "brat":
        path.mkdir()
    formats.write([Document("a \ud800 b", "1")], path)
    (found,) = formats.read(path)
    assert (found.text == "a \ud800 b") is ("lone surrogates" in KEEPS[name])
    assert found.text in ("a \ud800 b", "a \ufffd b")


def test_the_documentation_has_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in page.split("\n")
        if line.startswith("|") and line.count("|") == len(LOOKS) + 2
    ]
    header, _, *body = rows
    assert header[1:] == list(LOOKS)
    table = {
        name: {what for what, cell in zip(LOOKS, cells, strict=True) if cell == "yes"}
        for name, *cells in body
    }
    assert table == {name: set(kept) - {"lone surrogates"} for name, kept in KEEPS.items()}


@pytest.mark.parametrize(
    "suffix", [".jsonl", ".iob2", ".iobes", ".txt", ".html", ".csv", ".jsonld"]
)
def test_text_formats_are_packed_by_their_name(tmp_path: Path, suffix: str) -> None:
    plain, packed = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}.gz"
    for path in (plain, packed):
        formats.write([FULL], path)
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()
    if formats.is_known(plain):
        first, second = (list(formats.read(path)) for path in (plain, packed))
        assert [replace(d, id="") for d in first] == [replace(d, id="") for d in second]
