"""An open, fenced and checked connection to the target of an execution."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import MySQLdb

from backups import faults
from backups.source import ServerAddress
from changes import backup_server, preflight, targets
from changes.attempt import Attempt, lock_name
from changes.models import Execution, Ticket
from changes.problems import Problem
from changes.server_facts import ServerFacts, ServerIdentity

LOCK_SECONDS = 5
ANSWER_SECONDS = 60


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
        return build_source(self.address)


def build_source(address: targets.TargetAddress) -> ServerAddress:
    """Return a target's address as the reader of its binlog takes it."""
    return ServerAddress(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        tls=address.tls_mode,
        ca=address.tls_ca,
    )


@contextmanager
def open_session(attempt: Attempt, *, found_rows: bool) -> Iterator[Session]:
    """Connect to the target, take the ticket's lock there and run the preflight. Raises RefusedError."""
    ticket = attempt.execution.ticket
    target = ticket.target
    try:
        address = target.address
        connection = targets.connect(
            address,
            schema=ticket.schema_name,
            found_rows=found_rows,
            # Past the limit on the server, which the lifeline sees to: this one ends waiting for a server that froze.
            read_timeout=target.statement_seconds + ANSWER_SECONDS,
            lock_wait_seconds=target.lock_wait_seconds,
        )
    except targets.TargetError as error:
        raise RefusedError([error.problem]) from error
    faults.point("after_connect")
    try:
        facts = targets.read_facts(connection)
        problems = preflight.check(
            facts, backup=ticket.backup, schema_name=ticket.schema_name, identity=_expected_identity(attempt.execution)
        )
        if ticket.backup:
            problems += backup_server.check()
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise RefusedError(errors)
        # Before the lock: whoever takes over must know which session holds it.
        attempt.connected(facts)
        if not targets.take_lock(connection, lock_name(attempt.execution), seconds=LOCK_SECONDS):
            raise RefusedError([_lock_problem(str(target))])
        faults.point("after_lock")
        yield Session(connection, facts, address)
    finally:
        with contextlib.suppress(MySQLdb.Error):  # a connection that was lost in the middle cannot say good-bye
            connection.close()


def _expected_identity(execution: Execution) -> ServerIdentity | None:
    """Return the server that must answer: the one an earlier part of this execution ran on, else the one checked."""
    if execution.server_identity:
        return ServerIdentity.parse(execution.server_identity)
    return inspected_identity(execution.ticket)


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
