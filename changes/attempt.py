"""What one attempt writes to the application database. Every write names the fence that the claim drew.

A worker that lost its execution (another one claimed it with a higher fence) writes nothing any more: it gets a
LostExecutionError and has to stop.
"""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from changes.activity import move
from changes.content import hash_statement, hash_ticket
from changes.errors import ChangeError, TicketStateError
from changes.models import Approval, ExecutedStatement, Execution, Target, Ticket
from changes.states import BackupState, ExecutionState, Outcome, RollbackState, TicketState

LEASE = timedelta(minutes=2)


class LostExecutionError(ChangeError):
    """Another worker holds this execution now."""


def claim(execution_id: int) -> Execution | None:
    """Take a queued execution by compare-and-set; None when somebody else has it or the ticket was withdrawn."""
    try:
        return _claim(execution_id)
    except TicketStateError:
        return None


def _claim(execution_id: int) -> Execution | None:
    now = timezone.now()
    with transaction.atomic():
        taken = Execution.objects.filter(pk=execution_id, state=ExecutionState.QUEUED).update(
            state=ExecutionState.RUNNING,
            fence=F("fence") + 1,
            lease_until=now + LEASE,
            started_at=now,
            worker=f"{socket.gethostname()}:{os.getpid()}",
        )
        if taken != 1:
            return None
        execution = Execution.objects.select_related("ticket__target").get(pk=execution_id)
        move(execution.ticket, TicketState.RUNNING, by=None, verb="started", only_from={TicketState.QUEUED})
    return execution


def is_what_was_approved(execution: Execution) -> bool:
    """Whether the stored ticket still hashes to what this execution was made for, and enough people approved that."""
    ticket = execution.ticket
    if not execution.content_hash == ticket.content_hash == hash_ticket(ticket):
        return False
    needs_approval = ticket.reviewed and not (
        ticket.is_rollback and ticket.target.rollback_policy == Target.RollbackPolicy.ONE_CLICK
    )
    return not needs_approval or count_approvals(ticket) >= ticket.target.approvals_needed


def count_approvals(ticket: Ticket) -> int:
    """Return how many people have approved the ticket's present content."""
    return ticket.approvals.filter(
        decision=Approval.Decision.APPROVE, content_hash=ticket.content_hash, voided_at=None
    ).count()


class Attempt:
    """The records of one claimed execution."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.fence = execution.fence

    def _update(self, **fields: Any) -> None:
        mine = Execution.objects.filter(pk=self.execution.pk, fence=self.fence, state=ExecutionState.RUNNING)
        if mine.update(lease_until=timezone.now() + LEASE, **fields) != 1:
            raise LostExecutionError(
                f"Execution {self.execution.pk} is no longer ours: another worker took it. Nothing more was sent."
            )

    def connected(self, *, connection_id: int, server_identity: str, server_version: str) -> None:
        self._update(connection_id=connection_id, server_identity=server_identity, server_version=server_version)

    def add_statement(self, seq: int, sql: str, *, kind: str, schema_name: str, table_name: str) -> ExecutedStatement:
        """Write a waiting statement, before anything of the execution is sent."""
        with transaction.atomic():
            self._update()
            return ExecutedStatement.objects.create(
                execution=self.execution,
                seq=seq,
                sql=sql,
                sql_sha256=hash_statement(sql),
                kind=kind,
                schema_name=schema_name,
                table_name=table_name,
            )

    def write(self, statement: ExecutedStatement, **fields: Any) -> None:
        """Write what became of a statement, if the execution is still ours."""
        with transaction.atomic():
            self._update()
            ExecutedStatement.objects.filter(pk=statement.pk).update(**fields)
        for name, value in fields.items():
            setattr(statement, name, value)

    def refuse(self, problems: list[dict[str, Any]], error: str) -> None:
        """Nothing was sent: the reviewed ticket is approved again and may be queued once the cause is gone."""
        ticket = self.execution.ticket
        back = TicketState.APPROVED if ticket.reviewed and not ticket.is_rollback else TicketState.FAILED
        self._finish(ExecutionState.REFUSED, back, error=error, problems=problems, backup_state=BackupState.NONE)

    def void(self) -> None:
        """What would run is not what was approved: fail closed."""
        text = "The ticket's content is not what was approved. Nothing ran; edit it, submit it and have it approved."
        ticket = self.execution.ticket
        back = TicketState.DRAFT if ticket.reviewed and not ticket.is_rollback else TicketState.FAILED
        with transaction.atomic():
            ticket.approvals.filter(voided_at=None).update(voided_at=timezone.now())
            self._finish(ExecutionState.REFUSED, back, error=text, problems=[], backup_state=BackupState.NONE)

    def finish(
        self, state: ExecutionState, ticket_state: TicketState, backup_state: BackupState, *, error: str
    ) -> None:
        self._finish(state, ticket_state, error=error, problems=None, backup_state=backup_state)

    def _finish(
        self,
        state: ExecutionState,
        ticket_state: TicketState,
        *,
        error: str,
        problems: list[dict[str, Any]] | None,
        backup_state: BackupState,
    ) -> None:
        fields: dict[str, Any] = {"state": state, "finished_at": timezone.now(), "error": error}
        if problems is not None:
            fields["problems"] = problems
        with transaction.atomic():
            self._update(**fields)
            ExecutedStatement.objects.filter(execution=self.execution, outcome=Outcome.WAITING).update(
                outcome=Outcome.NOT_RUN
            )
            move(
                self.execution.ticket,
                ticket_state,
                by=None,
                verb=state.value,
                text=error,
                only_from={TicketState.RUNNING, TicketState.STOPPING},
                backup_state=backup_state,
            )
            if self.execution.ticket.rolls_back is not None:
                nothing_ran = state == ExecutionState.REFUSED
                settle_rolled_back(self.execution.ticket.rolls_back, None if nothing_ran else RollbackState.FAILED)
        self.execution.refresh_from_db()


def settle_rolled_back(original: Ticket, outcome: RollbackState | None) -> None:
    """Free a ticket whose rollback is over, so that it never stays *running*; nothing is done when that is settled.

    outcome: None when the rollback ended before anything was sent: the ticket is as far undone as it was before.
    """
    if outcome is None:
        undone = ExecutedStatement.objects.filter(execution__ticket=original).exclude(undone_by=None).exists()
        outcome = RollbackState.PARTIAL if undone else RollbackState.NONE
    Ticket.objects.filter(pk=original.pk, rollback_state=RollbackState.RUNNING).update(rollback_state=outcome)


def lock_name(ticket: Ticket) -> str:
    """Return the name of the server-side lock that fences one ticket; at most 64 characters, as GET_LOCK allows."""
    root = ticket.rolls_back_id or ticket.pk
    return f"inception:{ticket.target_id}:{root}"
