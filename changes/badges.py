"""The words and colours of states, one table per kind of state."""

from __future__ import annotations

from dataclasses import dataclass

from changes.states import BackupState, ExecutionState, Outcome, RollbackState, TicketState


@dataclass(frozen=True, slots=True)
class Badge:
    """A coloured word. css: ok, warn, bad, run, go or idle, classes of page.css. hint: shown on hover."""

    css: str
    text: str
    hint: str = ""


TICKET: dict[str, Badge] = {
    TicketState.DRAFT: Badge("idle", "draft"),
    TicketState.IN_REVIEW: Badge("go", "in review"),
    TicketState.REJECTED: Badge("bad", "rejected"),
    TicketState.APPROVED: Badge("ok", "approved"),
    TicketState.SCHEDULED: Badge("go", "scheduled"),
    TicketState.QUEUED: Badge("run", "queued"),
    TicketState.RUNNING: Badge("run", "running"),
    TicketState.STOPPING: Badge("run", "stopping", "Nothing more is sent after the statement that runs."),
    TicketState.SUCCEEDED: Badge("ok", "done"),
    TicketState.PARTLY_DONE: Badge("warn", "partly done", "Some statements are committed, a later one failed."),
    TicketState.FAILED: Badge("bad", "failed", "Nothing of this ticket is committed."),
    TicketState.UNKNOWN: Badge("bad", "outcome unknown", "A person has to look at the server."),
    TicketState.WITHDRAWN: Badge("idle", "withdrawn"),
}

BACKUP: dict[str, Badge | None] = {
    BackupState.NONE: None,
    BackupState.PENDING: Badge("bad", "backup pending", "The change is made; nothing else runs before its backup is."),
    BackupState.COMPLETE: Badge("ok", "protected", "Every changed row has a stored rollback record."),
    BackupState.INCOMPLETE: Badge("bad", "not fully protected", "Not every change can be put back; see Execution."),
    BackupState.OFF: Badge("warn", "ran without backup", "The changes cannot be put back."),
    BackupState.IMPOSSIBLE: Badge("bad", "cannot be undone", "No record can undo this kind of change."),
    BackupState.EXPIRED: Badge("idle", "no longer kept", "It was protected for as long as the target's policy says."),
}

ROLLBACK: dict[str, Badge | None] = {
    RollbackState.NONE: None,
    RollbackState.RUNNING: Badge("run", "rolling back"),
    RollbackState.DONE: Badge("idle", "rolled back"),
    RollbackState.PARTIAL: Badge("warn", "partly rolled back"),
    RollbackState.CONFLICTED: Badge("bad", "rollback conflicts", "Nothing was changed by that rollback."),
    RollbackState.FAILED: Badge("bad", "rollback failed"),
}

EXECUTION: dict[str, Badge] = {
    ExecutionState.QUEUED: Badge("run", "queued"),
    ExecutionState.RUNNING: Badge("run", "running"),
    ExecutionState.SUCCEEDED: Badge("ok", "done"),
    ExecutionState.PARTLY_DONE: Badge("warn", "partly done"),
    ExecutionState.FAILED: Badge("bad", "failed"),
    ExecutionState.REFUSED: Badge("warn", "refused, nothing ran"),
    ExecutionState.CONFLICTED: Badge("bad", "conflicts, nothing changed"),
    ExecutionState.UNKNOWN: Badge("bad", "outcome unknown"),
}

OUTCOME: dict[str, Badge] = {
    Outcome.WAITING: Badge("idle", "waiting"),
    Outcome.SENT: Badge("run", "running"),
    Outcome.COMMIT_SENT: Badge("run", "committing"),
    Outcome.DONE: Badge("ok", "done"),
    Outcome.FAILED: Badge("bad", "failed"),
    Outcome.FAILED_PARTIAL: Badge("bad", "failed half-way"),
    Outcome.ABORTED: Badge("idle", "aborted", "It was sent, and nothing of it was applied."),
    Outcome.UNKNOWN: Badge("bad", "unknown", "Nobody heard the server's answer, and no evidence decides."),
    Outcome.NOT_RUN: Badge("idle", "not run"),
}

UNCOMMITTED = Badge(
    "run", "ran, not committed", "It takes effect with the COMMIT of the ticket's transaction, or not at all."
)
BACKING_UP = Badge("run", "backing up")
"""Of one statement, as long as its first try has not failed."""

UNDO: dict[str, Badge] = {
    "rows": Badge("ok", "can be undone"),
    "ddl": Badge("ok", "rollback proven", "It was done and undone on empty tables like these."),
    "unproven": Badge("warn", "not proven", "The way back was not tried, or did not lead back."),
    "none": Badge("bad", "cannot be undone", "What this takes away will be lost."),
    "off": Badge("warn", "no backup"),
}


def forecast(inspection: dict[str, object], *, backup: bool) -> Badge | None:
    """Return what a ticket that has not run yet promises: the worst of its statements. None without statements."""
    if not backup:
        return UNDO["off"]
    statements = inspection.get("statements")
    states = [entry.get("undo_state") for entry in statements] if isinstance(statements, list) else []
    if not states:
        return None
    return UNDO[next((state for state in ("none", "unproven") if state in states), "rows")]
