"""Rolling a ticket back: see what will run, try it, run it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from backups.restore import PreviewPage
from changes import actions, permissions
from changes.errors import ChangeError
from changes.forms import RollbackForm
from changes.models import ExecutedStatement, Ticket
from changes.row_cells import build_row_view
from changes.states import BackupState, Outcome, RollbackState
from changes.views import build_context, find_ticket, person_of

ROWS_ON_A_PAGE = 50


def find_choices(ticket: Ticket) -> list[ExecutedStatement]:
    """Return the executed statements that changed something and are not undone yet, newest first.

    Those whose rows are kept with another one's stand with that one: they can only be put back together.
    """
    ran = ExecutedStatement.objects.filter(
        execution__ticket=ticket, outcome__in=[Outcome.DONE, Outcome.FAILED_PARTIAL], undone_by=None
    ).exclude(backup_state=BackupState.COMPLETE, records_stored=0)
    return list(ran.order_by("-execution__number", "-seq").prefetch_related("keeps"))


def _build_form(ticket: Ticket, data: QueryDict) -> tuple[RollbackForm, list[ExecutedStatement]]:
    choices = find_choices(ticket)
    possible = [choice.seq for choice in choices if choice.backup_state == BackupState.COMPLETE]
    return RollbackForm(data, numbers=possible), choices


def _check(ticket: Ticket, request: HttpRequest) -> str | None:
    """Return why there is nothing to show; a person without the right gets 403."""
    if reason := permissions.why_no_rollback(ticket):
        return reason
    if reason := permissions.why_not_roll_back(ticket, request.user):
        raise PermissionDenied(reason)
    return None


@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """GET shows what a rollback would do. POST "dry" does it and aborts; POST without shows other choices."""
    ticket = find_ticket(request, pk)
    if reason := _check(ticket, request):
        messages.warning(request, reason)
        return redirect(f"{ticket.get_absolute_url()}#rollback")
    form, choices = _build_form(ticket, request.GET if request.method == "GET" else request.POST)
    if request.method == "POST" and "dry" not in request.POST and form.is_valid():
        return redirect(f"{request.path}?{_query(form)}")
    context = {"form": form, "choices": choices, "possible": form.numbers, "ticket": ticket}
    if form.is_valid():
        context |= _look(request, ticket, form)
    context["chosen"] = form.plan.statements or tuple(form.numbers) if form.is_valid() else ()
    title = f"Roll back #{ticket.pk}"
    return render(
        request, "changes/rollback.html", build_context(request, title=title, subtitle=ticket.title, **context)
    )


def _query(form: RollbackForm, after: str = "") -> str:
    plan = form.plan
    pairs: list[tuple[str, object]] = [("statements", number) for number in plan.statements]
    pairs += [("on_conflict", plan.on_conflict)] if plan.on_conflict != "stop" else []
    return urlencode([*pairs, *([("after", after)] if after else [])])


def _look(request: HttpRequest, ticket: Ticket, form: RollbackForm) -> dict[str, Any]:
    """Ask the target for one page of rows and, on POST, for a dry run's outcome. An error is shown in its place."""
    person, plan, after = person_of(request), form.plan, form.cleaned_data["after"]
    sees_rows = permissions.why_not_see_rows(request.user) is None
    found: dict[str, Any] = {"plan": plan, "sees_rows": sees_rows, "reason": form.cleaned_data["reason"]}
    try:
        if sees_rows:
            page = actions.preview_rollback(ticket, by=person, plan=plan, after=after, limit=ROWS_ON_A_PAGE)
            found |= _describe(page, form)
        if request.method == "POST":
            found["dry"] = actions.dry_run(ticket, by=person, plan=plan)
    except ChangeError as error:
        found["error"] = str(error)
    return found


def _describe(page: PreviewPage, form: RollbackForm) -> dict[str, Any]:
    """Return the page's rows, counts and neighbours. The counts are of the whole when there is no other page."""
    after, counts = form.cleaned_data["after"], page.counts
    differing = counts["changed"] + counts["missing"] + counts["restored"]
    return {
        "counts": counts,
        "is_whole": not after and not page.next_after,
        "differing": differing,
        "undecided": differing if form.plan.on_conflict == "stop" else 0,
        "restorable": counts["unchanged"] + (counts["changed"] if form.plan.on_conflict == "overwrite" else 0),
        "rows": [{"row": row, "view": build_row_view(row.before, row.after, row.now)} for row in page.rows],
        "first_query": _query(form) if after else None,
        "next_query": _query(form, page.next_after) if page.next_after else None,
    }


@require_POST
def roll_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the linked ticket that undoes this one, and show its page."""
    ticket = find_ticket(request, pk)
    form, _ = _build_form(ticket, request.POST)
    if not form.is_valid():
        messages.warning(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
        return redirect(reverse("admin:changes_ticket_rollback_preview", args=[pk]))
    try:
        undo = actions.roll_back(ticket, by=person_of(request), plan=form.plan, reason=form.cleaned_data["reason"])
    except ChangeError as error:
        messages.warning(request, f"{error} Nothing was changed.")
        under_way = ticket.rollbacks.filter(rolls_back__rollback_state=RollbackState.RUNNING).first()
        return redirect(under_way or f"{ticket.get_absolute_url()}#rollback")
    if undo.state == "in_review":
        messages.success(request, f"This ticket puts #{ticket.pk} back once a second person has approved it.")
    else:
        messages.success(request, f"This ticket puts #{ticket.pk} back; a worker takes it at once when one is free.")
    return redirect(undo)
