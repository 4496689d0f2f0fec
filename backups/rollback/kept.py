"""Data that a schema change would destroy is set aside on the same server first, and comes back from there.

A table that is dropped or emptied is moved whole, by RENAME, into a schema of its own, and an empty like of it takes
its place for the statement: instant at any size. No server moves a table with triggers to another schema: it steps
aside in its own, an empty like that has the same triggers takes its place in the same moment, and only then, when
nobody writes to it any more, its triggers are dropped and it is moved.
What a statement takes out of a table that stays is copied: kept_values.py, kept_partitions.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from backups.rollback.alter import build_alters, build_default_drops
from backups.rollback.definitions import Element, TableDefinition
from backups.rollback.literals import quote_identifier
from backups.rollback.triggers import TriggerDefinition, build_look_at_names, digest_triggers

STAND_IN = "_new"
"""Behind the name of the schema in which the empty likes are made."""


@dataclass(frozen=True, slots=True)
class KeptTable:
    """What is kept of one table, under its own name in the schema `kept_schema`.

    columns: those whose values are copied, with `key`; empty when the table is moved whole.
    changed: those of `columns` that stay, under a type that may not hold every value.
    partitions: those whose rows are copied, by `columns` alone.
    triggers: of a table that is moved whole, in the order in which they run.
    """

    schema_name: str
    table_name: str
    kept_schema: str
    columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    triggers: tuple[TriggerDefinition, ...] = ()

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

    @property
    def stand_in_table(self) -> str:
        """What the empty like of a table is called before it takes its place."""
        return self.name_beside("new") if self.triggers else self.table_name

    @property
    def stand_in_name(self) -> str:
        schema = self.schema_name if self.triggers else self.stand_in_schema
        return f"{quote_identifier(schema)}.{quote_identifier(self.stand_in_table)}"

    @property
    def aside_table(self) -> str:
        """What a table with triggers is called between its place and the schema where it is kept."""
        return self.name_beside("old")

    @property
    def aside_name(self) -> str:
        return f"{quote_identifier(self.schema_name)}.{quote_identifier(self.aside_table)}"

    def name_beside(self, what: str) -> str:
        """Return a name for something in the table's own schema that nothing else has; at most 64 characters."""
        return f"_{self.kept_schema}_{zlib.crc32(self.table_name.encode()):08x}_{what}"


def build_moves(tables: Sequence[tuple[KeptTable, TableDefinition]]) -> tuple[str, ...]:
    """Return the statements that put empty likes in the place of whole tables: one RENAME for all of them."""
    if not tables:
        return ()
    kept_schema, stand_ins = tables[0][0].kept_schema, quote_identifier(tables[0][0].stand_in_schema)
    watched = [(kept, table) for kept, table in tables if kept.triggers]
    pairs = [
        f"{kept.name} TO {kept.aside_name if kept.triggers else kept.kept_name}, {kept.stand_in_name} TO {kept.name}"
        for kept, _ in tables
    ]
    return (
        f"CREATE DATABASE {quote_identifier(kept_schema)}",
        f"CREATE DATABASE {stand_ins}",
        *(sql for kept, table in tables for sql in _make_stand_in(kept, table)),
        f"RENAME TABLE {', '.join(pairs)}",
        f"DROP DATABASE {stand_ins}",
        *(sql for kept, _ in watched for sql in (*build_drop_triggers(kept), build_move_away(kept))),
        # A child that is set aside must not hold on to its parents.
        *(
            f"ALTER TABLE {kept.kept_name} {', '.join(_drop(key) for key in table.foreign_keys)}"
            for kept, table in tables
            if table.foreign_keys
        ),
        *(sql for kept, table in watched for sql in _give_names_back(kept, table)),
    )


def _make_stand_in(kept: KeptTable, table: TableDefinition) -> Iterator[str]:
    """Yield what makes the empty like; with triggers in the same schema, where all names but its columns' are taken."""
    if not kept.triggers:
        yield table.build_create(kept.stand_in_schema, parents_in=kept.schema_name)
        yield from _drop_defaults(kept, table)
        return
    yield _under_other_names(kept, table).build_create(kept.schema_name, parents_in=kept.schema_name)
    yield from _drop_defaults(kept, table)
    for number, trigger in enumerate(kept.triggers):
        for sql in trigger.build(kept.schema_name, kept.stand_in_table, kept.name_beside(f"t{number}")):
            yield sql.removesuffix(";")


def _drop_defaults(kept: KeptTable, table: TableDefinition) -> Iterator[str]:
    yield from (sql.removesuffix(";") for sql in build_default_drops(table.columns, kept.stand_in_name))


def without_named_rules(table: TableDefinition) -> TableDefinition:
    """Return what an empty like has in common with its table: rules may have other names, and parents, for a while."""
    return replace(table, foreign_keys=(), checks=())


def _under_other_names(kept: KeptTable, table: TableDefinition) -> TableDefinition:
    """Return the definition of a like with names of its own for all that has a name in the schema."""

    def rename(number: int, element: Element) -> Element:
        if not element.name:
            return element
        name = kept.name_beside(f"c{number}")
        text = element.text.replace(quote_identifier(element.name), quote_identifier(name), 1)
        return replace(element, name=name, text=text)

    keys = tuple(rename(number, key) for number, key in enumerate(table.foreign_keys))
    checks = tuple(rename(number, check) for number, check in enumerate(table.checks, len(keys)))
    return replace(table, name=kept.stand_in_table, foreign_keys=keys, checks=checks)


def _give_names_back(kept: KeptTable, table: TableDefinition) -> Iterator[str]:
    """Yield what gives a like, now in its place, the names that were taken; no rule or trigger is off meanwhile."""
    for sql in build_alters(_under_other_names(kept, table), table, kept.name, {}):
        yield sql.removesuffix(";")
    yield f"LOCK TABLES {kept.name} WRITE"
    schema = quote_identifier(kept.schema_name)
    for number in range(len(kept.triggers)):
        yield f"DROP TRIGGER {schema}.{quote_identifier(kept.name_beside(f't{number}'))}"
    yield from build_triggers(kept, kept.table_name)
    yield "UNLOCK TABLES"


def build_triggers(kept: KeptTable, table_name: str) -> Iterator[str]:
    """Yield the statements that make the triggers on a table of their schema."""
    for trigger in kept.triggers:
        for sql in trigger.build(kept.schema_name, table_name):
            yield sql.removesuffix(";")


def build_drop_triggers(kept: KeptTable) -> tuple[str, ...]:
    schema = quote_identifier(kept.schema_name)
    return tuple(f"DROP TRIGGER {schema}.{quote_identifier(trigger.name)}" for trigger in kept.triggers)


def build_move_away(kept: KeptTable) -> str:
    """Return the statement that moves a table which has stepped aside, and has lost its triggers, out of its schema."""
    return f"RENAME TABLE {kept.aside_name} TO {kept.kept_name}"


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
    found it empty. RENAME TABLE is no statement for locked tables on MariaDB; ALTER TABLE is, on both. A table with
    triggers gets its name only when it has got them: nobody finds it without.
    """
    comes_to = kept.aside_name if kept.triggers else kept.name
    look = (build_look_at_names(kept.schema_name, kept.table_name, kept.triggers),) if kept.triggers else ()
    watched = [f"{sql};" for sql in build_triggers(kept, kept.aside_table)]
    name_back = (*watched, f"RENAME TABLE {kept.aside_name} TO {kept.name};") if kept.triggers else ()
    if not is_there:
        return (*look, f"RENAME TABLE {kept.kept_name} TO {comes_to};", *name_back)
    mark = f" /* its triggers are {digest_triggers(kept.triggers)} */" if kept.triggers else ""
    return (
        build_look(kept),
        *look,
        build_lock(kept),
        f"DROP TABLE {kept.name}{mark};",
        f"ALTER TABLE {kept.kept_name} RENAME TO {comes_to};",
        UNLOCK,
        *name_back,
    )


def without_foreign_keys(table: TableDefinition) -> TableDefinition:
    """Return what a table is when it comes back from where it was kept."""
    return replace(table, foreign_keys=())
