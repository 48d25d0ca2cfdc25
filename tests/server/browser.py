"""A real server with the bundled model, and pages of a real Chromium that watch what goes wrong.

A page's test fails if anything breaks the content-security policy, opens a dialogue, throws, asks
another host or makes the server answer 5xx, unless the test says that it means to.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from conftest import skip_or_fail

if TYPE_CHECKING:
    from playwright.sync_api import (
        Browser,
        BrowserContext,
        ConsoleMessage,
        Dialog,
        Page,
        Request,
        Response,
    )

_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""


@pytest.fixture(scope="session")
def server(needs_serve: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `biospan serve` with the bundled model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "biospan", "serve", "--port", str(port), "--threads", "1"]
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as process,
    ):
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/readyz", process, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def _wait_until_ready(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the server is not ready: {log.read_text()}")


# Of a module, not of the session: while it is there, no other test can run an event loop.
@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """Debian's Chromium, or the one that BIOSPAN_CHROMIUM names."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        skip_or_fail("browser", "Playwright is not installed: it is in the extra `dev`")
    path = os.environ.get("BIOSPAN_CHROMIUM") or shutil.which("chromium")
    if path is None:
        skip_or_fail("browser", "there is no Chromium: `apt-get install -y chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watch:
    """What went wrong in a page."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.expected: tuple[str, ...] = ()

    def expect(self, *parts: str) -> None:
        """Messages that contain one of these are meant to come."""
        self.expected += parts

    def add(self, problem: str) -> None:
        """Note a problem."""
        self.problems.append(problem)

    def unexpected(self) -> list[str]:
        """What no one meant."""
        return [p for p in self.problems if not any(part in p for part in self.expected)]


@pytest.fixture
def watch() -> Watch:
    """What goes wrong in the pages of a test."""
    return Watch()


@pytest.fixture
def new_page(chromium: "Browser", server: str, watch: Watch) -> "Iterator[Callable[..., Page]]":
    """Open the page; arguments are those of a browser context."""
    contexts: list[BrowserContext] = []

    def open_page(**options: Any) -> "Page":
        options.setdefault("viewport", {"width": 1280, "height": 860})
        context = chromium.new_context(**options)
        contexts.append(context)
        context.add_init_script(_WATCH)
        page = context.new_page()
        page.set_default_timeout(20_000)
        _listen(page, watch, urlsplit(server).netloc)
        page.goto(server)
        page.wait_for_selector("#legend li")
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            for violation in page.evaluate("window.violations"):
                watch.add(f"policy: {violation}")
        context.close()
    assert watch.unexpected() == []


def _listen(page: "Page", watch: Watch, host: str) -> None:
    def on_console(said: "ConsoleMessage") -> None:
        if said.type == "error":
            watch.add(f"console: {said.text}")

    def on_dialog(dialog: "Dialog") -> None:
        watch.add(f"dialog: {dialog.type}")
        dialog.dismiss()

    def on_request(request: "Request") -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data") and parts.netloc != host:
            watch.add(f"request: {request.url}")

    def on_response(response: "Response") -> None:
        if response.status >= 500:
            watch.add(f"answer: {response.status} {response.url}")

    page.on("pageerror", lambda error: watch.add(f"error: {error}"))
    page.on("console", on_console)
    page.on("dialog", on_dialog)
    page.on("request", on_request)
    page.on("response", on_response)


@pytest.fixture
def page(new_page: "Callable[..., Page]") -> "Page":
    """The page as it opens in a window of a desktop."""
    return new_page()
