"""People and groups in the admin: Django's own pages, without what means nothing here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q
from django.http import HttpRequest

from changes.groups import GROUPS

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin

_ASKED_FOR = {label.partition(".")[2] for labels in GROUPS.values() for label in labels} | {"delete_target"}
_OURS = Q(content_type__app_label__in=["changes", "backups"], codename__in=_ASKED_FOR) | Q(
    content_type__app_label="auth", codename__endswith="user"
)
"""Permissions that something here asks for; the others belong to tables that no page edits."""


class PersonAdmin(_UserAdmin):
    """Everybody with an account may log in; groups decide the rest."""

    list_display = ("username", "first_name", "last_name", "in_groups", "is_active", "is_superuser", "last_login")
    list_filter = ("groups", "is_active", "is_superuser")
    filter_horizontal = ()
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("What they may do", {"fields": ("is_active", "groups", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2")}),
        ("What they may do", {"fields": ("groups",)}),
    )

    @admin.display(description="groups")
    def in_groups(self, person: User) -> str:
        return ", ".join(group.name for group in person.groups.all())

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "groups":
            kwargs["widget"] = forms.CheckboxSelectMultiple()
            kwargs["help_text"] = ""
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "groups" and field is not None:
            field.widget.can_add_related = False  # groups have their own page
        return field

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.is_staff = True  # the flag that lets people into an admin site, and all of this is one
        super().save_model(request, obj, form, change)


class PermissionChoice(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, permission: Permission) -> str:
        return permission.name


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    permissions = PermissionChoice(
        queryset=Permission.objects.none(), widget=forms.CheckboxSelectMultiple, required=False
    )

    class Meta:
        model = Group
        fields = ("name", "permissions")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What the group has already stays on the page, else saving would take it away unseen.
        offered = _OURS | Q(group=self.instance) if self.instance.pk else _OURS
        found = Permission.objects.filter(offered).select_related("content_type").distinct()
        self.fields["permissions"].queryset = found  # type: ignore[attr-defined]


class RoleAdmin(GroupAdmin):
    form = RoleForm
    filter_horizontal = ()


admin.site.unregister([User, Group])
admin.site.register(User, PersonAdmin)
admin.site.register(Group, RoleAdmin)
