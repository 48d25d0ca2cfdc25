import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan import formats
from biospan.document import Document, Entity, Passage, Sentence
from biospan.errors import InputError
from biospan.formats import bioc_json, bioc_layout, bioc_xml, xml
from biospan.formats.record import Rejected

DATA = Path(__file__).parent.parent / "data" / "bioc"
MODULES = {"xml": bioc_xml, "json": bioc_json}
FORMATS = pytest.mark.parametrize("form", ["xml", "json"])


def written(form: str, *documents: Document) -> str:
    stream = io.StringIO()
    MODULES[form].write(documents, stream)
    return stream.getvalue()


def again(form: str, folder: Path, *documents: Document) -> list[Document]:
    path = folder / f"a.bioc.{form}"
    path.write_bytes(written(form, *documents).encode())
    return list(MODULES[form].read(path))


def test_every_part_of_a_file_is_read(caplog: pytest.LogCaptureFixture) -> None:
    path = DATA / "odd.bioc.xml"
    first, second = bioc_xml.read(path)
    assert second == Document("", "2")
    assert first.text == "α-factor & 🧬 genes\nOne sentence.  Another β.\n\n\n\nFar away"
    assert first.id == "1"
    assert first.metadata == {"journal": "Invented Letters", "year": "2026"}
    assert first.passages == (
        Passage(0, 18, "title", section="TITLE"),
        Passage(19, 44, "abstract", (Sentence(19, 32), Sentence(34, 44)), "BACKGROUND"),
        Passage(48, 56, "section_title"),
    )
    assert first.entities == (
        Entity(0, 8, "protein", "α-factor", id="P01149", source="curator 1"),
        Entity(11, 18, "DNA", "🧬 genes", 0.25, "672", "bioc"),
        Entity(19, 22, "word", "One", source="bioc"),
        Entity(42, 51, "crossing", "β.\n\n\n\nFar", source="bioc"),
    )
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 1 x annotation in several pieces, 1 x annotation without a label, "
        "1 x further infon of a passage, 1 x further infon of an annotation, 1 x relation"
    ]


def test_what_is_wrong_is_rejected_alone_and_says_why() -> None:
    path = DATA / "broken.bioc.xml"
    found = list(bioc_xml.records(path))
    assert [d.text for d in found if isinstance(d, Document)] == ["Sound", "Sound too"]
    rejected = [str(r).removeprefix(f"{path}, record ") for r in found if isinstance(r, Rejected)]
    expected = [
        "2: not well-formed XML: mismatched tag",
        "3: the annotation at offset 1 says `Wrong`, the text has `rong ` there",
        "4: the text at offset 5 begins before 11, where the text before it ends",
        "5: got None, expected the number `offset`",
        "6: the annotation at offset 9 says `wrong`, the text has `n any` there; "
        "nor do offsets fit in bytes or UTF-16 units",
        "7: more than 1,000,000 characters of no text before 999999999999",
        "8: not well-formed XML: undefined entity",
    ]
    assert len(rejected) == len(expected)
    for got, begin in zip(rejected, expected, strict=True):
        assert got.startswith(begin)
    with pytest.raises(InputError, match="broken.bioc.xml, record 2: not well-formed"):
        list(bioc_xml.read(path))


@pytest.mark.parametrize(
    ("name", "unit"), [("points", None), ("bytes", "UTF-8 bytes"), ("utf16", "UTF-16 units")]
)
def test_offsets_in_any_unit_come_out_as_code_points(
    caplog: pytest.LogCaptureFixture, name: str, unit: str | None
) -> None:
    (document,) = bioc_xml.read(DATA / f"{name}.bioc.xml")
    assert document.text == "The β-chain 🧬 of IL-2Rβ\nIt binds NF-κB."
    assert [e.text for e in document.entities] == ["IL-2Rβ", "NF-κB"]
    told = [f"1 x document with offsets in {unit}"] if unit else []
    assert [record.getMessage().split(": ", 1)[1] for record in caplog.records] == told


TEXTS = st.text(st.sampled_from("ab αβé🧬\n&<>\"'\t\r\u2028\u0301"), min_size=1, max_size=12)
WIDTHS: dict[str, Callable[[str], int]] = {
    "code points": len,
    "UTF-8 bytes": lambda text: len(text.encode()),
    "UTF-16 units": lambda text: len(text.encode("utf-16-le")) // 2,
}


@given(st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from(list(WIDTHS)), st.data())
def test_pieces_lie_where_their_offsets_say_in_each_unit(
    texts: list[str], unit: str, data: st.DataObject
) -> None:
    width = WIDTHS[unit]
    whole, pieces = "", []
    for text in texts:
        whole += "\n" * data.draw(st.integers(0, 3))
        pieces.append(bioc_layout.Piece(width(whole), text))
        whole += text
    layout = bioc_layout.lay_out(pieces, unit)
    assert layout.text == whole
    assert [whole[start:end] for start, end in layout.spans] == texts
    place = data.draw(st.integers(0, len(whole)))
    assert layout.index(width(whole[:place])) == place
    with pytest.raises(InputError, match="behind the text"):
        layout.index(width(whole) + 1)


def test_an_offset_inside_a_character_is_none() -> None:
    layout = bioc_layout.lay_out([bioc_layout.Piece(0, "β")], "UTF-8 bytes")
    with pytest.raises(InputError, match="inside a character"):
        layout.index(1)


NAMES = st.text(st.sampled_from('aB-:|_ é;"<&\n'), min_size=1, max_size=5)
KINDS = st.sampled_from(["title", "abstract", "paragraph", "caption", "text", ""])


@st.composite
def documents(draw: st.DrawFn) -> Document:
    passages: list[Passage] = []
    text = ""
    for number, content in enumerate(draw(st.lists(TEXTS | st.just(""), max_size=4))):
        text += draw(st.sampled_from(["\n", ""] if number else [""]))
        end = len(text) + len(content)
        section = draw(st.just("") | NAMES)
        passages.append(Passage(len(text), end, draw(KINDS), section=section))
        text += content
    entities = []
    for _ in range(draw(st.integers(0, 4)) if text else 0):
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        score, identifier = draw(st.none() | st.floats(0, 1)), draw(st.none() | NAMES)
        source = draw(st.none() | st.just("bioc") | NAMES)
        entities.append(Entity(start, end, draw(NAMES), text[start:end], score, identifier, source))
    metadata = draw(st.dictionaries(NAMES, NAMES | st.just(""), max_size=2))
    return Document(text, draw(NAMES | st.just("")), tuple(passages), tuple(entities), metadata)


@FORMATS
@given(st.lists(documents(), max_size=3))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, form: str, found: list[Document]
) -> None:
    assert again(form, tmp_path_factory.mktemp("bioc"), *found) == found


@FORMATS
@given(st.lists(documents(), max_size=3))
def test_the_bioc_library_reads_the_same_and_finds_it_valid(
    form: str, found: list[Document]
) -> None:
    library = pytest.importorskip("bioc")
    validator = pytest.importorskip("bioc.validator")
    content = written(form, *found)
    if form == "xml":
        from bioc import biocxml

        collection = biocxml.load(io.BytesIO(content.encode()))
    else:
        from bioc import biocjson

        collection = biocjson.loads(content)
    assert isinstance(collection, library.BioCCollection)
    validator.validate(collection)
    assert [other.id or "" for other in collection.documents] == [d.id for d in found]
    for document, other in zip(found, collection.documents, strict=True):
        # Of an empty element the library makes None.
        assert {key: value or "" for key, value in other.infons.items()} == document.metadata
        pairs = [
            (passage, annotation)
            for passage in (*other.passages, other)
            for annotation in passage.annotations
        ]
        assert sorted(
            (a.total_span.offset, a.total_span.end, a.infons["type"], a.text) for _, a in pairs
        ) == sorted((e.start, e.end, e.label, e.text) for e in document.entities)


@FORMATS
@given(st.lists(documents(), max_size=2))
def test_what_the_bioc_library_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, form: str, found: list[Document]
) -> None:
    pytest.importorskip("bioc")
    from bioc import biocjson, biocxml

    collection = biocjson.loads(written("json", *found))
    library = biocxml if form == "xml" else biocjson
    path = tmp_path_factory.mktemp("bioc") / f"a.bioc.{form}"
    path.write_bytes(library.dumps(collection).encode())
    assert list(MODULES[form].read(path)) == found


@FORMATS
def test_text_outside_of_passages_is_kept(tmp_path: Path, form: str) -> None:
    text = " A\n\n\nβ?C\nD\n"
    passages = Passage(1, 2, "title"), Passage(5, 6, "abstract"), Passage(9, 10, "abstract")
    document = Document(text, "1", passages, (Entity(1, 10, "x", text[1:10]),))
    (found,) = again(form, tmp_path, document)
    assert found.text == text
    assert found.entities == document.entities
    assert [p for p in found.passages if p.kind != "text"] == list(passages)
    assert again(form, tmp_path, found) == [found]
    (plain,) = again(form, tmp_path, Document(text))
    assert (plain.text, plain.passages) == (text, (Passage(0, len(text)),))


def test_characters_that_xml_cannot_hold_are_replaced_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = "a\0b\x0bc\ud800d\uffffe\x85"
    document = Document(text, "1", (Passage(0, len(text)),), (Entity(8, 9, "x", "e"),))
    (found,) = again("xml", tmp_path, document)
    assert found.text == "a\ufffdb\ufffdc\ufffdd\ufffde\x85"
    assert found.entities == document.entities
    (record,) = caplog.records
    assert record.getMessage() == "4 characters that XML cannot hold are written as U+FFFD"
    assert again("json", tmp_path, document) == [document]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("lines.bioc.json", ["One", "Two β", "Three", "Five"]),
        ("list.json", ["One", "Two"]),
        ("export.json", ["IL-2 β\nMore."]),
    ],
)
def test_json_is_read_in_every_form_it_comes_in(name: str, texts: list[str]) -> None:
    found = [r for r in formats.records(DATA / name) if isinstance(r, Document)]
    assert [document.text for document in found] == texts


def test_a_broken_line_of_json_is_rejected_alone() -> None:
    path = DATA / "lines.bioc.json"
    (rejected,) = [r for r in bioc_json.records(path) if isinstance(r, Rejected)]
    # Line 3 breaks off; that shows at the beginning of line 4.
    assert str(rejected).startswith(f"{path}:4: not JSON: Expecting")


def test_pubtators_export_keeps_journal_and_identifiers(caplog: pytest.LogCaptureFixture) -> None:
    (document,) = bioc_json.read(DATA / "export.json")
    assert document.id == "100"
    assert document.metadata == {
        "journal": "Invented Letters",
        "year": "2026",
        "authors": '["A", "B"]',
    }
    assert [(e.text, e.label, e.id) for e in document.entities] == [
        ("IL-2", "Gene", "3558"),
        ("β", "Disease", None),
    ]
    (record,) = caplog.records
    assert "2 x further infon of an annotation, 1 x relation" in record.getMessage()


ODD_XML = (
    '<document infons="1" passages="2"><id>1</id><passages>3</passages><infons>4</infons>'
    '<passage infons="5" annotations="6"><annotations>7</annotations><offset>0</offset>'
    '<text>IL-2</text><annotation id="T1" locations="8"><infon key="type">protein</infon>'
    '<location offset="0" length="4"/><text>IL-2</text></annotation></passage></document>'
)


def test_attributes_and_elements_never_stand_in_for_lists(tmp_path: Path) -> None:
    path = tmp_path / "a.bioc.xml"
    path.write_text(f"<collection>{ODD_XML}</collection>")
    (document,) = bioc_xml.read(path)
    assert [(e.text, e.label) for e in document.entities] == [("IL-2", "protein")]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": 1}, "got {'a': 1}, expected a BioC document with `passages`"),
        ([1], "got 1, expected a BioC document with `passages`"),
        ({"documents": 1}, "got {'documents': 1}, expected a BioC document"),
        ({"documents": ["x"]}, "got 'x', expected a BioC document"),
        ({"passages": 1}, "got 1, expected the list `passages` of objects"),
        ({"passages": [1]}, "got [1], expected the list `passages` of objects"),
        ({"passages": [{"offset": "x"}]}, "got 'x', expected the number `offset`"),
        ({"passages": [{"offset": -1}]}, "got -1, expected the number `offset`"),
        ({"passages": [{"offset": 0, "text": []}]}, "got [], expected the string `text`"),
        ({"passages": [], "infons": [1]}, "got [1], expected the object `infons`"),
    ],
)
def test_json_that_is_no_bioc_is_rejected(tmp_path: Path, value: object, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    (rejected,) = bioc_json.records(path)
    assert isinstance(rejected, Rejected)
    assert rejected.where == f"{path}, record 1"
    assert rejected.reason.startswith(reason)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"documents": [NaN]}', "{", "nonsense"])
def test_what_is_no_json_is_rejected(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    (rejected,) = bioc_json.records(path)
    assert str(rejected).startswith(f"{path}:1: not JSON: ")


def test_deep_elements_and_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.bioc.xml"
    deep = "<passage>" * 50_000 + "</passage>" * 50_000
    path.write_text(f"<collection><document>{deep}</document></collection>")
    (rejected,) = bioc_xml.records(path)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == "elements are nested deeper than in BioC"
    path.write_text("<other><document/></other>")
    with pytest.raises(InputError, match="the root element is `other`, expected `collection`"):
        list(bioc_xml.read(path))


def test_a_file_that_breaks_off_gives_what_was_whole(tmp_path: Path) -> None:
    content = written("xml", Document("a", "1"), Document("b", "2"))
    path = tmp_path / "a.bioc.xml"
    for end in ("<document><id>2</id>", "</document>\n<document>"):
        path.write_text(content[: content.index(end) + len(end)])
        first, last = formats.records(path)
        assert isinstance(first, Document)
        assert isinstance(last, Rejected)
    path.write_text(content.removesuffix("</collection>\n"))
    *whole, last = formats.records(path)
    assert len(whole) == 2
    assert str(last).startswith(f"{path}: ends before `</collection>`")


def test_a_record_that_is_too_large_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bioc.xml"
    path.write_text(written("xml", Document("a" * 500, "1"), Document("b", "2")))
    real = xml.cut
    monkeypatch.setattr(xml, "cut", lambda *given: real(*given, max_bytes=400))
    first, second = bioc_xml.records(path)
    assert isinstance(first, Rejected)
    assert isinstance(second, Document)


@pytest.mark.parametrize(
    "name", ["a.bioc.xml", "a.bioc", "a.xml", "a.bioc.xml.gz", "a.bioc.gz", "a.bioc.json", "a.json"]
)
def test_files_are_known_by_suffix_or_content(tmp_path: Path, name: str) -> None:
    document = Document("a", "1", (Passage(0, 1, "title"),))
    content = written("json" if "json" in name else "xml", document).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert list(formats.read(path)) == [document]


def test_both_forms_are_written_by_name() -> None:
    for name, begin in (("bioc-xml", "<?xml"), ("bioc-json", "{")):
        stream = io.StringIO()
        formats.FORMATS[name]([Document("a")], stream)
        assert stream.getvalue().startswith(begin)


def test_many_documents_are_written_and_read_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.bioc.xml"
    text = "IL-2 gene expression requires NF-kappa B. " * 60
    entity = Entity(0, 4, "DNA", "IL-2")
    made = (Document(text, str(n), (Passage(0, len(text)),), (entity,)) for n in range(2_500))
    tracemalloc.start()
    try:
        with path.open("w") as stream:
            bioc_xml.write(made, stream)
        count = sum(1 for _ in bioc_xml.read(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 2_500
    assert path.stat().st_size > 5_000_000
    assert peak < 5_000_000  # a few chunks of 1 MiB
