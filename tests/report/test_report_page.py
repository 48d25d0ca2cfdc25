"""The page shows what was found, loads nothing, and obeys nothing that stands in the data."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biospan import report
from biospan.document import Document, Entity
from biospan.report import page
from biospan.scoring import evaluate

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</style></title><script>alert(1)</script>",
    "</details></section><style>*{display:none}</style>",
    "&lt;b&gt; &amp; &#60;",
    "<!-- --><![CDATA[",
    "\u202eabc\u2066 \u200f",
    "\ud800 \udfff",
    "a\0b\x1b[2J\r\n",
    "x" * 3000,
]
# Every element and attribute that the page is made of.
ELEMENTS = """
html head meta title style body header h1 h2 h3 p bdi nav ol ul li a main section dl div dt dd
small table caption thead tbody tfoot tr th td span i figure figcaption svg desc line text
polyline circle rect details summary b mark footer code
"""
ATTRIBUTES = """
lang charset http-equiv content name class style id href scope colspan aria-hidden aria-label
aria-labelledby role title viewbox x y x1 x2 y1 y2 cx cy r width height points text-anchor
transform open dir
"""
VOID = {"meta"}

texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text("<>&\"'/ab\x1b\u202e\ud800\n. ", min_size=1, max_size=30),
    st.text(min_size=1, max_size=30),
)


class Reader(HTMLParser):
    """The elements of a page, their attributes and their text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def written(
    gold: list[Document], predicted: list[Document], names: tuple[str, str] = ("gold", "predicted")
) -> str:
    analysis = report.analyse(gold, predicted)
    return "".join(report.to_html(analysis, gold_name=names[0], predicted_name=names[1]))


def side(text: str, id_: str, *entities: tuple[int, int, str, float | None]) -> Document:
    return Document(
        text, id_, entities=tuple(Entity(s, e, lb, text[s:e], sc) for s, e, lb, sc in entities)
    )


@st.composite
def pages(draw: st.DrawFn) -> str:
    text = draw(texts)
    spans = st.tuples(
        st.integers(0, len(text) - 1),
        st.integers(1, len(text)),
        texts,
        st.none() | st.floats(0, 1),
    ).map(lambda s: (s[0], max(s[0] + 1, s[1]), s[2], s[3]))
    id_ = draw(texts)
    gold = side(text, id_, *draw(st.lists(spans, max_size=4)))
    predicted = side(text, id_, *draw(st.lists(spans, max_size=4)))
    return written([gold], [predicted], (draw(texts), draw(texts)))


@settings(max_examples=150)
@given(pages())
def test_no_element_and_no_attribute_comes_from_the_data(html: str) -> None:
    html.encode("utf-8")
    reader = read(html)
    assert set(reader.elements) <= set(ELEMENTS.split())
    assert {name for name, _ in reader.attributes} <= set(ATTRIBUTES.split())
    assert reader.elements.count("style") == reader.elements.count("title") - html.count(
        '<title id="plot-title">'
    )
    for name, value in reader.attributes:
        if name == "href":
            assert re.fullmatch(r"#[a-z]+", value or "")
        if name == "style":
            rule = r"(background|border-color|width|--heat-share):[#\w.%]+"
            assert re.fullmatch(rule, value or "")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\0\x1b]", html)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_labels_and_ids_are_shown_as_text(hostile: str) -> None:
    gold = side(hostile, hostile, (0, len(hostile), hostile, None))
    html = written([gold], [side(hostile, hostile)], (hostile, hostile))
    reader = read(html)
    assert "script" not in reader.elements
    assert "img" not in reader.elements
    visible = "".join(c if c.isprintable() else "\ufffd" for c in hostile.replace("\r\n", "  "))
    assert visible[:80].strip() in "".join(reader.text).replace("\n", " ")


def small_page() -> str:
    text = "IL-2 gene binds NF-kappa B. Human T cells grow. Nothing is wrong here."
    gold = [(0, 9, "DNA", None), (16, 26, "protein", None), (34, 41, "cell_type", None)]
    predicted = [(0, 4, "DNA", 0.6), (16, 26, "protein", 0.9), (28, 41, "cell_line", 0.8)]
    return written([side(text, "7", *gold)], [side(text, "7", *predicted)])


def test_the_page_forbids_everything_but_its_own_style_and_refers_to_nothing_outside() -> None:
    html = small_page()
    reader = read(html)
    policies = [value for name, value in reader.attributes if value and "default-src" in value]
    assert policies == [page._POLICY]
    assert "default-src 'none'" in policies[0]
    assert not re.search(r"https?:|url\(|@import|<script|src=", html)


def test_every_entry_of_the_contents_leads_to_a_section() -> None:
    reader = read(small_page())
    targets = [value for name, value in reader.attributes if name == "href"]
    ids = [value for name, value in reader.attributes if name == "id"]
    assert targets
    assert {f"#{id_}" for id_ in ids} >= set(targets)
    assert len(ids) == len(set(ids))


def test_the_page_says_the_scores_and_shows_the_sentences_with_mistakes() -> None:
    shown = "".join(read(small_page()).text)
    assert "0.333" in shown  # micro F1 of 1 right of 3 and 3
    assert "all 2 sentences with a mistake" in shown
    assert "Nothing is wrong here" not in shown
    assert "boundary and type" in shown


def test_micro_f1_has_its_interval_if_there_are_documents_to_draw() -> None:
    documents = [side(f"IL-{i} works.", str(i), (0, 4, "DNA", None)) for i in range(30)]
    predicted = [d.with_entities(()) if i % 3 else d for i, d in enumerate(documents)]
    low, high = evaluate(documents, predicted).f1_intervals().micro or (0, 0)
    assert 0 < low < 0.5 < high < 1
    expected = f"95 % interval: {low:.3f} to {high:.3f}"
    assert expected in "".join(read(written(documents, predicted)).text)
    assert "interval" not in "".join(read(written(documents[:1], predicted[:1])).text)


def test_every_table_has_a_head_whose_cells_say_their_scope() -> None:
    html = small_page()
    assert html.count("<thead>") == html.count("<table>") >= 5
    assert not re.search(r"<th(?! scope=)[ >]", html)


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_SENTENCES", 2)
    monkeypatch.setattr(page, "MAX_EXAMPLES", 1)
    documents = [side(f"IL-{i} works.", str(i), (0, 4, "DNA", None)) for i in range(5)]
    html = written(documents, [document.with_entities(()) for document in documents])
    shown = "".join(read(html).text)
    assert "2 of 5 sentences with a mistake, evenly spread over the documents" in shown
    assert "1 of 5" in shown
    assert html.count('class="snippet"') == 3


def test_a_page_of_many_long_documents_stays_small() -> None:
    text = " ".join(f"Protein IL-{i} binds to the DNA of human T cells." for i in range(12))
    spots = [match.span() for match in re.finditer(r"IL-\d+", text)]
    gold = [side(text, str(i), *((s, e, "protein", None) for s, e in spots)) for i in range(2000)]
    predicted = [side(d.text, d.id, *((s, e, "DNA", 0.5) for s, e in spots)) for d in gold]
    html = written(gold, predicted)
    assert "1,000 of 24,000 sentences" in html
    assert len(html) < 4_000_000


def test_many_and_long_labels_leave_the_page_small() -> None:
    text = "a " * 400
    gold = [(2 * i, 2 * i + 1, f"label{i}", None) for i in range(300)]
    gold += [
        (600, 601, "x" * 100_000, None),
        (602, 603, "label7", None),
        (604, 605, "label7", None),
    ]
    predicted = [
        (start, end, name.replace("label3", "label4"), 0.5) for start, end, name, _ in gold
    ]
    html = written([side(text, "1", *gold)], [side(text, "1", *predicted)])
    shown = "".join(read(html).text)
    n_labels = len({name for _, _, name, _ in gold + predicted})
    assert f"{n_labels - 30} rarer labels" in shown
    assert "x" * 60 + "…" in shown
    assert "x" * 61 not in html
    assert len(html) < 2_000_000


def test_nothing_to_compare_gives_a_page_all_the_same() -> None:
    for documents in ([], [Document("Nothing here.", "1")]):
        assert "all 0 sentences" in "".join(read(written(documents, documents)).text)
