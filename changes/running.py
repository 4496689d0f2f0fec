"""The statements of one execution, sent one after the other: intent, statement, outcome, backup.

Each in a transaction of its own, or all in one. Records say at every moment what is known, so that whoever finds them
knows where to look.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import MySQLdb
from django.db import transaction
from django.utils import timezone

from backups import faults
from backups.capture import prepare
from backups.errors import BackupError
from backups.snapshot import read_snapshot
from changes import jobs, keeping_children, online_change, runner, schema_change, shutdown, targets
from changes.children import Keeper
from changes.content import approved_entry, approved_texts
from changes.errors import NotSentError, UnheardError
from changes.executed_change import save_snapshot
from changes.inspection import check_text
from changes.models import ExecutedStatement, Ticket
from changes.online_server import OnlineError
from changes.problems import Problem
from changes.protection import protect
from changes.run import Run
from changes.session import RefusedError
from changes.statements import Statement
from changes.states import BackupState, Outcome
from changes.verdict import finish

ANNOUNCES_INCOMPLETE = frozenset({"table.column_type", "table.cascade"})
"""Warnings that told the approver that a backup will lack something: only then the ticket goes on past it."""

_NO_ANSWER: dict[str, Any] = {"affected_rows": None, "warnings": [], "error": "", "execute_seconds": None}


def run_statements(run: Run) -> None:
    ticket = run.ticket
    checked = check_text(ticket, run.session.facts)
    if checked.errors or [statement.text for statement in checked.statements] != approved_texts(ticket):
        raise RefusedError([*checked.errors, _other_statements_problem()])
    records = _prepare_records(run, checked.statements)
    pairs = list(zip(checked.statements, records, strict=True))
    is_over = _run_together(run, pairs) if run.execution.one_transaction else _run_each(run, pairs)
    if is_over:
        faults.point("before_final_cas")
        finish(run.attempt, records)


def _prepare_records(run: Run, statements: Sequence[Statement]) -> list[ExecutedStatement]:
    """Write all statements as waiting, before anything is sent; or find them, when an earlier worker has done so."""
    found = list(run.execution.statements.select_related("execution__ticket__target").order_by("seq"))
    if found:
        return found
    run.attempt.update(one_transaction=run.ticket.is_one_transaction)
    run.execution.one_transaction = run.ticket.is_one_transaction
    with transaction.atomic():  # all or none: another worker takes what it finds for all of them
        return [
            run.attempt.add_statement(
                statement.number,
                statement.text,
                kind=statement.kind.value,
                schema_name=statement.schema_name or run.ticket.schema_name,
                table_name=statement.table_name or (run.ticket.schema_name if statement.kind.is_of_database else ""),
            )
            for statement in statements
        ]


def _other_statements_problem() -> Problem:
    return Problem(
        id="ticket.other_statements",
        severity="error",
        found="The server would now read other statements in the ticket's SQL than those that were approved.",
        needed="The statements that the approver saw.",
        how="Look whether sql_mode on the server was changed; then edit the ticket, submit it and have it approved.",
    )


def _must_stop(run: Run) -> bool:
    return run.lifeline.is_lost or run.attempt.is_stop_requested()


def _put_back(run: Run) -> None:
    run.attempt.put_back("The worker was asked to end; another one goes on with the statements that wait.")
    jobs.ring(run.execution.pk)


def _run_each(run: Run, pairs: Sequence[tuple[Statement, ExecutedStatement]]) -> bool:
    """Run each statement in a transaction of its own. False when another worker is to go on."""
    announced = any(problem.id in ANNOUNCES_INCOMPLETE for problem in run.ticket.problems)
    for statement, record in pairs:
        if record.outcome != Outcome.WAITING:
            continue
        if _must_stop(run):
            break
        if shutdown.is_requested() and run.ticket.reviewed:
            _put_back(run)
            return False
        run_one(run, statement, record)
        lacks = record.backup_state == BackupState.INCOMPLETE and not announced
        if record.outcome != Outcome.DONE or lacks or _is_surprise(run, record):
            break
        faults.point("between_statements")
    return True


def _is_surprise(run: Run, record: ExecutedStatement) -> bool:
    """Whether a statement cannot be undone although the approver was told that it could."""
    told = approved_entry(run.ticket, record.seq).get("undo_state")
    return record.backup_state == BackupState.IMPOSSIBLE and told in ("rows", "ddl")


def run_one(run: Run, statement: Statement, record: ExecutedStatement) -> None:
    """Run one statement and capture what it changed, before anything else runs.

    Its record says at every moment what is known: `sent` before the statement goes out, `commit_sent` before COMMIT,
    the outcome after. A schema change commits by itself, so it is `commit_sent` from the start.
    """
    is_row_change = statement.kind.is_row_change
    ready = _intend(run, [(statement, record)])
    start = ready.start if ready else None
    if start is not None and record.online:
        online_change.run_online(run, statement, record)
        _protect(run, [record])
        return
    if start is not None and record.definitions_before.get("kept"):
        start = schema_change.set_aside(run, record)
    if ready is None or start is None:
        return
    for number in range(1, runner.MOST_TRIES + 1):
        with run.limit():
            result = runner.run_statement(
                run.session.connection,
                statement.text,
                run.marker(record),
                flavor=run.session.facts.flavor,
                transactional=is_row_change,
                before_commit=lambda: run.attempt.write(
                    record, outcome=Outcome.COMMIT_SENT, commit_sent_at=timezone.now()
                ),
                start=start,
                keeper=ready.keepers[0],
            )
        if not is_row_change or not result.may_try_again or number == runner.MOST_TRIES or _must_stop(run):
            break
        _note_retry(run, [record], result, number)
    faults.point("commit_done_before_record")
    if result.committed is None:
        raise UnheardError
    fields = _result_fields(result, timezone.now(), run.ticket, is_row_change=is_row_change)
    if not is_row_change and not result.committed:
        schema_change.end_failed(run, record, fields)
        return
    if not is_row_change:
        if record.definitions_before.get("kept"):
            # First of all on record: what is done with kept values logs too, and must not be taken for the statement.
            run.attempt.write(record, **fields)
            faults.point("recorded_before_decode")
        fields |= schema_change.end_done(run, statement, record)
    run.attempt.write(record, **fields)
    keeping_children.let_go(run.attempt, run.session.connection, [record])
    faults.point("recorded_before_decode")
    _protect(run, [record])


def _run_together(run: Run, pairs: Sequence[tuple[Statement, ExecutedStatement]]) -> bool:
    """Run all statements in one transaction: all of them or none. False when another worker is to go on."""
    records = [record for _, record in pairs]
    if any(record.outcome != Outcome.WAITING for record in records):
        raise UnheardError  # an earlier worker sent some of it; that is recovery's to judge
    if _must_stop(run):
        return True
    if shutdown.is_requested() and run.ticket.reviewed:
        _put_back(run)
        return False
    ready = _intend(run, pairs)
    if ready is None:
        return True
    for number in range(1, runner.MOST_TRIES + 1):
        results = _send_together(run, pairs, ready)
        if not results[-1].may_try_again or number == runner.MOST_TRIES or _must_stop(run):
            break
        _note_retry(run, records, results[-1], number)
    faults.point("commit_done_before_record")
    if results[-1].committed is None:
        raise UnheardError
    _write_together(run, records, results)
    keeping_children.let_go(run.attempt, run.session.connection, records)
    faults.point("recorded_before_decode")
    _protect(run, records)
    return True


def _send_together(
    run: Run, pairs: Sequence[tuple[Statement, ExecutedStatement]], ready: _Ready
) -> list[runner.StatementResult]:
    records = [record for _, record in pairs]

    def before_each(index: int) -> AbstractContextManager[None]:
        if index and _must_stop(run):
            raise _StoppedError
        run.attempt.write(records[index], outcome=Outcome.SENT)
        return run.limit()

    def after_each(index: int, result: runner.StatementResult) -> None:
        run.attempt.write(records[index], **_answer_fields(result))
        faults.point("between_statements")

    try:
        return runner.run_together(
            run.session.connection,
            [(statement.text, run.marker(record)) for statement, record in pairs],
            flavor=run.session.facts.flavor,
            start=ready.start,
            before_each=before_each,
            after_each=after_each,
            before_commit=lambda: run.attempt.write_all(
                records, outcome=Outcome.COMMIT_SENT, commit_sent_at=timezone.now()
            ),
            keepers=ready.keepers,
        )
    except _StoppedError:
        return [runner.StatementResult(ready.start, committed=False)]


class _StoppedError(Exception):
    """Somebody asked to stop while the transaction was open; it is aborted."""


def _write_together(run: Run, records: Sequence[ExecutedStatement], results: Sequence[runner.StatementResult]) -> None:
    """Write how one transaction ended: all its statements are done, or none is and one says why."""
    last = results[-1]
    if last.committed:
        end = _end_fields(last, run.ticket, is_row_change=True)
        run.attempt.write_all(list(records), outcome=Outcome.DONE, executed_at=timezone.now(), **end)
        return
    failed = records[len(results) - 1]
    sent = [record for record in records if record.outcome == Outcome.SENT and record.pk != failed.pk]
    run.attempt.write_all(sent, outcome=Outcome.ABORTED)
    if last.error is None:
        run.attempt.write(failed, outcome=Outcome.ABORTED, error="Stopped before COMMIT; the transaction was aborted.")
        return
    fields = _answer_fields(last) | {"outcome": Outcome.FAILED, "executed_at": timezone.now()}
    run.attempt.write(failed, **fields)


@dataclass(frozen=True, slots=True)
class _Ready:
    """What has to be at hand when statements are sent. keepers: one each, None where nothing else is kept."""

    start: runner.StatementStart
    keepers: Sequence[Keeper | None]


def _intend(run: Run, pairs: Sequence[tuple[Statement, ExecutedStatement]]) -> _Ready | None:
    """Read what has to be known before, and write the intent. None, with the reason written, when nothing can be sent.

    The intent is committed before the statement goes out: whoever finds it knows where in the binlog to look.
    """
    connection, flavor, ticket = run.session.connection, run.session.facts.flavor, run.ticket
    statements, records = [statement for statement, _ in pairs], [record for _, record in pairs]
    is_row_change = statements[0].kind.is_row_change
    try:
        text = "\n".join(statement.text for statement in statements)
        snapshot = read_snapshot(connection, ticket.schema_name, text, flavor)
        before = {} if is_row_change else schema_change.read_before(run, statements[0])
        online = {} if is_row_change else online_change.plan(run, statements[0], before)
        faults.point("after_snapshot")
        # Before the start is read: making the shadows is logged, and nothing of the statements.
        keepers = keeping_children.prepare(run, pairs, snapshot) if is_row_change else [None]
        start = runner.read_start(connection, flavor)
        if ticket.backup:
            _make_room(ticket, records, start)
    except (MySQLdb.Error, BackupError, NotSentError, OnlineError) as error:
        run.attempt.write(records[0], outcome=Outcome.FAILED, error=_why_not_sent(error))
        keeping_children.let_go(run.attempt, connection, records)
        return None
    now = timezone.now()
    fields: dict[str, Any] = {
        "intent_at": now,
        "thread_id": run.session.facts.connection_id,
        **start.fields,
        "snapshot": save_snapshot(snapshot),
        "definitions_before": before,
    }
    if online:
        fields["online"] = online
    if not is_row_change and not before["kept"] and not online:
        fields |= {"outcome": Outcome.COMMIT_SENT, "commit_sent_at": now}
    elif len(records) == 1:
        # A schema change whose data is set aside first, or that is made online, commits only after that.
        fields["outcome"] = Outcome.SENT
    run.attempt.write_all(records, **fields)
    faults.point("after_intent")
    return _Ready(start, keepers)


def _why_not_sent(error: Exception) -> str:
    if isinstance(error, MySQLdb.Error):
        return "{}: {}".format(*targets.error_of(error))
    kept = "It could not be backed up, so it was not sent." if isinstance(error, BackupError) else "It was not sent."
    return f"{kept} {error}"


def _note_retry(run: Run, records: Sequence[ExecutedStatement], result: runner.StatementResult, number: int) -> None:
    """Write that the server did nothing and is asked again, and wait a moment."""
    assert result.error is not None
    entry = {"at": timezone.now().isoformat(timespec="seconds"), "error": f"{result.error[0]}: {result.error[1]}"}
    first = records[0]
    run.attempt.write(first, retries=[*first.retries, entry])
    run.attempt.write_all(
        list(records),
        outcome=Outcome.SENT if len(records) == 1 else Outcome.WAITING,
        commit_sent_at=None,
        # Answers of the try that was aborted: the page takes a time for "ran, not committed yet".
        **_NO_ANSWER,
    )
    time.sleep(runner.FIRST_PAUSE_SECONDS * 2**number)


def _protect(run: Run, records: Sequence[ExecutedStatement]) -> None:
    if run.ticket.backup:
        protect(run.attempt, run.source, records)


def _make_room(ticket: Ticket, records: Sequence[ExecutedStatement], start: runner.StatementStart) -> None:
    """See that the backup server is there, takes writes and has room for the statements. Raises BackupError."""
    longest: dict[tuple[str, str], ExecutedStatement] = {}
    for record in records:
        place = (record.schema_name, record.table_name)
        if place not in longest or len(record.sql) > len(longest[place].sql):
            longest[place] = record
    for record in longest.values():
        prepare(
            ticket.target_id,
            ticket.target.host,
            ticket.target.port,
            record.schema_name,
            record.table_name,
            sql=record.sql,
            position=start.coordinates.position if start.coordinates else 0,
        )


def _result_fields(
    result: runner.StatementResult, executed_at: datetime, ticket: Ticket, *, is_row_change: bool
) -> dict[str, Any]:
    return {
        "outcome": Outcome.FAILED if result.error else Outcome.DONE,
        "executed_at": executed_at,
        **_answer_fields(result),
        **_end_fields(result, ticket, is_row_change=is_row_change),
    }


def _answer_fields(result: runner.StatementResult) -> dict[str, Any]:
    return {
        "affected_rows": result.affected_rows,
        "warnings": [list(warning) for warning in result.warnings],
        "error": runner.describe_error(result.error),
        "execute_seconds": result.execute_seconds,
    }


def _end_fields(result: runner.StatementResult, ticket: Ticket, *, is_row_change: bool) -> dict[str, Any]:
    return {
        **runner.build_end_fields(result.end, result.gtid_after),
        "backup_state": _first_backup_state(result, ticket, is_row_change=is_row_change),
    }


def _first_backup_state(result: runner.StatementResult, ticket: Ticket, *, is_row_change: bool) -> BackupState:
    """A failed row change is looked at too: an engine without transactions keeps what it did before it failed."""
    if not ticket.backup:
        return BackupState.OFF
    if result.error is not None and not is_row_change:
        return BackupState.NONE
    return BackupState.PENDING
