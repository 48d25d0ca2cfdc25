import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from biospan.document import Document, Entity
from biospan.errors import InputError, MissingDependencyError, MissingInputError
from biospan.formats import parquet
from biospan.formats.record import Rejected

pyarrow = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

DATA = Path(__file__).parent.parent / "data" / "parquet"
IL2 = Document("IL-2 gene", "7", entities=(Entity(0, 9, "DNA", "IL-2 gene", 0.1, "D:1", "x"),))


def put(path: Path, columns: dict[str, Any]) -> Path:
    pq.write_table(pyarrow.table(columns), path)
    return path


def written(documents: list[Document]) -> bytes:
    stream = io.BytesIO()
    parquet.write(documents, stream)
    return stream.getvalue()


def test_the_same_documents_give_the_same_bytes() -> None:
    assert written([IL2, Document("")]) == written([IL2, Document("")])


def test_rows_are_written_while_documents_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_MAX_ROWS", 3)
    monkeypatch.setattr(parquet, "_MAX_CHARACTERS", 100)
    stream = io.BytesIO()
    sizes = []

    def documents() -> Iterator[Document]:
        for number in range(7):
            sizes.append(stream.tell())
            yield Document("x" * (100 if number == 6 else 1), str(number))

    parquet.write(documents(), stream)
    assert sizes[0] == sizes[2] < sizes[3] == sizes[5] < sizes[6]
    file = pq.ParquetFile(stream)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [3, 3, 1]
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_the_query_of_the_documentation_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb = pytest.importorskip("duckdb")
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    query = page.split("```sql\n")[1].split("```")[0]
    rna = Document("IL-2", "8", entities=(Entity(0, 4, "RNA", "IL-2"),))
    (tmp_path / "abstracts.parquet").write_bytes(written([rna, IL2, IL2]))
    monkeypatch.chdir(tmp_path)
    assert duckdb.sql(query).fetchall() == [("DNA", "IL-2 gene", 2), ("RNA", "IL-2", 1)]


def test_files_of_others_need_a_text_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = put(tmp_path / "a.parquet", {"text": ["a", "b"], "year": [1, 2], "id": ["7", None]})
    assert list(parquet.read(path)) == [Document("a", "7"), Document("b")]
    assert "columns passed over: year" in caplog.text
    numbered = put(tmp_path / "c.parquet", {"text": ["a"], "id": [10227972]})
    assert list(parquet.read(numbered)) == [Document("a", "10227972")]
    with pytest.raises(InputError, match="no column `text`, got year"):
        list(parquet.read(put(tmp_path / "b.parquet", {"year": [1]})))


def test_a_row_that_is_no_document_is_rejected_alone(tmp_path: Path) -> None:
    undecoded = pyarrow.array([b"a", b"\xff", b"c", b"d"]).view(pyarrow.string())
    entities = [[], [], [{"start": 0, "end": 9, "label": "DNA"}], None]
    path = put(tmp_path / "a.parquet", {"text": undecoded, "entities": entities})
    first, second, third, fourth = parquet.records(path)
    assert (first, fourth) == (Document("a"), Document("d"))
    assert isinstance(second, Rejected)
    assert isinstance(third, Rejected)
    assert second.where == f"{path}, record 2"
    assert third.where == f"{path}, record 3"
    assert "entity 0-9 ends after the text" in third.reason


@pytest.mark.parametrize(
    "column",
    [
        {"text": [1]},
        {"text": ["a"], "entities": ["DNA"]},
        {"text": ["a"], "passages": ["title"]},
        {"text": ["a"], "passages": [[{"start": 0, "end": 1, "sentences": "x"}]]},
        {"text": ["a"], "metadata": ["x"]},
        {"text": ["a"], "id": [7.5]},
        {"text": [None]},
    ],
)
def test_columns_of_other_types_are_rejected(tmp_path: Path, column: dict[str, Any]) -> None:
    (record,) = parquet.records(put(tmp_path / "a.parquet", column))
    assert isinstance(record, Rejected)


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-9], lambda data: b"x" * 99]
)
def test_what_is_no_parquet_file_is_refused(tmp_path: Path, damage: Any) -> None:
    (tmp_path / "a.parquet").write_bytes(damage(written([IL2])))
    with pytest.raises(InputError, match="no Parquet file"):
        list(parquet.read(tmp_path / "a.parquet"))


def test_damage_inside_is_an_input_error(tmp_path: Path) -> None:
    data = bytearray(written([IL2]))
    data[4:200] = bytes(196)
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(InputError):
        list(parquet.read(tmp_path / "a.parquet"))


def test_a_missing_file_and_a_missing_package_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingInputError):
        list(parquet.read(tmp_path / "none.parquet"))
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"biospan\[parquet\]"):
        parquet.write([], io.BytesIO())


def test_a_file_that_was_written_long_ago_is_read() -> None:
    first, second = parquet.read(DATA / "version1.parquet")
    assert (first.id, first.text) == ("12345", "Quorin-α rises.\nZeta cells")
    assert [(p.kind, p.section) for p in first.passages] == [("title", ""), ("abstract", "METHODS")]
    assert [t.text for t in first.tokens()] == ["Zeta", "cells"]
    assert [(e.text, e.score, e.id, e.source) for e in first.entities] == [
        ("Quorin-α", 0.875, "UniProt:Q00000", None),
        ("Zeta cells", None, None, "curator"),
    ]
    assert dict(first.metadata) == {"journal": "J Quor", "year": "2001"}
    assert second == Document("")
