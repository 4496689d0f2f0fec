"""Definitions of tables and views as a server has them now, and in a form that a record can keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import MySQLdb

from backups.rollback.databases import parse_database
from backups.rollback.ddl import Definitions
from backups.rollback.definitions import Definition, ObjectName, parse_table, parse_view
from backups.rollback.literals import quote_identifier
from changes.targets import error_of, read_rows

NO_SUCH_TABLE = 1146
NO_SUCH_SCHEMA = 1049
_PLAIN_SESSION = "SET SESSION sql_mode = '', SESSION sql_quote_show_create = 1"


@dataclass(frozen=True, slots=True)
class RecordedDefinition:
    """What the server said of one name; "" as the name stands for the schema itself.

    text: "" where there is nothing. body: a view's query, "" for a table. charset, collation: of the session that made
        the view; "" for a table, and in records of before they were kept.
    """

    schema: str
    name: str
    text: str = ""
    body: str = ""
    is_view: bool = False
    charset: str = ""
    collation: str = ""

    def parse(self) -> Definition | None:
        """Raises DefinitionError."""
        if not self.text:
            return None
        if not self.name:
            return parse_database(self.text)
        if self.is_view:
            return parse_view(self.text, self.body, self.charset, self.collation)
        return parse_table(self.text)

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def read_definitions(connection: Any, names: Iterable[ObjectName]) -> tuple[RecordedDefinition, ...]:
    """Return the definition of each name, as far as there is something under it. Raises MySQLdb.Error."""
    with plain_session(connection):
        return tuple(_read(connection, schema, name) for schema, name in names)


@contextmanager
def plain_session(connection: Any) -> Iterator[None]:
    """Let the server write definitions in its own form, whatever sql_mode the session has otherwise."""
    ((mode,),) = read_rows(connection, "SELECT @@SESSION.sql_mode")
    read_rows(connection, _PLAIN_SESSION)
    try:
        yield
    finally:
        read_rows(connection, "SET SESSION sql_mode = %s", (mode,))


@contextmanager
def time_zone_of(connection: Any, before: Mapping[str, Any]) -> Iterator[None]:
    """Have the session in the time zone in which the definitions of a record were read: they name times in it.

    before: of a statement's record; one of before the time zone was kept leaves the session as it is.
    """
    zone = before.get("time_zone", "")
    if not zone:
        yield
        return
    ((current,),) = read_rows(connection, "SELECT @@SESSION.time_zone")
    read_rows(connection, "SET SESSION time_zone = %s", (zone,))
    try:
        yield
    finally:
        with suppress(MySQLdb.Error):
            read_rows(connection, "SET SESSION time_zone = %s", (current,))


def _read(connection: Any, schema: str, name: str) -> RecordedDefinition:
    quoted = quote_identifier(schema)
    what = f"TABLE {quoted}.{quote_identifier(name)}" if name else f"DATABASE {quoted}"
    cursor = connection.cursor()
    try:
        cursor.execute(f"SHOW CREATE {what}")
        is_view = cursor.description[0][0] == "View"
        row = cursor.fetchone()
    except MySQLdb.Error as error:
        if error_of(error)[0] not in (NO_SUCH_TABLE, NO_SUCH_SCHEMA):
            raise
        return RecordedDefinition(schema, name)
    finally:
        cursor.close()
    if not is_view:
        return RecordedDefinition(schema, name, str(row[1]))
    body = _read_body(connection, schema, name)
    return RecordedDefinition(schema, name, str(row[1]), body, True, charset=str(row[2]), collation=str(row[3]))


def _read_body(connection: Any, schema: str, name: str) -> str:
    """Return a view's query with every name in its schema; SHOW CREATE leaves out the session's own."""
    rows = read_rows(
        connection,
        "SELECT VIEW_DEFINITION, CHECK_OPTION FROM information_schema.VIEWS"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
        (schema, name),
    )
    if not rows or not rows[0][0]:
        return ""
    definition, check = rows[0]
    return str(definition) if check == "NONE" else f"{definition} WITH {check} CHECK OPTION"


def parse_definitions(recorded: Sequence[RecordedDefinition]) -> Definitions:
    """Raises DefinitionError."""
    return {(one.schema, one.name): one.parse() for one in recorded}


def load_recorded(entries: Iterable[Mapping[str, Any]]) -> tuple[RecordedDefinition, ...]:
    """Return what `to_dict` gave."""
    return tuple(RecordedDefinition(**entry) for entry in entries)
