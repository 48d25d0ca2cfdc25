import io
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from biospan.document import Document, Entity
from biospan.formats import web_annotation

TEXT = "\U0001f9ec IL-2 gene of " + "T cells " * 9


def collection(*documents: Document) -> Any:
    stream = io.StringIO()
    web_annotation.write(documents, stream)
    assert stream.getvalue().isascii()
    return json.loads(stream.getvalue())


def test_the_collection_is_as_the_model_asks() -> None:
    entities = (Entity(2, 6, "protein", "IL-2", 0.5, "D:1", "x"), Entity(2, 11, "DNA", TEXT[2:11]))
    found = collection(Document(TEXT, "7", entities=entities), Document(TEXT, "8"))
    assert found["@context"][0] == "http://www.w3.org/ns/anno.jsonld"
    assert (found["type"], found["total"]) == ("AnnotationCollection", 2)
    page = found["first"]
    assert (page["type"], page["startIndex"]) == ("AnnotationPage", 0)
    names = [found["id"], page["id"], *(item["id"] for item in page["items"])]
    assert len(set(names)) == 4
    assert all(name.startswith("urn:uuid:") for name in names)
    gene, protein = page["items"]
    assert gene["type"] == protein["type"] == "Annotation"
    assert protein["body"] == [
        {"type": "TextualBody", "purpose": "tagging", "value": "protein"},
        {"type": "TextualBody", "purpose": "identifying", "value": "D:1"},
    ]
    assert (protein["score"], protein["creator"]) == (0.5, {"name": "x"})
    assert protein["target"] == {
        "source": "7",
        "selector": [
            {"type": "TextPositionSelector", "start": 2, "end": 6},
            {
                "type": "TextQuoteSelector",
                "exact": "IL-2",
                "prefix": "\U0001f9ec ",
                "suffix": TEXT[6:38],
            },
        ],
    }
    assert "score" not in gene
    assert "creator" not in gene


def test_nothing_is_a_collection_too() -> None:
    found = collection()
    assert (found["total"], found["first"]["items"]) == (0, [])


def test_names_follow_from_what_is_in_it() -> None:
    one, other = (Document("ab", "7", entities=(Entity(0, n, "DNA", "ab"[:n]),)) for n in (1, 2))
    assert collection(one) == collection(one)
    assert len({collection(one)["id"], collection(other)["id"], collection(one, other)["id"]}) == 3


def test_sources_are_iris() -> None:
    def source(id: str) -> str:
        document = Document("a", id, entities=(Entity(0, 1, "DNA", "a"),))
        return str(collection(document)["first"]["items"][0]["target"]["source"])

    assert [source(id) for id in ("", "a b/ä:1", "../x", "https://a.org/b c?d=%20")] == [
        "1",
        "a%20b%2F%C3%A4%3A1",
        "..%2Fx",
        "https://a.org/b%20c?d=%20",
    ]


@given(st.text(st.characters(), min_size=1), st.data())
def test_both_selectors_find_the_entity(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    document = Document(text, "7", entities=(Entity(start, end, "DNA", text[start:end]),))
    (item,) = collection(document)["first"]["items"]
    position, quoted = item["target"]["selector"]
    shown = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    assert shown[position["start"] : position["end"]] == quoted["exact"]
    around = quoted["prefix"] + quoted["exact"] + quoted["suffix"]
    assert shown[max(0, start - 32) :].startswith(around)
