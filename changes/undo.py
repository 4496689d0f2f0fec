"""Roll a ticket back: preview, dry run, and the execution of a rollback ticket."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any

import MySQLdb
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backups import restore
from backups.capture import ExecutedChange
from backups.errors import BackupError, DefinitionError
from backups.restore import PreviewPage, RestoreResult
from backups.snapshot import read_snapshot
from changes import ddl_undo, runner, targets
from changes.activity import note
from changes.attempt import Attempt, settle_rolled_back
from changes.errors import ChangeError
from changes.kinds import StatementKind
from changes.marker import build_marker
from changes.models import ExecutedStatement, Execution, Ticket
from changes.problems import Problem
from changes.protection import keep, sum_of
from changes.server_facts import ServerFacts
from changes.session import RefusedError, Session
from changes.states import BackupState, ExecutionState, Outcome, RollbackState, TicketState
from changes.undo_plan import RollbackPlan, UndoStep, build_item, build_steps, choose_statements, names_text

_INVERSE_KINDS = {
    StatementKind.INSERT: StatementKind.DELETE,
    StatementKind.REPLACE: StatementKind.DELETE,
    StatementKind.UPDATE: StatementKind.UPDATE,
    StatementKind.DELETE: StatementKind.INSERT,
    StatementKind.CREATE_TABLE: StatementKind.DROP_TABLE,
    StatementKind.CREATE_VIEW: StatementKind.DROP_VIEW,
    StatementKind.CREATE_INDEX: StatementKind.DROP_INDEX,
}

NO_REDO = "A schema change that was rolled back cannot be made again by a rollback yet; submit it as a new ticket."


@contextmanager
def _connected(ticket: Ticket) -> Iterator[tuple[Any, ServerFacts]]:
    try:
        connection = targets.connect(ticket.target.address, schema=ticket.schema_name, found_rows=True)
    except targets.TargetError as error:
        raise ChangeError(str(error)) from error
    try:
        yield connection, targets.read_facts(connection)
    except (MySQLdb.Error, BackupError) as error:
        raise ChangeError(f"The rollback could not be looked at: {error}") from error
    finally:
        with suppress(MySQLdb.Error):  # a connection that was lost in the middle cannot say good-bye
            connection.close()


def preview(ticket: Ticket, plan: RollbackPlan, *, after: str, limit: int) -> PreviewPage:
    """Return one page of what a rollback would do, each row as it was, as we left it, and as it is now."""
    items = [build_item(statement) for statement in choose_statements(ticket, plan.statements)]
    with _connected(ticket) as (connection, facts):
        return restore.preview(connection, items, flavor=facts.flavor, after=after, limit=limit)


def dry_run(ticket: Ticket, plan: RollbackPlan) -> RestoreResult:
    """Do the whole rollback and abort it. Raises ChangeError when a schema change stands in the way."""
    steps = build_steps(choose_statements(ticket, plan.statements))
    if len(steps) > 1 or not steps[0].is_row_change:
        raise ChangeError("A dry run cannot go past a schema change, since the server commits it at once.")
    with _connected(ticket) as (connection, facts):
        return restore.restore(
            connection,
            steps[0].items,
            flavor=facts.flavor,
            marker=build_marker(ticket.pk, 0, 0),
            dry_run=True,
            on_conflict=plan.on_conflict,
            before_commit=lambda: None,
        )


def run_rollback(attempt: Attempt, session: Session) -> None:
    """Run a rollback ticket: one transaction for neighbouring row changes, each schema change by itself.

    Each step is recorded, and backed up, like a statement of a ticket; so a rollback can be rolled back.
    """
    undo = attempt.execution.ticket
    original = undo.rolls_back
    assert original is not None
    plan = RollbackPlan(tuple(undo.rollback_plan["statements"]), undo.rollback_plan["on_conflict"])
    try:
        chosen = choose_statements(original, plan.statements)
    except ChangeError as error:
        raise RefusedError([_nothing_to_undo(str(error))]) from error
    if [statement.pk for statement in chosen] != undo.rollback_plan["chosen"]:
        raise RefusedError([_nothing_to_undo("What is left to undo is no longer what this rollback was made for.")])
    steps = build_steps(chosen)
    records = [_add_record(attempt, seq, step) for seq, step in enumerate(steps)]
    results: list[RestoreResult] = []
    for step, record in zip(steps, records, strict=True):
        result = _run_step(attempt, session, step, record, plan)
        if result is not None:
            results.append(result)
        if record.outcome != Outcome.DONE:
            break
        ExecutedStatement.objects.filter(pk__in=[statement.pk for statement in step.statements]).update(undone_by=undo)
    _finish(attempt, original, records, results)


def _nothing_to_undo(found: str) -> Problem:
    return Problem(
        id="rollback.nothing",
        severity="error",
        found=found,
        needed="Statements that ran, are backed up, are not undone yet, and were approved to be undone.",
        how="Look at the ticket that was to be rolled back, and start its rollback again from there.",
    )


def _add_record(attempt: Attempt, seq: int, step: UndoStep) -> ExecutedStatement:
    first = step.statements[0]
    kind = StatementKind(first.kind)
    return attempt.add_statement(
        seq,
        step.title,
        kind=_INVERSE_KINDS.get(kind, kind),
        schema_name=first.schema_name,
        table_name=first.table_name,
    )


def _run_step(
    attempt: Attempt, session: Session, step: UndoStep, record: ExecutedStatement, plan: RollbackPlan
) -> RestoreResult | None:
    """Restore one step and back up what the restore itself changed."""
    undo, connection, flavor = attempt.execution.ticket, session.connection, session.facts.flavor
    text = "\n".join(names_text(statement) for statement in step.statements)
    snapshot = read_snapshot(connection, undo.schema_name, text, flavor)
    marker = build_marker(undo.pk, attempt.execution.pk, record.seq)
    start = runner.read_start(connection, flavor)
    attempt.write(
        record,
        outcome=Outcome.SENT,
        intent_at=timezone.now(),
        thread_id=session.facts.connection_id,
        start_file=start.coordinates.file if start.coordinates else "",
        start_position=start.coordinates.position if start.coordinates else None,
    )
    began = time.monotonic()
    try:
        result = restore.restore(
            connection,
            step.items,
            flavor=flavor,
            marker=marker,
            dry_run=False,
            on_conflict=plan.on_conflict,
            before_commit=lambda: attempt.write(record, outcome=Outcome.COMMIT_SENT, commit_sent_at=timezone.now()),
        )
    except BackupError as error:
        attempt.write(record, outcome=Outcome.FAILED, error=str(error), execute_seconds=time.monotonic() - began)
        return None
    except MySQLdb.Error as error:
        number, words = targets.error_of(error)
        lost = runner.is_lost(number)
        attempt.write(
            record,
            outcome=Outcome.UNKNOWN if lost and record.outcome == Outcome.COMMIT_SENT else Outcome.FAILED,
            error=f"{number}: {words}",
            execute_seconds=time.monotonic() - began,
        )
        return None
    executed_at = timezone.now()
    stopped = bool(result.conflicts) and plan.on_conflict == "stop"
    different = "" if stopped or step.is_row_change else _find_difference(connection, step)
    end = targets.read_coordinates(connection, flavor)
    attempt.write(
        record,
        outcome=Outcome.FAILED if stopped or different else Outcome.DONE,
        kind=result.first_kind if step.is_row_change and result.first_kind else record.kind,
        executed_at=executed_at,
        affected_rows=result.rows_restored + result.rows_overwritten,
        execute_seconds=time.monotonic() - began,
        end_file=end.file if end else "",
        end_position=end.position if end else None,
        error=f"{len(result.conflicts)} row(s) in conflict; nothing was changed." if stopped else different,
    )
    if stopped or different:
        return result
    gtid_after = targets.read_last_gtid(connection, flavor)
    change = ExecutedChange(
        execution_id=attempt.execution.pk,
        seq=record.seq,
        target_id=undo.target_id,
        host=undo.target.host,
        port=undo.target.port,
        schema_name=record.schema_name,
        table_name=record.table_name,
        kind=StatementKind(record.kind).backup_type,
        sql=record.sql,
        executed_at=executed_at,
        connection_id=session.facts.connection_id,
        flavor=flavor,
        own=session.own_transaction(start, end, gtid_after, marker) if step.is_row_change else None,
        snapshot=snapshot,
        affected_rows=record.affected_rows,
        undo=(),
        undo_missing="" if step.is_row_change else NO_REDO,
        children_checked=True,
    )
    keep(attempt, session, record, change)
    return result


def _find_difference(connection: Any, step: UndoStep) -> str:
    """Say what a schema change left different although its rollback ran; "" when all is as before."""
    try:
        difference = ddl_undo.find_difference(connection, step.statements[0].definitions_before)
    except (MySQLdb.Error, DefinitionError) as error:
        difference = f"it could not be read back: {error}"
    return f"The way back ran, and yet: {difference}. Look at the table." if difference else ""


def _finish(
    attempt: Attempt, original: Ticket, records: Sequence[ExecutedStatement], results: Sequence[RestoreResult]
) -> None:
    """Write how the rollback ended, on its own ticket and on the one it undoes."""
    backup_state = sum_of(records)
    summary = _summarise(results)
    stopped = next((record for record in records if record.outcome not in (Outcome.DONE, Outcome.WAITING)), None)
    done_any = any(record.outcome == Outcome.DONE for record in records)
    conflicted = stopped is not None and bool(results) and bool(results[-1].conflicts)
    if stopped is None:
        state, ticket_state, error = ExecutionState.SUCCEEDED, TicketState.SUCCEEDED, ""
    elif stopped.outcome == Outcome.UNKNOWN:
        state, ticket_state = ExecutionState.UNKNOWN, TicketState.UNKNOWN
        error = "The connection was lost while the rollback committed; whether it took effect is not known."
    elif conflicted and not done_any:
        state, ticket_state, error = (
            ExecutionState.CONFLICTED,
            TicketState.FAILED,
            f"Nothing was changed: {stopped.error}",
        )
    elif done_any:
        state, ticket_state, error = ExecutionState.PARTLY_DONE, TicketState.PARTLY_DONE, stopped.error
    else:
        state, ticket_state, error = ExecutionState.FAILED, TicketState.FAILED, f"Nothing was changed. {stopped.error}"
    with transaction.atomic():
        Execution.objects.filter(pk=attempt.execution.pk).update(rollback_result=summary)
        settle_original(original, attempt.execution.ticket, state, skipped=summary["rows_skipped"])
        attempt.finish(state, ticket_state, backup_state, error=error)


def _summarise(results: Sequence[RestoreResult]) -> dict[str, Any]:
    return {
        "rows_restored": sum(result.rows_restored for result in results),
        "rows_skipped": sum(result.rows_skipped for result in results),
        "rows_overwritten": sum(result.rows_overwritten for result in results),
        "verified": all(result.verified for result in results),
        "conflicts": [asdict(conflict) for result in results for conflict in result.conflicts],
    }


def settle_original(original: Ticket, undo: Ticket, state: ExecutionState, *, skipped: int) -> None:
    """Say on the undone ticket how far it is undone; a rollback of a rollback gives the first ticket its rows back."""
    if state == ExecutionState.CONFLICTED:
        new = RollbackState.CONFLICTED
    elif state in (ExecutionState.FAILED, ExecutionState.REFUSED, ExecutionState.UNKNOWN):
        new = RollbackState.FAILED
    elif skipped or _is_something_left(original):
        new = RollbackState.PARTIAL
    else:
        new = RollbackState.DONE
    settle_rolled_back(original, new)
    note(original, "rollback", by=None, text=f"Rollback by ticket #{undo.pk}: {new.value}.")
    if original.rolls_back_id and new in (RollbackState.DONE, RollbackState.PARTIAL):
        _redo(original)


def _is_something_left(ticket: Ticket) -> bool:
    try:
        choose_statements(ticket)
    except ChangeError:
        left = ExecutedStatement.objects.filter(execution__ticket=ticket, undone_by=None)
        return left.filter(
            Q(backup_state__in=[BackupState.INCOMPLETE, BackupState.IMPOSSIBLE]) | Q(outcome=Outcome.UNKNOWN)
        ).exists()
    return True


def _redo(undone_rollback: Ticket) -> None:
    """`undone_rollback` was undone itself: what it had put back stands again as the first ticket left it."""
    first = undone_rollback.rolls_back
    assert first is not None
    ExecutedStatement.objects.filter(undone_by=undone_rollback).update(undone_by=None)
    left = ExecutedStatement.objects.filter(execution__ticket=first).exclude(undone_by=None).exists()
    Ticket.objects.filter(pk=first.pk).exclude(rollback_state=RollbackState.RUNNING).update(
        rollback_state=RollbackState.PARTIAL if left else RollbackState.NONE
    )
    note(first, "redo", by=None, text=f"Rollback #{undone_rollback.pk} was rolled back; the change stands again.")
