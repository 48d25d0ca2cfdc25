"""The queries that the docs show, on the Parquet files of a job."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from stand_in import StandIn, here

from biospan.document import Document, Entity
from biospan.formats import jsonl
from biospan.jobs import Settings, commit

DOCS = Path(__file__).parents[2] / "docs" / "scale.md"


def test_the_queries_of_the_docs_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb")
    pytest.importorskip("pyarrow")
    corpus = tmp_path / "a.jsonl"
    with commit.open_text(corpus, packed=False) as stream:
        jsonl.write(
            [
                Document("actin gene-x", "1", metadata={"year": "2020"}),
                Document("ACTIN", "2", metadata={"year": "2020"}),
                Document("actin", "3", metadata={"year": "1999"}),
            ],
            stream,
        )
    here(
        corpus,
        tmp_path / "annotated",
        Settings(load=CellLines(labels=("cell_line", "protein")), format="parquet", shard_size=2),
    )
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```sql\n(.*?)```", DOCS.read_text(), re.DOTALL)
    mentions, both = block.rstrip().removesuffix(";").split(";\n\n")
    assert duckdb.sql(mentions).fetchall() == [("actin", 2)]
    assert duckdb.sql(both).fetchall() == [("1",)]
    (command,) = re.findall(r'`duckdb -c "(.*?)"`', DOCS.read_text())
    assert duckdb.sql(command).fetchall() == [(3,)]


class CellLines(StandIn):
    """Calls what the stand-in calls DNA a cell line."""

    def tag_many(self, texts: Iterable[str | Document]) -> Iterator[Document]:
        for document in super().tag_many(texts):
            yield document.with_entities(
                Entity(e.start, e.end, "cell_line" if e.label == "DNA" else e.label, e.text)
                for e in document.entities
            )
