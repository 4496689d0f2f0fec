"""Whether a table or a schema is still empty, right before a rollback drops it."""

from __future__ import annotations

import re
from typing import Any

_DROP_TABLE = re.compile(r"DROP TABLE (`(?:[^`]|``)+`\.`(?:[^`]|``)+`)(?: /\* CHECKSUM TABLE was (\d+) \*/)?;")

_OBJECTS = (
    ("a table or view", "TABLES", "TABLE_NAME", "TABLE_SCHEMA"),
    ("a routine", "ROUTINES", "ROUTINE_NAME", "ROUTINE_SCHEMA"),
    ("an event", "EVENTS", "EVENT_NAME", "EVENT_SCHEMA"),
)


def find_table_with_rows(cursor: Any, text: str) -> tuple[str, str] | None:
    """Return the table that the statement `text` would drop with rows that did not come with it; None for none."""
    match = _DROP_TABLE.fullmatch(text)
    if match is None:
        return None
    cursor.execute(f"SELECT 1 FROM {match[1]} LIMIT 1".encode())
    if cursor.fetchone() is None or (match[2] and match[2] == _read_checksum(cursor, match[1])):
        return None
    schema, table = (part.replace("``", "`") for part in match[1][1:-1].split("`.`"))
    return schema, table


def _read_checksum(cursor: Any, name: str) -> str:
    cursor.execute(f"CHECKSUM TABLE {name}".encode())
    return str(cursor.fetchone()[1])


def find_object(cursor: Any, schema: str) -> str:
    """Return what kind of object is in a schema, with its name; "" when there is none that the account may see."""
    for kind, table, name, place in _OBJECTS:
        cursor.execute(f"SELECT {name} FROM information_schema.{table} WHERE {place} = %s LIMIT 1", (schema,))
        if row := cursor.fetchone():
            return f"{kind}, {row[0]}"
    return ""
