"""manage.py purge_kept TARGET [--older-than DAYS] [--yes]: let go of what schema changes set aside."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from changes import retention
from changes.errors import ChangeError
from changes.models import Target

DAYS = 30


class Command(BaseCommand):
    help = (
        "List what schema changes of tickets set aside on a target longer ago than some days, and with "
        "--yes drop it: these statements can then not be rolled back any more, and their tickets say so."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", help="the name of a registered target")
        parser.add_argument("--older-than", type=int, default=DAYS, metavar="DAYS", help=f"{DAYS} when left out")
        parser.add_argument("--yes", action="store_true", help="drop it; without this nothing is changed")

    def handle(self, *args: Any, **options: Any) -> None:
        target = Target.objects.filter(name=options["target"]).first()
        if target is None:
            raise CommandError(f"There is no target {options['target']!r}.")
        if options["older_than"] < 0:
            raise CommandError(f"--older-than is {options['older_than']}; needed: a number of days from 0 on.")
        age = timedelta(days=options["older_than"])
        try:
            chosen = retention.purge(target, older_than=age, dry_run=not options["yes"])
        except ChangeError as error:
            raise CommandError(str(error)) from error
        for kept in chosen:
            use = "a rollback needs it" if kept.is_needed else "no rollback needs it"
            ticket_id, number = kept.statement.execution.ticket_id, kept.statement.seq + 1
            line = f"{kept.name}  since {kept.kept_at:%Y-%m-%d}  {kept.data_bytes:,} bytes  {use}"
            self.stdout.write(f"{line}  (ticket #{ticket_id}, statement {number})")
        self.stdout.write(f"{len(chosen)} {'dropped' if options['yes'] else 'would be dropped; --yes drops them'}.")
