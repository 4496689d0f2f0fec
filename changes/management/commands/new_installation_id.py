"""manage.py new_installation_id: for an installation that was made from a copy of another's database."""

from __future__ import annotations

import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from changes.errors import ChangeError
from changes.installation import renew_id

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Give this installation another id: after its application database was made from a copy of another's, and "
        "before its workers start. Without it, both have equal names for what they leave on servers. What the other "
        "has set aside and backed up is then not purged from here. Refused while a ticket is under way."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            old, new = renew_id()
        except ChangeError as error:
            raise CommandError(str(error)) from error
        logger.info("installation=%s before=%s", new, old)
        self.stdout.write(f"This installation was {old} and is {new} from now on.")
