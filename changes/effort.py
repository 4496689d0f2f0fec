"""How a server will make a schema change: the algorithm that it takes on an empty like of the table, and the size of
the table itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import MySQLdb

from backups.rollback.definitions import ObjectName
from changes.alter_clauses import AlterAction
from changes.kinds import StatementKind
from changes.statements import Statement
from changes.targets import error_of, read_rows

NOT_SUPPORTED = (1845, 1846)
"""ER_ALTER_OPERATION_NOT_SUPPORTED and the same with a reason: another algorithm is needed."""

KINDS = frozenset({StatementKind.ALTER_TABLE, StatementKind.CREATE_INDEX, StatementKind.DROP_INDEX})

_INPLACE = (
    ("ALGORITHM=INPLACE", "LOCK=NONE", "INPLACE, others read and write meanwhile"),
    ("ALGORITHM=INPLACE", "LOCK=SHARED", "INPLACE, others read and wait to write"),
)
_COPY = "COPY: the table is written anew, others read and wait to write"


def ask_algorithm(statement: Statement, sql: str, run: Callable[[str], None]) -> tuple[bool, str]:
    """Return whether `sql` was run, with the first algorithm that the server takes, and which one that is.

    sql: the statement, for a table that may be changed. The algorithm is "" when the server does not say.
    """
    facts = statement.facts
    if facts is None or any(clause.action is AlterAction.OPTION for clause in facts.clauses):
        return False, ""  # the author chose
    if statement.kind is StatementKind.ALTER_TABLE:
        tries = [(", ALGORITHM=INSTANT", "INSTANT: at once, nobody waits")]
        tries += [(f", {algorithm}, {lock}", words) for algorithm, lock, words in _INPLACE]
    else:
        tries = [(f" {algorithm} {lock}", words) for algorithm, lock, words in _INPLACE]
    for options, words in tries:
        try:
            run(sql + options)
            return True, words
        except MySQLdb.Error as error:
            if error_of(error)[0] not in NOT_SUPPORTED:
                return False, ""
    return False, _COPY


def read_size(connection: Any, name: ObjectName) -> str:
    """Return about how large a table is, in words; "" for one that is not there."""
    question = (
        "SELECT TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND TABLE_TYPE LIKE '%%BASE TABLE'"
    )
    rows = read_rows(connection, question, name)
    if not rows or rows[0][1] is None:
        return ""
    row_count, size = int(rows[0][0] or 0), int(rows[0][1])
    unit = next((unit for unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")) if size >= unit[0]), (1, "B"))
    return f"{name[1]} has about {row_count:,} rows in {size / unit[0]:,.0f} {unit[1]}"
