import errno
import io
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.document import Document, Entity
from biospan.errors import BiospanError, InputError, MissingInputError, OutputError
from biospan.formats import brat
from biospan.formats.record import Rejected


def document(text: str, *spans: tuple[int, int, str], id: str = "1") -> Document:
    return Document(
        text, id, entities=tuple(Entity(s, e, label, text[s:e]) for s, e, label in spans)
    )


def put(folder: Path, stem: str, text: str, annotations: str | None = None) -> None:
    (folder / f"{stem}.txt").write_bytes(text.encode())
    if annotations is not None:
        (folder / f"{stem}.ann").write_bytes(annotations.encode())


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    put(tmp_path, "b", "IL-2 gene", "T1\tDNA 0 9\tIL-2 gene\nT2\tprotein 0 4\tIL-2\n")
    put(tmp_path, "a", "none", "")
    assert list(brat.read(tmp_path)) == [
        document("none", id="a"),
        document("IL-2 gene", (0, 9, "DNA"), (0, 4, "protein"), id="b"),
    ]


def test_one_annotation_file_is_read_with_its_text(tmp_path: Path) -> None:
    put(tmp_path, "a", "IL-2", "T1\tDNA 0 4\tIL-2")
    assert list(brat.read(tmp_path / "a.ann")) == [document("IL-2", (0, 4, "DNA"), id="a")]


def test_offsets_count_carriage_returns_and_marks(tmp_path: Path) -> None:
    text = "\ufeffA\r\nIL-2\r\nx"
    put(tmp_path, "a", text, "T1\tDNA 4 8\tIL-2\r\n\r\nT2\tRNA 1 8\tA  IL-2\r\n")
    assert list(brat.read(tmp_path)) == [document(text, (4, 8, "DNA"), (1, 8, "RNA"), id="a")]


def test_what_is_not_a_contiguous_entity_is_counted_in_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = (
        "T1\tDNA 0 1;3 4\ta d\nR1\tBinds Arg1:T1 Arg2:T2\nE1\tBind:T1\n"
        "A1\tNegation E1\nM1\tNegation E1\nN1\tReference T1 Tax:9606\thuman\n"
        "#1\tAnnotatorNotes T1\thm\n*\tEquiv T1 T2\nT2\tRNA 0 1\ta\n"
    )
    put(tmp_path, "a", "ab d", lines)
    put(tmp_path, "b", "ab d", "T1\tDNA 0 1;3 4\ta d\n")
    with caplog.at_level(logging.WARNING):
        first, second = brat.read(tmp_path)
    assert [e.label for e in first.entities] == ["RNA"]
    assert second.entities == ()
    assert len(caplog.records) == 1
    message = caplog.records[0].getMessage()
    assert "2 x discontinuous entity" in message
    for kind in ("relation", "event", "attribute", "modification", "normalization", "note"):
        assert f"1 x {kind}" in message


def test_annotations_that_disagree_with_the_text_are_all_named(tmp_path: Path) -> None:
    put(tmp_path, "a", "IL-2", "T1\tDNA 0 4\tIL-3\nT2\tDNA 0 9\tIL-2\nT3\tDNA 2 2\t\n")
    put(tmp_path, "b", "IL-2", "T1\tDNA 0 x\tIL-2\n\nDNA\n")
    with pytest.raises(InputError) as error:
        brat.read(tmp_path)
    lines = str(error.value).split("\n")
    assert [line.split(": ")[0].removeprefix(f"{tmp_path}/") for line in lines] == [
        "a.ann:1",
        "a.ann:2",
        "a.ann:3",
        "b.ann:1",
        "b.ann:3",
    ]
    assert "entity 0-4 says `IL-3`, the text has `IL-2` there" in lines[0]


def test_missing_parts_are_errors_or_warnings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InputError, match="no documents"):
        brat.read(tmp_path)
    (tmp_path / "a.ann").write_text("")
    with pytest.raises(MissingInputError, match=r"a\.txt"):
        brat.read(tmp_path / "a.ann")
    with pytest.raises(MissingInputError, match=r"a\.txt"):
        brat.read(tmp_path)
    put(tmp_path, "a", "x")
    put(tmp_path, "b", "y")
    assert [d.text for d in brat.read(tmp_path)] == ["x", "y"]
    assert "1 texts have no `.ann`" in caplog.text


def test_annotations_without_their_text_are_rejected_alone(tmp_path: Path) -> None:
    put(tmp_path, "a", "x")
    (tmp_path / "b.ann").write_text("")
    for path in (tmp_path, tmp_path / "b.ann"):
        *rest, last = brat.records(path)
        assert isinstance(last, Rejected)
        assert (Path(last.where).name, last.reason) == ("b.txt", "no such file")
        assert len(rest) == (path == tmp_path)
    with pytest.raises(MissingInputError):
        next(iter(brat.records(tmp_path / "c")))


def test_a_stream_takes_one_document() -> None:
    stream = io.StringIO()
    brat.write([document("IL-2\ngene", (0, 9, "DNA"), (0, 4, "RNA"))], stream)
    assert stream.getvalue() == "T1\tDNA 0 9\tIL-2 gene\nT2\tRNA 0 4\tIL-2\n"
    untouched = io.StringIO()
    with pytest.raises(InputError, match="--output FOLDER"):
        brat.write([document("a"), document("b")], untouched)
    assert untouched.getvalue() == ""


def test_labels_with_white_space_are_refused() -> None:
    with pytest.raises(InputError, match="`cell line`"):
        brat.write([document("a", (0, 1, "cell line"))], io.StringIO())


def test_ids_become_safe_file_names(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    ids = ["../../etc/passwd", "..", "", "a b", "A B", "a b", "é~", "x" * 400, "x" * 400]
    brat.write_dir([document("t", id=id) for id in ids], folder)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    names = {path.name for path in folder.iterdir()}
    assert len(names) == 2 * len(ids)
    assert {
        "%2E.%2F..%2Fetc%2Fpasswd.txt",
        "%2E..txt",
        "3.txt",
        "a%20b.txt",
        "A%20B-2.txt",
    } <= names
    assert {"a%20b-3.ann", "%C3%A9%7E.ann"} <= names


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        brat.write_dir([document("a")], tmp_path / "file")


DATA = Path(__file__).parent.parent / "data" / "brat"


def test_a_folder_of_the_field_is_read(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        plain, wrapped = brat.read(DATA)
    assert (plain.id, wrapped.id) == ("12345", "windows")
    assert [(e.text, e.label, e.id) for e in plain.entities] == [
        ("Quorin-α gene", "DNA", None),
        ("Quorin-α", "protein", "UniProt:Q00000"),
        ("zeta\ncells", "cell_type", "CL:0000000"),
    ]
    assert [(e.text, e.id) for e in wrapped.entities] == [("Quorin\r\nreceptor", None)]
    assert "1 x discontinuous entity, 1 x event, 1 x normalization, 1 x note" in caplog.text


def test_stretches_that_white_space_parts_are_one(tmp_path: Path) -> None:
    lines = "T1\tDNA 0 4;5 9\tIL-2 gene\nT2\tDNA 0 4;4 9\tIL-2 gene\nT3\tDNA 5 9;0 4\tgene IL-2"
    put(tmp_path, "a", "IL-2 gene", lines.replace("0 4;4 9\tIL-2 gene", "0 2;2 9\tIL -2 gene"))
    (found,) = brat.read(tmp_path)
    assert found == document("IL-2 gene", (0, 9, "DNA"), (0, 9, "DNA"), id="a")


def test_a_document_that_cannot_be_read_is_rejected_alone(tmp_path: Path) -> None:
    put(tmp_path, "a", "IL-2", "T1\tDNA 0 4\tIL-3\n")
    (tmp_path / "b.txt").write_bytes(b"\xff")
    put(tmp_path, "c", "IL-2", "T1\tDNA 0 4\tIL-2")
    wrong, undecoded, right = brat.records(tmp_path)
    assert isinstance(wrong, Rejected)
    assert wrong.where == str(tmp_path / "a.txt")
    assert "a.ann:1: entity 0-4 says `IL-3`" in wrong.reason
    assert isinstance(undecoded, Rejected)
    assert right == document("IL-2", (0, 4, "DNA"), id="c")


def test_identifiers_that_brat_cannot_hold_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    ids = ("3558", "UniProt:Q1", "two words")
    entities = [Entity(0, 4, "DNA", "IL-2", id=id) for id in ids]
    brat.write([Document("IL-2", entities=tuple(entities))], stream)
    assert [line for line in stream.getvalue().split("\n") if line.startswith("N")] == [
        "N1\tReference T1 id:3558\tIL-2",
        "N2\tReference T2 UniProt:Q1\tIL-2",
    ]
    assert "1 identifiers that are empty or have white space" in caplog.text


characters = st.characters(exclude_categories=["Cs"])
identifiers = st.none() | st.text(characters, min_size=1).filter(lambda id: id.split() == [id])
# Ids that differ in more than case, and cannot look like the second of two.
ids = st.text(characters.filter(lambda char: char != "-"), min_size=1, max_size=9)


@st.composite
def documents(draw: st.DrawFn, id: str) -> Document:
    text = draw(st.text(characters, min_size=1))
    starts = draw(st.lists(st.integers(0, len(text) - 1), max_size=3))
    spans = [(start, draw(st.integers(start + 1, len(text))), "DNA") for start in starts]
    marked = document(text, *spans, id=id)
    return marked.with_entities(replace(e, id=draw(identifiers)) for e in marked.entities)


@given(st.lists(ids.flatmap(documents), min_size=1, unique_by=lambda document: document.id.lower()))
def test_documents_survive_writing_and_reading(
    tmp_path_factory: pytest.TempPathFactory, expected: list[Document]
) -> None:
    folder = tmp_path_factory.mktemp("brat")
    brat.write_dir(expected, folder)
    found = {document.id: document for document in brat.read(folder)}
    assert found == {document.id: document for document in expected}


def test_a_full_disk_is_no_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device") as error:
        brat.write_dir([Document("a", "1")], tmp_path)
    assert not isinstance(error.value, BiospanError)
    assert str(tmp_path) in str(error.value)
