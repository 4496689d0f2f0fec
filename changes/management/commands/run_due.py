"""manage.py run_due: the clock of scheduled tickets, and the second ring for a bell that was lost."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from changes import actions


class Command(BaseCommand):
    help = "Queue scheduled tickets whose time has come, and ring again for executions that no worker has taken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, help="seconds between two looks; once when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            for execution in actions.queue_due():
                self.stdout.write(f"queued execution {execution.pk} of ticket {execution.ticket_id}")
            for execution_id in actions.ring_again(timezone.now() - timedelta(seconds=30)):
                self.stdout.write(f"rang again for execution {execution_id}")
            if options["every"] is None:
                return
            time.sleep(options["every"])
