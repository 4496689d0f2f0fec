"""Ask the configured backup server whether it can keep backups now."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from changes import preflight_backup, targets
from changes.problems import Problem


def address() -> targets.TargetAddress:
    """Return where [inc] of the configuration says backups are kept."""
    inc = settings.INCEPTION.inc
    return targets.TargetAddress(
        host=inc.backup_host,
        port=inc.backup_port,
        user=inc.backup_user,
        password=inc.backup_password,
        tls_mode=inc.backup_tls,
        tls_ca=inc.backup_ca or None,
        role="backup",
    )


def purge_address() -> targets.TargetAddress:
    """Return the same server for the account that may delete there; without one of its own, the usual one."""
    inc = settings.INCEPTION.inc
    if not inc.purge_user:
        return address()
    return replace(address(), user=inc.purge_user, password=inc.purge_password)


def check(backup_schema: str | None = None, *, at: targets.TargetAddress | None = None) -> list[Problem]:
    """Connect to the backup server and return what speaks against keeping backups there; [] when all is well.

    A new connection each time: an old one tells of a server that was there, not of one that is.
    """
    try:
        connection = targets.connect(at or address())
    except targets.TargetError as error:
        return [error.problem]
    try:
        return preflight_backup.check(targets.read_facts(connection), backup_schema)
    finally:
        connection.close()
