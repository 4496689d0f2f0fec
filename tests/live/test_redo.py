"""A schema change that was rolled back is made again by rolling back its rollback, or it is said why not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings

from backups import faults
from changes import actions
from changes.models import ExecutedStatement, Ticket
from changes.states import BackupState, ExecutionState, RollbackState
from tests.changes.people import make_person
from tests.fidelity.tables import drop_schemas, read_state
from tests.live.installation import Installation, open_installation, point_at, prove_on
from tests.live.own_rows import query
from tests.live.test_recovery import kill_worker, reconcile
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE p (id INT PRIMARY KEY, note VARCHAR(20) DEFAULT 'none')",
    "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, p INT, v VARCHAR(20), KEY by_v (v),"
    " CONSTRAINT fp FOREIGN KEY (p) REFERENCES p (id))",
    "CREATE SQL SECURITY INVOKER VIEW seen AS SELECT id, v FROM t",
    "INSERT INTO p (id) VALUES (1), (2)",
    "INSERT INTO t (p, v) VALUES (1, 'one'), (2, 'two')",
)


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    with open_installation(server, schema, (*TABLES, f"CREATE DATABASE {schema}_b")) as made:
        yield made
    faults.arm("")
    with contextlib.closing(server.connect(database=schema)) as connection:
        drop_schemas(connection, schema)
        query(connection, f"CREATE DATABASE {schema}")


def state_of(place: Installation) -> dict[str, Any]:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        return read_state(connection, place.schema)


AGAIN = [
    "ALTER TABLE t DROP KEY by_v, MODIFY v VARCHAR(40) NOT NULL DEFAULT 'x' FIRST, COMMENT 'new'",
    "ALTER TABLE t ADD COLUMN w INT, ADD COLUMN x VARCHAR(9) NOT NULL DEFAULT 'a', ADD KEY by_x (x, w)",
    "ALTER TABLE t ADD COLUMN w INT; UPDATE t SET w = id * 10; ALTER TABLE t MODIFY w BIGINT",
    "ALTER TABLE t RENAME COLUMN v TO w, RENAME COLUMN p TO v",
    "ALTER TABLE t ADD COLUMN w INT, RENAME TO u",
    "RENAME TABLE t TO tmp, p TO t, tmp TO p",
    "RENAME TABLE t TO {schema}_b.t",
    "CREATE INDEX i ON t (v, p); DROP INDEX by_v ON t",
    "ALTER TABLE t DROP FOREIGN KEY fp",
    "CREATE TABLE n (id INT PRIMARY KEY AUTO_INCREMENT, p INT, CONSTRAINT np FOREIGN KEY (p) REFERENCES p (id))",
    "CREATE TABLE n (id INT PRIMARY KEY); INSERT INTO n VALUES (1), (2); CREATE TABLE m LIKE n",
    "CREATE SQL SECURITY INVOKER VIEW more AS SELECT id FROM seen; ALTER VIEW seen AS SELECT id, v, p FROM t",
    "DROP VIEW seen",
    "CREATE DATABASE {schema}_n CHARACTER SET latin1; ALTER DATABASE CHARACTER SET latin1 COLLATE latin1_bin",
]


@pytest.mark.parametrize("sql", AGAIN)
def test_it_is_made_again_and_undone_again(place: Installation, sql: str) -> None:
    before = state_of(place)
    ran = place.run(sql.format(schema=place.schema))
    assert ran.state == ExecutionState.SUCCEEDED, ran.error
    changed = state_of(place)
    assert changed != before
    back = place.roll_back(ran.ticket)
    assert (back.state, back.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.COMPLETE), [
        statement.undo_missing for statement in back.statements.all()
    ]
    assert state_of(place) == before
    again = place.roll_back(back.ticket)
    assert again.state == ExecutionState.SUCCEEDED, again.error
    assert state_of(place) == changed
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.NONE
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert state_of(place) == before


def reasons(ticket: Ticket) -> str:
    return " ".join(ExecutedStatement.objects.filter(execution__ticket=ticket).values_list("undo_missing", flat=True))


@pytest.mark.parametrize(
    ("sql", "meanwhile", "why"),
    [
        ("ALTER TABLE t DROP COLUMN v", "", "data that was set aside was put back"),
        ("TRUNCATE TABLE t", "", "data that was set aside was put back"),
        ("ALTER TABLE t ADD COLUMN w INT", "UPDATE t SET w = 1", "the values of column w, which is dropped"),
        ("ALTER TABLE t ADD COLUMN w VARCHAR(9) DEFAULT 'a'", "UPDATE t SET w = 'A'", "values of column w"),
        ("ALTER TABLE p ADD COLUMN w DATETIME DEFAULT CURRENT_TIMESTAMP", "", "values of column w"),
        ("CREATE TABLE n AS SELECT * FROM p", "", "the rows of n go with the table"),
    ],
)
def test_it_says_why_it_cannot_be_made_again(place: Installation, sql: str, meanwhile: str, why: str) -> None:
    before = state_of(place)
    ran = place.run(sql)
    if meanwhile:
        with contextlib.closing(place.server.connect(database=place.schema)) as connection:
            query(connection, meanwhile)
    back = place.roll_back(ran.ticket)
    assert (back.state, back.ticket.backup_state) == (ExecutionState.SUCCEEDED, BackupState.IMPOSSIBLE)
    assert why in reasons(back.ticket)
    assert "cannot be made again" in reasons(back.ticket)
    assert state_of(place) == before


def test_a_rollback_whose_worker_died_is_not_guessed_to_be_undone(place: Installation) -> None:
    before = state_of(place)
    ran = place.run("ALTER TABLE t ADD COLUMN w INT")
    undo = actions.roll_back(ran.ticket, by=make_person("dana"), plan=actions.RollbackPlan(), reason="")
    kill_worker(place, undo, "commit_done_before_record")
    reconcile()
    undo.refresh_from_db()
    assert state_of(place) == before
    assert undo.backup_state == BackupState.IMPOSSIBLE
    assert "nobody looked at what the rollback left" in reasons(undo)
