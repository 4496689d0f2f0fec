"""How a server will make a schema change: the algorithm that it takes on an empty like of the table, and the size of
the table itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import MySQLdb

from backups.binlog.flavor import Flavor
from backups.rollback.definitions import ObjectName
from changes.alter_clauses import AlterAction
from changes.kinds import StatementKind
from changes.statements import Statement
from changes.targets import error_of, read_rows

NOT_SUPPORTED = (1845, 1846)
"""ER_ALTER_OPERATION_NOT_SUPPORTED and the same with a reason: another algorithm is needed."""

KINDS = frozenset({StatementKind.ALTER_TABLE, StatementKind.CREATE_INDEX, StatementKind.DROP_INDEX})

COPIED_FIRST = "locked while what it takes away is copied"
"""Whatever the algorithm is: see keeping."""

_INSTANT = "INSTANT: at once, nobody waits"
_BESIDE = "INPLACE, others read and write meanwhile"
_INPLACE = (
    ("ALGORITHM=INPLACE", "LOCK=NONE", _BESIDE),
    ("ALGORITHM=INPLACE", "LOCK=SHARED", "INPLACE, others read and wait to write"),
)
_COPY = "COPY: the table is written anew, others read and wait to write"


@dataclass(frozen=True, slots=True)
class TableSize:
    """About how large a table is, as its engine estimates."""

    row_count: int
    size_bytes: int


def ask_algorithm(statement: Statement, sql: str, run: Callable[[str], None]) -> tuple[bool, str]:
    """Return whether `sql` was run, with the first algorithm that the server takes, and which one that is.

    sql: the statement, for a table that may be changed. The algorithm is "" when the server does not say.
    """
    facts = statement.facts
    if facts is None:
        return False, ""
    chosen = [clause.text.upper() for clause in facts.clauses if clause.action is AlterAction.OPTION]
    if chosen:
        return False, _find_promise(chosen)
    if statement.kind is StatementKind.ALTER_TABLE:
        tries = [(", ALGORITHM=INSTANT", _INSTANT)]
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


def _find_promise(chosen: Sequence[str]) -> str:
    """Return what the author's own options make the server keep to, or refuse the statement; "" for nothing."""
    words = {" ".join(text.replace("=", " ").split()) for text in chosen}
    if "ALGORITHM INSTANT" in words:
        return _INSTANT
    return _BESIDE if "LOCK NONE" in words else ""


def makes_wait(algorithm: str) -> bool:
    """Whether others have to wait to write while the server works, as far as is known: what is not known does."""
    return algorithm not in (_INSTANT, _BESIDE)


def want_fresh_sizes(connection: Any, flavor: Flavor) -> None:
    """Let the session see sizes of tables as they are; MySQL answers with what it saw a day ago otherwise."""
    if not flavor.is_mariadb:
        read_rows(connection, "SET SESSION information_schema_stats_expiry = 0")


def read_size(connection: Any, flavor: Flavor, name: ObjectName) -> TableSize | None:
    """Return the size of a table; None for one that is not there. Raises MySQLdb.Error."""
    want_fresh_sizes(connection, flavor)
    question = (
        "SELECT TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND TABLE_TYPE LIKE '%%BASE TABLE'"
    )
    rows = read_rows(connection, question, name)
    if not rows or rows[0][1] is None:
        return None
    return TableSize(int(rows[0][0] or 0), int(rows[0][1]))


def describe_size(table: str, size: TableSize) -> str:
    units = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
    unit = next((unit for unit in units if size.size_bytes >= unit[0]), (1, "B"))
    return f"{table} has about {size.row_count:,} rows in {size.size_bytes / unit[0]:,.0f} {unit[1]}"
