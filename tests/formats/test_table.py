import ast
import io
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from biospan.document import Document, Entity
from biospan.formats import table


def rows(documents: Iterable[Document]) -> list[list[str]]:
    stream = io.StringIO()
    table.write(documents, stream)
    text = stream.getvalue()
    assert text.endswith("\n")
    return [line.split("\t") for line in text[:-1].split("\n")]


def test_each_entity_is_a_row_under_the_header() -> None:
    text = "IL-2 gene"
    entities = (Entity(0, 9, "DNA", text, 0.98765), Entity(0, 4, "protein", "IL-2"))
    assert rows([Document(text, "7", entities=entities), Document("empty", "8")]) == [
        ["document", "start", "end", "label", "text", "score"],
        ["7", "0", "9", "DNA", "IL-2 gene", "0.9877"],
        ["7", "0", "4", "protein", "IL-2", ""],
    ]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(max_size=5))
def test_any_value_stays_in_its_cell_and_can_be_had_back(text: str, id: str) -> None:
    _, row = rows([Document(text, id, entities=(Entity(0, len(text), text, text),))])
    # The escapes are Python's own, so its parser is the oracle.
    quoted = [cell.replace("'", r"\'") for cell in (row[0], row[3], row[4])]
    if "\0" not in text + id:
        assert [ast.literal_eval(f"'{cell}'") for cell in quoted] == [id, text, text]
    assert len(row) == 6


def test_a_lone_surrogate_can_be_encoded() -> None:
    _, row = rows([Document("\ud800", entities=(Entity(0, 1, "DNA", "\ud800"),))])
    assert row[4] == "\ufffd"
