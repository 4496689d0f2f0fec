"""Words of a ticket's page: what happened, what stood in the way, how long it took."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from changes.highlight import highlight_sql
from changes.kinds import StatementKind
from changes.masking import hide_values
from changes.models import Activity, ExecutedStatement, Execution, Ticket
from changes.online_command import NAMES
from changes.problems import Problem
from changes.templatetags.inception import number

register = template.Library()

_ACTIVITY = {
    "created": ("wrote the ticket", ""),
    "edited": ("edited the ticket", ""),
    "submitted": ("submitted it for review", "go"),
    "approved": ("approved", "ok"),
    "rejected": ("rejected", "bad"),
    "withdrew": ("withdrew the ticket", ""),
    "unreviewed": ("ran it without review", ""),
    "scheduled": ("approved; it waits for its time", "go"),
    "queued": ("queued it for a worker", "go"),
    "started": ("started it", "run"),
    "refused": ("refused it, nothing ran", "bad"),
    "succeeded": ("finished it", "ok"),
    "partly_done": ("stopped half-way", "bad"),
    "failed": ("failed", "bad"),
    "conflicted": ("stopped at conflicts, nothing changed", "bad"),
    "unknown": ("lost track of the outcome", "bad"),
    "rollback": ("started its rollback", "run"),
    "stop requested": ("asked it to stop after the statement that runs", "run"),
    "throttled": ("throttled the online change", ""),
    "resumed": ("let the online change go on", "run"),
    "kill requested": ("asked the server to end the statement that runs", "bad"),
    "put back": ("put it back in the queue", "run"),
    "backup pending": ("made the change and could not back it up yet", "bad"),
    "backup given up": ("gave its backup up", "bad"),
    "look again": ("asked for another look", ""),
    "decided": ("decided what became of it", "go"),
    "continued": ("started a ticket for the rest", "go"),
    "purge": ("let go of what was kept for its rollback", ""),
    "dry_run": ("tried the rollback; nothing was changed", ""),
}
"""Verb → the words after the person, and the colour of the dot."""

_WORKERS_VERBS = {"started", "refused", "succeeded", "partly_done", "failed", "conflicted", "unknown", "backup pending"}

_CONFLICT = {
    "changed": "changed since",
    "missing": "missing now",
    "exists": "a row stands in its place",
    "children": "other rows depend on it",
    "error": "refused by the server",
}


@register.filter
def tool_name(tool: str) -> str:
    """The name of an online tool as people know it."""
    return NAMES.get(tool, tool)


@register.filter
def activity_words(entry: Activity) -> str:
    if entry.verb == "rollback" and entry.actor_id is None:
        return "saw its rollback end"
    return _ACTIVITY.get(entry.verb, (entry.verb.replace("_", " "), ""))[0]


@register.filter
def activity_css(entry: Activity) -> str:
    return _ACTIVITY.get(entry.verb, ("", ""))[1]


@register.filter
def activity_actor(entry: Activity) -> str:
    """Who did it: a person, the worker, or a command that was run without one."""
    if entry.actor is not None:
        return str(entry.actor)
    if entry.verb in _WORKERS_VERBS:
        return "The worker"
    return "The clock" if entry.verb == "queued" and entry.from_state == "scheduled" else "Inception"


@register.filter
def without(text: str, beginning: str) -> str:
    """`text` without a beginning that stands beside it already."""
    return text.removeprefix(beginning)


@register.filter
def conflict_words(reason: str) -> str:
    return _CONFLICT.get(reason, reason)


@register.filter
def moment(text: str) -> datetime:
    """The moment that ISO text of an inspection names."""
    return datetime.fromisoformat(text)


@register.filter
def lasted(execution: Execution) -> float | None:
    """Seconds from start to end."""
    if execution.started_at is None or execution.finished_at is None:
        return None
    return (execution.finished_at - execution.started_at).total_seconds()


@register.filter
def as_problems(entries: list[dict[str, Any]]) -> list[Problem]:
    return [Problem.from_dict(entry) for entry in entries]


@register.filter
def retry_words(retries: list[dict[str, str]], one_transaction: bool) -> str:
    """Why and how often the server was asked again: "Tried again 2 times after 1213: Deadlock found …"."""
    times = "once" if len(retries) == 1 else f"{len(retries)} times"
    what = "The whole transaction was tried" if one_transaction else "Tried"
    return f"{what} again {times} after {retries[-1]['error']}; nothing had been done by then."


@register.filter
def warning_text(warning: list[Any]) -> str:
    """A server's warning, stored as [level, code, message]."""
    level, code, message = warning
    return f"{level} {code}: {message}"


@register.filter
def line_problems(ticket: Ticket) -> str:
    """The findings that name a line, as the editor reads them."""
    found = [
        {"line": problem.line, "text": str(problem), "severity": problem.severity}
        for problem in ticket.problems
        if problem.line
    ]
    return json.dumps(found)


@register.filter
def proof(record: ExecutedStatement) -> str:
    """What was kept of a statement: changes in the binlog, records, changes in the archive; "" when nothing was tried.

    Of a schema change there are no rows: what counts is the text that undoes it.
    """
    if record.rows_captured is None:
        return ""
    if not StatementKind(record.kind).is_row_change:
        count = record.records_stored or 0
        return f"{count} statement{'' if count == 1 else 's'} to undo it" if count else ""
    found, stored, archived = record.rows_captured, record.records_stored, record.rows_archived
    shown = ["?" if value is None else number(value) for value in (found, stored, archived)]
    return f"{shown[0]} {'=' if found == stored else '≠'} {shown[1]} {'=' if stored == archived else '≠'} {shown[2]}"


_UNDOING = {
    "INSERT": "insert again",
    "DELETE": "remove again",
    "UPDATE": "put back",
    "SCHEMA": "change the schema back",
    "TEXT": "run the stored record; later changes cannot be detected",
}


@register.filter
def for_reader(text: str, sees_rows: bool) -> str:
    """Return a message as this person may read it: without the values of rows for those who may not see them."""
    return text if sees_rows else hide_values(text)


_DIFFERING = {"changed": "changed since", "missing": "missing now", "restored": "as before already"}


@register.filter
def what_to_do(row: Any, on_conflict: str) -> str:
    """What the rollback does with one row of the preview: by its bucket, and by what the person chose."""
    if row.bucket == "unchanged":
        return f"{_UNDOING[row.kind]}, after the newer change" if row.changed_again else _UNDOING[row.kind]
    found = _DIFFERING[row.bucket]
    choice = {"skip": "skip", "overwrite": "overwrite"}.get(on_conflict, "stops the rollback")
    return f"{found}: {choice}"


_BUCKET_CSS = {"changed": "conflict", "missing": "gone", "restored": "settled"}


@register.filter
def bucket_css(row: Any) -> str:
    return _BUCKET_CSS.get(row.bucket, "")


@register.simple_tag
def row_label(table: str, key: str) -> str:
    return f"{table} {key}".strip()


@register.simple_tag
def row_doing(row: Any, on_conflict: str) -> SafeString:
    """What becomes of the row, and the statement that does it, folded."""
    return format_html(
        '{}<details class="guarded"><summary>statement</summary><pre class="sql">{}</pre></details>',
        what_to_do(row, on_conflict),
        highlight_sql(row.statement),
    )


@register.simple_tag
def conflict_doing(conflict: dict[str, Any]) -> str:
    words = conflict_words(conflict["reason"])
    return f"{words}: {conflict['detail']}" if conflict["detail"] else words
