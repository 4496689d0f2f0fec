"""manage.py purge [--dry-run | --yes] [--target NAME …]: let go of what is kept for rollbacks no longer."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from changes import purge
from changes.models import Target
from changes.retention import Item, Kind, find_expired


class Command(BaseCommand):
    help = (
        "List what is kept for rollbacks longer than the policies of its targets say: data that schema changes set "
        "aside on the targets, and records on the backup server. With --yes it is dropped; these statements can then "
        "not be rolled back any more, and their tickets say so. Nothing else in Inception does that by itself: run it "
        "from a timer. Exit status 1 when a server refused or did not answer; all others are purged all the same."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--dry-run", action="store_true", help="list only; so it is without --yes, too")
        how.add_argument("--yes", action="store_true", help="drop what is listed")
        parser.add_argument("--target", action="append", default=[], metavar="NAME", help="all when left out")
        parser.add_argument("--only", choices=[kind.value for kind in Kind], help="data set aside, or backups")
        parser.add_argument(
            "--older-than",
            type=int,
            metavar="DAYS",
            help="an age in place of the targets' policies, also where these say for ever",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["older_than"] is not None and options["older_than"] < 0:
            raise CommandError(f"--older-than is {options['older_than']}; needed: a number of days from 0 on.")
        age = None if options["older_than"] is None else timedelta(days=options["older_than"])
        kinds = {Kind(options["only"])} if options["only"] else set(Kind)
        chosen = _find_targets(options["target"])
        found, troubles = find_expired(chosen, timezone.now(), kinds=kinds, older_than=age)
        for item in found:
            self.stdout.write(describe(item))
        free = [item for item in found if not item.obstacle]
        if options["yes"]:
            troubles += self._purge(free)
        else:
            self.stdout.write(f"{len(free)} would be purged; --yes purges them.")
        if troubles:
            raise CommandError("\n".join(troubles))

    def _purge(self, items: list[Item]) -> list[str]:
        """Purge, say what was left, and return what failed."""
        result = purge.purge(items, by=None)
        for left in result.left:
            if not left.is_failure:
                self.stdout.write(f"left alone: {left.item.schema_name}: {left.reason}.")
        self.stdout.write(f"{len(result.done)} purged.")
        return [f"{left.item.schema_name}: {left.reason}" for left in result.left if left.is_failure]


def _find_targets(names: list[str]) -> list[Target]:
    found = Target.objects.filter(name__in=names) if names else Target.objects.all()
    if missing := set(names) - {target.name for target in found}:
        raise CommandError(f"There is no target {min(missing)!r}.")
    return list(found)


def describe(item: Item) -> str:
    """Return one line about what is kept."""
    size = (
        f"{item.size_bytes:,} bytes" if item.size_bytes is not None else f"{item.statement.records_stored or 0} records"
    )
    use = "a rollback needs it" if item.is_needed else "no rollback needs it"
    where = item.schema_name if item.kind is Kind.KEPT else f"{item.schema_name} {item.statement.opid_time}"
    held = f", left alone: {item.obstacle}" if item.obstacle else ""
    return (
        f"{where}  since {item.since:%Y-%m-%d}  {size}  {use}"
        f"  ({item.ticket.target}, ticket #{item.ticket.pk}, statement {item.number}){held}"
    )
