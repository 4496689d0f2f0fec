"""An open, fenced and checked connection to the target of an execution."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import MySQLdb

from backups.binlog.coordinates import BinlogCoordinates
from backups.source import OwnTransaction, ServerAddress
from changes import backup_server, preflight, targets
from changes.attempt import Attempt, lock_name
from changes.models import Ticket
from changes.problems import Problem
from changes.runner import StatementStart
from changes.server_facts import ServerFacts, ServerIdentity

LOCK_SECONDS = 5


class RefusedError(Exception):
    """The preflight found reasons not to start; nothing was sent."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(" ".join(str(problem) for problem in problems))


@dataclass(frozen=True, slots=True)
class Session:
    """An open, fenced and checked connection to the target of an execution."""

    connection: Any
    facts: ServerFacts
    address: targets.TargetAddress

    @property
    def source(self) -> ServerAddress:
        """The same server, as the reader of its binlog connects to it."""
        return ServerAddress(
            host=self.address.host,
            port=self.address.port,
            user=self.address.user,
            password=self.address.password,
            tls=self.address.tls_mode,
            ca=self.address.tls_ca,
        )

    def own_transaction(
        self, start: StatementStart, end: BinlogCoordinates | None, gtid_after: str | None, marker: str
    ) -> OwnTransaction:
        """Say how the transaction between `start` and `end` is found in the binlog."""
        assert start.coordinates is not None  # the preflight refused a server without binlog
        assert end is not None
        return OwnTransaction(
            flavor=self.facts.flavor,
            start=start.coordinates,
            end=end,
            connection_id=start.connection_id,
            gtid_before=start.gtid,
            gtid_after=gtid_after,
            marker=marker.strip(),
        )


@contextmanager
def open_session(attempt: Attempt, *, found_rows: bool) -> Iterator[Session]:
    """Connect to the target, take the ticket's lock there and run the preflight. Raises RefusedError."""
    ticket = attempt.execution.ticket
    try:
        address = ticket.target.address
        connection = targets.connect(address, schema=ticket.schema_name, found_rows=found_rows)
    except targets.TargetError as error:
        raise RefusedError([error.problem]) from error
    try:
        facts = targets.read_facts(connection)
        problems = preflight.check(
            facts, backup=ticket.backup, schema_name=ticket.schema_name, identity=inspected_identity(ticket)
        )
        if ticket.backup:
            problems += backup_server.check()
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise RefusedError(errors)
        if not targets.take_lock(connection, lock_name(ticket), seconds=LOCK_SECONDS):
            raise RefusedError([_lock_problem(str(ticket.target))])
        attempt.connected(
            connection_id=facts.connection_id,
            server_identity=str(facts.identity),
            server_version=facts.version_text,
        )
        yield Session(connection, facts, address)
    finally:
        with contextlib.suppress(MySQLdb.Error):  # a connection that was lost in the middle cannot say good-bye
            connection.close()


def inspected_identity(ticket: Ticket) -> ServerIdentity | None:
    """Return the server that the ticket was checked on; None for a rollback, which is checked against its rows."""
    identity = ticket.inspection.get("identity")
    return ServerIdentity(**identity) if identity else None


def _lock_problem(target: str) -> Problem:
    return Problem(
        id="target.locked",
        severity="error",
        found=f"Another session on {target} holds the lock of this ticket.",
        needed="The previous attempt has to be over, so that its outcome is final.",
        how="Wait until that session has ended, then run the ticket again.",
    )
