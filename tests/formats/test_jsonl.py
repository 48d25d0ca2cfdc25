import gzip
import io
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.errors import InputError, MissingInputError
from biospan.formats import jsonl, text
from biospan.formats.record import Rejected


def read_bytes(tmp_path: Path, data: bytes, name: str = "some.jsonl") -> list[Document]:
    (tmp_path / name).write_bytes(data)
    return list(jsonl.read(tmp_path / name))


def written(documents: Iterable[Document]) -> str:
    stream = io.StringIO()
    jsonl.write(documents, stream)
    return stream.getvalue()


FULL = Document(
    "IL-2 gene\u2028\ud800",
    "a/b",
    (Passage(0, 9, "title", (Sentence(0, 9, (Token(0, 4, "IL-2"), Token(5, 9, "gene"))),)),),
    (Entity(0, 9, "DNA", "IL-2 gene", 0.875, "D1", "curator"), Entity(0, 4, "protein", "IL-2")),
    {"journal": "x"},
)


@pytest.mark.parametrize("name", ["some.jsonl", "some.jsonl.gz"])
def test_everything_a_document_holds_survives(tmp_path: Path, name: str) -> None:
    data = written([FULL, Document("")]).encode("ascii")
    data = gzip.compress(data) if name.endswith(".gz") else data
    assert read_bytes(tmp_path, data, name) == [FULL, Document("")]


@given(st.lists(st.builds(Document, text=st.text(st.characters()), id=st.text(st.characters()))))
def test_any_text_survives_on_one_ascii_line(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Document]
) -> None:
    data = written(documents).encode("ascii")
    assert data.count(b"\n") == len(documents)
    assert read_bytes(tmp_path_factory.mktemp("jsonl"), data) == documents


def test_the_short_form_is_read(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"id": "7", "text": "IL-2 gene", "entities": [[0, 9, "DNA"]]}\r\n\n'
    assert read_bytes(tmp_path, data) == [
        Document("IL-2 gene", "7", entities=(Entity(0, 9, "DNA", "IL-2 gene"),))
    ]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b'{"text": "a"', "not JSON"),
        (b'{"text": NaN}', "`NaN` is not a JSON number"),
        (
            b'{"text": "a", "entities": [{"start": 0, "end": 1, "label": "x", "score": Infinity}]}',
            "`I",
        ),
        (
            b'{"text": "a", "entities": [{"start": 0, "end": 1, "label": "x", "score": 1e999}]}',
            "inf",
        ),
        (b"[" * 100_000, "not JSON"),
        (b'["a"]', "expected an object"),
        (b'{"id": "a"}', "text"),
        (b'{"text": "a", "entities": [[0, 1]]}', r"expected \[start, end, label\]"),
        (b'{"text": "a", "entities": [[0, 2, "DNA"]]}', "entity 0-2 ends after"),
        (b'{"text": "a", "entities": [["0", 1, "DNA"]]}', "expected int"),
        (b'{"text": "a", "entities": 5}', "expected list"),
        (b'"\xff"', "byte 0xff at byte offset 15 is not UTF-8"),
    ],
)
def test_what_is_no_document_is_named_by_its_line(tmp_path: Path, line: bytes, what: str) -> None:
    with pytest.raises(InputError, match=rf"some\.jsonl:2: .*{what}"):
        read_bytes(tmp_path, b'{"text": "x"}\n' + line + b"\n")


def test_documents_come_before_a_bad_line_is_reached(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n{')
    assert next(jsonl.read(tmp_path / "a.jsonl")) == Document("x")


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"{}" + data])
def test_damaged_gzip_is_an_input_error(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    data = damage(gzip.compress(written([FULL]).encode()))
    with pytest.raises(InputError, match="gzip"):
        read_bytes(tmp_path, data, "some.jsonl.gz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="none"):
        list(jsonl.read(tmp_path / "none.jsonl"))


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_records_go_on_after_any_line(tmp_path: Path, name: str) -> None:
    data = b'{"text": "a"}\n{"text": "\xe9"}\r\n\n{\n[]\n{"text": "b"}\n"\xff'
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    first, undecoded, broken, array, last, cut = jsonl.records(path)
    assert (first, last) == (Document("a"), Document("b"))
    rejected = [
        record for record in (undecoded, broken, array, cut) if isinstance(record, Rejected)
    ]
    assert [record.where for record in rejected] == [f"{path}:{n}" for n in (2, 4, 5, 7)]
    assert rejected[0].reason.startswith("byte 0xe9 at byte offset 24 is not UTF-8")
    assert jsonl.examine(path)[1] == [str(record) for record in rejected]


def test_a_line_that_is_too_long_is_never_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "MAX_LINE", 2**16)
    path = tmp_path / "bomb.jsonl.gz"
    longest = b'{"text": "%s"}\n' % (b"x" * (2**16 - 13))
    path.write_bytes(gzip.compress(longest + b" " * 2**25 + b'\n{"text": "b"}\n' + b"[" * 2**25))
    tracemalloc.start()
    first, long, last, unended = jsonl.records(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(first, Document)
    assert len(longest) == 2**16
    assert last == Document("b")
    assert [str(r) for r in (long, unended)] == [
        f"{path}:2: a line of 33,554,433 bytes; expected 65,536 at most",
        f"{path}:4: a line of 33,554,432 bytes; expected 65,536 at most",
    ]
    assert peak < 2**21


def test_a_file_that_was_written_long_ago_is_read() -> None:
    path = Path(__file__).parent.parent / "data" / "jsonl" / "version1.jsonl"
    first, second = jsonl.read(path)
    assert [(e.text, e.score, e.id, e.source) for e in first.entities] == [
        ("Quorin-α", 0.875, "UniProt:Q00000", None),
        ("Zeta cells", None, None, "curator"),
    ]
    assert [p.section for p in first.passages] == ["", "METHODS"]
    assert second == Document("")
    assert written([first, second]) == path.read_text(encoding="ascii")


def test_files_of_the_field_are_read() -> None:
    path = Path(__file__).parent.parent / "data" / "jsonl" / "short.ndjson"
    first, second = jsonl.read(path)
    assert [(e.text, e.label) for e in first.entities] == [("Quorin-α", "protein")]
    assert (second.id, second.text) == ("2", "\U0001f9ec zeta\nRNA")
    assert [e.score for e in second.entities] == [1.0]
