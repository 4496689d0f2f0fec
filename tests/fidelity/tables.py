"""Everything a schema holds, in a form in which equal means equal byte for byte."""

from __future__ import annotations

import re
from typing import Any

_COUNTER = re.compile(r" AUTO_INCREMENT=\d+")

_TRIGGERS = (
    "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER,"
    " TRIM(TRAILING ';' FROM ACTION_STATEMENT), DEFINER, SQL_MODE, CHARACTER_SET_CLIENT, COLLATION_CONNECTION,"
    " DATABASE_COLLATION"
    " FROM information_schema.TRIGGERS"
)

State = dict[str, Any]


def query(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.execute(sql.encode() if isinstance(sql, str) else sql)
    found = list(cursor.fetchall()) if cursor.description else []
    cursor.close()
    return found


def make_again(connection: Any, schema: str, sql: str) -> None:
    """Drop the schema and build it anew by `sql`, in a session that takes every value there is."""
    _set_session(connection)
    drop_schemas(connection, schema)
    query(connection, f"CREATE DATABASE `{schema}` CHARACTER SET utf8mb4")
    query(connection, f"USE `{schema}`")
    if not sql.strip():
        return
    cursor = connection.cursor()
    cursor.execute(sql.encode())  # several statements: the connection has the client flag
    while cursor.nextset() is not None:
        pass
    cursor.close()


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def drop_schemas(connection: Any, schema: str) -> None:
    """Drop the schema and those beside it: a case may make some whose names begin with its name and `_`."""
    query(connection, "SET SESSION foreign_key_checks = 0")
    for name in list_schemas(connection, schema):
        query(connection, f"DROP DATABASE {_quote(name)}")
    query(connection, "SET SESSION foreign_key_checks = 1")


def list_schemas(connection: Any, schema: str) -> list[str]:
    rows = query(connection, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY SCHEMA_NAME")
    return [name for (name,) in rows if name == schema or name.startswith(f"{schema}_")]


def _set_session(connection: Any) -> None:
    query(connection, "SET SESSION foreign_key_checks = 1, time_zone = '+00:00'")
    query(connection, "SET SESSION sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'")


def read_state(connection: Any, schema: str) -> State:
    """Return each table's definition, triggers and rows, and the schemas' own; those beside the schema too.

    An AUTO_INCREMENT counter is no part of it: it stays higher.
    """
    _set_session(connection)
    found: State = {}
    for name in list_schemas(connection, schema):
        found[f"schema {name}"] = [query(connection, f"SHOW CREATE DATABASE {_quote(name)}")[0][1], []]
        tables = _read_tables(connection, name)
        found |= tables if name == schema else {f"{name}.{table}": state for table, state in tables.items()}
    return found


def _read_tables(connection: Any, schema: str) -> State:
    found: State = {}
    tables = query(
        connection, f"SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{schema}'"
    )
    for name, kind in sorted(tables):
        label = _quote(name)
        if kind == "SEQUENCE":
            continue  # a sequence goes on counting, like AUTO_INCREMENT
        definition = query(connection, f"SHOW CREATE TABLE {_quote(schema)}.{label}")[0]
        found[name] = [_COUNTER.sub("", definition[1])]
        if kind == "VIEW":
            found[name] = [f"{definition[1]} in a session of {'/'.join(definition[2:4])}", []]
        else:
            found[name].append(_read_rows(connection, schema, name, label, kind))
    for name, *trigger in query(connection, f"{_TRIGGERS} WHERE TRIGGER_SCHEMA = '{schema}'"):
        found[f"trigger {name}"] = [repr(trigger), []]
    return found


def _read_rows(connection: Any, schema: str, name: str, label: str, kind: str) -> list[tuple[Any, ...]]:
    text = name.replace("\\", "\\\\").replace("'", "''")
    columns = query(
        connection,
        "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS"
        f" WHERE TABLE_SCHEMA = '{schema}' AND TABLE_NAME = '{text}' ORDER BY ORDINAL_POSITION",
    )
    shown = ", ".join(part for column, data_type in columns for part in _show(column, data_type))
    rows = query(connection, f"SELECT {shown} FROM {_quote(schema)}.{label}")
    if kind == "SYSTEM VERSIONED":
        rows += query(connection, f"SELECT 'ever', {shown} FROM `{schema}`.{label} FOR SYSTEM_TIME ALL")
    return sorted(rows, key=repr)


def _show(column: str, data_type: str) -> list[str]:
    """Return the expressions that tell two values of a column apart."""
    label = "`" + column.replace("`", "``") + "`"
    if data_type in ("float", "double"):
        return [f"CONCAT({label} * 1e0)", f"HEX(CAST({label} AS BINARY))"]
    if data_type in ("enum", "set", "bit"):
        return [f"{label} + 0", f"HEX(CAST({label} AS BINARY))"]
    if data_type == "json":
        return [f"CAST({label} AS CHAR)", f"JSON_TYPE({label})", f"HEX({label})"]
    return [f"HEX(CAST({label} AS BINARY))"]


def describe_difference(before: State, after: State) -> str:
    """Return, in one line, the first thing that differs."""
    for name in sorted({*before, *after}):
        left, right = before.get(name), after.get(name)
        if left == right:
            continue
        if left is None or right is None:
            return f"{name}: {'appeared' if left is None else 'is gone'}"
        if left[0] != right[0]:
            return f"{name}: its definition changed: {left[0]!r} -> {right[0]!r}"[:400]
        lost = [row for row in left[1] if row not in right[1]]
        new = [row for row in right[1] if row not in left[1]]
        if not lost and not new:
            return f"{name}: {len(left[1])} rows before, {len(right[1])} after"
        return f"{name}: before {lost[:1]}, after {new[:1]}"[:400]
    return "equal"
