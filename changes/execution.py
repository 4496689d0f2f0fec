"""One attempt to run a ticket, from claim to record."""

from __future__ import annotations

import logging

from backups import faults
from changes import ending, recovery, targets, undo
from changes.attempt import Attempt, LostExecutionError, claim, is_what_was_approved, ring_waiting
from changes.errors import UnheardError
from changes.lifeline import Lifeline
from changes.models import Execution
from changes.problems import Problem
from changes.protection import BackupPendingError
from changes.run import Run
from changes.running import run_statements
from changes.session import RefusedError, open_session
from changes.states import Outcome

logger = logging.getLogger(__name__)


def run(execution_id: int) -> Execution | None:
    """Run one queued execution; the rows it leaves tell how it went. None when it was not ours to run.

    1. Claim it by compare-and-set, with a new fence. Lost, or its schema is busy: nothing happens.
    2. Compare the stored content with what was approved. Different: refused, nothing was sent.
    3. Connect, judge the server, take the ticket's lock there. A reason against: refused, nothing was sent; the ticket
       is approved again.
    4. For each statement, or for all in one transaction: snapshot, coordinates, intent, execute, outcome, capture (or,
       for a rollback, restore). The first that fails ends it; what is committed is captured and can be rolled back.
    5. Write how it ended.

    When an answer is not heard, or anything unforeseen is raised, what became of it is decided at once by evidence
    from the server (`recovery`). Where even that fails the lease is given up, and `manage.py reconcile` goes on from
    here: an execution is never running for ever.
    """
    execution = claim(execution_id)
    if execution is None:
        logger.info("execution=%s state=not_ours", execution_id)
        return None
    attempt = Attempt(execution)
    try:
        faults.point("after_claim")
        _run_claimed(attempt)
    except LostExecutionError:
        logger.warning("execution=%s state=lost", execution_id)
    except (UnheardError, BackupPendingError) as error:
        logger.warning("execution=%s state=looked_into error=%s", execution_id, type(error).__name__)
        recovery.take_back(attempt)
    except Exception:
        # What it left half done is settled; the error itself is for the log of the worker.
        recovery.take_back(attempt)
        raise
    finally:
        ring_waiting(execution.ticket.target_id)
    execution.refresh_from_db()
    logger.info("execution=%s state=%s", execution_id, execution.state)
    return execution


def _run_claimed(attempt: Attempt) -> None:
    execution = attempt.execution
    if not is_what_was_approved(execution):
        if _has_sent(execution):
            _end_refused(attempt, RefusedError([_not_approved_problem()]))
        else:
            attempt.void()
        return
    try:
        address = execution.ticket.target.address
        is_rollback = execution.ticket.is_rollback
        with Lifeline(attempt, address) as lifeline, open_session(attempt, found_rows=is_rollback) as session:
            if is_rollback:
                undo.run_rollback(attempt, session, lifeline)
            else:
                run_statements(Run(attempt, session, lifeline))
    except targets.TargetError as error:
        _end_refused(attempt, RefusedError([error.problem]))
    except RefusedError as refusal:
        _end_refused(attempt, refusal)


def _has_sent(execution: Execution) -> bool:
    """Whether an earlier worker of this execution sent a part of it."""
    return execution.statements.exclude(outcome__in=[Outcome.WAITING, Outcome.NOT_RUN]).exists()


def _not_approved_problem() -> Problem:
    return Problem(
        id="ticket.not_approved",
        severity="error",
        found="What is left of the ticket is no longer what was approved, e.g. its target or the approvals it needs.",
        needed="The content that the approvers saw.",
        how="Run the rest as a ticket of its own.",
    )


def _end_refused(attempt: Attempt, refusal: RefusedError) -> None:
    """Nothing was sent; or nothing more, when an earlier worker sent a part and this one was to go on."""
    if not _has_sent(attempt.execution):
        attempt.refuse([problem.to_dict() for problem in refusal.problems], str(refusal))
        return
    records = list(attempt.execution.statements.select_related("execution__ticket__rolls_back").order_by("seq"))
    ending.finish(attempt, records, why=str(refusal))
