"""Tickets on real servers, the whole way: checked, approved by another person, executed, captured, rolled back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import MySQLdb
import pytest
from django.conf import settings as django_settings

from backups.schema import build_schema_name
from changes import actions
from changes.errors import ChangeError, CheckFailedError
from changes.states import BackupState, ExecutionState, RollbackState, TicketState
from tests.changes.people import make_fields, make_person
from tests.live.installation import Installation, point_at, register
from tests.live.own_rows import query
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(40), n INT, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"
    " ON UPDATE CURRENT_TIMESTAMP)",
    "CREATE TABLE b (id INT, v VARCHAR(40), n INT)",  # no key, and twins in it
    "CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(80))",
    "INSERT INTO a (id, v, n, at) SELECT seq, CONCAT('row ', seq), seq, '2026-01-02 03:04:05' FROM numbers",
    "INSERT INTO b SELECT seq MOD 20, CONCAT('x', seq MOD 5), 1 FROM numbers",
)
STATEMENTS = (
    "INSERT INTO a (id, v, n) VALUES (1001, 'it''s \\\\ \"new\"', 1), (1002, '日本', 2)",
    "UPDATE a SET v = CONCAT(v, '!'), n = n + 1 WHERE id <= 50",
    "DELETE FROM a WHERE id BETWEEN 60 AND 70",
    "REPLACE INTO a (id, v, n) VALUES (1, 'replaced', 0), (2001, 'fresh', 0)",
    "INSERT INTO a (id, v, n) SELECT id + 3000, v, n FROM a WHERE id <= 10",
    "UPDATE a JOIN b ON a.id = b.id SET a.v = 'joined', b.n = b.n + 10 WHERE a.id <= 5",
    "DELETE a, b FROM a JOIN b ON a.id = b.id WHERE a.id IN (6, 7)",
    "INSERT INTO b VALUES (1, 'x1', 1), (1, 'x1', 1)",
    "UPDATE b SET v = 'all' WHERE id = 3",
    "DELETE FROM b WHERE id = 4",
)


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = point_at(backup_server, django_settings.INCEPTION)
    connection = server.connect(database=schema)
    query(connection, "CREATE TABLE numbers (seq INT PRIMARY KEY)")
    query(connection, "INSERT INTO numbers VALUES " + ",".join(f"({n})" for n in range(1, 101)))
    for sql in TABLES:
        query(connection, sql)
    with patch("changes.jobs.ring"):
        yield Installation(server, schema, register(server))
    connection.close()


def dump(server: Server, schema: str, table: str, where: str = "1") -> list[tuple[Any, ...]]:
    """Return the rows of a table, every column in HEX, in one order."""
    with contextlib.closing(server.connect(database=schema)) as connection:
        names = [row[0] for row in query(connection, f"SHOW COLUMNS FROM `{table}`")]
        columns = ", ".join(f"HEX(CAST(`{name}` AS BINARY))" for name in names)
        return sorted(query(connection, f"SELECT {columns} FROM `{table}` WHERE {where}"), key=repr)


@contextlib.contextmanager
def others_writing(server: Server, schema: str) -> Iterator[list[int]]:
    """Three sessions that write to the same tables all the time, on rows of their own (ids from 100000)."""
    stop, counts = threading.Event(), [0, 0, 0]

    def write(number: int) -> None:
        with contextlib.closing(server.connect(database=schema)) as connection:
            while not stop.is_set():
                counts[number] += 1
                row = 100_000 * (number + 1) + counts[number]
                with contextlib.suppress(MySQLdb.OperationalError):  # a lock wait behind ours
                    query(connection, f"INSERT INTO a (id, v, n) VALUES ({row}, 'other', 0)")
                    query(connection, f"UPDATE a SET n = n + 1 WHERE id = {row}")
                    query(connection, f"INSERT INTO b VALUES ({row}, 'other', 0)")
                    query(connection, f"DELETE FROM b WHERE id = {row}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_every_statement_is_undone_while_others_write(place: Installation) -> None:
    before = {table: dump(place.server, place.schema, table, "id < 100000") for table in ("a", "b")}
    with others_writing(place.server, place.schema) as counts:
        ran = place.run(";\n".join(STATEMENTS))
        assert ran.state == ExecutionState.SUCCEEDED, ran.error
        assert [(s.seq, s.backup_state, s.backup_reason) for s in ran.statements.all()] == [
            (number, BackupState.COMPLETE, "") for number in range(len(STATEMENTS))
        ]
        for statement in ran.statements.all():
            assert statement.rows_captured == statement.records_stored == statement.rows_archived
        assert dump(place.server, place.schema, "a", "id < 100000") != before["a"]
        back = place.roll_back(ran.ticket)
    assert min(counts) > 3
    assert back.state == ExecutionState.SUCCEEDED, (back.error, back.rollback_result)
    assert {table: dump(place.server, place.schema, table, "id < 100000") for table in before} == before
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.DONE
    assert back.rollback_result["rows_restored"] == sum(s.rows_captured or 0 for s in ran.statements.all())


def test_a_rollback_is_rolled_back_by_the_same_button(place: Installation) -> None:
    before = dump(place.server, place.schema, "a")
    ran = place.run("UPDATE a SET v = 'x' WHERE id <= 10; DELETE FROM a WHERE id = 20")
    changed = dump(place.server, place.schema, "a")
    back = place.roll_back(ran.ticket)
    assert dump(place.server, place.schema, "a") == before
    again = place.roll_back(back.ticket)
    assert again.state == ExecutionState.SUCCEEDED, again.error
    assert dump(place.server, place.schema, "a") == changed
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.NONE
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert dump(place.server, place.schema, "a") == before


def test_a_row_changed_since_stops_the_rollback_and_is_named(place: Installation) -> None:
    ran = place.run("UPDATE a SET v = 'ours' WHERE id IN (1, 2, 3)")
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "UPDATE a SET n = 99 WHERE id = 2")
    now = dump(place.server, place.schema, "a")
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.CONFLICTED
    assert dump(place.server, place.schema, "a") == now
    assert [(c["table"], c["key"], c["reason"]) for c in back.rollback_result["conflicts"]] == [
        ("a", "id=2", "changed")
    ]
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.CONFLICTED
    skipped = place.roll_back(ran.ticket, on_conflict="skip")
    assert (skipped.state, skipped.rollback_result["rows_skipped"]) == (ExecutionState.SUCCEEDED, 1)
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.PARTIAL


def test_overwriting_needs_a_reason_and_puts_the_old_row_back(place: Installation) -> None:
    before = dump(place.server, place.schema, "a")
    ran = place.run("UPDATE a SET v = 'ours' WHERE id = 5")
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "UPDATE a SET n = 99 WHERE id = 5")
    with pytest.raises(ChangeError, match="needs a reason"):
        place.roll_back(ran.ticket, on_conflict="overwrite")
    back = place.roll_back(ran.ticket, on_conflict="overwrite", reason="The other change was part of the mistake.")
    assert (back.state, back.rollback_result["rows_overwritten"]) == (ExecutionState.SUCCEEDED, 1)
    assert dump(place.server, place.schema, "a") == before


def test_one_statement_of_several_is_undone(place: Installation) -> None:
    ran = place.run("UPDATE a SET v = 'one' WHERE id = 1; UPDATE a SET v = 'two' WHERE id = 2")
    place.roll_back(ran.ticket, 1)
    rows = dict(query(place.server.connect(database=place.schema), "SELECT id, v FROM a WHERE id IN (1, 2)"))
    assert rows == {1: "one", 2: "row 2"}
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.PARTIAL
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.DONE


def test_a_statement_that_fails_stops_the_ticket_and_the_others_can_be_undone(place: Installation) -> None:
    before = dump(place.server, place.schema, "a")
    ran = place.run(
        "UPDATE a SET v = 'x' WHERE id = 1; INSERT INTO a (id, v) VALUES (5000, 'y'), (1, 'taken'); DELETE FROM a",
        transaction_mode="each",
    )
    assert ran.state == ExecutionState.PARTLY_DONE
    assert [s.outcome for s in ran.statements.all()] == ["done", "failed", "not_run"]
    assert "Statement 1 is committed. Nothing of statement 2 was applied." in ran.error
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert dump(place.server, place.schema, "a") == before


def test_rows_written_by_a_trigger_are_put_back(place: Installation) -> None:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "CREATE TRIGGER t AFTER INSERT ON b FOR EACH ROW INSERT INTO log (what) VALUES (NEW.v)")
    ran = place.run("INSERT INTO b VALUES (500, 'fires', 1)")
    record = ran.statements.get()
    assert (record.backup_state, record.rows_captured, record.affected_rows) == (BackupState.COMPLETE, 2, 1)
    assert record.backup_explanation
    place.roll_back(ran.ticket)
    assert dump(place.server, place.schema, "log") == []


def test_a_trigger_that_would_write_during_the_rollback_stops_it(place: Installation) -> None:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "CREATE TRIGGER t AFTER UPDATE ON a FOR EACH ROW INSERT INTO log (what) VALUES (OLD.v)")
    ran = place.run("UPDATE a SET v = 'new' WHERE id IN (1, 2, 3)")
    now = {table: dump(place.server, place.schema, table) for table in ("a", "log")}
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.CONFLICTED
    assert {table: dump(place.server, place.schema, table) for table in now} == now
    assert "a trigger" in back.rollback_result["conflicts"][0]["detail"]


def test_a_backup_table_too_narrow_for_the_statement_stops_it_before_it_runs(
    place: Installation, backup_server: Server
) -> None:
    place.run("DELETE FROM log")
    name = build_schema_name(place.server.host, place.server.port, place.schema)
    with contextlib.closing(backup_server.connect(database=name)) as connection:
        query(connection, "ALTER TABLE `$_$Inception_backup_information$_$` MODIFY sql_statement TEXT")
    before = dump(place.server, place.schema, "a")
    ran = place.run(f"UPDATE a /* {'long ' * 15000} */ SET v = 'x'")
    assert (ran.state, ran.statements.get().outcome) == (ExecutionState.FAILED, "failed")
    assert "so it was not sent" in ran.error
    assert dump(place.server, place.schema, "a") == before


@pytest.mark.parametrize(
    ("sql", "gone"),
    [
        ("CREATE TABLE fresh (id INT PRIMARY KEY)", "SHOW TABLES LIKE 'fresh'"),
        ("ALTER TABLE a ADD COLUMN extra INT DEFAULT 7", "SHOW COLUMNS FROM a LIKE 'extra'"),
        ("ALTER TABLE a ADD INDEX by_n (n)", "SHOW INDEX FROM a WHERE Key_name = 'by_n'"),
        ("CREATE INDEX by_v ON a (v)", "SHOW INDEX FROM a WHERE Key_name = 'by_v'"),
        ("RENAME TABLE log TO logbook", "SHOW TABLES LIKE 'logbook'"),
        ("ALTER TABLE log RENAME TO logbook", "SHOW TABLES LIKE 'logbook'"),
        ("ALTER TABLE log ADD COLUMN x INT, RENAME logbook", "SHOW TABLES LIKE 'logbook'"),
        ("CREATE VIEW seen AS SELECT id FROM a", "SHOW TABLES LIKE 'seen'"),
    ],
)
def test_a_schema_change_with_a_certain_inverse_is_undone(place: Installation, sql: str, gone: str) -> None:
    ran = place.run(sql)
    assert (ran.state, ran.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.COMPLETE), ran.error
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        assert query(connection, gone)
        assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
        assert not query(connection, gone)


def test_a_schema_change_without_an_inverse_says_so_before_approval(place: Installation) -> None:
    ticket = actions.create_ticket(
        make_fields(place.target, sql="ALTER TABLE a ADD INDEX (n), DISABLE KEYS", schema_name=place.schema),
        by=make_person("ann"),
    )
    (problem,) = [problem for problem in ticket.problems if problem.id == "rollback.ddl.none"]
    assert "cannot be undone: no way back is known for ALTER TABLE … DISABLE KEYS" in problem.found
    assert problem.severity == "error"
    with pytest.raises(CheckFailedError, match="This data will be lost"):
        actions.submit(ticket, by=make_person("ann"))
    ran = place.run("ALTER TABLE a MODIFY v VARCHAR(39), RENAME TO moved")
    assert (ran.state, ran.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.IMPOSSIBLE)
    with pytest.raises(ChangeError, match="cannot be rolled back"):
        place.roll_back(ran.ticket)


def test_create_if_not_exists_on_a_table_that_exists_has_nothing_to_undo(place: Installation) -> None:
    before = dump(place.server, place.schema, "log")
    ran = place.run("CREATE TABLE IF NOT EXISTS log (id INT)")
    assert ran.state == ExecutionState.SUCCEEDED
    with pytest.raises(ChangeError):
        place.roll_back(ran.ticket)
    assert dump(place.server, place.schema, "log") == before


def test_changes_of_rows_and_tables_are_undone_in_their_order(place: Installation) -> None:
    before = dump(place.server, place.schema, "a")
    ran = place.run(
        "UPDATE a SET v = 'first' WHERE id <= 3; ALTER TABLE a ADD COLUMN extra INT;"
        "UPDATE a SET extra = id WHERE id <= 3"
    )
    assert ran.state == ExecutionState.SUCCEEDED, ran.error
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert dump(place.server, place.schema, "a") == before


def test_without_backup_it_runs_and_says_that_nothing_can_be_rolled_back(place: Installation) -> None:
    ran = place.run("DELETE FROM log", backup=False, no_backup_reason="A log nobody reads.")
    assert (ran.state, ran.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.OFF)
    with pytest.raises(ChangeError, match="without a backup"):
        place.roll_back(ran.ticket)


def test_a_schema_that_keeps_backups_is_refused_before_review(place: Installation, backup_server: Server) -> None:
    ran = place.run("DELETE FROM a WHERE id = 1")
    target = register(backup_server, name="backups")
    backups = ran.statements.get().backup_schema
    ticket = actions.create_ticket(
        make_fields(target, sql="UPDATE a SET rollback_statement = ''", schema_name=backups), by=make_person("ann")
    )
    with pytest.raises(CheckFailedError, match="keeps backups of other tickets"):
        actions.submit(ticket, by=make_person("ann"))


def test_a_table_whose_columns_changed_places_stops_the_rollback_in_words(place: Installation) -> None:
    ran = place.run("UPDATE b SET v = 'text', n = 5 WHERE id = 3")
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "SET sql_mode = ''")
        query(connection, "ALTER TABLE b CHANGE v n_ INT, CHANGE n v VARCHAR(40)")
        query(connection, "ALTER TABLE b CHANGE n_ n INT")
    now = dump(place.server, place.schema, "b")
    back = place.roll_back(ran.ticket)
    assert back.state in (ExecutionState.FAILED, ExecutionState.CONFLICTED), back.error
    assert dump(place.server, place.schema, "b") == now


def test_an_unknown_table_is_refused_before_review(place: Installation) -> None:
    ticket = actions.create_ticket(
        make_fields(place.target, sql="UPDATE nowhere SET x = 1", schema_name=place.schema), by=make_person("ann")
    )
    with pytest.raises(CheckFailedError, match=r"There is no table .*nowhere"):
        actions.submit(ticket, by=make_person("ann"))
    ticket.refresh_from_db()
    assert ticket.state == TicketState.DRAFT


@contextlib.contextmanager
def minimal_row_image(server: Server) -> Iterator[None]:
    with contextlib.closing(server.connect()) as connection:
        query(connection, "SET GLOBAL binlog_row_image = 'MINIMAL'")
        try:
            yield
        finally:
            query(connection, "SET GLOBAL binlog_row_image = 'FULL'")


def test_a_rollback_that_is_refused_leaves_the_ticket_free(place: Installation) -> None:
    ran = place.run("DELETE FROM a WHERE id = 1")
    with minimal_row_image(place.server):
        assert place.roll_back(ran.ticket).state == ExecutionState.REFUSED
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.NONE
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED


def test_a_rollback_that_a_second_person_rejects_leaves_the_ticket_free(place: Installation) -> None:
    ran = place.run("DELETE FROM a WHERE id = 1")
    place.target.rollback_policy = "reviewed"
    place.target.save()
    ran.ticket.refresh_from_db()
    undo = actions.roll_back(ran.ticket, by=make_person("dana"), plan=actions.RollbackPlan())
    assert undo.state == TicketState.IN_REVIEW
    with pytest.raises(ChangeError, match="You submitted"):
        actions.approve(undo, by=make_person("dana"), content_hash=undo.content_hash)
    actions.reject(undo, by=make_person("ben"), content_hash=undo.content_hash, comment="Not now.")
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.NONE
    again = actions.roll_back(ran.ticket, by=make_person("dana"), plan=actions.RollbackPlan())
    actions.approve(again, by=make_person("ben"), content_hash=again.content_hash)
    assert place.work(again).state == ExecutionState.SUCCEEDED


def test_a_rollback_undoes_what_was_approved_and_nothing_that_was_added_since(place: Installation) -> None:
    ran = place.run("UPDATE a SET v = 'one' WHERE id = 1; UPDATE a SET v = 'two' WHERE id = 2")
    first = place.roll_back(ran.ticket, 0)
    place.target.rollback_policy = "reviewed"
    place.target.save()
    ran.ticket.refresh_from_db()
    rest = actions.roll_back(ran.ticket, by=make_person("dana"), plan=actions.RollbackPlan())
    assert [entry["number"] for entry in rest.inspection["statements"]] == [1]
    # Meanwhile the first rollback is undone, so that statement 1 could be undone again.
    again = actions.roll_back(first.ticket, by=make_person("dana"), plan=actions.RollbackPlan())
    actions.approve(again, by=make_person("ben"), content_hash=again.content_hash)
    assert place.work(again).state == ExecutionState.SUCCEEDED
    actions.approve(rest, by=make_person("ben"), content_hash=rest.content_hash)
    done = place.work(rest)
    assert (done.state, done.problems[0]["id"]) == (ExecutionState.REFUSED, "rollback.nothing")
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        assert query(connection, "SELECT v FROM a WHERE id IN (1, 2) ORDER BY id") == [("one",), ("two",)]


def test_a_server_that_changed_since_the_approval_refuses_and_the_ticket_stays_approved(place: Installation) -> None:
    ticket = actions.create_ticket(
        make_fields(place.target, sql="DELETE FROM log", schema_name=place.schema), by=make_person("ann")
    )
    actions.submit(ticket, by=make_person("ann"))
    with minimal_row_image(place.server):
        actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
        done = place.work(ticket)
    assert done.state == ExecutionState.REFUSED
    assert [problem["id"] for problem in done.problems] == ["target.binlog_row_image"]
    ticket.refresh_from_db()
    assert ticket.state == TicketState.APPROVED
    assert not done.statements.exists()
