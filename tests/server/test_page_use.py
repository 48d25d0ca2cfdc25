"""From a pasted text to marks, filters, mentions and files, against the offline tagger."""

import csv
import io
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from pages import EXAMPLE, download, mark, marks, tag, until, wait_until_drawn, wait_until_tagged

import biospan
from biospan import formats
from biospan.document import Document

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest_plugins = ("browser",)

TEXT = EXAMPLE.read_text(encoding="utf-8").rstrip("\n")
PUBMED = Path(__file__).parents[1] / "data" / "pubmed" / "odd.xml"


@pytest.fixture(scope="module")
def tagger() -> biospan.Tagger:
    return biospan.load(threads=1)


@pytest.fixture(scope="module")
def expected(tagger: biospan.Tagger) -> Document:
    return tagger.tag(TEXT)


def named(document: Document, minimum: float = 0.0) -> list[tuple[str, str]]:
    """What the page should show."""
    return [
        (entity.text, entity.label.replace("_", " "))
        for entity in document.entities
        if (entity.score or 0) >= minimum
    ]


def rounded(document: Document) -> dict[str, Any]:
    """A document's data with scores as far as they are the same in any batch."""
    data = document.to_dict()
    for entity in data["entities"]:
        entity["score"] = round(entity["score"], 9)
    return data


def test_a_pasted_text_is_shown_whole_with_the_taggers_entities(
    page: "Page", expected: Document
) -> None:
    tag(page, TEXT)
    assert marks(page) == named(expected)
    shown = page.eval_on_selector_all(".block", "b => b.map((p) => p.textContent).join('\\n')")
    assert shown == TEXT
    assert f"Found {len(expected.entities)} marks" in page.inner_text("#status")


def test_the_pointer_and_the_focus_show_label_and_score(page: "Page", expected: Document) -> None:
    tag(page, TEXT)
    entity = next(e for e in expected.entities if e.text == "AP-1")
    said = f"P protein {entity.score:.2f}".split()
    mark(page, "AP-1").hover()
    assert page.inner_text("#tip").split() == said
    page.keyboard.press("Escape")
    assert not page.is_visible("#tip")
    page.locator("#article .mark").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#tip").split() == said
    spoken = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert spoken == f"AP-1, protein, score {entity.score:.2f}"


def test_the_slider_and_the_switches_act_at_once_and_without_the_server(
    page: "Page", expected: Document
) -> None:
    tag(page, TEXT)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.fill("#minimum", "0.8")
    assert marks(page) == named(expected, 0.8)
    counts = Counter(label for _, label in named(expected, 0.8))
    wait_until_drawn(page)
    names, numbers = (page.locator(f"#labels {s}").all_inner_texts() for s in (".name", ".number"))
    told = dict(zip(names, numbers, strict=True))
    assert {name: int(n) for name, n in told.items() if n != "0"} == counts
    page.locator("#labels button").filter(has_text="DNA").click()
    without_dna = [(text, label) for text, label in named(expected, 0.8) if label != "DNA"]
    assert marks(page) == without_dna
    page.locator("#labels button").filter(has_text="DNA").click()
    page.fill("#minimum", "0")
    assert marks(page) == named(expected)
    assert asked == []


def test_mentions_are_counted_sorted_found_and_lead_round_their_places(page: "Page") -> None:
    tag(page, TEXT)
    rows = page.locator("#mentions tbody tr")
    first = rows.first.locator("td").all_inner_texts()
    assert first[0] == "CD28"
    assert first[2] == "2"
    places = []
    for _ in range(3):
        page.click('#mentions button:has-text("CD28")')
        places.append(
            page.evaluate("[...document.querySelectorAll('.mark')].indexOf(document.activeElement)")
        )
    assert places[0] == places[2] != places[1]
    assert page.inner_text("#status") == "1 of 2"
    ring = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(ring) == "solid"  # also where the mouse has chosen it
    page.click("#mentions-all")
    page.click('#mentions th button[data-key="text"]')
    names = page.locator("#mentions tbody .mention").all_inner_texts()
    assert names == sorted(names, key=str.lower)
    page.click('#mentions th button[data-key="text"]')
    assert page.locator("#mentions tbody .mention").all_inner_texts() == names[::-1]
    assert page.locator("th[aria-sort=descending]").inner_text() == "Mention"
    page.click('#mentions th button[data-key="score"]')
    scores = page.locator("#mentions tbody td:last-child").all_inner_texts()
    assert scores == sorted(scores, reverse=True)
    page.fill("#mentions-find", "mrna")
    wait_until_drawn(page)
    assert all(
        "mRNA" in name for name in page.locator("#mentions tbody .mention").all_inner_texts()
    )


def test_every_file_reads_back_as_what_the_offline_tagger_says(
    page: "Page", expected: Document, tmp_path: Path
) -> None:
    tag(page, TEXT)
    spans = [(e.start, e.end, e.label) for e in expected.entities]
    offered = page.eval_on_selector_all("[data-format]", "all => all.map(b => b.dataset.format)")
    assert {"jsonl", "bioc-xml", "bioc-json", "pubtator", "brat", "tsv", "csv", "html"} < {*offered}
    for format in offered:
        path = download(page, format, tmp_path)
        if format == "brat":
            with zipfile.ZipFile(path) as archive:
                archive.extractall(tmp_path / "brat")
            path = tmp_path / "brat"
        if format in ("tsv", "csv", "html", "jsonld"):
            written = io.StringIO(newline="")
            formats.FORMATS[format]([expected], written)
            assert path.read_bytes().decode("utf-8") == written.getvalue(), format
        elif format in ("iob2", "iobes"):
            offline = tmp_path / f"offline.{format}"
            formats.write([expected], offline, format)
            assert path.read_bytes() == offline.read_bytes()
        else:
            read = list(formats.read(path))
            assert len(read) == 1
            assert [(e.start, e.end, e.label) for e in read[0].entities] == spans, format
            if format in ("jsonl", "parquet", "spacy"):
                assert rounded(read[0]) == rounded(expected)


def test_files_hold_what_is_shown(page: "Page", expected: Document, tmp_path: Path) -> None:
    tag(page, TEXT)
    page.fill("#minimum", "0.9")
    page.locator("#labels button").filter(has_text="cell type").click()
    kept = expected.with_labels({"protein", "DNA", "RNA", "cell_line"}, 0.9).entities
    left_out = len(expected.entities) - len(kept)
    said = f"{len(kept)} marks in 1 document; {left_out} hidden ones left out."
    assert page.inner_text("#download-what") == said
    with download(page, "csv", tmp_path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(int(r["start"]), r["label"]) for r in rows] == [(e.start, e.label) for e in kept]


def test_pubmed_records_become_documents_with_their_passages(
    page: "Page", tagger: biospan.Tagger, tmp_path: Path
) -> None:
    records = [record for record in formats.records(PUBMED) if isinstance(record, Document)]
    page.set_input_files("#file", str(PUBMED))
    wait_until_tagged(page)
    assert page.locator("#document-list option").count() == len(records)
    assert page.inner_text("#problem-text") == "4 records are left out: broken, or without a text."
    for place, record in enumerate(records):
        page.select_option("#document-list", str(place))
        assert marks(page) == named(tagger.tag(record))
        assert record.id in page.inner_text("#document-id")
    read = list(formats.read(download(page, "jsonl", tmp_path)))
    assert [*map(rounded, read)] == [rounded(tagger.tag(record)) for record in records]
    page.check('input[value="this"]', force=True)
    path = download(page, "jsonl", tmp_path)
    assert path.name == f"{records[-1].id}.jsonl"
    assert [d.id for d in formats.read(path)] == [records[-1].id]


def test_files_and_texts_can_be_dropped(page: "Page") -> None:
    drop = """([name, content]) => {
      const data = new DataTransfer();
      if (name) data.items.add(new File([content], name, { type: "text/plain" }));
      else data.setData("text/plain", content);
      const fire = (kind) => document.body.dispatchEvent(
        new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
      fire("dragenter");
      const seen = !document.querySelector("#drop").hidden;
      fire("dragover");
      fire("drop");
      return seen;
    }"""
    assert page.evaluate(drop, ["notes.txt", "NF-kappa B is bound.\r\nIL-2 mRNA too."])
    wait_until_tagged(page)
    assert ("NF-kappa B", "protein") in marks(page)
    assert page.inner_text("#document-id") == "notes"
    assert page.evaluate(drop, ["", "Jurkat cells express CD28."])
    until(page, "document.querySelector('#article').textContent.startsWith('Jurkat')")
    wait_until_tagged(page)
    assert ("CD28", "protein") in marks(page)


def test_a_long_text_shows_progress_and_can_be_stopped_and_continued(
    page: "Page", tagger: biospan.Tagger
) -> None:
    paragraph, other = "IL-2 mRNA rose in Jurkat cells.", "NF-kappa B binds the IL-2 promoter. "
    text = "\n\n".join(f"{paragraph} {other * 12}{number}." for number in range(30))
    page.fill("#text", text)
    page.click("#submit")
    until(page, "document.querySelector('#progress-bar').value > 0")
    page.click("#stop")
    page.wait_for_selector("#problem:not([hidden])")
    assert "The text is not tagged to its end." in page.inner_text("#problem-text")
    assert 0 < len(marks(page)) < 30 * 13
    page.click('#problem-actions button:has-text("Go on")')
    wait_until_tagged(page)
    assert marks(page) == named(tagger.tag(text))


def test_the_example_and_the_field_serve_again_and_again(page: "Page") -> None:
    page.click("#example")
    wait_until_tagged(page)
    assert len(marks(page)) > 20
    page.click("#new")
    page.click("#back")
    assert len(marks(page)) > 20
    page.click("#new")
    page.fill("#text", "   ")
    page.click("#submit")
    assert page.inner_text("#problem-text") == "Paste a text first, or open a file."
    tag(page, "Nothing is here to find.")
    assert marks(page) == []
    assert page.inner_text("#mentions-none") == "Nothing is shown."


def test_downloads_are_json_that_the_schema_allows(page: "Page", tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    tag(page, TEXT)
    page.locator("#article .mark").first.focus()
    page.keyboard.press("5")
    line = download(page, "jsonl", tmp_path).read_text(encoding="ascii")
    jsonschema.validate(json.loads(line), json.loads(formats.jsonl.SCHEMA.read_text()))


def test_every_link_leads_somewhere(page: "Page") -> None:
    links = page.eval_on_selector_all("a[href]", "all => all.map((a) => a.getAttribute('href'))")
    assert "docs/" in links
    for link in links:
        if link.startswith("#"):
            assert page.locator(link).count() == 1
        else:
            assert page.request.get(urljoin(page.url, link)).status == 200
