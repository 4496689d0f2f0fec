"""Rows that foreign keys change by themselves: logged by the server, or kept because it does not; and brought back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import MySQLdb
import pytest

from changes import purge, retention
from changes.errors import CheckFailedError
from changes.models import Target
from changes.states import BackupState, ExecutionState, Outcome, TicketState
from tests.live.cascade_place import check_there_and_back, list_kept, open_place, read_state, run_sql
from tests.live.installation import Installation
from tests.live.own_rows import query
from tests.live.test_execution import dump
from tests.live.test_recovery import kill_worker, reconcile, submit
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]


@pytest.fixture
def any_place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    with open_place(server, schema, backup_server, settings) as opened:
        yield opened


@pytest.fixture
def place(server: Server, any_place: Installation) -> Installation:
    """Only where children have to be kept."""
    if server.flavor.logs_cascades:
        pytest.skip("this server logs what foreign keys change")
    return any_place


@pytest.fixture
def logging_place(server: Server, any_place: Installation) -> Installation:
    if not server.flavor.logs_cascades:
        pytest.skip("this server does not log what foreign keys change")
    return any_place


@pytest.fixture
def other_schema(server: Server, schema: str) -> Iterator[str]:
    name = f"{schema}_other"
    with contextlib.closing(server.connect()) as root:
        query(root, f"CREATE DATABASE `{name}`")
        yield name
        query(root, f"DROP DATABASE `{name}`")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM p WHERE id = 1",
        "DELETE FROM p",
        "DELETE FROM p WHERE id = 3 -- no child",
        "DELETE FROM p WHERE p.id IN (SELECT p FROM c WHERE v < 3)",
        "DELETE FROM p WHERE v + RAND() * 0 = 1",
        "DELETE FROM p ORDER BY id DESC LIMIT 3",
        "DELETE FROM p LIMIT 2",
        "DELETE p FROM p JOIN c ON c.p = p.id WHERE c.v = 3",
        "DELETE p, c FROM p JOIN c ON c.p = p.id WHERE p.id = 1",
        "REPLACE INTO p VALUES (1, 'a', 9)",
        "REPLACE INTO p VALUES (1, 'new', 9), (7, 'b', 7)",
        "DELETE p, c FROM p JOIN c ON c.p = p.id",
        "DELETE p, c, n FROM p JOIN c ON c.p = p.id JOIN n ON n.p = p.id WHERE p.id = 1",
        "DELETE a, b FROM z a JOIN z b ON b.up = a.id",
        "REPLACE INTO p (code, id) VALUES ('b', 1), ('c', 50), (NULL, 60)",
        "REPLACE INTO p VALUES (1, 'b', 1), (1, 'c', 1) -- one after the other",
        "REPLACE p SET id = 1, v = 8",
        "INSERT INTO p VALUES (99, 'b', 1) ON DUPLICATE KEY UPDATE id = 20, v = VALUES(v)",
        "UPDATE p SET id = 10 WHERE id = 1",
        "UPDATE p SET id = id + 1 ORDER BY id DESC",
        "UPDATE p SET id = id + 10, code = CONCAT(code, '!') WHERE id < 3",
        "INSERT INTO p VALUES (1, 'x', 1) ON DUPLICATE KEY UPDATE id = 20",
        "UPDATE p JOIN c ON c.p = p.id SET p.id = p.id + 100, c.v = c.v + 1 WHERE p.id = 1",
        "DELETE FROM s WHERE id = 1",
        "DELETE FROM s",
        "DELETE FROM s WHERE id IN (1, 3) ORDER BY id",
        "DELETE FROM s WHERE id IN (1, 3) ORDER BY id DESC",
        "REPLACE INTO s VALUES (1, 5)",
        "DELETE FROM z WHERE id = 1",
        "DELETE FROM z ORDER BY id",
        "DELETE FROM z ORDER BY id LIMIT 2",
        "DELETE FROM c WHERE p = 1; DELETE FROM n WHERE p = 1; DELETE FROM p WHERE id = 1",
        "DELETE FROM p WHERE id = 1; DELETE FROM p WHERE id = 2; DELETE FROM s WHERE id = 2",
    ],
)
def test_what_foreign_keys_changed_comes_back(any_place: Installation, sql: str) -> None:
    check_there_and_back(any_place, sql)


@pytest.mark.parametrize(
    "sql", ["REPLACE INTO p SELECT id + 1, code, v FROM p WHERE id = 1", "REPLACE INTO s VALUES (1, NULL)"]
)
def test_what_a_replaced_row_took_along_comes_back(place: Installation, sql: str) -> None:
    check_there_and_back(place, sql)


TWO_KEYS = (
    "CREATE TABLE two (id INT PRIMARY KEY, x INT, y INT, FOREIGN KEY (x) REFERENCES p (id) ON DELETE SET NULL,"
    " FOREIGN KEY (y) REFERENCES p (id) ON DELETE SET NULL)",
    "INSERT INTO two VALUES (1, 1, 1), (2, 1, 2), (3, 2, 1), (4, NULL, 1), (5, 2, 2)",
)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE p, two FROM p JOIN two ON two.x = p.id WHERE p.id = 1",
        "DELETE p, two FROM p JOIN two ON two.y = p.id WHERE p.id = 1",
        "DELETE p, two FROM p JOIN two ON two.y = p.id",
    ],
)
def test_rows_that_lost_two_parents_before_they_were_deleted_come_back(any_place: Installation, sql: str) -> None:
    run_sql(any_place, *TWO_KEYS)
    check_there_and_back(any_place, sql)


def test_a_row_that_the_server_logged_as_deleted_twice_is_put_back_once(logging_place: Installation) -> None:
    ran = check_there_and_back(logging_place, "DELETE p, c FROM p JOIN c ON c.p = p.id WHERE p.id = 1")
    (record,) = ran.statements.all()
    assert record.rows_captured == 8  # c 1 is among them twice; a server that logs it once needs no such care
    undo = ran.ticket.rollbacks.first()
    assert undo is not None
    assert undo.executions.get().rollback_result["rows_restored"] == 7


@pytest.mark.parametrize(
    ("sql", "theirs"),
    [
        ("DELETE p, c FROM p JOIN c ON c.p = p.id WHERE p.id = 1", "INSERT INTO c VALUES (1, NULL, 1)"),
        ("DELETE FROM z ORDER BY id", "INSERT INTO z VALUES (5, 5)"),
        ("DELETE FROM z ORDER BY id", "INSERT INTO z VALUES (5, NULL)"),
    ],
)
@pytest.mark.parametrize("on_conflict", ["stop", "skip"])
def test_a_row_that_others_put_where_one_was_deleted_twice_is_theirs(
    any_place: Installation, sql: str, theirs: str, on_conflict: str
) -> None:
    before = read_state(any_place)
    ran = any_place.run(sql, accepts_loss=False)
    run_sql(any_place, theirs)
    changed = read_state(any_place)
    back = any_place.roll_back(ran.ticket, on_conflict=on_conflict)
    table = (any_place.schema, "c" if " c " in sql else "z")
    their_row = next(row for row in changed[table] if row not in before[table] or theirs.endswith("(5, 5)"))
    if on_conflict == "stop":
        assert back.state == ExecutionState.CONFLICTED
        assert read_state(any_place) == changed
    else:
        assert back.state == ExecutionState.SUCCEEDED, back.error
        now = read_state(any_place)[table]
        assert their_row in now
        assert [row for row in now if row[0] != their_row[0]] == [
            row for row in before[table] if row[0] != their_row[0]
        ]


def test_children_that_the_server_left_without_parents_are_not_made_again(logging_place: Installation) -> None:
    """REPLACE takes children along, not theirs: these are orphans, which a rollback of the rollback does not make."""
    before = read_state(logging_place)
    ran = logging_place.run("REPLACE INTO p SELECT id + 1, code, v FROM p WHERE id = 1", accepts_loss=False)
    assert dump(logging_place.server, logging_place.schema, "c", "p = 1") == []
    assert len(dump(logging_place.server, logging_place.schema, "g")) == 4
    back = logging_place.roll_back(ran.ticket)
    assert (back.state, read_state(logging_place)) == (ExecutionState.SUCCEEDED, before)
    again = logging_place.roll_back(back.ticket)
    assert again.state == ExecutionState.CONFLICTED
    assert {conflict["reason"] for conflict in again.rollback_result["conflicts"]} == {"children"}
    assert read_state(logging_place) == before


def test_the_approver_is_told_what_is_kept(place: Installation) -> None:
    ran = check_there_and_back(place, "DELETE FROM p WHERE id = 1")
    (entry,) = ran.ticket.inspection["statements"]
    kept = f"{place.schema}.c, {place.schema}.n, {place.schema}.g (about 7 rows with their parents)"
    assert (entry["undo_state"], entry["keeps_children"]) == ("rows", True)
    assert kept in entry["undo_note"]
    (problem,) = [problem for problem in ran.ticket.problems if problem.id.startswith("table.c")]
    assert (problem.id, problem.severity) == ("table.children_kept", "notice")
    (record,) = ran.statements.all()
    assert (record.affected_rows, record.rows_captured) == (1, 7)
    assert f"{place.schema}.g 3" in record.backup_explanation
    assert record.kept_children["is_dropped"]


def test_statements_that_keep_children_share_a_transaction(place: Installation) -> None:
    ran = check_there_and_back(place, "UPDATE p SET v = 9; DELETE FROM p WHERE id = 1; DELETE FROM p WHERE id = 2")
    assert ran.one_transaction
    assert [(record.affected_rows, record.rows_captured) for record in ran.statements.all()] == [(4, 4), (1, 7), (1, 3)]


def test_an_update_of_other_columns_keeps_nothing(place: Installation) -> None:
    ran = check_there_and_back(place, "UPDATE p SET v = v + 1, code = NULL")
    assert [record.kept_children for record in ran.statements.all()] == [{}]
    assert not [problem for problem in ran.ticket.problems if problem.id.startswith("table.c")]


def test_children_in_another_schema_come_back_too(place: Installation, other_schema: str) -> None:
    run_sql(
        place,
        f"CREATE TABLE `{other_schema}`.far (id INT PRIMARY KEY, p INT, v VARCHAR(10),"
        f" FOREIGN KEY (p) REFERENCES `{place.schema}`.p (id) ON DELETE CASCADE)",
        f"INSERT INTO `{other_schema}`.far VALUES (1, 1, 'x'), (2, 2, 'y')",
    )
    ran = check_there_and_back(place, "DELETE FROM p WHERE id = 1", other_schema)
    (problem,) = [problem for problem in ran.ticket.problems if problem.id == "table.children_kept"]
    assert f"{other_schema}.far by far_ibfk_1 (ON DELETE CASCADE" in problem.found


TYPES = (
    "CREATE TABLE w (id INT AUTO_INCREMENT PRIMARY KEY, p INT NULL, bin VARBINARY(20), big LONGBLOB, doc JSON,"
    " d DATE, dt DATETIME(6), ts TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,"
    " n DECIMAL(20,6), f FLOAT, e ENUM('a','b'), t VARCHAR(30) CHARACTER SET latin1, b BIT(11), y YEAR,"
    " twice INT AS (p * 2) STORED, thrice INT AS (p * 3) VIRTUAL, uni VARCHAR(5) UNIQUE,"
    " hidden INT INVISIBLE DEFAULT 7,"
    " CHECK (n < 1000000), KEY (thrice), FULLTEXT (t),"
    " FOREIGN KEY (p) REFERENCES p (id) ON DELETE {delete})"
)
VALUES = (
    "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = 'SYSTEM'",
    "INSERT INTO w (id, p, bin, big, doc, d, dt, ts, n, f, e, t, b, y, uni, hidden) VALUES"
    " (0, 1, X'00FF00', REPEAT(X'00FF0A', 100000), '{\"a\": [1, 2.50]}', '0000-00-00', '2024-02-31 00:00:00.000001',"
    " FROM_UNIXTIME(1729989000), -1.5, 1.1e-20, 'b', 'é\\'\\\\%', b'10000000001', 1999, NULL, 1),"
    " (-5, 1, '', '', NULL, '2024-00-00', '0000-00-00 00:00:00', FROM_UNIXTIME(1729992600), 999999.999999, -0.0, 0, '',"
    " b'0', 0, 'a', 2), (7, 2, NULL, NULL, '[]', NULL, NULL, '0000-00-00 00:00:00', NULL, NULL, NULL, NULL, NULL,"
    " NULL, 'B ', NULL)",
)


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_every_kind_of_value_of_a_child_comes_back(any_place: Installation, action: str) -> None:
    stored = " twice INT AS (p * 2) STORED,"  # MariaDB refuses SET NULL below it, MySQL any action
    refuses = action == "SET NULL" or not any_place.server.flavor.is_mariadb
    table = TYPES.replace(stored, "") if refuses else TYPES
    run_sql(any_place, table.replace("{delete}", action), *VALUES)
    check_there_and_back(any_place, "DELETE FROM p WHERE id = 1")


def test_values_that_change_places_are_followed(any_place: Installation) -> None:
    run_sql(any_place, "UPDATE p SET code = CONCAT('k', id)")
    check_there_and_back(any_place, "UPDATE p SET id = id + 1, code = CONCAT('k', id) ORDER BY id DESC")


def test_keys_that_differ_in_capitals_are_one_row(any_place: Installation) -> None:
    run_sql(
        any_place,
        "CREATE TABLE pk (name VARCHAR(20) PRIMARY KEY, v INT)",
        "CREATE TABLE ck (id INT PRIMARY KEY, name VARCHAR(20), FOREIGN KEY (name) REFERENCES pk (name)"
        " ON DELETE CASCADE ON UPDATE CASCADE)",
        "INSERT INTO pk VALUES ('ann', 1), ('ben', 2)",
        "INSERT INTO ck VALUES (1, 'ann'), (2, 'ANN'), (3, 'ben')",
    )
    check_there_and_back(any_place, "UPDATE pk SET name = 'Ann' WHERE name = 'ANN'")
    check_there_and_back(any_place, "DELETE FROM pk WHERE name = 'ANN'")


def test_rows_of_others_meanwhile_stay_theirs(place: Installation) -> None:
    run_sql(place, "CREATE TABLE other (id INT PRIMARY KEY)")
    stop = threading.Event()

    def write() -> None:
        with contextlib.closing(place.server.connect(database=place.schema)) as connection:
            number = 100
            while not stop.is_set():
                number += 1
                with contextlib.suppress(MySQLdb.OperationalError):
                    query(connection, f"INSERT INTO p VALUES ({number}, 'o{number}', 0)")
                    query(connection, f"INSERT INTO c VALUES ({number}, {number}, 0), ({number + 100000}, 1, 0)")
                with contextlib.suppress(MySQLdb.Error):
                    query(connection, f"INSERT INTO c VALUES ({number + 200000}, 2, 0)")

    writers = [threading.Thread(target=write)]
    for writer in writers:
        writer.start()
    try:
        ran = place.run("DELETE FROM p WHERE id = 1", accepts_loss=False)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert (ran.state, ran.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.COMPLETE), ran.error
    assert dump(place.server, place.schema, "c", "p = 1") == []
    gone = [record.rows_captured for record in ran.statements.all()]
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    back = len(dump(place.server, place.schema, "c", "p = 1"))
    assert gone == [1 + back + 3 + 1]  # itself, its children, their children, and one that was set to NULL


def test_more_than_the_limit_is_refused_before_review(place: Installation) -> None:
    Target.objects.update(most_child_rows=6)
    place.target.refresh_from_db()
    with pytest.raises(CheckFailedError, match="more than 6 rows"):
        place.run("DELETE FROM p WHERE id = 1", accepts_loss=False)


def test_more_than_the_limit_since_it_was_checked_changes_nothing(place: Installation) -> None:
    ticket = submit(place, "DELETE FROM p WHERE id = 1", accepts_loss=False)
    before = read_state(place)
    Target.objects.update(most_child_rows=6)
    done = place.work(ticket)
    assert (done.state, done.ticket.state, done.ticket.backup_state) == (
        ExecutionState.FAILED,
        TicketState.FAILED,
        BackupState.NONE,
    )
    assert "It was not sent: more than 6 rows would have to be kept" in done.error
    assert read_state(place) == before


@pytest.mark.parametrize("mode", ["each", "one"])
def test_rows_that_came_to_fit_meanwhile_abort_it(place: Installation, mode: str) -> None:
    """Another session adds a row that the statement's words mean, between what was kept and the statement."""
    ticket = submit(
        place, "UPDATE p SET v = 0; DELETE FROM p WHERE id < 100", accepts_loss=False, transaction_mode=mode
    )
    with contextlib.closing(place.server.connect()) as root:
        query(root, "SET GLOBAL tx_isolation = 'READ-COMMITTED'")
        try:
            with at_kept(lambda: run_sql(place, "INSERT INTO p VALUES (50, 'new', 1)")):
                done = place.work(ticket)
        finally:
            query(root, "SET GLOBAL tx_isolation = 'REPEATABLE-READ'")
    assert done.state in (ExecutionState.FAILED, ExecutionState.PARTLY_DONE)
    assert "the statement found 5 rows" in done.error
    assert len(dump(place.server, place.schema, "c")) == 4


def at_kept(act: Callable[[], None]) -> Any:
    done: list[bool] = []

    def point(passed: str) -> None:
        if passed == "children_kept" and not done:
            done.append(True)
            act()

    return patch("backups.faults.point", point)


def test_what_cannot_be_kept_needs_the_word_of_the_submitter(place: Installation) -> None:
    run_sql(
        place,
        "CREATE TABLE ln (p INT, no INT, v INT, PRIMARY KEY (p, no), FOREIGN KEY (p) REFERENCES p (id)"
        " ON DELETE CASCADE ON UPDATE CASCADE)",
        "INSERT INTO ln VALUES (1, 1, 1), (1, 2, 2)",
    )
    check_there_and_back(place, "DELETE FROM p WHERE id = 1")  # of a DELETE their key is no hindrance
    with pytest.raises(CheckFailedError, match="would change in its primary key"):
        place.run("UPDATE p SET id = 30 WHERE id = 1", accepts_loss=False)
    ran = place.run("UPDATE p SET id = 30 WHERE id = 1")
    assert (ran.state, ran.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.INCOMPLETE)
    (entry,) = ran.ticket.inspection["statements"]
    assert (entry["undo_state"], entry["keeps_children"]) == ("none", False)
    assert [problem.severity for problem in ran.ticket.problems if problem.id == "table.cascade"] == ["warning"]


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        ("(id INT, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE)", "has no primary key"),
        (
            "(id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE) WITH SYSTEM VERSIONING",
            "SYSTEM VERSIONING",
        ),
    ],
)
def test_tables_that_cannot_be_kept_are_named(place: Installation, child: str, reason: str) -> None:
    run_sql(place, f"CREATE TABLE odd {child}")
    with pytest.raises(CheckFailedError, match=f"odd .*{reason}"):
        place.run("DELETE FROM p WHERE id = 1", accepts_loss=False)


def test_a_trigger_that_names_a_kept_table_is_told(place: Installation) -> None:
    run_sql(place, "CREATE TRIGGER tr AFTER DELETE ON p FOR EACH ROW DELETE FROM c WHERE v = 4")
    with pytest.raises(CheckFailedError, match="the trigger tr of"):
        place.run("DELETE FROM p WHERE id = 1", accepts_loss=False)


def test_an_account_without_rights_on_the_kept_schema_is_told(place: Installation) -> None:
    with contextlib.closing(place.server.connect()) as root:
        query(root, "CREATE USER IF NOT EXISTS poor@'%' IDENTIFIED BY 'poor'")
        query(root, f"GRANT ALL ON `{place.schema}`.* TO poor@'%'")
        query(root, "GRANT REPLICATION SLAVE, BINLOG MONITOR, PROCESS ON *.* TO poor@'%'")
        try:
            place.target.user = "poor"
            place.target.set_password("poor")
            place.target.save()
            with pytest.raises(CheckFailedError, match="the account lacks CREATE on inception_kept_"):
                place.run("DELETE FROM p WHERE id = 1", accepts_loss=False)
        finally:
            query(root, "DROP USER poor@'%'")


def test_without_backup_nothing_is_kept(place: Installation) -> None:
    ran = place.run("DELETE FROM p WHERE id = 1", accepts_loss=False, backup=False, no_backup_reason="a test")
    assert ran.state == ExecutionState.SUCCEEDED
    assert [record.kept_children for record in ran.statements.all()] == [{}]


EVERY_POINT = [
    ("after_snapshot", 0), ("after_intent", 0), ("after_begin", 0), ("children_kept", 0),
    ("children_followed", 0), ("stmt_done_before_commit", 0), ("commit_done_before_record", 1),
    ("recorded_before_decode", 1), ("mid_decode", 1), ("backup_tx_open", 1), ("backup_committed_before_mark", 1),
    ("before_final_cas", 1),
]  # fmt: skip


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(("point", "took_effect"), EVERY_POINT)
def test_a_worker_that_dies_leaves_nothing_behind_and_nothing_out(
    place: Installation, point: str, took_effect: int, several: bool
) -> None:
    before = read_state(place)
    ticket = submit(place, "DELETE FROM p WHERE id = 1" + "; DELETE FROM s WHERE id = 2" * several, accepts_loss=False)
    kill_worker(place, ticket, point)
    reconcile()
    ticket.refresh_from_db()
    if ticket.state == TicketState.QUEUED:  # nothing had been sent
        assert not took_effect
        assert place.work(ticket).state == ExecutionState.SUCCEEDED
        ticket.refresh_from_db()
        took_effect = 1
    assert list_kept(place.server) == []
    if not took_effect:
        assert (ticket.state, ticket.backup_state) == (TicketState.FAILED, BackupState.NONE)
        assert ticket.last_execution is not None
        assert {record.outcome for record in ticket.last_execution.statements.all()} <= {
            Outcome.ABORTED,
            Outcome.NOT_RUN,
        }
        assert read_state(place) == before
        return
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)
    assert dump(place.server, place.schema, "c", "p = 1") == []
    assert place.roll_back(ticket).state == ExecutionState.SUCCEEDED
    assert read_state(place) == before


def test_a_deadlock_is_tried_again_with_the_same_shadows(place: Installation) -> None:
    before = read_state(place)
    ticket = submit(place, "DELETE FROM p WHERE id = 1", accepts_loss=False)
    Target.objects.update(lock_wait_seconds=1)
    with contextlib.closing(place.server.connect(database=place.schema)) as other:
        query(other, "START TRANSACTION")
        query(other, "UPDATE c SET v = v WHERE id = 1")
        query(other, "SELECT * FROM c WHERE id = 1 FOR UPDATE")
        releaser = threading.Timer(2.5, lambda: query(other, "ROLLBACK"))
        releaser.start()
        done = place.work(ticket)
        releaser.join()
    assert (done.state, done.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.COMPLETE), done.error
    assert done.statements.get().retries
    assert place.roll_back(done.ticket).state == ExecutionState.SUCCEEDED
    assert read_state(place) == before


def test_shadows_that_could_not_be_dropped_are_purged_later(place: Installation) -> None:
    with patch("changes.children.drop", side_effect=MySQLdb.OperationalError(1, "no")):
        ran = place.run("DELETE FROM p WHERE id = 1", accepts_loss=False)
    assert ran.ticket.backup_state == BackupState.COMPLETE
    found = retention.read_kept([place.target])[place.target.pk]
    (kept,) = found.items
    assert (kept.is_spare, kept.is_needed, kept.obstacle) == (True, False, "")
    assert purge.purge([kept], by=None).done == [kept]
    ran.ticket.refresh_from_db()
    assert ran.ticket.backup_state == BackupState.COMPLETE
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED


def test_a_foreign_key_that_was_added_meanwhile_aborts_it(place: Installation) -> None:
    before = read_state(place)
    ticket = submit(place, "DELETE FROM p WHERE id = 1", accepts_loss=False)

    def add() -> None:
        run_sql(
            place, "ALTER TABLE g ADD COLUMN p INT DEFAULT 1, ADD FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE"
        )

    done_once: list[bool] = []

    def point(passed: str) -> None:
        if passed == "after_snapshot" and not done_once:
            done_once.append(True)
            add()

    with patch("backups.faults.point", point):
        done = place.work(ticket)
    assert (done.state, done.ticket.backup_state) == (ExecutionState.FAILED, BackupState.NONE)
    assert "foreign keys were added or dropped" in done.error
    run_sql(place, "ALTER TABLE g DROP FOREIGN KEY g_ibfk_2, DROP COLUMN p")
    assert read_state(place) == before


def test_given_rows_need_no_look_at_all_the_others(place: Installation) -> None:
    run_sql(
        place,
        "CREATE TABLE big (id INT AUTO_INCREMENT PRIMARY KEY, a INT, b VARCHAR(9), UNIQUE (a, b))",
        "CREATE TABLE small (id INT PRIMARY KEY, big INT, FOREIGN KEY (big) REFERENCES big (id) ON DELETE CASCADE)",
        "INSERT INTO big (a, b) SELECT seq, 'x' FROM seq_1_to_500",
        "INSERT INTO small VALUES (1, 1), (2, 7), (3, 500), (4, NULL)",
    )
    Target.objects.update(most_child_rows=20)
    place.target.refresh_from_db()
    ran = check_there_and_back(place, "REPLACE INTO big VALUES (1, 7, 'X'), (NULL, 500, 'x'), (900, 900, 'new')")
    assert [record.rows_captured for record in ran.statements.all()] == [3 + 3 + 3]
    with pytest.raises(CheckFailedError, match="more than 20 rows"):
        place.run("REPLACE INTO big SELECT * FROM big WHERE id = 1", accepts_loss=False)
