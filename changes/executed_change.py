"""From the record of a statement to what a capture needs: nothing that only the worker who ran it knew."""

from __future__ import annotations

import hashlib

from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.flavor import Flavor
from backups.binlog.snapshots import Snapshot, snapshot_from_json, snapshot_to_json
from backups.capture import ExecutedChange, find_sequences
from backups.source import OwnTransaction
from changes import children
from changes.kinds import StatementKind
from changes.marker import build_marker, build_marker_head
from changes.models import ExecutedStatement, SnapshotText
from changes.states import Outcome


def save_snapshot(snapshot: Snapshot) -> SnapshotText:
    """Keep `snapshot`, once for all statements that it is the same for."""
    text = snapshot_to_json(snapshot)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return SnapshotText.objects.get_or_create(sha256=digest, defaults={"text": text})[0]


def load_snapshot(record: ExecutedStatement) -> Snapshot | None:
    """Return what the statement could touch, as read before it was sent."""
    return snapshot_from_json(record.snapshot.text) if record.snapshot else None


def is_row_change(record: ExecutedStatement) -> bool:
    return StatementKind(record.kind).is_row_change


def build_change(record: ExecutedStatement, flavor: Flavor) -> ExecutedChange:
    """Return what is to be captured of a statement that was executed.

    Raises ValueError when its record does not say where its transaction is.
    """
    execution = record.execution
    ticket = execution.ticket
    executed_at = record.executed_at or record.intent_at
    if executed_at is None or record.thread_id is None:
        raise ValueError(f"Statement {record.seq + 1} was never sent; there is nothing to back up.")
    return ExecutedChange(
        installation=execution.installation,
        execution_id=execution.pk,
        seq=record.seq,
        target_id=ticket.target_id,
        host=ticket.target.host,
        port=ticket.target.port,
        schema_name=record.schema_name,
        table_name=record.table_name,
        kind=StatementKind(record.kind).backup_type,
        sql=record.sql,
        executed_at=executed_at,
        connection_id=record.thread_id,
        flavor=flavor,
        own=build_own_transaction(record, flavor) if is_row_change(record) else None,
        snapshot=load_snapshot(record),
        affected_rows=record.affected_rows if record.outcome == Outcome.DONE else None,
        undo=tuple(record.undo_statements),
        undo_missing=record.undo_missing,
        children_checked=ticket.is_rollback,
        shadows=children.from_record(record.kept_children),
        followed=children.followed_keys(record.kept_children),
        unchecked=bool(record.kept_children.get("unchecked")),
    )


def build_own_transaction(record: ExecutedStatement, flavor: Flavor) -> OwnTransaction:
    """Say how the transaction of a statement is found in the binlog.

    Raises ValueError when its record does not say where it begins and ends.
    """
    execution = record.execution
    if record.start_position is None or record.end_position is None or record.thread_id is None:
        raise ValueError(
            f"Statement {record.seq + 1}: found no binlog coordinates on its record. Needed: where its transaction"
            " begins and ends; the server keeps no binlog, or the account may not ask where it is."
        )
    is_shared = execution.one_transaction and not execution.ticket.is_rollback
    marker = (
        build_marker_head(execution.installation, execution.ticket_id, execution.pk)
        if is_shared
        else build_marker(execution.installation, execution.ticket_id, execution.pk, record.seq).strip()
    )
    return OwnTransaction(
        flavor=flavor,
        start=BinlogCoordinates.at(record.start_file, record.start_position),
        end=BinlogCoordinates.at(record.end_file, record.end_position),
        connection_id=record.thread_id,
        gtid_before=record.gtid_before or None,
        gtid_after=record.gtid_after or None,
        marker=marker,
        sequences=find_sequences(load_snapshot(record)),
        is_shared=is_shared,
    )
