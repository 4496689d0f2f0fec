"""What an approver has to know of a statement that may run."""

from __future__ import annotations

from changes.kinds import StatementKind
from changes.problems import Problem
from changes.reading import Reading
from changes.splitter import Piece


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
    if kind is StatementKind.CREATE_VIEW and not reading.facts.invoker:
        warn(
            "statement.view_rights",
            f"makes the view {reading.own.table}, which reads with the rights of the account that runs this ticket.",
            "",
            "Write SQL SECURITY INVOKER, unless this is meant.",
        )
    if kind is StatementKind.ALTER_VIEW and not reading.facts.invoker:
        warn(
            "statement.view_rights",
            f"changes the view {reading.own.table}, which goes on reading with the rights it has now: those of its"
            " definer, unless it says SQL SECURITY INVOKER.",
            "",
            "Look who its definer is, or write SQL SECURITY INVOKER.",
        )
    return warnings
