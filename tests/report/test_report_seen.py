"""The section on training data says what `exposure` found, and obeys nothing in the data."""

import re

from biospan.document import Document, Entity
from biospan.exposure import Exposure, expose
from biospan.report import analyse, seen, to_html

TEXT = "The IL-2 gene is expressed by human T cells of the blood."


def document(id_: str, text: str, *spans: tuple[int, int, str]) -> Document:
    return Document(text, id_, entities=tuple(Entity(s, e, lb, text[s:e]) for s, e, lb in spans))


def exposed(n_copies: int = 1) -> Exposure:
    gold = [
        *(document(f"copy{i}", TEXT, (4, 8, "protein")) for i in range(n_copies)),
        document("other", "NFAT binds IL-2.", (0, 4, "protein"), (11, 15, "protein")),
    ]
    predicted = [*gold[:-1], document("other", "NFAT binds IL-2.", (11, 15, "protein"))]
    return expose(gold, predicted, [document("<b>old</b>", TEXT.upper(), (4, 8, "protein"))])


def rows(html: str) -> list[list[str]]:
    found = re.findall(r"<tr>(<th scope=\"row\">.*?)</tr>", html)
    return [[re.sub("<.*?>", "", cell) for cell in re.split("</t[hd]>", row)[:-1]] for row in found]


def test_documents_in_training_are_named_with_the_scores_without_them() -> None:
    html = "".join(seen.section(exposed()))
    assert "1 of 2 documents are among the 1 training documents" in html
    found = rows(html)
    assert found[0] == ["copy0", "&lt;b&gt;old&lt;/b&gt;", "same letters and digits", "1.000"]
    assert found[1] == ["all documents", "3", "1.000", "0.667", "0.800"]
    assert found[2] == ["without those in training", "2", "1.000", "0.500", "0.667"]


def test_scores_stand_by_what_training_said_of_a_text() -> None:
    *_, protein, average = rows("".join(seen.section(exposed())))
    assert protein[0] == "protein"
    assert protein[1:] == average[1:]
    kinds = [protein[1 + 4 * i : 5 + 4 * i] for i in range(3)]
    assert kinds == [
        ["2", "1.000", "1.000", "1.000"],
        ["1", "0.000", "0.000", "0.000"],
        ["0", "0.000", "0.000", "0.000"],
    ]


def test_of_many_documents_in_training_the_first_are_named() -> None:
    html = "".join(seen.section(exposed(33)))
    assert "33 of 34 documents" in html
    assert "The first 20 of 33." in html
    assert "copy19" in html
    assert "copy20" not in html


def test_the_section_is_on_the_page_only_if_training_data_were_given() -> None:
    gold = [document("other", "NFAT binds IL-2.", (0, 4, "protein"))]
    analysis = analyse(gold, gold)
    known = expose(gold, gold, [])
    page = "".join(to_html(analysis, gold_name="g", predicted_name="p", exposure=known))
    assert '<a href="#seen">' in page
    assert '<section id="seen">' in page
    assert "0 of 1 documents are among the 0 training documents" in page
    assert "#seen" not in "".join(to_html(analysis, gold_name="g", predicted_name="p"))
