from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.signals import connection_created

from backups import faults


class BackupsConfig(AppConfig):
    name = "backups"
    verbose_name = "Backups"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        faults.arm(settings.INCEPTION.site.fault)
        connection_created.connect(set_utc, dispatch_uid="backups.set_utc")


def set_utc(connection: Any, **_: Any) -> None:
    """Read and write the TIMESTAMPs of the backup server in UTC: Django takes naive values for UTC."""
    if connection.alias == "backup":
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
