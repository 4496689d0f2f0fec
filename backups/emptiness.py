"""Whether a table or a schema still holds nothing of others, right before a rollback drops it."""

from __future__ import annotations

import re
from typing import Any

from backups.rollback.triggers import digest_triggers
from backups.triggers import read_triggers

_DROP_TABLE = re.compile(
    r"DROP TABLE (?P<name>`(?:[^`]|``)+`\.`(?:[^`]|``)+`)"
    r"(?: /\* CHECKSUM TABLE was (?P<checksum>\d+) \*/| /\* its triggers are (?P<triggers>[0-9a-f]+) \*/)?;"
)

_OBJECTS = (
    ("a table or view", "TABLES", "TABLE_NAME", "TABLE_SCHEMA"),
    ("a routine", "ROUTINES", "ROUTINE_NAME", "ROUTINE_SCHEMA"),
    ("an event", "EVENTS", "EVENT_NAME", "EVENT_SCHEMA"),
)


def find_in_table(cursor: Any, text: str) -> tuple[str, str, str] | None:
    """Return the table that the statement `text` would drop, with what did not come with it; None for nothing."""
    match = _DROP_TABLE.fullmatch(text)
    if match is None:
        return None
    schema, table = (part.replace("``", "`") for part in match["name"][1:-1].split("`.`"))
    if match["triggers"]:
        if digest_triggers(read_triggers(cursor, schema, table)) != match["triggers"]:
            return schema, table, "other triggers than those it had"
    elif trigger := find_trigger(cursor, schema, table):
        return schema, table, f"the trigger {trigger}"
    cursor.execute(f"SELECT 1 FROM {match['name']} LIMIT 1".encode())
    if cursor.fetchone() is None or (match["checksum"] and match["checksum"] == _read_checksum(cursor, match["name"])):
        return None
    return schema, table, "rows"


def _read_checksum(cursor: Any, name: str) -> str:
    cursor.execute(f"CHECKSUM TABLE {name}".encode())
    return str(cursor.fetchone()[1])


def find_trigger(cursor: Any, schema: str, table: str) -> str:
    """Return the name of a trigger of a table, "" when there is none that the account may see."""
    cursor.execute(
        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS"
        " WHERE EVENT_OBJECT_SCHEMA = %s AND EVENT_OBJECT_TABLE = %s LIMIT 1",
        (schema, table),
    )
    row = cursor.fetchone()
    return str(row[0]) if row else ""


def find_fired(cursor: Any, schema: str, table: str, event: str) -> str:
    """Return the name of a trigger that an INSERT or UPDATE of a table fires, "" when there is none to be seen."""
    cursor.execute(
        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = %s"
        " AND EVENT_OBJECT_TABLE = %s AND EVENT_MANIPULATION = %s LIMIT 1",
        (schema, table, event),
    )
    row = cursor.fetchone()
    return str(row[0]) if row else ""


def find_object(cursor: Any, schema: str) -> str:
    """Return what kind of object is in a schema, with its name; "" when there is none that the account may see."""
    for kind, table, name, place in _OBJECTS:
        cursor.execute(f"SELECT {name} FROM information_schema.{table} WHERE {place} = %s LIMIT 1", (schema,))
        if row := cursor.fetchone():
            return f"{kind}, {row[0]}"
    return ""
