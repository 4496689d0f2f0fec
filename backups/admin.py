"""Backups in the admin: browsed, never edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest
from django.urls import URLPattern

from backups.models import BackupSchema
from backups.urls import build_urls

if TYPE_CHECKING:
    _BackupSchemaAdmin = admin.ModelAdmin[BackupSchema]
else:
    _BackupSchemaAdmin = admin.ModelAdmin


@admin.register(BackupSchema)
class BackupSchemaAdmin(_BackupSchemaAdmin):
    """Takes the pages of `backups.views` in place of a list and forms: what is stored is evidence."""

    def get_urls(self) -> list[URLPattern]:
        return build_urls(self.admin_site.admin_view)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: BackupSchema | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: BackupSchema | None = None) -> bool:
        return False
