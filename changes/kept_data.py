"""Set data aside on a server before a statement, and bring it back when the statement did not happen."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import MySQLdb

from backups.errors import DefinitionError
from backups.rollback.alter import build_alters
from backups.rollback.ddl import Definitions, SchemaChange, compare_definitions, find_narrowed
from backups.rollback.definitions import TableDefinition
from backups.rollback.kept import KeptTable, build_moves, build_triggers, without_named_rules
from backups.rollback.kept_back import describe_guards
from backups.rollback.kept_partitions import build_row_copies
from backups.rollback.kept_values import build_copies, build_guards
from backups.rollback.literals import quote_identifier
from backups.rollback.triggers import TriggerDefinition
from backups.rollback_session import SQL_MODE
from backups.triggers import read_triggers
from changes.definitions import load_recorded, parse_definitions, plain_session, read_definitions
from changes.forced_keys import tables_as_written
from changes.targets import read_rows


def set_aside(connection: Any, tables: Sequence[KeptTable], before: Definitions) -> None:
    """Keep the data; where columns are copied the tables stay locked until `release`.

    Raises MySQLdb.Error, DefinitionError when an empty like of a table comes out otherwise.
    """
    whole = [(kept, _table(before, kept)) for kept in tables if kept.is_whole]
    with _session_mode(connection, SQL_MODE), tables_as_written(connection):
        is_moved = False
        for sql in build_moves(whole):
            if not is_moved and sql.startswith("RENAME TABLE "):
                _require_alike(connection, whole)
                is_moved = True
            read_rows(connection, sql)
        for kept in tables:
            for sql in _list_copies(kept, _table(before, kept)):
                read_rows(connection, sql)


def _require_alike(connection: Any, whole: Sequence[tuple[KeptTable, TableDefinition]]) -> None:
    """See that the empty likes are what they are to stand in for. Raises MySQLdb.Error, DefinitionError."""
    for kept, table in whole:
        name = (kept.schema_name if kept.triggers else kept.stand_in_schema, kept.stand_in_table)
        like, here = parse_definitions(read_definitions(connection, [name]))[name], (kept.schema_name, kept.table_name)
        assert isinstance(like, TableDefinition)
        if left := compare_definitions({here: without_named_rules(like)}, {here: without_named_rules(table)}):
            raise DefinitionError(f"the server makes another table of the same definition: {left}")


def _list_copies(kept: KeptTable, table: TableDefinition) -> tuple[str, ...]:
    if kept.is_whole:
        return ()
    return build_row_copies(kept, table) if kept.partitions else build_copies(kept, table)


def _table(before: Definitions, kept: KeptTable) -> TableDefinition:
    table = before[kept.schema_name, kept.table_name]
    assert isinstance(table, TableDefinition)
    return table


def release(connection: Any) -> None:
    """Let go of the tables whose columns were copied."""
    read_rows(connection, "UNLOCK TABLES")


def make_guards(connection: Any, change: SchemaChange, sql_mode: str, *, is_locked: bool) -> None:
    """Make of the guards of kept values what the statement, which has run, made of the values; safe to call again.

    sql_mode: of the session that ran it. is_locked: this is that session, and its tables are still locked.
    Raises MySQLdb.Error, NoInverseError.
    """
    for name, kept in change.kept.items():
        before, after = change.before.get(name), change.after.get(name)
        if not kept.changed or not isinstance(before, TableDefinition) or not isinstance(after, TableDefinition):
            continue
        narrowed, renamed = find_narrowed(before, after, change), dict(change.column_renames)
        guarded, key = describe_guards(kept, before, after, narrowed, renamed)
        with _session_mode(connection, _as_guard(sql_mode)):
            for sql in build_guards(kept, guarded, after, key, is_locked=is_locked):
                read_rows(connection, sql)


# Modes that say how text is read. Definitions are written, and have to be read, without them.
_OF_TEXT = frozenset(
    {
        *("ANSI", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "IGNORE_SPACE", "HIGH_NOT_PRECEDENCE"),
        *("EMPTY_STRING_IS_NULL", "ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL"),
    }
)
_OF_DATES = frozenset({"NO_ZERO_DATE", "NO_ZERO_IN_DATE", "TRADITIONAL"})


def _as_guard(sql_mode: str) -> str:
    """Return the mode in which a guard becomes what the statement made of a value: as far as it is about values.

    With every date allowed: else the kept values beside a guard become zeros as well. What the statement made of a date
    is then taken from the table.
    """
    left = [mode for mode in sql_mode.split(",") if mode and mode.upper() not in _OF_TEXT | _OF_DATES]
    return ",".join(["ALLOW_INVALID_DATES", *left])


@contextlib.contextmanager
def _session_mode(connection: Any, sql_mode: str) -> Iterator[None]:
    """Give the session a mode for a while, and let it write to whole tables."""
    ((*before,),) = read_rows(connection, "SELECT @@SESSION.sql_mode, @@SESSION.sql_safe_updates")
    change = "SET SESSION sql_mode = %s, SESSION sql_safe_updates = %s"
    read_rows(connection, change, (sql_mode, 0))
    try:
        yield
    finally:
        with contextlib.suppress(MySQLdb.Error):
            read_rows(connection, change, before)


def take_back(connection: Any, tables: Sequence[KeptTable], before: Definitions) -> str:
    """Undo `set_aside` when the statement did not happen, as far as it was done; safe to call again.

    Returns what could not be taken back and where it is, "" when all is as it was. Raises MySQLdb.Error.
    """
    release(connection)
    with _session_mode(connection, SQL_MODE):
        left = _bring_whole_back(connection, [kept for kept in tables if kept.is_whole], before)
    if not left and tables:
        for schema in (tables[0].stand_in_schema, tables[0].kept_schema):
            read_rows(connection, f"DROP DATABASE IF EXISTS `{schema}`")
    return "; ".join(left)


def _bring_whole_back(connection: Any, tables: Sequence[KeptTable], before: Definitions) -> list[str]:
    """Return what could not be brought back, and where it is."""
    left = list[str]()
    for kept in tables:
        is_away = _exists(connection, kept.kept_schema, kept.table_name)
        if kept.triggers:
            is_away = is_away or _exists(connection, kept.schema_name, kept.aside_table)
            read_rows(connection, f"DROP TABLE IF EXISTS {kept.stand_in_name}")  # it never took its place
        if is_away and not _move_back(connection, kept):
            left.append(f"the rows of {kept.table_name} are in {kept.kept_name}: others wrote new ones meanwhile")
    for kept in tables if not left else ():
        _add_missing_keys(connection, kept, _table(before, kept))
    return left


def _move_back(connection: Any, kept: KeptTable) -> bool:
    """Put a whole table in its place again; False when rows were written to the one that stands there."""
    is_kept = _exists(connection, kept.kept_schema, kept.table_name)
    comes_to = kept.aside_name if kept.triggers else kept.name
    is_there = _exists(connection, kept.schema_name, kept.table_name)
    try:
        if is_there:
            locked = [name for name, is_here in ((kept.name, True), (kept.kept_name, is_kept)) if is_here]
            read_rows(connection, f"LOCK TABLES {', '.join(f'{name} WRITE' for name in locked)}")
            if read_rows(connection, f"SELECT 1 FROM {kept.name} LIMIT 1"):
                return False
            read_rows(connection, f"DROP TABLE {kept.name}")
        if is_kept:
            read_rows(connection, f"ALTER TABLE {kept.kept_name} RENAME TO {comes_to}")
    finally:
        with contextlib.suppress(MySQLdb.Error):
            release(connection)
    if kept.triggers:
        _make_triggers(connection, kept)
        read_rows(connection, f"RENAME TABLE {kept.aside_name} TO {kept.name}")
    return True


def _make_triggers(connection: Any, kept: KeptTable) -> None:
    """Give a table that stepped aside all its triggers, in their order, whatever it still has of them."""
    cursor = connection.cursor()
    for trigger in read_triggers(cursor, kept.schema_name, kept.aside_table):
        read_rows(connection, f"DROP TRIGGER {quote_identifier(kept.schema_name)}.{quote_identifier(trigger.name)}")
    for sql in build_triggers(kept, kept.aside_table):
        read_rows(connection, sql)


def _add_missing_keys(connection: Any, kept: KeptTable, table: TableDefinition) -> None:
    """Give a table that is back the foreign keys that it lost when it was set aside, if it did."""
    name = (kept.schema_name, kept.table_name)
    current = parse_definitions(read_definitions(connection, [name])).get(name)
    if isinstance(current, TableDefinition) and len(current.foreign_keys) < len(table.foreign_keys):
        for sql in build_alters(current, table, kept.name, {}):
            read_rows(connection, sql.rstrip(";"))


def _exists(connection: Any, schema: str, name: str) -> bool:
    question = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    return bool(read_rows(connection, question, (schema, name)))


def to_record(tables: Iterable[KeptTable]) -> list[dict[str, Any]]:
    """Return the tables as a statement's record keeps them."""
    return [asdict(kept) for kept in tables]


def from_record(entries: Iterable[Mapping[str, Any]]) -> tuple[KeptTable, ...]:
    tuples = ("columns", "key", "changed", "partitions")
    return tuple(
        KeptTable(
            **{
                **entry,
                **{name: tuple(entry.get(name, ())) for name in tuples},
                "triggers": tuple(TriggerDefinition(**trigger) for trigger in entry.get("triggers", ())),
            }
        )
        for entry in entries
    )


def begin(connection: Any, before: Mapping[str, Any]) -> None:
    """Set aside what the record of a statement says, right before the statement is sent. Raises MySQLdb.Error."""
    if tables := from_record(before.get("kept", ())):
        set_aside(connection, tables, parse_definitions(load_recorded(before["objects"])))


def bring_back(connection: Any, before: Mapping[str, Any]) -> str:
    """Bring back what was set aside for a statement that did not happen; safe to call again.

    Returns what can never be brought back and where it is, "" when all is as it was. Raises MySQLdb.Error.
    """
    tables = from_record(before.get("kept", ()))
    return take_back(connection, tables, parse_definitions(load_recorded(before["objects"]))) if tables else ""


def find_other_triggers(connection: Any, before: Mapping[str, Any]) -> str:
    """Return, of tables that were set aside whole and are back, which has other triggers than it had; "" for none.

    Raises MySQLdb.Error.
    """
    with plain_session(connection):
        for kept in from_record(before.get("kept", ())):
            if kept.is_whole and read_triggers(connection.cursor(), kept.schema_name, kept.table_name) != kept.triggers:
                return f"{kept.table_name} has other triggers"
    return ""
