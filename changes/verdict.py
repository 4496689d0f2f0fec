"""How an execution ended, judged from its statements alone."""

from __future__ import annotations

from changes.attempt import Attempt
from changes.models import ExecutedStatement
from changes.protection import sum_of
from changes.states import ExecutionState, Outcome, TicketState


def finish(attempt: Attempt, records: list[ExecutedStatement]) -> None:
    """Write how the execution ended, judged from its statements alone."""
    backup_state = sum_of(records)
    outcomes = [Outcome(record.outcome) for record in records]
    stopped = next((record for record in records if record.outcome not in (Outcome.DONE, Outcome.WAITING)), None)
    if stopped is None and Outcome.WAITING in outcomes:
        last = records[outcomes.index(Outcome.WAITING) - 1]
        text = (
            f"Stopped after statement {last.seq + 1}, which is committed, since its backup is incomplete: "
            f"{last.backup_reason} The statements after it were not run."
        )
        attempt.finish(ExecutionState.PARTLY_DONE, TicketState.PARTLY_DONE, backup_state, error=text)
        return
    if stopped is None:
        attempt.finish(ExecutionState.SUCCEEDED, TicketState.SUCCEEDED, backup_state, error="")
        return
    if stopped.outcome == Outcome.UNKNOWN:
        text = f"Statement {stopped.seq + 1}: the connection was lost; whether it took effect is not known."
        attempt.finish(ExecutionState.UNKNOWN, TicketState.UNKNOWN, backup_state, error=text)
        return
    changed = Outcome.DONE in outcomes or stopped.outcome == Outcome.FAILED_PARTIAL
    text = f"Stopped at statement {stopped.seq + 1}: {stopped.error}. {_what_stands(stopped)}"
    if changed:
        attempt.finish(ExecutionState.PARTLY_DONE, TicketState.PARTLY_DONE, backup_state, error=text)
    else:
        attempt.finish(ExecutionState.FAILED, TicketState.FAILED, backup_state, error=text)


def _what_stands(stopped: ExecutedStatement) -> str:
    own = (
        f"Statement {stopped.seq + 1} had changed {stopped.rows_captured} row(s) before it failed."
        if stopped.outcome == Outcome.FAILED_PARTIAL
        else f"Nothing of statement {stopped.seq + 1} was applied."
    )
    if stopped.seq == 0:
        return own
    before = "Statement 1 is" if stopped.seq == 1 else f"Statements 1 to {stopped.seq} are"
    return f"{before} committed. {own}"
