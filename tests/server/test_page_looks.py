"""Accessible in both themes and every state, narrow and wide, on paper and without motion."""

import importlib.util
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pages import EXAMPLE, marks, tag, until, wait_until_drawn, wait_until_tagged

from conftest import skip_or_fail

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest_plugins = ("browser",)

TEXT = EXAMPLE.read_text(encoding="utf-8")
PUBMED = Path(__file__).parents[1] / "data" / "pubmed" / "odd.xml"
STATES = ("empty", "problem", "marked", "card", "selection", "help", "documents")


@pytest.fixture(scope="module")
def axe() -> str:
    """Deque's accessibility checks, as source."""
    if importlib.util.find_spec("axe_playwright_python") is None:
        skip_or_fail("browser", "axe-playwright-python is not installed: it is in the extra `dev`")
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def bring_to(page: "Page", state: str) -> None:
    """Bring the page into a state, from the one before it."""
    if state == "problem":
        page.click("#submit")
    elif state == "marked":
        tag(page, TEXT)
        page.locator("#article .mark").nth(3).focus()
    elif state == "card":
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Enter")
    elif state == "selection":
        for key in ("Escape", "a", "Shift+ArrowRight", "Enter"):
            page.keyboard.press(key)
    elif state == "help":
        page.keyboard.press("Escape")
        page.keyboard.press("?")
    elif state == "documents":
        page.keyboard.press("Escape")
        page.keyboard.press("Control+z")
        page.set_input_files("#file", str(PUBMED))
        until(page, "!document.querySelector('#navigation').hidden")
        wait_until_tagged(page)
    page.wait_for_timeout(350)  # transitions of colour would be measured on their way


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_about(
    new_page: "Callable[..., Page]", axe: str, theme: str
) -> None:
    page = new_page(color_scheme=theme)
    page.evaluate(axe)
    # What has no colour is the same in both themes.
    only = "" if theme == "light" else "runOnly: ['color-contrast'],"
    told = []
    for state in STATES:
        bring_to(page, state)
        code = f"axe.run(document, {{ {only} resultTypes: ['violations'] }})"
        found: dict[str, Any] = page.evaluate(code)
        told += [
            (state, violation["id"], node["html"][:120], node["failureSummary"])
            for violation in found["violations"]
            for node in violation["nodes"]
        ]
    assert told == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_makes_the_page_scroll_sideways(
    new_page: "Callable[..., Page]", width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800})

    def fits() -> bool:
        return bool(page.evaluate("document.documentElement.scrollWidth") <= width)

    assert fits()
    bring_to(page, "problem")
    assert fits()
    tag(page, "IL-2" + "A" * 500)
    assert fits()
    bring_to(page, "documents")
    assert fits()
    page.locator("#article .mark").first.click()
    assert fits()
    box = page.locator("#card").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width


def test_on_a_narrow_screen_the_card_does_not_cover_its_mark(
    new_page: "Callable[..., Page]",
) -> None:
    page = new_page(viewport={"width": 390, "height": 800}, has_touch=True)
    tag(page, TEXT)
    for place in range(len(marks(page))):
        mark = page.locator("#article .mark").nth(place)
        mark.tap()
        page.wait_for_selector("#card")
        over, under = mark.bounding_box(), page.locator("#card").bounding_box()
        assert over is not None
        assert under is not None
        assert over["y"] + over["height"] <= under["y"] + 1, place
        page.keyboard.press("Escape")


def test_the_theme_follows_the_system_until_it_is_chosen(new_page: "Callable[..., Page]") -> None:
    page = new_page(color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    page.emulate_media(color_scheme="light")
    light = page.evaluate(colour)
    assert dark != light
    until(page, "document.querySelector('#theme').ariaPressed === 'false'", seconds=5)
    page.click("#theme")
    assert page.evaluate(colour) == dark
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    page.reload()
    assert page.evaluate(colour) == dark
    assert page.evaluate("Object.keys(localStorage)") == ["biospan-theme"]


def test_the_text_is_kept_nowhere(page: "Page") -> None:
    tag(page, "A canary and NF-kappa B.")
    for kept in ("localStorage", "sessionStorage", "document.cookie", "location.href"):
        assert "canary" not in page.evaluate(f"JSON.stringify({kept})")
    assert page.evaluate("indexedDB.databases()") == []


def test_every_mark_is_told_apart_without_colour(page: "Page") -> None:
    tag(page, TEXT)
    told = page.eval_on_selector_all(
        "#article .mark",
        """all => all.map((m) => [m.className.match(/slot-\\d/)[0],
          getComputedStyle(m, "::after").content, getComputedStyle(m).textDecorationStyle])""",
    )
    looks = {slot: (letter, line) for slot, letter, line in told}
    assert len(looks) == 5
    assert len({letter for letter, _ in looks.values()}) == 5
    assert len({line for _, line in looks.values()}) == 5


def test_paper_gets_the_text_and_its_marks_alone(page: "Page") -> None:
    tag(page, TEXT)
    page.emulate_media(media="print")
    assert page.is_visible("#article .mark")
    for hidden in (".bar-tools", ".toolbar", ".panels", "#status", ".foot"):
        assert page.is_hidden(hidden), hidden


def test_nothing_moves_for_those_who_ask_for_it(new_page: "Callable[..., Page]") -> None:
    page = new_page(reduced_motion="reduce")
    tag(page, TEXT)
    moving = """[...document.querySelectorAll("*")].filter((element) => {
      const { transitionDuration, animationName } = getComputedStyle(element);
      return parseFloat(transitionDuration) > 0 || animationName !== "none";
    }).length"""
    assert page.evaluate(moving) == 0


def test_results_and_steps_are_announced(page: "Page") -> None:
    tag(page, "NF-kappa B binds.")
    wait_until_drawn(page)
    assert page.get_attribute("#status", "role") == "status"
    assert page.inner_text("#status") == "Found 1 mark in 1 document."
    assert page.get_attribute("#problem", "role") == "alert"
    page.locator("#article .mark").first.focus()
    page.keyboard.press("Delete")
    assert page.inner_text("#status") == "Deleted the mark “NF-kappa B”."
