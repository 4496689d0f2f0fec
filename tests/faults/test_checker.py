"""The checker says nothing of a ticket that ran well, and finds each violation that is planted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from backups.cursors import open_backup_cursor
from changes.attempt import lock_name
from changes.models import Activity, ExecutedStatement, Execution, Ticket
from changes.states import BackupState, ExecutionState, Outcome, RollbackState, TicketState
from tests.faults.checker import Subject, check, check_secrets
from tests.faults.own_server import SentStatement
from tests.faults.traces import SHAPES, dump, make_schema, texts
from tests.live.installation import Installation, point_at, register
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]


class Done:
    """A ticket that ran well, and a hand on everything that the checker reads."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.shape = SHAPES["each"]
        self.schema = make_schema(self.sql, self.shape)
        self.before = dump(self.query, self.schema)
        self.installation = Installation(server, self.schema, register(server))
        self.execution = self.installation.run(";\n".join(texts(self.shape.traces)))
        self.ticket: Ticket = self.execution.ticket
        self.sent: list[SentStatement] = []

    def query(self, sql: str, args: Any = None, **options: Any) -> list[tuple[Any, ...]]:
        connection = self.server.connect(**options)
        try:
            cursor = connection.cursor()
            cursor.execute(sql, args)
            return list(cursor.fetchall())
        finally:
            connection.close()

    def sql(self, *statements: str, **options: Any) -> None:
        connection = self.server.connect(**options)
        for statement in statements:
            connection.cursor().execute(statement)
        connection.close()

    def here(self, *statements: str) -> None:
        self.sql(*statements, database=self.schema)

    @property
    def subject(self) -> Subject:
        return Subject(self.ticket.pk, self.schema, self.shape.traces, self.before, self.query, lambda: self.sent)

    def record(self, seq: int) -> Any:
        return ExecutedStatement.objects.filter(execution=self.execution, seq=seq)

    def found(self) -> set[str]:
        return {violation.invariant for violation in check(self.subject)}


@pytest.fixture
def done(server: Server, backup_server: Server, settings: Any) -> Iterator[Done]:
    settings.INCEPTION = point_at(backup_server, django_settings.INCEPTION)
    made = Done(server)
    yield made
    made.sql(f"DROP DATABASE {made.schema}")


def tickets(done: Done) -> Any:
    return Ticket.objects.filter(pk=done.ticket.pk)


def executions(done: Done) -> Any:
    return Execution.objects.filter(pk=done.execution.pk)


def twice(done: Done) -> None:
    done.here(done.shape.traces[1].sql)


def never(done: Done) -> None:
    done.here("UPDATE counter SET n = 0")


def half(done: Done) -> None:
    done.here("DELETE FROM trace LIMIT 1")


def done_and_said_failed(done: Done) -> None:
    done.record(2).update(outcome=Outcome.FAILED)
    tickets(done).update(state=TicketState.PARTLY_DONE)


def not_done_and_said_done(done: Done) -> None:
    done.here("DELETE FROM trace")
    tickets(done).update(state=TicketState.PARTLY_DONE)


def nothing_said_and_changed(done: Done) -> None:
    ExecutedStatement.objects.filter(execution=done.execution).update(outcome=Outcome.NOT_RUN)
    tickets(done).update(state=TicketState.FAILED)


def backup_gone(done: Done) -> None:
    record = done.record(0).get()
    with open_backup_cursor() as cursor:
        cursor.execute(
            f"DELETE FROM `{record.backup_schema}`.`{record.backup_table}` WHERE opid_time = %s", (record.opid_time,)
        )


def backup_never_made(done: Done) -> None:
    done.record(1).update(backup_state=BackupState.PENDING)


def backup_said_and_no_evidence(done: Done) -> None:
    done.record(1).update(archive_sha256="", records_sha256="", backup_signature="")


def backup_of_too_few_rows(done: Done) -> None:
    """Evidence of a part agrees with itself: so the checker knows by itself how many rows there are."""
    done.shape = replace(done.shape, traces=(replace(done.shape.traces[0], rows=3), *done.shape.traces[1:]))


def other_text_recorded(done: Done) -> None:
    done.record(0).update(sql="UPDATE counter SET n = n + 1")


def other_text_sent(done: Done) -> None:
    done.sent = [SentStatement(7, done.ticket.pk, done.execution.pk, 0, b"UPDATE counter SET n = n + 1")]


def two_sessions(done: Done) -> None:
    text = [trace.sql.encode() for trace in done.shape.traces]
    done.sent = [
        SentStatement(thread, done.ticket.pk, done.execution.pk, seq, text[seq])
        for thread, seq in ((7, 0), (8, 1), (7, 2))
    ]


def rolled_back_and_not_equal(done: Done) -> None:
    ExecutedStatement.objects.filter(execution=done.execution).update(undone_by=done.ticket)
    tickets(done).update(rollback_state=RollbackState.DONE)


def unknown_and_succeeded(done: Done) -> None:
    done.record(2).update(outcome=Outcome.UNKNOWN)


def left_running(done: Done) -> None:
    executions(done).update(state=ExecutionState.RUNNING, lease_until=timezone.now() - timedelta(minutes=5))


def left_sent(done: Done) -> None:
    done.record(2).update(outcome=Outcome.COMMIT_SENT)
    tickets(done).update(state=TicketState.PARTLY_DONE)


def backup_left_pending(done: Done) -> None:
    tickets(done).update(backup_state=BackupState.PENDING)


def rollback_left_running(done: Done) -> None:
    tickets(done).update(rollback_state=RollbackState.RUNNING)


def activity_missing(done: Done) -> None:
    Activity.objects.filter(ticket=done.ticket, to_state=TicketState.RUNNING)._raw_delete("default")


def moved_without_activity(done: Done) -> None:
    tickets(done).update(state=TicketState.PARTLY_DONE)


def nobody_named(done: Done) -> None:
    Activity.objects.filter(ticket=done.ticket, verb="approved").update(actor=None)


def test_it_says_nothing_of_a_ticket_that_ran_well(done: Done) -> None:
    assert check(done.subject) == []
    done.installation.roll_back(done.ticket)
    assert check(done.subject) == []


@pytest.mark.parametrize(
    ("plant", "invariant"),
    [
        (twice, "I1"),
        (never, "I1"),
        (half, "I1"),
        (done_and_said_failed, "outcome"),
        (not_done_and_said_done, "outcome"),
        (nothing_said_and_changed, "outcome"),
        (backup_gone, "I2"),
        (backup_never_made, "I2"),
        (backup_said_and_no_evidence, "I2"),
        (backup_of_too_few_rows, "I2"),
        (other_text_recorded, "I3"),
        (other_text_sent, "I3"),
        (rolled_back_and_not_equal, "I4"),
        (two_sessions, "I5"),
        (unknown_and_succeeded, "I6"),
        (left_running, "I7"),
        (left_sent, "I7"),
        (backup_left_pending, "I7"),
        (rollback_left_running, "I7"),
        (activity_missing, "I8"),
        (moved_without_activity, "I8"),
        (nobody_named, "I8"),
    ],
)
def test_it_finds_what_is_planted(done: Done, plant: Callable[[Done], None], invariant: str) -> None:
    plant(done)
    assert invariant in done.found()


def test_it_finds_a_lock_that_is_still_held(done: Done) -> None:
    holder = done.server.connect()
    holder.cursor().execute("SELECT GET_LOCK(%s, 0)", (lock_name(done.execution),))
    assert done.found() == {"I7"}
    holder.close()


def test_it_finds_a_secret_and_does_not_tell_it() -> None:
    (found,) = check_secrets([("a.log", b"password=hunter2-secret"), ("b.log", b"well")], ["hunter2-secret"])
    assert found.invariant == "I9"
    assert "a.log" in found.text
    assert "hunter2-secret" not in found.text
