"""What foreign keys did to rows, read from the events of shadows: which row changes count, and which are told twice.

In the transaction come first the copies into the shadows (the rows as they were), then the statement's own changes of
the tables, then what makes the shadows equal to them (the rows as they are). What the shadows say of a row and its own
changes do not explain was done by a foreign key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backups.binlog.rows import ABSENT, Image, RowChange, Table, Value
from backups.binlog.snapshots import CascadeFact
from backups.rollback.accounting import acts_on
from backups.rollback.literals import fold_name

TableName = tuple[str, str]
Key = tuple[Value, ...]


def key_of(table: Table, image: Image) -> Key:
    return tuple(image[index] for index in table.primary_key)


def _digest(table: Table, image: Image) -> bytes:
    """Stands for all columns of a row that are not generated."""
    hashed = hashlib.blake2b(digest_size=16)
    for column, value in zip(table.columns, image, strict=True):
        if not column.generated:
            text = "" if value is None else "absent" if value is ABSENT else f"'{value}"
            hashed.update(f"{len(text)}:{text}".encode())
    return hashed.digest()


@dataclass(slots=True)
class _Rows:
    """The rows of one table. before: as they were copied; own: as its own changes leave them; after: by its shadow.

    A row that is gone is None. broken: rows that its own changes met otherwise than they had left them.
    """

    before: dict[Key, bytes] = field(default_factory=dict)
    own: dict[Key, bytes | None] = field(default_factory=dict)
    after: dict[Key, bytes | None] = field(default_factory=dict)
    moved: set[Key] = field(default_factory=set)
    broken: set[Key] = field(default_factory=set)
    made_at: dict[Key, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableRows:
    """Which changes of one table count. taken: keys whose change the shadow tells. left_out: keys whose own changes
    do not count, since a foreign key changed the row before them or after.
    """

    taken: frozenset[Key] = frozenset()
    left_out: frozenset[Key] = frozenset()


@dataclass(slots=True)
class ShadowSurvey:
    """Takes every change of the transaction in order; then result() says which count.

    cascades: the foreign keys whose tables have shadows.
    """

    cascades: Iterable[CascadeFact]
    failure: str = ""
    _rows: dict[TableName, _Rows] = field(default_factory=dict)
    _tables: dict[TableName, Table] = field(default_factory=dict)
    _acted_at: dict[TableName, int] = field(default_factory=dict)
    _referred: set[tuple[CascadeFact, Key]] = field(default_factory=set)
    _count: int = 0

    def add_shadow(self, table: Table, change: RowChange) -> None:
        """Take a change of the shadow of `table`."""
        rows = self._of(table)
        if change.before is None:
            assert change.after is not None
            rows.before[key_of(table, change.after)] = _digest(table, change.after)
            self._referred |= {(cascade, _refer(cascade, table, change.after)) for cascade in self._cascades_of(table)}
            return
        rows.after[key_of(table, change.before)] = None
        if change.after is not None:
            rows.after[key_of(table, change.after)] = _digest(table, change.after)

    def add_own(self, table: Table, change: RowChange) -> None:
        """Take a change that the statement, or a trigger, made to `table`, which has a shadow."""
        rows = self._of(table)
        self._count += 1
        if change.before is not None:
            key, digest = key_of(table, change.before), _digest(table, change.before)
            if key not in rows.before and key not in rows.own:
                self._fail(table, key)
            elif key in rows.own:
                self._check_referred(table, change)
            elif rows.own.get(key, rows.before.get(key)) != digest:
                rows.broken.add(key)
            rows.own[key] = None
            rows.made_at.pop(key, None)
            self._note_acts(table, change)
        if change.after is not None:
            key = key_of(table, change.after)
            if key not in rows.before:
                rows.made_at[key] = self._count
            rows.own[key] = _digest(table, change.after)
            if change.before is not None and key_of(table, change.before) != key:
                rows.moved |= {key, key_of(table, change.before)}

    def result(self) -> Mapping[TableName, TableRows]:
        """Return which changes count, per table; `failure` says in words why that cannot be said."""
        return {name: self._judge(self._tables[name], rows) for name, rows in self._rows.items()}

    def _judge(self, table: Table, rows: _Rows) -> TableRows:
        taken, left_out = set(), set()
        for key, digest in rows.before.items():
            is_now = rows.after.get(key, digest)
            if key not in rows.own:
                if is_now != digest:
                    taken.add(key)
                continue
            if key not in rows.broken and rows.own[key] == is_now:
                continue
            if key in rows.moved:
                self._fail_moved(table, key)
            left_out.add(key)
            if is_now != digest:
                taken.add(key)
        latest = self._acted_at.get((table.schema_name, table.name), 0)
        for key, at in rows.made_at.items():
            if at < latest or key in rows.broken:
                self._fail_moved(table, key)
        return TableRows(frozenset(taken), frozenset(left_out))

    def _of(self, table: Table) -> _Rows:
        name = (table.schema_name, table.name)
        self._tables[name] = table
        return self._rows.setdefault(name, _Rows())

    def _cascades_of(self, table: Table) -> list[CascadeFact]:
        name = (table.schema_name, table.name)
        return [cascade for cascade in self.cascades if (cascade.parent_schema, cascade.parent_table) == name]

    def _check_referred(self, table: Table, change: RowChange) -> None:
        """Look that values which the statement itself gave a row, and takes from it again, had been followed.

        Rows can refer to a parent that is not there (after a load); they go with one that is just made.
        """
        assert change.before is not None
        for cascade in self._cascades_of(table):
            referred = _refer(cascade, table, change.before)
            if None in referred or not acts_on(cascade, table, change) or (cascade, referred) in self._referred:
                continue
            child = f"{cascade.schema_name}.{cascade.table_name}"
            self.failure = self.failure or (
                f"a row of {table.schema_name}.{table.name} got values ({_show(referred)}) from the statement and lost"
                f" them to it, and rows of {child} may have referred to them already."
                " Needed: each row changed once. Give each row in a statement of its own."
            )

    def _note_acts(self, table: Table, change: RowChange) -> None:
        """Remember when a foreign key last changed, perhaps, rows of each table behind it."""
        reached = [cascade for cascade in self._cascades_of(table) if acts_on(cascade, table, change)]
        seen: set[TableName] = set()
        while reached:
            child = (reached[0].schema_name, reached.pop(0).table_name)
            if child not in seen:
                seen.add(child)
                self._acted_at[child] = self._count
                reached += [one for one in self.cascades if (one.parent_schema, one.parent_table) == child]

    def _fail(self, table: Table, key: Key) -> None:
        self.failure = self.failure or (
            f"a row of {table.schema_name}.{table.name} (key {_show(key)}) was changed that had not been kept before"
            " the statement, so what foreign keys did because of it is not known. Needed: the rows that the statement"
            " changes are those that its own words found just before."
        )

    def _fail_moved(self, table: Table, key: Key) -> None:
        self.failure = self.failure or (
            f"a row of {table.schema_name}.{table.name} (key {_show(key)}) was changed both by the statement, which"
            " made it or gave it another key, and by a foreign key. Needed: one of the two. Change the key in a"
            " statement of its own."
        )


def _refer(cascade: CascadeFact, table: Table, image: Image) -> Key:
    """Return the values of a row of the parent that children refer to."""
    places = {fold_name(column.name): index for index, column in enumerate(table.columns)}
    return tuple(image[places[fold_name(column)]] for column in cascade.parent_columns)


def _show(key: Key) -> str:
    return ", ".join("NULL" if value is None else str(value) for value in key)[:100]


def is_told_by_shadow(rows: TableRows, table: Table, change: RowChange) -> bool:
    """Whether a change of a shadow counts as one of its table."""
    return change.before is not None and key_of(table, change.before) in rows.taken


def is_own(rows: TableRows, table: Table, change: RowChange) -> bool:
    """Whether the statement's own change of a table counts; its before and after image have one key if it does not."""
    image = change.before if change.before is not None else change.after
    assert image is not None
    return key_of(table, image) not in rows.left_out
