"""A schema whose tables refer to each other, and the way there and back through the whole product."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.conf import settings as django_settings

from backups import faults
from changes.models import Execution
from changes.states import BackupState, ExecutionState
from tests.live.conftest import read_rows
from tests.live.installation import Installation, open_installation, point_at
from tests.live.own_rows import query
from tests.servers import Server

State = dict[tuple[str, str], list[tuple[Any, ...]]]

TABLES = (
    "CREATE TABLE p (id INT PRIMARY KEY, code VARCHAR(20) UNIQUE, v INT)",
    "CREATE TABLE c (id INT PRIMARY KEY, p INT, v INT, FOREIGN KEY (p) REFERENCES p (id)"
    " ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE n (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE SET NULL"
    " ON UPDATE SET NULL)",
    "CREATE TABLE g (id INT PRIMARY KEY, c INT, FOREIGN KEY (c) REFERENCES c (id) ON DELETE CASCADE)",
    "CREATE TABLE s (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES s (id) ON DELETE CASCADE)",
    "CREATE TABLE z (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES z (id) ON DELETE SET NULL)",
    "INSERT INTO p VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, NULL, 4)",
    "INSERT INTO c VALUES (1, 1, 1), (2, 1, 2), (3, 2, 3), (4, NULL, 4)",
    "INSERT INTO n VALUES (1, 1), (2, NULL), (3, 2)",
    "INSERT INTO g VALUES (1, 1), (2, 1), (3, 2), (4, 4)",
    "INSERT INTO s VALUES (1, NULL), (2, 1), (3, 2), (4, 1), (5, NULL)",
    "INSERT INTO z VALUES (1, NULL), (2, 1), (3, 2), (4, 1), (5, 5)",
)


@contextlib.contextmanager
def open_place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    """An installation with the tables, which leaves no kept schema behind."""
    config = point_at(backup_server, django_settings.INCEPTION)
    settings.INCEPTION = replace(config, worker=replace(config.worker, takeover_seconds=1, backup_retry_seconds=1))
    list_kept(server)  # what other tests set aside is none of these
    with open_installation(server, schema, TABLES) as made:
        yield made
    faults.arm("")
    assert list_kept(server) == []


def list_kept(server: Server) -> list[str]:
    """Return the schemas that are still there, and drop them."""
    with contextlib.closing(server.connect()) as root:
        names = [name for (name,) in query(root, "SHOW DATABASES LIKE 'inception\\_kept\\_%'")]
        for name in names:
            query(root, f"DROP DATABASE `{name}`")
    return names


def read_state(place: Installation, *schemas: str) -> State:
    """Return every row of every table, as HEX."""
    found: State = {}
    for schema in (place.schema, *schemas):
        with contextlib.closing(place.server.connect(database=schema)) as connection:
            query(connection, "SET time_zone = '+00:00'")
            names = [row[0] for row in query(connection, "SHOW TABLES")]
            found |= {(schema, name): read_rows(connection, f"{schema}.{name}") for name in names}
    return found


def run_sql(place: Installation, *statements: str, **options: Any) -> None:
    with contextlib.closing(place.server.connect(database=place.schema, **options)) as connection:
        for sql in statements:
            query(connection, sql)


def check_there_and_back(place: Installation, sql: str, *schemas: str, **fields: Any) -> Execution:
    """Run, undo, undo the undoing, and undo again; every row must be as it was each time."""
    before = read_state(place, *schemas)
    ran = place.run(sql, accepts_loss=False, **fields)
    assert ran.state == ExecutionState.SUCCEEDED, ran.error
    reasons = [record.backup_reason for record in ran.statements.all()]
    assert ran.ticket.backup_state == BackupState.COMPLETE, reasons
    changed = read_state(place, *schemas)
    assert changed != before
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, (back.error, back.rollback_result)
    assert read_state(place, *schemas) == before
    again = place.roll_back(back.ticket)
    assert again.state == ExecutionState.SUCCEEDED, (again.error, again.rollback_result)
    assert read_state(place, *schemas) == changed
    assert place.roll_back(again.ticket).state == ExecutionState.SUCCEEDED
    assert read_state(place, *schemas) == before
    return ran
