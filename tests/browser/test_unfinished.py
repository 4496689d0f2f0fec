"""Stop, kill and decide in a browser: a real worker waits for a row that somebody else holds."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visitor
from tests.browser.product import Product
from tests.browser.test_main_job import write_ticket
from tests.live.own_rows import query

pytestmark = [pytest.mark.browser, pytest.mark.live]

THREE = ";\n".join(f"UPDATE item SET price = {number + 1} WHERE id = {number}" for number in (1, 2, 3))

# What a worker leaves behind when the server's binlog cannot tell what became of its statement.
_LOSE_TRACK = """
from changes.models import *
from django.utils import timezone
ticket = Ticket.objects.get(pk={pk})
execution = Execution.objects.create(ticket=ticket, number=1, state="unknown", content_hash=ticket.content_hash,
    started_at=timezone.now(), finished_at=timezone.now(), connection_id=17, server_version="10.11.19-MariaDB", looks=1,
    server_identity="uuid=7e3f server_id=1 hostname=db1", error="Statement 1: not known.",
    evidence={{"looked_at": timezone.now().isoformat(), "trouble": "the binlog file bin.000001 was purged."}})
ExecutedStatement.objects.create(execution=execution, seq=0, sql=ticket.sql, sql_sha256="0" * 64, kind="UPDATE",
    outcome="unknown", intent_at=timezone.now(), start_file="bin.000001", start_position=4, thread_id=17)
Ticket.objects.filter(pk=ticket.pk).update(state="unknown")
"""


@dataclass(frozen=True)
class Held:
    """A schema with three rows, the first of which another session holds until `release`."""

    schema: str
    connection: Any
    holder: Any

    def release(self) -> None:
        self.holder.rollback()

    def prices(self) -> list[int]:
        return [int(price) for (price,) in query(self.connection, f"SELECT price FROM {self.schema}.item ORDER BY id")]


@pytest.fixture
def held(product: Product) -> Iterator[Held]:
    name = f"it_{uuid.uuid4().hex[:10]}"
    with (
        contextlib.closing(product.server.connect()) as connection,
        contextlib.closing(product.server.connect(autocommit=False)) as holder,
    ):
        query(connection, f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        connection.select_db(name)
        query(connection, "CREATE TABLE item (id INT PRIMARY KEY, price INT) ENGINE=InnoDB")
        query(connection, "INSERT INTO item VALUES (1, 1), (2, 1), (3, 1)")
        query(holder, f"SELECT * FROM `{name}`.item WHERE id = 1 FOR UPDATE")
        yield Held(name, connection, holder)
        holder.rollback()
        query(connection, f"DROP DATABASE `{name}`")


def start(visit: Callable[..., Visitor], held: Held, *, transaction: str, **context: Any) -> Visitor:
    """Let Ann write a ticket and Ben approve it; return Ann at its page, while its first statement waits."""
    ann, ben = visit("ann", **context), visit("ben")
    page = ann.page
    ann.open("/changes/ticket/add/")
    page.select_option("#id_target", index=1)
    page.fill("#id_schema_name", held.schema)
    page.fill("#id_title", "Three prices")
    page.fill("#id_reason", "They are wrong.")
    page.get_by_role("radio", name=re.compile(f"^{transaction}")).check()
    page.locator(".cm-content").click()
    page.keyboard.insert_text(THREE)
    page.get_by_role("button", name="Save and submit").click()
    expect(page.get_by_text("in review").first).to_be_visible()
    ben.page.goto(page.url)
    ben.look()
    ben.page.get_by_role("button", name="Approve").click()
    page.goto(page.url.split("#")[0])
    expect(page.locator("#execution-live").get_by_text("running", exact=True).nth(1)).to_be_visible(timeout=30_000)
    return ann


def test_a_ticket_stops_after_the_statement_that_runs(visit: Callable[..., Visitor], held: Held) -> None:
    ann = start(visit, held, transaction="Each statement by itself")
    ann.look()
    ann.page.get_by_role("button", name="Stop after this statement").click()
    expect(ann.page.locator("#head").get_by_text("stopping", exact=True).first).to_be_visible()
    ann.look()
    held.release()
    expect(ann.page.locator("#head").get_by_text("partly done", exact=True).first).to_be_visible(timeout=30_000)
    ann.look()
    assert held.prices() == [2, 1, 1]
    expect(ann.page.get_by_text("Stopped after statement 1, as asked.").first).to_be_visible()
    ann.page.get_by_role("button", name="Fix and run the rest").click()
    expect(ann.page.locator("#id_title")).to_have_value(re.compile("^Rest of #"))
    ann.look()
    assert "price = 2" not in ann.page.locator("#id_sql").input_value()
    assert "price = 4" in ann.page.locator("#id_sql").input_value()


@pytest.mark.parametrize("context", [{"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}])
def test_a_killed_transaction_leaves_nothing_and_runs_again(
    visit: Callable[..., Visitor], held: Held, context: dict[str, Any]
) -> None:
    ann = start(visit, held, transaction="All in one where that can be", **context)
    expect(ann.page.get_by_text("stopped or killed, it is aborted").first).to_be_visible()
    ann.page.get_by_role("link", name="Kill now…").click()
    ann.look()
    expect(ann.page.get_by_text("nothing of the ticket is applied")).to_be_visible()
    ann.page.get_by_role("button", name=re.compile("^Kill statement 1")).click()
    expect(ann.page.locator("#head").get_by_text("failed", exact=True).first).to_be_visible(timeout=30_000)
    ann.look()
    assert ann.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    held.release()
    assert held.prices() == [1, 1, 1]
    dana = visit("dana")
    dana.page.goto(ann.page.url)
    dana.page.get_by_role("button", name=re.compile("^Run again")).click()
    expect(dana.page.locator("#head").get_by_text("done", exact=True).first).to_be_visible(timeout=30_000)
    assert held.prices() == [2, 3, 4]


@pytest.mark.parametrize("context", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}])
def test_dana_decides_what_nobody_knows(
    visit: Callable[..., Visitor], held: Held, product: Product, context: dict[str, Any]
) -> None:
    ann = visit("ann")
    write_ticket(ann, held.schema, "UPDATE item SET price = 9 WHERE id = 3", "Lost")
    expect(ann.page.get_by_text("in review").first).to_be_visible()
    number = ann.page.url.split("/ticket/")[1].split("/")[0]
    product.manage("shell", "-c", _LOSE_TRACK.format(pk=number))
    ann.page.goto(ann.page.url.split("#")[0])
    expect(ann.page.get_by_text("You may not decide what became of a ticket").first).to_be_visible()
    expect(ann.page.get_by_role("button", name="Record my decision")).to_have_count(0)

    dana = visit("dana", **context)
    dana.open("/")
    expect(dana.page.locator(".urgent").get_by_role("link", name="Lost").first).to_be_visible()
    dana.page.goto(ann.page.url)
    dana.page.get_by_text("Look yourself").click()
    expect(dana.page.get_by_text("SHOW BINLOG EVENTS IN 'bin.000001'")).to_be_visible()
    dana.look()
    assert dana.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    dana.page.get_by_role("radio", name=re.compile("^It did not take effect")).check()
    dana.page.fill("#decide-reason", "The price of item 3 is still 1, and nobody else changes it.")
    dana.page.get_by_role("button", name="Record my decision").click()
    expect(dana.page.locator("#head").get_by_text("failed", exact=True).first).to_be_visible()
    dana.look()
    dana.page.goto(dana.page.url.split("#")[0] + "#activity")
    expect(dana.page.get_by_text("The price of item 3 is still 1").first).to_be_visible()


def test_what_is_being_typed_survives_the_next_look(
    visit: Callable[..., Visitor], held: Held, product: Product
) -> None:
    ann = visit("ann")
    write_ticket(ann, held.schema, "UPDATE item SET price = 9 WHERE id = 3", "Lost again")
    expect(ann.page.get_by_text("in review").first).to_be_visible()
    number = ann.page.url.split("/ticket/")[1].split("/")[0]
    product.manage("shell", "-c", _LOSE_TRACK.format(pk=number))
    dana = visit("dana")
    dana.page.goto(ann.page.url.split("#")[0])
    dana.page.get_by_text("Look yourself").click()
    dana.page.get_by_role("radio", name=re.compile("^It took effect")).check()
    dana.page.fill("#decide-reason", "I am still looking")
    progress = f"/changes/ticket/{number}/progress/"
    with dana.page.expect_response(re.compile(progress)) as answer:
        dana.page.evaluate("url => { htmx.ajax('GET', url, {target: '#poll', swap: 'outerHTML'}); }", progress)
    assert answer.value.status in (200, 286)
    dana.page.wait_for_timeout(500)
    expect(dana.page.locator("#decide-reason")).to_have_value("I am still looking")
    expect(dana.page.get_by_role("radio", name=re.compile("^It took effect"))).to_be_checked()
    expect(dana.page.get_by_text("SHOW BINLOG EVENTS IN 'bin.000001'")).to_be_visible()
