"""Which statements a rollback undoes, and in which steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from backups.restore import UndoItem
from changes.errors import ChangeError
from changes.kinds import StatementKind
from changes.models import ExecutedStatement, Ticket
from changes.states import BackupState, Outcome


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What to put back.

    statements: numbers (from 0) of the statements to undo; empty for all that ran.
    on_conflict: "stop" changes nothing when any row was changed since; "skip" leaves such rows; "overwrite" puts the
        old values over them and needs a reason.
    """

    statements: tuple[int, ...] = ()
    on_conflict: str = "stop"


@dataclass(frozen=True, slots=True)
class UndoStep:
    """Statements that are undone in one transaction, newest first; a schema change is a step of its own."""

    statements: tuple[ExecutedStatement, ...]
    is_row_change: bool

    @property
    def items(self) -> tuple[UndoItem, ...]:
        return tuple(build_item(statement) for statement in self.statements)

    @property
    def title(self) -> str:
        numbers = ", ".join(str(statement.seq + 1) for statement in self.statements)
        ticket_id = self.statements[0].execution.ticket_id
        return f"/* rollback of ticket {ticket_id}, statement(s) {numbers} */"


def build_item(statement: ExecutedStatement) -> UndoItem:
    return UndoItem(
        opid_time=statement.opid_time,
        backup_schema=statement.backup_schema,
        backup_table=statement.backup_table,
        kind=statement.kind,
        rows_captured=statement.rows_captured or 0,
        evidence=statement.evidence,
        signature=statement.backup_signature,
        time_zone=statement.definitions_before.get("time_zone", ""),
    )


def choose_statements(ticket: Ticket, numbers: Iterable[int] = ()) -> list[ExecutedStatement]:
    """Return what there is to undo, newest first.

    numbers: from 0; empty for everything that changed something and is not undone yet.
    Raises ChangeError when a number names nothing to undo, or a backup is not complete: a rollback that puts back a
    part without saying so would be worse than none.
    """
    wanted = set(numbers)
    ran = (
        ExecutedStatement.objects.filter(execution__ticket=ticket)
        .filter(outcome__in=[Outcome.DONE, Outcome.FAILED_PARTIAL])
        .select_related("execution__ticket")
        .order_by("-execution__number", "-seq")
    )
    if unknown := wanted - {statement.seq for statement in ran}:
        raise ChangeError(
            f"Statement {min(unknown) + 1} of ticket #{ticket.pk} did not run; choose among those that did."
        )
    if wanted:
        _require_together(ran, wanted)
    chosen = [statement for statement in ran if (not wanted or statement.seq in wanted) and _changed(statement)]
    left = [statement for statement in chosen if statement.undone_by_id is None]
    if not left:
        raise ChangeError(f"Nothing of ticket #{ticket.pk} is left to roll back.")
    for statement in left:
        if statement.backup_state == BackupState.EXPIRED:
            raise ChangeError(
                f"Statement {statement.seq + 1} cannot be rolled back any more: {statement.backup_reason} "
                "Choose the other statements to roll those back."
            )
        if statement.backup_state != BackupState.COMPLETE:
            raise ChangeError(
                f"Statement {statement.seq + 1} cannot be rolled back: its backup is {statement.backup_state}. "
                f"{statement.backup_reason} Choose the other statements to roll those back."
            )
    return left


def _require_together(ran: Iterable[ExecutedStatement], wanted: set[int]) -> None:
    """Raise when `wanted` takes apart statements of one transaction whose rows could not be told apart."""
    groups: dict[int, set[int]] = {}
    for statement in ran:
        if statement.kept_with_id is not None:
            groups.setdefault(statement.kept_with_id, set()).add(statement.seq)
    for statement in ran:
        if statement.pk in groups:
            group = groups[statement.pk] | {statement.seq}
            if group & wanted and not group <= wanted:
                numbers = ", ".join(str(number + 1) for number in sorted(group))
                raise ChangeError(
                    f"Statements {numbers} ran in one transaction, and the binlog does not tell their rows apart: they"
                    " can only be rolled back together. Choose all of them or none."
                )


def _changed(statement: ExecutedStatement) -> bool:
    """A complete backup without a record is a statement that changed nothing."""
    return statement.backup_state != BackupState.COMPLETE or bool(statement.records_stored)


def build_steps(statements: Iterable[ExecutedStatement]) -> list[UndoStep]:
    """Group `statements`, newest first: neighbouring row changes share one transaction."""
    steps: list[UndoStep] = []
    for is_row_change, group in groupby(statements, key=is_row_change_of):
        members = tuple(group)
        if is_row_change:
            steps.append(UndoStep(members, True))
        else:
            steps += [UndoStep((member,), False) for member in members]
    return steps


def is_row_change_of(statement: ExecutedStatement) -> bool:
    return StatementKind(statement.kind).is_row_change


def names_text(statement: ExecutedStatement) -> str:
    """Return SQL text in which every table stands that undoing `statement` can touch.

    A rollback's own statement is a comment; the tables stand in what it undid.
    """
    original = statement.execution.ticket.rolls_back
    if original is None:
        return statement.sql
    undone = ExecutedStatement.objects.filter(execution__ticket=original)
    return "\n".join(names_text(other) for other in undone.select_related("execution__ticket__rolls_back"))
