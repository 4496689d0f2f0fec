"""The pages and actions of tickets: find, act, say, redirect. Who may do what is asked in `permissions`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from changes import actions, permissions
from changes.errors import AlreadySavedError, ChangeError, CheckFailedError, PermissionRefusedError, StalePageError
from changes.forms import DecisionForm, TicketForm
from changes.models import Ticket
from changes.ticket_page import build_page

STOP_POLLING = 286
CONFLICT = 409


def find_ticket(request: HttpRequest, pk: int) -> Ticket:
    """Return the ticket, or answer 404, or 403 with the reason."""
    ticket = get_object_or_404(Ticket.objects.select_related("target", "submitter", "rolls_back"), pk=pk)
    if reason := permissions.why_not_view(ticket, request.user):
        raise PermissionDenied(reason)
    return ticket


def person_of(request: HttpRequest) -> User:
    return cast(User, request.user)  # the admin site let nobody in who is not logged in


def build_context(request: HttpRequest, **context: Any) -> dict[str, Any]:
    return {**admin.site.each_context(request), "opts": Ticket._meta, **context}


def show_ticket(request: HttpRequest, ticket: Ticket, *, status: int = 200, comment: str = "") -> HttpResponse:
    """comment: what the person had typed, when their decision was refused."""
    page = build_page(ticket, person_of(request), start=_start(request))
    context = build_context(request, title=f"#{ticket.pk} {ticket.title}", comment=comment, **page)
    return render(request, "changes/ticket.html", context, status=status)


def _start(request: HttpRequest) -> int:
    text = request.GET.get("from", "")
    return int(text) if text.isdecimal() and len(text) < 9 else 0


@require_GET
def ticket(request: HttpRequest, pk: int) -> HttpResponse:
    return show_ticket(request, find_ticket(request, pk))


@require_GET
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The live parts of the page; status 286 tells htmx that nothing will change any more."""
    ticket = find_ticket(request, pk)
    page = build_page(ticket, person_of(request), start=_start(request))
    status = 200 if page["poll_seconds"] else STOP_POLLING
    return render(request, "changes/_live.html", build_context(request, live=True, **page), status=status)


@require_GET
def sql_text(request: HttpRequest, pk: int) -> HttpResponse:
    """The ticket's SQL as it was written, to keep or to read elsewhere."""
    ticket = find_ticket(request, pk)
    response = HttpResponse(ticket.sql.encode(), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="ticket-{ticket.pk}.sql"'
    return response


def add(request: HttpRequest) -> HttpResponse:
    if reason := permissions.why_not_create(request.user):
        raise PermissionDenied(reason)
    if request.method != "POST":
        initial = {"target": request.GET.get("target"), "form_key": uuid.uuid4().hex}
        return _show_form(request, TicketForm(initial=initial))
    form = TicketForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show_form(request, form)
    key = form.cleaned_data["form_key"]
    try:
        ticket = actions.create_ticket(form.fields_of_ticket, by=person_of(request), form_key=key)
    except AlreadySavedError as error:
        messages.info(request, str(error))
        return redirect("admin:changes_ticket_change", error.ticket_id)
    except ChangeError as error:
        form.add_error(None, str(error))
        return _show_form(request, form)
    return _after_save(request, ticket)


def edit(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    if reason := permissions.why_not_edit(ticket, request.user):
        messages.warning(request, reason)
        return redirect(ticket)
    if request.method != "POST":
        return _show_form(request, TicketForm.of(ticket))
    form = TicketForm(request.POST, request.FILES, ticket=ticket)
    if not form.is_valid():
        return _show_form(request, form)
    try:
        actions.edit_ticket(ticket, form.fields_of_ticket, by=person_of(request), seen_at=form.page_seen_at)
    except ChangeError as error:
        form.add_error(None, str(error))
        return _show_form(request, form, status=CONFLICT if isinstance(error, StalePageError) else 200)
    return _after_save(request, ticket)


def _show_form(request: HttpRequest, form: TicketForm, *, status: int = 200) -> HttpResponse:
    ticket = form.ticket
    if ticket is not None:
        ticket.refresh_from_db()  # an action that was refused has already put its values on the object
    title = f"Edit #{ticket.pk}" if ticket else "New ticket"
    return render(
        request, "changes/form.html", build_context(request, title=title, form=form, ticket=ticket), status=status
    )


def _after_save(request: HttpRequest, ticket: Ticket) -> HttpResponse:
    """A draft shows its findings on its page; "Save and submit" goes on where the check allows it."""
    if "submit" not in request.POST:
        messages.success(request, "Saved as a draft. The findings of the check stand beside each statement.")
        return redirect(ticket)
    say(request, lambda: actions.submit(ticket, by=person_of(request)), "Saved and submitted for review.")
    return redirect(ticket)


def say(request: HttpRequest, act: Callable[[], object], done: str) -> bool:
    """Act, and tell what came of it. A refusal changed nothing and is no accident: it is said as a warning."""
    try:
        act()
    except CheckFailedError as error:
        found = sum(problem.severity == "error" for problem in error.problems)
        word = "error" if found == 1 else "errors"
        messages.error(request, f"Kept as a draft: the check found {found} {word}. They stand beside the SQL below.")
    except (PermissionRefusedError, ChangeError) as error:
        messages.warning(request, f"{error} Nothing was changed.")
    else:
        messages.success(request, done)
        return True
    return False


@require_POST
def submit(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    say(request, lambda: actions.submit(ticket, by=person_of(request)), "Submitted for review.")
    return redirect(ticket)


@require_POST
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    return _decide(request, pk, actions.approve, "Approved.")


@require_POST
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    return _decide(request, pk, actions.reject, "Rejected; the submitter sees your comment.")


def _decide(request: HttpRequest, pk: int, action: Callable[..., None], done: str) -> HttpResponse:
    """A page that showed other content decides nothing: the person gets the new page, their comment kept, and 409."""
    ticket = find_ticket(request, pk)
    form = DecisionForm(request.POST)
    form.is_valid()
    comment, content_hash = form.cleaned_data.get("comment", ""), form.cleaned_data.get("content_hash", "")
    try:
        action(ticket, by=person_of(request), content_hash=content_hash, comment=comment)
    except StalePageError as error:
        messages.error(request, str(error))
        ticket.refresh_from_db()
        return show_ticket(request, ticket, status=CONFLICT, comment=comment)
    except ChangeError as error:
        messages.warning(request, f"{error} Nothing was changed.")
    else:
        messages.success(request, done)
    return redirect(ticket)


@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    reason = request.POST.get("reason", "").strip()
    say(request, lambda: actions.withdraw(ticket, by=person_of(request), reason=reason), "Withdrawn.")
    return redirect(ticket)


@require_POST
def run(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    say(
        request,
        lambda: actions.run(ticket, by=person_of(request)),
        "Queued; a worker takes it at once when one is free.",
    )
    return redirect(ticket)
