"""Rows that AUTO_INCREMENT would give another number: a column that gets it makes a new number of every 0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backups.rollback.column_types import parse_type, read_words
from backups.rollback.ddl import Definitions
from backups.rollback.definitions import Element, ObjectName, TableDefinition
from backups.rollback.literals import quote_identifier
from changes.kinds import StatementKind
from changes.statements import Statement
from changes.targets import read_rows

COUNTER = "AUTO_INCREMENT"
_KEEPS_ZERO = "NO_AUTO_VALUE_ON_ZERO"
_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "float", "double"})


def find_zeros(
    connection: Any, statement: Statement, definitions: Definitions, sql_mode: str
) -> Mapping[ObjectName, tuple[str, ...]]:
    """Return, by table, the columns in which `statement` may make another number of a 0 that is there now.

    connection: to the server with the rows. sql_mode: in which the statement runs. Raises MySQLdb.Error.
    """
    text = statement.text.casefold()
    if statement.kind is not StatementKind.ALTER_TABLE or COUNTER.casefold() not in text:
        return {}
    if _KEEPS_ZERO in sql_mode.upper().split(","):
        return {}
    found = {}
    for name, table in definitions.items():
        if isinstance(table, TableDefinition):
            columns = [column.name for column in table.columns if column.name.casefold() in text and _may_get(column)]
            found[name] = tuple(column for column in columns if _has_zero(connection, name, column))
    return {name: columns for name, columns in found.items() if columns}


def _may_get(column: Element) -> bool:
    kind = parse_type(column, "")
    return (
        kind is not None and kind.base in _NUMBERS and not kind.is_generated and f" {COUNTER}" not in read_words(column)
    )


def _has_zero(connection: Any, name: ObjectName, column: str) -> bool:
    table = ".".join(map(quote_identifier, name))
    return bool(read_rows(connection, f"SELECT 1 FROM {table} WHERE {quote_identifier(column)} = 0 LIMIT 1"))
