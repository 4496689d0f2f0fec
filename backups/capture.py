"""From an executed statement to what undoes it: its own row events, read, judged, and kept on the backup server."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from backups import faults
from backups.archive import Archive, ArchiveHeader, ArchiveWriter, pack_header
from backups.binlog.events import ROWS_KINDS
from backups.binlog.flavor import Flavor
from backups.binlog.own import OwnEvent
from backups.binlog.snapshots import Snapshot
from backups.binlog.tables import TableMap
from backups.cursors import BackupCursor, open_backup_cursor, open_storing_cursor
from backups.errors import (
    AttributionError,
    BinlogGoneError,
    DecodeError,
    StoreError,
    UnknownTypeError,
    UnreachableError,
)
from backups.evidence import Evidence
from backups.models import BackupSchema
from backups.rollback.accounting import Tally, Verdict
from backups.rollback.children import Shadow
from backups.rollback.plan import TablePlan
from backups.rollback.shadowed import ShadowedRows
from backups.schema import StoredShape, ensure_tables
from backups.source import OwnTransaction, ServerAddress, read_own_events
from backups.store import (
    InformationRow,
    StatementStore,
    build_opid_time,
    candidate_opid_times,
    read_packet_bytes,
    try_write,
)
from backups.verification import is_row_change, read_digest

LOCK_PATIENCE_SECONDS = 5
_SPACE = r"(?:\s|(?>/\*.*?\*/)|(?:--\s|#)[^\n]*\n)"
_REPLACE = re.compile(rf"{_SPACE}*+REPLACE\b", re.IGNORECASE | re.DOTALL)
_PORTION = re.compile(rf"\bFOR{_SPACE}++PORTION\b", re.IGNORECASE | re.DOTALL)
"""May also be found in a string: what it allows is true of a portion only."""
_READING_ERRORS = (AttributionError, DecodeError, UnknownTypeError)


@dataclass(frozen=True, slots=True)
class ExecutedChange:
    """One statement that was executed.

    seq: its number in the ticket, from 0. kind: `type` of the information table. executed_at: aware.
    own: where its transaction is in the binlog; None for a schema change.
    affected_rows: as the server answered, None when it did not.
    undo: for a schema change, its inverse in an order that descending id replays; undo_missing: why there is none.
        Neither: it changed nothing.
    children_checked: it was shown, before parent rows went, that no child rows referred to them.
    shadows: where rows that its foreign keys change were copied before it, and made equal after it.
    followed: (schema, table, constraint) of the foreign keys whose child rows were looked for.
    unchecked: it ran with foreign keys unchecked, so that they changed nothing.
    installation: which one executed it: executions have the same numbers in each. "" before they had an id.
    """

    execution_id: int
    seq: int
    target_id: int
    host: str
    port: int
    schema_name: str
    table_name: str
    kind: str
    sql: str
    executed_at: datetime
    connection_id: int
    flavor: Flavor
    own: OwnTransaction | None
    snapshot: Snapshot | None
    affected_rows: int | None
    undo: tuple[str, ...] = ()
    undo_missing: str = ""
    children_checked: bool = False
    shadows: tuple[Shadow, ...] = ()
    followed: frozenset[tuple[str, str, str]] = frozenset()
    unchecked: bool = False
    installation: str = ""

    @property
    def lock_name(self) -> str:
        """The name of the lock, on the backup server, of all who make backups of the execution."""
        whose = [self.installation] if self.installation else []
        return ":".join(["inception", "backup", *whose, str(self.execution_id)])


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """What is kept of one statement.

    state: "complete" only when rows_captured = records_stored (counted in the store) = rows_archived and these account
    for what the server said it changed; else "incomplete", with the reason.
    explanation: why the server's count differs all the same, "" when it does not.
    archive_sha256: of the archive's header, which covers all its blocks. records_sha256: as RecordsDigest gives it.
    """

    opid_time: str
    backup_schema: str
    backup_table: str
    rows_captured: int
    records_stored: int
    rows_archived: int
    state: str
    reason: str
    explanation: str
    archive_sha256: str
    records_sha256: str

    @property
    def evidence(self) -> Evidence:
        return Evidence(
            self.backup_schema,
            self.backup_table,
            self.opid_time,
            self.records_stored,
            self.records_sha256,
            self.archive_sha256,
        )


def prepare(
    target_id: int, host: str, port: int, schema_name: str, table_name: str, *, sql: str, position: int
) -> None:
    """Make the place where a statement will be kept, and see that it fits there, before the statement runs.

    position: the binlog offset it starts at. Raises StoreError when it could not be kept: a record is written and read
    there, and not committed.
    """
    schema = BackupSchema.claim(target_id, host, port, schema_name)
    with open_backup_cursor() as cursor:
        shape = ensure_tables(cursor, schema.name, table_name)
        shape.check(schema=schema.name, statement_bytes=len(sql.encode()), position=position, host=host)
        try_write(cursor, schema.name, table_name)


Events = Callable[[], Iterator[OwnEvent]]
"""Gives the events of one statement, from the first, each time it is called."""


def capture(
    change: ExecutedChange,
    source: ServerAddress,
    *,
    opid_time: str | None = None,
    events: Events | None = None,
) -> CaptureResult:
    """Read what `change` changed and keep what undoes it, all in one transaction on the backup server.

    Call it again after any failure: a statement that was kept completely is found and left alone; one that was not is
    made anew under a key of its own, since what stands on the backup server is never deleted.
    opid_time: the key under which an earlier attempt kept it, when that is known.
    events: where they come from when others ran in the same transaction; the whole of `change.own` without.
    Raises StoreError when the backup server refuses, UnreachableError when the target cannot be read just now,
    BinlogGoneError when it no longer has the events; then nothing was stored.
    """
    schema = BackupSchema.claim(change.target_id, change.host, change.port, change.schema_name)
    with open_backup_cursor() as cursor:
        shape = ensure_tables(cursor, schema.name, change.table_name)
    name = change.lock_name
    try:
        with open_storing_cursor(row_count=change.affected_rows if change.own else 0) as cursor:
            # Whoever else is at this execution's backups lost it to us, and may be frozen in the middle: what it wrote
            # and did not commit would keep its place taken.
            cursor.take_lock(name, patience_seconds=LOCK_PATIENCE_SECONDS)
            limits = (read_packet_bytes(cursor), cursor.read_has_backslash_escapes())
            store, kept = _open_store(cursor, schema.name, shape, limits, change, opid_time)
            with closing(store):
                if kept is not None:
                    return kept
                store.begin()
                kept = _Capture(change, store, events or partial(_read_all, change, source)).run()
                faults.point("backup_tx_open")
                return kept
    finally:
        with suppress(StoreError), open_backup_cursor() as cursor:
            cursor.release_lock(name)


def _open_store(
    cursor: BackupCursor,
    backup_schema: str,
    shape: StoredShape,
    limits: tuple[int, bool],
    change: ExecutedChange,
    opid_time: str | None,
) -> tuple[StatementStore, CaptureResult | None]:
    """Write the information row under a key of its own; or find that this statement has one, and what it holds."""
    row = _build_information(change)
    first = opid_time or build_opid_time(int(change.executed_at.timestamp()), change.connection_id, change.seq)
    for candidate in candidate_opid_times(first):
        store = StatementStore(cursor, backup_schema, change.table_name, shape, candidate, *limits)
        if store.claim(row):
            return store, None
        archive = Archive.load(cursor, backup_schema, candidate)
        if archive is not None and _is_of(archive.header, change) and archive.header.state == "complete":
            store.digest = read_digest(cursor, backup_schema, change.table_name, candidate)
            kept = _describe(store, archive.header, archive.sha256)
            if kept.state == "complete":
                return store, kept
    raise StoreError(
        f"{backup_schema}: found no free opid_time from {first} on. Needed: one for this statement. Keys of an hour are"
        " taken by other statements of this connection; look for another installation writing to this schema."
    )


def _build_information(change: ExecutedChange) -> InformationRow:
    own = change.own
    return InformationRow(
        start_file=own.start.file if own else "",
        start_position=own.start.position if own else 0,
        end_file=own.end.file if own else "",
        end_position=own.end.position if own else 0,
        sql=change.sql,
        host=change.host,
        schema_name=change.schema_name,
        table_name=change.table_name,
        port=change.port,
        executed_at=change.executed_at,
        kind=change.kind,
    )


def _is_of(header: ArchiveHeader, change: ExecutedChange) -> bool:
    """Tell whether an archive was made of this very statement."""
    found = (header.installation, header.execution_id, header.seq, header.host, header.port, header.sql_sha256)
    return found == (
        change.installation,
        change.execution_id,
        change.seq,
        change.host,
        change.port,
        _hash_text(change.sql),
    )


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _describe(store: StatementStore, header: ArchiveHeader, archive_sha256: str) -> CaptureResult:
    """Return what the store holds of a statement, counted there. Complete only when the three numbers are one."""
    found, records, archived = header.row_count, store.count_records(), store.count_archived_rows()
    reason = header.reason
    if is_row_change(header.kind) and not reason and not found == records == archived:
        reason = (
            f"found {found} row changes in the binlog, {records} records and {archived} archived rows on the backup"
            " server. Needed: the same number of each. Look for another writer on the backup tables."
        )
    return CaptureResult(
        opid_time=store.opid_time,
        backup_schema=store.backup_schema,
        backup_table=store.table_name,
        rows_captured=found,
        records_stored=records,
        rows_archived=archived,
        state="incomplete" if reason else header.state,
        reason=reason,
        explanation=header.explanation,
        archive_sha256=archive_sha256,
        records_sha256=store.digest.hexdigest(),
    )


def _read_all(change: ExecutedChange, source: ServerAddress) -> Iterator[OwnEvent]:
    assert change.own is not None
    return read_own_events(source, replace(change.own, sequences=find_sequences(change.snapshot)))


def find_sequences(snapshot: Snapshot | None) -> frozenset[tuple[str, str]]:
    """Return (schema, name) of the sequences that a statement can take numbers from."""
    tables = snapshot.tables if snapshot else ()
    return frozenset((table.schema_name, table.name) for table in tables if table.is_sequence)


@dataclass(slots=True)
class _Capture:
    """The reading of one statement's events into its store."""

    change: ExecutedChange
    store: StatementStore
    events: Events
    tally: Tally = field(init=False)
    writer: ArchiveWriter = field(init=False)
    failure: str = ""
    _shadowed: ShadowedRows = field(init=False)
    _maps: dict[int, TableMap] = field(default_factory=dict)
    _sequences: set[int] = field(default_factory=set)
    _plans: dict[int, TablePlan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        snapshot = self.change.snapshot or Snapshot(tables=())
        self._shadowed = ShadowedRows(self.change.shadows, snapshot, self.change.flavor)
        self.tally = Tally(snapshot, self.change.followed)
        self.writer = ArchiveWriter(self.store.save_block)

    def run(self) -> CaptureResult:
        if self.change.own is None:
            verdict = self._keep_schema_change()
        else:
            self._survey()
            verdict = self._keep_rows(self.events())
            if self.failure and self.store.take_back():
                # Part of the records would be taken for all of them. The events are read again, for the archive alone.
                return _Capture(self.change, self.store, self.events, failure=self.failure).run()
        header = self._build_header(verdict)
        digest, payload = pack_header(header)
        self.store.save_block(0, 0, len(payload), digest, payload)
        return _describe(self.store, header, digest)

    def _survey(self) -> None:
        """Look first at what the shadows tell; what is kept of the tables' own changes follows from that."""
        if not self.change.shadows or self.failure:
            return
        try:
            self.failure = self._shadowed.survey(self.events())
        except (UnreachableError, BinlogGoneError):
            raise
        except _READING_ERRORS as error:
            self.failure = str(error)

    def _keep_schema_change(self) -> Verdict:
        self.store.add_records(self.change.undo)
        self.store.flush()
        self._check_count(len(self.change.undo))
        return Verdict(self.change.undo_missing)

    def _keep_rows(self, events: Iterator[OwnEvent]) -> Verdict:
        try:
            for event in events:
                self._take(event)
                faults.point("mid_decode")
        except (UnreachableError, BinlogGoneError):
            raise  # says nothing about the events
        except _READING_ERRORS as error:
            self.failure = self.failure or str(error)
        self.writer.flush()
        if self.failure:
            return Verdict(self.failure)
        self.store.flush()
        self._check_count(self.tally.row_count)
        kind = "REPLACE" if _REPLACE.match(self.change.sql) else self.change.kind
        if _PORTION.search(self.change.sql):
            kind = "PORTION"
        return self.tally.judge(kind, self.change.affected_rows, children_checked=self.change.children_checked)

    def _take(self, event: OwnEvent) -> None:
        if event.query is not None:
            self.failure = self.failure or (
                f"found the statement {event.query.sql[:60]!r} logged as text at {event.coordinates};"
                " needed: row events. SET GLOBAL binlog_format=ROW and reconnect before the next change."
            )
        elif event.table_map is not None:
            self._take_map(*self._shadowed.rename(event.table_map, event.raw))
        else:
            self._take_rows(event)

    def _take_map(self, table_map: TableMap, raw: bytes) -> None:
        known = self._maps.get(table_map.table_id)
        if known is table_map:
            return
        if (table_map.schema_name, table_map.table_name) in find_sequences(self.change.snapshot):
            self._sequences.add(table_map.table_id)
            self._maps.pop(table_map.table_id, None)
            return
        self._sequences.discard(table_map.table_id)
        self._check_seen(table_map)
        if known != table_map:
            self._plans.pop(table_map.table_id, None)
        self._maps[table_map.table_id] = table_map
        self.writer.add_map(table_map.table_id, raw)

    def _check_seen(self, table_map: TableMap) -> None:
        """Note a table that was opened for writing and not seen before: a child in a schema hidden from the account."""
        # MariaDB maps each child that a foreign key's action can reach, and logs none of its rows. Where they are
        # logged, rows say what was touched.
        snapshot = self.change.snapshot or Snapshot(tables=())
        if snapshot.cascades_logged or snapshot.find_table(table_map.schema_name, table_map.table_name):
            return
        self.failure = self.failure or (
            f"{table_map.schema_name}.{table_map.table_name} was open for writing and cannot be seen by the account; a"
            " trigger or a foreign key may have changed its rows, which are not in the binlog then. Needed: to see it."
            " Give the account SELECT on it, and PROCESS, and run the next change."
        )

    def _take_rows(self, event: OwnEvent) -> None:
        body = event.body
        table_id = int.from_bytes(body[:6], "little")
        if table_id in self._sequences:
            return
        if table_id not in self._maps:
            raise DecodeError(
                f"found rows of table id {table_id} at {event.coordinates}; needed: the table map before them."
            )
        if self._shadowed.is_copy(table_id, event.type_code):
            return  # of a row before the statement: no change of it
        row_count, raw = 0, event.raw
        if not self.failure:
            try:
                row_count, raw = self._add_records(self._plan(table_id), body, event)
            except _READING_ERRORS as error:
                self.failure = str(error)
        if raw:
            self.writer.add_rows(table_id, raw, row_count)

    def _plan(self, table_id: int) -> TablePlan:
        plan = self._plans.get(table_id)
        if plan is None:
            table_map = self._maps[table_id]
            snapshot = self.change.snapshot
            table = snapshot.find_table(table_map.schema_name, table_map.table_name) if snapshot else None
            if table is None:
                raise DecodeError(
                    f"found rows of {table_map.schema_name}.{table_map.table_name}, which was not seen when the tables"
                    " were looked at before the statement ran. Needed: its columns from then. Give the account rights"
                    " to see the table (SELECT, and TRIGGER on tables with triggers)."
                )
            plan = self._plans[table_id] = TablePlan(table, table_map, self.change.flavor)
        return plan

    def _add_records(self, plan: TablePlan, body: bytes, event: OwnEvent) -> tuple[int, bytes]:
        """Store what undoes the rows of an event; return how many they are, and the event with these rows alone."""
        type_code = event.type_code
        if not plan.has_needed_columns(body, type_code):
            raise DecodeError(
                f"{plan.table.schema_name}.{plan.table.name}: found row images without all columns at"
                f" {event.coordinates}; needed: all. SET GLOBAL binlog_row_image=FULL and reconnect before the next"
                " change."
            )
        kind = ROWS_KINDS[type_code]
        kept = self._shadowed.choose(plan, event.raw)
        statements = plan.build_inverses(kept.body, type_code) if kept.raw else []
        cascades = self.tally.find_cascades(plan.table, kind)
        if cascades:
            for change in plan.decode_rows(body, type_code):
                self.tally.add_silent(cascades, plan.table, change)
        if kept.by_keys:
            self.tally.add_by_keys(plan.table, len(statements))
        else:
            self.tally.add(plan.table, kind, len(statements) + kept.left_out)
            self.tally.left_out += kept.left_out
        self.store.add_records(statements)
        return len(statements), kept.raw

    def _check_count(self, expected: int) -> None:
        """Raise StoreError unless the server holds as many records as were sent; the transaction then ends with it."""
        found = self.store.count_records()
        if found != expected:
            raise StoreError(
                f"{self.store.backup_schema}.{self.store.table_name}: found {found} records of {self.store.opid_time},"
                f" {expected} were written. Needed: all. Look for triggers or another writer on the backup table."
            )

    def _build_header(self, verdict: Verdict) -> ArchiveHeader:
        change = self.change
        return ArchiveHeader(
            installation=change.installation,
            execution_id=change.execution_id,
            seq=change.seq,
            host=change.host,
            port=change.port,
            schema_name=change.schema_name,
            table_name=change.table_name,
            kind=change.kind,
            flavor=change.flavor,
            snapshot=change.snapshot,
            sql_sha256=_hash_text(change.sql),
            row_count=0 if self.failure else self.tally.row_count,
            event_count=self.writer.event_count,
            block_count=self.writer.block_count,
            digest=self.writer.digest,
            state=verdict.state,
            reason=verdict.reason,
            explanation=verdict.explanation,
            children_kept=bool(change.shadows) or change.unchecked,
        )
