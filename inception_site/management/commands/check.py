"""`manage.py check`: Django's, followed by every setting and where its value came from."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.commands.check import Command as DjangoCheck


class Command(DjangoCheck):
    help = f"{DjangoCheck.help} Prints every setting with its source; secrets are not shown."

    def handle(self, *app_labels: Any, **options: Any) -> None:
        if options["verbosity"] > 0 and not (options["list_tags"] or app_labels or options["tags"]):
            self._print_settings()
        super().handle(*app_labels, **options)

    def _print_settings(self) -> None:
        rows = list(settings.INCEPTION.values())
        name_width = max(len(name) for name, _, _ in rows)
        value_width = min(max(len(value) for _, value, _ in rows), 40)
        for name, value, source in rows:
            self.stdout.write(f"{name:<{name_width}}  {value:<{value_width}}  {source}")
        self.stdout.write("")
