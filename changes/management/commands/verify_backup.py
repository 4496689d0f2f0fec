"""manage.py verify_backup TICKET [--sign [--keys-lost]]: is what is kept of a ticket still what was kept?"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from enum import IntEnum
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backups.errors import BackupError
from backups.verification import Proof
from changes.models import ExecutedStatement, Ticket
from changes.protection import sign_again, verify_statement


class ExitStatus(IntEnum):
    WHOLE = 0
    ALTERED = 1
    NOTHING_TO_VERIFY = 2
    NOT_READ = 3


class Command(BaseCommand):
    help = (
        "Read the records of a ticket back, make them anew from the archive, compare; check every checksum and the "
        "signature. Exit status: 0 all is as it was kept; 1 something was altered or is damaged; 2 nothing is kept of "
        "this ticket; 3 the backup server could not be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ticket", type=int)
        parser.add_argument(
            "--sign", action="store_true", help="sign anew with the first encryption key what is found whole"
        )
        parser.add_argument(
            "--keys-lost", action="store_true", help="with --sign: the key that signed it is gone; trust the digests"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not Ticket.objects.filter(pk=options["ticket"]).exists():
            raise CommandError(f"There is no ticket #{options['ticket']}.", returncode=ExitStatus.NOTHING_TO_VERIFY)
        if options["keys_lost"] and not options["sign"]:
            raise CommandError("--keys-lost goes with --sign.", returncode=ExitStatus.NOTHING_TO_VERIFY)
        look = partial(sign_again, keys_lost=options["keys_lost"]) if options["sign"] else verify_statement
        records = ExecutedStatement.objects.filter(execution__ticket=options["ticket"]).order_by("execution", "seq")
        status = ExitStatus.NOTHING_TO_VERIFY
        for record in records.iterator():
            try:
                proof = look(record)
            except BackupError as error:
                raise CommandError(f"statement {record.seq + 1}: {error}", returncode=ExitStatus.NOT_READ) from error
            if proof is not None:
                self.stdout.write(_describe(record, proof))
                found = ExitStatus.ALTERED if proof.problems else ExitStatus.WHOLE
                status = found if status == ExitStatus.NOTHING_TO_VERIFY else max(status, found)
        if status == ExitStatus.NOTHING_TO_VERIFY:
            self.stdout.write(f"Ticket #{options['ticket']}: nothing is kept of it.")
        sys.exit(status)


def _describe(record: ExecutedStatement, proof: Proof) -> str:
    head = (
        f"statement {record.seq + 1}, {proof.evidence.opid_time}: {proof.record_count} records,"
        f" {proof.rows_remade} made anew and the same, {proof.block_count} blocks"
    )
    return f"{head}: {'ALTERED' if proof.problems else 'whole'}" + "".join(f"\n  {text}" for text in proof.problems)
