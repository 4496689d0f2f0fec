"""What one attempt writes to the application database. Every write names the fence that the claim drew.

A worker that lost its execution (another one claimed it with a higher fence) writes nothing any more: it gets a
LostExecutionError and has to stop.
"""

from __future__ import annotations

import logging
import os
import socket
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from changes import jobs
from changes.activity import move
from changes.clock import DatabaseNow, database_now_plus
from changes.content import hash_statement, hash_ticket
from changes.errors import ChangeError, TicketStateError
from changes.installation import own_id
from changes.models import Approval, ExecutedStatement, Execution, Target, Ticket
from changes.server_facts import ServerFacts
from changes.states import BackupState, ExecutionState, Outcome, RollbackState, TicketState

logger = logging.getLogger(__name__)

HELD = (ExecutionState.RUNNING, ExecutionState.UNKNOWN)
"""States in which an execution is somebody's: a worker's, or who looks into what became of it."""


class LostExecutionError(ChangeError):
    """Another worker holds this execution now."""


def lease_length() -> timedelta:
    """Return how long a worker may give no sign before it is looked into."""
    return timedelta(seconds=settings.INCEPTION.worker.lease_seconds)


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def claim(execution_id: int) -> Execution | None:
    """Take a queued execution by compare-and-set.

    None when somebody else has it, the ticket was withdrawn, or its schema or its server is busy: then it stays queued,
    and is rung for again when another execution ends.
    """
    try:
        return _claim(execution_id)
    except TicketStateError:
        return None


def _claim(execution_id: int) -> Execution | None:
    installation = own_id()
    with transaction.atomic():
        queued = Execution.objects.filter(pk=execution_id, state=ExecutionState.QUEUED)
        waiting = queued.select_related("ticket__target").first()
        if waiting is None:
            return None
        # Claims on one server come one after the other, so that no two see the same room.
        Target.objects.select_for_update().get(pk=waiting.ticket.target_id)
        if find_obstacle(waiting) is not None:
            return None
        taken = queued.update(
            state=ExecutionState.RUNNING,
            fence=F("fence") + 1,
            claims=F("claims") + 1,
            # What an earlier worker sent is looked for under the name that it was sent with.
            installation=waiting.installation if waiting.claims else installation,
            lease_until=database_now_plus(lease_length()),
            started_at=timezone.now(),
            worker=worker_name(),
        )
        if taken != 1:
            return None
        execution = Execution.objects.select_related("ticket__target").get(pk=execution_id)
        move(execution.ticket, TicketState.RUNNING, by=None, verb="started", only_from={TicketState.QUEUED})
    return execution


def find_obstacle(execution: Execution) -> Execution | None:
    """Return a running execution that keeps `execution` waiting: one of its schema, or as many as its server takes."""
    ticket = execution.ticket
    running = Execution.objects.filter(state=ExecutionState.RUNNING, ticket__target=ticket.target_id).exclude(
        pk=execution.pk
    )
    wanted = schemas_of(ticket)
    for other in running.select_related("ticket").order_by("started_at"):
        if wanted & schemas_of(other.ticket):
            return other
    if running.count() >= ticket.target.most_running:
        return running.select_related("ticket").order_by("started_at").first()
    return None


def schemas_of(ticket: Ticket) -> set[str]:
    """Return the schemas in which a ticket changes something, in small letters: on some servers they are the same."""
    return {name.lower() for name in (ticket.schema_name, *ticket.inspection.get("schemas", ()))}


def find_ready(among: QuerySet[Execution]) -> list[Execution]:
    """Return the reviewed executions that wait and could be claimed now, oldest first, one of each schema."""
    waiting = among.filter(state=ExecutionState.QUEUED, ticket__reviewed=True).select_related("ticket__target")
    ready: dict[tuple[int, str], Execution] = {}
    for execution in waiting.order_by("pk"):
        place = (execution.ticket.target_id, execution.ticket.schema_name)
        if place not in ready and find_obstacle(execution) is None:
            ready[place] = execution
    return list(ready.values())


def ring_waiting(target_id: int) -> None:
    """Ring for what waits on a server where an execution has just ended."""
    try:
        ready = find_ready(Execution.objects.filter(ticket__target=target_id))
    except DjangoDatabaseError as error:
        logger.warning("target=%s rung=no error=%s", target_id, type(error).__name__)
        return
    for execution in ready:
        jobs.ring(execution.pk)


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

    @classmethod
    def take_over(cls, execution: Execution, *, only_expired: bool) -> Attempt | None:
        """Take an execution from whoever holds it, by compare-and-set on its fence; None when it changed meanwhile.

        only_expired: its lease must have run out; without it, the caller held it itself.
        """
        seen = Execution.objects.filter(pk=execution.pk, fence=execution.fence, state__in=HELD)
        if only_expired:
            seen = seen.filter(Q(lease_until=None) | Q(lease_until__lt=DatabaseNow()))
        if seen.update(fence=F("fence") + 1, lease_until=database_now_plus(lease_length()), worker=worker_name()) != 1:
            return None
        return cls(Execution.objects.select_related("ticket__target", "ticket__rolls_back").get(pk=execution.pk))

    def _mine(self) -> Any:
        return Execution.objects.filter(pk=self.execution.pk, fence=self.fence, state__in=HELD)

    def update(self, **fields: Any) -> None:
        """Write fields of the execution, and renew its lease. Raises LostExecutionError."""
        if self._mine().update(**{"lease_until": database_now_plus(lease_length()), **fields}) != 1:
            raise LostExecutionError(
                f"Execution {self.execution.pk} is no longer ours: another worker took it. Nothing more was sent."
            )

    def renew(self) -> bool:
        """Give a sign of life; whether the execution is still ours."""
        return bool(self._mine().update(lease_until=database_now_plus(lease_length())) == 1)

    def is_stop_requested(self) -> bool:
        """Whether somebody asked that nothing more of this ticket is sent."""
        return Ticket.objects.filter(pk=self.execution.ticket_id, state=TicketState.STOPPING).exists()

    def connected(self, facts: ServerFacts) -> None:
        """Write down which server and session run it, and how long the server keeps what recovery may need."""
        self.update(
            connection_id=facts.connection_id,
            server_identity=str(facts.identity),
            server_version=facts.version_text,
            binlog_facts={"retention_seconds": facts.binlog.retention_seconds},
        )

    def add_statement(self, seq: int, sql: str, *, kind: str, schema_name: str, table_name: str) -> ExecutedStatement:
        """Write a waiting statement, before anything of the execution is sent."""
        with transaction.atomic():
            self.update()
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
        self.write_all([statement], **fields)

    def write_all(self, statements: list[ExecutedStatement], **fields: Any) -> None:
        """Write the same of several statements, or of none of them."""
        with transaction.atomic():
            self.update()
            ExecutedStatement.objects.filter(pk__in=[statement.pk for statement in statements]).update(**fields)
        for statement in statements:
            for name, value in fields.items():
                setattr(statement, name, value)

    def let_go(self, *, look_again: timedelta | None = None, evidence: dict[str, Any] | None = None) -> None:
        """Give up the lease, so that the next look is at once, or after `look_again`."""
        fields: dict[str, Any] = {"looks": F("looks") + 1, "look_again_at": None}
        if look_again is not None:
            fields["look_again_at"] = database_now_plus(look_again)
        if evidence is not None:
            fields["evidence"] = evidence
        self._mine().update(lease_until=None, **fields)

    def put_back(self, text: str) -> None:
        """Nothing is under way: let the queue have it again, to go on with the first statement that waits."""
        with transaction.atomic():
            self.update(state=ExecutionState.QUEUED, worker="", stop_requested_at=None)
            move(
                self.execution.ticket,
                TicketState.QUEUED,
                by=None,
                verb="put back",
                text=text,
                only_from={TicketState.RUNNING},
            )
        self.execution.refresh_from_db()

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
        self,
        state: ExecutionState,
        ticket_state: TicketState,
        backup_state: BackupState,
        *,
        error: str,
        look_again: timedelta | None = None,
        **fields: Any,
    ) -> None:
        """Write how the execution ended. look_again: when to look once more at what is not known."""
        if look_again is not None:
            fields["look_again_at"] = database_now_plus(look_again)
        self._finish(state, ticket_state, error=error, problems=None, backup_state=backup_state, **fields)

    def _finish(
        self,
        state: ExecutionState,
        ticket_state: TicketState,
        *,
        error: str,
        problems: list[dict[str, Any]] | None,
        backup_state: BackupState,
        **more: Any,
    ) -> None:
        fields: dict[str, Any] = {"look_again_at": None, "lease_until": None, **more}
        fields |= {"state": state, "finished_at": timezone.now(), "error": error}
        if problems is not None:
            fields["problems"] = problems
        with transaction.atomic():
            self.update(**fields)
            ExecutedStatement.objects.filter(execution=self.execution, outcome=Outcome.WAITING).update(
                outcome=Outcome.NOT_RUN
            )
            self._move_ticket(state, ticket_state, backup_state, error)
            if self.execution.ticket.rolls_back is not None and state != ExecutionState.UNKNOWN:
                nothing_ran = state == ExecutionState.REFUSED
                settle_rolled_back(self.execution.ticket.rolls_back, None if nothing_ran else RollbackState.FAILED)
        self.execution.refresh_from_db()

    def _move_ticket(
        self, state: ExecutionState, ticket_state: TicketState, backup_state: BackupState, error: str
    ) -> None:
        ticket = self.execution.ticket
        Ticket.objects.filter(pk=ticket.pk).update(backup_state=backup_state)
        if Ticket.objects.filter(pk=ticket.pk, state=ticket_state).exists():
            return  # still unknown
        move(
            ticket,
            ticket_state,
            by=None,
            verb=state.value,
            text=error,
            only_from={TicketState.RUNNING, TicketState.STOPPING, TicketState.UNKNOWN},
        )


def settle_rolled_back(original: Ticket, outcome: RollbackState | None) -> None:
    """Free a ticket whose rollback is over, so that it never stays *running*; nothing is done when that is settled.

    outcome: None when the rollback ended before anything was sent: the ticket is as far undone as it was before.
    """
    if outcome is None:
        undone = ExecutedStatement.objects.filter(execution__ticket=original).exclude(undone_by=None).exists()
        outcome = RollbackState.PARTIAL if undone else RollbackState.NONE
    Ticket.objects.filter(pk=original.pk, rollback_state=RollbackState.RUNNING).update(rollback_state=outcome)


def lock_name(execution: Execution) -> str:
    """Return the name of the server-side lock that fences the ticket of a claimed execution."""
    ticket = execution.ticket
    return _name_lock(execution.installation, ticket.target_id, ticket.rolls_back_id or ticket.pk)


def rollback_lock_name(ticket: Ticket) -> str:
    """Return the name of the lock that whatever rolls `ticket` back holds, from now on."""
    return _name_lock(own_id(), ticket.target_id, ticket.pk)


def _name_lock(installation: str, target_id: int, root: int) -> str:
    """At most 64 characters, as GET_LOCK allows: 19 + two numbers of 19 digits and a colon."""
    return ":".join(["inception", *([installation] if installation else []), str(target_id), str(root)])
