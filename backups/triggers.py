"""The triggers of a table, read from its server."""

from __future__ import annotations

from typing import Any

from backups.rollback.literals import quote_identifier
from backups.rollback.triggers import TriggerDefinition, read_body

_QUESTION = (
    "SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, DEFINER, SQL_MODE, CHARACTER_SET_CLIENT,"
    " COLLATION_CONNECTION, DATABASE_COLLATION FROM information_schema.TRIGGERS"
    " WHERE EVENT_OBJECT_SCHEMA = %s AND EVENT_OBJECT_TABLE = %s"
    " ORDER BY EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER"
)


def read_triggers(cursor: Any, schema: str, table: str) -> tuple[TriggerDefinition, ...]:
    """Return the triggers of a table in the order in which they run, as far as the account may see them.

    Raises MySQLdb.Error.
    """
    cursor.execute(_QUESTION, (schema, table))
    return tuple(_read(cursor, schema, [str(value) for value in row]) for row in cursor.fetchall())


def _read(cursor: Any, schema: str, row: list[str]) -> TriggerDefinition:
    name, timing, event, definer, sql_mode, charset, collation, schema_collation = row
    cursor.execute(f"SHOW CREATE TRIGGER {quote_identifier(schema)}.{quote_identifier(name)}".encode())
    text = cursor.fetchone()[2]
    body = read_body(text) if isinstance(text, str) else None
    session = (sql_mode, charset, collation, schema_collation)
    return TriggerDefinition(name, timing, event, definer, body or "", *session, is_read=bool(body))
