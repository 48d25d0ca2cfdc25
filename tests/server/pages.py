"""What tests do in the page and read off it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

EXAMPLE = Path(__file__).parents[2] / "docs" / "example.txt"


def tag(page: "Page", text: str) -> None:
    """Paste a text and have it marked."""
    if page.locator("#new").is_visible():
        page.click("#new")
    page.fill("#text", text)
    page.click("#submit")
    wait_until_tagged(page)


def until(page: "Page", condition: str, *, seconds: float = 45) -> None:
    """Wait until an expression is true; Playwright's own way is `eval`, which the page forbids."""
    for _ in range(int(seconds * 50)):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise AssertionError(f"not within {seconds} seconds: {condition}")


def wait_until_tagged(page: "Page") -> None:
    """Wait for the end of the tagging."""
    until(
        page,
        "document.querySelector('#progress').hidden && !document.querySelector('#work').hidden",
    )
    wait_until_drawn(page)


def wait_until_drawn(page: "Page") -> None:
    """Wait for what the page puts off to its next frame."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def marks(page: "Page") -> list[tuple[str, str]]:
    """Text and name of the label of every mark that is shown, in order."""
    said = page.eval_on_selector_all(
        "#article .mark", "marks => marks.map(m => [m.textContent, m.getAttribute('aria-label')])"
    )
    return [(text, label.removeprefix(text).split(", ")[1]) for text, label in said]


def mark(page: "Page", text: str) -> "Locator":
    """The first mark with a text."""
    return page.locator("#article .mark").filter(has_text=re.compile(f"^{re.escape(text)}$")).first


def download(page: "Page", format: str, folder: Path) -> Path:
    """Save a format; gives the file."""
    page.wait_for_timeout(110)  # Chromium drops what a page saves beyond ten files a second
    with page.expect_download(timeout=60_000) as begun:  # the first of spaCy loads spaCy
        page.click(f'#formats [data-format="{format}"]')
    path = folder / begun.value.suggested_filename
    begun.value.save_as(path)
    return path
