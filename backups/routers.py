"""Which database a model of this project lives in."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

BACKUP_ALIAS = "backup"


class BackupRouter:
    """Unmanaged models of `backups` are read on the backup server; nothing of Django is ever migrated there."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return BACKUP_ALIAS if _is_on_backup_server(model) else None

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return BACKUP_ALIAS if _is_on_backup_server(model) else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == BACKUP_ALIAS else None


def _is_on_backup_server(model: type[Model]) -> bool:
    return model._meta.app_label == "backups" and not model._meta.managed
