"""What the tables of a ticket must be like, and what an approver has to know about them. Facts in, problems out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from backups.binlog.charsets import CHARSETS
from backups.binlog.rows import Column, Table
from backups.binlog.snapshots import CascadeFact, Snapshot
from backups.rollback.column_types import GEOMETRIES
from changes.kinds import StatementKind
from changes.problems import Problem, Severity
from changes.server_facts import ServerFacts
from changes.table_facts import TableFacts, TableName

_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_BINARIES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_NUMBERS = frozenset({"decimal", "float", "double", "bit", "enum", "set"})
_TIMES = frozenset({"year", "date", "datetime", "time", "timestamp"})
_ADDRESSES = frozenset({"uuid", "inet6", "inet4"})
SUPPORTED_TYPES = (
    _INTEGERS | _TEXTS | _BINARIES | _NUMBERS | _TIMES | GEOMETRIES | _ADDRESSES | {"geometry", "vector", "json"}
)
"""What backups.binlog.codecs can decode; a test holds the two together."""

_K = StatementKind
_PRIVILEGES = {
    _K.INSERT: ("INSERT",),
    _K.REPLACE: ("INSERT", "DELETE"),
    _K.UPDATE: ("UPDATE", "SELECT"),
    _K.DELETE: ("DELETE", "SELECT"),
    _K.CREATE_TABLE: ("CREATE",),
    _K.ALTER_TABLE: ("ALTER",),
    _K.DROP_TABLE: ("DROP",),
    _K.RENAME_TABLE: ("ALTER", "DROP"),
    _K.TRUNCATE_TABLE: ("DROP",),
    _K.CREATE_INDEX: ("INDEX",),
    _K.DROP_INDEX: ("INDEX",),
    _K.CREATE_VIEW: ("CREATE VIEW",),
    _K.ALTER_VIEW: ("CREATE VIEW", "DROP"),
    _K.DROP_VIEW: ("DROP",),
}
# Of a table that goes to another schema, and of its place there.
_LEAVING, _ARRIVING = ("ALTER", "DROP"), ("CREATE", "INSERT")
_MAKES = frozenset({_K.CREATE_TABLE, _K.CREATE_VIEW})
_DROPS = frozenset({_K.DROP_TABLE, _K.DROP_VIEW})
# REPLACE deletes before it inserts; INSERT … ON DUPLICATE KEY UPDATE updates.
_EVENTS = {
    _K.INSERT: {"INSERT", "UPDATE"},
    _K.REPLACE: {"INSERT", "DELETE"},
    _K.UPDATE: {"UPDATE"},
    _K.DELETE: {"DELETE"},
}
_OWN_NAME = re.compile(r"\$_\$.*\$_\$", re.DOTALL)
_TOLERANT = re.compile(r"\bIF\s+(?:NOT\s+)?EXISTS\b|\bOR\s+REPLACE\b", re.IGNORECASE)


class NamesTables(Protocol):
    """The part of a statement that is looked at here. written, read: (schema or None, table)."""

    @property
    def number(self) -> int: ...
    @property
    def text(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def kind(self) -> StatementKind: ...
    @property
    def schema_name(self) -> str | None: ...
    @property
    def table_name(self) -> str | None: ...
    @property
    def written(self) -> Sequence[tuple[str | None, str]]: ...
    @property
    def read(self) -> Sequence[tuple[str | None, str]]: ...
    @property
    def renames(self) -> Sequence[tuple[tuple[str | None, str], tuple[str | None, str]]]: ...


def list_tables(statements: Iterable[NamesTables], schema_name: str) -> list[TableName]:
    """Return every table the statements name, once, in the order of their first mention."""
    return list(dict.fromkeys(name for statement in statements for name in _names_of(statement, schema_name)))


def check_tables(
    statements: Iterable[NamesTables],
    *,
    schema_name: str,
    tables: Sequence[TableFacts],
    snapshot: Snapshot,
    server: ServerFacts,
    backup: bool = True,
) -> list[Problem]:
    """Return the problems of the tables that the ticket's statements name.

    schema_name: the ticket's, for names without one.
    tables: the facts of `list_tables`, in that order. snapshot: of the whole ticket's text.
    A table that an earlier statement makes counts as existing from there on, one that is dropped as gone.
    """
    statements = list(statements)
    names = list_tables(statements, schema_name)
    facts = dict(zip(names, tables, strict=True))
    present = {name: fact.exists for name, fact in facts.items()}
    found: list[Problem] = []
    for statement in statements:
        check_one = _Check(statement, schema_name, facts, present, snapshot, server)
        found += check_one.existence()
        found += check_one.privileges()
        if backup and statement.kind.is_row_change:
            found += check_one.protection()
        check_one.remember()
    return _once(found)


def _names_of(statement: NamesTables, schema_name: str) -> list[TableName]:
    """Return the statement's tables, the one its backup is filed under first."""
    if statement.kind.is_of_database:
        return []
    own = [] if statement.table_name is None else [(statement.schema_name, statement.table_name)]
    names = (*own, *statement.written, *statement.read)
    return list(dict.fromkeys((schema or schema_name, table) for schema, table in names))


def _once(problems: Iterable[Problem]) -> list[Problem]:
    """Drop what was said of an earlier statement in the same words."""
    seen: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.id, problem.found), problem)
    return list(seen.values())


@dataclass(frozen=True, slots=True)
class _Check:
    """One statement and what is known when its turn comes."""

    statement: NamesTables
    schema_name: str
    facts: dict[TableName, TableFacts]
    present: dict[TableName, bool]
    snapshot: Snapshot
    server: ServerFacts

    @property
    def names(self) -> list[TableName]:
        return _names_of(self.statement, self.schema_name)

    @property
    def written(self) -> list[TableName]:
        return [(schema or self.schema_name, table) for schema, table in self.statement.written]

    def problem(self, severity: Severity, name: str, found: str, needed: str, how: str) -> Problem:
        return Problem(f"table.{name}", severity, found, needed, how, self.statement.number, self.statement.line)

    @property
    def renames(self) -> list[tuple[TableName, TableName]]:
        return [
            ((old[0] or self.schema_name, old[1]), (new[0] or self.schema_name, new[1]))
            for old, new in self.statement.renames
        ]

    def existence(self) -> Iterator[Problem]:
        kind, tolerant = self.statement.kind, bool(_TOLERANT.search(self.statement.text))
        yield from (self._own_name(".".join(name)) for name in self.names if _OWN_NAME.fullmatch(name[1]))
        if self.renames:
            yield from self._rename_in(dict(self.present), tolerant=tolerant)
            return
        for position, (schema, table) in enumerate(self.names):
            label, exists = f"{schema}.{table}", self.present[schema, table]
            if kind in _MAKES and position == 0:
                if exists and not tolerant:
                    yield self._already_there(label)
            elif not exists and not tolerant and (position == 0 or kind.is_row_change or kind in _DROPS):
                yield self._unknown(label)

    def _rename_in(self, present: dict[TableName, bool], *, tolerant: bool = True) -> Iterator[Problem]:
        """Carry out the renames on `present`, pair by pair as the server does: a swap over a third name is fine."""
        for old, new in self.renames:
            if not present[old] and not tolerant:
                yield self._unknown(".".join(old))
            if present[new] and not tolerant:
                yield self._already_there(".".join(new))
            present[old], present[new] = False, True

    def remember(self) -> None:
        """Carry on what the statement makes, drops and renames."""
        kind = self.statement.kind
        list(self._rename_in(self.present))
        for position, name in enumerate(self.names):
            if kind in _DROPS:
                self.present[name] = False
            elif kind in _MAKES and position == 0:
                self.present[name] = True

    def privileges(self) -> Iterator[Problem]:
        needed = [(name, privilege) for name in self.written for privilege in _PRIVILEGES.get(self.statement.kind, ())]
        for old, new in self.renames:
            if old[0] != new[0]:
                needed += [(old, right) for right in _LEAVING] + [(new, right) for right in _ARRIVING]
        for (schema, table), privilege in dict.fromkeys(needed):
            if not self.server.grants.has_privilege(privilege, schema, table):
                yield self.problem(
                    "error",
                    "privilege",
                    f"The account {self.server.account} may not run {self.statement.kind} on {schema}.{table}.",
                    f"The privilege {privilege} on the table or its schema.",
                    f"Let an administrator GRANT {privilege} ON `{schema}`.* to this account.",
                )

    def protection(self) -> Iterator[Problem]:
        """What speaks against putting back every row that the statement changes."""
        for name in self.written:
            fact = self.facts.get(name)
            if fact is not None and fact.exists and not fact.transactional:
                yield self._not_transactional(fact)
            if fact is not None and fact.exists and fact.kind == "SYSTEM VERSIONED":
                yield self._versioned(fact)
            table = self.snapshot.find_table(fact.schema_name, fact.name) if fact else None
            if table is not None:
                yield from self._columns(table)
                yield from self._triggers(table)
                yield from self._cascades(table)
                if not table.primary_key:
                    yield self._no_key(table)

    def _columns(self, table: Table) -> Iterator[Problem]:
        unknown = [column for column in table.columns if not supports(column)]
        if unknown:
            names = ", ".join(f"{column.name} {_describe(column)}" for column in unknown)
            yield self.problem(
                "warning",
                "column_type",
                f"{table.schema_name}.{table.name} has columns that cannot be read from the binlog yet: {names}.",
                "Types and character sets that are known.",
                "The statement can run, but its backup will be incomplete and it cannot be rolled back here.",
            )

    def _triggers(self, table: Table) -> Iterator[Problem]:
        events = _EVENTS[self.statement.kind]
        names = [
            f"{trigger.name} ({trigger.timing} {trigger.event})"
            for trigger in self.snapshot.triggers
            if (trigger.schema_name, trigger.table_name) == (table.schema_name, table.name) and trigger.event in events
        ]
        if names:
            yield self.problem(
                "warning",
                "triggers",
                f"{table.schema_name}.{table.name} has triggers that this statement can fire: {', '.join(names)}.",
                "Rows that triggers write are backed up too, but a rollback fires the triggers of the opposite change.",
                "Read what they do: a rollback stops, with nothing changed, where they change a restored row or write"
                " rows of their own.",
            )

    def _cascades(self, table: Table) -> Iterator[Problem]:
        if not self.server.logs_cascades:
            return  # changes.child_findings tells whether they can be kept
        events = frozenset(_EVENTS[self.statement.kind])
        children = _list_cascades(self.snapshot.cascades, (table.schema_name, table.name), events)
        if not children:
            return
        found = f"Changes of {table.schema_name}.{table.name} also change rows of other tables: {'; '.join(children)}."
        how = "Nothing to do: they are in the binlog of this server, so they are backed up."
        yield self.problem("notice", "cascade", found, "Knowing it.", how)

    def _own_name(self, label: str) -> Problem:
        return self.problem(
            "error",
            "own_name",
            f"{label} has a name of the form $_$…$_$.",
            "Another name: in a backup schema such names are the bookkeeping's.",
            "Rename the table, or change it without this tool.",
        )

    def _already_there(self, label: str) -> Problem:
        return self.problem(
            "error",
            "exists",
            f"{label} exists already.",
            "A name that is free.",
            "Choose another name, or write CREATE … IF NOT EXISTS if the table is as wanted.",
        )

    def _unknown(self, label: str) -> Problem:
        return self.problem(
            "error",
            "unknown",
            f"There is no table {label}, or the account {self.server.account} may not see it.",
            "A table that exists when the statement runs.",
            "Check its name, capital letters included, and the order of the statements.",
        )

    def _not_transactional(self, fact: TableFacts) -> Problem:
        return self.problem(
            "warning",
            "engine",
            f"{fact.label} is stored in {fact.engine}, which has no transactions.",
            "InnoDB: only there a rollback is applied whole or not at all. This table cannot be rolled back with one"
            " click; the stored statements can be run by hand. A statement that fails half way leaves its first rows.",
            f"ALTER TABLE {fact.label} ENGINE=InnoDB in a ticket of its own, or accept it.",
        )

    def _versioned(self, fact: TableFacts) -> Problem:
        return self.problem(
            "warning",
            "versioned",
            f"{fact.label} keeps its history itself (WITH SYSTEM VERSIONING).",
            "A table whose rows are all there is: history that a change adds is not taken away by a rollback.",
            "Accept it, or undo the change by hand.",
        )

    def _no_key(self, table: Table) -> Problem:
        return self.problem(
            "notice",
            "no_key",
            f"{table.schema_name}.{table.name} has no primary key and no unique key without NULL.",
            "A key, by which a rollback finds a row at once; without one it compares all columns.",
            "Expect the rollback of many rows to be slow, or add a primary key first.",
        )


_ACTIONS = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


def _list_cascades(cascades: Iterable[CascadeFact], parent: TableName, events: frozenset[str]) -> list[str]:
    """Describe every foreign key that acts when rows of `parent` meet `events`, their children's too."""
    by_parent: dict[TableName, list[CascadeFact]] = {}
    for cascade in cascades:
        by_parent.setdefault((cascade.parent_schema, cascade.parent_table), []).append(cascade)
    found: dict[str, None] = {}
    waiting, seen = [(parent, events)], set()
    while waiting:
        table, happening = waiting.pop()
        if (table, happening) in seen:
            continue
        seen.add((table, happening))
        for cascade in by_parent.get(table, ()):
            rules = {"DELETE": cascade.on_delete, "UPDATE": cascade.on_update}
            acts = {event: rules[event] for event in rules if event in happening and rules[event] in _ACTIONS}
            if not acts:
                continue
            child = (cascade.schema_name, cascade.table_name)
            said = ", ".join(f"ON {event} {action}" for event, action in acts.items())
            found[f"{'.'.join(child)} by {cascade.constraint} ({said})"] = None
            deletes = acts.get("DELETE") == "CASCADE"
            updates = set(acts.items()) - {("DELETE", "CASCADE")}
            next_events = ({"DELETE"} if deletes else set()) | ({"UPDATE"} if updates else set())
            waiting.append((child, frozenset(next_events)))
    return list(found)


def supports(column: Column) -> bool:
    """Whether values of the column can be read from the binlog."""
    if column.data_type not in SUPPORTED_TYPES:
        return False
    return column.data_type not in _TEXTS or column.charset in CHARSETS


def _describe(column: Column) -> str:
    known = column.data_type in SUPPORTED_TYPES and column.charset not in CHARSETS
    return f"{column.column_type} in {column.charset}" if known and column.charset else column.column_type
