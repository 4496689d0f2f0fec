"""What an approver has to know of a statement that may run."""

from __future__ import annotations

from changes.kinds import StatementKind
from changes.problems import Problem
from changes.reading import Reading
from changes.schema_facts import AlterAction, SchemaFacts
from changes.splitter import Piece

_INVERTIBLE = (AlterAction.ADD_COLUMN, AlterAction.ADD_INDEX, AlterAction.RENAME_TABLE, AlterAction.OPTION)
_LOST_ROWS = "the rows and the definition are lost"


def find_warnings(number: int, piece: Piece, kind: StatementKind, reading: Reading) -> list[Problem]:
    place = f"Statement {number + 1} (line {piece.line})"
    warnings: list[Problem] = []

    def warn(problem_id: str, found: str, needed: str, how: str) -> None:
        warnings.append(
            Problem(problem_id, "warning", f"{place} {found}", needed, how, statement=number, line=piece.line)
        )

    if kind in (StatementKind.UPDATE, StatementKind.DELETE) and not reading.has_where:
        what = "every row" if len(reading.written) + len(reading.read) == 1 else "every row that the join finds"
        warn(
            "statement.no_where",
            f"has no WHERE: {kind.value} changes {what}.",
            "",
            "Add a WHERE, unless this is meant.",
        )
    if reading.facts is None:
        return warnings
    reason = find_no_inverse(kind, reading.facts)
    if reason:
        warn(
            "rollback.ddl.none",
            f"cannot be undone yet: {reason}.",
            "",
            "Approve it only if nobody will need the way back, or keep a copy first.",
        )
    if kind is StatementKind.CREATE_VIEW and not reading.facts.invoker:
        warn(
            "statement.view_rights",
            f"makes the view {reading.own.table}, which reads with the rights of the account that runs this ticket.",
            "",
            "Write SQL SECURITY INVOKER, unless this is meant.",
        )
    return warnings


def find_no_inverse(kind: StatementKind, facts: SchemaFacts) -> str:
    """Return why a schema change has no inverse, as far as the text tells; "" when it has one."""
    if facts.or_replace:
        return f"{kind.value} with OR REPLACE loses what was there before"
    if kind is StatementKind.DROP_TABLE:
        return f"DROP TABLE: {_LOST_ROWS}"
    if kind is StatementKind.TRUNCATE_TABLE:
        return "TRUNCATE TABLE logs no rows; DELETE can be undone"
    if kind in (StatementKind.DROP_VIEW, StatementKind.DROP_INDEX):
        return f"{kind.value}: the definition is lost"
    if kind is StatementKind.ALTER_TABLE:
        return _find_clause_without_inverse(facts)
    return ""


def _find_clause_without_inverse(facts: SchemaFacts) -> str:
    others = [clause for clause in facts.clauses if clause.action not in _INVERTIBLE]
    if others:
        mixed = ", and the statement is undone as a whole or not at all" if len(facts.clauses) > len(others) else ""
        return f"ALTER TABLE … {others[0].text} … has no certain inverse{mixed}"
    indexes = [clause.name for clause in facts.clauses if clause.action is AlterAction.ADD_INDEX]
    if "" in indexes:
        return "the new index has no name in the text; name it"
    if "PRIMARY" in indexes:
        return "ALTER TABLE … ADD PRIMARY KEY … has no certain inverse"
    return ""
