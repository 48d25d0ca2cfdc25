import io

from biospan.document import Document, Entity
from biospan.formats import html

DOCUMENTS = [
    Document("IL-2 <b>", "a & b", entities=(Entity(0, 4, "protein", "IL-2"),)),
    Document("none", "2"),
]


def test_a_page_has_every_document_and_escapes_it() -> None:
    stream = io.StringIO()
    html.write(DOCUMENTS, stream)
    page = stream.getvalue()
    assert page.startswith("<!DOCTYPE html>")
    assert page.endswith("</html>\n")
    assert page.index("<h2>a &amp; b</h2>") < page.index("<h2>2</h2>")
    assert "<bdi>IL-2</bdi><small>protein</small></mark> &lt;b&gt;" in page
    assert "http" not in page


def test_documents_pass_while_the_page_is_written() -> None:
    stream = io.StringIO()
    passing = html.passing(iter(DOCUMENTS), stream)
    assert next(passing) == DOCUMENTS[0]
    assert "a &amp; b" in stream.getvalue()
    assert list(passing) == DOCUMENTS[1:]
    expected = io.StringIO()
    html.write(DOCUMENTS, expected)
    assert stream.getvalue() == expected.getvalue()
