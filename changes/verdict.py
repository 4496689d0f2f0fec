"""How an execution ended, judged from its statements alone."""

from __future__ import annotations

from collections.abc import Sequence

from changes.attempt import Attempt
from changes.models import ExecutedStatement
from changes.protection import sum_of
from changes.states import OPEN_OUTCOMES, ExecutionState, Outcome, TicketState

_OPEN = (Outcome.UNKNOWN, *OPEN_OUTCOMES)
_TROUBLE = (*_OPEN, Outcome.FAILED, Outcome.FAILED_PARTIAL, Outcome.ABORTED)
"""What speaks for an execution, the first before the others."""


def finish(attempt: Attempt, records: Sequence[ExecutedStatement], *, why: str = "") -> None:
    """Write how the execution ended, judged from its statements alone.

    why: the reason that statements still wait, when they do not tell it themselves.
    """
    backup_state = sum_of(records)
    outcomes = [Outcome(record.outcome) for record in records]
    changed = Outcome.DONE in outcomes or Outcome.FAILED_PARTIAL in outcomes
    stopped = find_trouble(records)
    if stopped is not None and is_open(stopped):
        text = f"Statement {stopped.seq + 1}: {stopped.error or 'whether it took effect is not known.'}"
        attempt.finish(ExecutionState.UNKNOWN, TicketState.UNKNOWN, backup_state, error=text)
    elif records and all(outcome == Outcome.DONE for outcome in outcomes):
        attempt.finish(ExecutionState.SUCCEEDED, TicketState.SUCCEEDED, backup_state, error="")
    else:
        state, ticket_state = ExecutionState.FAILED, TicketState.FAILED
        if changed:
            state, ticket_state = ExecutionState.PARTLY_DONE, TicketState.PARTLY_DONE
        attempt.finish(state, ticket_state, backup_state, error=_describe_end(attempt, records, stopped, why))


def is_open(record: ExecutedStatement) -> bool:
    """Whether it is not known what became of a statement that was sent."""
    return record.outcome in _OPEN


def find_trouble(records: Sequence[ExecutedStatement]) -> ExecutedStatement | None:
    """Return the statement that says why the execution ended where it did; None when nothing went wrong."""
    for outcome in _TROUBLE:
        for record in records:
            if record.outcome == outcome:
                return record
    return None


def _describe_end(
    attempt: Attempt, records: Sequence[ExecutedStatement], stopped: ExecutedStatement | None, why: str
) -> str:
    if stopped is not None and attempt.execution.one_transaction:
        return (
            f"Stopped at statement {stopped.seq + 1}: {_words(stopped)} Nothing of the ticket was applied: all its"
            " statements ran in one transaction, which was aborted."
        )
    if stopped is not None:
        return f"Stopped at statement {stopped.seq + 1}: {_words(stopped)} {_what_stands(stopped)}"
    done = [record for record in records if record.outcome == Outcome.DONE]
    if not done and why:
        return f"Nothing was sent. {why}"
    if not done:
        return "Stopped before anything was sent. Nothing of the ticket was applied."
    last = done[-1]
    if last.backup_reason:
        return (
            f"Stopped after statement {last.seq + 1}, which is committed, since its backup is incomplete: "
            f"{last.backup_reason} The statements after it were not run."
        )
    if why:
        return f"Ended after statement {last.seq + 1}: {why} The statements after it were not run."
    if attempt.is_stop_requested():
        return f"Stopped after statement {last.seq + 1}, as asked. The statements after it were not run."
    return f"Ended after statement {last.seq + 1}: its worker went away. The statements after it were not run."


def _words(stopped: ExecutedStatement) -> str:
    return stopped.error if stopped.error.endswith(".") else f"{stopped.error}."


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
