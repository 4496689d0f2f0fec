"""What people do about a ticket that runs, hangs, ended half-way, or whose outcome nobody knows."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from changes import actions, permissions, unfinished
from changes.errors import AlreadySavedError, ChangeError, StalePageError
from changes.forms import KillForm, OutcomeForm, ReasonForm
from changes.online_page import find_online
from changes.views import build_context, find_ticket, person_of, say


@require_POST
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    done = "Nothing more is sent after the statement that runs now."
    if find_online(list(ticket.last_execution.statements.all()) if ticket.last_execution else []):
        done = "Asked: a change that is still being copied is cancelled at once; nothing more of the ticket is sent."
    if ticket.is_one_transaction:
        done = "The transaction is aborted after the statement that runs now; nothing of the ticket is applied."
    say(request, lambda: unfinished.stop(ticket, by=person_of(request)), done)
    return redirect(ticket)


@require_POST
def throttle(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    done = "Asked: no more rows are copied until somebody resumes it. What others write still goes to both tables."
    say(request, lambda: unfinished.pause(ticket, by=person_of(request), wanted=True), done)
    return redirect(ticket)


@require_POST
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    say(
        request,
        lambda: unfinished.pause(ticket, by=person_of(request), wanted=False),
        "Asked: it goes on copying rows in a moment.",
    )
    return redirect(ticket)


@require_http_methods(["GET", "POST"])
def kill(request: HttpRequest, pk: int) -> HttpResponse:
    """GET shows the statement that runs and what killing it means; POST kills what was shown."""
    ticket = find_ticket(request, pk)
    if reason := permissions.why_not_stop(ticket, request.user):
        messages.warning(request, f"{reason} Nothing was changed.")
        return redirect(ticket)
    if request.method == "POST":
        return _kill(request, pk)
    execution = ticket.last_execution
    context = {
        "ticket": ticket,
        "execution": execution,
        "running": unfinished.find_running(ticket),
        "one_transaction": execution is not None and execution.one_transaction,
    }
    return render(request, "changes/kill.html", build_context(request, title=f"Kill #{pk}", **context))


def _kill(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    form = KillForm(request.POST)
    seen = form.cleaned_data["statement"] if form.is_valid() else None
    try:
        unfinished.kill(ticket, by=person_of(request), seen=seen)
    except StalePageError as error:
        messages.warning(request, str(error))
        return redirect(reverse("admin:changes_ticket_kill", args=[pk]))
    except ChangeError as error:
        messages.warning(request, str(error))
    else:
        messages.success(
            request, "The server was told to end the statement. What became of it is read from the server."
        )
    return redirect(ticket)


@require_POST
def look_again(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    done = "The next look is now; this page shows what it finds."
    say(request, lambda: unfinished.look_again(ticket, by=person_of(request)), done)
    return redirect(ticket)


@require_POST
def decide_outcome(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    form = OutcomeForm(request.POST)
    if not form.is_valid():
        messages.warning(request, f"{form.words} Nothing was decided.")
        return redirect(ticket)
    applied, reason = form.cleaned_data["applied"], form.cleaned_data["reason"]
    words = "took effect" if applied else "did not take effect"
    say(
        request,
        lambda: unfinished.decide(ticket, applied=applied, reason=reason, by=person_of(request)),
        f"Recorded with your name: it {words}.",
    )
    return redirect(ticket)


@require_POST
def give_up_backup(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    done = "The backup is given up. The change stays, and cannot be put back."
    say(request, lambda: unfinished.give_up_backup(ticket, reason=reason, by=person_of(request)), done)
    return redirect(ticket)


@require_POST
def run_again(request: HttpRequest, pk: int) -> HttpResponse:
    ticket = find_ticket(request, pk)
    done = "Queued once more, as it was approved; a worker takes it at once when one is free."
    say(request, lambda: actions.run_again(ticket, by=person_of(request)), done)
    return redirect(ticket)


@require_POST
def run_rest(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a draft of what did not take effect, and open it to be mended."""
    ticket = find_ticket(request, pk)
    try:
        rest = actions.continue_with_rest(ticket, by=person_of(request))
    except AlreadySavedError as error:
        return redirect("admin:changes_ticket_edit", error.ticket_id)
    except ChangeError as error:
        messages.warning(request, f"{error} Nothing was changed.")
        return redirect(ticket)
    messages.success(request, f"This draft holds what #{pk} did not do. Mend it, then submit it for review.")
    return redirect("admin:changes_ticket_edit", rest.pk)
