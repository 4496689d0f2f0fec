"""An installation around one schema of a real server, for tests of what is set aside there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from changes import actions
from changes.models import Ticket
from changes.reserved import KEPT_PREFIX
from tests.changes.people import make_fields, make_person
from tests.fidelity.tables import State, read_state
from tests.live.installation import Installation, open_installation
from tests.live.own_rows import query
from tests.servers import Server


@contextlib.contextmanager
def open_place(server: Server, schema: str, tables: Iterable[str]) -> Iterator[Installation]:
    """Make the tables; what tickets set aside, those of other tests too, is dropped before and after."""
    drop_kept(server)
    with open_installation(server, schema, tables) as made:
        yield made
    drop_kept(server)


def drop_kept(server: Server) -> None:
    with contextlib.closing(server.connect()) as connection:
        for name in find_kept(server):
            query(connection, f"DROP DATABASE `{name}`")


def find_kept(server: Server) -> list[str]:
    with contextlib.closing(server.connect()) as connection:
        rows = query(connection, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    return [name for (name,) in rows if name.startswith(KEPT_PREFIX)]


def state_of(place: Installation) -> State:
    with contextlib.closing(place.server.connect()) as connection:
        return read_state(connection, place.schema)


def run_sql(place: Installation, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements as another session does. Returns the rows of the last."""
    found: list[tuple[Any, ...]] = []
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        for sql in statements:
            found = query(connection, sql)
    return found


def submit(place: Installation, sql: str, **fields: Any) -> Ticket:
    ticket = actions.create_ticket(
        make_fields(place.target, sql=sql, schema_name=place.schema, **fields), by=make_person("ann")
    )
    actions.submit(ticket, by=make_person("ann"))
    return ticket
