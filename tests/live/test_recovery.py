"""Executions that are stopped, killed, cut off or left behind, on real servers: decided by evidence, never by a guess.

tests/faults does the same at every point and with other processes; here is one test for each thing a person meets.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import MySQLdb
import pytest
from django.conf import settings as django_settings

from backups import faults
from backups.errors import StoreError
from changes import actions, attempt, execution, killing, shutdown, unfinished
from changes.attempt import lock_name
from changes.errors import ChangeError
from changes.models import Execution, Ticket
from changes.problems import Problem
from changes.reconciler import Reconciler
from changes.runner import StatementResult
from changes.states import BackupState, ExecutionState, Outcome, RollbackState, TicketState
from changes.targets import TargetError
from tests.changes.people import make_fields, make_person
from tests.live.installation import Installation, point_at, register
from tests.live.own_rows import query
from tests.live.test_execution import dump
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    config = point_at(backup_server, django_settings.INCEPTION)
    settings.INCEPTION = _with(config, takeover_seconds=1, backup_retry_seconds=1)
    with contextlib.closing(server.connect(database=schema)) as connection:
        query(connection, "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(40), n INT NOT NULL DEFAULT 0)")
        query(connection, "INSERT INTO a VALUES (1, 'one', 0), (2, 'two', 0), (3, 'three', 0)")
    with patch("changes.jobs.ring"):
        yield Installation(server, schema, register(server))
    faults.arm("")
    with contextlib.closing(server.connect()) as root:
        for (name,) in query(root, "SHOW DATABASES LIKE 'inception\\_kept\\_%'"):
            query(root, f"DROP DATABASE `{name}`")


def _with(config: Any, **worker: int) -> Any:
    from dataclasses import replace

    return replace(config, worker=replace(config.worker, **worker))


def submit(place: Installation, sql: str, **fields: Any) -> Ticket:
    ticket = actions.create_ticket(
        make_fields(place.target, sql=sql, schema_name=place.schema, **fields), by=make_person("ann")
    )
    actions.submit(ticket, by=make_person("ann"))
    actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
    ticket.refresh_from_db()
    return ticket


def die(point: str, count: int = 1) -> Any:
    """Let the worker end at a point as if it was killed: what would settle it does not run."""
    faults.arm(f"{point}:{count}:raise")
    return patch("changes.execution.recovery.take_back")


def reconcile() -> None:
    """Look once at everything, as if every lease had run out."""
    Execution.objects.filter(state=ExecutionState.RUNNING).update(lease_until=None)
    Execution.objects.exclude(look_again_at=None).update(look_again_at=attempt.DatabaseNow())
    reconciler = Reconciler(say=lambda line: None)
    for abandoned in reconciler.find_abandoned():
        # In this thread: the test's application database is in memory.
        with patch("changes.reconciler.connections.close_all"):
            from changes.reconciler import look_into

            look_into(abandoned)


def kill_worker(place: Installation, ticket: Ticket, point: str, count: int = 1) -> Execution:
    """Run the ticket up to `point`, where its worker dies; its session on the target ends with it."""
    queued = ticket.executions.get(state="queued")
    with die(point, count), pytest.raises(faults.InjectedFaultError):
        execution.run(queued.pk)
    queued.refresh_from_db()
    assert queued.state == ExecutionState.RUNNING
    return queued


EVERY_POINT = [
    ("after_claim", 0), ("after_connect", 0), ("after_lock", 0), ("after_snapshot", 0), ("after_intent", 0),
    ("after_begin", 0), ("stmt_done_before_commit", 0), ("commit_done_before_record", 1),
    ("recorded_before_decode", 1), ("mid_decode", 1), ("backup_tx_open", 1), ("backup_committed_before_mark", 1),
    ("between_statements", 1), ("before_final_cas", 1),
]  # fmt: skip


@pytest.mark.parametrize(("point", "took_effect"), EVERY_POINT)
def test_what_a_dead_worker_left_is_decided_and_backed_up(place: Installation, point: str, took_effect: int) -> None:
    before = dump(place.server, place.schema, "a")
    ticket = submit(place, "UPDATE a SET n = n + 1 WHERE id <= 2")
    kill_worker(place, ticket, point)
    reconcile()
    ticket.refresh_from_db()
    if ticket.state == TicketState.QUEUED:  # nothing had been sent
        assert not took_effect
        assert place.work(ticket).state == ExecutionState.SUCCEEDED
        took_effect = 1
    ticket.refresh_from_db()
    rows = dict(query(place.server.connect(database=place.schema), "SELECT id, n FROM a"))
    assert rows == {1: took_effect, 2: took_effect, 3: 0}
    if not took_effect:
        assert (ticket.state, ticket.backup_state) == (TicketState.FAILED, BackupState.NONE)
        assert ticket.last_execution is not None
        assert [s.outcome for s in ticket.last_execution.statements.all()] == [Outcome.ABORTED]
        return
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)
    assert place.roll_back(ticket).state == ExecutionState.SUCCEEDED
    assert dump(place.server, place.schema, "a") == before


@pytest.mark.parametrize(
    ("point", "undone"),
    [("after_intent", False), ("stmt_done_before_commit", False), ("commit_done_before_record", True),
     ("recorded_before_decode", True), ("backup_committed_before_mark", True), ("before_final_cas", True)],
)  # fmt: skip
def test_a_rollback_whose_worker_died_is_decided_too(place: Installation, point: str, undone: bool) -> None:
    before = dump(place.server, place.schema, "a")
    ran = place.run("UPDATE a SET n = n + 1 WHERE id <= 2")
    changed = dump(place.server, place.schema, "a")
    undo = actions.roll_back(ran.ticket, by=make_person("dana"), plan=actions.RollbackPlan(), reason="")
    kill_worker(place, undo, point)
    reconcile()
    ran.ticket.refresh_from_db()
    assert dump(place.server, place.schema, "a") == (before if undone else changed)
    if undone:
        assert ran.ticket.rollback_state == RollbackState.DONE
        undo.refresh_from_db()
        assert place.roll_back(undo).state == ExecutionState.SUCCEEDED
        assert dump(place.server, place.schema, "a") == changed
    else:
        assert ran.ticket.rollback_state == RollbackState.FAILED
        assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
        assert dump(place.server, place.schema, "a") == before


def test_a_schema_change_whose_answer_was_not_heard_is_found(place: Installation) -> None:
    ticket = submit(place, "ALTER TABLE a ADD COLUMN extra INT")
    kill_worker(place, ticket, "commit_done_before_record")
    reconcile()
    ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)
    assert place.roll_back(ticket).state == ExecutionState.SUCCEEDED


def test_a_table_without_transactions_that_was_cut_off_is_partly_done(place: Installation) -> None:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "CREATE TABLE m (id INT PRIMARY KEY, n INT) ENGINE=MyISAM")
        query(connection, "INSERT INTO m VALUES (1, 0), (2, 0)")
    ticket = submit(place, "UPDATE m SET n = n + 1")
    kill_worker(place, ticket, "stmt_done_before_commit")
    reconcile()
    ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.PARTLY_DONE, BackupState.COMPLETE)
    record = ticket.executions.get().statements.get()
    assert (record.outcome, record.rows_captured) == (Outcome.FAILED_PARTIAL, 2)
    assert "may have been stopped half way" in record.error


def test_a_worker_that_lost_its_execution_commits_nothing(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = n + 1")
    queued = ticket.executions.get()

    def lose(name: str) -> None:
        if name == "stmt_done_before_commit":
            Execution.objects.filter(pk=queued.pk).update(fence=99)

    with patch("changes.runner.faults.point", lose):
        execution.run(queued.pk)
    assert dict(query(place.server.connect(database=place.schema), "SELECT id, n FROM a")) == {1: 0, 2: 0, 3: 0}


def test_the_session_of_a_frozen_worker_is_ended_and_can_do_no_harm(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = n + 1")
    left = kill_worker(place, ticket, "after_intent")
    with contextlib.closing(place.server.connect(database=place.schema)) as frozen:
        query(frozen, f"SELECT GET_LOCK('{lock_name(ticket.executions.get())}', 0)")
        ((connection_id,),) = query(frozen, "SELECT CONNECTION_ID()")
        Execution.objects.filter(pk=left.pk).update(connection_id=connection_id)
        frozen.query(b"START TRANSACTION")
        frozen.query(b"UPDATE a SET n = n + 1")
        reconcile()
        with pytest.raises(MySQLdb.Error):
            frozen.query(b"COMMIT")
    ticket.refresh_from_db()
    assert ticket.state == TicketState.FAILED
    assert dict(query(place.server.connect(database=place.schema), "SELECT id, n FROM a")) == {1: 0, 2: 0, 3: 0}


def test_a_lock_that_somebody_else_holds_leaves_it_unknown_until_it_is_free(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = n + 1")
    kill_worker(place, ticket, "commit_done_before_record")
    with contextlib.closing(place.server.connect(database=place.schema)) as other:
        query(other, f"SELECT GET_LOCK('{lock_name(ticket.executions.get())}', 0)")
        reconcile()
        ticket.refresh_from_db()
        assert ticket.state == TicketState.UNKNOWN
        assert ticket.last_execution is not None
        assert "still holds the lock" in ticket.last_execution.error
    reconcile()
    ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)


def test_a_person_decides_what_no_evidence_can(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = n + 1")
    kill_worker(place, ticket, "commit_done_before_record")
    Execution.objects.filter(ticket=ticket).update(server_identity="uuid=another server_id=7 hostname=gone")
    reconcile()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.UNKNOWN
    with pytest.raises(ChangeError, match="needs a reason"):
        unfinished.decide(ticket, applied=True, reason=" ", by=make_person("dana"))
    with pytest.raises(ChangeError, match="group DBAs"):
        unfinished.decide(ticket, applied=True, reason="I looked.", by=make_person("ann"))
    unfinished.decide(ticket, applied=True, reason="The rows are there.", by=make_person("dana"))
    ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.IMPOSSIBLE)
    assert "dana decided that it took effect: The rows are there." in ticket.activities.get(verb="decided").text
    reconcile()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.SUCCEEDED


def at_point(place: Installation, name: str, act: Callable[[], None]) -> Any:
    """Do something when the worker passes a point for the first time."""
    done: list[bool] = []

    def point(passed: str) -> None:
        if passed == name and not done:
            done.append(True)
            act()

    return patch("backups.faults.point", point)


def test_stop_lets_the_statement_end_and_sends_no_other(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = 1 WHERE id = 1; UPDATE a SET n = 1 WHERE id = 2", transaction_mode="each")

    def ask() -> None:
        running = Ticket.objects.get(pk=ticket.pk)
        unfinished.stop(running, by=make_person("ann"))

    with at_point(place, "stmt_sent", ask):
        done = place.work(ticket)
    assert [s.outcome for s in done.statements.all()] == [Outcome.DONE, Outcome.NOT_RUN]
    assert done.ticket.state == TicketState.PARTLY_DONE
    assert done.error == "Stopped after statement 1, as asked. The statements after it were not run."
    assert place.roll_back(done.ticket).state == ExecutionState.SUCCEEDED


def test_stop_aborts_an_open_transaction(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = 1 WHERE id = 1; UPDATE a SET n = 1 WHERE id = 2")
    with at_point(place, "between_statements", lambda: unfinished.stop(_fresh(ticket), by=make_person("ann"))):
        done = place.work(ticket)
    assert (done.ticket.state, done.ticket.backup_state) == (TicketState.FAILED, BackupState.NONE)
    assert dict(query(place.server.connect(database=place.schema), "SELECT id, n FROM a")) == {1: 0, 2: 0, 3: 0}


def _fresh(ticket: Ticket) -> Ticket:
    return Ticket.objects.get(pk=ticket.pk)


def test_kill_ends_the_statement_and_nothing_of_it_is_applied(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = n + 1")
    killed: list[bool] = []

    def end_it(connection_id: int) -> None:
        time.sleep(0.5)
        killed.append(killing.kill_query(place.target.address, connection_id, lock=lock_name(ticket.executions.get())))

    with contextlib.closing(place.server.connect(database=place.schema)) as other:
        other.query(b"START TRANSACTION")
        other.query(b"UPDATE a SET n = 7 WHERE id = 1")  # the statement waits for this row

        def start() -> None:
            running = Execution.objects.get(ticket=ticket)
            threading.Thread(target=end_it, args=(running.connection_id,)).start()

        with at_point(place, "stmt_sent", start):
            done = place.work(ticket)
        other.query(b"ROLLBACK")
    assert killed == [True]
    assert (done.state, done.statements.get().outcome) == (ExecutionState.FAILED, Outcome.FAILED)
    assert "1317" in done.error
    assert dict(query(place.server.connect(database=place.schema), "SELECT id, n FROM a")) == {1: 0, 2: 0, 3: 0}


def test_a_session_that_does_not_hold_the_lock_is_never_killed(place: Installation) -> None:
    with contextlib.closing(place.server.connect(database=place.schema)) as innocent:
        ((connection_id,),) = query(innocent, "SELECT CONNECTION_ID()")
        assert not killing.kill_query(place.target.address, connection_id, lock="inception:0:0")
        assert query(innocent, "SELECT 1") == [(1,)] or query(innocent, "SELECT 1") == ((1,),)


def test_a_statement_over_its_time_is_ended(place: Installation, settings: Any) -> None:
    place.target.statement_seconds, place.target.lock_wait_seconds = 1, 60
    place.target.save()
    ticket = submit(place, "UPDATE a SET n = n + 1")
    with contextlib.closing(place.server.connect(database=place.schema)) as other:
        other.query(b"START TRANSACTION")
        other.query(b"UPDATE a SET n = 7 WHERE id = 1")
        done = place.work(ticket)
        other.query(b"ROLLBACK")
    assert (done.state, done.statements.get().outcome) == (ExecutionState.FAILED, Outcome.FAILED)
    assert dict(query(place.server.connect(database=place.schema), "SELECT id, n FROM a")) == {1: 0, 2: 0, 3: 0}


def test_a_lock_wait_is_tried_again_and_the_page_is_told(place: Installation) -> None:
    place.target.lock_wait_seconds = 1
    place.target.save()
    ticket = submit(place, "UPDATE a SET n = n + 1; UPDATE a SET v = 'again'")
    with contextlib.closing(place.server.connect(database=place.schema)) as other:
        other.query(b"START TRANSACTION")
        other.query(b"UPDATE a SET n = 7 WHERE id = 1")
        timer = threading.Timer(1.5, lambda: other.query(b"ROLLBACK"))
        with at_point(place, "stmt_sent", timer.start):
            done = place.work(ticket)
        timer.join()
    assert done.state == ExecutionState.SUCCEEDED, done.error
    first = done.statements.first()
    assert first is not None
    assert first.retries
    assert all(entry["error"].startswith("1205") for entry in first.retries)
    assert dict(query(place.server.connect(database=place.schema), "SELECT id, n FROM a")) == {1: 1, 2: 1, 3: 1}


def test_one_ticket_at_a_time_runs_in_a_schema(place: Installation) -> None:
    first, second = submit(place, "UPDATE a SET n = 1"), submit(place, "UPDATE a SET n = 2")
    kill_worker(place, first, "after_begin")
    waiting = second.executions.get()
    assert execution.run(waiting.pk) is None
    obstacle = attempt.find_obstacle(waiting)
    assert obstacle is not None
    assert obstacle.ticket_id == first.pk
    reconcile()
    assert place.work(second).state == ExecutionState.SUCCEEDED


def test_a_worker_that_is_asked_to_end_puts_the_rest_back(place: Installation) -> None:
    ticket = submit(
        place, "UPDATE a SET n = n + 1 WHERE id = 1; UPDATE a SET n = n + 1 WHERE id = 2", transaction_mode="each"
    )
    queued = ticket.executions.get()
    try:
        with at_point(place, "stmt_sent", shutdown.request):
            execution.run(queued.pk)
    finally:
        shutdown._requested.clear()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.QUEUED
    done = place.work(ticket)
    assert (done.pk, done.state, done.claims) == (queued.pk, ExecutionState.SUCCEEDED, 2)
    assert dict(query(place.server.connect(database=place.schema), "SELECT id, n FROM a")) == {1: 1, 2: 1, 3: 0}
    assert [s.backup_state for s in done.statements.all()] == [BackupState.COMPLETE] * 2


def test_a_backup_that_waits_stops_the_ticket_and_is_finished_later(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = 1; ALTER TABLE a ADD COLUMN extra INT")
    with patch("changes.protection.capture", side_effect=StoreError("the backup server is away.")):
        place.work(ticket)
        ticket.refresh_from_db()
        assert (ticket.state, ticket.backup_state) == (TicketState.RUNNING, BackupState.PENDING)
        reconcile()
    ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.RUNNING, BackupState.PENDING)
    assert "the backup server is away" in ticket.executions.get().evidence["backup"]
    reconcile()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.QUEUED  # nothing is in doubt any more: the rest may run
    done = place.work(ticket)
    assert (done.state, done.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.COMPLETE)


def test_a_backup_that_is_given_up_is_marked_and_ends_the_ticket(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = 1")
    with patch("changes.protection.capture", side_effect=StoreError("the disk is gone.")):
        place.work(ticket)
    ticket.refresh_from_db()
    unfinished.give_up_backup(ticket, reason="The server will not come back.", by=make_person("dana"))
    ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.INCOMPLETE)


def purge(place: Installation, ticket: Ticket) -> None:
    """Let the server forget the file that the ticket's statement is in; MariaDB does so a moment after it may."""
    (record,) = ticket.executions.get().statements.all()
    status = "SHOW MASTER STATUS" if place.server.flavor.is_mariadb else "SHOW BINARY LOG STATUS"
    with contextlib.closing(place.server.connect()) as root:
        query(root, "FLUSH BINARY LOGS")
        deadline = time.monotonic() + 20
        while record.start_file in {row[0] for row in query(root, "SHOW BINARY LOGS")}:
            assert time.monotonic() < deadline
            query(root, f"PURGE BINARY LOGS TO '{query(root, status)[0][0]}'")
            time.sleep(0.1)


def test_a_binlog_that_was_purged_makes_the_backup_impossible(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = 1")
    kill_worker(place, ticket, "recorded_before_decode")
    purge(place, ticket)
    reconcile()
    ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.IMPOSSIBLE)
    assert "cannot be made any more" in ticket.executions.get().statements.get().backup_reason


def test_a_purged_binlog_leaves_a_commit_unknown(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = 1")
    kill_worker(place, ticket, "commit_done_before_record")
    purge(place, ticket)
    reconcile()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.UNKNOWN


def _end_of(place: Installation, ticket: Ticket) -> None:
    """Run the ticket again as often as it is put back, to its end."""
    ticket.refresh_from_db()
    if ticket.state == TicketState.QUEUED:
        place.work(ticket)
        ticket.refresh_from_db()


@pytest.mark.parametrize("sql", ["DROP TABLE a", "TRUNCATE TABLE a", "ALTER TABLE a DROP COLUMN v"])
@pytest.mark.parametrize(
    ("point", "count"),
    [("after_intent", 1), ("after_intent", 2), ("stmt_sent", 1), ("commit_done_before_record", 1),
     ("recorded_before_decode", 1), ("backup_committed_before_mark", 1)],
)  # fmt: skip
def test_what_was_set_aside_is_never_lost_with_a_worker(place: Installation, sql: str, point: str, count: int) -> None:
    """Whether the statement happened or not: its rows are in the table, or come back with the rollback."""
    before = dump(place.server, place.schema, "a")
    ticket = submit(place, sql, accepts_loss=True)
    assert ticket.inspection["statements"][0]["keeps"]
    kill_worker(place, ticket, point, count)
    reconcile()
    _end_of(place, ticket)
    if ticket.state == TicketState.FAILED:  # it did not happen
        assert point == "after_intent"
    else:
        assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)
        assert place.roll_back(ticket).state == ExecutionState.SUCCEEDED
    assert dump(place.server, place.schema, "a") == before


def half_run(place: Installation) -> Ticket:
    """Return a ticket whose first statement is committed and whose second waits in the queue again."""
    ticket = submit(
        place, "UPDATE a SET n = n + 1 WHERE id = 1; UPDATE a SET n = n + 1 WHERE id = 2", transaction_mode="each"
    )
    try:
        with at_point(place, "stmt_sent", shutdown.request):
            execution.run(ticket.executions.get().pk)
    finally:
        shutdown._requested.clear()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.QUEUED
    return ticket


def test_what_ran_is_never_said_not_to_have_run(place: Installation) -> None:
    ticket = half_run(place)
    problem = Problem(id="target.password", severity="error", found="No key.", needed="", how="")
    with patch("changes.models.Target.address", property(lambda target: _raise(TargetError(problem)))):
        done = place.work(ticket)
    assert (done.ticket.state, done.ticket.backup_state) == (TicketState.PARTLY_DONE, BackupState.COMPLETE)
    assert "Ended after statement 1: No key." in done.error
    with pytest.raises(ChangeError):
        actions.run(done.ticket, by=make_person("dana"))


def _raise(error: Exception) -> Any:
    raise error


def test_a_part_that_ran_is_kept_when_the_rest_is_no_longer_what_was_approved(place: Installation) -> None:
    ticket = half_run(place)
    place.target.approvals_needed = 2
    place.target.save()
    done = place.work(ticket)
    assert (done.ticket.state, done.ticket.backup_state) == (TicketState.PARTLY_DONE, BackupState.COMPLETE)
    assert place.roll_back(done.ticket).ticket.state in (TicketState.SUCCEEDED, TicketState.IN_REVIEW)


def test_a_ticket_of_which_a_part_ran_is_not_withdrawn(place: Installation) -> None:
    ticket = half_run(place)
    with pytest.raises(ChangeError, match="A part of the ticket has run already"):
        actions.withdraw(ticket, by=make_person("dana"))


def test_what_was_set_aside_is_brought_back_until_it_is_back(place: Installation) -> None:
    before = dump(place.server, place.schema, "a")
    ticket = submit(place, "TRUNCATE TABLE a")
    kill_worker(place, ticket, "after_intent", 2)
    assert dump(place.server, place.schema, "a") == []
    with patch("changes.kept_data.take_back", side_effect=MySQLdb.OperationalError(1205, "Lock wait timeout exceeded")):
        reconcile()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.UNKNOWN
    assert ticket.last_execution is not None
    assert "still set aside in inception_kept_" in ticket.last_execution.error
    with pytest.raises(ChangeError, match="No outcome is in doubt"):
        unfinished.decide(ticket, applied=False, reason="I looked.", by=make_person("dana"))
    reconcile()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.FAILED
    assert dump(place.server, place.schema, "a") == before


def test_what_a_person_says_did_not_happen_is_brought_back_too(place: Installation) -> None:
    before = dump(place.server, place.schema, "a")
    ticket = submit(place, "TRUNCATE TABLE a")
    left = kill_worker(place, ticket, "after_intent", 2)
    left.refresh_from_db()
    Execution.objects.filter(pk=left.pk).update(server_identity="uuid=another server_id=7 hostname=gone")
    reconcile()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.UNKNOWN
    unfinished.decide(ticket, applied=False, reason="It is not in the binlog.", by=make_person("dana"))
    assert dump(place.server, place.schema, "a") == []
    Execution.objects.filter(pk=left.pk).update(server_identity=left.server_identity)
    reconcile()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.FAILED
    assert dump(place.server, place.schema, "a") == before


def test_a_schema_change_that_fails_gets_back_what_was_set_aside(place: Installation) -> None:
    before = dump(place.server, place.schema, "a")
    ticket = submit(place, "TRUNCATE TABLE a")

    def fail(run: Any, text: str, marker: str, **options: Any) -> Any:
        return StatementResult(options["start"], error=(1050, "made up"), commit_sent=True, committed=False)

    with patch("changes.running.runner.run_statement", fail):
        done = place.work(ticket)
    assert (done.ticket.state, done.statements.get().outcome) == (TicketState.FAILED, Outcome.ABORTED)
    assert dump(place.server, place.schema, "a") == before


def test_a_look_at_what_is_unknown_is_not_stolen(place: Installation) -> None:
    ticket = submit(place, "UPDATE a SET n = n + 1")
    left = kill_worker(place, ticket, "commit_done_before_record")
    Execution.objects.filter(pk=left.pk).update(state="unknown", look_again_at=attempt.DatabaseNow(), lease_until=None)
    Ticket.objects.filter(pk=ticket.pk).update(state="unknown")
    assert [found.pk for found in Reconciler(say=print).find_abandoned()] == [left.pk]
    left.refresh_from_db()
    assert attempt.Attempt.take_over(left, only_expired=True) is not None
    assert Reconciler(say=print).find_abandoned() == []
