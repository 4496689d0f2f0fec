"""Tickets that reach beyond their schema: schemas that are made and changed, tables that move between two."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings

from backups import faults
from backups.schema import build_schema_name
from changes import actions, attempt, preflight_schemas, targets
from changes.models import Execution
from changes.statements import check_statements
from changes.states import BackupState, ExecutionState, TicketState
from tests.changes.people import make_person
from tests.live.accounts import account
from tests.live.installation import Installation, open_installation, point_at, prove_on
from tests.live.own_rows import query
from tests.live.test_proof import check, find_scratch_schemas, states_of
from tests.live.test_recovery import kill_worker, reconcile, submit
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE p (id INT PRIMARY KEY)",
    "CREATE TABLE t (id INT PRIMARY KEY, p INT, CONSTRAINT fp FOREIGN KEY (p) REFERENCES p (id))",
    "INSERT INTO p VALUES (1)",
    "INSERT INTO t VALUES (1, 1), (2, NULL)",
)


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    config = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    settings.INCEPTION = replace(config, worker=replace(config.worker, takeover_seconds=1))
    with open_installation(server, schema, (*TABLES, f"CREATE DATABASE {schema}_b")) as made:
        yield made
    faults.arm("")
    with contextlib.closing(server.connect(database=schema)) as connection:
        query(connection, "SET SESSION foreign_key_checks = 0")
        for (name,) in query(connection, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA"):
            if name.startswith(f"{schema}_"):
                query(connection, f"DROP DATABASE `{name}`")


def ask(place: Installation, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        return list(query(connection, sql))


def list_schemas(place: Installation) -> set[str]:
    names = {name for (name,) in ask(place, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")}
    return {name for name in names if name.startswith(f"{place.schema}_")}


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE {name}.x (id INT)",
        "CREATE VIEW {name}.x AS SELECT 1 AS one",
        "CREATE FUNCTION {name}.x() RETURNS INT DETERMINISTIC RETURN 1",
        "CREATE EVENT {name}.x ON SCHEDULE EVERY 1 YEAR DO SELECT 1",
    ],
)
def test_a_schema_that_is_no_longer_empty_is_not_dropped(place: Installation, sql: str) -> None:
    name = f"{place.schema}_new"
    ran = place.run(f"CREATE DATABASE {name} CHARACTER SET latin1")
    assert (ran.state, ran.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.COMPLETE)
    ask(place, sql.format(name=name))
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.CONFLICTED, back.error
    (conflict,) = back.rollback_result["conflicts"]
    assert "which dropping it would take away" in conflict["detail"]
    assert f"{place.schema}_new" in list_schemas(place)
    over = place.roll_back(ran.ticket, on_conflict="overwrite", reason="it is in the way")
    assert over.state == ExecutionState.FAILED
    assert f"{place.schema}_new" in list_schemas(place)


def test_an_empty_schema_is_dropped_again(place: Installation) -> None:
    ran = place.run(f"CREATE DATABASE {place.schema}_new")
    assert f"{place.schema}_new" in list_schemas(place)
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert f"{place.schema}_new" not in list_schemas(place)


def test_a_schema_that_is_there_is_refused_unless_that_is_said_to_be_fine(place: Installation) -> None:
    ticket = check(place, f"CREATE DATABASE {place.schema}_b")
    assert [problem.id for problem in ticket.problems if problem.severity == "error"] == ["schema.exists"]
    ran = place.run(f"CREATE DATABASE IF NOT EXISTS {place.schema}_b CHARACTER SET latin1")
    assert "it changes nothing" in ran.ticket.inspection["statements"][0]["undo_note"]
    assert f"{place.schema}_b" in list_schemas(place)


@pytest.mark.parametrize(("point", "took_effect"), [("after_intent", False), ("commit_done_before_record", True)])
def test_a_dead_worker_that_made_a_schema_is_decided(place: Installation, point: str, *, took_effect: bool) -> None:
    ticket = submit(place, f"CREATE DATABASE {place.schema}_new")
    kill_worker(place, ticket, point)
    reconcile()
    ticket.refresh_from_db()
    assert (f"{place.schema}_new" in list_schemas(place)) is took_effect
    if not took_effect:
        assert ticket.state == TicketState.FAILED
        return
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)
    assert place.roll_back(ticket).state == ExecutionState.SUCCEEDED
    assert f"{place.schema}_new" not in list_schemas(place)


def test_a_dead_worker_that_moved_a_table_is_decided(place: Installation) -> None:
    ticket = submit(place, f"RENAME TABLE t TO {place.schema}_b.t")
    kill_worker(place, ticket, "commit_done_before_record")
    reconcile()
    ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)
    before = ask(place, f"SELECT * FROM {place.schema}_b.t")
    assert place.roll_back(ticket).state == ExecutionState.SUCCEEDED
    assert ask(place, "SELECT * FROM t") == before


def test_a_dead_worker_that_changed_a_view_is_decided(place: Installation) -> None:
    ask(place, "CREATE VIEW seen AS SELECT id FROM t")
    before = ask(place, "SHOW CREATE VIEW seen")
    ticket = submit(place, "ALTER VIEW seen AS SELECT id, p FROM t")
    kill_worker(place, ticket, "commit_done_before_record")
    reconcile()
    ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)
    undo = actions.roll_back(ticket, by=make_person("dana"), plan=actions.RollbackPlan(), reason="")
    kill_worker(place, undo, "commit_done_before_record")
    reconcile()
    undo.refresh_from_db()
    assert undo.state == TicketState.SUCCEEDED
    assert ask(place, "SHOW CREATE VIEW seen") == before


def test_the_name_of_a_backup_schema_is_not_taken(place: Installation) -> None:
    name = build_schema_name(place.server.host, place.server.port, "shop")
    ticket = check(place, f"CREATE DATABASE {name}")
    assert [problem.id for problem in ticket.problems if problem.severity == "error"] == ["schema.backup"]


def test_a_move_is_shown_with_what_reads_the_table(place: Installation) -> None:
    ask(place, "CREATE VIEW seen AS SELECT id FROM t")
    ticket = check(place, f"RENAME TABLE t TO {place.schema}_b.t")
    assert states_of(ticket) == ["ddl"]
    (problem,) = [problem for problem in ticket.problems if problem.id == "schema.moves"]
    assert problem.severity == "warning"
    assert "leaves the ticket's schema" in problem.found
    assert f"{place.schema}.seen" in problem.found
    assert ticket.inspection["schemas"] == [f"{place.schema}_b"]
    assert find_scratch_schemas(place.server) == []


def test_a_table_with_triggers_is_not_moved(place: Installation) -> None:
    ask(place, "CREATE TRIGGER watch BEFORE INSERT ON t FOR EACH ROW SET NEW.p = 1")
    ticket = check(place, f"ALTER TABLE t RENAME {place.schema}_b.t")
    (problem,) = [problem for problem in ticket.problems if problem.severity == "error"]
    assert problem.id == "schema.triggers"
    assert "watch" in problem.found


def test_one_ticket_at_a_time_runs_in_both_schemas(place: Installation) -> None:
    moving = submit(place, f"RENAME TABLE t TO {place.schema}_b.t")
    there = submit(Installation(place.server, f"{place.schema}_b", place.target), "CREATE TABLE x (id INT)")
    waiting, running = (Execution.objects.get(ticket=ticket) for ticket in (there, moving))
    assert attempt.find_obstacle(waiting) is None
    Execution.objects.filter(pk=running.pk).update(state=ExecutionState.RUNNING)
    assert attempt.find_obstacle(waiting) == running
    Execution.objects.filter(pk=running.pk).update(state=ExecutionState.QUEUED)
    assert attempt.find_obstacle(waiting) is None
    Execution.objects.filter(pk=waiting.pk).update(state=ExecutionState.RUNNING)
    assert attempt.find_obstacle(running) == waiting


def test_a_rollback_waits_for_the_other_schema_too(place: Installation) -> None:
    ran = place.run(f"RENAME TABLE t TO {place.schema}_b.t")
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED
    assert attempt.schemas_of(back.ticket) == {place.schema.lower(), f"{place.schema}_b".lower()}


def test_a_foreign_key_to_another_schema_is_proven(place: Installation) -> None:
    ask(place, f"CREATE TABLE {place.schema}_b.far (id INT PRIMARY KEY, more INT)")
    key = f"CONSTRAINT ff FOREIGN KEY (far) REFERENCES {place.schema}_b.far (id)"
    ask(place, f"ALTER TABLE t ADD COLUMN far INT, ADD {key}")
    ticket = check(place, "ALTER TABLE t ADD COLUMN x INT; ALTER TABLE t DROP FOREIGN KEY ff")
    assert states_of(ticket) == ["ddl", "ddl"], [entry["undo_note"] for entry in ticket.inspection["statements"]]
    assert find_scratch_schemas(place.server) == []


def test_rights_that_a_rollback_needs_are_asked_for(place: Installation) -> None:
    sql = f"CREATE DATABASE {place.schema}_new; RENAME TABLE t TO {place.schema}_b.t"
    statements = check_statements(sql, place.schema, len(sql) + 1).statements
    with (
        account(place.server, "CREATE, DROP, SELECT ON *.*") as address,
        contextlib.closing(targets.connect(address)) as connection,
    ):
        facts = targets.read_facts(connection)
        problems = preflight_schemas.check(connection, facts, statements, place.schema, backups="127_")
    said = [problem.found for problem in problems if problem.severity == "error"]
    assert len(said) == 2
    for right, text in zip(("EVENT", "EXECUTE"), said, strict=True):
        assert f"lacks {right} on the schema {place.schema}_new" in text
