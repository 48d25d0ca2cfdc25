"""The page's own modules, each called in the browser and held against what Python does."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pages import EXAMPLE

from biospan import formats
from biospan.document import Document
from biospan.formats.text import open_unpacked
from biospan.segment import token_spans

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest_plugins = ("browser",)

PUBMED = Path(__file__).parents[1] / "data" / "pubmed"
ALPHABET = (
    "aZ0_-., \n\u00e9e\u0301\u03b1\u05d0\u0627\u200f\U0001f9ec\U0001f468\u200d\U0001f52c\U00010400"
)


@pytest.fixture(scope="module")
def modules(chromium: "Browser", server: str) -> "Iterator[Page]":
    page = chromium.new_page()
    page.goto(server)
    yield page
    page.close()


def call(page: "Page", module: str, code: str, argument: Any) -> Any:
    """Run code in which `m` is a module of the page and `x` the argument."""
    wrapped = f"async (x) => {{ const m = await import('/js/{module}.js'); {code} }}"
    return page.evaluate(wrapped, argument)


def random_texts(count: int, *, longest: int = 40) -> list[str]:
    rng = random.Random(5)
    return ["".join(rng.choices(ALPHABET, k=rng.randint(0, longest))) for _ in range(count)]


def utf16(text: str, point: int) -> int:
    return len(text[:point].encode("utf-16-le")) // 2


def test_offsets_go_to_utf16_units_and_back_at_every_place(modules: "Page") -> None:
    texts = random_texts(500)
    code = """return x.map(([text, points]) => {
      const table = new m.Offsets(text);
      const units = points.map((point) => table.toUnits(point));
      return [units, units.map((unit) => table.toPoints(unit)), table.length];
    });"""
    found = call(modules, "offsets", code, [[t, list(range(len(t) + 1))] for t in texts])
    for text, (units, points, length) in zip(texts, found, strict=True):
        assert units == [utf16(text, point) for point in range(len(text) + 1)]
        assert points == list(range(len(text) + 1))
        assert length == len(text)


def test_boundaries_move_over_the_tokens_that_the_tagger_decides_on(modules: "Page") -> None:
    texts = [*random_texts(300), EXAMPLE.read_text(encoding="utf-8")]
    code = "return x.map((t) => m.tokens(t, 0, t.length).map(({start, end}) => [start, end]));"
    for text, found in zip(texts, call(modules, "tokens", code, texts), strict=True):
        expected = [[utf16(text, start), utf16(text, end)] for start, end in token_spans(text)]
        assert found == expected, text


def test_parts_of_a_long_text_cover_it_and_end_where_paragraphs_do(modules: "Page") -> None:
    paragraphs = "\n\n".join(f"{EXAMPLE.read_text(encoding='utf-8')} {i}" for i in range(40))
    words = "\U0001f9ec gene " * 9000
    solid = "\U0001f9ec" * 30_000
    for text in (paragraphs, words, solid):
        code = "return m.parts(x).map(({start, end}) => [start, end, x.slice(start, end)]);"
        found = call(modules, "tagging", code, text)
        assert len(found) > 2
        assert "".join(part for _, _, part in found) == text  # a pair that is cut would not join
        assert max(len(part) for _, _, part in found) <= 9_000
        assert [start for start, _, _ in found[1:]] == [end for _, end, _ in found[:-1]]
        if text is paragraphs:
            assert all(part.endswith("\n\n") for _, _, part in found[:-1])


# Characters by their names in HTML, and a record that never ends in front of one that does.
TITLES = ("TNF-&alpha; &lt; &nbsp;IL-2<![CDATA[&alpha;]]>&NotEqualTilde;", "&notone;", "&beta;")
RECORDS = [
    f"<PubmedArticle><MedlineCitation><PMID>{place}</PMID><Article><ArticleTitle>{title}"
    "</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
    for place, title in enumerate(TITLES)
]
UNENDED = "<PubmedArticle><MedlineCitation>"
ODDER = f"<PubmedArticleSet>{RECORDS[0]}{UNENDED}{''.join(RECORDS[1:])}</PubmedArticleSet>"


@pytest.mark.parametrize("name", ["odd.xml", "abstracts.xml.gz", "odder.xml"])
def test_pubmed_is_read_as_the_package_reads_it(modules: "Page", tmp_path: Path, name: str) -> None:
    path = PUBMED / name
    if name == "odder.xml":
        path = tmp_path / name
        path.write_text(ODDER)
    with open_unpacked(path) as stream:
        xml = stream.read().decode("utf-8")
    records = list(formats.records(path))
    expected = [record for record in records if isinstance(record, Document)]
    read = call(modules, "pubmed", "return m.read(x);", xml)
    found = read["documents"]
    assert read["skipped"] == len(records) - len(expected)
    assert [document["id"] for document in found] == [document.id for document in expected]
    for document, told in zip(expected, found, strict=True):
        assert told["text"] == document.text
        assert told["metadata"] == dict(document.metadata)
        passages = [(p["kind"], p.get("section", "")) for p in told["passages"]]
        assert passages == [(p.kind, p.section) for p in document.passages]
        for passage, span in zip(document.passages, told["passages"], strict=True):
            assert span["start"] == utf16(document.text, passage.start)
            assert span["end"] == utf16(document.text, passage.end)


ENTITIES = '<!DOCTYPE PubmedArticleSet [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
BROKEN = {
    "own entities": f"{ENTITIES}<PubmedArticleSet>&b;</PubmedArticleSet>",
    "entity of a file": '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><p>&x;</p>',
    "parameter entity": '<!DOCTYPE p SYSTEM "x" [<!ENTITY % y SYSTEM "http://e.test/">%y;]><p/>',
    "cut off": "<PubmedArticleSet><PubmedArticle><MedlineCitation>",
    "not PubMed's": "<?xml version='1.0'?><collection><document/></collection>",
    "no XML": "<PubmedArticleSet",
}


@pytest.mark.parametrize("what", BROKEN)
def test_hostile_and_broken_xml_is_refused_in_words(modules: "Page", what: str) -> None:
    code = "try { return [m.read(x)]; } catch (error) { return [error.name, error.message]; }"
    name, message = call(modules, "pubmed", code, BROKEN[what])
    assert name == "Problem"
    assert message.endswith("so it is not read.")


WELL_FORMED = [
    "<a/>",
    "<?xml version='1.0'?><!-- < & > --><a b='1' c=\"x > y\"><![CDATA[<b> & ]]><b />&lt;&#38;</a>",
    "<a xmlns:m='u'><m:math\n m:x='&quot;'>\u03b1 > \U0001f9ec</m:math></a>",
    '<!DOCTYPE a PUBLIC "p" "s"><a>]]</a >',
]
ILL_FORMED = [
    "",
    "text",
    "<a>",
    "<a></b>",
    "<a><b></a></b>",
    "<a/><a/>",
    "<a b=1/>",
    "<a b='<'/>",
    "<a>&b;</a>",
    "<a>&</a>",
    "<a>< b</a>",
    "<a>\x01</a>",
    "<a/>text",
    "<a",
    "<a/b>",
    "</a>",
]


def test_what_is_well_formed_is_known_before_the_browser_parses_it(modules: "Page") -> None:
    code = """return x.map((xml) => {
      const found = new DOMParser().parseFromString(xml, "text/xml");
      return [m.isWellFormed(xml), !found.querySelector("parsererror")];
    });"""
    found = call(modules, "xml", code, [*WELL_FORMED, *ILL_FORMED])
    expected = [True] * len(WELL_FORMED) + [False] * len(ILL_FORMED)
    assert found == [[well, well] for well in expected]


def test_labels_of_any_name_get_letters_that_tell_them_apart(modules: "Page") -> None:
    labels = [
        "protein",
        "cell_type",
        "__proto__",
        "constructor",
        "toString",
        "Disease",
        "drug",
        "D",
    ]
    found = call(modules, "labels", "return [...m.looks(x)];", labels)
    looks = dict(map(tuple, found))
    assert set(looks) == set(labels)
    assert looks["protein"]["letter"] == "P"
    letters = [look["letter"] for look in looks.values()]
    assert len(set(letters)) == len(letters)
    assert call(modules, "labels", "m.looks(x); return ({}).slot ?? null;", labels) is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_letters_of_labels_have_contrast(modules: "Page", theme: str) -> None:
    code = """
    document.documentElement.dataset.theme = x;
    const read = (element, name) => {
      element.style.setProperty("color", `var(${name})`);
      const canvas = new OffscreenCanvas(1, 1).getContext("2d");
      canvas.fillStyle = getComputedStyle(element).color;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    return Array.from({ length: 8 }, (_, slot) => {
      const element = document.createElement("span");
      element.className = `slot-${slot}`;
      document.body.append(element);
      const found = ["--tint", "--strong", "--ink", "--paper"].map((name) => read(element, name));
      element.remove();
      return found;
    });"""
    for tint, strong, ink, paper in call(modules, "labels", code, theme):
        assert contrast(ink, tint) >= 7
        assert contrast(strong, tint) >= 4.5  # the letter; and, inverted, of marks by hand
        assert contrast(strong, paper) >= 3  # the line


def contrast(one: list[int], other: list[int]) -> float:
    """Contrast of two colours as WCAG 2.2 defines it."""

    def luminance(colour: list[int]) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
            for c in (value / 255 for value in colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
