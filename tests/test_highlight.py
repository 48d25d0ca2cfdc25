"""Whatever the text and the labels hold, the output shows them and obeys none of them."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from biospan import highlight
from biospan.highlight import Span

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "'><svg/onload=alert(1)>",
    "</mark></div><style>*{display:none}</style>",
    "&lt;b&gt; &amp; &#60;",
    "<!-- -->",
    "\x1b[2J\x1b]0;title\x07\x9b31m",
    "\ud800 \udfff",
    "a\0b\u202e\u2066",
]
ANSI = re.compile(r"\x1b\[(?:30;48;5;\d{1,3}|38;5;\d{1,3}|0)m")
ELEMENTS = {"style", "div", "mark", "bdi", "small"}

texts = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=40), st.text("<>&\"'/ab\x1b\n", max_size=40)
)
surrogates = st.text(st.characters(categories=["Cs", "Cc", "Cf", "Ll"]), min_size=1, max_size=10)
labels = st.one_of(st.sampled_from([*HOSTILE, "protein", "DNA"]), surrogates)


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """A text and spans in it, overlapping and in any order, with any labels."""
    text = draw(st.one_of(texts, surrogates))
    edges = st.lists(st.integers(0, len(text)), min_size=2, max_size=2, unique=True).map(sorted)
    scores = st.none() | st.floats(0, 1)
    if not text:
        return text, []
    spans = [
        Span(start, end, draw(labels), draw(scores))
        for start, end in draw(st.lists(edges, max_size=5))
    ]
    return text, spans


class Reader(HTMLParser):
    """What a browser would make of a fragment: its elements, their attributes, their text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.titles: list[str | None] = []
        self.shown = ""
        self.labels: list[str] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.inside.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.titles += [value for name, value in attrs if name == "title"]
        if tag == "small":
            self.labels.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.inside and self.inside[-1] == "small":
            self.labels[-1] += data
        elif self.inside and self.inside[-1] != "style":
            self.shown += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.inside == []
    return reader


def encodable(text: str) -> str:
    return "".join(
        "\ufffd" if char == "\0" or "\ud800" <= char < "\ue000" else char for char in text
    )


def shown_spans(text: str, spans: list[Span]) -> list[Span]:
    return [span for _, span in highlight.cut(text, spans) if span]


@given(marked_texts())
def test_pieces_put_together_are_the_text(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    pieces = list(highlight.cut(text, spans))
    assert "".join(piece for piece, _ in pieces) == text
    assert all(piece == text[span.start : span.end] for piece, span in pieces if span)


@given(marked_texts())
def test_a_span_is_hidden_only_by_one_that_is_shown(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    shown = shown_spans(text, spans)
    for left, right in pairwise(shown):
        assert left.end <= right.start
    for span in spans:
        if span not in shown:
            assert any(
                other.start <= span.start < other.end
                and (other.start < span.start or other.end >= span.end)
                for other in shown
            )


def test_of_overlapping_spans_the_first_and_then_the_longest_is_shown() -> None:
    short, long, late = Span(0, 2, "a"), Span(0, 4, "b"), Span(3, 6, "c")
    assert list(highlight.cut("abcdefg", [late, short, long])) == [
        ("abcd", long),
        ("efg", None),
    ]


@given(marked_texts())
def test_html_shows_text_and_labels_and_adds_no_element(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    html = highlight.to_html(text, spans)
    html.encode("utf-8")
    reader = read(html)
    shown = shown_spans(text, spans)
    assert reader.elements == ["style", "div"] + ["mark", "bdi", "small"] * len(shown)
    assert reader.attributes <= {"class", "dir", "style", "title"}
    assert reader.shown == encodable(text)
    assert reader.labels == [encodable(span.label) for span in shown]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_html_obeys_neither_a_hostile_text_nor_a_hostile_label(hostile: str) -> None:
    html = highlight.to_html(hostile, [Span(0, len(hostile), hostile, 0.5)])
    reader = read(html)
    assert set(reader.elements) == ELEMENTS
    assert reader.titles == [f"{encodable(hostile)} 0.500"]
    assert "\0" not in html


@given(st.one_of(texts, surrogates))
@example("</title><script>alert(1)</script>")
def test_a_page_escapes_its_title_and_loads_nothing(title: str) -> None:
    page = highlight.page_start(title) + highlight.PAGE_END
    page.encode("utf-8")
    assert page.count("<script") == 0
    assert page.count("</title>") == 1
    assert not re.search(r"(?:src|href|url)\s*[=(]", page.replace("src=x", ""))


def test_the_style_is_in_a_page_once_and_in_a_lone_fragment_too() -> None:
    marked = "p53", [Span(0, 3, "DNA")]
    style = highlight.to_html(*marked).removesuffix(highlight.fragment(*marked))
    assert style.startswith("<style>.biospan{")
    rules = style.removeprefix("<style>").removesuffix("</style>")
    assert highlight.page_start("x").count(rules) == 1
    assert "<style" not in highlight.fragment(*marked)


@given(marked_texts())
def test_a_terminal_gets_no_control_sequence_but_ours(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    shown = highlight.to_terminal(text, spans)
    shown.encode("utf-8")
    plain = ANSI.sub("", shown)
    assert all(char.isprintable() or char in "\n\t\u00a0" for char in plain)
    assert len(ANSI.findall(shown)) == 4 * len(shown_spans(text, spans))


def test_a_terminal_gets_the_text_and_after_each_span_its_label() -> None:
    shown = highlight.to_terminal("binds IL-2\tµ\n", [Span(6, 10, "protein")])
    assert ANSI.sub("", shown) == "binds IL-2[protein]\tµ\n"


@pytest.mark.parametrize("render", [highlight.to_html, highlight.to_terminal])
def test_lone_surrogates_are_shown_as_something_that_can_be_written(
    render: Callable[[str, list[Span]], str],
) -> None:
    assert render("a\ud800b", [Span(0, 1, "protein")]).encode("utf-8")
    assert render("ab", [Span(0, 1, "x\udc80")]).encode("utf-8")


def test_known_labels_keep_their_colours_and_others_get_theirs_by_order() -> None:
    for index, label in enumerate(["protein", "DNA", "RNA", "cell_type", "cell_line"]):
        assert highlight.colour_index(label, {label, "A", "zebra"}) == index
    others = [f"label{i}" for i in range(9)]
    found = [highlight.colour_index(label, reversed(others)) for label in others]
    assert found[:4] == [5, 6, 7, 0]
    assert all(0 <= index < len(highlight.PALETTE) for index in found)


def test_a_score_is_in_the_title_and_nowhere_without_one() -> None:
    assert 'title="DNA 0.988"' in highlight.to_html("p53", [Span(0, 3, "DNA", 0.98765)])
    assert 'title="DNA"' in highlight.to_html("p53", [Span(0, 3, "DNA")])


def test_fragments_of_a_page_colour_a_label_alike() -> None:
    labels = ["Cell", "Gene", "Organ"]
    page = highlight.fragment("abc", [Span(i, i + 1, name) for i, name in enumerate(labels)])
    for index, name in enumerate(labels):
        alone = highlight.fragment("abc"[index], [Span(0, 1, name)], labels=labels)
        assert re.findall("<mark.*?</mark>", page)[index] in alone


def test_a_quiet_span_is_not_filled() -> None:
    html = highlight.fragment("p53", [Span(0, 3, "DNA", quiet=True)])
    colour = highlight.PALETTE[highlight.FIXED_COLOURS["DNA"]][0]
    assert f'class="quiet" style="border-color:{colour}"' in html
    assert "background" not in html


@given(surrogates)
def test_only_lone_surrogates_are_replaced_and_offsets_stay(text: str) -> None:
    mixed = f"{text}\ud800é\U0001f9ec"
    clean = highlight.replace_surrogates(mixed)
    assert clean.encode("utf-8")
    assert len(clean) == len(mixed)
    for old, new in zip(mixed, clean, strict=True):
        assert new == ("\ufffd" if "\ud800" <= old <= "\udfff" else old)
