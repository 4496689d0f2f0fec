"""The lists of tickets that people look for, as queries; the desk and the ticket list share them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from changes.models import Approval, ExecutedStatement, Execution, Ticket
from changes.states import ACTIVE, BackupState, ExecutionState, RollbackState, TicketState

if TYPE_CHECKING:
    from changes.permissions import Person

_T = TicketState

LONG_STOP = timedelta(minutes=1)
"""A ticket that still stops after this needs somebody who looks at the statement that does not end."""

_GONE_WRONG = Q(state__in=[_T.FAILED, _T.PARTLY_DONE]) | Q(
    backup_state__in=[BackupState.INCOMPLETE, BackupState.IMPOSSIBLE]
)


def with_facts(tickets: QuerySet[Ticket], person: Person) -> QuerySet[Ticket]:
    """Add what a row of a list shows: `row_count` (None before anything ran), `given` approvals, `decided_by_me`."""
    statements = ExecutedStatement.objects.filter(execution__ticket=OuterRef("pk"))
    rows = (
        statements.order_by()
        .values("execution__ticket")
        .annotate(total=Sum(Coalesce("rows_captured", "affected_rows")))
        .values("total")
    )
    valid = Approval.objects.filter(ticket=OuterRef("pk"), voided_at=None, content_hash=OuterRef("content_hash"))
    given = valid.filter(decision=Approval.Decision.APPROVE).order_by().values("ticket")
    return tickets.select_related("target", "submitter").annotate(
        row_count=Subquery(rows),
        given=Coalesce(Subquery(given.annotate(total=Count("pk")).values("total")), 0),
        decided_by_me=Exists(valid.filter(person_id=person.pk)),
    )


def needs_review_by(person: Person) -> QuerySet[Ticket]:
    """Tickets that this person may decide about now; the query says what `permissions.why_not_decide` says."""
    if not person.has_perm("changes.approve_ticket"):  # type: ignore[union-attr]
        return Ticket.objects.none()
    decided = Approval.objects.filter(
        ticket=OuterRef("pk"), person_id=person.pk, voided_at=None, content_hash=OuterRef("content_hash")
    )
    return (
        Ticket.objects.filter(state=_T.IN_REVIEW, submitter__isnull=False, last_editor__isnull=False)
        .exclude(submitter_id=person.pk)
        .exclude(last_editor_id=person.pk)
        .exclude(Exists(decided))
    )


def to_run_by(person: Person) -> QuerySet[Ticket]:
    """Approved tickets that wait for somebody to say go; a scheduled one waits for its time."""
    if not person.has_perm("changes.execute_ticket"):  # type: ignore[union-attr]
        return Ticket.objects.none()
    return Ticket.objects.filter(state=_T.APPROVED)


def mine(person: Person) -> QuerySet[Ticket]:
    return Ticket.objects.filter(submitter_id=person.pk)


def running() -> QuerySet[Ticket]:
    return Ticket.objects.filter(Q(state__in=ACTIVE) | Q(rollback_state=RollbackState.RUNNING))


def needing_a_person() -> QuerySet[Ticket]:
    """Tickets that stand still until somebody acts: outcome unknown, backup pending, or stopping for long."""
    stuck = Execution.objects.filter(
        state=ExecutionState.RUNNING, stop_requested_at__lt=timezone.now() - LONG_STOP
    ).values("ticket")
    waits_for_backup = Q(state__in=[_T.RUNNING, _T.STOPPING], backup_state=BackupState.PENDING)
    return Ticket.objects.filter(Q(state=_T.UNKNOWN) | waits_for_backup | Q(state=_T.STOPPING, pk__in=stuck))


def gone_wrong() -> QuerySet[Ticket]:
    """Failed, half done or not fully protected, and not put right since by a rollback or by a ticket for the rest."""
    mended = Ticket.objects.filter(continues=OuterRef("pk"), state=_T.SUCCEEDED)
    return Ticket.objects.filter(_GONE_WRONG, ~Exists(mended)).exclude(
        Q(rollback_state=RollbackState.DONE) | Q(state__in=[*ACTIVE, _T.UNKNOWN])
    )


def last_moved(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    return tickets.order_by(F("updated_at").desc(), "-id")


def build_waiting_for(ticket: Any, person: Person, *, may_decide: bool) -> str:
    """Return who or what the ticket waits for, in words; empty when for nobody.

    ticket: from `with_facts`. may_decide: whether `person` has the right to approve at all.
    """
    if ticket.state == _T.IN_REVIEW:
        return _review_words(ticket, person, may_decide=may_decide)
    if ticket.state in (_T.DRAFT, _T.REJECTED):
        return "you" if ticket.submitter_id == person.pk else str(ticket.submitter or "")
    if ticket.state == _T.APPROVED:
        return "somebody to run it"
    if ticket.state == _T.SCHEDULED and ticket.run_not_before:
        return f"{ticket.run_not_before:%d %b, %H:%M} UTC"
    if ticket.state == _T.UNKNOWN:
        return "a DBA who looks"
    if ticket.state in ACTIVE:
        if ticket.backup_state == BackupState.PENDING:
            return "the backup server"
        return "its statement to end" if ticket.state == _T.STOPPING else "the worker"
    return ""


def _review_words(ticket: Any, person: Person, *, may_decide: bool) -> str:
    needed = ticket.target.approvals_needed - ticket.given
    own = person.pk in (ticket.submitter_id, ticket.last_editor_id)
    if may_decide and not own and not ticket.decided_by_me:
        return "you" if needed <= 1 else f"you and {needed - 1} more"
    return "an approver" if needed <= 1 else f"{needed} approvers"
