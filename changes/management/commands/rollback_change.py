"""manage.py rollback_change TICKET [--statement N]… [--dry-run]: put back what a ticket changed."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from changes import actions, foreground, report, undo
from changes.errors import ChangeError
from changes.models import Ticket
from changes.problems import Problem


class Command(BaseCommand):
    help = (
        "Roll back a ticket in the foreground and wait for it. Exit status: 0 done; 1 a statement failed; "
        "2 refused, nothing ran; 3 conflict, nothing changed; 4 the outcome is unknown, or its backup still waits."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ticket", type=int)
        parser.add_argument("--statement", type=int, action="append", default=[], help="number from 1; may be repeated")
        parser.add_argument("--dry-run", action="store_true", help="do it all, then abort: nothing is changed")
        parser.add_argument("--on-conflict", choices=("stop", "skip", "overwrite"), default="stop")
        parser.add_argument("--reason", default="")
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        ticket = Ticket.objects.select_related("target").filter(pk=options["ticket"]).first()
        if ticket is None:
            raise CommandError(f"There is no ticket #{options['ticket']}.", returncode=report.ExitStatus.REFUSED)
        plan = actions.RollbackPlan(tuple(number - 1 for number in options["statement"]), options["on_conflict"])
        outcome, status = self._roll_back(ticket, plan, options)
        text = (
            json.dumps(outcome, ensure_ascii=False) if options["format"] == "json" else report.render_rollback(outcome)
        )
        self.stdout.write(text)
        sys.exit(status)

    def _roll_back(
        self, ticket: Ticket, plan: actions.RollbackPlan, options: dict[str, Any]
    ) -> tuple[dict[str, Any], int]:
        try:
            if not settings.INCEPTION.site.allow_unreviewed_cli:
                raise ChangeError("This installation does not run changes without review; roll back in the browser.")
            if options["dry_run"]:
                return report.describe_dry_run(ticket, undo.dry_run(ticket, plan))
            _, queued = actions.roll_back_unreviewed(ticket, plan=plan, reason=options["reason"])
            done = foreground.run(queued)
        except ChangeError as error:
            return report.describe_rollback_refusal(ticket, _as_problem(error)), report.ExitStatus.REFUSED
        return report.describe_rollback(done), report.judge(done)


def _as_problem(error: ChangeError) -> Problem:
    return Problem(id="rollback.refused", severity="error", found=str(error), needed="", how="")
