"""The SQL editor in a browser, on a bare page under the product's content policy: no server is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route

pytestmark = pytest.mark.browser

STATIC = Path(__file__).resolve().parents[2] / "inception_site" / "static" / "inception"
POLICY = "default-src 'self'; script-src 'self' 'nonce-n0'; style-src 'self' 'nonce-n0'; img-src 'self' data:"
SQL = "UPDATE product\nSET price = 1\nWHERE id = 7;"
PROBLEMS = '[{"line": 2, "text": "every price?", "severity": "warning"}]'


def build_page(attributes: str = "", sql: str = SQL) -> str:
    return f"""<!doctype html><html lang="en"><head><title>Editor</title>
    <link rel="stylesheet" href="/tokens.css"></head><body><main><h1>Ticket</h1><form action="/sent" method="get">
    <label for="sql">SQL</label>
    <textarea id="sql" name="sql" rows="4" required data-sql-editor="mysql" {attributes}>{escape(sql)}</textarea>
    <button id="send">Send</button></form></main>
    <script src="/editor.js" nonce="n0"></script></body></html>"""


@pytest.fixture
def open_editor(page: Page) -> Iterator[Callable[..., Page]]:
    """Return a function that shows the page; what the browser complains about fails the test."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def show(attributes: str = "", sql: str = SQL) -> Page:
        def answer(route: Route) -> None:
            name = route.request.url.split("/")[3].partition("?")[0]
            if name.endswith((".js", ".css")):
                route.fulfill(path=STATIC / name)
            else:
                headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": POLICY}
                route.fulfill(body=build_page(attributes, sql), headers=headers)

        page.route("**/*", answer)
        page.goto("http://editor.test/")
        return page

    yield show
    assert complaints == []


def value(page: Page) -> str:
    return page.locator("#sql").input_value()


def test_what_is_typed_is_in_the_field_at_once(open_editor: Callable[..., Page]) -> None:
    page = open_editor()
    page.locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nDELETE FROM t;")
    assert value(page) == SQL + "\nDELETE FROM t;"


def test_the_form_sends_what_is_shown(open_editor: Callable[..., Page]) -> None:
    page = open_editor(sql="SELECT 'é';")
    page.locator("#send").click()
    page.wait_for_url("**/sent?*")
    assert page.evaluate("new URLSearchParams(location.search).get('sql')") == "SELECT 'é';"


def test_an_untouched_text_keeps_every_character(open_editor: Callable[..., Page]) -> None:
    odd = "a\tb  \n\n'x\u200by' -- \u00a0\u2028 end\n"
    page = open_editor(sql="\n" + odd)  # HTML drops the first line break of a textarea
    assert value(page) == odd
    page.locator(".cm-content").click()
    assert value(page) == odd


def test_tab_leaves_the_editor(open_editor: Callable[..., Page]) -> None:
    page = open_editor()
    page.locator(".cm-content").click()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "send"
    assert value(page) == SQL


def test_its_label_names_it_and_leads_into_it(open_editor: Callable[..., Page]) -> None:
    page = open_editor()
    page.locator("label").click()
    assert page.get_by_role("textbox", name="SQL").evaluate("node => node === document.activeElement")
    violations = Axe().run(page).response["violations"]
    assert [found["id"] for found in violations if found["impact"] in ("serious", "critical")] == []


def test_problems_are_marked_at_their_lines_and_follow_the_attribute(open_editor: Callable[..., Page]) -> None:
    page = open_editor(f"data-problems='{PROBLEMS}'")
    assert page.locator(".cm-lintRange-warning").inner_text() == "SET price = 1"
    page.locator(".cm-lint-marker-warning").hover()
    page.get_by_text("every price?").wait_for()
    page.locator("#sql").evaluate('node => { node.dataset.problems = \'[{"line": 3, "text": "no"}]\'; }')
    page.locator(".cm-lintRange-error").wait_for()
    assert page.locator(".cm-lintRange-warning").count() == 0
    assert page.locator(".cm-content").get_attribute("aria-invalid") == "true"


def test_a_text_of_a_problem_is_never_html(open_editor: Callable[..., Page]) -> None:
    page = open_editor("""data-problems='[{"line": 1, "text": "<img src=x onerror=alert(1)>"}]'""")
    page.locator(".cm-lint-marker-error").hover()
    page.get_by_text("<img src=x onerror=alert(1)>").wait_for()
    assert page.locator("img").count() == 0


def test_read_only_text_can_be_read_and_not_changed(open_editor: Callable[..., Page]) -> None:
    page = open_editor("readonly")
    page.locator(".cm-content").focus()
    page.keyboard.type("x")
    assert value(page) == SQL


def test_another_script_that_writes_the_field_is_seen(open_editor: Callable[..., Page]) -> None:
    page = open_editor()
    page.locator("#sql").evaluate("node => { node.value = 'SELECT 2'; node.dispatchEvent(new Event('change')); }")
    assert page.locator(".cm-content").inner_text() == "SELECT 2"
