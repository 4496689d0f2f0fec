"""A real browser in front of the real product; what a page logs, breaks or makes unreadable fails its test."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PlaywrightError

from tests.browser.chromium import MISSING, find_chromium, launch_options
from tests.browser.product import PASSWORD, Product
from tests.servers import Server, report_missing

# Playwright keeps an event loop running in this thread, which Django takes for an asynchronous program.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    chromium = find_chromium()
    if chromium is None:
        report_missing(MISSING)
    return launch_options(chromium)


@pytest.fixture(scope="session")
def product(backup_server: Server) -> Iterator[Product]:
    made = Product(backup_server)
    made.start()
    yield made
    made.stop()


class Visitor:
    """One person's browser window. Every page it opens is looked at: console, content policy, accessibility."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.findings: list[str] = []
        self.axe_runs = False
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.findings.append(f"page error: {error}"))

    def _console(self, message: Any) -> None:
        # A stale page or a conflict is answered with 409 on purpose, which the console shows as an error.
        # axe itself sets styles, which the content policy of our pages does not let it.
        if message.type == "error" and "409" not in message.text and not self.axe_runs:
            self.findings.append(f"console at {self.page.url}: {message.text}")

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)
        self.look()

    def look(self) -> None:
        """Check the page that is shown now with axe."""
        for violation in self._ask_axe():
            if violation["impact"] in ("serious", "critical"):
                nodes = [node["html"] for node in violation["nodes"]][:3]
                self.findings.append(f"axe at {self.page.url}: {violation['id']} {nodes}")

    def _ask_axe(self) -> list[dict[str, Any]]:
        """Return axe's findings. A page that is replaced under it, as a click leads on, is looked at again."""
        self.axe_runs = True
        try:
            for _ in range(3):
                with contextlib.suppress(PlaywrightError):
                    # Not wait_for_function: it evaluates text in the page when the page is replaced under it, which
                    # the content policy refuses, now and then.
                    self.page.wait_for_load_state("load")
                    return list(Axe().run(self.page).response["violations"])
            raise AssertionError(f"{self.page.url} did not keep still.")
        finally:
            self.axe_runs = False

    def log_in(self, name: str) -> None:
        self.open("/login/")
        self.page.fill("#id_username", name)
        self.page.fill("#id_password", PASSWORD)
        self.page.click("[type=submit]")
        self.look()


@pytest.fixture
def visit(browser: Browser, product: Product) -> Iterator[Callable[..., Visitor]]:
    """Return a function that opens a window of its own and logs a person in."""
    visitors: list[Visitor] = []

    def make(name: str, **context: Any) -> Visitor:
        page = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **context}).new_page()
        visitor = Visitor(page, product.url)
        visitors.append(visitor)
        visitor.log_in(name)
        return visitor

    yield make
    for visitor in visitors:
        visitor.page.context.close()
    assert [finding for visitor in visitors for finding in visitor.findings] == []
