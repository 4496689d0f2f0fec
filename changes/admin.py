"""Tickets in the admin: the list is a changelist, every other page is our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from changes import permissions, rollback_views, ticket_lists, unfinished_views, views
from changes.models import Target, Ticket
from changes.states import TicketState
from changes.target_admin import TargetAdmin
from changes.templatetags import inception as tags

if TYPE_CHECKING:
    _TicketAdmin = admin.ModelAdmin[Ticket]
else:
    _TicketAdmin = admin.ModelAdmin

_PRESETS = (
    ("review", "Needs my review"),
    ("person", "Needs a person"),
    ("mine", "Mine"),
    ("running", "Running"),
    ("failed", "Failed"),
    ("scheduled", "Scheduled"),
)


class PresetFilter(admin.SimpleListFilter):
    """The tabs above the list. They are drawn there, so the filter column shows nothing for them."""

    title = "view"
    parameter_name = "view"
    template = "changes/_no_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        return _PRESETS

    def queryset(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> QuerySet[Ticket]:
        person = request.user
        chosen = {
            "review": lambda: queryset.filter(pk__in=ticket_lists.needs_review_by(person).values("pk")),
            "mine": lambda: queryset.filter(submitter_id=person.pk),
            "running": lambda: queryset.filter(pk__in=ticket_lists.running().values("pk")),
            "person": lambda: queryset.filter(pk__in=ticket_lists.needing_a_person().values("pk")),
            "failed": lambda: queryset.filter(pk__in=ticket_lists.gone_wrong().values("pk")),
            "scheduled": lambda: queryset.filter(state=TicketState.SCHEDULED),
        }.get(self.value() or "")
        return chosen() if chosen else queryset


@admin.register(Ticket)
class TicketAdmin(_TicketAdmin):
    change_list_template = "changes/ticket_list.html"
    list_display = ("no", "title", "place", "by", "waiting_for", "rows", "backed_up", "condition", "updated")
    list_display_links = ("no", "title")
    list_filter = (PresetFilter, "state", "target", "target__environment", "backup_state", "submitter", "created_at")
    search_fields = ("title", "sql", "reason", "schema_name", "target__name")
    search_help_text = "Title, reason, SQL, schema, target, or #number"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    actions = None
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        return ticket_lists.with_facts(super().get_queryset(request), request.user)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Ticket], search_term: str
    ) -> tuple[QuerySet[Ticket], bool]:
        number = search_term.strip().removeprefix("#")
        if number.isdecimal() and len(number) < 19:
            return queryset.filter(Q(pk=int(number)) | Q(title__icontains=number) | Q(sql__icontains=number)), False
        return super().get_search_results(request, queryset, search_term)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Add what a row says to the person who looks, once for the page."""
        changes = super().get_changelist_instance(request)
        may_decide = request.user.has_perm("changes.approve_ticket")
        for ticket in changes.result_list:
            ticket.waiting_for = ticket_lists.build_waiting_for(ticket, request.user, may_decide=may_decide)
        return changes

    @admin.display(description="#", ordering="id")
    def no(self, ticket: Ticket) -> SafeString:
        return format_html('<span class="id">#{}</span>', ticket.pk)

    @admin.display(description="target", ordering="target__name")
    def place(self, ticket: Ticket) -> SafeString:
        return tags.place(ticket)

    @admin.display(description="submitter", ordering="submitter__username")
    def by(self, ticket: Ticket) -> str:
        return tags.person(ticket.submitter)

    @admin.display(description="waiting for", empty_value="")
    def waiting_for(self, ticket: Any) -> str:
        return str(ticket.waiting_for)

    @admin.display(description="rows", empty_value="", ordering="row_count")
    def rows(self, ticket: Any) -> str:
        return tags.number(ticket.row_count)

    @admin.display(description="backup", empty_value="", ordering="backup_state")
    def backed_up(self, ticket: Ticket) -> str:
        return tags.backup_badge(ticket)

    @admin.display(description="state", ordering="state")
    def condition(self, ticket: Ticket) -> SafeString:
        return format_html("{} {}", tags.state_badge(ticket), tags.rollback_badge(ticket))

    @admin.display(description="updated", ordering="updated_at")
    def updated(self, ticket: Ticket) -> str:
        return tags.ago(ticket.updated_at)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return permissions.why_not_create(request.user) is None

    def has_change_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:
        return False  # a ticket changes by its own actions, never by the admin's form

    def has_delete_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:
        return False  # its history and its backups need it

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return views.add(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return views.ticket(request, int(object_id))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        return redirect(f"{views.find_ticket(request, int(object_id)).get_absolute_url()}#activity")

    def get_urls(self) -> list[URLPattern]:
        """Our own addresses, and of the admin's only the list, the new ticket, the ticket and its history."""
        wrap = self.admin_site.admin_view
        pages = {
            "edit": views.edit,
            "progress": views.progress,
            "sql": views.sql_text,
            "submit": views.submit,
            "approve": views.approve,
            "reject": views.reject,
            "withdraw": views.withdraw,
            "run": views.run,
            "rollback": rollback_views.roll_back,
            "stop": unfinished_views.stop,
            "kill": unfinished_views.kill,
            "throttle": unfinished_views.throttle,
            "resume": unfinished_views.resume,
            "look_again": unfinished_views.look_again,
            "decide_outcome": unfinished_views.decide_outcome,
            "give_up_backup": unfinished_views.give_up_backup,
            "run_again": unfinished_views.run_again,
            "run_rest": unfinished_views.run_rest,
        }
        own = [path(f"<int:pk>/{name}/", wrap(view), name=f"changes_ticket_{name}") for name, view in pages.items()]
        return [
            path("", wrap(self.changelist_view), name="changes_ticket_changelist"),
            path("add/", wrap(self.add_view), name="changes_ticket_add"),
            path("<int:object_id>/change/", wrap(self.change_view), name="changes_ticket_change"),
            path("<int:object_id>/history/", wrap(self.history_view), name="changes_ticket_history"),
            path(
                "<int:pk>/rollback/preview/",
                wrap(rollback_views.preview),
                name="changes_ticket_rollback_preview",
            ),
            *own,
        ]


admin.site.register(Target, TargetAdmin)
