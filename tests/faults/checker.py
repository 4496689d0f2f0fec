"""After faults and recovery: read the real servers and prove the invariants, ticket by ticket.

I1 each statement took effect at most once, exactly once if the ticket says succeeded.
I2 every committed statement has a verified backup, or the ticket is red.
I3 what was sent is what was approved.
I4 a rollback that says it is done left the tables as they were; one that says nothing changed, changed nothing.
I5 never two sessions of one ticket at once.
I6 no success with an attempt whose outcome is not known.
I7 nothing is left running, held or pending.
I8 the activities tell every change of state without a gap.
I9 no password and no row value in a log or in the queue.
"outcome": what is recorded of a statement is what the data says.

Nothing here asks the program's own recovery: effects are read from the data, sessions from the server's own log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Q

from changes.attempt import lock_name
from changes.models import ExecutedStatement, Execution, Ticket
from changes.protection import verify_statement
from changes.states import (
    ALLOWED_MOVES,
    BackupState,
    ExecutionState,
    Outcome,
    RollbackState,
    TicketState,
)
from tests.faults.own_server import SentStatement
from tests.faults.traces import Dump, Query, Trace, dump, name_differences

RED = frozenset({BackupState.PENDING, BackupState.INCOMPLETE, BackupState.IMPOSSIBLE})
OPEN = frozenset({Outcome.SENT, Outcome.COMMIT_SENT, Outcome.UNKNOWN})
"""Outcomes that say: not known."""
ACTIVE = frozenset({TicketState.QUEUED, TicketState.RUNNING, TicketState.STOPPING})
BY_PEOPLE = frozenset({"submitted", "edited", "approved", "rejected", "withdrew"})


@dataclass(frozen=True, slots=True)
class Violation:
    invariant: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


@dataclass(frozen=True)
class Subject:
    """One ticket, with its rollbacks, and where its truth is read. before: its tables when it was made."""

    ticket_id: int
    schema: str
    traces: Sequence[Trace]
    before: Dump
    query: Query
    list_sent: Callable[[], list[SentStatement]] = list

    @property
    def ticket(self) -> Ticket:
        return Ticket.objects.select_related("target").get(pk=self.ticket_id)

    @property
    def family(self) -> list[Ticket]:
        """The ticket, then what undoes it or goes on with it."""
        made = Ticket.objects.filter(Q(rolls_back=self.ticket_id) | Q(continues=self.ticket_id))
        return [self.ticket, *made.order_by("pk")]

    @property
    def rollbacks(self) -> list[Ticket]:
        return [ticket for ticket in self.family if ticket.rolls_back_id == self.ticket_id]

    @property
    def records(self) -> list[ExecutedStatement]:
        found = ExecutedStatement.objects.filter(execution__ticket=self.ticket_id)
        return list(found.order_by("execution__number", "seq"))

    @property
    def records_of_rest(self) -> list[ExecutedStatement]:
        """What a ticket ran that was made of what did not take effect."""
        return list(ExecutedStatement.objects.filter(execution__ticket__continues=self.ticket_id))

    def read_effects(self) -> list[float]:
        return [trace.read_effects(self.query, self.schema) for trace in self.traces]


def check(subject: Subject) -> list[Violation]:
    """Return what is not as it must be; nothing when all is well."""
    found: list[Violation] = []
    effects = subject.read_effects()
    for look in (
        _check_effects,
        _check_outcomes,
        _check_backups,
        _check_texts,
        _check_rollbacks,
        _check_sessions,
        _check_success,
        _check_settled,
        _check_activities,
    ):
        found += [Violation(*words) for words in look(subject, effects)]
    return found


Findings = Iterator[tuple[str, str]]


def _check_effects(subject: Subject, effects: list[float]) -> Findings:
    ticket = subject.ticket
    stands = ticket.rollback_state == RollbackState.NONE
    for seq, effect in enumerate(effects):
        if effect > 1 or effect < 0:
            yield "I1", f"ticket {ticket.pk} statement {seq} took effect {effect:g} times"
        elif ticket.state == TicketState.SUCCEEDED and stands and effect != 1:
            yield "I1", f"ticket {ticket.pk} says succeeded; statement {seq} took effect {effect:g} times"


def _check_outcomes(subject: Subject, effects: list[float]) -> Findings:
    """What the records of all executions say of a statement, less what is undone, against what the data says."""
    if any(ticket.state == TicketState.UNKNOWN for ticket in subject.family):
        return
    for seq, effect in enumerate(effects):
        records = [record for record in subject.records if record.seq == seq]
        records += [record for record in subject.records_of_rest if record.sql == subject.traces[seq].sql]
        if any(record.outcome in OPEN for record in records):
            continue  # said by I6 and I7
        if any(record.outcome == Outcome.FAILED_PARTIAL for record in records):
            if effect >= 1:
                yield "outcome", f"statement {seq} is recorded as partial and stands {effect:g} times"
            continue
        claimed = sum(record.outcome == Outcome.DONE and record.undone_by_id is None for record in records)
        if effect != claimed:
            said = ", ".join(f"{record.outcome} (undone by {record.undone_by_id})" for record in records)
            yield "outcome", f"statement {seq} stands {effect:g} times; recorded: {said or 'nothing'}"


def _check_backups(subject: Subject, effects: list[float]) -> Findings:
    for ticket in subject.family:
        for record in ExecutedStatement.objects.filter(execution__ticket=ticket).order_by("pk"):
            took_effect = record.outcome in (Outcome.DONE, Outcome.FAILED_PARTIAL)
            if ticket.pk == subject.ticket_id and effects[record.seq] > 0 and record.undone_by_id is None:
                took_effect = took_effect or record.outcome in OPEN
            if not took_effect:
                continue
            if ticket.state == TicketState.UNKNOWN or (record.backup_state in RED and ticket.backup_state in RED):
                continue
            if record.backup_state != BackupState.COMPLETE:
                yield (
                    "I2",
                    f"ticket {ticket.pk} statement {record.seq} took effect; its backup is {record.backup_state},"
                    f" the ticket's {ticket.backup_state}",
                )
                continue
            if record.kept_with_id is not None:
                continue  # what keeps the rows of both is looked at in its own turn
            proof = verify_statement(record)
            if proof is None or proof.problems:
                said = "; ".join(proof.problems) if proof else "nothing was kept"
                yield "I2", f"ticket {ticket.pk} statement {record.seq} says backed up: {said}"
                continue
            rows = _count_rows(subject, record) if ticket.pk == subject.ticket_id else None
            if rows is not None and record.rows_captured != rows:
                yield (
                    "I2",
                    f"ticket {ticket.pk} statement {record.seq} changed {rows} rows; its backup has"
                    f" {record.rows_captured}, and says that it is complete",
                )


def _count_rows(subject: Subject, record: ExecutedStatement) -> int | None:
    """How many rows the backup of a statement must hold: its own, and those of statements that are kept with it."""
    counts = [subject.traces[kept.seq].rows for kept in [record, *record.keeps.all()]]
    return None if None in counts else sum(count or 0 for count in counts)


def _check_texts(subject: Subject, effects: list[float]) -> Findings:
    ticket = subject.ticket
    for execution in ticket.executions.all():
        started = execution.statements.exists()
        if started and execution.content_hash != ticket.content_hash:
            yield "I3", f"execution {execution.pk} ran another content than the ticket has"
    for record in subject.records:
        if record.seq >= len(subject.traces) or record.sql != subject.traces[record.seq].sql:
            yield "I3", f"statement {record.seq} was recorded with another text than was approved"
    for sent in subject.list_sent():
        if sent.ticket == ticket.pk and (
            sent.seq >= len(subject.traces) or sent.text.decode(errors="replace") != subject.traces[sent.seq].sql
        ):
            yield "I3", f"the server was sent another text as statement {sent.seq} of ticket {ticket.pk}"


def _check_rollbacks(subject: Subject, effects: list[float]) -> Findings:
    ticket = subject.ticket
    differs = name_differences(subject.before, dump(subject.query, subject.schema))
    if ticket.rollback_state == RollbackState.DONE and differs:
        yield "I4", f"the rollback is done, and {differs} are not as they were before ticket {ticket.pk}"
    for undo in subject.rollbacks:
        nothing_ran = undo.state in (TicketState.FAILED, TicketState.WITHDRAWN)
        if nothing_ran and ExecutedStatement.objects.filter(undone_by=undo).exists():
            yield "I4", f"rollback {undo.pk} says that nothing was changed, and has undone statements"
        if undo.state == TicketState.SUCCEEDED and ticket.rollback_state not in (
            RollbackState.DONE,
            RollbackState.PARTIAL,
        ):
            yield "I4", f"rollback {undo.pk} succeeded; its ticket says {ticket.rollback_state}"
    if ticket.state in (TicketState.FAILED, TicketState.APPROVED, TicketState.DRAFT) and differs:
        ran = any(record.outcome == Outcome.FAILED_PARTIAL for record in subject.records)
        if not ran and ticket.rollback_state == RollbackState.NONE:
            yield "outcome", f"ticket {ticket.pk} says that nothing was changed, and {differs} are"


def _check_sessions(subject: Subject, effects: list[float]) -> Findings:
    """Sessions that sent marked statements of one ticket follow each other; one never comes back after the next."""
    sent = subject.list_sent()
    for ticket in subject.family:
        over: set[int] = set()
        last = None
        for statement in sent:
            if statement.ticket != ticket.pk:
                continue
            if statement.thread_id in over:
                yield "I5", f"sessions {last} and {statement.thread_id} of ticket {ticket.pk} sent at the same time"
                break
            if last is not None and last != statement.thread_id:
                over.add(last)
            last = statement.thread_id


def _check_success(subject: Subject, effects: list[float]) -> Findings:
    for ticket in subject.family:
        if ticket.state != TicketState.SUCCEEDED:
            continue
        last = ticket.last_execution
        for record in last.statements.all() if last else ():
            if record.outcome != Outcome.DONE:
                yield "I6", f"ticket {ticket.pk} says succeeded; its statement {record.seq} is {record.outcome}"
        if last is not None and last.state == ExecutionState.UNKNOWN:
            yield "I6", f"ticket {ticket.pk} says succeeded; its last execution is unknown"


def _check_settled(subject: Subject, effects: list[float]) -> Findings:
    for ticket in subject.family:
        for words in find_unsettled(ticket):
            yield "I7", words
        for execution in ticket.executions.all():
            ((holder,),) = subject.query("SELECT IS_USED_LOCK(%s)", (lock_name(execution),))
            if holder is not None:
                yield "I7", f"session {holder} still holds the lock of ticket {ticket.pk}"


def find_unsettled(ticket: Ticket) -> Iterator[str]:
    """Say what of a ticket is neither final nor waiting for a person."""
    if ticket.state in ACTIVE:
        yield f"ticket {ticket.pk} is {ticket.state}"
    for execution in ticket.executions.filter(state__in=[ExecutionState.QUEUED, ExecutionState.RUNNING]):
        yield f"execution {execution.pk} of ticket {ticket.pk} is {execution.state}, lease {execution.lease_until}"
    if ticket.rollback_state == RollbackState.RUNNING:
        undo = Ticket.objects.filter(rolls_back=ticket).order_by("pk").last()
        if undo is None or undo.state not in (TicketState.IN_REVIEW, TicketState.UNKNOWN):
            yield f"ticket {ticket.pk} is being rolled back by {undo.state if undo else 'nothing'}"
    if ticket.backup_state == BackupState.PENDING and ticket.state != TicketState.UNKNOWN:
        yield f"the backup of ticket {ticket.pk} is pending, with everything up"
    if ticket.state != TicketState.UNKNOWN:
        ended = Execution.objects.filter(ticket=ticket).exclude(
            state__in=[ExecutionState.QUEUED, ExecutionState.RUNNING, ExecutionState.UNKNOWN]
        )
        for record in ExecutedStatement.objects.filter(execution__in=ended, outcome__in=list(OPEN)):
            yield f"statement {record.seq} of ticket {ticket.pk} is left {record.outcome}"


def _check_activities(subject: Subject, effects: list[float]) -> Findings:
    for ticket in subject.family:
        state = TicketState.DRAFT.value
        for activity in ticket.activities.order_by("pk"):
            if not activity.to_state:
                continue
            if activity.from_state != state:
                yield "I8", f"ticket {ticket.pk}: {activity.verb} tells {activity.from_state}, it was {state}"
            elif TicketState(activity.to_state) not in ALLOWED_MOVES[TicketState(state)]:
                yield "I8", f"ticket {ticket.pk}: {state} → {activity.to_state} is no allowed move"
            if activity.verb in BY_PEOPLE and activity.actor_id is None:
                yield "I8", f"ticket {ticket.pk}: nobody is named for {activity.verb}"
            state = activity.to_state
        if state != ticket.state:
            yield "I8", f"ticket {ticket.pk} is {ticket.state}; its activities end at {state}"


def check_secrets(texts: Iterable[tuple[str, bytes]], secrets: Sequence[str]) -> list[Violation]:
    """I9 for each (name, content): where one of `secrets` stands in it."""
    return [
        Violation("I9", f"{name} holds {_name_secret(secret)}")
        for name, content in texts
        for secret in secrets
        if secret.encode() in content
    ]


def _name_secret(secret: str) -> str:
    """Not the secret itself: a report is a log too."""
    return f"the secret that begins with {secret[:6]!r}"


def read_logs(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.glob("*.log")):
        yield path.name, path.read_bytes()
