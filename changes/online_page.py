"""What a ticket's page shows of a change by an online tool while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from changes import permissions
from changes.models import ExecutedStatement, Ticket
from changes.online_command import NAMES
from changes.states import ACTIVE, Outcome, TicketState

if TYPE_CHECKING:
    from changes.permissions import Person

QUIET_SECONDS = 15
"""A worker writes when something changed; silence beyond that is said."""

_STATES = {
    "starting": "makes the new, empty table",
    "copying": "copies rows",
    "throttled": "waits: the server is busy",
    "paused": "is throttled, and copies nothing until it is resumed",
    "checking": "compares every row of the copy with the table",
    "swapping": "swaps the tables, once no transaction is in the way",
}


@dataclass(frozen=True, slots=True)
class OnlineProgress:
    """One change that is under way.

    number: of the statement, from 1. percent: 0 to 100. rows, left, heard: in words, "" when there is nothing to say.
    wants_pause: somebody asked for it, whether or not the worker has seen it yet.
    may_act: it copies still, and this person may throttle and cancel it; else `why_not` says why ("" once it swaps).
    """

    number: int
    table: str
    tool: str
    state: str
    words: str
    percent: int
    rows: str
    left: str
    heard: str
    wants_pause: bool
    is_cancelled: bool
    may_act: bool
    why_not: str


def find_online(records: Sequence[ExecutedStatement]) -> ExecutedStatement | None:
    """Return the statement that an online tool makes at this moment."""
    under_way = (Outcome.SENT, Outcome.COMMIT_SENT)
    return next((record for record in records if record.online and record.outcome in under_way), None)


def build_online_progress(
    ticket: Ticket, records: Sequence[ExecutedStatement], person: Person
) -> OnlineProgress | None:
    """Return what the page shows of the online change that runs; None when none does."""
    record = find_online(records) if ticket.ticket_state in ACTIVE else None
    if record is None:
        return None
    plan, now = record.online.get("plan", {}), record.progress
    state = now.get("state", "starting")
    why_not = permissions.why_not_stop(ticket, person) or ""
    is_copying = record.outcome == Outcome.SENT
    is_cancelled = is_copying and ticket.ticket_state == TicketState.STOPPING
    words = "is being cancelled" if is_cancelled else _STATES.get(state, state)
    return OnlineProgress(
        number=record.seq + 1,
        table=record.table_name,
        tool=NAMES.get(plan.get("tool", ""), "the online tool"),
        state=state,
        words=f"{words} ({now['load']})" if state == "throttled" and now.get("load") else words,
        percent=int(now.get("percent", 0)),
        rows=_describe_rows(now),
        left=_describe_left(now.get("left_seconds")) if state == "copying" and not is_cancelled else "",
        heard=_describe_silence(now.get("at"), state),
        wants_pause=record.wants_pause,
        is_cancelled=is_cancelled,
        may_act=is_copying and not is_cancelled and not why_not,
        why_not=why_not,
    )


def _describe_rows(now: dict[str, Any]) -> str:
    if not now.get("rows_total"):
        return ""
    return f"about {now['rows']:,} of {now['rows_total']:,} rows"


def _describe_left(seconds: int | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return "less than a minute left"
    minutes = -(-seconds // 60)
    if minutes < 90:
        return f"about {minutes} minute{'s' if minutes > 1 else ''} left"
    return f"about {minutes // 60} h {minutes % 60} min left"


def _describe_silence(at: str | None, state: str) -> str:
    """Say when a worker that should have something to say was last heard."""
    if at is None or state not in ("starting", "copying"):
        return ""
    silence = timezone.now() - datetime.fromisoformat(at)
    return f"last change {int(silence.total_seconds())} s ago" if silence > timedelta(seconds=QUIET_SECONDS) else ""
