"""What became of an execution that nobody works on: decided by evidence from the server, then written down.

The one way out for a worker that lost its connection, was killed, or froze, whoever looks: the worker itself, or
`manage.py reconcile` once the lease has run out. In this order: take the execution by its fence; connect; see that it
is the same server; take the ticket's lock, which proves that the other session is over; look for what was sent in the
binlog; make the backups that are missing; write how it ended.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import MySQLdb
from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import transaction
from django.utils import timezone

from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.search import FoundTransaction
from backups.capture import find_sequences
from backups.errors import AttributionError, DecodeError, DefinitionError, UnreachableError
from backups.rollback.kept_values import is_logged_as_text
from backups.source import SearchResult, Wanted, find_own_transactions
from changes import (
    ddl_undo,
    ending,
    jobs,
    keeping_children,
    kept_data,
    killing,
    online_change,
    online_server,
    targets,
    undo,
)
from changes.activity import note
from changes.attempt import Attempt, LostExecutionError, lock_name, schemas_of
from changes.executed_change import is_row_change, load_snapshot
from changes.inspection import check_text
from changes.judgement import Evidence, Judgement, judge, judge_online
from changes.lifeline import Lifeline
from changes.marker import build_marker_head
from changes.models import ExecutedStatement, Execution, Ticket
from changes.online_server import OnlineError
from changes.protection import BackupPendingError, Source, protect, sum_of
from changes.server_facts import ServerFacts
from changes.session import build_source
from changes.states import OPEN_OUTCOMES, BackupState, ExecutionState, Outcome, TicketState
from changes.verdict import is_open

logger = logging.getLogger(__name__)

FIRST_LOOK_AGAIN = timedelta(seconds=2)
LATEST_LOOK_AGAIN = timedelta(minutes=5)
MOST_CLAIMS = 3
ANSWER_SECONDS = 60
TRANSACTIONAL = frozenset({"InnoDB", "SEQUENCE"})


class UndecidedError(Exception):
    """The server cannot be asked now, or not for certain. The text is the reason, for people."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """The target, with the ticket's lock held: what is seen here is final. now: where its binlog ends."""

    connection: Any
    facts: ServerFacts
    source: Source
    now: BinlogCoordinates | None


def take_back(attempt: Attempt) -> None:
    """Settle an execution that we hold ourselves and that went wrong. Raises nothing: what fails is tried later."""
    again: Attempt | None = None
    try:
        again = Attempt.take_over(attempt.execution, only_expired=False)
        if again is not None:
            recover(again)
    except LostExecutionError:
        logger.warning("execution=%s state=lost", attempt.execution.pk)
    except Exception:
        logger.exception("execution=%s recovery=failed", attempt.execution.pk)
        with contextlib.suppress(DjangoDatabaseError):
            (again or attempt).let_go()


def recover(attempt: Attempt) -> None:
    """Decide what became of an execution, make its missing backups, and write how it ended.

    What cannot be decided is written as *unknown* with the reason, and looked at again.
    """
    records = _load_records(attempt.execution)
    try:
        if any(_needs_server(record) for record in records):
            with _open_scene(attempt) as scene:
                _decide_open(attempt, scene, records)
                _end_schema_changes(attempt, scene, records)
                keeping_children.let_go(attempt, scene.connection, [one for one in records if not is_open(one)])
                protect(attempt, scene.source, [record for record in records if not _needs_evidence(record)])
        else:
            _end_old_session(attempt, records)
    except UndecidedError as error:
        _leave_open(attempt, records, str(error))
        return
    except BackupPendingError as error:
        _leave_pending(attempt, records, str(error))
        return
    _go_on_or_end(attempt, records)


def _needs_server(record: ExecutedStatement) -> bool:
    return _needs_evidence(record) or record.backup_state == BackupState.PENDING or _must_bring_back(record)


def _must_bring_back(record: ExecutedStatement) -> bool:
    """Whether the statement did not happen, and what it would have taken away is still set aside; or whether an online
    tool may have left something."""
    is_kept = record.outcome == Outcome.ABORTED and bool(record.definitions_before.get("kept"))
    return is_kept or online_change.must_clean(record)


def _end_old_session(attempt: Attempt, records: Sequence[ExecutedStatement]) -> None:
    """See that the session of the worker that went away is over, so that the next one finds the ticket's lock free."""
    if attempt.execution.connection_id is None:
        return
    with contextlib.suppress(UndecidedError), _open_scene(attempt) as scene:
        keeping_children.let_go(attempt, scene.connection, records)


def _load_records(execution: Execution) -> list[ExecutedStatement]:
    related = ("execution__ticket__target", "execution__ticket__rolls_back", "snapshot")
    return list(execution.statements.select_related(*related).order_by("seq"))


def _needs_evidence(record: ExecutedStatement) -> bool:
    """Whether its outcome is not known, or the end of its transaction is not."""
    if is_open(record):
        return True
    pending = record.backup_state == BackupState.PENDING and is_row_change(record)
    return pending and record.start_position is not None and record.end_position is None


@contextlib.contextmanager
def _open_scene(attempt: Attempt) -> Iterator[_Scene]:
    """Connect to the target and take the ticket's lock. Raises UndecidedError."""
    ticket = attempt.execution.ticket
    try:
        address = ticket.target.address
    except targets.TargetError as error:
        raise UndecidedError(str(error.problem)) from error
    # Waiting for the lock can take longer than a lease.
    with Lifeline(attempt, address), contextlib.closing(_connect(address)) as connection:
        yield _look(attempt, address, connection)


def _connect(address: targets.TargetAddress) -> Any:
    try:
        connection = targets.connect(address, read_timeout=ANSWER_SECONDS)
    except targets.TargetError as error:
        raise UndecidedError(str(error.problem)) from error
    except MySQLdb.Error as error:
        raise UndecidedError("The server does not answer ({}: {}).".format(*targets.error_of(error))) from error
    return connection


def _look(attempt: Attempt, address: targets.TargetAddress, connection: Any) -> _Scene:
    execution = attempt.execution
    try:
        facts = targets.read_facts(connection)
        if execution.server_identity and str(facts.identity) != execution.server_identity:
            raise UndecidedError(
                f"Another server answers at {address}: {facts.identity}; it ran on {execution.server_identity}. What"
                " became of it there cannot be seen here."
            )
        patience = settings.INCEPTION.worker.takeover_seconds
        lock = lock_name(execution)
        if not killing.take_lock_from(connection, lock, execution.connection_id, patience_seconds=patience):
            raise UndecidedError(
                f"Another session on {address} still holds the lock of this ticket, so its outcome is not final."
            )
        # Whoever takes over from us must know which session holds it.
        attempt.update(connection_id=facts.connection_id)
        return _Scene(
            connection,
            facts,
            Source(build_source(address), facts.flavor),
            targets.read_coordinates(connection, facts.flavor),
        )
    except MySQLdb.Error as error:
        raise UndecidedError("The server stopped answering ({}: {}).".format(*targets.error_of(error))) from error


def _decide_open(attempt: Attempt, scene: _Scene, records: Sequence[ExecutedStatement]) -> None:
    """Write what became of each statement whose answer nobody heard."""
    for record in records:
        if record.online and is_open(record):
            _decide_online(attempt, scene, record)
    opened = [record for record in records if _needs_evidence(record)]
    if not opened:
        return
    found, trouble = _search(attempt.execution, scene, opened[0])
    evidence = {"looked_at": timezone.now().isoformat(timespec="seconds"), **_describe_search(scene, opened[0], found)}
    attempt.update(evidence={**evidence, "trouble": trouble})
    if attempt.execution.one_transaction and not attempt.execution.ticket.is_rollback:
        # All of them or none: the last that was sent speaks for all.
        judgement = judge(_build_evidence(opened[-1], found, trouble))
        for record in opened:
            _write_judgement(attempt, record, judgement, found)
        return
    for record in opened:
        _write_judgement(attempt, record, judge(_build_evidence(record, found, trouble)), found)


def _decide_online(attempt: Attempt, scene: _Scene, record: ExecutedStatement) -> None:
    """Write what became of a change by an online tool, once none of its sessions is left. Raises UndecidedError.

    The binlog would not tell: the tool's transactions are others than ours. The table does.
    """
    try:
        online_server.end_sessions(scene.connection, online_change.load_plan(record))
        judgement = judge_online(_known_outcome(record), *online_change.read_marks(scene.connection, record))
    except (OnlineError, DefinitionError) as error:
        raise UndecidedError(str(error)) from error
    except MySQLdb.Error as error:
        raise UndecidedError("The server stopped answering ({}: {}).".format(*targets.error_of(error))) from error
    if judgement.outcome == Outcome.UNKNOWN:
        raise UndecidedError(judgement.reason)
    fields: dict[str, Any] = {"outcome": judgement.outcome, "error": judgement.reason, "wants_pause": False}
    if judgement.outcome == Outcome.DONE:
        fields |= {"error": "", "executed_at": record.commit_sent_at or record.intent_at}
        fields["backup_state"] = BackupState.PENDING if attempt.execution.ticket.backup else BackupState.OFF
        if scene.now is not None:
            fields |= {"end_file": scene.now.file, "end_position": scene.now.position}
    logger.info("execution=%s statement=%s judged=%s", attempt.execution.pk, record.seq, judgement.outcome.value)
    attempt.write(record, **fields)


def _clean_online(attempt: Attempt, scene: _Scene, record: ExecutedStatement) -> None:
    """Raises UndecidedError when the server refuses for now."""
    try:
        online_server.end_sessions(scene.connection, online_change.load_plan(record))
        online_change.finish_cleaning(attempt, scene.connection, record)
    except (OnlineError, DefinitionError, MySQLdb.Error) as error:
        said = "{}: {}".format(*targets.error_of(error)) if isinstance(error, MySQLdb.Error) else str(error)
        raise UndecidedError(
            f"What the online tool made for statement {record.seq + 1} may still be there"
            f" ({online_change.describe_left(record)}), and could not be dropped yet ({said})."
        ) from error


def _end_schema_changes(attempt: Attempt, scene: _Scene, records: Sequence[ExecutedStatement]) -> None:
    """Bring back what was set aside for schema changes that did not happen; find what undoes those that did."""
    ticket = attempt.execution.ticket
    if ticket.is_rollback:
        return
    for record in records:
        if is_row_change(record) or not record.definitions_before:
            continue
        if online_change.must_clean(record):
            _clean_online(attempt, scene, record)
        if _must_bring_back(record):
            _bring_back(attempt, scene, record)
        elif record.outcome == Outcome.DONE and record.backup_state == BackupState.PENDING:
            _find_undo(attempt, scene, record)


def _bring_back(attempt: Attempt, scene: _Scene, record: ExecutedStatement) -> None:
    """Raises UndecidedError when the server refuses for now; what can never be brought back is said in red."""
    before = record.definitions_before
    try:
        left = kept_data.bring_back(scene.connection, before)
    except MySQLdb.Error as error:
        number, text = targets.error_of(error)
        raise UndecidedError(
            f"What statement {record.seq + 1} would have taken away is still set aside in"
            f" {before['kept'][0]['kept_schema']}, and could not be brought back yet ({number}: {text})."
        ) from error
    fields: dict[str, Any] = {"definitions_before": {**before, "kept": []}}
    if left:
        fields |= {"outcome": Outcome.FAILED_PARTIAL, "error": f"{record.error} {left}".strip()}
        fields |= {"backup_state": BackupState.IMPOSSIBLE, "backup_reason": left}
    attempt.write(record, **fields)


def _find_undo(attempt: Attempt, scene: _Scene, record: ExecutedStatement) -> None:
    """Find what undoes a schema change whose worker went away before it did."""
    ticket = attempt.execution.ticket
    if record.undo_statements or record.undo_missing:
        return
    later = Execution.objects.filter(ticket__target=ticket.target_id, started_at__gt=record.intent_at)
    others = later.exclude(pk=attempt.execution.pk).select_related("ticket")
    statements = check_text(ticket, scene.facts).statements
    if any(schemas_of(ticket) & schemas_of(other.ticket) for other in others) or record.seq >= len(statements):
        attempt.write(record, undo_missing="cannot be undone: what it left was looked at only after other changes.")
        return
    inverse = ddl_undo.finish(
        scene.connection,
        statements[record.seq],
        ticket.schema_name,
        record.definitions_before,
        is_fresh=False,
    )
    attempt.write(record, undo_statements=list(inverse.statements), undo_missing=inverse.missing)


def _search(execution: Execution, scene: _Scene, first: ExecutedStatement) -> tuple[SearchResult | None, str]:
    """Look for ours in the binlog since `first` began. Returns (what was found, why it could not be looked for)."""
    if first.start_position is None or scene.now is None:
        return None, "the server keeps no binlog, or the account may not read where it is."
    if scene.facts.flavor.is_mariadb and not scene.facts.binlog.annotated:
        return None, "the server writes no texts of statements into its binlog (binlog_annotate_row_events=OFF)."
    wanted = Wanted(
        flavor=scene.facts.flavor,
        start=BinlogCoordinates.at(first.start_file, first.start_position),
        end=scene.now,
        connection_id=first.thread_id or 0,
        marker=build_marker_head(execution.installation, execution.ticket_id, execution.pk),
        sequences=find_sequences(load_snapshot(first)),
    )
    if wanted.end < wanted.start:
        return None, (
            f"the binlog ends at {wanted.end}, before {wanted.start} where the statement began: the server was reset,"
            " or restored from an older copy."
        )
    try:
        found = find_own_transactions(scene.source.address, wanted)
    except UnreachableError as error:
        raise UndecidedError(str(error)) from error
    except (AttributionError, DecodeError) as error:
        return None, str(error)
    if found.unreadable:
        return found, f"{found.unreadable} compressed transactions in the binlog cannot be opened; any may be ours."
    return found, ""


def _build_evidence(record: ExecutedStatement, found: SearchResult | None, trouble: str) -> Evidence:
    snapshot = load_snapshot(record)
    tables = snapshot.tables if snapshot else ()
    return Evidence(
        outcome=_known_outcome(record),
        is_row_change=is_row_change(record),
        is_transactional=bool(tables) and all(table.engine in TRANSACTIONAL for table in tables),
        expected=_count_expected(record),
        found=sum(_is_counted(record, one) for one in _ended(found)),
        trouble=trouble,
    )


def _known_outcome(record: ExecutedStatement) -> Outcome:
    """What was unknown at an earlier look may have been committed."""
    known = Outcome(record.outcome)
    return known if known in OPEN_OUTCOMES else Outcome.COMMIT_SENT


def _ended(found: SearchResult | None) -> list[FoundTransaction]:
    """Leave out what has no end in the binlog: the server died while it wrote it, and aborted it when it came back."""
    return [one for one in found.transactions if one.is_ended] if found else []


def _count_expected(record: ExecutedStatement) -> int:
    """How many transactions the statement makes: the schema changes of a rollback can be several."""
    if is_row_change(record) or not record.execution.ticket.is_rollback:
        return 1
    texts = [text for statement in undo.find_undone(record) for text in statement.undo_statements]
    return max(1, sum(map(is_logged_as_text, texts)))


def _is_counted(record: ExecutedStatement, found: FoundTransaction) -> bool:
    """Of a rollback's schema change only what is logged as text tells how far it came; the last statement is."""
    return found.is_query or is_row_change(record) or not record.execution.ticket.is_rollback


def _write_judgement(
    attempt: Attempt, record: ExecutedStatement, judgement: Judgement, found: SearchResult | None
) -> None:
    fields: dict[str, Any] = {}
    if record.outcome != Outcome.DONE:  # else only its end was not known
        reason = "" if judgement.outcome == Outcome.DONE else judgement.reason
        fields = {"outcome": judgement.outcome, "error": reason}
    if judgement.outcome in (Outcome.DONE, Outcome.FAILED_PARTIAL):
        last = _ended(found)[-1]
        fields |= {"end_file": last.end.file, "end_position": last.end.position, "gtid_after": last.gtid}
        fields["executed_at"] = record.executed_at or record.commit_sent_at or record.intent_at
        if record.backup_state == BackupState.NONE:
            fields["backup_state"] = BackupState.PENDING if attempt.execution.ticket.backup else BackupState.OFF
    elif record.outcome == Outcome.DONE:
        fields |= _end_unseen(record, judgement)
    logger.info("execution=%s statement=%s judged=%s", attempt.execution.pk, record.seq, judgement.outcome.value)
    with transaction.atomic():
        attempt.write(record, **fields)
        if judgement.outcome == Outcome.DONE and attempt.execution.ticket.is_rollback:
            undo.mark_undone(record)


def _end_unseen(record: ExecutedStatement, judgement: Judgement) -> dict[str, Any]:
    """The server said that it is committed, and its transaction was not found."""
    if judgement.outcome == Outcome.UNKNOWN:
        return {"backup_state": BackupState.IMPOSSIBLE, "backup_reason": judgement.reason}
    # It logged nothing. The capture says whether that fits what the server counted.
    return {
        "end_file": record.start_file,
        "end_position": record.start_position,
        "gtid_after": record.gtid_before,
    }


def _describe_search(scene: _Scene, first: ExecutedStatement, found: SearchResult | None) -> dict[str, Any]:
    """What the page shows of where was looked."""
    return {
        "server": str(scene.facts.identity),
        "connection_id": first.thread_id,
        "from": f"{first.start_file}:{first.start_position}",
        "to": str(scene.now or ""),
        "restarts": found.restarts if found else None,
        "transactions": [
            {"start": str(one.start), "end": str(one.end), "gtid": one.gtid, "statements": list(one.statements)}
            for one in (found.transactions if found else ())
        ],
    }


def _go_on_or_end(attempt: Attempt, records: list[ExecutedStatement]) -> None:
    """Nothing is in doubt any more: let a worker go on with what waits, or write how it ended."""
    execution = attempt.execution
    ticket = execution.ticket
    ticket.refresh_from_db()
    is_clean = all(
        record.outcome in (Outcome.DONE, Outcome.WAITING)
        and record.backup_state not in (BackupState.INCOMPLETE, BackupState.IMPOSSIBLE)
        for record in records
    )
    # Before its statements are written down an execution has none, and has sent none.
    waits = not records or any(record.outcome == Outcome.WAITING for record in records)
    may_go_on = ticket.reviewed and ticket.state == TicketState.RUNNING and execution.claims < MOST_CLAIMS
    if is_clean and waits and may_go_on:
        # What waited is there now; nothing is protected yet of what comes.
        Ticket.objects.filter(pk=ticket.pk).update(backup_state=BackupState.NONE)
        attempt.put_back("Its worker went away. Nothing is in doubt, and another one goes on with what waits.")
        jobs.ring(execution.pk)
        return
    ending.finish(attempt, records)


def give_up(attempt: Attempt, reason: str) -> None:
    """Leave to a person what no look can settle."""
    _write_unknown(attempt, _load_records(attempt.execution), reason)


def _leave_open(attempt: Attempt, records: Sequence[ExecutedStatement], reason: str) -> None:
    """Say that the outcome is not known, and look again. A backup alone that waits is no doubt about the outcome."""
    opened = [record for record in records if is_open(record) or _must_bring_back(record)]
    if not opened:
        _leave_pending(attempt, records, reason)
        return
    words = f"Whether statement {opened[-1].seq + 1} took effect is not known. " if is_open(opened[-1]) else ""
    _write_unknown(attempt, records, f"{words}{reason}")


def _write_unknown(attempt: Attempt, records: Sequence[ExecutedStatement], reason: str) -> None:
    evidence = {"looked_at": timezone.now().isoformat(timespec="seconds"), "trouble": reason}
    attempt.finish(
        ExecutionState.UNKNOWN,
        TicketState.UNKNOWN,
        sum_of(records),
        error=reason,
        evidence={**attempt.execution.evidence, **evidence},
        looks=attempt.execution.looks + 1,
        look_again=pause_after(attempt.execution.looks),
    )


def _leave_pending(attempt: Attempt, records: Sequence[ExecutedStatement], reason: str) -> None:
    """The change is made and its backup waits: nothing else of the ticket runs before it is there."""
    execution = attempt.execution
    if not execution.looks and any(record.backup_state == BackupState.PENDING for record in records):
        note(execution.ticket, "backup pending", by=None, text=reason)
    Ticket.objects.filter(pk=execution.ticket_id).update(backup_state=sum_of(records))
    evidence = {**execution.evidence, "backup": reason, "looked_at": timezone.now().isoformat(timespec="seconds")}
    attempt.let_go(look_again=pause_after(execution.looks), evidence=evidence)


def pause_after(looks: int) -> timedelta:
    """Return how long to wait after `looks` looks that decided nothing."""
    pause: timedelta = min(FIRST_LOOK_AGAIN * 2 ** min(looks, 16), LATEST_LOOK_AGAIN)
    return pause
