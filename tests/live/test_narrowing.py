"""Values that a new type of their column cuts are kept, and go back where nobody changed them since."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings

from changes import actions
from changes.errors import CheckFailedError
from changes.models import ExecutedStatement
from changes.states import BackupState, ExecutionState, Outcome, TicketState
from tests.changes.people import make_fields, make_person
from tests.live.installation import Installation, point_at, prove_on
from tests.live.kept_place import find_kept, open_place, run_sql, state_of, submit
from tests.live.own_rows import query
from tests.live.test_recovery import kill_worker, reconcile
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE goods (id INT PRIMARY KEY, price DECIMAL(10,3), at DATETIME(3), word VARCHAR(30)"
    " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, seen TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"
    " ON UPDATE CURRENT_TIMESTAMP)",
    "INSERT INTO goods VALUES (1, 1.234, '2024-01-01 10:00:00.123', 'one', '2020-01-01'),"
    " (2, 2.5, '2024-01-01 10:00:00.5', NULL, '2020-01-01'), (3, NULL, NULL, 'Three', '2020-01-01')",
    "CREATE TABLE bare (id INT, price DECIMAL(10,3))",
    "INSERT INTO bare VALUES (1, 1.234)",
    "CREATE TABLE watched (id INT PRIMARY KEY, price DECIMAL(10,3))",
    "CREATE TRIGGER on_watched BEFORE UPDATE ON watched FOR EACH ROW SET NEW.price = NEW.price + 1",
)
NARROW = "ALTER TABLE goods MODIFY price DECIMAL(8,1)"


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    with open_place(server, schema, TABLES) as made:
        yield made


def prices(place: Installation) -> list[tuple[Any, ...]]:
    return [
        (key, None if price is None else str(price)) for key, price in run_sql(place, "SELECT id, price FROM goods")
    ]


def test_cut_values_come_back_without_a_word_of_the_submitter(place: Installation) -> None:
    before = state_of(place)
    ran = place.run(NARROW, accepts_loss=False)
    assert (ran.state, ran.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.COMPLETE), ran.error
    assert not [problem for problem in ran.ticket.problems if problem.id.startswith("rollback.")]
    assert prices(place) == [(1, "1.2"), (2, "2.5"), (3, None)]
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert state_of(place) == before


def test_a_value_changed_since_stops_the_rollback_with_nothing_changed(place: Installation) -> None:
    ran = place.run(NARROW, accepts_loss=False)
    run_sql(place, "UPDATE goods SET price = 9.9 WHERE id = 2")
    changed = state_of(place)
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.CONFLICTED, back.error
    (conflict,) = back.rollback_result["conflicts"]
    assert (conflict["table"], conflict["key"]) == ("goods", "id=2")
    assert "was changed since" in conflict["detail"]
    assert state_of(place) == changed
    run_sql(place, "UPDATE goods SET word = 'others may change' WHERE id = 1")
    with contextlib.closing(place.server.connect(database=place.schema)) as other:  # nothing stayed locked
        query(other, "SET SESSION lock_wait_timeout = 1")
        query(other, "INSERT INTO goods (id) VALUES (77)")


def test_a_value_that_differs_in_case_only_is_a_change(place: Installation) -> None:
    ran = place.run("ALTER TABLE goods MODIFY word CHAR(30) CHARACTER SET latin1", accepts_loss=False)
    run_sql(place, "UPDATE goods SET word = 'three' WHERE id = 3")
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.CONFLICTED
    assert [conflict["key"] for conflict in back.rollback_result["conflicts"]] == ["id=3"]


def test_rows_changed_since_can_be_skipped_or_written_over(place: Installation) -> None:
    ran = place.run(NARROW, accepts_loss=False)
    run_sql(place, "UPDATE goods SET price = 9.9 WHERE id = 2")
    back = place.roll_back(ran.ticket, on_conflict="skip")
    assert (back.state, back.rollback_result["rows_skipped"]) == (ExecutionState.SUCCEEDED, 1), back.error
    assert prices(place) == [(1, "1.234"), (2, "9.900"), (3, None)]
    ran = place.run(NARROW, accepts_loss=False)
    run_sql(place, "UPDATE goods SET price = 7 WHERE id = 1")
    back = place.roll_back(ran.ticket, on_conflict="overwrite", reason="Ours is right.")
    assert (back.state, back.rollback_result["rows_overwritten"]) == (ExecutionState.SUCCEEDED, 1), back.error
    assert prices(place) == [(1, "1.234"), (2, "9.900"), (3, None)]


def test_rows_deleted_since_stay_deleted_and_new_ones_keep_their_value(place: Installation) -> None:
    ran = place.run(NARROW, accepts_loss=False)
    run_sql(place, "DELETE FROM goods WHERE id = 1", "INSERT INTO goods (id, price) VALUES (4, 4.4)")
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert prices(place) == [(2, "2.500"), (3, None), (4, "4.400")]


def test_a_row_made_anew_since_under_its_key_is_not_written_over(place: Installation) -> None:
    ran = place.run(NARROW, accepts_loss=False)
    run_sql(place, "DELETE FROM goods WHERE id = 1", "INSERT INTO goods (id, price) VALUES (1, 5.5)")
    assert place.roll_back(ran.ticket).state == ExecutionState.CONFLICTED
    assert prices(place)[0] == (1, "5.5")


def test_columns_that_were_not_changed_may_be_written_since(place: Installation) -> None:
    ran = place.run(NARROW, accepts_loss=False)
    run_sql(place, "UPDATE goods SET word = 'new', seen = '2021-01-01' WHERE id = 1")
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert run_sql(place, "SELECT word, CAST(seen AS CHAR) FROM goods WHERE id = 1") == [("new", "2021-01-01 00:00:00")]
    assert prices(place)[0] == (1, "1.234")


def test_nothing_is_kept_for_a_type_that_holds_every_value(place: Installation) -> None:
    ran = place.run("ALTER TABLE goods MODIFY price DECIMAL(12,4), MODIFY word VARCHAR(60)", accepts_loss=False)
    assert find_kept(place.server) == []
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("ALTER TABLE bare MODIFY price DECIMAL(8,1)", "has no primary key"),
        ("ALTER TABLE watched MODIFY price DECIMAL(8,1)", "has a trigger that putting the values back would fire"),
        ("ALTER TABLE goods MODIFY price DECIMAL(8,1), RENAME TO wares", "renamed"),
        ("ALTER TABLE goods MODIFY id DECIMAL(3,0)", "changes its primary key too"),
    ],
)
def test_what_cannot_be_kept_needs_a_word_of_the_submitter(place: Installation, sql: str, reason: str) -> None:
    ticket = actions.create_ticket(make_fields(place.target, sql=sql, schema_name=place.schema), by=make_person("ann"))
    with pytest.raises(CheckFailedError, match="This data will be lost"):
        actions.submit(ticket, by=make_person("ann"))
    (found,) = [problem.found for problem in ticket.problems if problem.id == "rollback.ddl.none"]
    assert reason in found


def test_a_table_over_the_limit_of_its_target_needs_a_word_of_the_submitter(place: Installation) -> None:
    place.target.most_copied_mib = 0
    place.target.save()
    with pytest.raises(CheckFailedError, match="values are copied up to 0 MiB on this target"):
        submit(place, NARROW)
    with pytest.raises(CheckFailedError, match="values are copied up to 0 MiB on this target"):
        submit(place, "ALTER TABLE goods DROP COLUMN word")
    submit(place, "TRUNCATE goods")  # to move a table takes nothing


def test_what_was_not_proven_is_kept_by_what_its_text_tells(place: Installation, settings: Any) -> None:
    settings.INCEPTION = replace(settings.INCEPTION, proof=replace(settings.INCEPTION.proof, port=1))
    before = state_of(place)
    ran = place.run("ALTER TABLE goods MODIFY price DECIMAL(8,1), CHANGE word word VARCHAR(90)", accepts_loss=False)
    assert ran.ticket.inspection["statements"][0]["undo_state"] == "unproven"
    assert ran.ticket.backup_state == BackupState.COMPLETE
    run_sql(place, "UPDATE goods SET word = 'no conflict' WHERE id = 1", "UPDATE goods SET word = 'one' WHERE id = 1")
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    run_sql(place, "UPDATE goods SET seen = '2020-01-01'")
    assert state_of(place) == before
    ticket = actions.create_ticket(
        make_fields(place.target, sql="ALTER TABLE bare MODIFY price INT", schema_name=place.schema),
        by=make_person("ann"),
    )
    with pytest.raises(CheckFailedError, match="This data will be lost"):
        actions.submit(ticket, by=make_person("ann"))


@pytest.mark.parametrize(
    ("point", "count", "ran"),
    [
        ("after_intent", 1, False),
        ("after_intent", 2, False),
        ("stmt_sent", 1, True),
        ("commit_done_before_record", 1, True),
        ("recorded_before_decode", 1, True),
        ("recorded_before_decode", 2, True),
        ("backup_tx_open", 1, True),
    ],
)
def test_a_worker_that_died_leaves_nothing_in_doubt(place: Installation, point: str, count: int, ran: bool) -> None:
    before = state_of(place)
    ticket = submit(place, NARROW)
    actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
    kill_worker(place, ticket, point, count)
    reconcile()
    ticket.refresh_from_db()
    statement = ExecutedStatement.objects.get(execution__ticket=ticket)
    if not ran:
        assert (ticket.state, statement.outcome) == (TicketState.FAILED, Outcome.ABORTED)
        assert state_of(place) == before
        assert find_kept(place.server) == []
        return
    assert (statement.outcome, statement.backup_state) == (Outcome.DONE, BackupState.COMPLETE), statement.error
    back = place.roll_back(ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert state_of(place) == before


@pytest.mark.parametrize(
    "sql", [NARROW, "ALTER TABLE goods MODIFY word VARCHAR(29) CHARACTER SET ascii COLLATE ascii_bin"]
)
def test_a_rollback_whose_worker_died_is_judged_by_what_is_always_logged(place: Installation, sql: str) -> None:
    before = state_of(place)
    ran = place.run(sql, accepts_loss=False)
    undo = actions.roll_back(ran.ticket, by=make_person("dana"), plan=actions.RollbackPlan((), "stop"), reason="")
    kill_worker(place, undo, "commit_done_before_record")
    reconcile()
    undo.refresh_from_db()
    assert undo.state == TicketState.SUCCEEDED, undo.last_execution and undo.last_execution.error
    assert state_of(place) == before
