"""What the templates say with one tag: navigation, badges, times, SQL, numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from changes import badges
from changes.badges import Badge
from changes.highlight import highlight_sql, reindent
from changes.models import ExecutedStatement, Execution, Target, Ticket
from changes.problems import Problem
from changes.states import OPEN_OUTCOMES, BackupState, ExecutionState, Outcome, TicketState

register = template.Library()

# Label, url name, what the address begins with, and the permission that shows it.
_NAV = (
    ("Desk", "admin:index", "", ""),
    ("Tickets", "admin:changes_ticket_changelist", "changes/ticket/", "changes.view_ticket"),
    ("Backups", "admin:backups_browse", "backups/", "backups.view_backupschema"),
    ("Retention", "admin:changes_retention", "changes/retention/", "changes.view_target"),
    ("Targets", "admin:changes_target_changelist", "changes/target/", "changes.view_target"),
    ("Queue", "admin:django_rq_home", "django_rq/", "changes.execute_ticket"),
    ("People", "admin:auth_user_changelist", "auth/", "auth.view_user"),
)


@register.simple_tag(takes_context=True)
def site_nav(context: dict[str, Any]) -> list[dict[str, object]]:
    """Return the links of the top bar that this person may follow, the current one marked."""
    request: HttpRequest = context["request"]
    root = reverse("admin:index")
    links = []
    for label, name, prefix, permission in _NAV:
        if permission and not request.user.has_perm(permission):
            continue
        here = request.path == root if not prefix else request.path.startswith(root + prefix)
        links.append({"label": label, "url": reverse(name), "current": here})
    return links


@register.simple_tag
def avatar(user: Any) -> SafeString:
    return format_html('<span class="avatar" aria-hidden="true">{}</span>', str(user)[:2])


def render_badge(badge: Badge | None) -> SafeString | str:
    if badge is None:
        return ""
    if badge.hint:
        return format_html('<span class="badge {}" title="{}">{}</span>', badge.css, badge.hint, badge.text)
    return format_html('<span class="badge {}">{}</span>', badge.css, badge.text)


@register.filter
def state_badge(ticket: Ticket) -> SafeString | str:
    return render_badge(badges.TICKET[ticket.state])


@register.filter
def backup_badge(ticket: Ticket) -> SafeString | str:
    """What is protected; before the ticket runs, what it promises. Nothing is promised of an unknown outcome."""
    if ticket.state == TicketState.UNKNOWN and ticket.backup_state in (BackupState.NONE, BackupState.COMPLETE):
        return ""
    if ticket.backup_state != "none":
        return render_badge(badges.BACKUP[ticket.backup_state])
    if ticket.is_rollback or ticket.state in ("failed", "withdrawn"):
        return ""
    return render_badge(badges.forecast(ticket.inspection, backup=ticket.backup))


@register.filter
def rollback_badge(ticket: Ticket) -> SafeString | str:
    return render_badge(badges.ROLLBACK[ticket.rollback_state])


@register.filter
def outcome_badge(record: ExecutedStatement, execution: Execution) -> SafeString | str:
    """What is known of a statement of `execution`.

    One that was answered while its ticket's transaction is open is not done; one that nobody works on does not run.
    """
    is_open = record.outcome in OPEN_OUTCOMES
    if is_open and execution.state == ExecutionState.UNKNOWN:
        return render_badge(badges.OUTCOME[Outcome.UNKNOWN])
    if record.outcome == Outcome.SENT and record.execute_seconds is not None:
        return render_badge(badges.UNCOMMITTED)
    return render_badge(badges.OUTCOME[record.outcome])


@register.filter
def statement_backup_badge(record: ExecutedStatement) -> SafeString | str:
    if record.backup_state == BackupState.PENDING and not record.backup_reason:
        return render_badge(badges.BACKING_UP)
    return render_badge(badges.BACKUP[record.backup_state])


@register.filter
def execution_badge(state: str) -> SafeString | str:
    return render_badge(badges.EXECUTION[state])


@register.filter
def undo_badge(state: str) -> SafeString | str:
    return render_badge(badges.UNDO.get(state))


@register.filter
def environment(target: Target) -> SafeString:
    return format_html('<span class="env {}">{}</span>', target.environment, target.get_environment_display())


@register.filter
def place(ticket: Ticket) -> SafeString:
    """Where it runs, in two lines: the target with its environment, and the schema."""
    words = '<span class="place"><span class="nowrap">{} {}</span><span class="quiet">{}</span></span>'
    return format_html(words, ticket.target, environment(ticket.target), ticket.schema_name)


@register.filter
def sql(text: str) -> SafeString:
    """Highlighted SQL, to stand inside <pre class="sql">."""
    return highlight_sql(text)


@register.filter
def in_lines(text: str) -> SafeString:
    """Return a statement with long lines reindented for reading, "" for others."""
    return highlight_sql(reindent(text))


def build_age(moment: datetime, now: datetime) -> str:
    """Return how long ago (or how far ahead) `moment` is, in the words of a person; the date beyond a week."""
    ahead = moment > now
    seconds = int(abs(now - moment).total_seconds())
    if seconds < 45:
        return "now" if not ahead else "in a moment"
    if seconds < 5400:
        words = f"{max(1, round(seconds / 60))} min"
    elif seconds < 86400:
        words = f"{round(seconds / 3600)} h"
    elif seconds < 7 * 86400:
        words = f"{round(seconds / 86400)} d"
    else:
        return f"{moment:%Y-%m-%d}"
    return f"in {words}" if ahead else f"{words} ago"


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """Relative time, with the exact one on hover and for machines."""
    if moment is None:
        return ""
    moment = timezone.localtime(moment)
    exact = f"{moment:%Y-%m-%d %H:%M:%S} {moment.tzname()}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, build_age(moment, timezone.now())
    )


@register.filter
def due(moment: datetime) -> SafeString | str:
    """When something is to happen; what is overdue happens now."""
    return ago(moment) if moment > timezone.now() else "now"


@register.filter
def exact(moment: datetime | None) -> str:
    """The exact time with its zone."""
    if moment is None:
        return ""
    moment = timezone.localtime(moment)
    return f"{moment:%Y-%m-%d %H:%M:%S} {moment.tzname()}"


@register.filter
def took(seconds: float | None) -> str:
    """A duration as people say it: 12 ms, 1.24 s, 3 min 20 s."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    whole = timedelta(seconds=round(seconds))
    minutes, rest = divmod(int(whole.total_seconds()), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@register.filter
def number(value: int | None) -> str:
    """Thousands apart, nothing for nothing known."""
    return "" if value is None else f"{value:,}"


@register.filter
def value(literal: str | None) -> SafeString | str:
    """One value of a row: the SQL literal, or NULL in its own type."""
    return format_html('<span class="null">{}</span>', "NULL") if literal is None else literal


@register.filter
def person(user: Any) -> str:
    return str(user) if user is not None else "a command"


@register.simple_tag
def problem_list(problems: list[Problem]) -> SafeString | str:
    """Findings as found / needed / how, errors first; what only informs is folded away."""
    ranked = sorted(problems, key=lambda problem: ("error", "warning", "notice").index(problem.severity))
    serious = _render_list([problem for problem in ranked if problem.severity != "notice"])
    notices = [problem for problem in ranked if problem.severity == "notice"]
    if not notices:
        return serious
    title = "1 notice" if len(notices) == 1 else f"{len(notices)} notices"
    folded = '{}<details class="notices"><summary>{}</summary>{}</details>'
    return format_html(folded, serious, title, _render_list(notices))


def _render_list(problems: list[Problem]) -> SafeString | str:
    items = format_html_join("", "{}", ((render_problem(problem),) for problem in problems))
    return format_html('<ul class="problems">{}</ul>', items) if problems else ""


def render_problem(problem: Problem) -> SafeString:
    line = f" · line {problem.line}" if problem.line else ""
    return format_html(
        '<li class="problem {severity}"><span class="where">{severity}{line}</span><p class="found">{found}</p>'
        '<p class="needed">{needed}</p><p class="how">{how}</p></li>',
        severity=problem.severity,
        line=line,
        found=problem.found,
        needed=problem.needed,
        how=problem.how,
    )


@register.simple_tag
def presets(changes: ChangeList) -> list[dict[str, Any]]:
    """The tabs above the ticket list: "All" last, as the widest."""
    spec = next(spec for spec in changes.filter_specs if getattr(spec, "parameter_name", "") == "view")
    everything, *others = spec.choices(changes)
    return [*(dict(choice) for choice in others), dict(everything)]


@register.simple_tag
def chosen(choices: list[dict[str, Any]]) -> dict[str, Any]:
    """The chosen one of a filter's choices, with its index; 0 is "all"."""
    found = (dict(choice, index=index) for index, choice in enumerate(choices) if choice["selected"])
    return next(found, {"index": 0, "display": ""})


@register.filter
def kept_for(days: int) -> str:
    """How long something is kept, as a policy says it: 0 is for ever."""
    if not days:
        return "for ever"
    return "1 day" if days == 1 else f"{days:,} days"
