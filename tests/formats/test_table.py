import ast
import csv
import io
from collections.abc import Iterable

import pytest
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
    entities = (
        Entity(0, 9, "DNA", text, 0.98765),
        Entity(0, 4, "protein", "IL-2", None, "P60568", "curator"),
    )
    assert rows([Document(text, "7", entities=entities), Document("empty", "8")]) == [
        ["document", "start", "end", "label", "text", "score", "id", "source"],
        ["7", "0", "9", "DNA", "IL-2 gene", "0.9877", "", ""],
        ["7", "0", "4", "protein", "IL-2", "", "P60568", "curator"],
    ]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(max_size=5))
def test_any_value_stays_in_its_cell_and_can_be_had_back(text: str, id: str) -> None:
    _, row = rows([Document(text, id, entities=(Entity(0, len(text), text, text),))])
    # The escapes are Python's own, so its parser is the oracle.
    quoted = [cell.replace("'", r"\'") for cell in (row[0], row[3], row[4])]
    if "\0" not in text + id:
        assert [ast.literal_eval(f"'{cell}'") for cell in quoted] == [id, text, text]
    assert len(row) == 8


def test_a_lone_surrogate_can_be_encoded() -> None:
    _, row = rows([Document("\ud800", entities=(Entity(0, 1, "DNA", "\ud800"),))])
    assert row[4] == "\ufffd"


def csv_text(document: Document) -> str:
    stream = io.StringIO(newline="")
    table.write_csv([document], stream)
    return stream.getvalue()


def csv_rows(text: str) -> list[list[str]]:
    """Rows as the documentation says to read them: one apostrophe in front goes."""
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == table.HEADER
    return [[cell.removeprefix("'") for cell in row] for row in rows]


encodable = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(encodable, encodable)
def test_any_value_can_be_had_back_from_csv(text: str, id: str) -> None:
    entity = Entity(0, len(text), text, text, 0.5, text, text)
    (row,) = csv_rows(csv_text(Document(text, id, entities=(entity,))))
    assert row == [
        id,
        "0",
        str(len(text)),
        text,
        text,
        "0.5000",
        text,
        text,
    ]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "'"])
@pytest.mark.parametrize("rest", ["", "1+1", "-308 TNF", "cmd|' /C calc'!A0"])
def test_no_cell_of_csv_is_taken_for_a_formula(first: str, rest: str) -> None:
    text = first + rest
    document = Document(text, text, entities=(Entity(0, len(text), text, text, None, text, text),))
    _, row = csv.reader(io.StringIO(csv_text(document), newline=""))
    assert not [cell for cell in row if cell.startswith(tuple("=+-@\t\r\n\0"))]
    assert csv_rows(csv_text(document)) == [[text, "0", str(len(text)), text, text, "", text, text]]


def test_csv_has_the_line_ends_and_quotes_of_its_standard() -> None:
    document = Document('a,"b"', "7", entities=(Entity(0, 5, "DNA", 'a,"b"'),))
    assert csv_text(document) == (
        'document,start,end,label,text,score,id,source\r\n7,0,5,DNA,"a,""b""",,,\r\n'
    )
