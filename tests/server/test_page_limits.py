"""What the page says and keeps when the server refuses, waits, or is not there."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pages import download, marks, tag, wait_until_tagged

from biospan import formats

if TYPE_CHECKING:
    from browser import Watch
    from playwright.sync_api import Page, Route

pytest_plugins = ("browser",)

TEXT = "NF-kappa B binds the IL-2 promoter in Jurkat cells."


class Refusing:
    """Answers the first requests with a status, and lets the others through."""

    def __init__(self, status: int, times: int = 10**6, **options: Any) -> None:
        self.left = times
        self.options = {"status": status, **options}

    def __call__(self, route: "Route") -> None:
        self.left -= 1
        if self.left >= 0:
            route.fulfill(**self.options)
        else:
            route.continue_()


def problem(page: "Page") -> str:
    page.wait_for_selector("#problem:not([hidden])")
    return page.inner_text("#problem-text")


REFUSALS = {
    400: "could not read",
    413: "more than the server takes",
    415: "does not take this kind",
    421: "does not answer under this name",
    422: "cannot take this text",
    429: "busy",
    500: "answered 500",
    503: "not ready",
    504: "did not finish in time",
}


def test_every_refusal_is_said_in_words_and_the_text_is_kept(page: "Page", watch: "Watch") -> None:
    watch.expect("Failed to load resource", "answer: 50")
    answer = {"code": "x", "message": "more than 7 of them", "pointer": "/texts/0"}
    page.fill("#text", TEXT)
    for status, said in REFUSALS.items():
        page.route("**/v1/tag", Refusing(status, json=answer))
        page.click("#submit")
        message = problem(page)
        assert said in message
        assert "more than 7 of them" in message
        assert page.is_visible("#text")
        assert page.input_value("#text") == TEXT
        retries = page.locator('#problem-actions button:has-text("Try again")').count()
        assert retries == (status in (429, 500, 503, 504)), status
        page.click("#problem-close")


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_waited_for_as_long_as_it_says(
    page: "Page", watch: "Watch", status: int
) -> None:
    watch.expect("Failed to load resource", f"answer: {status}")
    page.route("**/v1/tag", Refusing(status, 2, headers={"Retry-After": "1"}, json={}))
    page.fill("#text", TEXT)
    page.click("#submit")
    page.wait_for_selector('#progress-text:has-text("trying again in 1 second")')
    wait_until_tagged(page)
    assert ("NF-kappa B", "protein") in marks(page)
    assert page.is_hidden("#problem")


def test_waiting_can_be_stopped(page: "Page", watch: "Watch") -> None:
    watch.expect("Failed to load resource")
    page.route("**/v1/tag", Refusing(429, headers={"Retry-After": "20"}, json={}))
    page.fill("#text", TEXT)
    page.click("#submit")
    page.wait_for_selector('#progress-text:has-text("trying again in 20 seconds")')
    page.click("#stop")
    assert problem(page) == "Stopped."
    assert page.input_value("#text") == TEXT


def test_a_page_that_opens_before_the_server_is_ready_waits_for_it(
    page: "Page", watch: "Watch"
) -> None:
    watch.expect("Failed to load resource", "answer: 503")
    page.route("**/v1/labels", Refusing(503, 2, headers={"Retry-After": "1"}, json={}))
    page.reload()
    page.fill("#text", TEXT)
    page.click("#submit")
    wait_until_tagged(page)
    found = marks(page)
    assert ("NF-kappa B", "protein") in found
    page.locator("#article .mark").first.focus()
    page.keyboard.press("Delete")
    page.click("#undo")
    assert marks(page) == found
    assert page.is_disabled("#undo")  # the key was heard once, though two were waiting


def test_without_the_server_the_text_stays_and_can_be_sent_later(
    page: "Page", watch: "Watch"
) -> None:
    watch.expect("Failed to load resource")
    page.context.set_offline(True)
    page.fill("#text", TEXT)
    page.click("#submit")
    assert problem(page).startswith("The server cannot be reached.")
    assert page.input_value("#text") == TEXT
    page.context.set_offline(False)
    page.click('#problem-actions button:has-text("Try again")')
    wait_until_tagged(page)
    assert ("NF-kappa B", "protein") in marks(page)


def test_corrections_are_saved_without_the_server(
    page: "Page", watch: "Watch", tmp_path: Path
) -> None:
    watch.expect("Failed to load resource")
    tag(page, TEXT)
    page.locator("#article .mark").first.focus()
    page.keyboard.press("3")
    page.context.set_offline(True)
    page.click('[data-format="bioc-xml"]')
    assert problem(page).startswith("The server cannot be reached.")
    with page.expect_download() as begun:
        page.click('button:has-text("Save as JSON Lines without the server")')
    begun.value.save_as(tmp_path / "a.jsonl")
    (document,) = formats.read(tmp_path / "a.jsonl")
    assert document.text == TEXT
    assert document.metadata["corrections"] == "1 changed"
    assert "not downloaded" not in page.inner_text("#download-changes")
    page.context.set_offline(False)
    (again,) = formats.read(download(page, "bioc-xml", tmp_path))
    assert [e.label for e in again.entities] == [e.label for e in document.entities]


def test_what_is_too_large_to_convert_is_saved_all_the_same(
    page: "Page", watch: "Watch", tmp_path: Path
) -> None:
    watch.expect("Failed to load resource")

    def nothing_found(route: "Route") -> None:
        texts = json.loads(route.request.post_data or "")["texts"]
        route.fulfill(json={"documents": [{"passages": [], "entities": []} for _ in texts]})

    page.route("**/v1/tag", nothing_found)
    text = f"{'word ' * 2000}\n\n" * 210  # over the 2 MB that the real server takes
    path = tmp_path / "large.txt"
    path.write_text(text)
    page.set_input_files("#file", str(path))
    wait_until_tagged(page)
    page.click('[data-format="tsv"]')
    assert "more than the server takes at once" in problem(page)
    assert "2000000 bytes" in problem(page)
    with page.expect_download() as begun:
        page.click('button:has-text("Save as JSON Lines without the server")')
    begun.value.save_as(tmp_path / "a.jsonl")
    (document,) = formats.read(tmp_path / "a.jsonl")
    assert document.text == text


def test_files_that_the_page_does_not_take_are_named(page: "Page", tmp_path: Path) -> None:
    def offer(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        page.set_input_files("#file", str(path))
        message = problem(page)
        page.click("#problem-close")
        return message

    assert offer("a.txt", b"\xff\xfe\x00").startswith("a.txt: not text in UTF-8.")
    assert offer("b.pdf", b"%PDF-1.4 \x93\x8c").startswith("b.pdf: not text in UTF-8.")
    assert offer("c.xml", b"<article/>").startswith("c.xml: This XML holds no PubMed records")
    assert offer("d.txt", b" \n ") == "There is no text in it."
    assert offer("e.txt", b"a" * 21_000_000).startswith("21 MB is more than this page takes")
    records = (
        b"<PubmedArticle><MedlineCitation><PMID>1</PMID><Article><ArticleTitle>T"
        b"</ArticleTitle></Article></MedlineCitation></PubmedArticle>"
    )
    too_many = b"<PubmedArticleSet>" + records * 1001 + b"</PubmedArticleSet>"
    assert offer("f.xml", too_many).startswith("1001 documents are more than this page takes")
