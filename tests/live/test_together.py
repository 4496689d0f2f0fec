"""Several statements in one transaction: all or none, and each with its own backup."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings

from changes import actions
from changes.errors import ChangeError, CheckFailedError
from changes.models import Execution
from changes.states import BackupState, ExecutionState, Outcome, TicketState
from tests.changes.people import make_fields, make_person
from tests.live.installation import Installation, open_installation, point_at
from tests.live.own_rows import query
from tests.live.test_execution import dump
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(40))",
    "CREATE TABLE b (id INT PRIMARY KEY, v VARCHAR(40))",
    "CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40))",
    "INSERT INTO a VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    "INSERT INTO b VALUES (1, 'one'), (2, 'two'), (3, 'three')",
)


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = point_at(backup_server, django_settings.INCEPTION)
    with open_installation(server, schema, TABLES) as made:
        yield made


@pytest.fixture
def without_texts(server: Server) -> Iterator[None]:
    """The server writes no texts of statements before their rows: only the end-of-statement flag tells them apart."""
    if not server.flavor.is_mariadb:
        yield  # so by default
        return
    with contextlib.closing(server.connect()) as root:
        query(root, "SET GLOBAL binlog_annotate_row_events = OFF")
        yield
        query(root, "SET GLOBAL binlog_annotate_row_events = ON")


def rows_of(execution: Execution) -> list[tuple[int | None, int | None, str]]:
    return [(s.affected_rows, s.rows_captured, s.backup_state) for s in execution.statements.all()]


SEVERAL = (
    "UPDATE a SET v = 'x' WHERE id <= 2; UPDATE a SET v = 'none' WHERE id = 99; DELETE FROM b WHERE id = 3;"
    " INSERT INTO b VALUES (4, 'four'), (5, 'five')"
)


def test_each_statement_keeps_its_own_rows(place: Installation) -> None:
    _check_each_keeps_its_own(place)


def test_each_statement_keeps_its_own_rows_by_the_flag_alone(place: Installation, without_texts: None) -> None:
    _check_each_keeps_its_own(place)


def _check_each_keeps_its_own(place: Installation) -> None:
    before = {table: dump(place.server, place.schema, table) for table in ("a", "b")}
    ran = place.run(SEVERAL)
    assert (ran.state, ran.one_transaction) == (ExecutionState.SUCCEEDED, True), ran.error
    complete = BackupState.COMPLETE
    assert rows_of(ran) == [(2, 2, complete), (0, 0, complete), (1, 1, complete), (2, 2, complete)]
    assert len({(s.start_position, s.end_position, s.gtid_after) for s in ran.statements.all()}) == 1
    back = place.roll_back(ran.ticket, 2)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert dump(place.server, place.schema, "b", "id = 3") == [row for row in before["b"] if row[0] == "33"]
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert {table: dump(place.server, place.schema, table) for table in before} == before


def test_one_that_fails_takes_all_with_it(place: Installation) -> None:
    before = {table: dump(place.server, place.schema, table) for table in ("a", "b")}
    ran = place.run("UPDATE a SET v = 'x'; INSERT INTO b VALUES (1, 'taken'); DELETE FROM a")
    assert (ran.state, ran.ticket.state) == (ExecutionState.FAILED, TicketState.FAILED)
    assert [s.outcome for s in ran.statements.all()] == [Outcome.ABORTED, Outcome.FAILED, Outcome.NOT_RUN]
    assert "all its statements ran in one transaction, which was aborted" in ran.error
    assert {table: dump(place.server, place.schema, table) for table in before} == before
    assert ran.ticket.backup_state == BackupState.NONE


def test_what_was_not_applied_is_run_again_as_it_was_approved(place: Installation) -> None:
    ran = place.run("UPDATE a SET v = 'x'; INSERT INTO b VALUES (1, 'taken')")
    assert ran.ticket.state == TicketState.FAILED
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "DELETE FROM b WHERE id = 1")
    again = place.work(actions.run_again(ran.ticket, by=make_person("dana")).ticket)
    assert (again.state, again.number, again.ticket.state) == (ExecutionState.SUCCEEDED, 2, TicketState.SUCCEEDED)
    assert rows_of(again) == [(3, 3, BackupState.COMPLETE), (1, 1, BackupState.COMPLETE)]


def test_what_a_partly_done_ticket_left_out_becomes_a_draft(place: Installation) -> None:
    ran = place.run(
        "UPDATE a SET v = 'x'; INSERT INTO b VALUES (1, 'taken'); DELETE FROM a WHERE id = 3", transaction_mode="each"
    )
    assert ran.ticket.state == TicketState.PARTLY_DONE
    with pytest.raises(ChangeError, match="Only a reviewed ticket that failed"):
        actions.run_again(ran.ticket, by=make_person("dana"))
    rest = actions.continue_with_rest(ran.ticket, by=make_person("ann"))
    assert rest.sql == "INSERT INTO b VALUES (1, 'taken');\nDELETE FROM a WHERE id = 3;\n"
    assert (rest.state, rest.continues_id) == (TicketState.DRAFT, ran.ticket_id)


def test_rows_that_cannot_be_told_apart_are_rolled_back_together(place: Installation, without_texts: None) -> None:
    """REPLACE counts a row that it leaves alone, and a trigger writes one that is not counted: the numbers agree."""
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "CREATE TRIGGER t BEFORE UPDATE ON b FOR EACH ROW INSERT INTO log (v) VALUES (OLD.v)")
    before = {table: dump(place.server, place.schema, table) for table in ("a", "b", "log")}
    ran = place.run("REPLACE INTO a VALUES (1, 'one'); UPDATE b SET v = v WHERE id = 1")
    assert ran.state == ExecutionState.SUCCEEDED, ran.error
    first, second = ran.statements.all()
    assert {first.kept_with_id, second.kept_with_id} == {None, first.pk if second.kept_with_id else second.pk}
    with pytest.raises(ChangeError, match="can only be rolled back together"):
        place.roll_back(ran.ticket, first.seq if second.kept_with_id else second.seq)
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert {table: dump(place.server, place.schema, table) for table in before} == before


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE a SET v = 'x'; ALTER TABLE a ADD COLUMN n INT", "is no row change"),
        ("UPDATE a SET v = 'x'; UPDATE m SET v = 'x'", "of the engine MyISAM"),
        ("UPDATE a SET v = 'x'", "one statement only"),
    ],
)
def test_one_transaction_that_cannot_be_is_refused_before_review(place: Installation, sql: str, reason: str) -> None:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "CREATE TABLE m (id INT PRIMARY KEY, v VARCHAR(9)) ENGINE=MyISAM")
    fields = make_fields(place.target, sql=sql, schema_name=place.schema, transaction_mode="one")
    ticket = actions.create_ticket(fields, by=make_person("ann"))
    with pytest.raises(CheckFailedError, match=reason):
        actions.submit(ticket, by=make_person("ann"))
    assert place.run(sql).state == ExecutionState.SUCCEEDED


def test_how_it_runs_is_part_of_what_is_approved(place: Installation) -> None:
    hashes = set()
    for mode in ("auto", "each"):
        fields = make_fields(place.target, sql=SEVERAL, schema_name=place.schema, transaction_mode=mode)
        ticket = actions.create_ticket(fields, by=make_person("ann"))
        actions.submit(ticket, by=make_person("ann"))
        hashes.add(ticket.content_hash)
    assert len(hashes) == 2
