"""The pages of retention: what is kept and until when; what a purge would take, and the purge of what was shown."""

from __future__ import annotations

import time
from collections import Counter

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from changes import permissions
from changes.models import Target
from changes.purge import PurgeResult, purge_as
from changes.retention import find_expired
from changes.retention_page import build_purge, build_retention
from changes.views import build_context, person_of

MOST_SECONDS = 20
"""A purge from a page works so long and then says what is left, since somebody waits for the answer."""


@require_GET
def retention(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("changes.view_target"):
        raise PermissionDenied("You may not see targets; ask an administrator for a group.")
    may_purge = permissions.why_not_purge(request.user) is None
    context = build_context(request, title="Retention", may_purge=may_purge, **build_retention())
    return render(request, "changes/retention.html", context)


@require_http_methods(["GET", "POST"])
def purge(request: HttpRequest) -> HttpResponse:
    """GET shows what would go. POST lets go of what was shown and ticked, where it still may go."""
    if reason := permissions.why_not_purge(request.user):
        raise PermissionDenied(reason)
    chosen = _choose_targets(request)
    if request.method == "POST":
        return _purge(request, chosen)
    context = build_context(request, title="Purge", only=_only(request, chosen), **build_purge(chosen))
    return render(request, "changes/purge.html", context)


def _choose_targets(request: HttpRequest) -> list[Target]:
    name = request.GET.get("target", "")
    return list(Target.objects.filter(name=name) if name else Target.objects.all())


def _only(request: HttpRequest, chosen: list[Target]) -> Target | None:
    return chosen[0] if request.GET.get("target") and chosen else None


def _purge(request: HttpRequest, chosen: list[Target]) -> HttpResponse:
    keys = set(request.POST.getlist("item"))
    if not keys:
        messages.warning(request, "Nothing was ticked. Nothing was changed.")
        return redirect("admin:changes_retention")
    found, troubles = find_expired(chosen, timezone.now(), among=keys)
    end = time.monotonic() + MOST_SECONDS
    free = [item for item in found if not item.obstacle]
    result = purge_as(person_of(request), free, keep_going=lambda: time.monotonic() < end)
    for item in found:
        if item.obstacle:
            messages.warning(request, f"Left alone: {item.schema_name}: {item.obstacle}.")
    if others := len(keys) - len(found):
        why = f" {' '.join(troubles)}" if troubles else " They are not expired any more, or gone already."
        messages.warning(request, f"{others} of what was ticked {_be(others)} not purged.{why}")
    _say(request, result)
    return redirect("admin:changes_retention")


def _say(request: HttpRequest, result: PurgeResult) -> None:
    """Tell what became of it; the same reason is told once."""
    reasons = Counter((left.reason, left.is_failure) for left in result.left)
    for (reason, is_failure), count in reasons.items():
        places = sorted({left.item.schema_name for left in result.left if left.reason == reason})
        shown = ", ".join(places[:3]) + (" …" if len(places) > 3 else "")
        tell = messages.error if is_failure else messages.warning
        tell(request, f"{count} {_be(count)} not purged ({shown}): {reason}")
    if result.rest:
        count = len(result.rest)
        messages.warning(
            request,
            f"{count} {_be(count)} left when the {MOST_SECONDS} seconds of a page were over. Purge again for the rest,"
            " or run manage.py purge.",
        )
    if result.done:
        count = len(result.done)
        messages.success(request, f"{count} {_be(count)} purged. Their tickets say so.")


def _be(count: int) -> str:
    return "was" if count == 1 else "were"
