"""Rows that foreign keys change where the server does not log that: which tables they are in, and how they are kept.

A *shadow* is an empty like of such a table, without its foreign keys. Inside the statement's transaction the rows that
can be reached are copied into the shadows before it, and each shadow is made equal to its table after it: the row
events of that are what the foreign keys did, written by the server itself. No value passes through this program.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from backups.binlog.rows import Column, Table
from backups.binlog.snapshots import CascadeFact, Snapshot
from backups.rollback.literals import fold_name, quote_identifier

TableName = tuple[str, str]

_ACTIONS = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


@dataclass(frozen=True, slots=True)
class Acts:
    """What a statement can do to rows of a table. deletes: take them away. assigned: columns that it can set, folded;
    None for any.
    """

    deletes: bool = False
    assigned: frozenset[str] | None = frozenset()

    def can_set(self, columns: Iterable[str]) -> bool:
        return self.assigned is None or any(fold_name(column) in self.assigned for column in columns)

    def joined(self, other: Acts) -> Acts:
        both = None if self.assigned is None or other.assigned is None else self.assigned | other.assigned
        return Acts(self.deletes or other.deletes, both)


@dataclass(frozen=True, slots=True)
class Reach:
    """The tables whose rows a statement's foreign keys can change, and those that they start from, parents first.

    edges: the foreign keys that can act. obstacle: why their rows cannot be kept, "" when they can.
    """

    parents: tuple[TableName, ...] = ()
    tables: tuple[TableName, ...] = ()
    edges: tuple[CascadeFact, ...] = ()
    obstacle: str = ""

    @property
    def children(self) -> tuple[TableName, ...]:
        """The tables that foreign keys change; a parent is one of them where rows of it refer to rows of it."""
        return tuple(dict.fromkeys(_child(edge) for edge in self.edges))


def find_reach(snapshot: Snapshot, acts: Mapping[TableName, Acts]) -> Reach:
    """Return what the foreign keys can change when a statement does `acts` to the tables that it writes."""
    by_parent: dict[TableName, list[CascadeFact]] = {}
    for cascade in snapshot.cascades:
        by_parent.setdefault(_parent(cascade), []).append(cascade)
    happening = dict(acts)
    edges: dict[CascadeFact, None] = {}
    waiting = list(acts)
    obstacle = ""
    while waiting:
        parent = waiting.pop(0)
        for edge in by_parent.get(parent, ()):
            caused = _cause(edge, happening[parent], snapshot.find_table(*parent))
            if caused is None:
                continue
            edges.setdefault(edge)
            child = _child(edge)
            obstacle = obstacle or _find_obstacle(edge, caused, snapshot.find_table(*child))
            obstacle = obstacle or _find_other_words(edge, snapshot.find_table(*parent), snapshot.find_table(*child))
            before = happening.get(child, Acts())
            if (after := before.joined(caused)) != before:
                happening[child] = after
                waiting.append(child)
    parents = tuple(name for name in acts if any(_parent(edge) == name for edge in edges))
    tables = tuple(dict.fromkeys([*parents, *(name for edge in edges for name in (_parent(edge), _child(edge)))]))
    for name in tables:
        obstacle = obstacle or _find_in_table(name, snapshot.find_table(*name))
    return Reach(parents, tables, tuple(edges), obstacle)


def _parent(edge: CascadeFact) -> TableName:
    return edge.parent_schema, edge.parent_table


def _child(edge: CascadeFact) -> TableName:
    return edge.schema_name, edge.table_name


def _cause(edge: CascadeFact, acts: Acts, parent: Table | None) -> Acts | None:
    """Return what a foreign key does to the child when `acts` happens to the parent; None for nothing."""
    deletes = acts.deletes and edge.on_delete == "CASCADE"
    empties = acts.deletes and edge.on_delete in _ACTIONS and not deletes
    follows = edge.on_update in _ACTIONS and (acts.can_set(edge.parent_columns) or _is_generated(edge, acts, parent))
    if not (deletes or empties or follows):
        return None
    sets = frozenset(map(fold_name, edge.columns)) if empties or follows else frozenset()
    return Acts(deletes, sets)


def _is_generated(edge: CascadeFact, acts: Acts, parent: Table | None) -> bool:
    """Whether a referenced column follows from others, of which the statement may set one."""
    if parent is None or acts.assigned == frozenset():
        return False
    names = set(map(fold_name, edge.parent_columns))
    return any(column.generated and fold_name(column.name) in names for column in parent.columns)


def _find_obstacle(edge: CascadeFact, caused: Acts, child: Table | None) -> str:
    if child is None or not caused.assigned or edge.on_update != "CASCADE":
        return ""
    key = {fold_name(child.columns[index].name) for index in child.primary_key}
    if not key.isdisjoint(caused.assigned):
        return f"{_label(_child(edge))} has the columns that {edge.constraint} would change in its primary key"
    return ""


def _find_other_words(edge: CascadeFact, parent: Table | None, child: Table | None) -> str:
    """A foreign key compares the numbers of an ENUM or SET, and a join its words, which can stand in another order."""
    for column, referred in zip(edge.columns, edge.parent_columns, strict=True):
        one, other = _find_column(child, column), _find_column(parent, referred)
        is_of_words = any(found is not None and found.data_type in ("enum", "set") for found in (one, other))
        if is_of_words and (one is None or other is None or one.column_type != other.column_type):
            tables = f"{_label(_child(edge))} and {_label(_parent(edge))}"
            return f"{tables} list other words in the columns of {edge.constraint}"
    return ""


def _find_column(table: Table | None, name: str) -> Column | None:
    columns = table.columns if table is not None else ()
    return next((column for column in columns if fold_name(column.name) == fold_name(name)), None)


def _find_in_table(name: TableName, table: Table | None) -> str:
    if table is None:
        return f"{_label(name)} cannot be seen by the account"
    if table.engine != "InnoDB":
        return f"{_label(name)} is of the engine {table.engine}"
    if not table.primary_key:
        return f"{_label(name)} has no primary key"
    return ""


def _label(name: TableName) -> str:
    return ".".join(name)


@dataclass(frozen=True, slots=True)
class Shadow:
    """An empty like of a table, in a schema of its own on the same server.

    is_incoming: it holds no copies, but rows that the statement gives, by which those that it will change are found.
    """

    schema_name: str
    table_name: str
    shadow_schema: str
    shadow_table: str
    is_incoming: bool = False

    @property
    def table(self) -> TableName:
        return self.schema_name, self.table_name

    @property
    def shadow(self) -> TableName:
        return self.shadow_schema, self.shadow_table

    @property
    def name(self) -> str:
        return _quote(self.table)

    @property
    def shadow_name(self) -> str:
        return _quote(self.shadow)


def name_shadows(
    tables: Sequence[TableName], shadow_schema: str, incoming: TableName | None = None
) -> tuple[Shadow, ...]:
    """incoming: the table that has one more, for rows that the statement gives."""
    shadows = tuple(Shadow(*name, shadow_schema, str(number)) for number, name in enumerate(tables))
    if incoming is None:
        return shadows
    return (*shadows, Shadow(*incoming, shadow_schema, "incoming", is_incoming=True))


@dataclass(frozen=True, slots=True)
class ShadowTexts:
    """The statements that fill shadows and make them equal to their tables again."""

    snapshot: Snapshot
    shadows: Sequence[Shadow]
    _of: dict[TableName, Shadow] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._of.update({shadow.table: shadow for shadow in self.shadows if not shadow.is_incoming})

    def build_fill(self, parent: TableName, source: str, limit: int | None) -> str:
        """Return what copies the rows that a statement can reach by itself.

        source: "FROM … WHERE …" in the words of its author. limit: None where the source has one.
        """
        columns = ", ".join(self._columns(parent))
        end = "" if limit is None else f"\nLIMIT {limit}"
        # A comment at the end of the source must not take the rest with it.
        return f"INSERT INTO {self._of[parent].shadow_name} ({columns}) SELECT {columns} {source}{end}\nFOR UPDATE"

    def build_match(self, incoming: Shadow, key: Sequence[str], limit: int) -> str:
        """Return what copies the rows that have a unique key of a row that comes in, as far as they are not yet."""
        shadow = self._of[incoming.table]
        columns, primary = self._columns(incoming.table), self._key(incoming.table)
        joined = _equal("i", "c", map(quote_identifier, key))
        return (
            f"INSERT INTO {shadow.shadow_name} ({', '.join(columns)})"
            f" SELECT DISTINCT {', '.join(f'c.{column}' for column in columns)}"
            f" FROM {incoming.shadow_name} i STRAIGHT_JOIN {shadow.name} c ON {joined}"
            f" LEFT JOIN {shadow.shadow_name} k ON {_equal('k', 'c', primary)}"
            f" WHERE k.{primary[0]} IS NULL LIMIT {limit} FOR UPDATE"
        )

    def build_follow(self, edge: CascadeFact, limit: int, *, is_first: bool) -> str:
        """Return what copies the children of rows that are copied already.

        is_first: none of the child is copied yet; else those that are get left out.
        """
        child, parent = self._of[_child(edge)], self._of[_parent(edge)]
        columns, key = self._columns(child.table), self._key(child.table)
        joined = " AND ".join(
            f"c.{quote_identifier(column)} = p.{quote_identifier(referred)}"
            for column, referred in zip(edge.columns, edge.parent_columns, strict=True)
        )
        others = f" LEFT JOIN {child.shadow_name} k ON {_equal('k', 'c', key)} WHERE k.{key[0]} IS NULL"
        # The order of the join by force: a plan that reads the child first would lock all of it.
        return (
            f"INSERT INTO {child.shadow_name} ({', '.join(columns)})"
            f" SELECT {'' if self._is_key(edge) else 'DISTINCT '}{', '.join(f'c.{column}' for column in columns)}"
            f" FROM {parent.shadow_name} p STRAIGHT_JOIN {child.name} c ON {joined}"
            f"{'' if is_first else others} LIMIT {limit} FOR UPDATE"
        )

    def build_delete(self, shadow: Shadow) -> str:
        """Return what deletes the copies of rows that are gone."""
        key = self._key(shadow.table)
        return (
            f"DELETE k FROM {shadow.shadow_name} k LEFT JOIN {shadow.name} c ON {_equal('k', 'c', key)}"
            f" WHERE c.{key[0]} IS NULL"
        )

    def build_update(self, shadow: Shadow) -> str:
        """Return what changes the copies of rows that are changed; an equal row makes no event."""
        key = self._key(shadow.table)
        # Every column by name: one that sets itself at an UPDATE would not be as in the table.
        pairs = ", ".join(f"k.{column} = c.{column}" for column in self._columns(shadow.table))
        return f"UPDATE {shadow.shadow_name} k JOIN {shadow.name} c ON {_equal('k', 'c', key)} SET {pairs}"

    def _table(self, name: TableName) -> Table:
        table = self.snapshot.find_table(*name)
        assert table is not None
        return table

    def _is_key(self, edge: CascadeFact) -> bool:
        """Whether the referenced columns are of one row only; a key that is not unique can be referred to."""
        parent = self._table(_parent(edge))
        referred = set(map(fold_name, edge.parent_columns))
        return referred >= {fold_name(parent.columns[index].name) for index in parent.primary_key}

    def _columns(self, name: TableName) -> list[str]:
        return [quote_identifier(column.name) for column in self._table(name).columns if not column.generated]

    def _key(self, name: TableName) -> list[str]:
        table = self._table(name)
        return [quote_identifier(table.columns[index].name) for index in table.primary_key]


def _equal(one: str, other: str, key: Iterable[str]) -> str:
    return " AND ".join(f"{one}.{column} = {other}.{column}" for column in key)


def _quote(name: TableName) -> str:
    return f"{quote_identifier(name[0])}.{quote_identifier(name[1])}"
