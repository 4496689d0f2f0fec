"""What a schema change destroys is set aside on the target first, and comes back with the rollback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import MySQLdb
import pytest
from django.conf import settings as django_settings

from backups import schema_undo
from changes import actions, ddl_undo, execution, keeping, kept_data
from changes.errors import ChangeError, CheckFailedError
from changes.models import ExecutedStatement, Ticket
from changes.purge import purge
from changes.reserved import KEPT_PREFIX
from changes.retention import read_kept
from changes.statements import check_statements
from changes.states import BackupState, ExecutionState, Outcome
from changes.targets import read_facts
from tests.changes.people import make_fields, make_person
from tests.live.installation import Installation, point_at, prove_on
from tests.live.kept_place import find_kept, open_place, run_sql, state_of, submit
from tests.live.own_rows import query
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)",
    "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, person INT, total DECIMAL(10,2), note TEXT,"
    " at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, KEY by_note (note(5)),"
    " CONSTRAINT of_person FOREIGN KEY (person) REFERENCES people (id), CONSTRAINT pos CHECK (total > 0))"
    " AUTO_INCREMENT=100",
    "CREATE TABLE watched (id INT PRIMARY KEY, v INT)",
    "CREATE TRIGGER on_watched BEFORE UPDATE ON watched FOR EACH ROW SET NEW.v = NEW.v + 1",
    "INSERT INTO people VALUES (1, 'ann'), (2, 'ben')",
    "INSERT INTO orders (person, total, note, at) VALUES (1, 2.50, 'é', '2020-01-01'), (2, 7, NULL, '2021-01-01')",
    "INSERT INTO watched VALUES (1, 1)",
)


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    with open_place(server, schema, TABLES) as made:
        yield made


def counter_of(place: Installation) -> int:
    """Return the id that the next row of `orders` gets, as the table's definition says."""
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        text = query(connection, "SHOW CREATE TABLE orders")[0][1]
    return int(text.partition("AUTO_INCREMENT=")[2].partition(" ")[0] or 1)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE orders",
        "DROP TABLE people, orders",
        "TRUNCATE TABLE orders",
        "ALTER TABLE orders DROP COLUMN note, DROP COLUMN total, DROP CONSTRAINT pos",
        "UPDATE orders SET total = 3; TRUNCATE orders; INSERT INTO orders (person, total) VALUES (1, 1)",
        "ALTER TABLE orders ADD COLUMN x INT; ALTER TABLE orders DROP COLUMN note; UPDATE orders SET x = 1;"
        "DROP TABLE orders",
    ],
)
def test_it_comes_back_exactly(place: Installation, sql: str) -> None:
    before, counter = state_of(place), counter_of(place)
    ran = place.run(sql, accepts_loss=False)
    assert ran.state == ExecutionState.SUCCEEDED, ran.error
    assert ran.ticket.backup_state == BackupState.COMPLETE
    assert not [problem for problem in ran.ticket.problems if problem.id.startswith("rollback.")]
    assert state_of(place) != before
    assert len(find_kept(place.server)) == sum(word in sql for word in ("DROP TABLE", "TRUNCATE", "DROP COLUMN note"))
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert state_of(place) == before
    assert counter_of(place) == counter


def test_an_emptied_table_takes_rows_like_before(place: Installation) -> None:
    place.run("TRUNCATE orders", accepts_loss=False)
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "INSERT INTO orders (person, total) VALUES (1, 5)")
        assert query(connection, "SELECT id, person FROM orders") == [(1, 1)]
        with pytest.raises(Exception, match="foreign key constraint fails"):
            query(connection, "INSERT INTO orders (person, total) VALUES (99, 5)")
        query(connection, "DELETE FROM people WHERE id = 2")  # the rows that were set aside do not hold their parents


def test_rows_written_since_stop_the_rollback_of_a_truncate(place: Installation) -> None:
    ran = place.run("TRUNCATE orders", accepts_loss=False)
    run_sql(place, "INSERT INTO orders (person, total) VALUES (1, 5)")
    changed = state_of(place)
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.CONFLICTED
    assert "the table holds rows" in back.rollback_result["conflicts"][0]["detail"]
    assert state_of(place) == changed


def test_nobody_can_write_between_the_look_and_the_replacing_of_an_emptied_table(place: Installation) -> None:
    ran = place.run("TRUNCATE orders", accepts_loss=False)
    before, tried = state_of(place), list[str]()
    look = schema_undo.SchemaUndo._keeps_rows

    def look_and_write(run: Any, text: str) -> bool:
        found = look(run, text)
        if text.startswith("DROP TABLE"):
            with pytest.raises(MySQLdb.OperationalError, match="1205"):
                run_sql(place, "SET SESSION lock_wait_timeout = 1", "INSERT INTO orders (person, total) VALUES (1, 5)")
            tried.append(text)
        return found

    with patch("backups.schema_undo.SchemaUndo._keeps_rows", look_and_write):
        assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert len(tried) == 1
    assert state_of(place) != before


def test_rows_added_and_deleted_since_stay_so_when_a_column_comes_back(place: Installation) -> None:
    ran = place.run("ALTER TABLE orders DROP COLUMN note", accepts_loss=False)
    run_sql(place, "DELETE FROM orders WHERE id = 100")
    run_sql(place, "INSERT INTO orders (person, total) VALUES (2, 9)")
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        assert query(connection, "SELECT id, note FROM orders") == [(101, None), (102, None)]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("ALTER TABLE watched DROP COLUMN v", "has a trigger that putting the values back would fire"),
        ("ALTER TABLE orders DROP FOREIGN KEY of_person; TRUNCATE people", ""),
        ("TRUNCATE people", "has a foreign key to people"),
    ],
)
def test_what_cannot_be_set_aside_needs_a_word_of_the_submitter(place: Installation, sql: str, reason: str) -> None:
    fields = make_fields(place.target, sql=sql, schema_name=place.schema)
    ticket = actions.create_ticket(fields, by=make_person("ann"))
    with pytest.raises(CheckFailedError, match="This data will be lost" if reason else "has a foreign key to people"):
        actions.submit(ticket, by=make_person("ann"))
    found = [problem.found for problem in ticket.problems if problem.id == "rollback.ddl.none"]
    assert reason in found[0]


def test_an_obstacle_that_came_after_the_approval_stops_the_statement_before_it_is_sent(place: Installation) -> None:
    ticket = submit(place, "TRUNCATE orders")
    run_sql(place, "CREATE TABLE late (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES orders (id))")
    before = state_of(place)
    actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
    done = execution.run(Ticket.objects.get(pk=ticket.pk).executions.get().pk)
    assert done is not None
    statement = done.statements.get()
    assert statement.outcome == Outcome.FAILED
    assert "late has a foreign key to orders" in statement.error
    assert "it was not sent" in statement.error
    assert state_of(place) == before
    assert find_kept(place.server) == []


def test_a_table_that_changed_after_the_approval_stops_the_statement_before_it_is_sent(place: Installation) -> None:
    ticket = submit(place, "ALTER TABLE orders ADD COLUMN x INT; ALTER TABLE orders ADD COLUMN y INT")
    run_sql(place, "ALTER TABLE orders MODIFY note LONGTEXT")
    before = state_of(place)
    actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
    done = execution.run(Ticket.objects.get(pk=ticket.pk).executions.get().pk)
    assert done is not None
    first, second = done.statements.order_by("seq")
    assert (first.outcome, second.outcome) == (Outcome.FAILED, Outcome.NOT_RUN)
    assert "orders is no longer as it was when the rollback of this statement was proven" in first.error
    assert state_of(place) == before


def test_a_statement_that_fails_brings_everything_back(place: Installation) -> None:
    run_sql(place, "CREATE TABLE passing (id INT PRIMARY KEY)")
    ticket = submit(place, "DROP TABLE orders, passing")
    run_sql(place, "DROP TABLE passing")
    before = state_of(place)
    actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
    done = execution.run(Ticket.objects.get(pk=ticket.pk).executions.get().pk)
    assert done is not None
    assert done.statements.get().outcome == Outcome.FAILED
    assert state_of(place) == before
    assert find_kept(place.server) == []


@pytest.mark.parametrize("sql", ["TRUNCATE orders", "DROP TABLE orders", "ALTER TABLE orders DROP COLUMN note"])
def test_another_worker_can_bring_back_what_was_set_aside_by_one_that_died(place: Installation, sql: str) -> None:
    before = state_of(place)
    statement = check_statements(sql, place.schema, 1000).statements[0]
    with contextlib.closing(place.server.connect(database=place.schema)) as first:
        record = ddl_undo.read_before(first, statement, place.schema)
        schema = keeping.name_schema("0badf00d", 1, 0)
        request = keeping.Request(read_facts(first), statement, place.schema, schema, 1024)
        record["kept"] = keeping.require(first, request, record, ())
        kept_data.begin(first, record)
    assert find_kept(place.server) == [schema]
    with contextlib.closing(place.server.connect(database=place.schema)) as second:
        assert kept_data.bring_back(second, record) == ""
        assert kept_data.bring_back(second, record) == ""
    assert state_of(place) == before
    assert find_kept(place.server) == []


@pytest.mark.parametrize("sql", ["TRUNCATE orders", "DROP TABLE orders", "ALTER TABLE orders DROP COLUMN note"])
def test_a_rollback_changes_nothing_when_what_was_set_aside_is_gone(place: Installation, sql: str) -> None:
    ran = place.run(sql, accepts_loss=False)
    changed = state_of(place)
    with contextlib.closing(place.server.connect()) as connection:
        query(connection, f"DROP DATABASE `{find_kept(place.server)[0]}`")
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.FAILED, back.error
    assert state_of(place) == changed


def test_what_was_set_aside_is_purged_with_a_word_on_its_ticket(place: Installation) -> None:
    ran = place.run("TRUNCATE orders", accepts_loss=False)
    (name,) = find_kept(place.server)
    foreign = f"{KEPT_PREFIX}1_0_1000000000"  # of another installation
    run_sql(place, f"CREATE DATABASE {foreign}")
    found = read_kept([place.target], older_than=timedelta(0))[place.target.pk]
    assert found.strangers == (foreign,)
    (kept,) = found.items
    assert (kept.schema_name, kept.is_needed, kept.statement.execution_id) == (name, True, ran.pk)
    assert ExecutedStatement.objects.get(execution=ran).backup_state == BackupState.COMPLETE
    purge(found.items, by=None)
    assert find_kept(place.server) == [foreign]
    statement = ExecutedStatement.objects.get(execution=ran)
    assert statement.backup_state == BackupState.EXPIRED
    assert "what it took away was kept since" in statement.backup_reason
    with pytest.raises(ChangeError, match="cannot be rolled back any more"):
        place.roll_back(ran.ticket)


def test_what_was_rolled_back_is_purged_as_needed_no_more(place: Installation) -> None:
    ran = place.run("DROP TABLE orders", accepts_loss=False)
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    (kept,) = read_kept([place.target], older_than=timedelta(0))[place.target.pk].items
    assert not kept.is_needed
    assert purge([kept], by=None).done == [kept]
    assert find_kept(place.server) == []
    assert "undone already" in ran.ticket.activities.get(verb="purge").text


def test_the_record_has_all_that_is_needed(place: Installation) -> None:
    ran = place.run("ALTER TABLE orders DROP COLUMN note", accepts_loss=False)
    kept = ExecutedStatement.objects.get(execution=ran).definitions_before["kept"]
    assert [(entry["table_name"], entry["columns"], entry["key"]) for entry in kept] == [("orders", ["note"], ["id"])]
    assert kept[0]["kept_schema"] in find_kept(place.server)
