"""What is looked at on the target, inside the rollback's transaction, before and after rows are put back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from backups.binlog.flavor import Flavor
from backups.binlog.rows import ABSENT, ChangeKind, Image, RowChange
from backups.binlog.snapshots import CascadeFact
from backups.errors import RestoreError
from backups.rollback.literals import quote_identifier
from backups.rollback.plan import TablePlan
from backups.snapshot import read_cascades, read_references

TRANSACTIONAL_ENGINES = frozenset({"innodb", "rocksdb", "tokudb", "ndbcluster"})

TableName = tuple[str, str]

MOST_REMEMBERED = 100_000
"""Rows that are known to be locked; after so many they are locked once more."""


@dataclass(slots=True)
class TableFacts:
    """A table as it is now. cascades: foreign keys that point to it and act; trigger_events: "INSERT", …"""

    cascades: tuple[CascadeFact, ...]
    trigger_events: frozenset[str]


@dataclass(slots=True)
class Guards:
    """Looks at the target through one cursor; knows each table after the first look."""

    connection: Any
    cursor: Any
    flavor: Flavor
    tables: dict[TableName, TableFacts] = field(default_factory=dict)
    _parents: dict[TableName, list[_ForeignKey]] = field(default_factory=dict)
    _locked: set[str] = field(default_factory=set)

    def look_at(self, plan: TablePlan) -> TableFacts:
        """Return what concerns `plan`'s table. Raises RestoreError when it cannot be rolled back safely."""
        name = (plan.table.schema_name, plan.table.name)
        facts = self.tables.get(name)
        if facts is None:
            self._require_transactional(name)
            facts = self.tables[name] = TableFacts(
                read_cascades(self.connection, self.flavor, [name]), self._read_trigger_events(name)
            )
        return facts

    def find_children(self, plan: TablePlan, change: RowChange) -> CascadeFact | None:
        """Return a foreign key that would take rows with the parent row that `change` deletes.

        The parent row is locked first: whoever wants to add a child then waits for our COMMIT.
        """
        cascades = [fact for fact in self.look_at(plan).cascades if fact.on_delete != "NO ACTION"]
        if change.kind is not ChangeKind.DELETE or not cascades:
            return None
        assert change.before is not None
        self.cursor.execute(f"{plan.build_now(change.before)} FOR UPDATE".encode())
        return next((fact for fact in cascades if self._has_children(plan, change.before, fact)), None)

    def find_left_children(self, plan: TablePlan, change: RowChange) -> CascadeFact | None:
        """Return a foreign key whose child rows refer to the row that `change` took away, and to no other row."""
        assert change.before is not None
        for fact in self.look_at(plan).cascades:
            if self._has_children(plan, change.before, fact) and not self._has_parent(plan, change.before, fact):
                return fact
        return None

    def refers_only_to_itself(self, plan: TablePlan, image: Image) -> bool:
        """Tell whether no row but `image` itself refers to `image`: what the server says of a row that does.

        The row is locked first, and stays so: whoever wants to add a child then waits for our COMMIT.
        False also where not every foreign key can be seen, or rows cannot be told apart.
        """
        name = (plan.table.schema_name, plan.table.name)
        references = read_references(self.connection, self.flavor, name) if plan.table.primary_key else None
        if not any(_is_of(name, fact) for fact in references or ()):
            return False
        assert references is not None
        self.cursor.execute(f"{plan.build_now(image)} FOR UPDATE".encode())
        return not any(self._has_children(plan, image, fact) for fact in references)

    def count_written_rows(self) -> int:
        """Return how many rows this session has written so far, in every table: those that triggers wrote too."""
        self.cursor.execute(
            "SHOW SESSION STATUS WHERE Variable_name IN ('Handler_delete', 'Handler_update', 'Handler_write')"
        )
        return sum(int(value) for _, value in self.cursor.fetchall())

    def find_orphan(self, names: Iterable[TableName]) -> str | None:
        """Return, for people, a foreign key from or to `names` that has child rows without a parent; None when all fit.

        For sessions without foreign_key_checks, at the end of their transaction.
        """
        for key in self._read_foreign_keys(list(names)):
            pairs = [(f"c.{quote_identifier(c)}", f"p.{quote_identifier(p)}") for c, p in key.columns]
            joined = " AND ".join(f"{child}={parent}" for child, parent in pairs)
            present = " AND ".join(f"{child} IS NOT NULL" for child, _ in pairs)
            self.cursor.execute(
                f"SELECT 1 FROM {_quote(key.child)} c LEFT JOIN {_quote(key.parent)} p ON {joined}"
                f" WHERE {present} AND {pairs[0][1]} IS NULL LIMIT 1".encode()
            )
            if self.cursor.fetchone() is not None:
                return f"{'.'.join(key.child)} (foreign key {key.name} to {'.'.join(key.parent)})"
        return None

    def lock_parents(self, plan: TablePlan, image: Image) -> None:
        """Lock the rows that `image`, which was put back unchecked, refers to, as far as they are there.

        Whoever deletes one of them just now is waited for, and find_orphan sees what he did; who comes later waits.
        """
        name = (plan.table.schema_name, plan.table.name)
        if name not in self._parents:
            self._parents[name] = [key for key in self._read_foreign_keys([name]) if _is_same(key.child, name)]
        places = {column.name.casefold(): index for index, column in enumerate(plan.table.columns)}
        for key in self._parents[name]:
            indexes = [places.get(child.casefold()) for child, _ in key.columns]
            conditions = []
            for index, (_, parent) in zip(indexes, key.columns, strict=True):
                value = None if index is None else image[index]
                if index is not None and isinstance(value, str):
                    conditions.append(plan.codecs[index].key_equals(quote_identifier(parent), value))
            question = f"SELECT 1 FROM {_quote(key.parent)} WHERE {' AND '.join(conditions)} LOCK IN SHARE MODE"
            if len(conditions) < len(key.columns) or question in self._locked:
                continue  # NULL refers to nothing
            if len(self._locked) >= MOST_REMEMBERED:
                self._locked.clear()
            self._locked.add(question)
            self.cursor.execute(question.encode())
            self.cursor.fetchall()

    def _require_transactional(self, name: TableName) -> None:
        self.cursor.execute(
            "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s", name
        )
        row = self.cursor.fetchone()
        found = "no such table" if row is None else f"engine {row[0]}"
        if row is None or str(row[0]).lower() not in TRANSACTIONAL_ENGINES:
            raise RestoreError(
                f"{name[0]}.{name[1]}: found {found}. Needed: a table with transactions, so that a rollback is whole or"
                " not at all. Nothing was changed. The stored rollback statements can be run by hand."
            )

    def _read_trigger_events(self, name: TableName) -> frozenset[str]:
        self.cursor.execute(
            "SELECT DISTINCT EVENT_MANIPULATION FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = %s"
            " AND EVENT_OBJECT_TABLE = %s",
            name,
        )
        return frozenset(event for (event,) in self.cursor.fetchall())

    def _has_children(self, plan: TablePlan, image: Image, fact: CascadeFact) -> bool:
        """Tell whether rows refer to `image` by the foreign key `fact`; the row itself does not count."""
        places = {column.name.casefold(): index for index, column in enumerate(plan.table.columns)}
        conditions = []
        for child, parent in zip(fact.columns, fact.parent_columns, strict=True):
            index = places.get(parent.casefold())
            value = None if index is None else image[index]
            if index is None or value is ABSENT:
                return True  # as far as can be told
            if not isinstance(value, str):
                return False  # NULL is referred to by nobody
            conditions.append(plan.codecs[index].key_equals(quote_identifier(child), value))
        if plan.table.primary_key and _is_of((plan.table.schema_name, plan.table.name), fact):
            conditions.append(f"NOT ({' AND '.join(plan.build_key_conditions(image))})")
        child_name = _quote((fact.schema_name, fact.table_name))
        self.cursor.execute(f"SELECT 1 FROM {child_name} WHERE {' AND '.join(conditions)} LIMIT 1".encode())
        return self.cursor.fetchone() is not None

    def _has_parent(self, plan: TablePlan, image: Image, fact: CascadeFact) -> bool:
        """Tell whether some row has the values of `image` that the foreign key `fact` refers to."""
        places = {column.name.casefold(): index for index, column in enumerate(plan.table.columns)}
        conditions = []
        for parent in fact.parent_columns:
            index = places.get(parent.casefold())
            value = None if index is None else image[index]
            if index is None or not isinstance(value, str):
                return False
            conditions.append(plan.codecs[index].key_equals(quote_identifier(parent), value))
        name = _quote((plan.table.schema_name, plan.table.name))
        self.cursor.execute(f"SELECT 1 FROM {name} WHERE {' AND '.join(conditions)} LIMIT 1".encode())
        return self.cursor.fetchone() is not None

    def _read_foreign_keys(self, names: Sequence[TableName]) -> list[_ForeignKey]:
        if not names:
            return []
        marks = ", ".join("(%s, %s)" for _ in names)
        values = [part for name in names for part in name]
        self.cursor.execute(
            "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME,"
            " COLUMN_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE"
            f" WHERE REFERENCED_TABLE_NAME IS NOT NULL AND ((TABLE_SCHEMA, TABLE_NAME) IN ({marks})"
            f" OR (REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME) IN ({marks}))"
            " ORDER BY TABLE_SCHEMA, CONSTRAINT_NAME, ORDINAL_POSITION",
            (*values, *values),
        )
        found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for *key, column, parent in self.cursor.fetchall():
            found.setdefault(tuple(key), []).append((column, parent))
        return [
            _ForeignKey(name, (schema, table), (parent_schema, parent_table), tuple(columns))
            for (schema, table, name, parent_schema, parent_table), columns in found.items()
        ]


@dataclass(frozen=True, slots=True)
class _ForeignKey:
    """columns: (child's, parent's) pairs."""

    name: str
    child: TableName
    parent: TableName
    columns: tuple[tuple[str, str], ...]


def _is_of(name: TableName, fact: CascadeFact) -> bool:
    """Tell whether a foreign key is of the table `name`."""
    return _is_same(name, (fact.schema_name, fact.table_name))


def _is_same(one: TableName, other: TableName) -> bool:
    """Tell whether two names are one table's; they differ in case on some servers only."""
    return (one[0].casefold(), one[1].casefold()) == (other[0].casefold(), other[1].casefold())


def _quote(name: TableName) -> str:
    return f"{quote_identifier(name[0])}.{quote_identifier(name[1])}"
