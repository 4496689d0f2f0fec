"""A worker of the product that dies, or freezes, while its online tool copies: another one settles it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.product import Product
from tests.live.own_rows import query
from tests.live.test_online_change import find_tool
from tests.servers import Server

pytestmark = pytest.mark.live

ROWS = 150_000
WAIT_SECONDS = 90
_SUBMIT = """
from django.contrib.auth.models import User
from changes import actions
from changes.models import Target
from tests.changes.people import make_fields
target = Target.objects.get()
target.online_tool, target.online_from_mib = "pt_osc", 0
target.save()
people = {{user.username: user for user in User.objects.all()}}
fields = make_fields(target, sql="ALTER TABLE big MODIFY a BIGINT", schema_name={schema!r})
ticket = actions.create_ticket(fields, by=people["ann"])
actions.submit(ticket, by=people["ann"])
actions.approve(ticket, by=people["ben"], content_hash=ticket.content_hash)
print("ticket", ticket.pk)
"""


class OnlineProduct(Product):
    @property
    def environment(self) -> dict[str, str]:
        more = {
            "ONLINE__PT_OSC": find_tool(),
            "ONLINE__CHUNK_MILLISECONDS": "10",
            "WORKER__LEASE_SECONDS": "2",
            "WORKER__TAKEOVER_SECONDS": "1",
        }
        return super().environment | {f"INCEPTION__{key}": value for key, value in more.items()}

    def ask(self, expression: str) -> str:
        text = f"from changes.models import *; print('answer', {expression})"
        return self.manage("shell", "-c", text).rpartition("answer")[2].strip()


@pytest.fixture(scope="module")
def product(backup_server: Server) -> Iterator[OnlineProduct]:
    find_tool()
    made = OnlineProduct(backup_server)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def table(product: OnlineProduct) -> Iterator[str]:
    name = f"it_online_{time.monotonic_ns()}"
    with contextlib.closing(product.server.connect()) as connection:
        query(connection, f"CREATE DATABASE `{name}`")
        query(connection, f"USE `{name}`")
        query(connection, "CREATE TABLE big (id INT PRIMARY KEY AUTO_INCREMENT, a INT, b VARCHAR(80))")
        query(connection, "INSERT INTO big (a, b) VALUES " + ", ".join(f"({n}, '{'x' * 60}')" for n in range(1000)))
        while int(query(connection, "SELECT COUNT(*) FROM big")[0][0]) < ROWS:
            query(connection, "INSERT INTO big (a, b) SELECT a + 1, b FROM big LIMIT 50000")
        query(connection, "ANALYZE TABLE big")
        yield name
        query(connection, f"DROP DATABASE `{name}`")


def wait_for(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def find_running_tool(schema: str) -> tuple[int, int] | None:
    """Return the process ids of the tool that changes a table of `schema`, and of its worker."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"D={schema},".encode() not in (folder / "cmdline").read_bytes():
                continue
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            if status[0] != "Z":
                return int(folder.name), int(status[1])
    return None


def read_table(product: OnlineProduct, schema: str) -> tuple[str, object]:
    """Return its definition and checksum. The server keeps a counter to itself until it opens the table anew."""
    ((_, text),) = look(product, schema, "SHOW CREATE TABLE big")
    return re.sub(r" AUTO_INCREMENT=\d+", "", str(text)), look(product, schema, "CHECKSUM TABLE big")


def look(product: OnlineProduct, schema: str, sql: str) -> list[tuple[object, ...]]:
    with contextlib.closing(product.server.connect(database=schema)) as connection:
        return query(connection, sql)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_goes_away_while_its_tool_copies_leaves_the_table_as_it_was(
    product: OnlineProduct, table: str, number: signal.Signals
) -> None:
    before = read_table(product, table)
    ticket = product.manage("shell", "-c", _SUBMIT.format(schema=table)).split()[-1]
    wait_for(lambda: bool(look(product, table, "SHOW TRIGGERS")))
    found = find_running_tool(table)
    assert found is not None
    worker = found[1]
    os.kill(worker, number)
    try:
        if number is signal.SIGKILL:
            wait_for(lambda: find_running_tool(table) is None, 5)
        wait_for(lambda: product.ask(f"Ticket.objects.get(pk={ticket}).state") == "failed")
        # A frozen worker's tool is still there: its sessions were ended, and no new one is let in.
        wait_for(lambda: find_running_tool(table) is None)
    finally:
        if number is signal.SIGSTOP:
            os.kill(worker, signal.SIGCONT)
    time.sleep(3)  # a worker that wakes may do no harm
    assert look(product, table, "SHOW TABLES") == [("big",)]
    assert look(product, table, "SHOW TRIGGERS") == []
    assert read_table(product, table) == before
    assert product.ask(f"Ticket.objects.get(pk={ticket}).state") == "failed"
    assert product.ask(f"ExecutedStatement.objects.get(execution__ticket={ticket}).outcome") == "aborted"
    assert product.ask(f"ExecutedStatement.objects.get(execution__ticket={ticket}).online['open']") == "False"
