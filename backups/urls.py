"""Addresses of the pages of backups, below the admin's own of BackupSchema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from backups import views


def build_urls(wrap: Callable[..., Any]) -> list[URLPattern]:
    """Return the pages' addresses. wrap: the admin site's admin_view.

    Names of schemas and opid_times written by others may hold any character, a slash too: hence `path`, and the longer
    addresses first.
    """
    one = "<path:name>/statement/<path:opid_time>/"
    return [
        path("", wrap(views.schemas), name="backups_browse"),
        path("", wrap(views.schemas), name="backups_backupschema_changelist"),
        path(one + "rollback.sql", wrap(views.download), name="backups_download"),
        path(one + "record/<int:record_id>/", wrap(views.record), name="backups_record"),
        path(one, wrap(views.statement), name="backups_statement"),
        path("<path:name>/", wrap(views.schema), name="backups_schema"),
    ]
