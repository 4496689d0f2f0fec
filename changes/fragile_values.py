"""Values that an ALTER TABLE may change although nothing in it says so, looked for before it is sent.

A column that gets AUTO_INCREMENT makes a new number of every 0. In a session that is not strict, an ALTER that copies
the table makes zeros of dates that the session's sql_mode does not allow, in every column (measured on MySQL 9.7).
An ALTER that copies calculates stored columns anew, in its own time zone and sql_mode (measured on all three servers).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import MySQLdb

from backups.rollback.calculated import find_calculated_from, parse_stored
from backups.rollback.column_types import DATES, ColumnType, parse_type, read_words
from backups.rollback.ddl import Definitions
from backups.rollback.definitions import ObjectName, TableDefinition
from backups.rollback.literals import quote_identifier
from changes.kinds import StatementKind
from changes.statements import Statement
from changes.targets import read_rows

COUNTER = "AUTO_INCREMENT"
STRICT_MODES = frozenset({"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "TRADITIONAL"})
_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "float", "double"})
_KINDS = frozenset({StatementKind.ALTER_TABLE, StatementKind.CREATE_INDEX, StatementKind.DROP_INDEX})
PADDED = "PAD_CHAR_TO_FULL_LENGTH"
_PARTIAL = "YEAR({0}) <> 0 AND (MONTH({0}) = 0 OR DAY({0}) = 0)"
_NO_DAY = (
    "DAY({0}) > CASE WHEN MONTH({0}) = 2"
    " THEN 28 + (MOD(YEAR({0}), 4) = 0 AND (MOD(YEAR({0}), 100) <> 0 OR MOD(YEAR({0}), 400) = 0))"
    " WHEN MONTH({0}) IN (4, 6, 9, 11) THEN 30 ELSE 31 END"
)


def find_fragile(
    connection: Any, statement: Statement, definitions: Definitions, sql_mode: str
) -> Mapping[ObjectName, tuple[str, ...]]:
    """Return, by table, the columns that hold values which `statement` may change like that.

    connection: to the server with the rows. sql_mode: in which the statement runs. Raises MySQLdb.Error.
    """
    if statement.kind not in _KINDS:
        return {}
    modes, text = frozenset(sql_mode.upper().split(",")), statement.text.casefold()
    found = {}
    for name, table in definitions.items():
        if isinstance(table, TableDefinition) and _may_copy(statement.kind, text, table):
            questions = {**dict(_ask(table, text, modes)), **dict(_ask_calculated(table, modes))}
            found[name] = tuple(column for column, test in questions.items() if _holds(connection, name, test))
    return {name: columns for name, columns in found.items() if columns}


def _may_copy(kind: StatementKind, text: str, table: TableDefinition) -> bool:
    """Whether the server may copy the table for a statement; InnoDB makes and drops indexes in place."""
    in_place = kind is not StatementKind.ALTER_TABLE and dict(table.options).get("ENGINE") == "InnoDB"
    return not in_place or "copy" in text or "primary" in text


def _ask(table: TableDefinition, text: str, modes: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield (column, condition of the rows that would be changed in it)."""
    for column in table.columns:
        kind, quoted = parse_type(column, ""), quote_identifier(column.name)
        if kind is None or kind.is_generated:
            continue
        may_count = kind.base in _NUMBERS and column.name.casefold() in text and COUNTER not in read_words(column)
        if may_count and COUNTER.casefold() in text and "NO_AUTO_VALUE_ON_ZERO" not in modes:
            yield column.name, f"{quoted} = 0"
        if tests := list(_test_dates(kind, modes)):
            yield column.name, " OR ".join(f"({test})" for test in tests).format(quoted)


def _ask_calculated(table: TableDefinition, modes: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield, of stored columns, what `_ask` does: rows whose value is another one when this session calculates it.

    Of two types the same value may compare as another one: then a row counts that would stay as it is.
    """
    kinds = {column.name: parse_type(column, "") for column in table.columns}
    of_time = find_calculated_from(table, [name for name, kind in kinds.items() if kind and kind.base == "timestamp"])
    padded = [name for name, kind in kinds.items() if kind and kind.base == "char"] if PADDED in modes else []
    of_padded = find_calculated_from(table, padded)
    for column in table.columns:
        expression = parse_stored(column)
        if expression and column.name in of_padded:
            yield column.name, "TRUE"  # the way back does not pad
        elif expression and column.name in of_time:
            yield column.name, _differs(quote_identifier(column.name), f"({expression})", kinds[column.name])


def _differs(value: str, calculated: str, kind: ColumnType | None) -> str:
    if kind is not None and kind.base in _NUMBERS | DATES | {"decimal", "time", "year"}:
        return f"NOT ({value} <=> {calculated})"
    left, right = (f"CAST(CONVERT({one} USING utf8mb4) AS BINARY)" for one in (value, calculated))
    return f"NOT ({left} <=> {right})"


def _test_dates(kind: ColumnType, modes: frozenset[str]) -> Iterator[str]:
    if kind.base not in DATES or modes & STRICT_MODES:
        return
    if "NO_ZERO_IN_DATE" in modes:
        yield _PARTIAL
    if "ALLOW_INVALID_DATES" not in modes:
        yield _NO_DAY


def _holds(connection: Any, name: ObjectName, condition: str) -> bool:
    """Whether a row is so; what the server cannot be asked counts as so."""
    table = ".".join(map(quote_identifier, name))
    try:
        return bool(read_rows(connection, f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1"))
    except MySQLdb.ProgrammingError:
        return True
