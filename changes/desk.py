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


def build_desk(person: Person) -> dict[str, Any]:
    """Return the context of the desk. Somebody without a group sees who to ask, and nothing of anybody's ticket."""
    may_see = person.has_perm("changes.view_ticket")  # type: ignore[union-attr]
    context = {"may_see": may_see, "may_create": permissions.why_not_create(person) is None}
    if not may_see:
        return context
    review = ticket_lists.needs_review_by(person)
    attention = ticket_lists.needing_a_person()
    return context | {
        "tiles": _build_tiles(review, attention),
        "sections": _build_sections(person, review, attention),
        "has_tickets": Ticket.objects.exists(),
    }


def _build_tiles(review: QuerySet[Ticket], attention: QuerySet[Ticket]) -> list[dict[str, object]]:
    tickets = reverse("admin:changes_ticket_changelist")
    since = timezone.now() - timedelta(days=7)
    done = Execution.objects.filter(state=ExecutionState.SUCCEEDED, finished_at__gte=since)
    protected = ExecutedStatement.objects.filter(backup_state=BackupState.COMPLETE)
    waiting, troubled = review.count(), attention.count()
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
            "url": f"{tickets}?view=failed",
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


def _build_sections(person: Person, review: QuerySet[Ticket], attention: QuerySet[Ticket]) -> list[dict[str, object]]:
    """Sections with their first tickets. An empty one is left out, except the first, which says that nothing waits."""
    waiting = review | ticket_lists.to_run_by(person)
    mine = ticket_lists.mine(person).exclude(state="withdrawn")
    last_moved = ticket_lists.last_moved
    may_decide = person.has_perm("changes.approve_ticket")  # type: ignore[union-attr]
    found = [
        ("Waiting for me", "oldest first", waiting.order_by("submitted_at", "id")),
        ("Mine", "last moved first", last_moved(mine)),
        ("Running", "live on each ticket's page", last_moved(ticket_lists.running())),
        ("Needs a person", "failed, partly done, unknown or not fully protected", last_moved(attention)),
        ("Recent", "all others, last moved first", last_moved(Ticket.objects.all())),
    ]
    sections: list[dict[str, object]] = []
    shown: set[int] = set()
    for title, note, tickets in found:
        left_out = shown if title == "Recent" else set()
        rows = list(ticket_lists.with_facts(tickets.exclude(pk__in=left_out), person)[:SECTION_LIMIT])
        shown |= {ticket.pk for ticket in rows}
        for ticket in rows:
            ticket.waiting_for = ticket_lists.build_waiting_for(  # type: ignore[attr-defined]
                ticket, person, may_decide=may_decide
            )
        if rows or title == "Waiting for me":
            sections.append({"title": title, "note": note, "tickets": rows})
    return sections
