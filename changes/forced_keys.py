"""MySQL that lets no table be made without a primary key, or makes one by itself: in the way of empty likes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import MySQLdb

from backups.binlog.flavor import Flavor
from backups.rollback.definitions import PRIMARY, TableDefinition
from changes.targets import read_rows

_SETTINGS = ("sql_generate_invisible_primary_key", "sql_require_primary_key")


@contextlib.contextmanager
def tables_as_written(connection: Any) -> Iterator[None]:
    """Let the session make tables without a primary key as they are written, as far as the account may."""
    before = read_settings(connection)
    _set(connection, dict.fromkeys(before, 0))
    try:
        yield
    finally:
        _set(connection, before)


def read_settings(connection: Any) -> dict[str, int]:
    listed = ", ".join(f"'{name}'" for name in _SETTINGS)
    rows = read_rows(connection, f"SHOW SESSION VARIABLES WHERE Variable_name IN ({listed})")
    return {name: int(value == "ON") for name, value in rows}


def _set(connection: Any, values: dict[str, int]) -> None:
    for name, value in values.items():
        with contextlib.suppress(MySQLdb.Error):  # what then comes out otherwise is found by comparing it
            read_rows(connection, f"SET SESSION {name} = {value}")


def find_forced_key(connection: Any, flavor: Flavor, table: TableDefinition) -> str:
    """Return why an empty like of a table cannot take its place, "" when it can, as far as the account may set these.

    Raises MySQLdb.Error.
    """
    if flavor.is_mariadb or any(index.kind == PRIMARY for index in table.indexes):
        return ""
    with tables_as_written(connection):
        settings = read_settings(connection)
    if settings.get("sql_require_primary_key"):
        return f"{table.name} has no primary key, and this server makes no such table (sql_require_primary_key)"
    if settings.get("sql_generate_invisible_primary_key"):
        return (
            f"{table.name} has no primary key, and this server would give the empty table in its place one of its own"
            " (sql_generate_invisible_primary_key)"
        )
    return ""
