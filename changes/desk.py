"""The desk: what waits for this person, what runs, and what needs somebody."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet, Sum
from django.urls import reverse
from django.utils import timezone

from changes import permissions, ticket_lists
from changes.models import ExecutedStatement, Execution, Ticket
from changes.states import BackupState, ExecutionState

if TYPE_CHECKING:
    from changes.permissions import Person

SECTION_LIMIT = 8
_URGENT, _WAITING = "Needs a person", "Waiting for me"


def build_desk(person: Person) -> dict[str, Any]:
    """Return the context of the desk. Somebody without a group sees who to ask, and nothing of anybody's ticket."""
    may_see = person.has_perm("changes.view_ticket")  # type: ignore[union-attr]
    context = {"may_see": may_see, "may_create": permissions.why_not_create(person) is None}
    if not may_see:
        return context
    review = ticket_lists.needs_review_by(person)
    urgent, wrong = ticket_lists.needing_a_person(), ticket_lists.gone_wrong()
    return context | {
        "tiles": _build_tiles(review, urgent),
        "sections": _build_sections(person, review, urgent, wrong),
        "has_tickets": Ticket.objects.exists(),
    }


def _build_tiles(review: QuerySet[Ticket], urgent: QuerySet[Ticket]) -> list[dict[str, object]]:
    tickets = reverse("admin:changes_ticket_changelist")
    since = timezone.now() - timedelta(days=7)
    done = Execution.objects.filter(state=ExecutionState.SUCCEEDED, finished_at__gte=since)
    protected = ExecutedStatement.objects.filter(backup_state=BackupState.COMPLETE)
    waiting, troubled = review.count(), urgent.count()
    return [
        {
            "n": waiting,
            "label": "wait for my review",
            "url": f"{tickets}?view=review",
            "css": "call" if waiting else "",
        },
        {"n": ticket_lists.running().count(), "label": "running now", "url": f"{tickets}?view=running", "css": ""},
        {
            "n": troubled,
            "label": "needs a person" if troubled == 1 else "need a person",
            "url": f"{tickets}?view=person",
            "css": "alert" if troubled else "",
        },
        {"n": done.values("ticket").distinct().count(), "label": "done this week", "url": tickets, "css": ""},
        {
            "n": protected.aggregate(total=Sum("records_stored"))["total"] or 0,
            "label": "rows protected",
            "url": "",
            "css": "",
        },
    ]


def _build_sections(
    person: Person, review: QuerySet[Ticket], urgent: QuerySet[Ticket], wrong: QuerySet[Ticket]
) -> list[dict[str, object]]:
    """Sections with their first tickets. An empty one is left out, except the one that says that nothing waits."""
    waiting = review | ticket_lists.to_run_by(person)
    mine = ticket_lists.mine(person).exclude(state="withdrawn")
    last_moved = ticket_lists.last_moved
    found = [
        (_URGENT, "they stand still until somebody looks", last_moved(urgent)),
        (_WAITING, "oldest first", waiting.order_by("submitted_at", "id")),
        ("Mine", "last moved first", last_moved(mine)),
        (
            "Running",
            "live on each ticket's page",
            last_moved(ticket_lists.running().exclude(pk__in=urgent.values("pk"))),
        ),
        ("Gone wrong", "failed, partly done or not fully protected", last_moved(wrong)),
        ("Recent", "all others, last moved first", last_moved(Ticket.objects.all())),
    ]
    sections: list[dict[str, object]] = []
    shown: set[int] = set()
    for title, note, tickets in found:
        left_out = shown if title == "Recent" else set()
        rows = _load_rows(tickets.exclude(pk__in=left_out), person)
        shown |= {ticket.pk for ticket in rows}
        if rows or title == _WAITING:
            css = "urgent" if title == _URGENT else ""
            sections.append({"title": title, "note": note, "tickets": rows, "css": css})
    return sections


def _load_rows(tickets: QuerySet[Ticket], person: Person) -> list[Ticket]:
    may_decide = person.has_perm("changes.approve_ticket")  # type: ignore[union-attr]
    rows = list(ticket_lists.with_facts(tickets, person)[:SECTION_LIMIT])
    for ticket in rows:
        waiting_for = ticket_lists.build_waiting_for(ticket, person, may_decide=may_decide)
        ticket.waiting_for = waiting_for  # type: ignore[attr-defined]
    return rows
