"""Two installations whose tickets and executions have the same numbers, on one target and one backup server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings

from backups import faults
from backups.cursors import open_backup_cursor
from changes import attempt, unfinished
from changes.errors import TicketStateError
from changes.executed_change import build_change
from changes.installation import own_id, renew_id
from changes.marker import build_marker
from changes.models import Execution, Target, Ticket
from changes.states import BackupState, ExecutionState, Outcome, TicketState
from tests.changes.people import make_person
from tests.live.installation import Installation, open_installation, point_at
from tests.live.own_rows import query
from tests.live.test_recovery import kill_worker, reconcile, submit
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

OTHER = "0badf00d"
SQL = "UPDATE a SET n = n + 1 WHERE id <= 2"
TABLES = [
    "CREATE TABLE a (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0)",
    "INSERT INTO a VALUES (1, 0), (2, 0), (3, 0)",
]


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    config = point_at(backup_server, django_settings.INCEPTION)
    settings.INCEPTION = replace(config, worker=replace(config.worker, takeover_seconds=1))
    with open_installation(server, schema, TABLES) as made:
        yield made
    faults.arm("")


def as_other(ticket: Ticket) -> Execution:
    """Return the execution of the same number in the other installation."""
    theirs = ticket.executions.get()
    theirs.installation = OTHER
    return theirs


def run_as_other(place: Installation, ticket: Ticket, sql: str = SQL) -> None:
    """Run the same statement as the other installation's ticket of the same number does."""
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, build_marker(OTHER, ticket.pk, ticket.executions.get().pk, 0) + sql)
        connection.commit()


def rows_of(place: Installation) -> dict[int, int]:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        return dict(query(connection, "SELECT id, n FROM a"))


def test_what_the_other_ran_is_not_taken_for_ours(place: Installation) -> None:
    ticket = submit(place, SQL)
    kill_worker(place, ticket, "after_intent")
    run_as_other(place, ticket)
    reconcile()
    ticket.refresh_from_db()
    assert rows_of(place) == {1: 1, 2: 1, 3: 0}
    assert (ticket.state, ticket.backup_state) == (TicketState.FAILED, BackupState.NONE)
    assert ticket.executions.get().statements.get().outcome == Outcome.ABORTED


def test_what_we_ran_is_found_beside_what_the_other_ran(place: Installation) -> None:
    ticket = submit(place, SQL)
    kill_worker(place, ticket, "commit_done_before_record")
    run_as_other(place, ticket)
    reconcile()
    ticket.refresh_from_db()
    assert rows_of(place) == {1: 2, 2: 2, 3: 0}
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)
    assert ticket.executions.get().statements.get().rows_captured == 2


def test_the_others_lock_is_not_ours(place: Installation) -> None:
    ticket = submit(place, SQL)
    left = kill_worker(place, ticket, "after_intent")
    with contextlib.closing(place.server.connect(database=place.schema)) as other:
        query(other, f"SELECT GET_LOCK('{attempt.lock_name(as_other(ticket))}', 0)")
        # As if the server had given the other's session the number of ours that is gone.
        ((number,),) = query(other, "SELECT CONNECTION_ID()")
        Execution.objects.filter(pk=left.pk).update(connection_id=number)
        reconcile()
        assert list(query(other, "SELECT 1")) == [(1,)]  # not killed
    ticket.refresh_from_db()
    assert ticket.state == TicketState.FAILED


def test_the_other_at_a_backup_of_the_same_number_is_left_alone(place: Installation, backup_server: Server) -> None:
    ticket = submit(place, SQL)
    with contextlib.closing(backup_server.connect()) as other:
        theirs = f"inception:backup:{OTHER}:{ticket.executions.get().pk}"
        query(other, f"SELECT GET_LOCK('{theirs}', 0)")
        with patch("backups.capture.LOCK_PATIENCE_SECONDS", 0):
            done = place.work(ticket)
        assert list(query(other, "SELECT 1")) == [(1,)]
    assert (done.state, done.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.COMPLETE)
    record = done.statements.get()
    change = build_change(record, place.server.flavor)
    assert change.lock_name == f"inception:backup:{done.installation}:{done.pk}"
    with open_backup_cursor() as cursor:
        name = f"`{record.backup_schema}`.`{record.backup_table}`"
        cursor.execute(f"SELECT COUNT(*) FROM {name} WHERE opid_time = '{record.opid_time}'")
        assert cursor.fetchone()[0] == record.records_stored == 2


@pytest.mark.parametrize(("point", "took_effect"), [("after_intent", 0), ("commit_done_before_record", 1)])
def test_what_was_sent_before_installations_had_an_id_is_found_under_its_old_name(
    place: Installation, point: str, took_effect: int
) -> None:
    ticket = submit(place, SQL)
    with patch("changes.attempt.own_id", return_value=""):
        left = kill_worker(place, ticket, point)
    assert attempt.lock_name(left) == f"inception:{place.target.pk}:{ticket.pk}"
    reconcile()
    ticket.refresh_from_db()
    assert rows_of(place) == {1: took_effect, 2: took_effect, 3: 0}
    expected = (TicketState.SUCCEEDED, BackupState.COMPLETE) if took_effect else (TicketState.FAILED, BackupState.NONE)
    assert (ticket.state, ticket.backup_state) == expected


def test_an_execution_keeps_the_name_it_was_first_claimed_under(place: Installation) -> None:
    ticket = submit(place, f"{SQL}; UPDATE a SET n = 5 WHERE id = 3", transaction_mode="each")
    with patch("changes.attempt.own_id", return_value=""):
        left = kill_worker(place, ticket, "between_statements")
    reconcile()
    ticket.refresh_from_db()
    assert ticket.state == TicketState.QUEUED  # for the second statement
    done = place.work(ticket)
    assert (done.pk, done.installation, done.state) == (left.pk, "", ExecutionState.SUCCEEDED)
    assert done.ticket.backup_state == BackupState.COMPLETE


def test_a_copy_with_keys_of_its_own_lets_go_of_what_was_under_way_without_its_target(place: Installation) -> None:
    ticket = submit(place, SQL)
    left = kill_worker(place, ticket, "commit_done_before_record")
    Target.objects.update(password_encrypted="1:of-other-keys")
    with pytest.raises(TicketStateError, match="under way"):
        renew_id()
    with contextlib.closing(place.server.connect(database=place.schema)) as original:
        query(original, f"SELECT GET_LOCK('{attempt.lock_name(left)}', 0)")
        ((number,),) = query(original, "SELECT CONNECTION_ID()")
        Execution.objects.filter(pk=left.pk).update(connection_id=number)
        reconcile()
        assert list(query(original, "SELECT 1")) == [(1,)]  # the original's session was not ended
    ticket.refresh_from_db()
    assert ticket.state == TicketState.UNKNOWN
    unfinished.decide(ticket, applied=True, reason="It is the original's.", by=make_person("dana"))
    assert renew_id() == (left.installation, own_id())
    assert left.installation != own_id()
