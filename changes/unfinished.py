"""What people may do about an execution that runs, hangs, or whose outcome is not known: stop, kill, decide, go on."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from changes import ending, killing, permissions, undo, verdict
from changes.activity import move, note
from changes.attempt import HELD, Attempt, lock_name
from changes.clock import DatabaseNow
from changes.errors import ChangeError, PermissionRefusedError, StalePageError, TicketStateError
from changes.models import ExecutedStatement, Execution, Ticket
from changes.states import OPEN_OUTCOMES, BackupState, ExecutionState, Outcome, TicketState
from changes.targets import TargetError


def _require(reason: str | None) -> None:
    if reason is not None:
        raise PermissionRefusedError(reason)


def stop(ticket: Ticket, *, by: User) -> None:
    """Ask the worker to send nothing more after the statement it runs."""
    _require(permissions.why_not_stop(ticket, by))
    with transaction.atomic():
        _ask_to_stop(ticket, by=by, verb="stop requested")


def _ask_to_stop(ticket: Ticket, *, by: User, verb: str) -> None:
    if ticket.ticket_state == TicketState.STOPPING:
        note(ticket, verb, by=by)
        return
    move(ticket, TicketState.STOPPING, by=by, verb=verb, only_from={TicketState.RUNNING})
    ticket.executions.filter(state=ExecutionState.RUNNING).update(stop_requested_at=timezone.now())


def find_running(ticket: Ticket) -> ExecutedStatement | None:
    """Return the statement that the server works on; None between two of them, and while a backup is made."""
    sent = ExecutedStatement.objects.filter(
        execution__ticket=ticket, execution__state=ExecutionState.RUNNING, outcome__in=OPEN_OUTCOMES
    )
    # One that has a time has been answered, and waits for the end of the ticket's transaction.
    return sent.order_by(F("execute_seconds").asc(nulls_first=True), "seq").first()


def kill(ticket: Ticket, *, by: User, seen: int | None = None) -> None:
    """Stop, and end the statement that runs on the server. What became of it is taken from evidence, as always.

    seen: key of the statement that the person saw running; StalePageError when another one runs by now. In one
    transaction it does not matter which: all of them are aborted.
    Raises ChangeError when the server could not be told; the ticket still stops after the statement.
    """
    _require(permissions.why_not_stop(ticket, by))
    if seen is not None:
        _require_running(ticket, seen)
    with transaction.atomic():
        _ask_to_stop(ticket, by=by, verb="kill requested")
    execution = ticket.last_execution
    if execution is None or execution.connection_id is None:
        return
    try:
        address = ticket.target.address
    except TargetError as error:
        raise ChangeError(f"Nothing could be killed: {error.problem}") from error
    if not killing.kill_query(address, execution.connection_id, lock=lock_name(execution)):
        raise ChangeError(
            "No statement was killed: the server could not be told, or the session had ended. The ticket stops after"
            " the statement that runs."
        )


def pause(ticket: Ticket, *, by: User, wanted: bool) -> None:
    """Let the online tool that runs wait, or go on. Raises ChangeError when none does, or it swaps the tables now."""
    _require(permissions.why_not_stop(ticket, by))
    with transaction.atomic():
        running = ExecutedStatement.objects.filter(
            execution__ticket=ticket, execution__state=ExecutionState.RUNNING, outcome=Outcome.SENT
        ).exclude(online={})
        if not running.update(wants_pause=wanted):
            raise TicketStateError("No online change of this ticket copies rows any more; reload the page.")
        note(ticket, "throttled" if wanted else "resumed", by=by)


def _require_running(ticket: Ticket, seen: int) -> None:
    running = find_running(ticket)
    if running is None or running.pk == seen or running.execution.one_transaction:
        return
    raise StalePageError(
        f"The statement you saw has ended, and statement {running.seq + 1} runs now. Nothing was killed or stopped."
    )


def decide(ticket: Ticket, *, applied: bool, reason: str, by: User) -> None:
    """Close an outcome that no evidence could decide, as a person who looked at the server says.

    applied: whether the statement took effect. Raises ChangeError without a reason, or when evidence was faster.
    """
    _require(permissions.why_not_decide_outcome(ticket, by))
    if not reason.strip():
        raise ChangeError("A decision needs a reason: say what you saw on the server.")
    attempt = _take_over(ticket, ExecutionState.UNKNOWN)
    records = list(attempt.execution.statements.select_related("execution__ticket__rolls_back").order_by("seq"))
    unknown = [record for record in records if verdict.is_open(record)]
    if not unknown:
        attempt.let_go(look_again=timedelta(0))
        raise ChangeError(
            "No outcome is in doubt: what was set aside for a statement is still to be brought back. Look again once"
            " the server allows it."
        )
    words = "took effect" if applied else "did not take effect"
    said = f"{by.get_username()} decided that it {words}: {reason.strip()}"
    with transaction.atomic():
        attempt.write_all(unknown, decided_by=by, **_decided_fields(ticket, applied=applied, said=said))
        note(ticket, "decided", by=by, text=said)
        if applied and ticket.is_rollback:
            for record in unknown:
                undo.mark_undone(record)
        is_kept = not applied and any(record.definitions_before.get("kept") for record in unknown)
        if is_kept or any(record.online.get("open") for record in unknown):
            attempt.let_go(look_again=timedelta(0))  # what was set aside for it comes back first, what a tool left goes
            return
        ending.finish(attempt, records)


def _decided_fields(ticket: Ticket, *, applied: bool, said: str) -> dict[str, object]:
    if not applied:
        return {"outcome": Outcome.ABORTED, "error": said}
    fields: dict[str, object] = {"outcome": Outcome.DONE, "error": said}
    if ticket.backup:
        fields |= {"backup_state": BackupState.IMPOSSIBLE, "backup_reason": f"{said} Its rows could not be read."}
    return fields


def _take_over(ticket: Ticket, state: ExecutionState) -> Attempt:
    execution = ticket.last_execution
    attempt = None
    if execution is not None and execution.state == state:
        attempt = Attempt.take_over(execution, only_expired=state == ExecutionState.RUNNING)
    if attempt is None:
        raise TicketStateError("Somebody is looking into this execution at the moment; reload the page.")
    return attempt


def give_up_backup(ticket: Ticket, *, reason: str, by: User) -> None:
    """End the wait for a backup that cannot be made: the change stays, and is marked as one that cannot be put back."""
    _require(permissions.why_not_give_up_backup(ticket, by))
    if not reason.strip():
        raise ChangeError("Giving up a backup needs a reason: what is not backed up cannot be rolled back.")
    attempt = _take_over(ticket, ExecutionState.RUNNING)
    records = list(attempt.execution.statements.select_related("execution__ticket__rolls_back").order_by("seq"))
    pending = [record for record in records if record.backup_state == BackupState.PENDING]
    said = f"{by.get_username()} gave the backup up: {reason.strip()}"
    with transaction.atomic():
        for record in pending:
            attempt.write(
                record, backup_state=BackupState.INCOMPLETE, backup_reason=f"{said} {record.backup_reason}".strip()
            )
        note(ticket, "backup given up", by=by, text=said)
        ending.finish(attempt, records)


def look_again(ticket: Ticket, *, by: User) -> None:
    """Let the next look at an undecided outcome, or at a backup that waits, be now."""
    _require(permissions.why_not_look_again(ticket, by))
    # What evidence could not decide has no next look by itself; a person may want one, e.g. of a restored binlog.
    held = Execution.objects.filter(ticket=ticket, state__in=HELD)
    if not held.update(look_again_at=DatabaseNow()):
        raise TicketStateError("Nothing of this ticket waits to be looked at any more; reload the page.")
    note(ticket, "look again", by=by)
