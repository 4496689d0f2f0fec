"""How an execution ended: a rollback is judged by what it undid, any other by its statements alone."""

from __future__ import annotations

from collections.abc import Sequence

from changes import undo, verdict
from changes.attempt import Attempt
from changes.models import ExecutedStatement


def finish(attempt: Attempt, records: Sequence[ExecutedStatement], *, why: str = "") -> None:
    """Write how the execution ended. why: the reason that statements still wait, when they do not tell it."""
    if attempt.execution.ticket.is_rollback:
        undo.finish(attempt, records, why=why)
    else:
        verdict.finish(attempt, records, why=why)
