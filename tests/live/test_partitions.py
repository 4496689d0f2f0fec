"""Rows of dropped and emptied partitions are set aside on the target first, and come back with the rollback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings

from changes import actions
from changes.errors import CheckFailedError
from changes.models import ExecutedStatement
from changes.states import BackupState, ExecutionState, Outcome, TicketState
from tests.changes.people import make_person
from tests.live.installation import Installation, point_at, prove_on
from tests.live.kept_place import find_kept, open_place, run_sql, state_of, submit
from tests.live.test_recovery import kill_worker, reconcile
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE visits (id INT NOT NULL AUTO_INCREMENT, at DATE NOT NULL, n INT, PRIMARY KEY (id, at))"
    " PARTITION BY RANGE (YEAR(at)) (PARTITION p20 VALUES LESS THAN (2021), PARTITION p21 VALUES LESS THAN (2022),"
    " PARTITION p22 VALUES LESS THAN (2023))",
    "INSERT INTO visits VALUES (1, '2020-05-05', 1), (2, '2020-06-06', 2), (3, '2021-07-07', 3), (4, '2022-08-08', 4)",
)
KINDS = pytest.mark.parametrize("verb", ["DROP", "TRUNCATE"])


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    with open_place(server, schema, TABLES) as made:
        yield made


@KINDS
def test_rows_written_since_stay_beside_those_that_come_back(place: Installation, verb: str) -> None:
    before = state_of(place)
    ran = place.run(f"ALTER TABLE visits {verb} PARTITION p20", accepts_loss=False)
    assert (ran.state, ran.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.COMPLETE), ran.error
    assert run_sql(place, "SELECT id FROM visits ORDER BY id") == [(3,), (4,)]
    run_sql(place, "INSERT INTO visits VALUES (9, '2020-01-01', 9)", "UPDATE visits SET n = 33 WHERE id = 3")
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert run_sql(place, "SELECT id, n FROM visits ORDER BY id") == [(1, 1), (2, 2), (3, 33), (4, 4), (9, 9)]
    run_sql(place, "DELETE FROM visits WHERE id = 9", "UPDATE visits SET n = 3 WHERE id = 3")
    assert state_of(place) == before


@KINDS
def test_a_row_under_the_key_of_an_old_one_stops_the_rollback(place: Installation, verb: str) -> None:
    ran = place.run(f"ALTER TABLE visits {verb} PARTITION p20", accepts_loss=False)
    run_sql(place, "INSERT INTO visits VALUES (2, '2020-06-06', 77)")
    changed = state_of(place)
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.CONFLICTED, back.error
    (conflict,) = back.rollback_result["conflicts"]
    assert (conflict["key"], conflict["reason"]) == ("id=2, at=2020-06-06", "exists")
    assert state_of(place) == changed
    back = place.roll_back(ran.ticket, on_conflict="overwrite", reason="Try.")
    assert back.state == ExecutionState.FAILED
    assert "choose to skip such rows" in back.error
    assert state_of(place) == changed
    back = place.roll_back(ran.ticket, on_conflict="skip")
    assert (back.state, back.rollback_result["rows_skipped"]) == (ExecutionState.SUCCEEDED, 1), back.error
    assert run_sql(place, "SELECT id, n FROM visits ORDER BY id") == [(1, 1), (2, 77), (3, 3), (4, 4)]


def test_more_than_the_limit_of_the_target_needs_a_word_of_the_submitter(place: Installation) -> None:
    place.target.most_copied_mib = 0
    place.target.save()
    with pytest.raises(CheckFailedError, match="bytes in these partitions; values are copied up to 0 MiB"):
        submit(place, "ALTER TABLE visits DROP PARTITION p20")


def test_a_trigger_that_inserting_would_fire_needs_a_word_of_the_submitter(place: Installation) -> None:
    run_sql(place, "CREATE TRIGGER late BEFORE INSERT ON visits FOR EACH ROW SET NEW.n = NEW.n + 1")
    with pytest.raises(CheckFailedError, match="has a trigger that putting the values back would fire"):
        submit(place, "ALTER TABLE visits TRUNCATE PARTITION p20")


@pytest.mark.parametrize(
    ("point", "count", "ran"),
    [("after_intent", 2, False), ("commit_done_before_record", 1, True), ("recorded_before_decode", 1, True)],
)
@KINDS
def test_a_worker_that_died_leaves_nothing_in_doubt(
    place: Installation, verb: str, point: str, count: int, ran: bool
) -> None:
    before = state_of(place)
    ticket = submit(place, f"ALTER TABLE visits {verb} PARTITION p20, p21")
    actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
    kill_worker(place, ticket, point, count)
    reconcile()
    ticket.refresh_from_db()
    statement = ExecutedStatement.objects.get(execution__ticket=ticket)
    if not ran:
        assert (ticket.state, statement.outcome) == (TicketState.FAILED, Outcome.ABORTED)
        assert find_kept(place.server) == []
    else:
        assert (statement.outcome, statement.backup_state) == (Outcome.DONE, BackupState.COMPLETE), statement.error
        assert place.roll_back(ticket).state == ExecutionState.SUCCEEDED
    assert state_of(place) == before
