"""Keep rows that foreign keys change, around one statement: shadows made before its transaction, filled in it before
the statement, made equal to their tables after it, and dropped when all is over."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import MySQLdb

from backups import faults
from backups.binlog.flavor import Flavor
from backups.binlog.snapshots import Snapshot
from backups.errors import BackupError
from backups.rollback.children import Shadow, ShadowTexts, TableName, name_shadows
from backups.rollback.literals import quote_identifier
from backups.rollback_session import SQL_MODE
from backups.snapshot import read_cascades
from changes.child_plan import ChildPlan
from changes.fragile_values import STRICT_MODES
from changes.targets import read_rows

_STRICT = STRICT_MODES | {"NO_ZERO_DATE", "NO_ZERO_IN_DATE", "PAD_CHAR_TO_FULL_LENGTH"}


class ChildrenError(BackupError):
    """Rows that foreign keys change cannot be kept; the transaction is aborted, and nothing was changed."""


def to_record(plan: ChildPlan, kept_schema: str) -> dict[str, Any]:
    """Return what a statement's record says of its shadows, before they are made."""
    shadows = name_shadows(plan.reach.tables, kept_schema, plan.reach.parents[0] if plan.incoming else None)
    return {
        "schema": kept_schema,
        "shadows": [[one.shadow_table, one.schema_name, one.table_name, one.is_incoming] for one in shadows],
        "foreign_keys": [[edge.schema_name, edge.table_name, edge.constraint] for edge in plan.reach.edges],
        "is_dropped": False,
    }


def from_record(entry: Mapping[str, Any]) -> tuple[Shadow, ...]:
    """Return the shadows of a statement's record; () when it has none."""
    return tuple(
        Shadow(schema, table, entry["schema"], name, is_incoming=incoming)
        for name, schema, table, incoming in entry.get("shadows", ())
    )


def followed_keys(entry: Mapping[str, Any]) -> frozenset[tuple[str, str, str]]:
    """Return (schema, table, constraint) of the foreign keys that a statement's record says were followed."""
    return frozenset((schema, table, constraint) for schema, table, constraint in entry.get("foreign_keys", ()))


def create(connection: Any, flavor: Flavor, shadows: Sequence[Shadow], snapshot: Snapshot) -> None:
    """Make the shadows: empty, without foreign keys, and without other indexes than their key. Raises MySQLdb.Error."""
    with _lenient(connection, flavor):
        read_rows(connection, f"CREATE DATABASE {quote_identifier(shadows[0].shadow_schema)}")
        for shadow in shadows:
            read_rows(connection, f"CREATE TABLE {shadow.shadow_name} LIKE {shadow.name}")
            # Values that change places would meet in a unique index on the way.
            if changes := list(_list_changes(connection, shadow, snapshot)):
                read_rows(connection, f"ALTER TABLE {shadow.shadow_name} {', '.join(changes)}")


def _list_changes(connection: Any, shadow: Shadow, snapshot: Snapshot) -> Iterator[str]:
    """Yield what takes away the indexes that are neither the table's key nor needed by its AUTO_INCREMENT column.

    Of a shadow for rows that come in all go, since these may have a key twice.
    """
    table = snapshot.find_table(*shadow.table)
    assert table is not None
    key = [table.columns[index].name for index in table.primary_key]
    counting = ""
    question = (
        "SELECT s.INDEX_NAME, s.COLUMN_NAME, c.EXTRA FROM information_schema.STATISTICS s"
        " LEFT JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME"
        " AND c.COLUMN_NAME = s.COLUMN_NAME WHERE s.TABLE_SCHEMA = %s AND s.TABLE_NAME = %s"
        " ORDER BY s.INDEX_NAME, s.SEQ_IN_INDEX"
    )
    indexes: dict[str, list[tuple[str, bool]]] = {}
    for index, column, extra in read_rows(connection, question, shadow.shadow):
        indexes.setdefault(index, []).append((column, "auto_increment" in (extra or "").lower()))
    for index, columns in indexes.items():
        counts_up = columns[0][1] and columns[0][0] != (indexes.get("PRIMARY") or [("", False)])[0][0]
        counting = next((column for column, counts in columns if counts), counting)
        is_needed = index == "PRIMARY" or [column for column, _ in columns] == key or counts_up
        if shadow.is_incoming or not is_needed:
            yield "DROP PRIMARY KEY" if index == "PRIMARY" else f"DROP INDEX {quote_identifier(index)}"
    if shadow.is_incoming and counting:
        yield f"ADD KEY ({quote_identifier(counting)})"


def drop(connection: Any, entry: Mapping[str, Any]) -> None:
    """Drop the shadows of a statement's record, as far as they are there. Raises MySQLdb.Error."""
    read_rows(connection, f"DROP DATABASE IF EXISTS {quote_identifier(entry['schema'])}")


@contextmanager
def _lenient(connection: Any, flavor: Flavor, *, keeps_mode: bool = False) -> Iterator[None]:
    """Let the session store every value that a table can hold; put its settings back after.

    LAST_INSERT_ID() is among them: rows that come in may take a number of their own in the shadow, and the author's
    words are about that of his statement before.
    keeps_mode: only what would refuse values is left out of the session's own sql_mode: the words of an author mean
    what they mean to his statement.
    """
    names = ["last_insert_id", "sql_mode", "sql_safe_updates"]
    names += ["check_constraint_checks"] if flavor.is_mariadb else []
    (before,) = read_rows(connection, f"SELECT {', '.join(f'@@SESSION.{name}' for name in names)}")
    mode = SQL_MODE
    if keeps_mode:
        own = [word for word in str(before[1]).split(",") if word and word not in _STRICT]
        mode = ",".join([*own, "NO_AUTO_VALUE_ON_ZERO", "ALLOW_INVALID_DATES"])
    _set(connection, dict(zip(names[1:], [mode, 0, 0], strict=False)))
    try:
        yield
    except BaseException:
        with contextlib.suppress(MySQLdb.Error):
            _set(connection, dict(zip(names, before, strict=True)))
        raise
    _set(connection, dict(zip(names, before, strict=True)))


def _set(connection: Any, values: Mapping[str, Any]) -> None:
    pairs = ", ".join(f"SESSION {name} = %s" for name in values)
    read_rows(connection, f"SET {pairs}", tuple(values.values()))


@dataclass(slots=True)
class Keeper:
    """Keeps the rows of one statement, in its transaction. marker: what the statement begins with."""

    connection: Any
    flavor: Flavor
    marker: str
    plan: ChildPlan
    shadows: Sequence[Shadow]
    snapshot: Snapshot
    most_rows: int
    filled: dict[TableName, int] = field(default_factory=dict)

    def fill(self) -> None:
        """Copy every row that the statement can reach, and lock it. Raises ChildrenError, MySQLdb.Error."""
        self.filled = dict.fromkeys(self.plan.reach.tables, 0)
        texts = ShadowTexts(self.snapshot, self.shadows)
        with _lenient(self.connection, self.flavor, keeps_mode=True):
            if self.plan.incoming:
                self._match(texts)
            for parent in self.plan.reach.parents if not self.plan.incoming else ():
                limit = None if parent in self.plan.limited else self._left() + 1
                self._add(parent, texts.build_fill(parent, self.plan.sources[parent], limit))
        with _lenient(self.connection, self.flavor):
            self._follow_keys(texts)
        self._require_same_keys()
        faults.point("children_kept")

    def _match(self, texts: ShadowTexts) -> None:
        """Copy the rows that have a unique key of a row that the statement gives."""
        incoming = next(shadow for shadow in self.shadows if shadow.is_incoming)
        self._send(f"INSERT INTO {incoming.shadow_name} {self.plan.incoming}")
        for key in self.plan.unique_keys:
            self._add(incoming.table, texts.build_match(incoming, key, self._left() + 1))

    def _require_same_keys(self) -> None:
        """Raise ChildrenError when foreign keys are others than were followed; from here on none can be added."""
        tables = set(self.plan.reach.tables)
        known = {edge for edge in self.snapshot.cascades if (edge.parent_schema, edge.parent_table) in tables}
        if set(read_cascades(self.connection, self.flavor, self.plan.reach.tables)) != known:
            raise ChildrenError(
                "It was not sent: foreign keys were added or dropped since its tables were looked at. Run it again."
            )

    def _follow_keys(self, texts: ShadowTexts) -> None:
        """Go along the foreign keys until nothing new is found; they may lead in circles."""
        looked: dict[int, int] = {}
        is_new = True
        while is_new:
            is_new = False
            for number, edge in enumerate(self.plan.reach.edges):
                parent, child = (edge.parent_schema, edge.parent_table), (edge.schema_name, edge.table_name)
                if looked.get(number, 0) == self.filled[parent]:
                    continue
                looked[number] = self.filled[parent]
                is_first = not self.filled[child]
                self._add(child, texts.build_follow(edge, self._left() + 1, is_first=is_first))
                is_new = True

    def sync(self, affected_rows: int | None) -> None:
        """Make the copies equal to what the rows are now. Raises ChildrenError, MySQLdb.Error.

        affected_rows: of the statement, as the server counts.
        """
        texts = ShadowTexts(self.snapshot, self.shadows)
        deleted: dict[TableName, int] = {}
        with _lenient(self.connection, self.flavor):
            for shadow in self.shadows:
                if shadow.is_incoming:
                    continue
                deleted[shadow.table] = self._send(texts.build_delete(shadow))
                self._send(texts.build_update(shadow))
        self._check(affected_rows or 0, deleted)
        faults.point("children_followed")

    def _check(self, affected_rows: int, deleted: Mapping[TableName, int]) -> None:
        """Raise ChildrenError when the statement changed rows that were not kept before it."""
        for parent in self.plan.counted:
            deletes = self.plan.deletes
            found = deleted[parent] if deletes else self.filled[parent]
            if found < affected_rows or (deletes and parent not in self.plan.reach.children and found > affected_rows):
                raise ChildrenError(
                    f"Nothing was changed: the statement found {affected_rows:,} rows of {'.'.join(parent)}, and"
                    f" {found:,} had been kept before it. Needed: the same rows. Others write to the table, or its"
                    " words do not mean the same rows twice. Run it again."
                )

    def _left(self) -> int:
        return self.most_rows - sum(self.filled.values())

    def _add(self, table: TableName, sql: str) -> None:
        self.filled[table] += self._send(sql)
        if self._left() < 0:
            raise ChildrenError(
                f"It was not sent: more than {self.most_rows:,} rows would have to be kept of"
                f" {', '.join('.'.join(name) for name in self.plan.reach.tables)}, which foreign keys change. Change"
                " fewer rows at a time, or let an administrator raise the limit of the target."
            )

    def _send(self, sql: str) -> int:
        """Run one statement of our own behind the marker, and return how many rows it changed."""
        self.connection.query(f"{self.marker}{sql}".encode())
        return int(self.connection.affected_rows())
