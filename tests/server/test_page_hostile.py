"""Text that tries to become a page, or to confuse one: it is shown as text, where it belongs.

That nothing runs, asks another host, or breaks the content-security policy, is checked of every
page that `browser.new_page` opens.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pages import download, marks, tag, until, wait_until_tagged

import biospan
from biospan import formats

if TYPE_CHECKING:
    from browser import Watch
    from playwright.sync_api import FilePayload, Page, Route

pytest_plugins = ("browser",)

STATIC = Path(biospan.__file__).with_name("server") / "static"
RUN = "window.ran=1;alert(1)"
PAYLOADS = [
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f'"><img src=x onerror="{RUN}">',
    f"'><svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={RUN}>",
    f"javascript:{RUN}",
    f"<a href='javascript:{RUN}'>IL-2</a>",
    f"<iframe srcdoc='<script>{RUN}</script>'></iframe>",
    "<link rel=stylesheet href=//evil.test/a.css>",
    "<meta http-equiv=refresh content='0;url=//evil.test/'>",
    "<base href=//evil.test/>",
    "<form action=//evil.test/><button>IL-2</button></form>",
    "<style>*{display:none}</style>",
    f"<details open ontoggle={RUN}>IL-2",
    f"<input autofocus onfocus={RUN}>",
    f"<template><script>{RUN}</script></template>",
    f"<!--><script>{RUN}</script>-->",
    f"${{{RUN}}} {{{{{RUN}}}}} <%= {RUN} %>",
    "__proto__ constructor toString hasOwnProperty",
    "&lt;script&gt; &#x3c;b&#x3e; &amp;",
    "\\u003cscript\\u003e \\x3cscript\\x3e",
]
EVERYTHING = "\n".join(f"{payload} IL-2 gene" for payload in PAYLOADS)


def nothing_ran(page: "Page") -> None:
    assert page.evaluate("window.ran === undefined && ({}).polluted === undefined")
    own = page.evaluate("performance.getEntriesByType('resource').map((r) => new URL(r.name).host)")
    assert set(own) == {page.evaluate("location.host")}
    assert page.locator("main script, main img, main iframe, main link, main style").count() == 0
    handlers = """[...document.querySelectorAll("*")].flatMap((element) =>
      [...element.attributes].filter(({ name }) => name.startsWith("on") || name === "style"
        && element.closest("#article, #mentions")).map(({ name }) => name))"""
    assert page.evaluate(handlers) == []


def test_markup_in_a_text_is_text_everywhere_in_the_page(page: "Page", tmp_path: Path) -> None:
    tag(page, EVERYTHING)
    shown = page.eval_on_selector_all(".block", "b => b.map((p) => p.textContent).join('\\n\\n')")
    assert shown == EVERYTHING
    page.locator("#article .mark").first.click()
    page.keyboard.press("3")
    page.keyboard.press("Escape")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.block'))")
    page.evaluate("document.dispatchEvent(new PointerEvent('pointerup', { bubbles: true }))")
    page.wait_for_selector("#card")
    page.keyboard.press("1")  # the whole paragraph is one mark now: in the card, table and status
    assert marks(page) == [(EVERYTHING, "protein")]
    page.locator("#mentions .mention").first.click()
    page.locator("#article .mark").first.hover()
    nothing_ran(page)
    (document,) = formats.read(download(page, "jsonl", tmp_path))
    assert [e.text for e in document.entities] == [EVERYTHING]


def test_hostile_names_of_files_and_records_are_text(page: "Page", tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>.txt", "..", '"><script>alert(1)<', "__proto__.txt"]
    files: list[FilePayload] = [
        {"name": name, "mimeType": "text/plain", "buffer": b"IL-2 gene and NF-kappa B."}
        for name in names
    ]
    page.set_input_files("#file", files)
    wait_until_tagged(page)
    listed = page.locator("#document-list option").all_inner_texts()
    assert listed[0].startswith("1. <img src=x onerror=alert(1)> · IL-2")
    assert page.inner_text("#document-id") == "<img src=x onerror=alert(1)>"
    page.check('input[value="this"]', force=True)
    path = download(page, "jsonl", tmp_path)
    assert path.name == "img_src_x_onerror_alert_1_.jsonl"
    nothing_ran(page)


def test_hostile_records_of_pubmed_are_text(page: "Page") -> None:
    escaped = EVERYTHING.replace("&", "&amp;").replace("<", "&lt;")
    xml = (
        "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>&lt;img src=x&gt;</PMID><Article>"
        f"<Journal><Title>&lt;b&gt;</Title></Journal><ArticleTitle>{escaped}</ArticleTitle>"
        "<Abstract><AbstractText Label='&lt;script>'><script>window.ran=1</script>"
        "<img src='//evil.test/x' onerror='window.ran=1'/> IL-2</AbstractText></Abstract>"
        "</Article></MedlineCitation></PubmedArticle></PubmedArticleSet>"
    )
    tag(page, xml)
    assert page.inner_text("#document-id") == "<img src=x> · <b>"
    assert page.text_content(".block.is-title") == EVERYTHING.replace("\n", " ")
    assert page.text_content(".section h3") == "<script>"
    assert page.locator(".block").last.text_content() == "window.ran=1 IL-2"
    nothing_ran(page)


def test_hostile_labels_models_and_messages_of_a_server_are_text(
    page: "Page", watch: "Watch"
) -> None:
    watch.expect("Failed to load resource")
    labels = ["__proto__", "constructor", *PAYLOADS[:4]]
    text = "one two three four five six"
    starts = [0, 4, 8, 14, 19, 24]
    entities: list[dict[str, Any]] = [
        {"start": start, "end": start + 3, "label": label, "score": 0.5}
        for start, label in zip(starts, labels, strict=True)
    ]

    def about(route: "Route") -> None:
        answer = route.fetch().json()
        model = {"labels": [{"name": name} for name in labels], "fingerprint": PAYLOADS[0]}
        answer["models"] = [{**model, "name": name} for name in PAYLOADS[:2]]
        answer["version"] = PAYLOADS[2]
        answer["formats"].append({"name": PAYLOADS[3], "suffix": PAYLOADS[4], "writes": True})
        route.fulfill(json=answer)

    page.route("**/v1/labels", about)
    answer = {"documents": [{"entities": entities, "passages": []}]}
    page.route("**/v1/tag", lambda route: route.fulfill(json=answer))
    page.reload()
    page.wait_for_selector("#legend li")
    tag(page, text)
    names = page.locator("#labels .name").all_text_contents()
    assert sorted(names) == sorted(label.replace("_", " ") for label in labels)
    assert len(marks(page)) == len(labels)
    said = {"code": "invalid", "message": PAYLOADS[3], "problems": PAYLOADS}
    page.route("**/v1/convert*", lambda route: route.fulfill(status=422, json=said))
    page.locator("#formats button").last.click()
    page.wait_for_selector("#problem:not([hidden])")
    assert PAYLOADS[3] in page.inner_text("#problem-text")
    nothing_ran(page)


HEBREW = "\u05d4\u05d7\u05dc\u05d1\u05d5\u05df NF-kappa B \u05e7\u05d5\u05e9\u05e8 IL-2 promoter"
ARABIC = "\u0628\u0631\u0648\u062a\u064a\u0646 IL-2 \u0641\u064a T cells \u0648 TNF-\u03b1 mRNA"
LAYERS = [
    "\U0001f9ec\U0001f468\u200d\U0001f52c IL-2 gene in Jurkat cells \U0001f9ec, IL-4 mRNA",
    "e\u0301a\u0308\u0323 NF-kappa B and o\u0308" + "\u0301" * 40 + " IL-2 gene",
    HEBREW,
    ARABIC,
    "IL-2 \u202egene\u202c and \u2067NF-kappa B\u2069 \u200fT cells",
    "IL-2\u0000 gene \u001b[31m NF-kappa B\u007f\u0085 \ufeff IL-4 \ufffe",
    "a\r\n\r\nIL-2 gene\r\nNF-kappa\r\nB \u2028 T cells\u2029\n \n\n  \n IL-4 mRNA  \n",
    "\U0001d408\U0001d40b-2 IL-2 \U0010ffff CD28 \u4e2d\u6587IL-2\u86cb\u767d\u8d28",
]


@pytest.fixture(scope="module")
def tagger() -> biospan.Tagger:
    return biospan.load(threads=1)


def test_marks_are_where_the_tagger_says_in_any_script(
    page: "Page", tagger: biospan.Tagger, tmp_path: Path
) -> None:
    for number, text in enumerate(LAYERS):
        path = tmp_path / f"{number}.txt"
        path.write_text(text, encoding="utf-8", newline="")
        expected = tagger.tag(text)
        page.set_input_files("#file", str(path))
        until(page, f"document.querySelector('#document-id').textContent === '{number}'")
        wait_until_tagged(page)
        texts = [entity.text for entity in expected.entities]
        assert len(texts) >= 2, number
        assert [text for text, _ in marks(page)] == [*map(visible, texts)], number
        (document,) = formats.read(download(page, "jsonl", tmp_path))
        assert document.text == text
        spans = [(e.start, e.end, e.label) for e in document.entities]
        assert spans == [(e.start, e.end, e.label) for e in expected.entities], number


def visible(text: str) -> str:
    """As the page shows what would steer it."""
    steering = {*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    table = dict.fromkeys(steering, "�")
    table |= {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n\r"}
    return text.translate(table | {0x7F: "\u2421"})


def test_directions_of_text_do_not_reach_out_of_a_mark(page: "Page") -> None:
    tag(page, ARABIC)
    isolated = "all => all.every((m) => getComputedStyle(m).unicodeBidi === 'isolate')"
    assert page.eval_on_selector_all("#article .mark", isolated)
    assert page.eval_on_selector(".block", "b => getComputedStyle(b).direction") == "rtl"
    code = "all => all.map((mark) => mark.getBoundingClientRect().left)"
    left = page.eval_on_selector_all("#article .mark", code)
    assert left == sorted(left, reverse=True)  # one line, read from the right


def test_a_lone_surrogate_is_replaced_and_nothing_moves(page: "Page", tmp_path: Path) -> None:
    page.evaluate("document.querySelector('#text').value = 'x\\ud800y IL-2 gene in Jurkat cells'")
    page.click("#submit")
    wait_until_tagged(page)
    (document,) = formats.read(download(page, "jsonl", tmp_path))
    assert document.text == "x\ufffdy IL-2 gene in Jurkat cells"
    assert "Jurkat cells" in [e.text for e in document.entities]


def test_a_fragment_or_a_query_of_the_address_does_nothing(page: "Page") -> None:
    address = page.url
    page.goto(f"{address}?text=<script>window.ran=1</script>#<img src=x onerror=window.ran=1>")
    page.wait_for_selector("#legend li")
    nothing_ran(page)


def test_no_module_writes_markup_or_code() -> None:
    forbidden = (
        "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function",
        "setAttribute(\"style\"", "srcdoc", "javascript:", "http://", "https://",
    )  # fmt: skip
    allowed = {"http://www.w3.org/2000/svg"}
    sources = sorted(STATIC.rglob("*.js"))
    assert len(sources) > 15
    for path in sources:
        source = path.read_text(encoding="utf-8")
        for name in allowed:
            source = source.replace(name, "")
        assert not [word for word in forbidden if word in source], path.name
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert "style=" not in page
    assert "<script>" not in page
    assert " on" + "click" not in page
    assert "://" not in page
    for path in STATIC.rglob("*.css"):
        assert "://" not in path.read_text(encoding="utf-8")
        assert "@import" not in path.read_text(encoding="utf-8")
