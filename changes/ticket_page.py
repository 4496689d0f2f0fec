"""What the page of a ticket shows: its steps, statements, attempts, conflicts and history, in few queries."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from changes import permissions
from changes.models import ExecutedStatement, Execution, Ticket
from changes.next_step import build_next_step
from changes.online_page import build_online_progress, find_online
from changes.problems import Problem
from changes.rollback_limit import forecast_of, limit_of
from changes.row_cells import build_row_view
from changes.states import ACTIVE, FINAL, BackupState, Outcome, TicketState
from changes.unfinished_page import build_backup_wait, build_doubt

if TYPE_CHECKING:
    from changes.permissions import Person

PAGE_LENGTH = 200
"""Statements on one page of a ticket; all others are one click away, so that an approver can read every one."""

_T = TicketState


@dataclass(frozen=True, slots=True)
class Step:
    """One of the five dots. css: done, now, wait, bad or empty."""

    name: str
    text: str
    css: str = ""


def build_page(ticket: Ticket, person: Person, *, start: int = 0) -> dict[str, Any]:
    """Return the context of the ticket's page.

    start: zero-based number of the first statement to show in SQL and Execution.
    """
    executions = list(ticket.executions.select_related("requested_by"))
    execution = executions[0] if executions else None
    records = list(execution.statements.select_related("kept_with", "decided_by")) if execution else []
    sees_rows = permissions.why_not_see_rows(person) is None
    total = max(len(records), len(ticket.inspection.get("statements", [])))
    return {
        "ticket": ticket,
        "execution": execution,
        "earlier": executions[1:],
        "records": records[start : start + PAGE_LENGTH],
        "steps": build_steps(ticket, execution, records),
        "next": build_next_step(ticket, person, execution, online=find_online(records)),
        "doubt": build_doubt(ticket, execution, records, person),
        "online": build_online_progress(ticket, records, person),
        "backup_wait": build_backup_wait(ticket, execution, records, person),
        "rollback_limit": limit_of(ticket, records) if ticket.ticket_state in FINAL else None,
        "rollback_forecast": forecast_of(ticket),
        "how_it_runs": describe_how_it_runs(ticket),
        "rest": [] if ticket.is_rollback else list(ticket.continuations.order_by("pk")),
        "problems": [problem for problem in ticket.problems if problem.statement is None],
        "statements": _build_statements(ticket, start),
        "statement_count": total,
        "previous_start": max(0, start - PAGE_LENGTH) if start else None,
        "next_start": start + PAGE_LENGTH if start + PAGE_LENGTH < total else None,
        "counts": {severity: _count(ticket.problems, severity) for severity in ("error", "warning", "notice")},
        "rollbacks": ticket.rollbacks.select_related("submitter"),
        "undo": _describe_rollback(ticket, execution, person, sees_rows=sees_rows),
        "sees_rows": sees_rows,
        "activities": ticket.activities.select_related("actor").order_by("-id"),
        "poll_seconds": build_poll_seconds(ticket, execution, online=find_online(records) is not None),
        "default_tab": _choose_tab(ticket, execution),
    }


def build_poll_seconds(ticket: Ticket, execution: Execution | None, *, online: bool = False) -> int | None:
    """Return how soon the page asks again: every second at first, seldom for what takes long. None when it is final.

    online: an online tool runs, whose progress is to be seen however long it takes.
    """
    if ticket.ticket_state == _T.UNKNOWN and execution is not None and execution.look_again_at is not None:
        return 2 if execution.look_again_at <= timezone.now() else 15
    if ticket.ticket_state not in ACTIVE:
        return 15 if ticket.ticket_state == _T.SCHEDULED else None
    if online:
        return 2
    began = (execution.started_at or execution.created_at) if execution else timezone.now()
    age_seconds = (timezone.now() - began).total_seconds()
    return next((seconds for limit, seconds in ((60, 1), (600, 2), (3600, 5)) if age_seconds < limit), 15)


def describe_how_it_runs(ticket: Ticket) -> tuple[str, str] | None:
    """Return how several statements are committed, and why so; None where there is nothing to choose."""
    count = len(ticket.inspection.get("statements", []))
    if ticket.is_rollback or count < 2:
        return None
    if ticket.is_one_transaction:
        return (
            f"All {count} statements run in one transaction: all of them or none.",
            "A failure, a stop or a kill aborts it, and nothing of the ticket is applied.",
        )
    because = ticket.inspection.get("apart_because", "")
    why = because or "So the ticket asks."
    return (
        "Each statement commits by itself.",
        f"{why} When one fails, those before it stay, and can be undone; those after it do not run.",
    )


def _choose_tab(ticket: Ticket, execution: Execution | None) -> str:
    if execution is None:
        return "sql"
    return "rollback" if ticket.is_rollback and ticket.ticket_state in FINAL else "execution"


def _count(problems: list[Problem], severity: str) -> int:
    return sum(problem.severity == severity for problem in problems)


def _build_statements(ticket: Ticket, start: int) -> list[dict[str, Any]]:
    """The statements of the last check, each with the problems that are about it."""
    about: dict[int, list[Problem]] = defaultdict(list)
    for problem in ticket.problems:
        if problem.statement is not None:
            about[problem.statement].append(problem)
    entries = ticket.inspection.get("statements", [])[start : start + PAGE_LENGTH]
    return [
        {**entry, "number": entry["number"] + 1, "problems": about[entry["number"]], "kind": str(entry["kind"]).upper()}
        for entry in entries
    ]


def build_steps(ticket: Ticket, execution: Execution | None, records: list[ExecutedStatement]) -> list[Step]:
    """Return the five dots of the road: submitted, checked, approved, run, protected."""
    return [
        _submitted(ticket),
        _checked(ticket),
        _approved(ticket, execution),
        _run(ticket, execution, records),
        _protected(ticket, records),
    ]


def _submitted(ticket: Ticket) -> Step:
    if not ticket.reviewed:
        return Step("Submitted", "by a command", "done")
    if ticket.submitted_at is None and ticket.ticket_state in (_T.DRAFT, _T.WITHDRAWN):
        return Step("Submitted", "not yet", "wait" if ticket.ticket_state == _T.DRAFT else "")
    moment = ticket.submitted_at or ticket.created_at
    return Step("Submitted", f"{moment:%Y-%m-%d %H:%M}", "wait" if ticket.ticket_state == _T.DRAFT else "done")


def _checked(ticket: Ticket) -> Step:
    if ticket.is_rollback:
        return Step("Checked", "made from the backup", "done")
    if not ticket.inspection:
        return Step("Checked", "not yet")
    errors, warnings = _count(ticket.problems, "error"), _count(ticket.problems, "warning")
    text = f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
    return Step("Checked", text, "bad" if errors else "done")


def _approved(ticket: Ticket, execution: Execution | None) -> Step:
    if not ticket.reviewed:
        return Step("Approved", "without review", "done")
    if ticket.ticket_state == _T.REJECTED:
        return Step("Approved", "rejected", "bad")
    given = ticket.approvals.filter(decision="approve", content_hash=ticket.content_hash, voided_at=None).count()
    if ticket.is_rollback and not given and ticket.ticket_state not in (_T.IN_REVIEW, _T.DRAFT):
        return Step("Approved", "one person may, by policy", "done")
    text = f"{given} of {ticket.target.approvals_needed}"
    if execution is not None or ticket.ticket_state in (_T.APPROVED, _T.SCHEDULED):
        return Step("Approved", text, "done")
    return Step("Approved", text, "wait" if ticket.ticket_state == _T.IN_REVIEW else "")


def _run(ticket: Ticket, execution: Execution | None, records: list[ExecutedStatement]) -> Step:
    done = sum(record.outcome == Outcome.DONE for record in records)
    text = f"{done} of {len(records)}" if records else ""
    if ticket.ticket_state == _T.SCHEDULED and ticket.run_not_before:
        return Step("Runs", f"{ticket.run_not_before:%Y-%m-%d %H:%M}", "wait")
    if ticket.ticket_state == _T.APPROVED:
        return Step("Runs", "refused, nothing ran" if execution else "waits for somebody", "wait")
    if ticket.ticket_state == _T.STOPPING:
        return Step("Stopping", text, "now")
    if ticket.ticket_state in ACTIVE:
        return Step("Running", _count_uncommitted(execution, records) or text or "waits its turn", "now")
    if ticket.ticket_state == _T.SUCCEEDED:
        return Step("Ran", text, "done")
    if ticket.ticket_state in (_T.PARTLY_DONE, _T.FAILED, _T.UNKNOWN):
        return Step("Ran", text or ticket.get_state_display(), "bad")
    return Step("Runs", "after approval" if ticket.ticket_state != _T.WITHDRAWN else "never")


def _count_uncommitted(execution: Execution | None, records: list[ExecutedStatement]) -> str:
    """Return how far an open transaction is, "" where there is none."""
    if execution is None or not execution.one_transaction:
        return ""
    ran = sum(is_uncommitted(execution, record) for record in records)
    return f"{ran} of {len(records)}, not committed yet" if ran else ""


def is_uncommitted(execution: Execution, record: ExecutedStatement) -> bool:
    """Whether the server has answered a statement whose transaction is still open."""
    sent = record.outcome in (Outcome.SENT, Outcome.COMMIT_SENT)
    return execution.one_transaction and sent and record.execute_seconds is not None


def _protected(ticket: Ticket, records: list[ExecutedStatement]) -> Step:
    if ticket.backup_state == BackupState.OFF or (not ticket.backup and not records):
        return Step("Protected", "backup is off", "bad" if records else "")
    if not records:
        return Step("Protected", "after the transaction" if ticket.is_one_transaction else "after each statement")
    ran = [record for record in records if record.outcome not in (Outcome.WAITING, Outcome.NOT_RUN)]
    kept = sum(record.backup_state == BackupState.COMPLETE for record in ran)
    if ticket.backup_state == BackupState.EXPIRED:
        return Step("Protected", f"{kept} of {len(records)}, the rest no longer" if kept else "no longer")
    css = {
        BackupState.COMPLETE: "done",
        BackupState.INCOMPLETE: "bad",
        BackupState.IMPOSSIBLE: "bad",
        BackupState.PENDING: "bad",
    }.get(BackupState(ticket.backup_state), "")
    if ticket.ticket_state == _T.UNKNOWN:
        css = ""
    waits = ", one waits" if ticket.backup_state == BackupState.PENDING else ""
    return Step("Protected", f"{kept} of {len(records)}{waits}", css)


def _describe_rollback(
    ticket: Ticket, execution: Execution | None, person: Person, *, sees_rows: bool
) -> dict[str, Any] | None:
    """What a rollback ticket undid and met; None for other tickets. Values of rows only for those who may see them."""
    if ticket.rolls_back is None:
        return None
    result = execution.rollback_result if execution else {}
    conflicts = result.get("conflicts", [])
    reasons: dict[str, int] = defaultdict(int)
    for conflict in conflicts:
        reasons[conflict["reason"]] += 1
    return {
        "original": ticket.rolls_back,
        "on_conflict": ticket.rollback_plan.get("on_conflict", "stop"),
        "numbers": [number + 1 for number in ticket.rollback_plan.get("statements", [])],
        "result": result,
        "conflict_count": len(conflicts),
        "may_choose": bool(conflicts) and permissions.why_not_roll_back(ticket.rolls_back, person) is None,
        "reasons": sorted(reasons.items()),
        "conflicts": [_describe_conflict(conflict) for conflict in conflicts[:PAGE_LENGTH]] if sees_rows else [],
    }


def _describe_conflict(conflict: dict[str, Any]) -> dict[str, Any]:
    images = (conflict.get(name) for name in ("before", "after", "now"))
    return {**conflict, "view": build_row_view(*images)}
