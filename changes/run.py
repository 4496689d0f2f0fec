"""One execution under way: what every step of it needs at hand."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from changes.attempt import Attempt
from changes.lifeline import Lifeline
from changes.marker import build_marker
from changes.models import ExecutedStatement, Execution, Ticket
from changes.protection import Source
from changes.session import Session


@dataclass(frozen=True, slots=True)
class Run:
    """One execution under way."""

    attempt: Attempt
    session: Session
    lifeline: Lifeline

    @property
    def execution(self) -> Execution:
        return self.attempt.execution

    @property
    def ticket(self) -> Ticket:
        return self.attempt.execution.ticket

    @property
    def source(self) -> Source:
        return Source(self.session.source, self.session.facts.flavor)

    def limit(self) -> AbstractContextManager[None]:
        """End what runs in the block when it takes longer than the target's policy allows."""
        return self.lifeline.limit(self.session.facts.connection_id, self.ticket.target.statement_seconds)

    def marker(self, record: ExecutedStatement) -> str:
        return build_marker(self.execution.installation, self.ticket.pk, self.execution.pk, record.seq)
