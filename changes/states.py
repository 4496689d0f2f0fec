"""The states of tickets, executions and statements, and the table of allowed moves."""

from __future__ import annotations

from enum import StrEnum


class TicketState(StrEnum):
    DRAFT = "draft"
    IN_REVIEW = "in_review"
    REJECTED = "rejected"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    SUCCEEDED = "succeeded"
    PARTLY_DONE = "partly_done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"


class BackupState(StrEnum):
    """EXPIRED: it was complete, and was let go of after the time that its target's policy keeps it."""

    NONE = "none"
    PENDING = "pending"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    OFF = "off"
    IMPOSSIBLE = "impossible"
    EXPIRED = "expired"


class RollbackState(StrEnum):
    NONE = "none"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    CONFLICTED = "conflicted"
    FAILED = "failed"


class ExecutionState(StrEnum):
    """One attempt. REFUSED: the preflight found a reason not to start, nothing was sent."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTLY_DONE = "partly_done"
    FAILED = "failed"
    REFUSED = "refused"
    CONFLICTED = "conflicted"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What is known of one statement. SENT and COMMIT_SENT are written before the deed, the others after it.

    ABORTED: it was sent, and nothing of it was applied: the transaction it ran in was aborted, or its session died.
    """

    WAITING = "waiting"
    SENT = "sent"
    COMMIT_SENT = "commit_sent"
    DONE = "done"
    FAILED = "failed"
    FAILED_PARTIAL = "failed_partial"
    ABORTED = "aborted"
    UNKNOWN = "unknown"
    NOT_RUN = "not_run"


class TransactionMode(StrEnum):
    """How a ticket's row changes are committed. AUTO: all in one where that can be, else each by itself."""

    AUTO = "auto"
    ONE = "one"
    EACH = "each"


OPEN_OUTCOMES = frozenset({Outcome.SENT, Outcome.COMMIT_SENT})
"""Nobody heard the server's answer, or nobody has yet."""

_T = TicketState

ALLOWED_MOVES: dict[TicketState, frozenset[TicketState]] = {
    _T.DRAFT: frozenset({_T.IN_REVIEW, _T.APPROVED, _T.WITHDRAWN}),
    _T.IN_REVIEW: frozenset({_T.DRAFT, _T.REJECTED, _T.APPROVED, _T.WITHDRAWN}),
    _T.REJECTED: frozenset({_T.DRAFT, _T.IN_REVIEW, _T.WITHDRAWN}),
    _T.APPROVED: frozenset({_T.DRAFT, _T.SCHEDULED, _T.QUEUED, _T.WITHDRAWN}),
    _T.SCHEDULED: frozenset({_T.DRAFT, _T.QUEUED, _T.WITHDRAWN}),
    # Back to APPROVED: the preflight refused, nothing ran, and the same approved text may be queued again.
    _T.QUEUED: frozenset({_T.RUNNING, _T.APPROVED, _T.WITHDRAWN}),
    _T.RUNNING: frozenset(
        # APPROVED: refused before anything was sent. DRAFT: what would run was not what was approved.
        # QUEUED: the worker went away between two statements, and another one goes on.
        {_T.DRAFT, _T.APPROVED, _T.QUEUED, _T.STOPPING, _T.SUCCEEDED, _T.PARTLY_DONE, _T.FAILED, _T.UNKNOWN},
    ),
    _T.STOPPING: frozenset({_T.DRAFT, _T.APPROVED, _T.SUCCEEDED, _T.PARTLY_DONE, _T.FAILED, _T.UNKNOWN}),
    _T.SUCCEEDED: frozenset(),
    _T.PARTLY_DONE: frozenset(),
    # Nothing of it was applied, and somebody runs the same approved text again.
    _T.FAILED: frozenset({_T.QUEUED}),
    _T.UNKNOWN: frozenset({_T.SUCCEEDED, _T.PARTLY_DONE, _T.FAILED}),
    _T.WITHDRAWN: frozenset(),
}

EDITABLE = frozenset({_T.DRAFT, _T.IN_REVIEW, _T.REJECTED, _T.APPROVED, _T.SCHEDULED})
"""States in which the SQL may still change; a change voids all approvals and goes back to DRAFT."""

FINAL = frozenset({_T.SUCCEEDED, _T.PARTLY_DONE, _T.FAILED, _T.WITHDRAWN})
"""States that nothing moves on from by itself."""

ACTIVE = frozenset({_T.QUEUED, _T.RUNNING, _T.STOPPING})
"""States in which a worker has, or is about to get, the ticket."""


def may_move(old: TicketState, new: TicketState) -> bool:
    """Whether the table of moves allows `old` → `new`. A state never moves to itself."""
    return new in ALLOWED_MOVES[old]


def sum_backup_states(states: list[BackupState]) -> BackupState:
    """Return the backup state of a ticket from those of its executed statements.

    The worst one speaks for all: one incomplete statement makes the ticket incomplete. Nothing executed is NONE.
    """
    for state in (
        BackupState.INCOMPLETE,
        BackupState.IMPOSSIBLE,
        BackupState.PENDING,
        BackupState.EXPIRED,
        BackupState.OFF,
        BackupState.COMPLETE,
    ):
        if state in states:
            return state
    return BackupState.NONE
