import gzip
import io
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.document import Document, Entity, Passage, Sentence, Token
from biospan.errors import InputError, MissingInputError
from biospan.formats import jsonl


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
