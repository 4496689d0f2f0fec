"""Triggers that name what a schema change takes away or renames: no server looks at them, and later rows fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from backups.snapshot import find_names
from changes.alter_clauses import AlterAction
from changes.problems import Problem
from changes.statements import Statement, StatementKind
from changes.targets import read_rows

_GONE = frozenset({AlterAction.DROP_COLUMN, AlterAction.RENAME_COLUMN})
_DROPS = frozenset({StatementKind.DROP_TABLE, StatementKind.DROP_VIEW})


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger. names: every word of its body, in small letters."""

    name: str
    event: str
    table: str
    names: frozenset[str]


def check(connection: Any, statements: Sequence[Statement], schema_name: str) -> list[Problem]:
    """Return a warning for each trigger that a statement leaves without something it names. Raises MySQLdb.Error.

    The account sees the triggers of the tables on which it has the right TRIGGER.
    """
    if all(statement.facts is None for statement in statements):
        return []
    look = _Look(read_triggers(connection, schema_name), schema_name)
    return [problem for statement in statements for problem in look.at(statement)]


def read_triggers(connection: Any, schema_name: str) -> list[Trigger]:
    rows = read_rows(
        connection,
        "SELECT TRIGGER_NAME, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_STATEMENT FROM information_schema.TRIGGERS"
        " WHERE TRIGGER_SCHEMA = %s ORDER BY TRIGGER_NAME",
        (schema_name,),
    )
    return [
        Trigger(name, event, table, frozenset(word.lower() for word in find_names(body, ansi_quotes=True)[0]))
        for name, event, table, body in rows
    ]


@dataclass(slots=True)
class _Look:
    """Statements one after the other. originals: what tables were called before the ticket, by their names so far."""

    triggers: Sequence[Trigger]
    schema_name: str
    originals: dict[str, str] = field(default_factory=dict)

    def at(self, statement: Statement) -> Iterator[Problem]:
        if statement.facts is None:
            return
        yield from self._columns(statement)
        yield from self._tables(statement)
        for (_, old), (_, new) in statement.renames:
            self.originals[new] = self.originals.pop(old, old)

    def _columns(self, statement: Statement) -> Iterator[Problem]:
        assert statement.facts is not None
        clauses = [clause for clause in statement.facts.clauses if clause.action in _GONE]
        gone = [clause.old or clause.name for clause in clauses if clause.old.lower() != clause.name.lower()]
        table = statement.facts.written[0].table if gone else ""
        for trigger in self.triggers:
            is_near = trigger.table == self.originals.get(table, table) or table.lower() in trigger.names
            if is_near and (used := [column for column in gone if column.lower() in trigger.names]):
                yield self._problem(statement, trigger, f"column {', '.join(used)} of {table}")

    def _tables(self, statement: Statement) -> Iterator[Problem]:
        assert statement.facts is not None
        news = {name for _, (_, name) in statement.renames}
        gone = [name for (schema, name), _ in statement.renames if schema in (None, self.schema_name)]
        if statement.kind in _DROPS:
            gone = [use.table for use in statement.facts.written]
        for name in dict.fromkeys(gone):
            for trigger in self.triggers if name not in news else ():
                # A trigger goes, or is renamed, with its own table.
                if name.lower() in trigger.names and trigger.table != self.originals.get(name, name):
                    yield self._problem(statement, trigger, f"the name {name}")

    def _problem(self, statement: Statement, trigger: Trigger, what: str) -> Problem:
        return Problem(
            "trigger.names",
            "warning",
            f"Statement {statement.number + 1} (line {statement.line}) takes {what} away, and the trigger"
            f" {trigger.name} may use it: each {trigger.event} of rows of {trigger.table} then fails.",
            "Triggers that name what is there: a schema change does not change them, and neither does its rollback.",
            "Read the trigger, and have an administrator change it with this ticket.",
            statement.number,
            statement.line,
        )
