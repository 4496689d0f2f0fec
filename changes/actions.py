"""What people do to tickets. Views, admin and commands call these and nothing below them.

Each action asks for permission, moves the ticket by a filtered UPDATE and writes an Activity row, in one transaction.
Losing a race is a message, not a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from backups import restore
from changes import inspection, jobs, permissions, undo
from changes.activity import move, note
from changes.attempt import count_approvals, find_ready, settle_rolled_back
from changes.content import approved_texts, hash_ticket
from changes.errors import (
    AlreadySavedError,
    ChangeError,
    CheckFailedError,
    PermissionRefusedError,
    StalePageError,
    TicketStateError,
)
from changes.models import Approval, Execution, Target, Ticket
from changes.preflight import ChecklistItem
from changes.states import EDITABLE, ExecutionState, Outcome, RollbackState, TicketState, TransactionMode
from changes.undo_plan import RollbackPlan as RollbackPlan
from changes.undo_plan import choose_statements


@dataclass(frozen=True, slots=True)
class TicketFields:
    """What a submitter fills in."""

    title: str
    target: Target
    schema_name: str
    sql: str
    reason: str = ""
    backup: bool = True
    no_backup_reason: str = ""
    accepts_loss: bool = False
    run_not_before: datetime | None = None
    transaction_mode: str = TransactionMode.AUTO.value


def _require(reason: str | None) -> None:
    if reason is not None:
        raise PermissionRefusedError(reason)


def _set_fields(ticket: Ticket, fields: TicketFields) -> None:
    for name in fields.__dataclass_fields__:
        setattr(ticket, name, getattr(fields, name))


def create_ticket(fields: TicketFields, *, by: User, form_key: str = "", rest_of: Ticket | None = None) -> Ticket:
    """Keep a new draft, whatever its SQL looks like, and check it: bad input loses nothing.

    form_key: names the form that was filled in; a form that is sent twice makes one ticket.
    rest_of: the ticket that this one continues.
    Raises AlreadySavedError when the form was sent before.
    """
    _require(permissions.why_not_create(by))
    _require(permissions.why_not_use_target(fields.target))
    _require_unsaved(by, form_key)
    ticket = Ticket(submitter=by, last_editor=by, form_key=form_key or None, continues=rest_of)
    _set_fields(ticket, fields)
    ticket.inspection = inspection.inspect(ticket).to_dict()
    try:
        with transaction.atomic():
            ticket.save()
            note(ticket, "created", by=by)
            if rest_of is not None:
                text = f"Ticket #{ticket.pk} was made of what did not take effect."
                note(rest_of, "continued", by=by, text=text)
    except IntegrityError:  # the second of two clicks was checked at the same time
        _require_unsaved(by, form_key)
        raise
    return ticket


def _require_unsaved(by: User, form_key: str) -> None:
    if form_key and (first := Ticket.objects.filter(submitter=by, form_key=form_key).first()):
        raise AlreadySavedError(first.pk)


def edit_ticket(ticket: Ticket, fields: TicketFields, *, by: User, seen_at: datetime | None = None) -> None:
    """Replace the content, void every approval and go back to draft.

    seen_at: `updated_at` of the ticket when the form was shown; a ticket saved by somebody else since is refused.
    Raises TicketStateError, StalePageError.
    """
    _require(permissions.why_not_edit(ticket, by))
    _require(permissions.why_not_use_target(fields.target))
    _set_fields(ticket, fields)
    found = inspection.inspect(ticket).to_dict()
    with transaction.atomic():
        stored = Ticket.objects.select_for_update().get(pk=ticket.pk)
        if seen_at is not None and stored.updated_at != seen_at:
            raise StalePageError(
                "Somebody saved this ticket while you were editing; reload and apply your change again."
            )
        if stored.ticket_state not in EDITABLE:
            raise TicketStateError(permissions.why_not_edit(stored, by) or "The ticket can no longer change.")
        voided = stored.approvals.filter(voided_at=None).update(voided_at=timezone.now())
        text = f"{voided} decision(s) voided, since the content changed." if voided else ""
        values: dict[str, Any] = {name: getattr(fields, name) for name in fields.__dataclass_fields__}
        values |= {"inspection": found, "content_hash": "", "last_editor": by}
        if stored.ticket_state == TicketState.DRAFT:
            Ticket.objects.filter(pk=ticket.pk).update(updated_at=timezone.now(), **values)
            note(ticket, "edited", by=by, text=text)
        else:
            move(ticket, TicketState.DRAFT, by=by, verb="edited", text=text, **values)
    ticket.refresh_from_db()


def submit(ticket: Ticket, *, by: User) -> None:
    """Check the ticket once more on its server and put it in review.

    Raises CheckFailedError with all findings when one of them is an error; the ticket stays a draft and keeps them.
    """
    _require(permissions.why_not_submit(ticket, by))
    _require(permissions.why_not_use_target(ticket.target))
    found = inspection.inspect(ticket)
    with transaction.atomic():
        stored = Ticket.objects.select_for_update().select_related("target").get(pk=ticket.pk)
        if stored.updated_at != ticket.updated_at:
            raise StalePageError(
                "Somebody saved this ticket while it was checked; look at it again and submit it then."
            )
        stored.inspection = found.to_dict()
        Ticket.objects.filter(pk=ticket.pk).update(inspection=stored.inspection)
        if not found.has_errors:
            now = timezone.now()
            hashed = hash_ticket(stored)
            move(stored, TicketState.IN_REVIEW, by=by, verb="submitted", content_hash=hashed, submitted_at=now)
    ticket.refresh_from_db()
    if found.has_errors:
        raise CheckFailedError(found.problems)


def _require_seen(ticket: Ticket, content_hash: str) -> None:
    if content_hash != ticket.content_hash:
        raise StalePageError(
            "The ticket changed after your page was loaded. Nothing was decided; read it again and decide then."
        )


def _require_unchanged(ticket: Ticket) -> None:
    if ticket.content_hash != hash_ticket(ticket):
        raise StalePageError(
            "What this ticket would run is no longer what was submitted, e.g. its target's address was changed. "
            "Reject it, so that it is edited and submitted again."
        )


def _decide(ticket: Ticket, decision: str, *, by: User, content_hash: str, comment: str) -> None:
    assert ticket.submitter_id is not None  # why_not_decide refused a ticket that names nobody
    assert ticket.last_editor_id is not None
    try:
        Approval.objects.create(
            ticket=ticket,
            person=by,
            submitter_id=ticket.submitter_id,
            last_editor_id=ticket.last_editor_id,
            decision=decision,
            comment=comment,
            content_hash=content_hash,
        )
    except IntegrityError as error:
        raise TicketStateError("Your decision about this content is already recorded.") from error


def approve(ticket: Ticket, *, by: User, content_hash: str, comment: str = "") -> None:
    """Record an approval of exactly the content that was on the screen; the last one needed starts the ticket.

    content_hash: the hash that the approver's page carried.
    Raises StalePageError, PermissionRefusedError, TicketStateError.
    """
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update().select_related("target").get(pk=ticket.pk)
        _require(permissions.why_not_decide(ticket, by))
        _require_seen(ticket, content_hash)
        _require_unchanged(ticket)
        _decide(ticket, Approval.Decision.APPROVE, by=by, content_hash=content_hash, comment=comment)
        given = count_approvals(ticket)
        needed = ticket.target.approvals_needed
        if given < needed:
            note(ticket, "approved", by=by, text=f"{given} of {needed} approvals. {comment}".strip())
            return
        move(ticket, TicketState.APPROVED, by=by, verb="approved", text=comment)
        if ticket.target.run_policy == Target.RunPolicy.ON_APPROVAL or ticket.is_rollback:
            _start(ticket, by=by)


def reject(ticket: Ticket, *, by: User, content_hash: str, comment: str) -> None:
    """Send the ticket back to its submitter with a reason. Raises as `approve` does."""
    if not comment.strip():
        raise ChangeError("A rejection needs a reason: say what has to change, so that the submitter can resubmit.")
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update().get(pk=ticket.pk)
        _require(permissions.why_not_decide(ticket, by))
        _require_seen(ticket, content_hash)
        _decide(ticket, Approval.Decision.REJECT, by=by, content_hash=content_hash, comment=comment)
        ticket.approvals.filter(voided_at=None).update(voided_at=timezone.now())
        move(ticket, TicketState.REJECTED, by=by, verb="rejected", text=comment)
        _release_rolled_back(ticket)


def withdraw(ticket: Ticket, *, by: User, reason: str = "") -> None:
    """Take the ticket back before it runs; a queued execution finds it withdrawn and does nothing."""
    _require(permissions.why_not_withdraw(ticket, by))
    only_from = EDITABLE | {TicketState.QUEUED}
    with transaction.atomic():
        move(ticket, TicketState.WITHDRAWN, by=by, verb="withdrew", text=reason, only_from=only_from)
        ticket.executions.filter(state=ExecutionState.QUEUED).update(
            state=ExecutionState.REFUSED, finished_at=timezone.now(), error="The ticket was withdrawn."
        )
        _release_rolled_back(ticket)


def run(ticket: Ticket, *, by: User) -> Execution:
    """Queue an approved ticket."""
    _require(permissions.why_not_run(ticket, by))
    return queue(ticket, by=by)


def run_again(ticket: Ticket, *, by: User) -> Execution:
    """Queue a ticket of which nothing was applied once more: the same text, as it was approved."""
    _require(permissions.why_not_run_again(ticket, by))
    return queue(ticket, by=by, only_from=frozenset({TicketState.FAILED}))


def continue_with_rest(ticket: Ticket, *, by: User) -> Ticket:
    """Make a draft of the statements that did not take effect, to be mended and approved by itself.

    Raises AlreadySavedError on the second of two clicks.
    """
    _require(permissions.why_not_continue(ticket, by))
    last = ticket.last_execution
    done = set(last.statements.filter(outcome=Outcome.DONE).values_list("seq", flat=True)) if last else set()
    texts = [text for number, text in enumerate(approved_texts(ticket)) if number not in done]
    fields = TicketFields(
        title=f"Rest of #{ticket.pk}: {ticket.title}"[:200],
        reason=f"What ticket #{ticket.pk} did not do. {ticket.reason}".strip(),
        target=ticket.target,
        schema_name=ticket.schema_name,
        sql="".join(f"{text};\n" for text in texts),
        backup=ticket.backup,
        no_backup_reason=ticket.no_backup_reason,
        transaction_mode=ticket.transaction_mode,
    )
    return create_ticket(fields, by=by, form_key=f"rest of {ticket.pk}, {ticket.continuations.count()}", rest_of=ticket)


def _start(ticket: Ticket, *, by: User) -> None:
    if ticket.run_not_before and ticket.run_not_before > timezone.now():
        move(ticket, TicketState.SCHEDULED, by=by, verb="scheduled")
    else:
        queue(ticket, by=by)


def queue(
    ticket: Ticket,
    *,
    by: User | None,
    only_from: frozenset[TicketState] = frozenset({TicketState.APPROVED, TicketState.SCHEDULED}),
) -> Execution:
    """Make the execution and ring RQ's bell once the transaction is committed, else a fast worker finds no row."""
    with transaction.atomic():
        move(ticket, TicketState.QUEUED, by=by, verb="queued", only_from=only_from)
        execution = Execution.objects.create(
            ticket=ticket,
            number=ticket.executions.count() + 1,
            content_hash=ticket.content_hash,
            requested_by=by,
        )
        transaction.on_commit(lambda: jobs.ring(execution.pk))
    return execution


def queue_due(now: datetime | None = None) -> list[Execution]:
    """Queue every scheduled ticket whose time has come; called every few seconds by `manage.py reconcile`."""
    due = Ticket.objects.filter(state=TicketState.SCHEDULED, run_not_before__lte=now or timezone.now())
    executions = []
    for ticket in due.order_by("run_not_before", "id"):
        try:
            executions.append(queue(ticket, by=None))
        except TicketStateError:  # another clock was faster
            continue
    return executions


def ring_again(queued_before: datetime) -> list[int]:
    """Ring for reviewed executions that were queued before `queued_before`, could run, and are not in the queue.

    The queue may have lost them. Two rings for one execution are harmless: the claim is a compare-and-set.
    """
    waiting = find_ready(Execution.objects.filter(created_at__lt=queued_before))
    lost = jobs.find_lost([execution.pk for execution in waiting]) if waiting else []
    for execution_id in lost:
        jobs.ring(execution_id)
    return lost


def create_unreviewed(fields: TicketFields) -> tuple[Ticket, Execution | None]:
    """Make a ticket for a script that runs in the foreground without review; the caller checked that it is allowed.

    Returns no execution when the check found errors: the ticket is then withdrawn and keeps the findings.
    """
    ticket = Ticket(origin=Ticket.Origin.COMMAND, reviewed=False)
    _set_fields(ticket, fields)
    found = inspection.inspect(ticket)
    ticket.inspection = found.to_dict()
    with transaction.atomic():
        ticket.save()
        note(ticket, "created", by=None, text="Made by a command, without review.")
        if found.has_errors:
            move(ticket, TicketState.WITHDRAWN, by=None, verb="refused", text="The check found errors; nothing ran.")
            return ticket, None
        return ticket, _queue_unreviewed(ticket)


def _queue_unreviewed(ticket: Ticket) -> Execution:
    """Queue without a bell: the command that made the ticket runs it itself."""
    content_hash = hash_ticket(ticket)
    move(ticket, TicketState.APPROVED, by=None, verb="unreviewed", content_hash=content_hash)
    move(ticket, TicketState.QUEUED, by=None, verb="queued")
    return Execution.objects.create(ticket=ticket, number=1, content_hash=content_hash)


def _claim_rollback(ticket: Ticket, plan: RollbackPlan, *, by: User | None, reason: str) -> Ticket:
    """Make the rollback ticket; `rollback_state` none → running is the claim, so that two clicks make one."""
    if reason_against := permissions.why_no_rollback(ticket):
        raise TicketStateError(reason_against)
    if plan.on_conflict == "overwrite" and not reason.strip():
        raise ChangeError("Overwriting rows that others changed needs a reason.")
    free = [RollbackState.NONE, RollbackState.PARTIAL, RollbackState.CONFLICTED, RollbackState.FAILED]
    claimed = Ticket.objects.filter(pk=ticket.pk, rollback_state__in=free).update(rollback_state=RollbackState.RUNNING)
    if claimed != 1:
        raise TicketStateError("The ticket is already being rolled back; reload the page.")
    chosen = choose_statements(ticket, plan.statements)
    undo = Ticket(
        title=f"Roll back #{ticket.pk}: {ticket.title}"[:200],
        reason=reason,
        target=ticket.target,
        schema_name=ticket.schema_name,
        rolls_back=ticket,
        rollback_plan={
            "statements": sorted(plan.statements),
            "on_conflict": plan.on_conflict,
            # What was chosen, so that nothing else is undone when the ticket runs later.
            "chosen": [statement.pk for statement in chosen],
        },
        submitter=by,
        last_editor=by,
        reviewed=by is not None,
        origin=Ticket.Origin.BROWSER if by is not None else Ticket.Origin.COMMAND,
    )
    undo.inspection = inspection.inspect_rollback(chosen).to_dict()
    undo.save()
    undo.content_hash = hash_ticket(undo)
    undo.save(update_fields=["content_hash"])
    note(ticket, "rollback", by=by, text=f"Rolled back by ticket #{undo.pk}. {reason}".strip())
    note(undo, "created", by=by, text=f"Undoes ticket #{ticket.pk}. {reason}".strip())
    return undo


def roll_back(ticket: Ticket, *, by: User, plan: RollbackPlan, reason: str = "") -> Ticket:
    """Make the ticket that undoes `ticket` and start it, or put it in review where the target's policy says so."""
    _require(permissions.why_not_roll_back(ticket, by))
    with transaction.atomic():
        undo = _claim_rollback(ticket, plan, by=by, reason=reason)
        if ticket.target.rollback_policy == Target.RollbackPolicy.REVIEWED:
            move(undo, TicketState.IN_REVIEW, by=by, verb="submitted", submitted_at=timezone.now())
        else:
            move(undo, TicketState.APPROVED, by=by, verb="approved", text="The target lets one person roll back.")
            queue(undo, by=by)
    return undo


def roll_back_unreviewed(ticket: Ticket, *, plan: RollbackPlan, reason: str) -> tuple[Ticket, Execution]:
    """As `roll_back`, for a command that runs it in the foreground."""
    with transaction.atomic():
        undo = _claim_rollback(ticket, plan, by=None, reason=reason)
        return undo, _queue_unreviewed(undo)


def _release_rolled_back(undo: Ticket) -> None:
    """A rollback that never ran leaves its ticket free to be rolled back again."""
    if undo.rolls_back is not None:
        settle_rolled_back(undo.rolls_back, None)


def preview_rollback(
    ticket: Ticket, *, by: User, plan: RollbackPlan, after: str = "", limit: int = 50
) -> restore.PreviewPage:
    """Return one page of what a rollback would do now. after: the cursor of the page before."""
    _require(permissions.why_not_roll_back(ticket, by))
    _require(permissions.why_not_see_rows(by))
    return undo.preview(ticket, plan, after=after, limit=limit)


def dry_run(ticket: Ticket, *, by: User, plan: RollbackPlan) -> restore.RestoreResult:
    """Do the whole rollback on the target and abort it: nothing is changed."""
    _require(permissions.why_not_roll_back(ticket, by))
    result = undo.dry_run(ticket, plan)
    note(ticket, "dry_run", by=by, text=f"{result.rows_restored} row(s) could be put back.")
    return result


def test_connection(target: Target, *, by: User) -> list[ChecklistItem]:
    """Return the preflight's checklist for `target`."""
    if not by.has_perm("changes.change_target"):
        raise PermissionRefusedError("You may not test targets; ask an administrator for the group DBAs.")
    return inspection.test_connection(target)
