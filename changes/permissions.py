"""Who may do what to a ticket: one function per action, each answers with the reason why not, or None.

Four eyes is a rule about data, not a permission: a superuser has every permission and is refused all the same when the
superuser submitted or last edited the ticket.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone

from changes.states import EDITABLE, BackupState, Outcome, RollbackState, TicketState

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

    from changes.models import Target, Ticket

    Person = User | AnonymousUser | AbstractBaseUser

_T = TicketState
_TOOK_EFFECT = (Outcome.DONE, Outcome.FAILED_PARTIAL, Outcome.UNKNOWN, Outcome.SENT, Outcome.COMMIT_SENT)


def _lacks(person: Person, codename: str) -> bool:
    return not person.has_perm(f"changes.{codename}")  # type: ignore[union-attr]


def _state_words(ticket: Ticket) -> str:
    return ticket.ticket_state.value.replace("_", " ")


def why_not_view(ticket: Ticket, person: Person) -> str | None:
    if _lacks(person, "view_ticket"):
        return "You may not see tickets; ask an administrator for a group."
    return None


def why_not_create(person: Person) -> str | None:
    if _lacks(person, "submit_ticket"):
        return "You may not submit tickets; ask an administrator for the group Submitters."
    return None


def why_not_edit(ticket: Ticket, person: Person) -> str | None:
    if ticket.is_rollback:
        return "A rollback ticket is made from the backup and cannot be edited."
    if ticket.ticket_state not in EDITABLE:
        return f"The ticket is {_state_words(ticket)}; its SQL can no longer change."
    return why_not_create(person)


def why_not_submit(ticket: Ticket, person: Person) -> str | None:
    if ticket.is_rollback:
        return f"Start the rollback again from ticket #{ticket.rolls_back_id}."
    if ticket.ticket_state not in {_T.DRAFT, _T.REJECTED}:
        return f"The ticket is {_state_words(ticket)}, not a draft."
    return why_not_create(person)


def four_eyes_reason(ticket: Ticket, person: Person) -> str | None:
    """Return why this person can never decide about this ticket, superuser or not."""
    if ticket.submitter_id == person.pk:
        return "You submitted this ticket; somebody else must decide."
    if ticket.last_editor_id == person.pk:
        return "You edited this ticket last; somebody else must decide."
    if ticket.activities.filter(actor_id=person.pk, verb__in=("created", "edited")).exists():
        return "You have edited this ticket; somebody else must decide."
    return None


def why_not_decide(ticket: Ticket, person: Person) -> str | None:
    """Approve and reject ask the same."""
    if ticket.ticket_state != _T.IN_REVIEW:
        return f"The ticket is {_state_words(ticket)}, not in review."
    if ticket.submitter_id is None or ticket.last_editor_id is None:
        return "The ticket names no submitter; it cannot be approved."
    if reason := four_eyes_reason(ticket, person):
        return reason
    if _lacks(person, "approve_ticket"):
        return "You may not approve tickets; ask an administrator for the group Approvers."
    decided = ticket.approvals.filter(person_id=person.pk, content_hash=ticket.content_hash, voided_at=None)
    if decided.exists():
        return "You have already approved this content; another person must approve too."
    return None


def why_not_run(ticket: Ticket, person: Person, *, now: datetime | None = None) -> str | None:
    if ticket.ticket_state not in {_T.APPROVED, _T.SCHEDULED}:
        return f"The ticket is {_state_words(ticket)}, not approved."
    if _lacks(person, "execute_ticket"):
        return "You may not run tickets; ask an administrator for the group DBAs."
    if ticket.run_not_before and ticket.run_not_before > (now or timezone.now()):
        return f"The ticket may not run before {ticket.run_not_before:%Y-%m-%d %H:%M} UTC."
    return None


def _has_begun(ticket: Ticket) -> bool:
    """Whether a queued execution was put back after a part of it ran."""
    last = ticket.last_execution if ticket.ticket_state == _T.QUEUED else None
    return last is not None and last.statements.filter(outcome__in=_TOOK_EFFECT).exists()


def why_not_withdraw(ticket: Ticket, person: Person) -> str | None:
    if ticket.ticket_state not in EDITABLE | {_T.QUEUED}:
        return f"The ticket is {_state_words(ticket)}; it can no longer be withdrawn."
    if _has_begun(ticket):
        return "A part of the ticket has run already, and a worker goes on with the rest; stop it then."
    if ticket.submitter_id != person.pk and _lacks(person, "execute_ticket"):
        return "Only the submitter or a DBA may withdraw a ticket."
    return None


def why_not_stop(ticket: Ticket, person: Person) -> str | None:
    if ticket.ticket_state not in {_T.RUNNING, _T.STOPPING}:
        return f"The ticket is {_state_words(ticket)}; there is nothing to stop."
    if ticket.submitter_id != person.pk and _lacks(person, "execute_ticket"):
        return "Only the submitter or a DBA may stop a ticket."
    return None


def why_not_decide_outcome(ticket: Ticket, person: Person) -> str | None:
    if ticket.ticket_state != _T.UNKNOWN:
        return f"The ticket is {_state_words(ticket)}; there is nothing to decide."
    if _lacks(person, "execute_ticket"):
        return "You may not decide what became of a ticket; ask an administrator for the group DBAs."
    return None


def why_not_give_up_backup(ticket: Ticket, person: Person) -> str | None:
    if ticket.backup_state != BackupState.PENDING or ticket.ticket_state not in {_T.RUNNING, _T.STOPPING}:
        return "No backup of this ticket waits."
    if _lacks(person, "execute_ticket"):
        return "You may not give up a backup; ask an administrator for the group DBAs."
    return None


def why_not_look_again(ticket: Ticket, person: Person) -> str | None:
    if ticket.ticket_state == _T.UNKNOWN or ticket.backup_state == BackupState.PENDING:
        return None if not _lacks(person, "execute_ticket") else "Only a DBA may ask for another look."
    return "Nothing of this ticket waits to be looked at."


def why_not_run_again(ticket: Ticket, person: Person) -> str | None:
    if ticket.ticket_state != _T.FAILED or ticket.is_rollback or not ticket.reviewed:
        return "Only a reviewed ticket that failed can be run again; a rollback is started again from its ticket."
    if _lacks(person, "execute_ticket"):
        return "You may not run tickets; ask an administrator for the group DBAs."
    last = ticket.last_execution
    if last is None or last.statements.filter(outcome__in=_TOOK_EFFECT).exists():
        return "A part of the ticket took effect; what is left is a ticket of its own."
    return None


def why_not_continue(ticket: Ticket, person: Person) -> str | None:
    if ticket.ticket_state not in {_T.PARTLY_DONE, _T.FAILED} or ticket.is_rollback:
        return f"The ticket is {_state_words(ticket)}; there is no rest of it to run."
    rest = ticket.continuations.exclude(state=_T.WITHDRAWN).first()
    if rest is not None:
        return f"The rest of it is ticket #{rest.pk} already."
    return why_not_create(person)


def why_not_roll_back(ticket: Ticket, person: Person) -> str | None:
    if _lacks(person, "rollback_ticket"):
        return "You may not roll back tickets; ask an administrator for the group DBAs."
    return why_no_rollback(ticket)


def why_no_rollback(ticket: Ticket) -> str | None:
    """Return why there is nothing to roll back, whoever asks."""
    if ticket.ticket_state == _T.UNKNOWN:
        return "Whether a statement of it took effect is not known; that is decided before anything is rolled back."
    if ticket.ticket_state not in {_T.SUCCEEDED, _T.PARTLY_DONE, _T.FAILED}:
        return f"The ticket is {_state_words(ticket)}; only what ran can be rolled back."
    if ticket.rollback_state in {RollbackState.DONE, RollbackState.RUNNING}:
        return "The ticket is already rolled back, or its rollback is running."
    if ticket.backup_state == BackupState.OFF:
        return "The ticket ran without a backup; there is nothing to roll back from."
    if ticket.backup_state == BackupState.EXPIRED and not _is_anything_kept(ticket):
        return "The ticket cannot be rolled back any more: its backup is no longer kept."
    if ticket.backup_state == BackupState.NONE:
        return "Nothing of this ticket was backed up; there is nothing to roll back."
    return None


def _is_anything_kept(ticket: Ticket) -> bool:
    """Whether a statement is left that can still be rolled back, although the backup of another is purged."""
    last = ticket.last_execution
    if last is None:
        return False
    kept = last.statements.filter(backup_state=BackupState.COMPLETE, undone_by=None, purge_began_at=None)
    return kept.exclude(records_stored=0).exclude(records_stored=None).exists()


def why_not_purge(person: Person) -> str | None:
    if _lacks(person, "purge_backups"):
        return "You may not purge what is kept; ask an administrator for the group DBAs."
    return None


def why_not_see_rows(person: Person) -> str | None:
    if _lacks(person, "view_rows"):
        return (
            "You may not see row values; ask an administrator for the permission 'Can see the row values in backups'."
        )
    return None


def why_not_use_target(target: Target) -> str | None:
    if not target.is_active:
        return f"{target} takes no tickets at the moment."
    return None
