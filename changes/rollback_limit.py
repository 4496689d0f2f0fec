"""What a ticket says of how long it can be rolled back: its records and its target's policy, put in words."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone

from changes.expiry import KeepingPolicy, RanStatement, RollbackLimit, find_limit, forecast_limit
from changes.models import ExecutedStatement, Target, Ticket
from changes.states import EDITABLE, BackupState, TicketState


def policy_of(target: Target) -> KeepingPolicy:
    return KeepingPolicy(target.name, target.keep_days, target.backup_days)


def limit_of(ticket: Ticket, records: Iterable[ExecutedStatement]) -> RollbackLimit | None:
    """Return until when `ticket` can be rolled back, and why. records: of its last execution."""
    now = timezone.now()
    return find_limit([_build(record) for record in records], policy_of(ticket.target), now)


def _build(record: ExecutedStatement) -> RanStatement:
    return RanStatement(
        number=record.seq + 1,
        kind=record.kind,
        ran_at=record.executed_at or record.intent_at or record.execution.created_at,
        backup_state=BackupState(record.backup_state),
        backup_reason=record.backup_reason,
        record_count=record.records_stored or 0,
        is_set_aside=bool(record.definitions_before.get("kept")),
        is_undone=record.undone_by_id is not None,
    )


def forecast_of(ticket: Ticket) -> str:
    """Return for how long `ticket` could be rolled back once it has run; "" when it has, or when it could not be."""
    waits = ticket.ticket_state in EDITABLE or ticket.ticket_state == TicketState.QUEUED
    entries = ticket.inspection.get("statements", [])
    can_be_undone = any(entry.get("undo_state") in ("rows", "ddl", "unproven") for entry in entries)
    if not waits or not ticket.backup or not can_be_undone:
        return ""
    set_aside = [(entry["number"] + 1, str(entry["kind"]).upper()) for entry in entries if entry.get("keeps")]
    return forecast_limit(set_aside, len(entries), policy_of(ticket.target))
