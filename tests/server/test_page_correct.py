"""Correcting marks by mouse and by keyboard, and the files with the corrections."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages import download, mark, marks, tag, wait_until_drawn, wait_until_tagged

from biospan import formats
from biospan.document import Document

if TYPE_CHECKING:
    from browser import Watch
    from playwright.sync_api import Page

pytest_plugins = ("browser",)

# An emoji first, so that code points and UTF-16 units differ in all that follows.
TEXT = (
    "\U0001f9ec IL-2 mRNA rose in Jurkat cells.\n\nNF-kappa B binds the IL-2 promoter of T cells."
)


@pytest.fixture
def tagged(page: "Page") -> "Page":
    """The page with a text in it."""
    tag(page, TEXT)
    return page


def select(page: "Page", words: str) -> None:
    """Drag the mouse over words."""
    box = page.evaluate(
        """(words) => {
          for (const block of document.querySelectorAll(".block")) {
            const at = block.textContent.indexOf(words);
            if (at < 0) continue;
            const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
            const range = document.createRange();
            let seen = 0;
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
              const last = seen + node.length;
              if (at >= seen && at < last) range.setStart(node, at - seen);
              const end = at + words.length;
              if (end > seen && end <= last) range.setEnd(node, end - seen);
              seen = last;
            }
            const lines = range.getClientRects();
            const [first, final] = [lines[0], lines[lines.length - 1]];
            return [first.left, first.top + first.height / 2,
                    final.right, final.top + final.height / 2];
          }
        }""",
        words,
    )
    left, top, right, bottom = box
    page.mouse.move(left + 1, top)
    page.mouse.down()
    page.mouse.move((left + right) / 2, (top + bottom) / 2)
    page.mouse.move(right - 1, bottom)
    page.mouse.up()
    page.wait_for_selector("#card")


def saved(page: "Page", folder: Path, format: str = "jsonl") -> Document:
    """The document as the page saves it."""
    (document,) = formats.read(download(page, format, folder))
    return document


def test_the_card_gives_another_label(tagged: "Page", tmp_path: Path) -> None:
    mark(tagged, "Jurkat cells").click()
    assert tagged.inner_text(".card-title") == "Jurkat cells"
    tagged.click('#card button:has-text("cell type")')
    assert ("Jurkat cells", "cell type") in marks(tagged)
    assert "marked by hand" in tagged.inner_text("#card")
    tagged.keyboard.press("Escape")
    assert not tagged.is_visible("#card")
    focused = tagged.evaluate("document.activeElement.textContent")
    assert focused == "Jurkat cells"
    entity = next(e for e in saved(tagged, tmp_path).entities if e.text == "Jurkat cells")
    assert (entity.label, entity.score, entity.source) == ("cell_type", None, "curator")


def test_boundaries_move_by_words_in_the_card_and_by_keys(tagged: "Page", tmp_path: Path) -> None:
    mark(tagged, "T cells").click()
    tagged.click('[aria-label="Start one word earlier"]')
    assert ("of T cells", "cell type") in marks(tagged)
    tagged.click('[aria-label="Start one word later"]')
    tagged.click('[aria-label="End one word earlier"]')
    assert ("T", "cell type") in marks(tagged)
    assert tagged.evaluate("document.activeElement.ariaLabel") == "End one word earlier"
    tagged.click('[aria-label="End one word earlier"]')
    assert tagged.inner_text("#status") == "There is no further word in that direction."
    tagged.keyboard.press("Escape")
    tagged.keyboard.press("Shift+ArrowRight")
    tagged.keyboard.press("Shift+ArrowRight")
    assert ("T cells.", "cell type") in marks(tagged)
    tagged.keyboard.press("Control+Shift+ArrowRight")
    assert ("cells.", "cell type") in marks(tagged)
    assert "cells." in [e.text for e in saved(tagged, tmp_path).entities]


def test_a_boundary_stops_at_the_next_mark_and_at_the_paragraphs_end(tagged: "Page") -> None:
    tagged.locator("#article .mark").first.focus()
    before = marks(tagged)[1]
    for _ in range(4):
        tagged.keyboard.press("Shift+ArrowRight")
    assert tagged.inner_text("#status") == "Another mark is in the way."
    assert marks(tagged)[1] == before
    mark(tagged, "Jurkat cells").focus()
    tagged.keyboard.press("Shift+ArrowRight")
    tagged.keyboard.press("Shift+ArrowRight")
    assert tagged.inner_text("#status") == "There is no further word in that direction."


def test_selected_words_become_a_mark_of_whole_words(tagged: "Page", tmp_path: Path) -> None:
    select(tagged, "ose")  # inside of `rose`
    assert tagged.inner_text(".card-title") == "rose"
    tagged.click('#card button:has-text("RNA")')
    assert ("rose", "RNA") in marks(tagged)
    select(tagged, "binds the")
    tagged.keyboard.press("1")
    assert ("binds the", "protein") in marks(tagged)
    document = saved(tagged, tmp_path)
    by_hand = [e.text for e in document.entities if e.source]
    assert by_hand == ["rose", "binds the"]
    assert document.metadata["corrections"] == "2 added"
    assert [e.text for e in saved(tagged, tmp_path, "bioc-xml").entities if e.source] == by_hand


def test_a_selection_over_a_mark_moves_it_or_takes_its_place(tagged: "Page") -> None:
    select(tagged, "Jurkat")
    tagged.click('#card button:has-text("Move “Jurkat cells” to the selection")')
    assert ("Jurkat", "cell line") in marks(tagged)
    select(tagged, "the IL-2 promoter")
    tagged.keyboard.press("1")
    assert ("the IL-2 promoter", "protein") in marks(tagged)
    assert tagged.inner_text("#status").endswith("1 other mark made way.")
    assert [text for text, _ in marks(tagged) if "promoter" in text] == ["the IL-2 promoter"]


def test_a_selection_across_paragraphs_is_refused_in_words(tagged: "Page") -> None:
    tagged.evaluate(
        """() => {
          const [one, two] = document.querySelectorAll(".block");
          getSelection().setBaseAndExtent(one, 0, two, two.childNodes.length);
          document.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
        }"""
    )
    tagged.wait_for_selector("#status.is-shown")
    wait_until_drawn(tagged)
    assert tagged.inner_text("#status") == "Select words inside one paragraph to mark them."
    assert not tagged.is_visible("#card")


def test_everything_is_done_by_keyboard_alone(page: "Page", tmp_path: Path) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#text")
    page.keyboard.insert_text(TEXT)
    page.keyboard.press("Control+Enter")
    wait_until_tagged(page)
    found = marks(page)
    for _ in range(20):  # to the first mark, past the bar and the tools
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className").startswith("mark"):
            break
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == found[-1][0]
    page.keyboard.press("Delete")
    assert marks(page) == found[:-1]
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert page.is_visible("#card")
    page.keyboard.press("2")
    page.keyboard.press("Escape")
    assert marks(page)[0] == (found[0][0], "DNA")
    page.keyboard.press("a")
    for key in ("ArrowRight", "Shift+ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert page.inner_text(".card-title") == "in Jurkat"
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    for key in ("Home", "ArrowRight", "ArrowDown", "ArrowUp", "Escape"):
        page.keyboard.press(key)
    assert page.evaluate("getSelection().isCollapsed")
    page.keyboard.press("?")
    assert page.is_visible("#help")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "mentions-find"
    page.focus('[data-format="jsonl"]')
    with page.expect_download() as begun:
        page.keyboard.press("Enter")
    begun.value.save_as(tmp_path / "a.jsonl")
    (document,) = formats.read(tmp_path / "a.jsonl")
    assert document.metadata["corrections"] == "1 changed, 1 deleted"


def test_corrections_are_undone_and_done_again(tagged: "Page") -> None:
    steps = [marks(tagged)]
    tagged.locator("#article .mark").first.focus()
    for key in ("5", "Shift+ArrowRight", "Delete"):
        tagged.keyboard.press(key)
        steps.append(marks(tagged))
    assert len({tuple(step) for step in steps}) == 4
    for step in steps[2::-1]:
        tagged.keyboard.press("Control+z")
        assert marks(tagged) == step
    assert tagged.is_disabled("#undo")
    tagged.keyboard.press("Control+z")
    assert tagged.inner_text("#status") == "Nothing to undo."
    for step in steps[1:]:
        tagged.click("#redo")
        assert marks(tagged) == step
    tagged.keyboard.press("Control+z")
    tagged.locator("#article .mark").first.focus()
    tagged.keyboard.press("1")
    assert tagged.is_disabled("#redo")


def test_single_keys_can_be_switched_off(tagged: "Page") -> None:
    before = marks(tagged)
    tagged.click("#show-help")
    tagged.uncheck("#single-keys")
    tagged.keyboard.press("Escape")
    tagged.locator("#article .mark").first.focus()
    tagged.keyboard.press("5")
    tagged.keyboard.press("?")
    assert marks(tagged) == before
    assert not tagged.is_visible("#help")
    tagged.reload()
    assert not tagged.is_checked("#single-keys")


def test_marks_by_hand_pass_every_filter_and_carry_the_curators_name(
    tagged: "Page", tmp_path: Path
) -> None:
    mark(tagged, "Jurkat cells").focus()
    tagged.keyboard.press("4")
    tagged.fill("#minimum", "1")
    assert marks(tagged) == [("Jurkat cells", "cell type")]
    wait_until_drawn(tagged)
    tagged.fill("#curator", "Ada L.")
    (entity,) = saved(tagged, tmp_path).entities
    assert (entity.text, entity.source) == ("Jurkat cells", "Ada L.")


def test_leaving_with_corrections_that_are_not_saved_is_asked_about(
    tagged: "Page", watch: "Watch", tmp_path: Path
) -> None:
    watch.expect("dialog: beforeunload")
    tagged.locator("#article .mark").first.focus()
    tagged.keyboard.press("5")
    tagged.evaluate("setTimeout(() => location.reload())")
    tagged.wait_for_timeout(500)
    assert watch.problems == ["dialog: beforeunload"]  # and dismissed: the page is still there
    tagged.click("#new")
    tagged.fill("#text", "Another text.")
    tagged.click("#submit")
    tagged.click('#discard button:has-text("Keep them")')
    tagged.click("#back")
    assert marks(tagged)
    saved(tagged, tmp_path)
    assert "not downloaded yet" not in tagged.inner_text("#download-changes")
    tag(tagged, "Another text about CD28.")  # nothing is asked
    tagged.reload()
    assert watch.problems == ["dialog: beforeunload"]
