from __future__ import annotations

from django.apps import AppConfig

from backups import ticket_lookup


class ChangesConfig(AppConfig):
    name = "changes"
    verbose_name = "Changes"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from changes import groups
        from changes.ticket_lookup import StoredTicketLookup

        groups.watch()
        ticket_lookup.register(StoredTicketLookup())
