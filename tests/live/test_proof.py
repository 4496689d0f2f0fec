"""Rollbacks of schema changes are tried on a scratch schema before anyone approves, and nothing of it stays."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings

from changes import actions, scratch
from changes.models import ExecutedStatement, Ticket
from changes.reserved import PROOF_PREFIX
from changes.states import BackupState, ExecutionState
from tests.changes.people import make_fields, make_person
from tests.live.installation import Installation, open_installation, point_at, prove_on
from tests.live.own_rows import query
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL) COMMENT='who''s who'",
    "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer INT, total DECIMAL(10,2) DEFAULT 0,"
    " KEY by_total (total DESC), CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id))",
    "CREATE VIEW totals AS SELECT customer, SUM(total) AS total FROM orders GROUP BY customer",
    "INSERT INTO customers VALUES (1, 'ann')",
    "INSERT INTO orders (customer, total) VALUES (1, 2.50)",
)


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    with open_installation(server, schema, TABLES) as made:
        yield made


def check(place: Installation, sql: str) -> Ticket:
    """Return the ticket as the approver would see it."""
    fields = make_fields(place.target, sql=sql, schema_name=place.schema)
    return actions.create_ticket(fields, by=make_person("ann"))


def states_of(ticket: Ticket) -> list[str]:
    return [entry["undo_state"] for entry in ticket.inspection["statements"]]


def find_scratch_schemas(server: Server) -> list[str]:
    with contextlib.closing(server.connect()) as connection:
        rows = query(connection, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    return [name for (name,) in rows if name.startswith(PROOF_PREFIX)]


def test_a_way_back_that_works_is_proven_and_shown(place: Installation) -> None:
    ticket = check(place, "ALTER TABLE orders DROP KEY by_total, MODIFY total DECIMAL(12,2) NULL FIRST")
    (entry,) = ticket.inspection["statements"]
    assert entry["undo_state"] == "ddl"
    assert entry["undo_note"].startswith("rollback proven: ALTER TABLE")
    assert f"`{place.schema}`.`orders`" in entry["undo"][0]
    assert not [problem for problem in ticket.problems if problem.id.startswith("rollback.")]
    assert find_scratch_schemas(place.server) == []


def test_the_ticket_is_played_in_order(place: Installation) -> None:
    ticket = check(
        place,
        "ALTER TABLE orders ADD COLUMN note VARCHAR(9); UPDATE orders SET note = 'x';"
        "CREATE INDEX by_note ON orders (note); RENAME TABLE orders TO sales; ALTER TABLE sales DROP KEY by_note;"
        "CREATE TABLE orders LIKE sales;",
    )
    assert states_of(ticket) == ["ddl", "rows", "ddl", "ddl", "ddl", "ddl"]


def test_the_page_says_how_the_server_makes_the_change(place: Installation) -> None:
    ticket = check(
        place,
        "ALTER TABLE orders ADD COLUMN note VARCHAR(9); CREATE INDEX by_note ON orders (note);"
        "ALTER TABLE orders MODIFY total DECIMAL(14,2) DEFAULT 0; ALTER TABLE orders COMMENT 'x', LOCK=NONE;"
        "RENAME TABLE orders TO sales",
    )
    assert states_of(ticket) == ["ddl"] * 5
    words = [entry["effort"] for entry in ticket.inspection["statements"]]
    assert [text.partition(";")[0].partition(":")[0].partition(",")[0] for text in words[:2]] == ["INSTANT", "INPLACE"]
    assert "others read and wait to write" in words[2]
    assert words[3].startswith("INPLACE, others read and write meanwhile; orders has about"), (
        "LOCK=NONE is its author's"
    )
    assert words[4] == ""


def test_the_page_says_that_others_wait_while_values_are_set_aside_however_quick_the_change_is(
    place: Installation,
) -> None:
    ticket = check(place, "ALTER TABLE orders ADD COLUMN note VARCHAR(9); ALTER TABLE orders DROP COLUMN total")
    first, second = (entry["effort"] for entry in ticket.inspection["statements"])
    assert first.startswith("INSTANT: at once")
    assert second.startswith("locked while what it takes away is copied, then IN")


def test_what_is_lost_is_said_before_approval(place: Installation) -> None:
    ticket = check(place, "ALTER TABLE orders MODIFY total DECIMAL(10,1), RENAME TO sales")
    assert states_of(ticket) == ["none"]
    (problem,) = [problem for problem in ticket.problems if problem.id == "rollback.ddl.none"]
    assert "lost are values of column total that its new type cannot hold exactly" in problem.found
    assert "orders is renamed by the same statement" in problem.found
    assert problem.severity == "error"
    fields = make_fields(place.target, sql=ticket.sql, schema_name=place.schema, accepts_loss=True)
    ticket = actions.create_ticket(fields, by=make_person("ann"))
    (problem,) = [problem for problem in ticket.problems if problem.id == "rollback.ddl.none"]
    assert problem.severity == "warning"


def test_a_statement_that_the_server_refuses_is_not_proven_and_the_page_has_its_words(place: Installation) -> None:
    ticket = check(place, "ALTER TABLE orders DROP COLUMN nothing; ALTER TABLE orders ADD x INT")
    assert states_of(ticket) == ["none", "unproven"]
    assert "the server answers 1091" in ticket.inspection["statements"][0]["undo_note"]
    ticket = check(place, "ALTER TABLE orders ADD KEY (nothing); ALTER TABLE orders ADD x INT")
    assert states_of(ticket) == ["unproven", "unproven"]
    found = [problem.found for problem in ticket.problems if problem.id == "rollback.ddl.unproven"]
    assert "the server answers 1072" in found[0]
    assert "statement 1 before it could not be tried" in found[1]
    assert find_scratch_schemas(place.server) == []


def test_nothing_is_tried_on_the_tables_themselves(place: Installation) -> None:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        before = [query(connection, f"SHOW CREATE TABLE {name}") for name in ("orders", "customers", "totals")]
        check(
            place,
            f"ALTER TABLE `{place.schema}`.orders ADD COLUMN x INT, COMMENT '{place.schema}.orders';"
            f"CREATE SQL SECURITY INVOKER VIEW seen AS SELECT {place.schema}.orders.x FROM {place.schema} . orders",
        )
        after = [query(connection, f"SHOW CREATE TABLE {name}") for name in ("orders", "customers", "totals")]
    assert before == after


def test_without_a_server_of_the_same_version_nothing_is_proven_and_the_rollback_works_all_the_same(
    place: Installation, backup_server: Server, settings: Any
) -> None:
    if place.server.name == backup_server.name:
        pytest.skip("the backup server is of the target's version")
    settings.INCEPTION = point_at(backup_server, django_settings.INCEPTION)
    settings.INCEPTION = prove_on(backup_server, settings.INCEPTION)
    ran = place.run("ALTER TABLE orders CHANGE total amount DECIMAL(10,2) COMMENT 'in €'")
    (entry,) = ran.ticket.inspection["statements"]
    assert entry["undo_state"] == "unproven"
    assert "Needed: the same kind" in entry["undo_note"]
    assert ran.ticket.backup_state == BackupState.COMPLETE
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED


def test_a_rollback_does_not_cut_what_was_written_since(place: Installation) -> None:
    ran = place.run("ALTER TABLE customers MODIFY name VARCHAR(60) NOT NULL")
    long = "x" * 50
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, f"INSERT INTO customers VALUES (2, '{long}')")
        back = place.roll_back(ran.ticket)
        assert back.state == ExecutionState.FAILED
        assert "for column 'name'" in back.error
        assert query(connection, "SELECT name FROM customers WHERE id = 2") == [(long,)]


def test_a_rollback_that_leaves_a_table_different_says_so(place: Installation) -> None:
    ran = place.run("ALTER TABLE orders COMMENT 'new', ADD COLUMN x INT")
    statement = ExecutedStatement.objects.get(execution=ran)
    kept = statement.definitions_before
    kept["objects"][0]["text"] = kept["objects"][0]["text"].replace("`total`", "`sum`")
    ExecutedStatement.objects.filter(pk=statement.pk).update(definitions_before=kept)
    back = place.roll_back(ran.ticket)
    # It did change the table, and not to what it was: neither done nor "nothing was changed".
    assert (back.state, back.ticket.backup_state) == (ExecutionState.PARTLY_DONE, BackupState.IMPOSSIBLE)
    assert "The way back ran, and yet" in back.error
    assert "`sum`" in back.error


def test_scratch_schemas_left_behind_are_swept_when_they_are_old(place: Installation) -> None:
    old, young = f"{PROOF_PREFIX}{int(time.time()) - 3700}_00000001", f"{PROOF_PREFIX}{int(time.time()) - 60}_00000002"
    foreign = f"{PROOF_PREFIX}of_somebody"
    with contextlib.closing(place.server.connect()) as connection:
        for name in (old, young, foreign):
            query(connection, f"CREATE DATABASE {name}")
        try:
            assert scratch.sweep(connection) == [old]
            assert sorted(find_scratch_schemas(place.server)) == sorted([young, foreign])
        finally:
            query(connection, f"DROP DATABASE {young}")
            query(connection, f"DROP DATABASE {foreign}")
