"""Keep what undoes a statement, and write on its record whether all of it was kept.

All that a capture needs is on the record: whoever finds a statement without its backup can make it, as long as the
server still has its binlog.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import MySQLdb
from django.conf import settings

from backups import faults
from backups.binlog.flavor import Flavor
from backups.capture import CaptureResult, Events, ExecutedChange, capture
from backups.errors import BackupError, BinlogGoneError, StoreError, UnreachableError
from backups.shared import Share, SharedTransaction
from backups.source import ServerAddress
from backups.verification import Proof, read_evidence, read_keys, verify
from changes.attempt import Attempt
from changes.executed_change import build_change, build_own_transaction, is_row_change
from changes.kinds import StatementKind
from changes.models import ExecutedStatement
from changes.states import BackupState, Outcome, sum_backup_states

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
_PASSING = (StoreError, UnreachableError, MySQLdb.Error)


class BackupPendingError(Exception):
    """A committed statement could not be backed up just now: it is tried again later, and nothing else runs before."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows are read from: a target's binlog, and what kind of server it is."""

    address: ServerAddress
    flavor: Flavor


def protect(attempt: Attempt, source: Source, records: Sequence[ExecutedStatement]) -> None:
    """Back up the committed statements of `records` that have no backup yet, in their order.

    A backup that can never be made is *incomplete* or *impossible* with its reason. One that fails for now is tried
    again for a while; then BackupPendingError is raised.
    """
    pending = [record for record in records if record.backup_state == BackupState.PENDING]
    if not pending:
        return
    if attempt.execution.one_transaction and not attempt.execution.ticket.is_rollback:
        _protect_together(attempt, source, records)
        return
    for record in pending:
        _persist(attempt, record, partial(_capture_alone, source, record))


def _capture_alone(source: Source, record: ExecutedStatement) -> CaptureResult:
    return _capture(build_change(record, source.flavor), source, record)


def _protect_together(attempt: Attempt, source: Source, records: Sequence[ExecutedStatement]) -> None:
    """Back up the statements of one transaction: each its own rows, or all of them together."""
    found: list[SharedTransaction] = []

    def capture_one(record: ExecutedStatement) -> CaptureResult:
        if not found:
            found.append(_survey(attempt, source, records))
        transaction = found[0]
        change = build_change(record, source.flavor)
        if not transaction.is_apart:
            # The server's count is of one statement, the rows are those of several.
            change = replace(change, affected_rows=None)
        return _capture(change, source, record, partial(transaction.events_of, record.seq))

    for record in records:
        if record.backup_state == BackupState.PENDING:
            _persist(attempt, record, partial(capture_one, record))


def _survey(attempt: Attempt, source: Source, records: Sequence[ExecutedStatement]) -> SharedTransaction:
    shares = [Share(record.seq, (record.schema_name, record.table_name), record.affected_rows) for record in records]
    transaction = SharedTransaction(source.address, build_own_transaction(records[0], source.flavor), shares)
    transaction.survey()
    if not transaction.is_apart:
        # Before anything is kept: that they belong together must not be lost with us.
        holder = next(record for record in records if record.seq == transaction.holder)
        attempt.write_all([record for record in records if record.pk != holder.pk], kept_with=holder)
    return transaction


def _capture(
    change: ExecutedChange, source: Source, record: ExecutedStatement, events: Events | None = None
) -> CaptureResult:
    return capture(change, source.address, opid_time=record.opid_time or None, events=events)


def _persist(attempt: Attempt, record: ExecutedStatement, make: Callable[[], CaptureResult]) -> None:
    """Make a backup and write what came of it."""
    began = time.monotonic()
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            kept = make()
        except BinlogGoneError as error:
            _write_lost(attempt, record, BackupState.IMPOSSIBLE, f"The backup cannot be made any more: {error}", began)
            return
        except _PASSING as error:
            attempt.write(record, backup_reason=f"Not backed up yet: {error}")
            logger.warning("execution=%s statement=%s backup=pending", attempt.execution.pk, record.seq)
            if time.monotonic() - began + pause > settings.INCEPTION.worker.backup_retry_seconds:
                raise BackupPendingError(str(error)) from error
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        except (BackupError, ValueError) as error:
            _write_lost(attempt, record, BackupState.INCOMPLETE, str(error), began)
            return
        else:
            faults.point("backup_committed_before_mark")
            _write_kept(attempt, record, kept, began)
            return


def _write_lost(attempt: Attempt, record: ExecutedStatement, state: BackupState, reason: str, began: float) -> None:
    attempt.write(record, backup_state=state, backup_reason=reason, backup_seconds=time.monotonic() - began)


def _write_kept(attempt: Attempt, record: ExecutedStatement, kept: CaptureResult, began: float) -> None:
    fields = {**_kept_fields(record, kept), "backup_signature": kept.evidence.sign(read_keys())}
    if record.outcome == Outcome.DONE and record.affected_rows is None and not kept.rows_captured:
        fields |= _describe_empty(record)
    if record.outcome == Outcome.FAILED:
        # A statement of a non-transactional table that failed half way has changed rows all the same.
        if kept.rows_captured or kept.state != "complete":
            fields["outcome"] = Outcome.FAILED_PARTIAL
        else:
            fields["backup_state"] = BackupState.NONE
    attempt.write(record, **fields, backup_seconds=time.monotonic() - began)


def _describe_empty(record: ExecutedStatement) -> dict[str, Any]:
    """A transaction that was found without the server's answer was found by its rows: none cannot be all of them."""
    if not is_row_change(record):
        return {}
    return {
        "backup_state": BackupState.INCOMPLETE,
        "backup_reason": (
            "Its transaction is in the binlog and no rows were read from"
            f" {record.start_file}:{record.start_position} to {record.end_file}:{record.end_position}. Needed: those"
            " that it changed. Look at that place yourself."
        ),
    }


def _kept_fields(record: ExecutedStatement, kept: CaptureResult) -> dict[str, Any]:
    state = BackupState.COMPLETE if kept.state == "complete" else BackupState.INCOMPLETE
    if record.undo_missing:
        state = BackupState.IMPOSSIBLE
    return {
        "opid_time": kept.opid_time,
        "backup_schema": kept.backup_schema,
        "backup_table": kept.backup_table,
        "rows_captured": kept.rows_captured,
        "records_stored": kept.records_stored,
        "rows_archived": kept.rows_archived,
        "archive_sha256": kept.archive_sha256,
        "records_sha256": kept.records_sha256,
        "backup_state": state,
        "backup_reason": kept.reason,
        "backup_explanation": kept.explanation,
    }


def verify_statement(record: ExecutedStatement) -> Proof | None:
    """Compare a statement's backup with what was kept; None when nothing was kept of it.

    Raises BackupError when the backup server cannot be read.
    """
    if record.evidence is None or record.purge_began_at is not None:
        return None
    return verify(record.evidence, record.backup_signature, kind=StatementKind(record.kind).backup_type)


def sign_again(record: ExecutedStatement, *, keys_lost: bool = False) -> Proof | None:
    """Sign a backup that has no signature, or one by an older key, if all that can be compared is as it was.

    keys_lost: the key that signed is gone for ever; the digests in the application database have to do.
    Raises BackupError when the backup server cannot be read.
    """
    evidence = record.evidence
    if evidence is None or record.purge_began_at is not None:
        return None
    if not record.backup_signature:
        evidence = read_evidence(evidence)
    signature = evidence.sign(read_keys()) if keys_lost or not record.backup_signature else record.backup_signature
    proof = verify(evidence, signature, kind=StatementKind(record.kind).backup_type)
    if not proof.problems:
        record.records_sha256, record.backup_signature = evidence.records_sha256, evidence.sign(read_keys())
        record.save(update_fields=["records_sha256", "backup_signature"])
    return proof


def sum_of(records: Iterable[ExecutedStatement]) -> BackupState:
    """Return the backup state of a ticket whose statements are `records`."""
    return sum_backup_states([BackupState(record.backup_state) for record in records])
