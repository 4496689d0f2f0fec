"""manage.py reconcile: queue what is due, ring again for what the queue lost, decide what nobody works on."""

from __future__ import annotations

import logging
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error as DjangoDatabaseError
from django.db import connections

from changes.reconciler import Reconciler, watch_seconds

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Queue scheduled tickets whose time has come, ring again for executions that no worker has taken, and look "
        "into executions whose worker went away: what became of them is decided by evidence from the server. "
        "`manage.py serve` runs it all the time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=float, help="seconds between two looks; once when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        reconciler = Reconciler(say=self.stdout.write)
        if options["every"] is None:
            reconciler.step()
            if reconciler.is_watching:
                time.sleep(watch_seconds())
                reconciler.step()
            reconciler.finish()
            return
        while True:
            try:
                reconciler.step()
            except DjangoDatabaseError as error:
                # The application database comes back; this has to be there then.
                logger.warning("reconcile=waits error=%s", error)
                connections.close_all()
            time.sleep(options["every"])
