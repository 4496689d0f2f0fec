"""What a ticket's page shows of what is not settled: an outcome nobody knows, and a backup that waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from changes import permissions
from changes.binlog_commands import BinlogPlace, LookCommand, build_commands
from changes.marker import build_marker_head
from changes.models import ExecutedStatement, Execution, Ticket
from changes.server_facts import ServerIdentity
from changes.states import BackupState, ExecutionState, Outcome, TicketState

if TYPE_CHECKING:
    from changes.permissions import Person


@dataclass(frozen=True, slots=True)
class Looks:
    """How often was looked, when last, and when again.

    again_at: None when nothing but a person moves it on. is_looking: somebody is at it at this moment.
    why_not: why this person cannot ask for another look; "" when they can.
    """

    count: int
    last_at: datetime | None
    again_at: datetime | None
    is_looking: bool
    why_not: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """An outcome that is not known, with all that a person needs to decide it.

    facts: (name, text) pairs. found: the transactions of ours that the last look found.
    """

    statements: tuple[ExecutedStatement, ...]
    reason: str
    facts: tuple[tuple[str, str], ...]
    found: tuple[dict[str, Any], ...]
    marker: str
    commands: tuple[LookCommand, ...]
    looks: Looks
    why_not_decide: str


@dataclass(frozen=True, slots=True)
class BackupWait:
    """A change that is made and whose backup is not. kept: how long the server keeps what it is made from."""

    statements: tuple[ExecutedStatement, ...]
    reason: str
    since: datetime | None
    kept: str
    looks: Looks
    why_not_give_up: str
    others_wait: bool


def build_doubt(
    ticket: Ticket, execution: Execution | None, records: Sequence[ExecutedStatement], person: Person
) -> Doubt | None:
    """Return what the page shows of an outcome that is not known; None when it is."""
    if execution is None or ticket.ticket_state != TicketState.UNKNOWN:
        return None
    open_outcomes = (Outcome.UNKNOWN, Outcome.SENT, Outcome.COMMIT_SENT)
    unknown = tuple(record for record in records if record.outcome in open_outcomes)
    first = unknown[0] if unknown else None
    marker = build_marker_head(execution.installation, ticket.pk, execution.pk)
    evidence = execution.evidence
    return Doubt(
        statements=unknown,
        reason=evidence.get("trouble") or execution.error,
        facts=tuple(_describe_place(execution, first)),
        found=tuple(
            {**one, "numbers": _numbers(one.get("statements", []))} for one in evidence.get("transactions", [])
        ),
        marker=marker,
        commands=tuple(build_commands(_find_place(ticket, execution, first, marker))),
        looks=_build_looks(ticket, execution, person),
        why_not_decide=permissions.why_not_decide_outcome(ticket, person) or "",
    )


def _numbers(statements: Sequence[int]) -> str:
    return ", ".join(str(number + 1) for number in statements)


def _describe_place(execution: Execution, first: ExecutedStatement | None) -> list[tuple[str, str]]:
    evidence = execution.evidence
    facts = [
        ("it ran on", _name_server(execution.server_identity, execution.server_version)),
        ("its session", f"connection {execution.connection_id}" if execution.connection_id is not None else ""),
        ("binlog read", _describe_range(evidence, first)),
        ("server restarted", _count_restarts(evidence.get("restarts"))),
        ("ours in it", _count_found(evidence)),
    ]
    answered = evidence.get("server", "")
    if answered and answered != execution.server_identity:
        facts.insert(1, ("answers there now", _name_server(answered, "")))
    return [(name, text) for name, text in facts if text]


def _name_server(identity: str, version: str) -> str:
    """Return a server's identity in words; the text as it is when it cannot be read."""
    try:
        known = ServerIdentity.parse(identity)
    except ValueError:
        return " ".join(word for word in (identity, version) if word)
    parts = [known.hostname, version, f"server_id {known.server_id}", f"uuid {known.uuid}" if known.uuid else ""]
    return ", ".join(part for part in parts if part)


def _describe_range(evidence: dict[str, Any], first: ExecutedStatement | None) -> str:
    if evidence.get("to") and evidence.get("transactions") is not None:
        return f"from {evidence['from']} to {evidence['to']}"
    if first is None or first.start_position is None:
        return "not read: where the binlog was before the statement is not known"
    return f"not read; the statement began after {first.start_file}:{first.start_position}"


def _count_found(evidence: dict[str, Any]) -> str:
    found = evidence.get("transactions")
    if found is None:
        return ""
    return f"{len(found)} transaction{'' if len(found) == 1 else 's'}" if found else "no transaction"


def _count_restarts(restarts: int | None) -> str:
    if restarts is None:
        return ""
    return f"{restarts} time{'' if restarts == 1 else 's'} since then" if restarts else "not since then"


def _find_place(ticket: Ticket, execution: Execution, first: ExecutedStatement | None, marker: str) -> BinlogPlace:
    target = ticket.target
    return BinlogPlace(
        host=target.host,
        port=target.port,
        is_mariadb="mariadb" in (execution.server_version or target.server_version).lower(),
        file=first.start_file if first else "",
        position=first.start_position if first else None,
        connection_id=(first.thread_id if first else None) or execution.connection_id,
        marker=marker,
    )


def _build_looks(ticket: Ticket, execution: Execution, person: Person) -> Looks:
    looked_at = execution.evidence.get("looked_at")
    now = timezone.now()
    is_held = execution.lease_until is not None and execution.lease_until > now
    is_running = execution.state == ExecutionState.RUNNING
    return Looks(
        count=execution.looks,
        last_at=datetime.fromisoformat(looked_at) if looked_at else None,
        again_at=execution.look_again_at,
        # Who closes an outcome as unknown leaves its lease to run out.
        is_looking=is_held and (is_running or (execution.look_again_at or now) < now),
        why_not=permissions.why_not_look_again(ticket, person) or "",
    )


def build_backup_wait(
    ticket: Ticket, execution: Execution | None, records: Sequence[ExecutedStatement], person: Person
) -> BackupWait | None:
    """Return what the page shows of a backup that waits; None when none does."""
    is_active = ticket.ticket_state in (TicketState.RUNNING, TicketState.STOPPING)
    if execution is None or not is_active or ticket.backup_state != BackupState.PENDING:
        return None
    pending = tuple(record for record in records if record.backup_state == BackupState.PENDING)
    if not pending:
        return None
    reason = execution.evidence.get("backup") or next((one.backup_reason for one in pending if one.backup_reason), "")
    return BackupWait(
        statements=pending,
        reason=reason.removeprefix("Not backed up yet: "),
        since=min((one.executed_at for one in pending if one.executed_at), default=None),
        kept=describe_kept(execution, pending[0]),
        looks=_build_looks(ticket, execution, person),
        why_not_give_up=permissions.why_not_give_up_backup(ticket, person) or "",
        others_wait=any(record.outcome == Outcome.WAITING for record in records),
    )


def describe_kept(execution: Execution, record: ExecutedStatement) -> str:
    """Return how long the server keeps the binlog that a backup of `record` is made from, as far as is known."""
    name = record.start_file or "its binlog"
    if "retention_seconds" not in execution.binlog_facts or record.executed_at is None:
        return f"not known; look at {name} with SHOW BINARY LOGS"
    seconds = execution.binlog_facts["retention_seconds"]
    if seconds is None:
        return f"until somebody purges {name}: this server purges nothing by its age"
    until = record.executed_at + timedelta(seconds=seconds)
    if until <= timezone.now():
        return f"{name} may be purged at any moment: the server's time for it ended {until:%Y-%m-%d %H:%M} UTC"
    return f"at least until {until:%Y-%m-%d %H:%M} UTC, unless somebody purges {name}"
