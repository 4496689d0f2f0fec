"""django-rq's pages are for those who run tickets, also the ones that its own urls serve past the admin site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse


class QueueGuardMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Raise PermissionDenied for a view of django-rq. Who is not logged in, the admin site leads to the log-in."""
        if not getattr(view, "__module__", "").startswith("django_rq."):
            return
        if request.user.is_authenticated and not request.user.has_perm("changes.execute_ticket"):
            raise PermissionDenied("The queue is for those who run tickets; ask an administrator for the group DBAs.")
