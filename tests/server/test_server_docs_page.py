"""The page that describes the API, in a browser: every operation is there and can be tried."""

import json
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytest_plugins = ("browser",)


def test_every_operation_is_shown_and_its_example_is_answered(page: "Page", server: str) -> None:
    with urllib.request.urlopen(f"{server}openapi.json") as answer:
        described: dict[str, Any] = json.load(answer)
    operations = [(m, path) for path, item in described["paths"].items() for m in item]
    page.goto(f"{server}docs/")
    page.wait_for_selector("section")
    titles = page.locator("section h2").all_inner_texts()
    assert [title.lower() for title in titles] == [f"{m}{path}".lower() for m, path in operations]
    for number in range(len(operations)):
        section = page.locator("section").nth(number)
        section.get_by_role("button", name="Try it").click()
        output = section.locator("pre")
        output.wait_for()
        assert output.inner_text().startswith("200"), operations[number]


def test_the_page_can_be_read_on_a_narrow_dark_screen(new_page: Any, server: str) -> None:
    page = new_page(viewport={"width": 360, "height": 700}, color_scheme="dark")
    page.goto(f"{server}docs/")
    page.wait_for_selector("section")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 26)"
