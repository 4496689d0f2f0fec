"""What an approval is bound to: one hash over everything that decides what will run and what the approver was told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from changes.models import Ticket


def hash_statement(text: str) -> str:
    """Return the SHA-256, in hex, of a statement's exact bytes in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def build_content_hash(content: dict[str, Any]) -> str:
    """Return the SHA-256, in hex, of `content` as canonical JSON (sorted keys, no spaces, UTF-8)."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def describe_content(ticket: Ticket, *, statements: Sequence[str], warnings: Sequence[str]) -> dict[str, Any]:
    """Return what `ticket` stands for, ready to be hashed.

    statements: exact texts in order, so that a change of the splitter between approval and execution is noticed.
    warnings: the texts that the approver sees; a warning that appears later voids the approval.
    """
    target = ticket.target
    content = {
        "target": [target.pk, target.host, target.port, target.user],
        "schema": ticket.schema_name,
        "sql": ticket.sql,
        "statements": list(statements),
        "backup": ticket.backup,
        "no_backup_reason": ticket.no_backup_reason,
        "run_not_before": ticket.run_not_before.isoformat() if ticket.run_not_before else "",
        "one_transaction": ticket.is_one_transaction,
        "rolls_back": ticket.rolls_back_id,
        "rollback_plan": ticket.rollback_plan,
        "warnings": list(warnings),
    }
    # Only where it says something: content that was approved before there was such a choice keeps its hash.
    if ticket.accepts_loss:
        content["accepts_loss"] = True
    online = {entry["number"]: entry["online"] for entry in _entries(ticket) if entry.get("online")}
    return {**content, "online": [[number, online[number]] for number in sorted(online)]} if online else content


def _entries(ticket: Ticket) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = ticket.inspection.get("statements", [])
    return entries


def approved_texts(ticket: Ticket) -> list[str]:
    """Return the exact statements that the pages show, and the approver approved."""
    return [entry["text"] for entry in _entries(ticket)]


def approved_entry(ticket: Ticket, number: int) -> dict[str, Any]:
    """Return what the approver was told about a statement: whether it `keeps` data, which tables were `seen`,
    whether others `makes_wait` for the server, and what of it is made `online`."""
    return next((entry for entry in _entries(ticket) if entry["number"] == number), {})


def hash_ticket(ticket: Ticket) -> str:
    """Return the content hash of `ticket` with the statements and warnings of its stored inspection."""
    warnings = [str(problem) for problem in ticket.problems if problem.severity == "warning"]
    return build_content_hash(describe_content(ticket, statements=approved_texts(ticket), warnings=warnings))
