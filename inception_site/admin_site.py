"""Inception's pages are this admin site: the desk is its index."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from http import HTTPStatus
from typing import Any

import redis.exceptions
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.urls import path


class InceptionAdminSite(AdminSite):
    """Everybody with an account may enter; what they see and do there, their groups decide."""

    site_header = settings.INCEPTION.site.name
    site_title = settings.INCEPTION.site.name
    index_title = "Desk"
    enable_nav_sidebar = False
    site_url = None
    login_form: type[AdminAuthenticationForm] | type[AuthenticationForm] = AuthenticationForm

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from changes.desk import build_desk

        return super().index(request, {**build_desk(request.user), **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        from changes import retention_views

        return [
            path("changes/retention/", self.admin_view(retention_views.retention), name="changes_retention"),
            path("changes/retention/purge/", self.admin_view(retention_views.purge), name="changes_purge"),
            *super().get_urls(),
        ]

    def app_index(self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("admin:index")  # the desk and the bar above it stand in for lists of models

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        if getattr(view, "__module__", "").startswith("django_rq."):
            view = _in_words(view)
        return super().admin_view(view, cacheable)


def _in_words(view: Callable[..., Any]) -> Callable[..., Any]:
    """A queue that does not answer is said in words. Who may see it at all, inception_site/queue_guard.py decides."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return view(request, *args, **kwargs)
        except redis.exceptions.ConnectionError:
            return render(request, "queue_down.html", status=HTTPStatus.SERVICE_UNAVAILABLE)

    return update_wrapper(guarded, view)
