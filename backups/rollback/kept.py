"""Data that a schema change would destroy is set aside on the same server first, and comes back from there.

A table that is dropped or emptied is moved whole, by RENAME, into a schema of its own, and an empty like of it takes
its place for the statement: instant at any size. Of columns that are dropped, key and values are copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backups.rollback.definitions import Element, TableDefinition
from backups.rollback.literals import quote_identifier

STAND_IN = "_new"
"""Behind the name of the schema in which the empty likes are made."""


@dataclass(frozen=True, slots=True)
class KeptTable:
    """What is kept of one table, under its own name in the schema `kept_schema`.

    columns: those whose values are copied, with `key`; empty when the table is moved whole.
    """

    schema_name: str
    table_name: str
    kept_schema: str
    columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not self.columns

    @property
    def name(self) -> str:
        return f"{quote_identifier(self.schema_name)}.{quote_identifier(self.table_name)}"

    @property
    def kept_name(self) -> str:
        return f"{quote_identifier(self.kept_schema)}.{quote_identifier(self.table_name)}"

    @property
    def stand_in_schema(self) -> str:
        return f"{self.kept_schema}{STAND_IN}"


def build_moves(tables: Sequence[tuple[KeptTable, TableDefinition]]) -> tuple[str, ...]:
    """Return the statements that put empty likes in the place of whole tables: one RENAME for all of them."""
    if not tables:
        return ()
    kept_schema, stand_ins = tables[0][0].kept_schema, quote_identifier(tables[0][0].stand_in_schema)
    pairs = [
        f"{kept.name} TO {kept.kept_name}, {stand_ins}.{quote_identifier(kept.table_name)} TO {kept.name}"
        for kept, _ in tables
    ]
    return (
        f"CREATE DATABASE {quote_identifier(kept_schema)}",
        f"CREATE DATABASE {stand_ins}",
        *(table.build_create(kept.stand_in_schema, parents_in=kept.schema_name) for kept, table in tables),
        f"RENAME TABLE {', '.join(pairs)}",
        f"DROP DATABASE {stand_ins}",
        # A child that is set aside must not hold on to its parents.
        *(
            f"ALTER TABLE {kept.kept_name} {', '.join(_drop(key) for key in table.foreign_keys)}"
            for kept, table in tables
            if table.foreign_keys
        ),
    )


def _drop(key: Element) -> str:
    return f"DROP FOREIGN KEY {quote_identifier(key.name)}"


def build_copies(kept: KeptTable) -> tuple[str, ...]:
    """Return the statements that copy columns; the table stays locked from the second last one on."""
    columns = ", ".join(quote_identifier(column) for column in (*kept.key, *kept.columns))
    key = ", ".join(quote_identifier(column) for column in kept.key)
    return (
        f"CREATE DATABASE {quote_identifier(kept.kept_schema)}",
        f"CREATE TABLE {kept.kept_name} (PRIMARY KEY ({key})) AS SELECT {columns} FROM {kept.name} WHERE FALSE",
        f"LOCK TABLES {kept.name} WRITE, {kept.kept_name} WRITE",
        f"INSERT INTO {kept.kept_name} ({columns}) SELECT {columns} FROM {kept.name}",
    )


def build_look(kept: KeptTable) -> str:
    """Return a statement that fails where nothing is kept any more: before anything is changed to make room for it."""
    return f"SELECT 1 FROM {kept.kept_name} LIMIT 0;"


def build_look_at_rows(kept: KeptTable) -> str:
    """Return a statement that fails (ER_SUBQUERY_NO_1_ROW) where rows were written since, for which nothing is kept."""
    key = " AND ".join(f"t.{quote_identifier(column)} = k.{quote_identifier(column)}" for column in kept.key)
    others = (
        f"SELECT 1 FROM {kept.name} AS t LEFT JOIN {kept.kept_name} AS k ON {key}"
        f" WHERE k.{quote_identifier(kept.key[0])} IS NULL LIMIT 1"
    )
    return f"SELECT (SELECT 1 UNION ALL ({others})) AS `no row was written since`;"


def build_move_back(kept: KeptTable, *, is_there: bool) -> tuple[str, ...]:
    """Return the statements that bring a whole table back. is_there: what stands in its place goes first."""
    drop = (build_look(kept), f"DROP TABLE {kept.name};") if is_there else ()
    return (*drop, f"RENAME TABLE {kept.kept_name} TO {kept.name};")


def build_copy_back(kept: KeptTable, table: TableDefinition) -> str:
    """Return the statement that writes kept values into the columns that are there again. table: as it was."""
    lost = {column.casefold() for column in kept.columns}
    # Columns that set themselves at every UPDATE keep the value they have.
    others = [
        column.name for column in table.columns if " ON UPDATE " in column.text and column.name.casefold() not in lost
    ]
    changes = [f"t.{quote_identifier(column)} = k.{quote_identifier(column)}" for column in kept.columns]
    changes += [f"t.{quote_identifier(column)} = t.{quote_identifier(column)}" for column in others]
    key = " AND ".join(f"t.{quote_identifier(column)} = k.{quote_identifier(column)}" for column in kept.key)
    return f"UPDATE {kept.name} AS t JOIN {kept.kept_name} AS k ON {key} SET {', '.join(changes)};"


def without_foreign_keys(table: TableDefinition) -> TableDefinition:
    """Return what a table is when it comes back from where it was kept."""
    return replace(table, foreign_keys=())
