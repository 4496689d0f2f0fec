"""What an online tool left on a server: its sessions, its tables and triggers, and whether the tables were swapped.

Whoever calls holds the ticket's lock, so that no session of the tool can come anew: each is refused unless the session
that started the tool holds it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import MySQLdb

from backups.rollback.column_types import GEOMETRIES, ColumnType, parse_type
from backups.rollback.ddl import digest
from backups.rollback.definitions import TableDefinition
from backups.rollback.literals import quote_identifier
from changes.definitions import read_definitions
from changes.killing import NO_SUCH_THREAD
from changes.online_command import OnlinePlan
from changes.targets import error_of, read_rows

END_SECONDS = 60
POLL_SECONDS = 0.2
NO_SUCH_TRIGGER = 1360
_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "bit"})


class OnlineError(Exception):
    """Something of the tool is in the way; the text is for people."""


def require_free(connection: Any, plan: OnlinePlan) -> None:
    """See that the names which the tool will use are free. Raises OnlineError, MySQLdb.Error."""
    for name in (plan.new, plan.old):
        if _exists(connection, plan.schema, name):
            raise OnlineError(
                f"Found: there is a table {plan.schema}.{name}, perhaps left by an earlier online change. Needed: that"
                " name for this one. Look what it is, then rename or drop it."
            )
    marks = ", ".join(["%s"] * len(plan.triggers))
    question = (
        "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS"
        f" WHERE TRIGGER_SCHEMA = %s AND TRIGGER_NAME IN ({marks})"
    )
    for table, name in read_rows(connection, question, (plan.schema, *plan.triggers)):
        raise OnlineError(
            f"Found: {plan.schema}.{table} has a trigger {name}, perhaps of another online change. Needed: that name"
            " for this one. Look what it is, then drop it, or run this ticket once it is gone."
        )
    if find_triggers(connection, plan.schema, plan.table):
        raise OnlineError(
            f"Found: {plan.schema}.{plan.table} has triggers now. Needed: none, since the tool makes its own. Check the"
            " ticket again."
        )


def find_triggers(connection: Any, schema: str, *tables: str) -> list[str]:
    question = (
        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS"
        f" WHERE EVENT_OBJECT_SCHEMA = %s AND EVENT_OBJECT_TABLE IN ({', '.join(['%s'] * len(tables))})"
    )
    return [str(name) for (name,) in read_rows(connection, question, (schema, *tables))]


def find_other_triggers(connection: Any, plan: OnlinePlan, table: str) -> list[str]:
    """Return the triggers of a table that are not the tool's."""
    return [name for name in find_triggers(connection, plan.schema, table) if name not in plan.triggers]


def _exists(connection: Any, schema: str, table: str) -> bool:
    question = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    return bool(read_rows(connection, question, (schema, table)))


def find_sessions(connection: Any, plan: OnlinePlan) -> list[int]:
    """Return the ids of the tool's sessions: each holds a lock that is named after it."""
    ids = [int(row[0]) for row in read_rows(connection, "SHOW PROCESSLIST")]
    return [one for one in ids if read_rows(connection, "SELECT IS_USED_LOCK(%s)", (f"{plan.lock}{one}",)) == [(one,)]]


def end_sessions(connection: Any, plan: OnlinePlan) -> None:
    """Kill the tool's sessions and wait until none is left. Raises OnlineError, MySQLdb.Error."""
    deadline = time.monotonic() + END_SECONDS
    while sessions := find_sessions(connection, plan):
        if time.monotonic() > deadline:
            raise OnlineError(f"Session {sessions[0]} of the online tool does not end, although it was killed.")
        for one in sessions:
            try:
                connection.query(f"KILL {one}".encode())
            except MySQLdb.Error as error:
                if error_of(error)[0] != NO_SUCH_THREAD:
                    raise
        time.sleep(POLL_SECONDS)


def read_digest(connection: Any, schema: str, table: str) -> str:
    """Return the mark of a table's definition as it is now, "none" for none. Raises MySQLdb.Error, DefinitionError."""
    (found,) = read_definitions(connection, [(schema, table)])
    return digest(found.parse())


def clean_up(connection: Any, plan: OnlinePlan, *, before: str, swapped: bool) -> None:
    """Drop what the tool made, and after a swap the table that it put away. Safe to call again.

    before: digest of the table before the change. Raises OnlineError when the table that was put away is another by
    now, MySQLdb.Error, DefinitionError.
    """
    schema = quote_identifier(plan.schema)
    found = _find_own_triggers(connection, plan)
    put_away = {table for table in found.values() if swapped and table.casefold() != plan.table.casefold()}
    for table in sorted(put_away):
        if theirs := find_other_triggers(connection, plan, table):
            raise OnlineError(
                f"found: the tables were swapped, and {plan.schema}.{table}, which was {plan.table} until then, has the"
                f" trigger {theirs[0]}, which somebody made meanwhile; needed: that nothing is lost; make it on"
                f" {plan.table}, then drop {table}"
            )
        if read_digest(connection, plan.schema, table) != before:
            raise OnlineError(
                f"found: the tables were swapped, and {plan.schema}.{table}, which was {plan.table} until then, is not"
                " as it was when the change began, so somebody changed it meanwhile; needed: that nothing is lost;"
                f" compare it with {plan.table}, then drop {table}"
            )
        read_rows(connection, f"DROP TABLE {schema}.{quote_identifier(table)}")
    # The triggers before the new table: without it they would fail every write.
    for name, table in found.items():
        if table not in put_away:
            with _ignoring(NO_SUCH_TRIGGER):
                read_rows(connection, f"DROP TRIGGER {schema}.{quote_identifier(name)}")
    if _exists(connection, plan.schema, plan.new):
        read_rows(connection, f"DROP TABLE {schema}.{quote_identifier(plan.new)}")


def _find_own_triggers(connection: Any, plan: OnlinePlan) -> dict[str, str]:
    """Return the tool's triggers and the table of each; they move with it. What they do names the new table."""
    marks = ", ".join(["%s"] * len(plan.triggers))
    question = (
        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS"
        f" WHERE TRIGGER_SCHEMA = %s AND TRIGGER_NAME IN ({marks}) AND INSTR(ACTION_STATEMENT, %s) > 0"
    )
    rows = read_rows(connection, question, (plan.schema, *plan.triggers, quote_identifier(plan.new)))
    return {str(name): str(table) for name, table in rows}


@contextlib.contextmanager
def _ignoring(number: int) -> Iterator[None]:
    try:
        yield
    except MySQLdb.Error as error:
        if error_of(error)[0] != number:
            raise


def compare_rows(connection: Any, plan: OnlinePlan, columns: Mapping[str, str]) -> str:
    """Compare the copied table with the original, as one moment shows both. Returns the difference, "" for none.

    columns: of both tables, as `build_comparable` gave them. The tool's triggers change both tables in one transaction,
    so that in one snapshot they are equal whatever others write. Raises MySQLdb.Error.
    """
    nulls = ", ".join(f"ISNULL({quote_identifier(column)})" for column in columns)
    # One sum a column: a whole row can be longer than the server puts together, and would then be nothing.
    sums = ", ".join(f"CRC32({value})" for value in columns.values())
    row = f"CONCAT_WS('#', {sums}, CONCAT({nulls}))"
    found = []
    read_rows(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    read_rows(connection, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    try:
        for table in (plan.table, plan.new):
            name = f"{quote_identifier(plan.schema)}.{quote_identifier(table)}"
            found += read_rows(connection, f"SELECT COUNT(*), COALESCE(BIT_XOR(CRC32({row})), 0) FROM {name}")
    finally:
        connection.rollback()
    (rows, mark), (copied, copied_mark) = found
    if rows != copied:
        return f"{plan.table} has {rows:,} rows and its copy has {copied:,}"
    return "" if mark == copied_mark else f"the rows of {plan.table} and of its copy differ"


def build_comparable(before: TableDefinition, after: TableDefinition) -> dict[str, str]:
    """Return, for every column that stays, an expression that is the same bytes in both tables for the same value."""
    there = {column.name.casefold(): column for column in before.columns}
    both = [(there[column.name.casefold()], column) for column in after.columns if column.name.casefold() in there]
    return {new.name: _build_value(new.name, parse_type(old, ""), parse_type(new, "")) for old, new in both}


def _build_value(name: str, old: ColumnType | None, new: ColumnType | None) -> str:
    """What a type is changed to shows the same value in other words: with more digits, or with a time of day."""
    column = value = quote_identifier(name)
    if new is not None and new.base in GEOMETRIES | {"geometry"}:
        value = f"HEX({column})"
    elif old is not None and new is not None and old != new:
        if new.base in _NUMBERS:
            value = f"({column} + 0)"
        elif new.base == "double":
            value = f"({column} + 0e0)"
        elif new.base == "decimal":
            value = f"CAST({column} AS DECIMAL(65, {new.scale}))"
        elif new.base in ("datetime", "timestamp"):
            text = f"CAST({column} AS CHAR)"
            # Not by a cast to DATETIME: the days that a calendar does not have would be nothing.
            value = f"CONCAT({text}, SUBSTRING('0000-00-00 00:00:00.000000', CHAR_LENGTH({text}) + 1))"
        elif new.base == "time":
            value = f"CAST({column} AS TIME(6))"
    # As bytes: columns of several character sets do not go together otherwise.
    return f"CAST({value} AS BINARY)"
