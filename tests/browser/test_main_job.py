"""The main job in a browser: three people take one change there and back on a real server with a real worker."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.product import Product
from tests.live.conftest import read_rows
from tests.live.own_rows import query

pytestmark = [pytest.mark.browser, pytest.mark.live]

SQL = """UPDATE product SET price = price * 0.9, note = 'Sommer ☀ 🏖 "sale"' WHERE season = 'summer';
DELETE FROM product WHERE id = 7"""

PAGES = (
    "/",
    "/changes/ticket/",
    "/changes/ticket/add/",
    "/changes/target/",
    "/backups/backupschema/",
    "/django_rq/dashboard/",
    "/auth/user/",
    "/password_change/",
)


@pytest.fixture
def shop(product: Product) -> Iterator[tuple[str, Any]]:
    """A schema with products and an exact copy of them."""
    name = f"it_{uuid.uuid4().hex[:10]}"
    with contextlib.closing(product.server.connect()) as connection:
        query(connection, f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        connection.select_db(name)
        query(
            connection,
            "CREATE TABLE product (id INT PRIMARY KEY, name VARCHAR(40), season VARCHAR(10), price DECIMAL(10,2),"
            " note TEXT, changed TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3))",
        )
        rows = ", ".join(
            f"({n}, 'Artikel {n}', '{'summer' if n % 2 else 'winter'}', {n}.50, NULL, '2026-03-04 05:06:07.089')"
            for n in range(1, 21)
        )
        query(connection, f"INSERT INTO product VALUES {rows}")
        query(connection, "CREATE TABLE copy AS SELECT * FROM product")
        yield name, connection
        query(connection, f"DROP DATABASE `{name}`")


def write_ticket(visitor: Visitor, schema: str, sql: str, title: str) -> None:
    """Fill in the form as a person does, in the editor."""
    page = visitor.page
    visitor.open("/")
    page.get_by_role("link", name="New ticket").first.click()
    visitor.look()
    page.select_option("#id_target", index=1)
    page.fill("#id_schema_name", schema)
    page.fill("#id_title", title)
    page.fill("#id_reason", "The catalogue for the autumn.")
    page.locator(".cm-content").click()
    page.keyboard.insert_text(sql)
    page.get_by_role("button", name="Save and submit").click()


def test_three_people_take_a_change_there_and_back(
    visit: Callable[..., Visitor], shop: tuple[str, Any], product: Product
) -> None:
    schema, connection = shop
    before = read_rows(connection, f"{schema}.product")

    ann = visit("ann")
    write_ticket(ann, schema, SQL, "Reprice the summer catalogue")
    expect(ann.page.get_by_text("in review").first).to_be_visible()
    ann.look()
    ticket_url = ann.page.url
    expect(ann.page.locator(".blocked")).to_have_text("You submitted this ticket; somebody else must decide.")
    expect(ann.page.get_by_role("button", name="Approve")).to_have_count(0)

    ben = visit("ben")
    ben.page.goto(ticket_url)
    ben.look()
    ben.page.fill("#comment", "Prices checked.")
    ben.page.get_by_role("button", name="Approve").click()
    expect(ben.page.locator("#head").get_by_text("done", exact=True).first).to_be_visible(timeout=30_000)
    ben.look()
    # The rows keep their count in three places, and all of them agree.
    ben.page.goto(ticket_url + "#execution")
    expect(ben.page.locator("#execution-live").get_by_text("10 = 10 = 10")).to_be_visible()
    expect(ben.page.locator("#execution-live").get_by_text("1 = 1 = 1")).to_be_visible()
    assert read_rows(connection, f"{schema}.product") != before

    dana = visit("dana")
    dana.open("/")
    dana.page.get_by_role("link", name="Backups").click()
    dana.look()
    dana.page.fill("#q", schema)
    dana.page.get_by_role("button", name="Find").click()
    dana.page.get_by_role("link", name=re.compile(schema)).click()
    dana.look()
    dana.page.get_by_role("link", name=re.compile("UPDATE product")).click()
    dana.look()
    expect(dana.page.get_by_text("Sommer ☀").first).to_be_visible()
    expect(dana.page.get_by_text("1.50").first).to_be_visible()
    expect(dana.page.get_by_text("1.35").first).to_be_visible()
    dana.page.get_by_role("link", name="Rollback SQL").click()
    dana.look()

    dana.page.goto(ticket_url)
    dana.page.get_by_role("link", name="Roll back…").first.click()
    dana.look()
    expect(dana.page.get_by_text("as we left them")).to_be_visible()
    dana.page.get_by_role("button", name="Dry run").click()
    dana.look()
    assert read_rows(connection, f"{schema}.product") != before
    dana.page.get_by_role("button", name=re.compile("^Roll back 11 rows")).click()
    expect(dana.page.locator("#head").get_by_text("done", exact=True).first).to_be_visible(timeout=30_000)
    dana.look()
    assert read_rows(connection, f"{schema}.product") == before
    columns = "id, name, season, price, note, changed"
    differing = f"SELECT {columns} FROM product EXCEPT SELECT {columns} FROM copy"
    assert query(connection, differing) == []

    dana.page.goto(ticket_url)
    expect(dana.page.locator("#head").get_by_text("rolled back").first).to_be_visible()


def test_a_row_changed_meanwhile_stops_the_rollback_and_is_shown(
    visit: Callable[..., Visitor], shop: tuple[str, Any]
) -> None:
    schema, connection = shop
    ann, ben, dana = visit("ann"), visit("ben"), visit("dana")
    write_ticket(ann, schema, "UPDATE product SET price = 1 WHERE id IN (1, 2)", "One price")
    expect(ann.page.get_by_text("in review").first).to_be_visible()
    ben.page.goto(ann.page.url)
    ben.page.get_by_role("button", name="Approve").click()
    expect(ben.page.locator("#head").get_by_text("done", exact=True).first).to_be_visible(timeout=30_000)
    query(connection, "UPDATE product SET note = 'somebody else' WHERE id = 2")
    now = read_rows(connection, f"{schema}.product")
    dana.page.goto(ann.page.url)
    dana.page.get_by_role("link", name="Roll back…").first.click()
    dana.look()
    expect(dana.page.get_by_text("somebody else").first).to_be_visible()
    expect(dana.page.get_by_role("button", name=re.compile("^Roll back 1 row"))).to_be_disabled()
    assert read_rows(connection, f"{schema}.product") == now


def test_an_approval_of_a_stale_page_decides_nothing(visit: Callable[..., Visitor], shop: tuple[str, Any]) -> None:
    schema, _ = shop
    ann, ben = visit("ann"), visit("ben")
    write_ticket(ann, schema, "UPDATE product SET price = 2 WHERE id = 1", "Two")
    expect(ann.page.get_by_text("in review").first).to_be_visible()
    ticket_url = ann.page.url.split("#")[0]
    ben.page.goto(ticket_url)
    ann.page.get_by_role("link", name="Edit").click()
    ann.page.locator(".cm-content").click()
    ann.page.keyboard.press("ControlOrMeta+A")
    ann.page.keyboard.insert_text("UPDATE product SET price = 3 WHERE id = 1")
    ann.page.get_by_role("button", name="Save and submit").click()
    expect(ann.page.get_by_text("in review").first).to_be_visible()
    with ben.page.expect_response(lambda response: response.url.endswith("/approve/")) as answer:
        ben.page.get_by_role("button", name="Approve").click()
    assert answer.value.status == 409
    expect(ben.page.get_by_text("The ticket changed after your page was loaded.").first).to_be_visible()


@pytest.mark.parametrize("context", [{"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}])
def test_every_page_is_readable_in_the_dark_and_on_a_telephone(
    visit: Callable[..., Visitor], shop: tuple[str, Any], context: dict[str, Any]
) -> None:
    dana = visit("dana", **context)
    for path in (
        "/",
        "/changes/ticket/",
        "/changes/ticket/add/",
        "/changes/target/",
        "/backups/backupschema/",
        "/password_change/",
    ):
        dana.open(path)
        width = dana.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert width <= 0, f"{path} is {width} pixels too wide"
