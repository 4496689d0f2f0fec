"""Keep what undoes a statement, and write on its record whether all of it was kept."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import MySQLdb
from django.db import Error as DjangoDatabaseError

from backups.capture import CaptureResult, ExecutedChange, capture
from backups.errors import BackupError
from backups.verification import Proof, read_evidence, read_keys, verify
from changes.attempt import Attempt
from changes.kinds import StatementKind
from changes.models import ExecutedStatement
from changes.session import Session
from changes.states import BackupState, Outcome, sum_backup_states


def keep(attempt: Attempt, session: Session, record: ExecutedStatement, change: ExecutedChange) -> None:
    """Capture a change and write what was kept. A backup that fails is *incomplete* with its reason, never a crash."""
    began = time.monotonic()
    try:
        kept = capture(change, session.source)
        signature = kept.evidence.sign(read_keys())
    except (BackupError, MySQLdb.Error, DjangoDatabaseError) as error:
        attempt.write(
            record,
            backup_state=BackupState.INCOMPLETE,
            backup_reason=str(error),
            backup_seconds=time.monotonic() - began,
        )
        return
    fields = {**_kept_fields(kept, change), "backup_signature": signature}
    if record.outcome == Outcome.FAILED:
        # A statement of a non-transactional table that failed half way has changed rows all the same.
        if kept.rows_captured:
            fields["outcome"] = Outcome.FAILED_PARTIAL
        else:
            fields["backup_state"] = BackupState.NONE
    attempt.write(record, **fields, backup_seconds=time.monotonic() - began)


def _kept_fields(kept: CaptureResult, change: ExecutedChange) -> dict[str, Any]:
    state = BackupState.COMPLETE if kept.state == "complete" else BackupState.INCOMPLETE
    if change.undo_missing:
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
    if record.evidence is None:
        return None
    return verify(record.evidence, record.backup_signature, kind=StatementKind(record.kind).backup_type)


def sign_again(record: ExecutedStatement, *, keys_lost: bool = False) -> Proof | None:
    """Sign a backup that has no signature, or one by an older key, if all that can be compared is as it was.

    keys_lost: the key that signed is gone for ever; the digests in the application database have to do.
    Raises BackupError when the backup server cannot be read.
    """
    evidence = record.evidence
    if evidence is None:
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
