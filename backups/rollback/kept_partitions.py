"""Rows of partitions that a statement drops or empties are copied whole, and inserted again.

They need no key: each row goes back as it was. Where the table has unique keys, a row that others wrote since may be in
the place of one that goes back; that is looked for before anything is changed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backups.rollback.column_types import SET_THEMSELVES, build_bare_type, parse_type
from backups.rollback.definitions import PRIMARY, Element, TableDefinition
from backups.rollback.kept import KeptTable
from backups.rollback.literals import quote_identifier

_PARTITION = re.compile(r"PARTITION (?:`((?:[^`]|``)+)`|(\w+))")

EVERY = "*"
"""Stands for all partitions; none can be called so."""

MARK = "inception_has_place"
MOST_NAMED = 200


def list_stored(table: TableDefinition) -> tuple[str, ...]:
    """Return the columns whose values are not calculated."""
    kinds = [(column.name, parse_type(column, "")) for column in table.columns]
    return tuple(name for name, kind in kinds if kind is None or not kind.is_generated)


def list_unique(table: TableDefinition) -> tuple[tuple[str, ...], ...] | None:
    """Return the columns of each unique key; None when one holds a part of a column, or something calculated."""
    found, stored = [], set(list_stored(table))
    for index in table.indexes:
        if index.kind not in (PRIMARY, "UNIQUE"):
            continue
        columns = parse_key(index)
        if not columns or not set(columns) <= stored:
            return None
        found.append(columns)
    return tuple(found)


def choose_partitions(table: TableDefinition, names: Sequence[str]) -> tuple[str, ...]:
    """Return those of `names` that the table has: with IF EXISTS others are passed over. All, where it lists none."""
    there = {(match[1] or match[2]).replace("``", "`").casefold() for match in _PARTITION.finditer(table.partitioning)}
    return tuple(name for name in names if name.casefold() in there) or tuple(names)


def parse_key(index: Element) -> tuple[str, ...]:
    """Return the columns of an index; () when it holds only the beginning of one, an expression, or a period."""
    text = index.text.partition(" (")[2]
    inside = text.partition(")")[0]
    if "(" in inside or inside.endswith(" WITHOUT OVERLAPS"):
        return ()
    parts = [part.strip().removesuffix(" DESC").removesuffix(" ASC") for part in inside.split(",")]
    return tuple(part.strip("`").replace("``", "`") for part in parts)


def build_row_copies(kept: KeptTable, table: TableDefinition) -> tuple[str, ...]:
    """Return the statements that copy the rows; the table stays locked from the second last one on."""
    columns = ", ".join(quote_identifier(column) for column in kept.columns)
    names = ", ".join(quote_identifier(name) for name in kept.partitions)
    part = "" if kept.partitions == (EVERY,) else f" PARTITION ({names})"
    kinds = [(column, parse_type(column, "")) for column in table.columns if column.name in kept.columns]
    # Left to itself the server lets a copy of such a column set itself at every UPDATE.
    clauses = [
        f"{quote_identifier(column.name)} {build_bare_type(column, {})}"
        for column, kind in kinds
        if kind is not None and kind.base in SET_THEMSELVES
    ]
    if kept.key:
        clauses.append(f"PRIMARY KEY ({', '.join(quote_identifier(column) for column in kept.key)})")
    declared = f" ({', '.join(clauses)})" if clauses else ""
    return (
        f"CREATE DATABASE {quote_identifier(kept.kept_schema)}",
        f"CREATE TABLE {kept.kept_name}{declared} AS SELECT {columns}, 1 AS {MARK} FROM {kept.name} WHERE FALSE",
        f"LOCK TABLES {kept.name} WRITE, {kept.kept_name} WRITE",
        f"INSERT INTO {kept.kept_name} ({columns}, {MARK}) SELECT {columns}, 1 FROM {kept.name}{part}",
    )


def build_places(kept: KeptTable, keys: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the statements that note which rows have their place free, and the question for those that have not."""
    if not keys:
        return ()
    mark = f"{kept.kept_name}.{quote_identifier(MARK)}"
    marks = []
    for number, key in enumerate(keys):
        own = f"{kept.name}.{quote_identifier(key[0])}"
        marks.append(
            f"UPDATE {kept.kept_name} LEFT JOIN {kept.name} ON {_match(kept, key)}"
            f" SET {mark} = IF({own} IS NULL, {mark if number else 1}, 0);"
        )
    shown = ", ".join(f"{kept.kept_name}.{quote_identifier(column)}" for column in keys[0])
    where = " OR ".join(f"({_match(kept, key)})" for key in keys)
    question = f"SELECT {shown} FROM {kept.name} JOIN {kept.kept_name} ON {where} WHERE {mark} = 0 LIMIT {MOST_NAMED};"
    return (*marks, question)


def build_rows_back(kept: KeptTable) -> str:
    """Return the statement that inserts the rows that have their place free."""
    columns = ", ".join(quote_identifier(column) for column in kept.columns)
    return f"INSERT INTO {kept.name} ({columns}) SELECT {columns} FROM {kept.kept_name} WHERE {MARK} = 1;"


def _match(kept: KeptTable, key: Sequence[str]) -> str:
    names = [quote_identifier(column) for column in key]
    return " AND ".join(f"{kept.name}.{name} = {kept.kept_name}.{name}" for name in names)
