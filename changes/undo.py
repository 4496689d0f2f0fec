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

from backups import faults, restore
from backups.binlog.flavor import Flavor
from backups.errors import BackupError, DefinitionError, HalfRestoredError, RestoreError
from backups.restore import PreviewPage, RestoreResult
from backups.rollback.ddl import Inverse
from backups.rollback_session import SCHEMA_CHANGE_MODE
from backups.snapshot import read_snapshot
from changes import ddl_undo, redo, runner, shutdown, targets
from changes.activity import note
from changes.attempt import Attempt, settle_rolled_back
from changes.errors import ChangeError, UnheardError
from changes.executed_change import save_snapshot
from changes.installation import own_id
from changes.kinds import StatementKind
from changes.lifeline import Lifeline
from changes.marker import build_marker
from changes.models import ExecutedStatement, Ticket
from changes.problems import Problem
from changes.protection import Source, protect, sum_of
from changes.server_facts import ServerFacts
from changes.session import RefusedError, Session
from changes.states import BackupState, ExecutionState, Outcome, RollbackState, TicketState
from changes.undo_plan import RollbackPlan, UndoStep, build_item, build_steps, choose_statements, names_text
from changes.verdict import find_trouble, is_open

_INVERSE_KINDS = {
    StatementKind.INSERT: StatementKind.DELETE,
    StatementKind.REPLACE: StatementKind.DELETE,
    StatementKind.UPDATE: StatementKind.UPDATE,
    StatementKind.DELETE: StatementKind.INSERT,
    StatementKind.CREATE_TABLE: StatementKind.DROP_TABLE,
    StatementKind.CREATE_VIEW: StatementKind.DROP_VIEW,
    StatementKind.CREATE_INDEX: StatementKind.DROP_INDEX,
}


_NOTHING_RESTORED: dict[str, Any] = {
    "rows_restored": 0,
    "rows_skipped": 0,
    "rows_overwritten": 0,
    "verified": True,
    "conflicts": [],
}


@contextmanager
def _connected(ticket: Ticket, plan: RollbackPlan) -> Iterator[tuple[Any, ServerFacts]]:
    """Give a connection to look at a rollback with. Raises ChangeError for whatever goes wrong meanwhile."""
    try:
        connection = targets.connect(ticket.target.address, schema=ticket.schema_name, found_rows=True)
    except targets.TargetError as error:
        raise ChangeError(str(error)) from error
    try:
        yield connection, targets.read_facts(connection)
    except (MySQLdb.Error, BackupError) as error:
        choose_statements(ticket, plan.statements)  # a backup that was purged under our eyes was not altered
        raise ChangeError(f"The rollback could not be looked at: {error}") from error
    finally:
        with suppress(MySQLdb.Error):  # a connection that was lost in the middle cannot say good-bye
            connection.close()


def preview(ticket: Ticket, plan: RollbackPlan, *, after: str, limit: int) -> PreviewPage:
    """Return one page of what a rollback would do, each row as it was, as we left it, and as it is now."""
    items = [build_item(statement) for statement in choose_statements(ticket, plan.statements)]
    with _connected(ticket, plan) as (connection, facts):
        return restore.preview(connection, items, flavor=facts.flavor, after=after, limit=limit)


def dry_run(ticket: Ticket, plan: RollbackPlan) -> RestoreResult:
    """Do the whole rollback and abort it. Raises ChangeError when a schema change stands in the way."""
    steps = build_steps(choose_statements(ticket, plan.statements))
    if len(steps) > 1 or not steps[0].is_row_change:
        raise ChangeError("A dry run cannot go past a schema change, since the server commits it at once.")
    with _connected(ticket, plan) as (connection, facts):
        return restore.restore(
            connection,
            steps[0].items,
            flavor=facts.flavor,
            marker=build_marker(own_id(), ticket.pk, 0, 0),
            dry_run=True,
            on_conflict=plan.on_conflict,
            before_commit=lambda: None,
        )


def run_rollback(attempt: Attempt, session: Session, lifeline: Lifeline) -> None:
    """Run a rollback ticket: one transaction for neighbouring row changes, each schema change by itself.

    Each step is recorded, and backed up, like a statement of a ticket; so a rollback can be rolled back, and what is
    half done when a worker dies is found by the same evidence.
    """
    ticket = attempt.execution.ticket
    steps = build_steps(_find_chosen(ticket))
    records = _prepare_records(attempt, steps)
    for step, record in zip(steps, records, strict=True):
        if record.outcome == Outcome.DONE:
            continue  # by an earlier worker
        if lifeline.is_lost or attempt.is_stop_requested():
            break
        if shutdown.is_requested() and attempt.execution.ticket.reviewed:
            attempt.put_back("The worker was asked to end; another one goes on with what is left to undo.")
            return
        _run_step(attempt, session, step, record, lifeline)
        if record.outcome != Outcome.DONE:
            break
        faults.point("between_statements")
    faults.point("before_final_cas")
    finish(attempt, records)


def _find_chosen(ticket: Ticket) -> list[ExecutedStatement]:
    """Return the statements that the rollback was made for, newest first. Raises RefusedError when they are others."""
    original = ticket.rolls_back
    assert original is not None
    chosen = load_chosen(ticket)
    if any(record.undone_by_id == ticket.pk for record in chosen):
        return chosen  # an earlier worker has begun
    try:
        left = choose_statements(original, ticket.rollback_plan["statements"])
    except ChangeError as error:
        raise RefusedError([_nothing_to_undo(str(error))]) from error
    if [statement.pk for statement in left] != ticket.rollback_plan["chosen"]:
        raise RefusedError([_nothing_to_undo("What is left to undo is no longer what this rollback was made for.")])
    return chosen


def load_chosen(ticket: Ticket) -> list[ExecutedStatement]:
    """Return the statements that a rollback ticket is to undo, newest first."""
    keys: list[int] = ticket.rollback_plan["chosen"]
    found = ExecutedStatement.objects.select_related("execution__ticket").in_bulk(keys)
    return [found[key] for key in keys]


def find_undone(record: ExecutedStatement) -> tuple[ExecutedStatement, ...]:
    """Return the statements that a step of a rollback undoes."""
    return build_steps(load_chosen(record.execution.ticket))[record.seq].statements


def mark_undone(record: ExecutedStatement) -> None:
    """Write that a step of a rollback took effect."""
    keys = [statement.pk for statement in find_undone(record)]
    kept = Q(pk__in=keys) | Q(kept_with__in=keys)
    ExecutedStatement.objects.filter(kept, undone_by=None).update(undone_by=record.execution.ticket_id)


def _nothing_to_undo(found: str) -> Problem:
    return Problem(
        id="rollback.nothing",
        severity="error",
        found=found,
        needed="Statements that ran, are backed up, are not undone yet, and were approved to be undone.",
        how="Look at the ticket that was to be rolled back, and start its rollback again from there.",
    )


def _prepare_records(attempt: Attempt, steps: Sequence[UndoStep]) -> list[ExecutedStatement]:
    """Write every step as waiting, before anything is sent; or find them, when an earlier worker has done so."""
    found = list(attempt.execution.statements.select_related("execution__ticket__target", "snapshot").order_by("seq"))
    if found:
        return found
    with transaction.atomic():  # all or none: another worker takes what it finds for all of them
        return [_add_record(attempt, seq, step) for seq, step in enumerate(steps)]


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
    attempt: Attempt, session: Session, step: UndoStep, record: ExecutedStatement, lifeline: Lifeline
) -> None:
    """Restore one step and back up what the restore itself changed."""
    for number in range(1, runner.MOST_TRIES + 1):
        start = _intend(attempt, session, step, record)
        began = time.monotonic()
        try:
            with lifeline.limit(session.facts.connection_id, attempt.execution.ticket.target.statement_seconds):
                result = _restore(attempt, session, step, record)
        except RestoreError as error:
            may_try = step.is_row_change and _may_try_again(error) and not attempt.is_stop_requested()
            if may_try and number < runner.MOST_TRIES:
                _note_retry(attempt, record, error, number)
                continue
            _fail_step(attempt, record, error, time.monotonic() - began)
            return
        except BackupError as error:
            _fail_step(attempt, record, error, time.monotonic() - began)
            return
        except MySQLdb.Error as error:
            raise UnheardError from error  # of COMMIT, or of a schema change
        break
    faults.point("commit_done_before_record")
    _write_restored(attempt, session, step, record, result, start, time.monotonic() - began)
    faults.point("recorded_before_decode")
    if record.outcome == Outcome.DONE and attempt.execution.ticket.backup:
        protect(attempt, Source(session.source, session.facts.flavor), [record])


def _intend(attempt: Attempt, session: Session, step: UndoStep, record: ExecutedStatement) -> runner.StatementStart:
    """Write what has to be known before the step is sent."""
    connection, flavor = session.connection, session.facts.flavor
    text = "\n".join(names_text(statement) for statement in step.statements)
    snapshot = read_snapshot(connection, attempt.execution.ticket.schema_name, text, flavor)
    faults.point("after_snapshot")
    before = {} if step.is_row_change else _read_before(attempt, connection, flavor, step)
    start = runner.read_start(connection, flavor)
    attempt.write(
        record,
        outcome=Outcome.SENT,
        intent_at=timezone.now(),
        thread_id=session.facts.connection_id,
        **start.fields,
        snapshot=save_snapshot(snapshot),
        definitions_before=before,
        undo_missing="" if step.is_row_change else redo.UNSEEN,
        kept_children={"unchecked": True} if _runs_unchecked(step) else {},
    )
    faults.point("after_intent")
    return start


def _runs_unchecked(step: UndoStep) -> bool:
    """Whether rows that foreign keys changed are put back by their own records, with foreign keys unchecked."""
    return step.is_row_change and any(statement.kept_children for statement in step.statements)


def _read_before(attempt: Attempt, connection: Any, flavor: Flavor, step: UndoStep) -> dict[str, Any]:
    """Return what has to be known to make a schema change again, or why that is not known."""
    undone = step.statements[0]
    try:
        return redo.read_before(
            connection,
            undone.definitions_before,
            undone.undo_statements,
            flavor=flavor,
            sql_mode=SCHEMA_CHANGE_MODE,
            on_conflict=attempt.execution.ticket.rollback_plan["on_conflict"],
        )
    except (MySQLdb.Error, DefinitionError) as error:
        return {"missing": f"cannot be made again: what it changes could not be read before it ({error})."}


def _restore(attempt: Attempt, session: Session, step: UndoStep, record: ExecutedStatement) -> RestoreResult:
    execution = attempt.execution
    return restore.restore(
        session.connection,
        step.items,
        flavor=session.facts.flavor,
        marker=build_marker(execution.installation, execution.ticket_id, execution.pk, record.seq),
        dry_run=False,
        on_conflict=execution.ticket.rollback_plan["on_conflict"],
        before_commit=lambda: attempt.write(record, outcome=Outcome.COMMIT_SENT, commit_sent_at=timezone.now()),
    )


def _may_try_again(error: RestoreError) -> bool:
    """Whether the server did nothing, for a reason that passes: a lock wait or a deadlock, before COMMIT."""
    cause = error.__cause__
    return isinstance(cause, MySQLdb.Error) and targets.error_of(cause)[0] in runner.NOTHING_DONE


def _note_retry(attempt: Attempt, record: ExecutedStatement, error: RestoreError, number: int) -> None:
    entry = {"at": timezone.now().isoformat(timespec="seconds"), "error": str(error)}
    attempt.write(record, retries=[*record.retries, entry])
    time.sleep(runner.FIRST_PAUSE_SECONDS * 2**number)


def _fail_step(attempt: Attempt, record: ExecutedStatement, error: BackupError, seconds: float) -> None:
    """A restore that raises has changed nothing, unless a schema change of it was sent: that is for evidence to say."""
    cause = error.__cause__
    lost = isinstance(cause, MySQLdb.Error) and runner.is_lost(targets.error_of(cause)[0])
    if record.outcome == Outcome.COMMIT_SENT and lost:
        raise UnheardError from error
    fields: dict[str, Any] = {"outcome": Outcome.FAILED, "error": str(error), "execute_seconds": seconds}
    if isinstance(error, HalfRestoredError):
        fields["outcome"] = Outcome.FAILED_PARTIAL
        fields |= {"backup_state": BackupState.IMPOSSIBLE, "backup_reason": str(error)}
    attempt.write(record, **fields)


def _write_restored(
    attempt: Attempt,
    session: Session,
    step: UndoStep,
    record: ExecutedStatement,
    result: RestoreResult,
    start: runner.StatementStart,
    seconds: float,
) -> None:
    """Write what became of a step that the server answered, and that its statements are undone."""
    plan = attempt.execution.ticket.rollback_plan
    stopped = bool(result.conflicts) and plan["on_conflict"] == "stop"
    different = "" if stopped or step.is_row_change else _find_difference(session.connection, step)
    failed = stopped or bool(different)
    again = Inverse() if failed or step.is_row_change else redo.finish(session.connection, record.definitions_before)
    with transaction.atomic():
        _add_result(attempt, result)
        attempt.write(
            record,
            outcome=_outcome_of(stopped=stopped, different=bool(different)),
            kind=result.first_kind if step.is_row_change and result.first_kind else record.kind,
            executed_at=timezone.now(),
            affected_rows=result.rows_restored + result.rows_overwritten,
            execute_seconds=seconds,
            error=f"{len(result.conflicts)} row(s) in conflict; nothing was changed." if stopped else different,
            undo_statements=list(again.statements),
            undo_missing=again.missing,
            **_backup_of(attempt.execution.ticket, stopped=stopped, different=different),
        )
        if not failed:
            mark_undone(record)
    if failed:
        return
    try:
        end = targets.read_coordinates(session.connection, session.facts.flavor)
        gtid = targets.read_last_gtid(session.connection, session.facts.flavor)
    except MySQLdb.Error as error:
        raise UnheardError from error  # it is done; where it ends in the binlog is for evidence to find
    attempt.write(record, **runner.build_end_fields(end, gtid))


def _outcome_of(*, stopped: bool, different: bool) -> Outcome:
    if stopped:
        return Outcome.FAILED
    return Outcome.FAILED_PARTIAL if different else Outcome.DONE


def _backup_of(ticket: Ticket, *, stopped: bool, different: str) -> dict[str, Any]:
    if different:
        return {"backup_state": BackupState.IMPOSSIBLE, "backup_reason": different}
    waits = not stopped and ticket.backup
    return {"backup_state": BackupState.PENDING if waits else BackupState.NONE}


def _find_difference(connection: Any, step: UndoStep) -> str:
    """Say what a schema change left different although its rollback ran; "" when all is as before."""
    try:
        difference = ddl_undo.find_difference(connection, step.statements[0].definitions_before)
    except (MySQLdb.Error, DefinitionError) as error:
        difference = f"it could not be read back: {error}"
    return f"The way back ran, and yet: {difference}. Look at the table." if difference else ""


def _add_result(attempt: Attempt, result: RestoreResult) -> None:
    """Add what one step did to what the execution did."""
    summed = {**_NOTHING_RESTORED, **attempt.execution.rollback_result}
    for name in ("rows_restored", "rows_skipped", "rows_overwritten"):
        summed[name] += getattr(result, name)
    summed["verified"] = summed["verified"] and result.verified
    summed["conflicts"] = [*summed["conflicts"], *(asdict(conflict) for conflict in result.conflicts)]
    attempt.update(rollback_result=summed)
    attempt.execution.rollback_result = summed


def finish(attempt: Attempt, records: Sequence[ExecutedStatement], *, why: str = "") -> None:
    """Write how the rollback ended, on its own ticket and on the one it undoes.

    why: the reason that steps still wait, when they do not tell it themselves.
    """
    original = attempt.execution.ticket.rolls_back
    assert original is not None
    result = {**_NOTHING_RESTORED, **attempt.execution.rollback_result}
    stopped = find_trouble(records)
    done_any = any(record.outcome in (Outcome.DONE, Outcome.FAILED_PARTIAL) for record in records)
    conflicted = stopped is not None and bool(result["conflicts"])
    words = stopped.error if stopped else why or "It was stopped before all of it was undone."
    if records and all(record.outcome == Outcome.DONE for record in records):
        state, ticket_state, error = ExecutionState.SUCCEEDED, TicketState.SUCCEEDED, ""
    elif stopped is not None and is_open(stopped):
        state, ticket_state = ExecutionState.UNKNOWN, TicketState.UNKNOWN
        error = stopped.error or "Whether the rollback took effect is not known."
    elif conflicted and not done_any:
        state, ticket_state, error = ExecutionState.CONFLICTED, TicketState.FAILED, f"Nothing was changed: {words}"
    elif done_any:
        state, ticket_state, error = ExecutionState.PARTLY_DONE, TicketState.PARTLY_DONE, _say_half(words)
    else:
        state, ticket_state, error = ExecutionState.FAILED, TicketState.FAILED, f"Nothing was changed. {words}"
    with transaction.atomic():
        attempt.update(rollback_result=result)
        if state != ExecutionState.UNKNOWN:
            settle_original(original, attempt.execution.ticket, state, skipped=result["rows_skipped"])
        attempt.finish(state, ticket_state, sum_of(records), error=error)


def _say_half(words: str) -> str:
    """Return what a step says that changed nothing, where steps before it did."""
    return words.replace("othing was changed", "othing more was changed")


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
            Q(backup_state__in=[BackupState.INCOMPLETE, BackupState.IMPOSSIBLE, BackupState.EXPIRED])
            | Q(outcome=Outcome.UNKNOWN)
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
