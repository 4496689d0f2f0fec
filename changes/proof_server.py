"""Where rollbacks of schema changes are tried before anyone approves: a server like the target, and never the target's
own schemas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from backups.binlog.flavor import Flavor
from changes import backup_server, targets
from changes.grants import parse_grants
from changes.reserved import PROOF_PREFIX

SECONDS = 60
"""Without an answer the try is given up: what is tried has not been approved by anyone."""
NEEDED = ("CREATE", "DROP", "ALTER", "INDEX", "REFERENCES", "CREATE VIEW", "SHOW VIEW", "SELECT", "INSERT")


class NoProofError(Exception):
    """Nothing can be proven; the text says why, and what is needed."""


def address() -> targets.TargetAddress:
    """Return the server of [proof], or the backup server when none is named there."""
    proof = settings.INCEPTION.proof
    if not proof.host:
        return backup_server.address()
    return targets.TargetAddress(
        host=proof.host,
        port=proof.port,
        user=proof.user,
        password=proof.password,
        tls_mode=proof.tls,
        tls_ca=proof.tls_ca or None,
        role="backup",
    )


@contextmanager
def connected(flavor: Flavor) -> Iterator[Any]:
    """Open a session on a server that makes of a statement what a target of `flavor` does. Raises NoProofError."""
    where = address()
    try:
        connection = targets.connect(where, read_timeout=SECONDS)
    except targets.TargetError as error:
        raise NoProofError(str(error)) from error
    try:
        _check(connection, flavor, str(where))
        yield connection
    finally:
        connection.close()


def _check(connection: Any, flavor: Flavor, where: str) -> None:
    found = targets.read_flavor(connection)
    if (found.name, found.version[:2]) != (flavor.name, flavor.version[:2]):
        raise NoProofError(
            f"the server for proofs, {where}, is {found}; the target is {flavor}. Needed: the same kind"
            " and series. Name such a server in [proof] of the configuration"
        )
    grants = parse_grants(line for (line,) in targets.read_rows(connection, "SHOW GRANTS"))
    missing = [name for name in NEEDED if not grants.has_privilege(name, f"{PROOF_PREFIX}0")]
    if missing:
        raise NoProofError(
            f"the account on the server for proofs, {where}, lacks {', '.join(missing)} on its scratch schemas."
            rf" GRANT ALL ON `{PROOF_PREFIX.replace('_', chr(92) + '_')}%`.* to it"
        )
