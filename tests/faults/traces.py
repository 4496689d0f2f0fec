"""Tickets whose every statement leaves a trace in the data, from which it is read how often it took effect."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Query = Callable[..., list[tuple[Any, ...]]]
"""Runs one statement as root on the server itself: OwnServer.query."""

ROW_VALUE = "row-value-c0ffee5a"
"""Stands in rows that tickets change or delete, and in no ticket's SQL: it may be in no log and in no queue."""

TABLES = (
    f"CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL, note VARCHAR(60) DEFAULT '{ROW_VALUE}')",
    "INSERT INTO counter (id, n) VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0)",
    "CREATE TABLE trace (tag VARCHAR(20), amount DECIMAL(9,2))",
    "CREATE TABLE doomed (id INT PRIMARY KEY, note VARCHAR(60))",
    f"INSERT INTO doomed VALUES (1, '{ROW_VALUE}'), (2, '{ROW_VALUE}'), (3, NULL), (4, '{ROW_VALUE}')",
)
ALTERED = f"CREATE TABLE altered (id INT PRIMARY KEY, note VARCHAR(60) DEFAULT '{ROW_VALUE}')"
KEYED = "CREATE TABLE keyed (id INT PRIMARY KEY, n INT) ENGINE=MyISAM"
PLAIN = "CREATE TABLE plain (tag VARCHAR(20), n INT) ENGINE=MyISAM"
OTHERS_FROM = 1000
"""Rows of other sessions have ids from here on, and tags that begin with "other"."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One statement.

    count: a query of one number. whole: what it gives when the statement took effect once. rows: how many row changes
    it makes, so many must be in its backup; None for a schema change.
    """

    sql: str
    count: str
    whole: int = 1
    rows: int | None = 1

    def read_effects(self, query: Query, schema: str) -> float:
        """Return how often the statement stands in the data; a fraction when part of it does."""
        ((found,),) = query(self.count, database=schema)
        return float(found or 0) / self.whole


def _update(*ids: int) -> Trace:
    which = ", ".join(map(str, ids))
    return Trace(
        f"UPDATE counter SET n = n + 1 WHERE id IN ({which})",
        f"SELECT SUM(n) FROM counter WHERE id IN ({which})",
        len(ids),
        len(ids),
    )


def _insert(tag: str) -> Trace:
    return Trace(
        f"INSERT INTO trace VALUES ('{tag}', 1.50), ('{tag}', NULL)",
        f"SELECT COUNT(*) FROM trace WHERE tag = '{tag}'",
        2,
        2,
    )


def _delete(number: int) -> Trace:
    return Trace(f"DELETE FROM doomed WHERE id = {number}", f"SELECT 1 - COUNT(*) FROM doomed WHERE id = {number}")


def _add_column(name: str) -> Trace:
    return Trace(
        f"ALTER TABLE altered ADD COLUMN {name} INT",
        "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'altered'"
        f" AND COLUMN_NAME = '{name}'",
        rows=None,
    )


def _insert_plain(tag: str) -> Trace:
    values = ", ".join(f"('{tag}', {number})" for number in range(3))
    return Trace(f"INSERT INTO plain VALUES {values}", f"SELECT COUNT(*) FROM plain WHERE tag = '{tag}'", 3, 3)


def _insert_half() -> Trace:
    """Of an engine without transactions; the third row's key is there twice, and the first two stay."""
    return Trace("INSERT INTO keyed VALUES (1, 1), (2, 2), (1, 3)", "SELECT COUNT(*) FROM keyed", 3, 2)


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of ticket. mode: its transaction choice. tables: beside TABLES.

    may_be_undone: with one click; rows of an engine without transactions may not.
    """

    name: str
    traces: tuple[Trace, ...]
    tables: tuple[str, ...] = ()
    mode: str = "auto"
    may_be_undone: bool = True


ROWS = (_update(1, 2), _insert("s1"), _delete(2))
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("one", ROWS, mode="one"),
        Shape("each", ROWS, mode="each"),
        Shape("schema", (_update(3), _add_column("c1"), _insert("s2")), (ALTERED,)),
        Shape("ddl", (_add_column("c1"), _add_column("c2")), (ALTERED,)),
        Shape("half", (_update(5), _insert_half()), (KEYED,), may_be_undone=False),
        Shape("plain", (_update(4), _insert_plain("s1"), _insert("s2")), (PLAIN,), may_be_undone=False),
    )
}

_numbers = itertools.count(1)


def make_schema(run: Callable[..., None], shape: Shape) -> str:
    """Make a schema with the tables of `shape` and return its name. run: OwnServer.run."""
    name = f"f{next(_numbers):05}"
    run(f"CREATE DATABASE {name}", f"USE {name}", *TABLES, *shape.tables)
    return name


Dump = dict[str, tuple[str, tuple[Any, ...]]]


def dump(query: Query, schema: str) -> Dump:
    """Return every table's definition and rows, each column by HEX; rows of other sessions left out."""
    found: Dump = {}
    for (table,) in query(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME", (schema,)
    ):
        columns = query(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
            " ORDER BY ORDINAL_POSITION",
            (schema, table),
        )
        names = [name for (name,) in columns]
        values = ", ".join(f"HEX(CAST(`{name}` AS BINARY))" for name in names)
        where = f"id < {OTHERS_FROM}" if "id" in names else "tag NOT LIKE 'other%%'" if "tag" in names else "1 = 1"
        rows = query(f"SELECT {values} FROM `{table}` WHERE {where.replace('%%', '%')}", database=schema)
        ((_, definition, *_),) = query(f"SHOW CREATE TABLE `{table}`", database=schema)
        found[table] = (definition, tuple(sorted(rows, key=repr)))
    return found


def name_differences(left: Dump, right: Dump) -> str:
    """Return the names of the tables that differ, "" when none does."""
    return ", ".join(sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name)))


def texts(traces: Sequence[Trace]) -> list[str]:
    return [trace.sql for trace in traces]
