"""Targets in the admin: the list, the form, and the test of the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from changes import actions
from changes.models import Target
from changes.target_forms import TargetForm
from changes.templatetags.inception import environment

if TYPE_CHECKING:
    _TargetAdmin = admin.ModelAdmin[Target]
else:
    _TargetAdmin = admin.ModelAdmin

_STATE_CLASS = {"ok": "ok", "warn": "warn", "fail": "bad"}
_STATE_WORD = {"ok": "passed", "warn": "look at this", "fail": "missing"}


class TargetAdmin(_TargetAdmin):
    form = TargetForm
    change_form_template = "admin/changes/target/change_form.html"
    list_display = ("name", "server", "environment_badge", "tls", "version", "is_active")
    list_filter = ("environment", "is_active")
    search_fields = ("name", "host")
    # "Delete selected" knows no ticket that needs its target; a target is deleted on its own page.
    actions = None
    fieldsets = (
        (None, {"fields": ("name", "environment", "is_active")}),
        ("Connection", {"fields": ("host", "port", "user", "password", "tls_mode", "tls_ca")}),
        ("Policies", {"fields": ("approvals_needed", "run_policy", "rollback_policy")}),
        (
            "Limits",
            {
                "fields": (
                    "most_running",
                    "lock_wait_seconds",
                    "statement_seconds",
                    "most_child_rows",
                    "most_copied_mib",
                )
            },
        ),
        ("Large tables", {"fields": ("most_rewritten_mib", "online_tool", "online_from_mib")}),
        ("Retention", {"fields": ("keep_days", "backup_days")}),
    )

    @admin.display(ordering="host")
    def server(self, target: Target) -> str:
        return format_html('<span class="mono">{}:{}</span>', target.host, target.port)

    @admin.display(description="environment", ordering="environment")
    def environment_badge(self, target: Target) -> str:
        return environment(target)

    @admin.display(description="TLS", ordering="tls_mode")
    def tls(self, target: Target) -> str:
        if target.tls_mode == Target.TlsMode.DISABLED:
            return format_html('<span class="badge warn">{}</span>', "off")
        return format_html(
            '<span title="{}">{}</span>', target.get_tls_mode_display(), target.tls_mode.replace("_", " ")
        )

    @admin.display(description="version", ordering="server_version", empty_value="not seen yet")
    def version(self, target: Target) -> str | None:
        return target.server_version or None

    def get_fieldsets(self, request: HttpRequest, obj: Target | None = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return [
            (title, {"fields": [field for field in options["fields"] if field != "password"]})
            for title, options in self.fieldsets
        ]

    def save_model(self, request: HttpRequest, obj: Target, form: TargetForm, change: bool) -> None:
        """Save the target, then its password: the ciphertext is bound to the target's id."""
        if {"host", "port"} & set(form.changed_data):
            obj.server_version = ""
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if password := form.cleaned_data["password"]:
                obj.set_password(password)
                obj.save(update_fields=["password_encrypted"])

    def has_delete_permission(self, request: HttpRequest, obj: Target | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not obj.tickets.exists())

    @method_decorator(sensitive_post_parameters("password"))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        target = self.get_object(request, object_id) if object_id else None
        context = {**(extra_context or {}), "target": target, "title": "Add a target", "subtitle": None}
        if target:
            context |= {
                "title": target.name,
                "may_test": self.has_change_permission(request, target),
                "ticket_count": target.tickets.count(),
            }
        return super().changeform_view(request, object_id, form_url, context)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "title": "Targets"})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        target = self.get_object(request, object_id)
        if target is None or not super().has_delete_permission(request, target):
            return super().delete_view(request, object_id, extra_context)
        try:
            if not target.tickets.exists():
                return super().delete_view(request, object_id, extra_context)
        except ProtectedError:
            pass  # a ticket was made between the look and the deletion; the words below hold for it too
        messages.error(
            request,
            f"{target} has tickets, and their history and backups need it, so it was not deleted. "
            "Untick “takes tickets” to put it out of use.",
        )
        return redirect("admin:changes_target_change", target.pk)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Nothing is asked about the password, not even of its ciphertext."""
        return not lookup.startswith("password") and super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[URLPattern]:
        test = require_POST(self.admin_site.admin_view(self.test_connection))
        return [path("<int:pk>/test/", test, name="changes_target_test"), *super().get_urls()]

    def test_connection(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Try the stored account on the server and show what was found, one line per requirement."""
        target = self.get_object(request, str(pk))
        if target is None:
            raise Http404("There is no such target.")
        if not self.has_change_permission(request, target):
            raise PermissionDenied
        checks = actions.test_connection(target, by=cast(User, request.user))
        target.refresh_from_db()
        lines = [
            {
                "label": check.label,
                "text": check.text,
                "css": _STATE_CLASS[check.state],
                "word": _STATE_WORD[check.state],
            }
            for check in checks
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Connection test of {target}",
            "target": target,
            "lines": lines,
            "failed": sum(check.state == "fail" for check in checks),
            "warned": sum(check.state == "warn" for check in checks),
        }
        return render(request, "admin/changes/target/test.html", context)
