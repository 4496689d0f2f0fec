"""The one bar of a ticket's page: what is next, what this person may do, and what blocks them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changes import permissions
from changes.states import BackupState, RollbackState, TicketState

if TYPE_CHECKING:
    from changes.models import Execution, Ticket
    from changes.permissions import Person

_T = TicketState


@dataclass(frozen=True, slots=True)
class NextStep:
    """text: what is next. blocked: why this person cannot do it, empty when they can or when nobody has to.

    actions: of "edit", "submit", "decide", "run", "withdraw", "rollback", in the order of the buttons.
    """

    text: str
    blocked: str = ""
    actions: tuple[str, ...] = ()


def build_next_step(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    """Return what stands in the bar of `ticket` for `person`."""
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
    return NextStep("Waits for a free worker. This page follows it.", actions=_may_edit(ticket, person))


def _running(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    return NextStep("Nothing for you to do: a worker runs it, and this page follows. What ran can be undone later.")


def _withdrawn(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    return NextStep("Withdrawn. Nothing of it will run.")


_ENDED = {
    _T.SUCCEEDED: "Done.",
    _T.PARTLY_DONE: "Partly done.",
    _T.FAILED: "Failed.",
    _T.UNKNOWN: "The outcome is not known. Look at the server before anything else.",
}
_PROTECTION = {
    BackupState.COMPLETE: "Every changed row can be put back.",
    BackupState.INCOMPLETE: "Not every change can be put back; Execution says which and why.",
    BackupState.IMPOSSIBLE: "What it did cannot be put back; Execution says why.",
    BackupState.OFF: "It ran without a backup.",
}


def _ended(ticket: Ticket, person: Person, execution: Execution | None) -> NextStep:
    words = [_ENDED[ticket.ticket_state]]
    if execution is not None and execution.error:
        words.append(execution.error)
    if ticket.rollback_state == RollbackState.DONE:
        return NextStep(" ".join([*words, "It was rolled back."]))
    if ticket.rollback_state == RollbackState.RUNNING:
        return NextStep(" ".join([*words, "A rollback is under way."]))
    words.append(_PROTECTION.get(BackupState(ticket.backup_state), ""))
    refusal = permissions.why_not_roll_back(ticket, person)
    if permissions.why_no_rollback(ticket) is not None:
        return NextStep(" ".join(words).strip())
    return NextStep(" ".join(words).strip(), refusal or "", () if refusal else ("rollback",))
