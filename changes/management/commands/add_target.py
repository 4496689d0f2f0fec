"""manage.py add_target NAME --host H --port P --user U (--password-file F | --password-env VAR)"""

from __future__ import annotations

import ipaddress
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Field

from changes.models import Target

_NUMBERS = (
    "approvals_needed",
    "most_running",
    "lock_wait_seconds",
    "statement_seconds",
    "most_child_rows",
    "most_copied_mib",
    "most_rewritten_mib",
    "online_from_mib",
    "keep_days",
    "backup_days",
)
"""Limits of a target that are whole numbers; one that is not named keeps its value."""


class Command(BaseCommand):
    help = "Register a server that tickets may run on, or change the one of that name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--host", required=True)
        parser.add_argument("--port", type=int, default=3306)
        parser.add_argument("--user", required=True)
        # No --password: it would stand in the process list and in the shell's history.
        secret = parser.add_mutually_exclusive_group(required=True)
        secret.add_argument("--password-file", type=Path, help="a file whose first line is the password")
        secret.add_argument("--password-env", help="the name of an environment variable that holds the password")
        parser.add_argument("--environment", choices=Target.Environment.values, default=Target.Environment.PRODUCTION)
        parser.add_argument(
            "--tls",
            choices=Target.TlsMode.values,
            help="required unless the host is this machine (127.0.0.1, ::1, localhost)",
        )
        parser.add_argument("--tls-ca", default="")
        parser.add_argument("--online-tool", choices=Target.OnlineTool.values)
        for name in _NUMBERS:
            field = cast("Field[Any, Any]", Target._meta.get_field(name))
            parser.add_argument(
                f"--{name.replace('_', '-')}", type=int, help=f"{field.verbose_name}: {field.help_text}"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        values = {key: options[key] for key in ("host", "port", "user", "environment", "tls_ca")}
        values |= {name: options[name] for name in ("online_tool", *_NUMBERS) if options[name] is not None}
        values["tls_mode"] = options["tls"] or _choose_tls(options["host"])
        with transaction.atomic():
            target = Target.objects.filter(name=options["name"]).first() or Target(name=options["name"])
            created = target.pk is None
            for key, value in values.items():
                setattr(target, key, value)
            try:
                target.full_clean()
            except ValidationError as error:
                raise CommandError("; ".join(error.messages)) from error
            target.save()
            target.set_password(_read_password(options))
            target.save(update_fields=["password_encrypted"])
        self.stdout.write(f"{'Added' if created else 'Changed'} {target.name}: {target.host}:{target.port}")


def _choose_tls(host: str) -> str:
    """Nobody listens between a machine and itself; everywhere else plain text has to be asked for."""
    return Target.TlsMode.DISABLED if host == "localhost" or _is_loopback(host) else Target.TlsMode.REQUIRED


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_password(options: dict[str, Any]) -> str:
    if path := options["password_file"]:
        try:
            return str(path.read_text(encoding="utf-8").splitlines()[0]) if path.stat().st_size else ""
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"Cannot read the password from {path}: {error}") from error
    name = options["password_env"]
    if name not in os.environ:
        raise CommandError(f"The environment variable {name} is not set; it has to hold the password.")
    return os.environ[name]
