"""What undoes a schema change, asked of the server as it is right before the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backups.rollback.ddl import Clause, Inverse, SchemaChange, build_inverse
from changes.kinds import StatementKind
from changes.problems import Problem
from changes.references import TableUse
from changes.schema_facts import SchemaFacts
from changes.statements import Statement
from changes.targets import read_rows
from changes.warnings_before import find_no_inverse


@dataclass(frozen=True, slots=True)
class Undo:
    """statements: in an order that descending id replays; missing: why there are none, "" when nothing is to undo.

    problems: what the text alone could not tell the approver.
    """

    statements: tuple[str, ...] = ()
    missing: str = ""
    problems: tuple[Problem, ...] = ()


def plan(connection: Any, statement: Statement, schema_name: str) -> Undo:
    """Return what undoes `statement`, which is yet to run on `connection`. Row changes need none."""
    facts = statement.facts
    if facts is None:
        return Undo()
    inverse = build_inverse(_read_change(connection, statement.kind, facts, schema_name))
    return Undo(inverse.statements, inverse.missing, _problems(statement, facts, inverse))


def plan_all(connection: Any, statements: Sequence[Statement], schema_name: str) -> list[Undo]:
    """Return the plan of each statement of a ticket as the server is now, before any of them ran."""
    return [plan(connection, statement, schema_name) for statement in statements]


def _problems(statement: Statement, facts: SchemaFacts, inverse: Inverse) -> tuple[Problem, ...]:
    if not inverse.missing or find_no_inverse(statement.kind, facts):
        return ()
    return (
        Problem(
            id="rollback.ddl.none",
            severity="warning",
            found=f"Statement {statement.number + 1} (line {statement.line}) {inverse.missing}",
            needed="",
            how="Approve it only if nobody will need the way back, or keep a copy first.",
            statement=statement.number,
            line=statement.line,
        ),
    )


def _read_change(connection: Any, kind: StatementKind, facts: SchemaFacts, schema_name: str) -> SchemaChange:
    def name_of(use: TableUse) -> tuple[str, str]:
        return use.schema or schema_name, use.table

    name = name_of(facts.written[0])
    return SchemaChange(
        kind=kind.backup_type,
        name=name,
        existed=_exists(connection, name),
        or_replace=facts.or_replace,
        if_not_exists=facts.if_not_exists,
        index=facts.index,
        clauses=tuple(Clause(c.action.value, c.name, c.if_not_exists, c.text) for c in facts.clauses),
        renames=tuple((name_of(old), name_of(new)) for old, new in facts.renames),
        columns=_names(connection, "SELECT COLUMN_NAME FROM information_schema.COLUMNS", name),
        indexes=_names(connection, "SELECT DISTINCT INDEX_NAME FROM information_schema.STATISTICS", name),
    )


def _exists(connection: Any, name: tuple[str, str]) -> bool:
    return bool(_names(connection, "SELECT TABLE_NAME FROM information_schema.TABLES", name))


def _names(connection: Any, question: str, name: tuple[str, str]) -> frozenset[str]:
    rows = read_rows(connection, f"{question} WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s", name)
    return frozenset(str(found) for (found,) in rows)
