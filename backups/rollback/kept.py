"""Data that a schema change would destroy is set aside on the same server first, and comes back from there.

A table that is dropped or emptied is moved whole, by RENAME, into a schema of its own, and an empty like of it takes
its place for the statement: instant at any size. What a statement takes out of a table that stays is copied:
kept_values.py, kept_partitions.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backups.rollback.alter import build_default_drops
from backups.rollback.definitions import Element, TableDefinition
from backups.rollback.literals import quote_identifier

STAND_IN = "_new"
"""Behind the name of the schema in which the empty likes are made."""


@dataclass(frozen=True, slots=True)
class KeptTable:
    """What is kept of one table, under its own name in the schema `kept_schema`.

    columns: those whose values are copied, with `key`; empty when the table is moved whole.
    changed: those of `columns` that stay, under a type that may not hold every value.
    partitions: those whose rows are copied, by `columns` alone.
    """

    schema_name: str
    table_name: str
    kept_schema: str
    columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()

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
        *(sql for kept, table in tables for sql in _build_stand_in(kept, table)),
        f"RENAME TABLE {', '.join(pairs)}",
        f"DROP DATABASE {stand_ins}",
        # A child that is set aside must not hold on to its parents.
        *(
            f"ALTER TABLE {kept.kept_name} {', '.join(_drop(key) for key in table.foreign_keys)}"
            for kept, table in tables
            if table.foreign_keys
        ),
    )


def _build_stand_in(kept: KeptTable, table: TableDefinition) -> tuple[str, ...]:
    name = f"{quote_identifier(kept.stand_in_schema)}.{quote_identifier(kept.table_name)}"
    drops = (sql.removesuffix(";") for sql in build_default_drops(table.columns, name))
    return (table.build_create(kept.stand_in_schema, parents_in=kept.schema_name), *drops)


def _drop(key: Element) -> str:
    return f"DROP FOREIGN KEY {quote_identifier(key.name)}"


def build_look(kept: KeptTable) -> str:
    """Return a statement that fails where nothing is kept any more: before anything is changed to make room for it."""
    return f"SELECT 1 FROM {kept.kept_name} LIMIT 0;"


def build_lock(kept: KeptTable) -> str:
    """Return the statement after which nobody else reads or writes the table, nor what is kept of it."""
    return f"LOCK TABLES {kept.name} WRITE, {kept.kept_name} WRITE;"


UNLOCK = "UNLOCK TABLES;"


def build_move_back(kept: KeptTable, *, is_there: bool) -> tuple[str, ...]:
    """Return the statements that bring a whole table back.

    is_there: what stands in its place goes first, under a lock, so that no row is written to it after the look that
    found it empty. RENAME TABLE is no statement for locked tables on MariaDB; ALTER TABLE is, on both.
    """
    if not is_there:
        return (f"RENAME TABLE {kept.kept_name} TO {kept.name};",)
    return (
        build_look(kept),
        build_lock(kept),
        f"DROP TABLE {kept.name};",
        f"ALTER TABLE {kept.kept_name} RENAME TO {kept.name};",
        UNLOCK,
    )


def without_foreign_keys(table: TableDefinition) -> TableDefinition:
    """Return what a table is when it comes back from where it was kept."""
    return replace(table, foreign_keys=())
