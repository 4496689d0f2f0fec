"""Values that an ALTER TABLE may change although nothing in it says so, looked for before it is sent.

A column that gets AUTO_INCREMENT makes a new number of every 0. In a session that is not strict, an ALTER that copies
the table makes zeros of dates that the session's sql_mode does not allow, in every column (measured on MySQL 9.7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

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
    if statement.kind is not StatementKind.ALTER_TABLE:
        return {}
    modes = frozenset(sql_mode.upper().split(","))
    found = {}
    for name, table in definitions.items():
        if isinstance(table, TableDefinition):
            questions = dict(_ask(table, statement.text.casefold(), modes))
            found[name] = tuple(column for column, test in questions.items() if _holds(connection, name, test))
    return {name: columns for name, columns in found.items() if columns}


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


def _test_dates(kind: ColumnType, modes: frozenset[str]) -> Iterator[str]:
    if kind.base not in DATES or modes & STRICT_MODES:
        return
    if "NO_ZERO_IN_DATE" in modes:
        yield _PARTIAL
    if "ALLOW_INVALID_DATES" not in modes:
        yield _NO_DAY


def _holds(connection: Any, name: ObjectName, condition: str) -> bool:
    table = ".".join(map(quote_identifier, name))
    return bool(read_rows(connection, f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1"))
