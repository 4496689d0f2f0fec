"""manage.py run_change --target NAME [--schema DB] FILE|-: run SQL in the foreground, without review."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from changes import actions, foreground, report
from changes.errors import ChangeError
from changes.models import Target
from changes.problems import Problem
from changes.statements import SplitError, split_statements
from changes.states import TransactionMode

BOOLEANS = {"true": True, "false": False}


class Command(BaseCommand):
    help = (
        "Run the SQL of a file (or of standard input) on a target with backup, without review, and wait for it. "
        "Exit status: 0 done and complete; 1 a statement failed or was stopped; 2 refused, nothing ran; 4 done but the "
        "backup is incomplete or still waits, or the outcome is unknown."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--target", required=True, help="the name of a registered target")
        parser.add_argument(
            "--schema", default="", help="the default schema; needed unless the SQL names one throughout"
        )
        parser.add_argument("--backup", choices=BOOLEANS, default="true")
        parser.add_argument("--accept-loss", action="store_true", help="run what cannot be undone, too")
        parser.add_argument(
            "--transaction",
            choices=[mode.value for mode in TransactionMode],
            default=TransactionMode.AUTO.value,
            help="all statements in one transaction, each by itself, or all in one where that can be (auto)",
        )
        parser.add_argument("--title", default="")
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument("file", metavar="FILE|-")

    def handle(self, *args: Any, **options: Any) -> None:
        outcome, status = self._run(options)
        text = json.dumps(outcome, ensure_ascii=False) if options["format"] == "json" else report.render_run(outcome)
        self.stdout.write(text)
        sys.exit(status)

    def _run(self, options: dict[str, Any]) -> tuple[dict[str, Any], int]:
        problem = _not_allowed() or _unknown_target(options["target"])
        if problem is not None:
            return report.describe_refusal([problem]), report.ExitStatus.REFUSED
        target = Target.objects.get(name=options["target"])
        sql = read_sql(options["file"])
        if isinstance(sql, Problem):
            return report.describe_refusal([sql]), report.ExitStatus.REFUSED
        schema_name = options["schema"] or find_only_schema(sql)
        if isinstance(schema_name, Problem):
            return report.describe_refusal([schema_name]), report.ExitStatus.REFUSED
        backup = BOOLEANS[options["backup"]]
        fields = actions.TicketFields(
            title=options["title"] or f"run_change {options['file']}"[:200],
            target=target,
            schema_name=schema_name,
            sql=sql,
            backup=backup,
            accepts_loss=options["accept_loss"],
            no_backup_reason="" if backup else "run_change --backup=false",
            transaction_mode=options["transaction"],
        )
        ticket, queued = actions.create_unreviewed(fields)
        if queued is None:
            return report.describe_refusal(ticket.problems, ticket), report.ExitStatus.REFUSED
        try:
            done = foreground.run(queued)
        except ChangeError as error:
            return report.describe_refusal([_busy(error)], ticket), report.ExitStatus.REFUSED
        return report.describe_run(done), report.judge(done)


def read_sql(name: str) -> str | Problem:
    """Return the text of the file, exactly, or why it cannot be used."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        return Problem(
            id="sql.unreadable",
            severity="error",
            found=f"{name} cannot be read: {error.strerror}.",
            needed="A file with SQL in UTF-8, or - for standard input.",
            how="Give the path of such a file.",
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        return Problem(
            id="sql.not_utf8",
            severity="error",
            found=f"Byte {error.start} of the SQL is not UTF-8.",
            needed="SQL text in UTF-8.",
            how="Save the file as UTF-8; write other bytes as X'...' literals.",
        )


def _not_allowed() -> Problem | None:
    if settings.INCEPTION.site.allow_unreviewed_cli:
        return None
    return Problem(
        id="site.unreviewed_cli",
        severity="error",
        found="This installation does not run changes without review.",
        needed="allow_unreviewed_cli = true in [site] of config.toml.",
        how="Submit a ticket in the browser, or have an administrator set it.",
    )


def _busy(error: ChangeError) -> Problem:
    return Problem(id="target.busy", severity="error", found=str(error), needed="One ticket at a time.", how="")


def _unknown_target(name: str) -> Problem | None:
    if Target.objects.filter(name=name, is_active=True).exists():
        return None
    known = ", ".join(Target.objects.filter(is_active=True).values_list("name", flat=True)) or "none"
    return Problem(
        id="target.unknown",
        severity="error",
        found=f"No target of the name {name!r} takes tickets.",
        needed=f"A registered target; there are: {known}.",
        how="Register it with manage.py add_target, or in the browser under Targets.",
    )


def find_only_schema(sql: str) -> str | Problem:
    """Return the one schema that every statement names, or why there is none."""
    try:
        names = {statement.schema_name for statement in split_statements(sql)}
    except SplitError as error:
        return error.problem
    if len(names) == 1 and (name := names.pop()):
        return name
    return Problem(
        id="ticket.schema",
        severity="error",
        found="No default schema was given, and the SQL does not name one for every table.",
        needed="The schema that the statements run in.",
        how="Add --schema NAME.",
    )
