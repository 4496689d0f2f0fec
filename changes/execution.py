"""One attempt to run a ticket, from claim to record."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import MySQLdb
from django.utils import timezone

from backups.capture import ExecutedChange, prepare
from backups.errors import BackupError
from backups.snapshot import read_snapshot
from changes import ddl_undo, keeping, kept_data, runner, targets, undo
from changes.attempt import Attempt, LostExecutionError, claim, is_what_was_approved
from changes.content import approved_entry, approved_texts
from changes.inspection import check_text
from changes.marker import build_marker
from changes.models import ExecutedStatement, Execution, Ticket
from changes.problems import Problem
from changes.protection import keep, sum_of
from changes.session import RefusedError, Session, open_session
from changes.statements import Statement
from changes.states import BackupState, ExecutionState, Outcome, TicketState
from changes.verdict import finish

logger = logging.getLogger(__name__)

ANNOUNCES_INCOMPLETE = frozenset({"table.column_type", "table.cascade"})
"""Warnings that told the approver that a backup will lack something: only then the ticket goes on past it."""

LOST_AFTER_COMMIT = (
    "The connection was lost right after COMMIT, before the end of the transaction in the binlog could be read. "
    "Needed: start and end of it. Look for the statement's marker in the binlog from the start that is written here."
)


def run(execution_id: int) -> Execution | None:
    """Run one queued execution; the rows it leaves tell how it went. None when it was not ours to run.

    1. Claim it by compare-and-set, with a new fence. Lost: nothing happens.
    2. Compare the stored content with what was approved. Different: refused, nothing was sent.
    3. Connect, take the ticket's lock on the server, judge the server. A reason against: refused, nothing was sent;
       the ticket is approved again.
    4. For each statement: snapshot, coordinates, intent, execute, outcome, capture (or, for a rollback, restore).
       The first that fails ends the loop; what ran before it is captured and can be rolled back.
    5. Write how it ended. When anything unforeseen is raised, the ticket is *unknown*, never running for ever: a
       person looks at the evidence on its page.
    """
    execution = claim(execution_id)
    if execution is None:
        logger.info("execution=%s state=not_ours", execution_id)
        return None
    attempt = Attempt(execution)
    try:
        _run_claimed(attempt)
    except LostExecutionError:
        logger.warning("execution=%s state=lost", execution_id)
    except Exception as error:
        attempt.finish(
            ExecutionState.UNKNOWN,
            TicketState.UNKNOWN,
            sum_of(execution.statements.all()),
            error=f"The worker stopped with {type(error).__name__}. What was applied is not known; look at the server.",
        )
        raise
    execution.refresh_from_db()
    logger.info("execution=%s state=%s", execution_id, execution.state)
    return execution


def _run_claimed(attempt: Attempt) -> None:
    execution = attempt.execution
    if not is_what_was_approved(execution):
        attempt.void()
        return
    try:
        with open_session(attempt, found_rows=execution.ticket.is_rollback) as session:
            if execution.ticket.is_rollback:
                undo.run_rollback(attempt, session)
            else:
                _run_statements(attempt, session)
    except RefusedError as refusal:
        attempt.refuse([problem.to_dict() for problem in refusal.problems], str(refusal))


def _run_statements(attempt: Attempt, session: Session) -> None:
    ticket = attempt.execution.ticket
    checked = check_text(ticket, session.facts)
    if checked.errors or [statement.text for statement in checked.statements] != approved_texts(ticket):
        raise RefusedError([*checked.errors, _other_statements_problem()])
    records = [
        attempt.add_statement(
            statement.number,
            statement.text,
            kind=statement.kind.value,
            schema_name=statement.schema_name or ticket.schema_name,
            table_name=statement.table_name or "",
        )
        for statement in checked.statements
    ]
    announced = any(problem.id in ANNOUNCES_INCOMPLETE for problem in ticket.problems)
    for statement, record in zip(checked.statements, records, strict=True):
        run_one(attempt, session, statement, record)
        if record.outcome != Outcome.DONE or (record.backup_state == BackupState.INCOMPLETE and not announced):
            break
    finish(attempt, records)


def _other_statements_problem() -> Problem:
    return Problem(
        id="ticket.other_statements",
        severity="error",
        found="The server would now read other statements in the ticket's SQL than those that were approved.",
        needed="The statements that the approver saw.",
        how="Look whether sql_mode on the server was changed; then edit the ticket, submit it and have it approved.",
    )


def run_one(attempt: Attempt, session: Session, statement: Statement, record: ExecutedStatement) -> None:
    """Run one statement and capture what it changed, before anything else runs.

    Its record says at every moment what is known: `sent` before the statement goes out, `commit_sent` before COMMIT,
    the outcome after. A schema change commits by itself, so it is `commit_sent` from the start.
    """
    ticket, execution = attempt.execution.ticket, attempt.execution
    connection, flavor = session.connection, session.facts.flavor
    schema_name = record.schema_name
    is_row_change = statement.kind.is_row_change
    marker = build_marker(ticket.pk, execution.pk, statement.number)
    try:
        snapshot = read_snapshot(connection, ticket.schema_name, statement.text, flavor)
        before = ddl_undo.read_before(connection, statement, ticket.schema_name)
        approved = approved_entry(ticket, statement.number)
        ddl_undo.require_seen(before, approved.get("seen", {}))
        if approved.get("keeps"):
            schema = keeping.name_schema(execution.pk, statement.number)
            before["kept"] = keeping.require(connection, session.facts, statement, ticket.schema_name, before, schema)
        start = runner.read_start(connection, flavor)
        if ticket.backup:
            _make_room(ticket, record, start)
    except MySQLdb.Error as error:
        attempt.write(record, outcome=Outcome.FAILED, error="{}: {}".format(*targets.error_of(error)))
        return
    except BackupError as error:
        attempt.write(record, outcome=Outcome.FAILED, error=f"It could not be backed up, so it was not sent. {error}")
        return
    now = timezone.now()
    attempt.write(
        record,
        outcome=Outcome.SENT if is_row_change else Outcome.COMMIT_SENT,
        intent_at=now,
        commit_sent_at=None if is_row_change else now,
        thread_id=session.facts.connection_id,
        definitions_before=before,
        start_file=start.coordinates.file if start.coordinates else "",
        start_position=start.coordinates.position if start.coordinates else None,
    )
    try:
        kept_data.begin(connection, before)
    except MySQLdb.Error as error:
        attempt.write(record, outcome=Outcome.FAILED, error=kept_data.describe_failure(connection, before, error))
        return
    result = runner.run_statement(
        connection,
        statement.text,
        marker,
        flavor=flavor,
        transactional=is_row_change,
        before_commit=lambda: attempt.write(record, outcome=Outcome.COMMIT_SENT, commit_sent_at=timezone.now()),
        start=start,
    )
    executed_at = timezone.now()
    attempt.write(record, **_result_fields(result, executed_at, backup=ticket.backup))
    if problem := kept_data.end(connection, before, is_done=result.committed):
        attempt.write(record, error=f"{record.error} {problem}".strip())
    if not ticket.backup or record.outcome == Outcome.UNKNOWN:
        return
    if not is_row_change and record.outcome != Outcome.DONE:
        return
    if is_row_change and result.end is None:
        attempt.write(record, backup_state=BackupState.INCOMPLETE, backup_reason=LOST_AFTER_COMMIT)
        return
    undo = ddl_undo.finish(connection, statement, ticket.schema_name, record.definitions_before)
    change = ExecutedChange(
        execution_id=execution.pk,
        seq=statement.number,
        target_id=ticket.target_id,
        host=ticket.target.host,
        port=ticket.target.port,
        schema_name=schema_name,
        table_name=record.table_name,
        kind=statement.kind.backup_type,
        sql=statement.text,
        executed_at=executed_at,
        connection_id=session.facts.connection_id,
        flavor=flavor,
        own=session.own_transaction(start, result.end, result.gtid_after, marker) if is_row_change else None,
        snapshot=snapshot,
        affected_rows=result.affected_rows if record.outcome == Outcome.DONE else None,
        undo=undo.statements,
        undo_missing=undo.missing,
    )
    keep(attempt, session, record, change)


def _make_room(ticket: Ticket, record: ExecutedStatement, start: runner.StatementStart) -> None:
    """See that the backup server is there and has room for the statement. Raises BackupError."""
    prepare(
        ticket.target_id,
        ticket.target.host,
        ticket.target.port,
        record.schema_name,
        record.table_name,
        sql=record.sql,
        position=start.coordinates.position if start.coordinates else 0,
    )


def _outcome(result: runner.StatementResult) -> Outcome:
    if result.committed is None:
        return Outcome.UNKNOWN
    return Outcome.FAILED if result.error else Outcome.DONE


def _result_fields(result: runner.StatementResult, executed_at: datetime, *, backup: bool) -> dict[str, Any]:
    return {
        "outcome": _outcome(result),
        "executed_at": executed_at,
        "end_file": result.end.file if result.end else "",
        "end_position": result.end.position if result.end else None,
        "gtid_before": result.gtid_before or "",
        "gtid_after": result.gtid_after or "",
        "affected_rows": result.affected_rows,
        "warnings": [list(warning) for warning in result.warnings],
        "error": f"{result.error[0]}: {result.error[1]}" if result.error else "",
        "execute_seconds": result.execute_seconds,
        "backup_state": _first_backup_state(backup, result),
    }


def _first_backup_state(backup: bool, result: runner.StatementResult) -> BackupState:
    if not backup:
        return BackupState.OFF
    return BackupState.PENDING if result.committed is not False else BackupState.NONE
