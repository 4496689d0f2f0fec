"""What a script is told: the JSON of `run_change` and `rollback_change`, their text, and the exit status."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from backups.restore import RestoreResult
from changes.models import ExecutedStatement, Execution, Ticket
from changes.problems import Problem
from changes.rollback_limit import limit_of
from changes.states import BackupState, ExecutionState

REFUSED = "refused"


class ExitStatus(IntEnum):
    DONE = 0
    STATEMENT_FAILED = 1
    REFUSED = 2
    CONFLICT = 3
    NOT_PROTECTED = 4


def describe_problem(problem: Problem) -> dict[str, Any]:
    return {name: getattr(problem, name) for name in ("id", "severity", "found", "needed", "how")}


def describe_statement(record: ExecutedStatement) -> dict[str, Any]:
    """number counts from 1, as on the pages and as `rollback_change --statement` takes it."""
    return {
        "number": record.seq + 1,
        "sql": record.sql,
        "kind": record.kind,
        "outcome": record.outcome,
        "affected_rows": record.affected_rows,
        "opid_time": record.opid_time or None,
        "backup_schema": record.backup_schema or None,
        "backup_table": record.backup_table or None,
        "rows_captured": record.rows_captured,
        "records_stored": record.records_stored,
        "rows_archived": record.rows_archived,
        "backup_state": record.backup_state,
        "backup_reason": record.backup_reason or None,
        "execute_seconds": record.execute_seconds,
        "backup_seconds": record.backup_seconds,
        "error": record.error or None,
        "warnings": record.warnings,
        "retries": record.retries,
        "decided_by": str(record.decided_by) if record.decided_by else None,
    }


def describe_refusal(problems: Iterable[Problem], ticket: Ticket | None = None) -> dict[str, Any]:
    """Nothing ran. state is "refused" whatever state the ticket, if there is one, was left in."""
    return {
        "ticket": ticket.pk if ticket else None,
        "execution": None,
        "state": REFUSED,
        "backup_state": BackupState.NONE.value,
        "problems": [describe_problem(problem) for problem in problems],
        "statements": [],
    }


def describe_run(execution: Execution) -> dict[str, Any]:
    ticket = execution.ticket
    ticket.refresh_from_db()
    refused = execution.state == ExecutionState.REFUSED
    return {
        "ticket": ticket.pk,
        "execution": execution.pk,
        "state": REFUSED if refused else ticket.state,
        "backup_state": ticket.backup_state,
        "one_transaction": execution.one_transaction,
        "problems": [describe_problem(problem) for problem in _problems(execution)],
        "statements": [describe_statement(record) for record in execution.statements.select_related("decided_by")],
        "error": execution.error or None,
        "unfinished": _describe_unfinished(execution, ticket),
        **_describe_limit(execution, ticket),
    }


def _describe_limit(execution: Execution, ticket: Ticket) -> dict[str, Any]:
    """rollback_until: when the first of what a rollback needs may be purged; None for never, or where there is none."""
    limit = limit_of(ticket, execution.statements.select_related("execution"))
    return {
        "rollback_until": limit.until.isoformat(timespec="seconds") if limit and limit.until else None,
        "rollback_limit": limit.text if limit else None,
    }


def _describe_unfinished(execution: Execution, ticket: Ticket) -> dict[str, Any] | None:
    """Return what is still to be settled after the command has ended, by whom; None when nothing is.

    what: "outcome" (nobody knows whether a statement took effect) or "backup" (it did, and its backup waits).
    next_look_at: when `manage.py reconcile` looks next; None when only a person can decide.
    """
    if execution.state not in (ExecutionState.UNKNOWN, ExecutionState.RUNNING):
        return None
    waits = execution.state == ExecutionState.RUNNING and ticket.backup_state == BackupState.PENDING
    again = execution.look_again_at
    return {
        "what": "backup" if waits else "outcome",
        "reason": execution.evidence.get("backup" if waits else "trouble") or execution.error or None,
        "next_look_at": again.isoformat(timespec="seconds") if again else None,
    }


def describe_rollback(execution: Execution) -> dict[str, Any]:
    undo = execution.ticket
    undo.refresh_from_db()
    original = undo.rolls_back
    assert original is not None
    original.refresh_from_db()
    result = execution.rollback_result
    return {
        "ticket": undo.pk,
        "rolls_back": original.pk,
        "state": REFUSED if execution.state == ExecutionState.REFUSED else undo.state,
        "rollback_state": original.rollback_state,
        "rows_restored": result.get("rows_restored", 0),
        "conflicts": [
            {key: conflict[key] for key in ("schema", "table", "key", "reason")}
            for conflict in result.get("conflicts", [])
        ],
        "problems": [describe_problem(problem) for problem in _problems(execution)],
        "error": execution.error or None,
        "unfinished": _describe_unfinished(execution, undo),
    }


def _problems(execution: Execution) -> list[Problem]:
    """A refusal has the preflight's findings; what ran has those that were shown before."""
    if execution.problems:
        return [Problem.from_dict(entry) for entry in execution.problems]
    return execution.ticket.problems


def judge(execution: Execution) -> ExitStatus:
    """Return the exit status for what became of `execution`."""
    state = ExecutionState(execution.state)
    if state == ExecutionState.REFUSED:
        return ExitStatus.REFUSED
    if state == ExecutionState.CONFLICTED:
        return ExitStatus.CONFLICT
    if state in (ExecutionState.FAILED, ExecutionState.PARTLY_DONE):
        return ExitStatus.STATEMENT_FAILED
    protected = execution.ticket.backup_state in (BackupState.COMPLETE, BackupState.OFF)
    if state == ExecutionState.SUCCEEDED and (protected or execution.ticket.is_rollback):
        return ExitStatus.DONE
    return ExitStatus.NOT_PROTECTED


def render_problems(problems: Iterable[dict[str, Any]]) -> list[str]:
    """Return errors and warnings; the notices are in the JSON and on the ticket's page."""
    lines = []
    for problem in problems:
        if problem["severity"] == "notice":
            continue
        lines.append(f"  {problem['severity']}: {problem['found']}")
        lines += [
            f"    {label}: {problem[key]}" for label, key in (("needed", "needed"), ("how", "how")) if problem[key]
        ]
    return lines


def render_run(report: dict[str, Any]) -> str:
    """Return the text for a person at a terminal."""
    head = f"Ticket #{report['ticket']}: {report['state']}" if report["ticket"] else f"No ticket: {report['state']}"
    lines = [f"{head.replace('_', ' ')}, backup {report['backup_state']}", *render_problems(report["problems"])]
    for entry in report["statements"]:
        first_line = entry["sql"].strip().splitlines()[0][:100]
        lines.append(f"  {entry['number']}. {entry['outcome'].replace('_', ' ')}: {first_line}")
        lines += [f"     {line}" for line in _statement_lines(entry)]
    if report.get("rollback_limit"):
        lines.append(f"  {report['rollback_limit']}")
    return "\n".join([*lines, *_ending_lines(report)])


def _ending_lines(report: dict[str, Any]) -> list[str]:
    """Return why it ended where it did, and who goes on where nothing is settled yet."""
    lines = [f"  {report['error']}"] if report.get("error") else []
    unfinished = report.get("unfinished")
    if unfinished is None:
        return lines
    if unfinished["what"] == "backup":
        lines.append(
            f"  The change is made, and its backup waits: {unfinished['reason'] or 'it was not possible yet.'}"
        )
    elif unfinished["reason"] and unfinished["reason"] != report.get("error"):
        lines.append(f"  {unfinished['reason']}")
    who = "manage.py reconcile looks again" if unfinished["next_look_at"] else "A person decides on the ticket's page"
    lines.append(f"  {who}; do not run it again before that.")
    return lines


def _statement_lines(entry: dict[str, Any]) -> list[str]:
    lines = []
    if entry["affected_rows"] is not None:
        seconds = f", {entry['execute_seconds']:.3f} s" if entry["execute_seconds"] is not None else ""
        lines.append(f"{entry['affected_rows']} row(s) affected{seconds}")
    if entry["opid_time"]:
        lines.append(
            f"backup {entry['backup_state']}: {entry['rows_captured']} row(s) captured, {entry['records_stored']}"
            f" record(s) in {entry['backup_schema']}.{entry['backup_table']} as {entry['opid_time']}"
        )
    if entry["retries"]:
        lines.append(f"tried again {len(entry['retries'])} time(s) after {entry['retries'][-1]['error']}")
    lines += [entry[key] for key in ("backup_reason", "error") if entry[key]]
    return lines


def render_rollback(report: dict[str, Any]) -> str:
    """Return the text for a person at a terminal."""
    ticket = f"Ticket #{report['ticket']}" if report["ticket"] else "No ticket"
    lines = [
        f"{ticket} rolls back #{report['rolls_back']}: {report['state'].replace('_', ' ')}, "
        f"{report['rows_restored']} row(s) put back",
        *render_problems(report["problems"]),
    ]
    lines += [
        f"  conflict: {conflict['schema']}.{conflict['table']} {conflict['key']}: {conflict['reason']}"
        for conflict in report["conflicts"]
    ]
    return "\n".join([*lines, *_ending_lines(report)])


def describe_rollback_refusal(ticket: Ticket, problem: Problem) -> dict[str, Any]:
    return {
        "ticket": None,
        "rolls_back": ticket.pk,
        "state": REFUSED,
        "rollback_state": ticket.rollback_state,
        "rows_restored": 0,
        "conflicts": [],
        "problems": [describe_problem(problem)],
    }


def describe_dry_run(ticket: Ticket, result: RestoreResult) -> tuple[dict[str, Any], ExitStatus]:
    """Nothing was changed: rows_restored is what a rollback would put back now."""
    outcome = {
        "ticket": None,
        "rolls_back": ticket.pk,
        "state": "dry_run",
        "rollback_state": ticket.rollback_state,
        "rows_restored": result.rows_restored,
        "conflicts": [
            {"schema": conflict.schema, "table": conflict.table, "key": conflict.key, "reason": conflict.reason}
            for conflict in result.conflicts
        ],
        "problems": [],
    }
    return outcome, ExitStatus.CONFLICT if result.conflicts else ExitStatus.DONE
