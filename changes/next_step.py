"""The one bar of a ticket's page: what is next, what this person may do, and what blocks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changes import permissions
from changes.attempt import find_obstacle
from changes.states import BackupState, ExecutionState, Outcome, RollbackState, TicketState

if TYPE_CHECKING:
    from changes.models import ExecutedStatement, Execution, Ticket
    from changes.permissions import Person

_T = TicketState


@dataclass(frozen=True, slots=True)
class NextStep:
    """text: what is next. blocked: why this person cannot do it, empty when they can or when nobody has to.

    waits_for: the ticket that has to end first.
    actions: of "edit", "submit", "decide", "run", "withdraw", "stop", "kill", "run_again", "run_rest", "rollback".
    """

    text: str
    blocked: str = ""
    actions: tuple[str, ...] = ()
    waits_for: Ticket | None = None


def build_next_step(
    ticket: Ticket, person: Person, execution: Execution | None, *, online: ExecutedStatement | None = None
) -> NextStep:
    """Return what stands in the bar of `ticket` for `person`. online: the statement that an online tool makes now."""
    if online is not None and ticket.ticket_state in (_T.RUNNING, _T.STOPPING):
        return _online(ticket, person, online)
    build = {
        _T.DRAFT: _draft,
        _T.REJECTED: _draft,
        _T.IN_REVIEW: _in_review,
        _T.APPROVED: _approved,
        _T.SCHEDULED: _scheduled,
        _T.QUEUED: _queued,
        _T.RUNNING: _running,
        _T.STOPPING: _running,
        _T.WITHDRAWN: _withdrawn,
    }.get(ticket.ticket_state, _ended)
    return build(ticket, person, execution)


def _may_edit(ticket: Ticket, person: Person) -> tuple[str, ...]:
    edit = ("edit",) if permissions.why_not_edit(ticket, person) is None else ()
    return (*edit, *(("withdraw",) if permissions.why_not_withdraw(ticket, person) is None else ()))


def _draft(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    errors = sum(problem.severity == "error" for problem in ticket.problems)
    others = _may_edit(ticket, person)
    refusal = permissions.why_not_submit(ticket, person)
    if refusal:
        return NextStep("The ticket waits for its submitter.", refusal, others)
    if errors:
        word = "error" if errors == 1 else "errors"
        text = f"The check found {errors} {word}. Edit the ticket; submitting checks it again."
        return NextStep(text, actions=(*others, "submit"))
    if ticket.ticket_state == _T.REJECTED:
        return NextStep("Rejected: read the comment below, edit, and submit again.", actions=(*others, "submit"))
    return NextStep("A draft, seen by nobody who decides. Submit it for review.", actions=(*others, "submit"))


def _in_review(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    refusal = permissions.why_not_decide(ticket, person)
    others = _may_edit(ticket, person)
    given = ticket.approvals.filter(decision="approve", content_hash=ticket.content_hash, voided_at=None).count()
    needed = ticket.target.approvals_needed
    if refusal is None:
        return NextStep("Read the SQL and the findings, then decide.", actions=("decide", *others))
    waits = "Waits for an approver." if needed == 1 else f"Waits for approvers: {given} of {needed} approved."
    return NextStep(waits, refusal, others)


def _approved(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    refusal = permissions.why_not_run(ticket, person)
    text = "Approved. It runs when somebody says so."
    if execution is not None and execution.error:
        text = f"The last attempt was refused and nothing ran: {execution.error}"
    others = _may_edit(ticket, person)
    return NextStep(text, refusal or "", others if refusal else ("run", *others))


def _scheduled(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    when = f"{ticket.run_not_before:%Y-%m-%d %H:%M} UTC" if ticket.run_not_before else "its time"
    return NextStep(f"Approved. It runs by itself at {when}.", actions=_may_edit(ticket, person))


def _queued(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    others = _may_edit(ticket, person)
    obstacle = find_obstacle(execution) if execution and execution.state == ExecutionState.QUEUED else None
    if obstacle is None:
        return NextStep("Waits for a free worker. This page follows it.", actions=others)
    return NextStep(
        _why_it_waits(ticket, obstacle.ticket),
        actions=others,
        waits_for=obstacle.ticket,
    )


def _why_it_waits(ticket: Ticket, other: Ticket) -> str:
    if other.schema_name == ticket.schema_name:
        return f"One ticket at a time runs in the schema {ticket.schema_name}."
    most = ticket.target.most_running
    limit = "one ticket" if most == 1 else f"{most} tickets"
    return f"{ticket.target} takes {limit} at a time, and that many run now."


def _running(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    refusal = permissions.why_not_stop(ticket, person)
    is_stopping = ticket.ticket_state == TicketState.STOPPING
    text = _stopping_words(ticket, execution) if is_stopping else _running_words(ticket)
    if refusal:
        return NextStep(text, refusal)
    waits = ticket.backup_state == BackupState.PENDING  # then no statement runs that could be killed
    actions = (() if is_stopping else ("stop",)) + (() if waits else ("kill",))
    return NextStep(text, actions=actions)


def _online(ticket: Ticket, person: Person, record: ExecutedStatement) -> NextStep:
    """While the tool copies, the panel above has what can be done; its swap cannot be taken back any more."""
    refusal = permissions.why_not_stop(ticket, person)
    is_stopping = ticket.ticket_state == TicketState.STOPPING
    if record.outcome == Outcome.SENT:
        text = "The copy is thrown away; the table stays as it is." if is_stopping else "This page follows the change."
        return NextStep(text)
    text = "The tables are being swapped, which takes a moment and cannot be cancelled any more."
    return NextStep(text, actions=() if refusal or is_stopping else ("stop",))


def _running_words(ticket: Ticket) -> str:
    if ticket.backup_state == BackupState.PENDING:
        return "Nothing of it is sent before the backup above is there."
    follows = "A worker runs it, and this page follows."
    if ticket.is_rollback:
        return f"{follows} Stopped, it ends before its next step; killed, the step is aborted and puts nothing back."
    if ticket.is_one_transaction:
        return (
            f"{follows} It is one transaction: stopped or killed, it is aborted, and nothing of the ticket is applied."
        )
    return f"{follows} Stopped, it ends after the statement that runs; what ran stays, and can be undone."


def _stopping_words(ticket: Ticket, execution: Execution | None) -> str:
    if ticket.backup_state == BackupState.PENDING:
        return "Stopping: it ends once the backup above is there."
    since = execution.stop_requested_at if execution else None
    asked = f"Stopping, asked at {since:%H:%M:%S} UTC: " if since else "Stopping: "
    if ticket.is_one_transaction and not ticket.is_rollback:
        return f"{asked}once the statement has ended, the transaction is aborted and nothing of the ticket is applied."
    return f"{asked}nothing more is sent once the statement that runs has ended and is backed up."


def _withdrawn(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    return NextStep("Withdrawn. Nothing of it will run.")


_ENDED = {
    _T.SUCCEEDED: "Done.",
    _T.PARTLY_DONE: "Partly done.",
    _T.FAILED: "Failed.",
    _T.UNKNOWN: "Whether it took effect is not known. Nothing of it runs again before that is decided.",
}
_PROTECTION = {
    BackupState.COMPLETE: "Every changed row can be put back.",
    BackupState.INCOMPLETE: "Not every change can be put back; Execution says which and why.",
    BackupState.IMPOSSIBLE: "What it did cannot be put back; Execution says why.",
    BackupState.OFF: "It ran without a backup.",
    BackupState.EXPIRED: "",
}


def _ended(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    words = [_ENDED[ticket.ticket_state]]
    if ticket.ticket_state == _T.UNKNOWN:
        return NextStep(words[0], permissions.why_not_decide_outcome(ticket, person) or "")
    if execution is not None and execution.error:
        words.append(execution.error)
    if ticket.rollback_state == RollbackState.DONE:
        return NextStep(" ".join([*words, "It was rolled back."]))
    if ticket.rollback_state == RollbackState.RUNNING:
        return NextStep(" ".join([*words, "A rollback is under way."]))
    words.append(_PROTECTION.get(BackupState(ticket.backup_state), ""))
    text = " ".join(words).strip()
    others = _may_go_on(ticket, person)
    refusal = permissions.why_not_roll_back(ticket, person)
    if permissions.why_no_rollback(ticket) is not None:
        return NextStep(text, actions=others)
    return NextStep(text, refusal or "", others if refusal else (*others, "rollback"))


def _may_go_on(ticket: Ticket, person: Person) -> tuple[str, ...]:
    """What can be done about the part that did not take effect."""
    again = permissions.why_not_run_again(ticket, person) is None
    rest = permissions.why_not_continue(ticket, person) is None
    return tuple(name for name, may in (("run_rest", rest), ("run_again", again)) if may)
