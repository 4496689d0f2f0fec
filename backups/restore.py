"""Putting rows back on the target: guarded, verified, and all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import MySQLdb

from backups import faults
from backups.archive import Archive, ArchiveHeader
from backups.binlog.flavor import Flavor
from backups.binlog.rows import ChangeKind, Image, RowChange
from backups.binlog.snapshots import CascadeFact
from backups.conflicts import Conflict, Conflicts
from backups.cursors import open_backup_cursor
from backups.errors import BackupError, HalfRestoredError, RestoreError
from backups.exchange import exchange
from backups.guards import Guards, TableName
from backups.preview import PreviewPage, PreviewRow, preview
from backups.rollback.statements import build_key_text
from backups.rollback_session import SQL_MODE, UTC
from backups.schema_undo import SchemaUndo
from backups.undoing import (
    RowKey,
    UndoChange,
    UndoItem,
    check_item,
    fold,
    is_schema_change,
    load_archive,
    load_records_reversed,
    load_schema_records,
    require_readable,
)

__all__ = ["Conflict", "PreviewPage", "PreviewRow", "RestoreResult", "UndoItem", "preview", "restore"]

MOST_ROWS_READ_BACK = 100
MOST_BYTES_READ_BACK = 1 << 18
"""In one question; a single row can be larger."""

MOST_PUT_BACK_KNOWN = 200_000
"""Keys in memory; a row beyond that the same statement changed and then deleted as it had been is a conflict."""

LARGE_STATEMENT = 1 << 20
"""Characters; max_allowed_packet is 16 MiB by default on MariaDB."""

DUPLICATE_KEY = 1062
PARENT_HAS_CHILDREN = (1217, 1451)
# A value, a check or a parent that the row cannot have any more: about this row, not about the server.
_ROW_ERRORS = frozenset({1048, 1216, 1264, 1292, 1364, 1366, 1406, 1452, 1644, 3819, 4025})


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """How a rollback went. With on_conflict "stop" and a conflict, or a dry run, nothing was changed.

    rows_restored: put back with every guard; in a dry run, that could be. rows_overwritten: put back by key alone.
    conflicts: at most MOST_CONFLICTS of them. first_kind: INSERT, UPDATE or DELETE, of the first row put back.
    verified: every row was guarded and read back; not so for records without an archive.
    """

    rows_restored: int
    rows_skipped: int
    rows_overwritten: int
    conflicts: tuple[Conflict, ...]
    tables: tuple[tuple[str, str], ...]
    first_kind: str
    verified: bool
    statements_run: int


def restore(
    connection: Any,
    items: Sequence[UndoItem],
    *,
    flavor: Flavor,
    marker: str,
    dry_run: bool,
    on_conflict: str,
    before_commit: Callable[[], None],
) -> RestoreResult:
    """Undo `items`, newest statement first, on the target behind `connection`.

    connection: MySQLdb with the client flag FOUND_ROWS; its session is changed and it should not be used for much else.
    marker: the comment every statement begins with.
    on_conflict: "stop" aborts all when one row conflicts; "skip" leaves such rows, and what is older on them;
        "overwrite" puts them back by key alone, and aborts where that is not possible.
    before_commit: called before each COMMIT and each schema change, which commits by itself.

    Row changes are one transaction, up to a schema change, which is made at its place.
    Raises RestoreError when it cannot be done; what an earlier schema change committed stays, and the text says so.
    An error of COMMIT itself is raised as the driver's: what became of it is not known.
    """
    if dry_run and any(is_schema_change(item) for item in items):
        raise RestoreError(
            "found a schema change among the statements to undo. Needed for a dry run: row changes only, as the server"
            " commits a schema change at once. Nothing was changed. Preview the rows, or run it."
        )
    run = _Restore(connection, flavor, marker, Conflicts(on_conflict))
    is_over = False
    try:
        with open_backup_cursor() as backup:
            for item in items:
                check_item(backup, item)
            run.open_session([(item, load_archive(backup, item, flavor)) for item in items])
            for item, archive in run.sources:
                if run.is_full or (run.is_stopped and is_schema_change(item)):
                    break
                _undo_item(run, backup, item, archive, before_commit)
            run.verify_end()
        if not dry_run and not run.is_stopped:
            faults.point("stmt_done_before_commit")
            before_commit()
            is_over = True
            run.commit()
    except (BackupError, MySQLdb.Error) as error:
        if is_over:
            raise
        raise run.describe(error) from error
    finally:
        if not is_over:
            run.abort()
    return run.result()


def _undo_item(
    run: _Restore, backup: Any, item: UndoItem, archive: Archive | None, before_commit: Callable[[], None]
) -> None:
    if is_schema_change(item):
        run.end_segment(before_commit)
        before_commit()
        run.schema.run(load_schema_records(backup, item), item.time_zone)
    elif archive is None:
        run.undo_text(load_records_reversed(backup, item))
    else:
        require_readable(item, archive)
        run.undo_rows(fold(archive.iterate_all_reversed()), _list_logged_children(archive.header))


@dataclass(slots=True)
class _Restore:
    """One rollback under way."""

    connection: Any
    flavor: Flavor
    marker: str
    conflicts: Conflicts
    schema: SchemaUndo = field(init=False)
    sources: list[tuple[UndoItem, Archive | None]] = field(default_factory=list)
    rows_restored: int = 0
    rows_skipped: int = 0
    rows_overwritten: int = 0
    statements_run: int = 0
    first_kind: str = ""
    verified: bool = True
    _cursor: Any = field(init=False)
    _guards: Guards = field(init=False)
    _left_alone: set[RowKey] = field(default_factory=set)
    _unread: list[tuple[UndoChange, str]] = field(default_factory=list)
    _unread_keys: set[RowKey] = field(default_factory=set)
    _unread_bytes: int = 0
    _logged_children: frozenset[TableName] = frozenset()
    _put_back: set[RowKey] = field(default_factory=set)
    _tables: dict[tuple[str, str], None] = field(default_factory=dict)
    _checks: bool = True
    _left_children: list[UndoChange] = field(default_factory=list)
    _triggers_fire: bool = False
    _committed_rows: int = 0

    def __post_init__(self) -> None:
        self._cursor = self.connection.cursor()
        self.schema = SchemaUndo(self._cursor, self.marker, self.conflicts)

    @property
    def on_conflict(self) -> str:
        return self.conflicts.on_conflict

    @property
    def is_stopped(self) -> bool:
        return self.conflicts.is_stopped

    @property
    def is_full(self) -> bool:
        return self.conflicts.is_full

    def open_session(self, sources: list[tuple[UndoItem, Archive | None]]) -> None:
        """Fix what the texts rely on, and begin."""
        self.sources = sources
        self._guards = Guards(self.connection, self._cursor, self.flavor)
        headers = [archive.header for _, archive in sources if archive is not None]
        # Where children are in the archive they are put back by their own records; with checks on, putting back the
        # parent's key would change them first and their records would find nothing.
        self._checks = not any(_has_children(header) for header in headers)
        for statement in (
            "SET NAMES utf8mb4",
            f"SET SESSION time_zone = '{UTC}'",
            f"SET SESSION sql_mode = '{SQL_MODE}'",
            "SET SESSION sql_safe_updates = 0",
            f"SET SESSION foreign_key_checks = {int(self._checks)}",
            # Each look is at what is committed now; locks stay on the rows that match.
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "START TRANSACTION",
        ):
            self._cursor.execute(statement)
        faults.point("after_begin")

    def undo_rows(self, changes: Iterator[UndoChange], logged_children: frozenset[TableName] = frozenset()) -> None:
        """Undo the changes of one statement, newest first. logged_children: as _list_logged_children returns them."""
        self._logged_children, self._put_back = logged_children, set()
        for change in changes:
            keys = change.touched_keys()
            if keys & self._left_alone:
                self._left_alone |= keys
                self.rows_skipped += self.on_conflict == "skip"
                continue
            if keys & self._unread_keys:
                self._read_back()  # before it is changed again
            due = self._follow_put_back(change)
            if due is not None and not self._undo_row(due, keys):
                self._left_alone |= keys
                if self.is_full:
                    return
            elif not self._checks and change.change.after is not None:
                self._guards.lock_parents(change.plan, change.change.after)
        self._read_back()

    def undo_text(self, records: Iterator[tuple[int, str]]) -> None:
        """Run stored text as it is: each statement must change one row, but later changes cannot be seen."""
        self.verified = False
        for number, text in records:
            self._note_kind(text.split(None, 1)[0].upper())
            if self._run(text) == 1:
                self.rows_restored += 1
                continue
            detail = f"record {number} matched no row, or more than one: {text[:200]}"
            self.conflicts.add(Conflict("", "", f"record {number}", "missing", None, None, None, detail))
            if self.on_conflict == "overwrite":
                raise RestoreError(f"{detail}. Needed: one row. Nothing was changed; choose to skip such rows.")
            self.rows_skipped += self.on_conflict == "skip"
            if self.is_full:
                return

    def end_segment(self, before_commit: Callable[[], None]) -> None:
        """Commit the rows before a schema change, if there are any."""
        if self.rows_restored + self.rows_overwritten > self._committed_rows:
            self.verify_end()
            before_commit()
            self.commit()
            self._committed_rows = self.rows_restored + self.rows_overwritten

    def verify_end(self) -> None:
        """Look at what only the end of the transaction can show."""
        if self.is_stopped:
            return
        self._judge_left_children()
        if not self._checks and not self.is_stopped:
            orphan = self._guards.find_orphan(self._tables)
            if orphan is not None:
                raise RestoreError(
                    f"found rows of {orphan} that would be left without their parent, or were. Needed: every child row"
                    " has one. Nothing was changed. Look for rows that others added since, and move or delete them."
                )
        if self._triggers_fire and not self.is_stopped:
            self._verify_after_triggers()

    def _judge_left_children(self) -> None:
        """Note the rows that went although others refer to them, and these are still there."""
        for undo in self._left_children:
            child = self._guards.find_left_children(undo.plan, undo.change)
            if child is not None:
                self.conflicts.add(self._conflict(undo, "children", undo.change.before, _describe_child(child)))
                self.rows_restored -= 1

    def commit(self) -> None:
        exchange(self.connection, b"COMMIT", "commit_sent")

    def abort(self) -> None:
        """End the transaction with nothing changed."""
        try:
            self.connection.rollback()
        except MySQLdb.Error:
            with suppress(MySQLdb.Error):  # it was closed already
                self.connection.close()  # the server aborts it then

    def describe(self, error: Exception) -> RestoreError:
        """Return what to raise for an error before COMMIT."""
        said = str(error) if isinstance(error, BackupError) else f"the target answered {error.args}."
        if self.schema.changes_committed or self._committed_rows:
            return HalfRestoredError(
                f"{said} The rollback stopped in the middle: {self.schema.changes_committed} schema changes and"
                f" {self._committed_rows} rows were undone before and stay so; nothing of the rest was changed."
            )
        if isinstance(error, RestoreError):
            return error
        return RestoreError(f"{said} Needed: every statement of the rollback succeeds. Nothing was changed.")

    def result(self) -> RestoreResult:
        stopped = self.is_stopped
        return RestoreResult(
            rows_restored=self._committed_rows if stopped else self.rows_restored,
            rows_skipped=self.rows_skipped + self.schema.rows_skipped,
            rows_overwritten=self.rows_overwritten + self.schema.rows_overwritten,
            conflicts=tuple(self.conflicts.found),
            tables=tuple(self._tables),
            first_kind=self.first_kind,
            verified=self.verified,
            statements_run=self.statements_run + self.schema.statements_run,
        )

    # One row.

    def _follow_put_back(self, undo: UndoChange) -> UndoChange | None:
        """Return what is left to do of `undo`, None when its row is already as it was.

        A statement that deletes a row which a foreign key changed or deleted just before logs the deletion with the row
        as it read it: MySQL writes both. So what stands there, put back out of that deletion and locked by us since, is
        not what the older change left, and is taken from there to what that change found.
        """
        wanted = undo.change.after
        if wanted is None or undo.key_of(undo.image) not in self._put_back:
            return undo
        if undo.change.before is not None and self._exists(undo, undo.change.before):
            return undo
        if self._exists(undo, wanted):
            return None
        now = self._read_now(undo)
        return undo if now is None else UndoChange(undo.plan, RowChange(ChangeKind.UPDATE, now, wanted))

    def _note_put_back(self, undo: UndoChange) -> None:
        schema, table = undo.table_name
        before, after = undo.change.before, undo.change.after
        if before is not None and (after is None or undo.key_of(after) != undo.key_of(before)):
            self._put_back.discard(undo.key_of(before))
        if (
            undo.change.kind is ChangeKind.INSERT
            and undo.plan.table.primary_key
            and (schema.casefold(), table.casefold()) in self._logged_children
            and len(self._put_back) < MOST_PUT_BACK_KNOWN
        ):
            self._put_back.add(undo.key_of(undo.image))

    def _undo_row(self, undo: UndoChange, keys: set[RowKey]) -> bool:
        """Undo one change. Returns False when its row is left as it is."""
        facts = self._guards.look_at(undo.plan)
        self._tables[undo.table_name] = None
        fires = undo.change.kind.value in facts.trigger_events
        self._triggers_fire = self._triggers_fire or fires
        if (child := self._guards.find_children(undo.plan, undo.change)) is not None:
            if self._checks or self.on_conflict != "stop":
                return self._settle(undo, "children", _describe_child(child))
            # Unchecked it takes no rows along. Its children may be ours, to go later; else it is a conflict then.
            self._left_children.append(undo)
        written = self._guards.count_written_rows() if fires else 0
        try:
            matched = self._run_guarded(undo)
        except MySQLdb.Error as error:
            reason, detail = _judge_error(error)
            if reason != "children" or not self._refers_to_itself(undo):
                return self._settle(undo, reason, detail)
            matched = self._run_unchecked(undo)
        if matched != 1:
            return self._settle(undo, "", "")
        if fires and (others := self._guards.count_written_rows() - written - 1):
            self._settle_trigger(undo, others)
            return False
        self._note_kind(undo.change.kind.value)
        self._note_put_back(undo)
        self.rows_restored += 1
        if undo.change.after is not None:
            question = f"(({undo.plan.build_exists(undo.change.after)})>0)"
            self._unread.append((undo, question))
            self._unread_keys |= keys
            self._unread_bytes += len(question)
            if len(self._unread) >= MOST_ROWS_READ_BACK or self._unread_bytes >= MOST_BYTES_READ_BACK:
                self._read_back()
        return True

    def _read_back(self) -> None:
        """Look whether the rows put back since the last look are there, byte for byte."""
        unread = self._unread
        if not unread:
            return
        self._unread, self._unread_keys, self._unread_bytes = [], set(), 0
        self._cursor.execute(f"SELECT {'+'.join(question for _, question in unread)}".encode())
        if self._cursor.fetchone()[0] == len(unread):
            return
        for undo, _ in unread:
            assert undo.change.after is not None
            if not self._exists(undo, undo.change.after):
                self._settle_different(undo)

    def _settle_different(self, undo: UndoChange) -> None:
        detail = "the row reads back differently: a trigger or the server changed what was written"
        if self.on_conflict != "stop":
            raise RestoreError(f"{self._label(undo)}: {detail}. Needed: the row as it was. Nothing was changed.")
        self.conflicts.add(self._conflict(undo, "error", self._read_now(undo), detail))
        self._left_alone |= undo.touched_keys()
        self.rows_restored -= 1

    def _settle_trigger(self, undo: UndoChange, row_count: int) -> None:
        """Rows that a trigger of the opposite change writes have no record: nothing would take them away again."""
        detail = f"a trigger that putting it back fires also writes {row_count} row(s), which would stay"
        if self.on_conflict != "stop":
            raise RestoreError(
                f"{self._label(undo)}: {detail}. Needed: this row alone. Nothing was changed. Drop the trigger for the"
                " time of the rollback."
            )
        self.conflicts.add(self._conflict(undo, "error", self._read_now(undo), detail))

    def _settle(self, undo: UndoChange, reason: str, detail: str) -> bool:
        """Note a conflict and do with its row what was asked for. Returns False when it is left as it is."""
        now = self._read_now(undo)
        reason = reason or ("missing" if now is None else "changed")
        self.conflicts.add(self._conflict(undo, reason, now, detail))
        if self.on_conflict == "skip":
            self.rows_skipped += 1
        if self.on_conflict != "overwrite":
            return False
        return self._overwrite(undo, reason, now, detail)

    def _overwrite(self, undo: UndoChange, reason: str, now: Image | None, detail: str) -> bool:
        wanted = undo.change.after
        if now == wanted and undo.plan.table.primary_key:
            return True  # it is as it was, whoever did that
        change = _overwriting(undo.change, now)
        matched = -1
        if reason in ("changed", "missing", "exists") and undo.plan.table.primary_key and change is not None:
            try:
                matched = self._run(undo.plan.build_stored(change).rstrip(";"))
            except MySQLdb.Error as error:
                detail = f"{_judge_error(error)[1]}"
        if matched != 1 or (wanted is not None and not self._exists(undo, wanted)):
            raise RestoreError(
                f"{self._label(undo)}: found a row in conflict ({reason}) that cannot be overwritten. {detail}"
                " Needed: a row that its primary key finds and no row refers to. Nothing was changed; skip such rows."
            )
        self._note_kind(undo.change.kind.value)
        self.rows_overwritten += 1
        return True

    def _run_guarded(self, undo: UndoChange) -> int:
        """Change the row if it is as we left it; return how many rows were.

        An UPDATE holds the row as it was and as it is. Where both may be more than the server takes at once, the row
        is locked and compared first, and then changed by its key.
        """
        sql = undo.plan.build_guarded(undo.change)
        before = undo.change.before
        if before is None or undo.change.after is None or len(sql) < LARGE_STATEMENT or not undo.plan.table.primary_key:
            return self._run(sql)
        self._cursor.execute(f"{undo.plan.build_exists(before)} FOR UPDATE".encode())
        if self._cursor.fetchone()[0] != 1:
            return 0
        return self._run(undo.plan.build_stored(undo.change).rstrip(";"))

    def _refers_to_itself(self, undo: UndoChange) -> bool:
        before = undo.change.before
        return (
            undo.change.kind is ChangeKind.DELETE
            and before is not None
            and (self._guards.refers_only_to_itself(undo.plan, before))
        )

    def _run_unchecked(self, undo: UndoChange) -> int:
        """Delete a row to which only itself refers: the servers refuse that, as if it were a child of another."""
        self._cursor.execute("SET SESSION foreign_key_checks = 0")
        try:
            return self._run_guarded(undo)
        finally:
            self._cursor.execute(f"SET SESSION foreign_key_checks = {int(self._checks)}")

    def _run(self, sql: str) -> int:
        self.statements_run += 1
        exchange(self.connection, f"{self.marker} {sql}".encode(), "stmt_sent")
        return int(self.connection.affected_rows())

    def _exists(self, undo: UndoChange, image: Image) -> bool:
        self._cursor.execute(undo.plan.build_exists(image).encode())
        return bool(self._cursor.fetchone()[0])

    def _read_now(self, undo: UndoChange) -> Image | None:
        self._cursor.execute(undo.plan.build_now(undo.image).encode())
        row = self._cursor.fetchone()
        return None if row is None else undo.plan.parse_now(row)

    def _conflict(self, undo: UndoChange, reason: str, now: Image | None, detail: str) -> Conflict:
        return Conflict(
            *undo.table_name,
            key=build_key_text(undo.image, undo.plan.table),
            reason=reason,
            before=undo.show(undo.change.after),
            after=undo.show(undo.change.before),
            now=undo.show(now),
            detail=detail,
        )

    def _label(self, undo: UndoChange) -> str:
        return f"{'.'.join(undo.table_name)}, {build_key_text(undo.image, undo.plan.table)}"

    def _note_kind(self, kind: str) -> None:
        self.first_kind = self.first_kind or kind

    def _verify_after_triggers(self) -> None:
        """Compare each row once more, at its oldest change: triggers of later statements can have changed it again."""
        seen: set[RowKey] = set()
        for _, archive in reversed(self.sources):
            if archive is None:
                continue
            for block in archive.load_blocks():
                for item in archive.iterate(block):
                    change = item.change
                    undo = UndoChange(item.plan, RowChange(change.kind, change.after, change.before))
                    keys = undo.touched_keys()
                    if not keys & seen and not keys & self._left_alone:
                        self._verify_row(undo)
                    seen |= keys

    def _verify_row(self, undo: UndoChange) -> None:
        if undo.change.after is not None:
            is_whole = self._exists(undo, undo.change.after)
        else:
            is_whole = not undo.plan.table.primary_key or self._read_now(undo) is None
        if not is_whole:
            raise RestoreError(
                f"{self._label(undo)}: found the row changed again by a trigger that the rollback itself fired."
                " Needed: the row as it was. Nothing was changed. Drop the trigger for the time of the rollback."
            )


def _describe_child(child: CascadeFact) -> str:
    return f"rows of {child.schema_name}.{child.table_name} refer to it ({child.constraint})"


def _has_children(header: ArchiveHeader) -> bool:
    snapshot = header.snapshot
    return header.children_kept or bool(snapshot and snapshot.cascades_logged and snapshot.cascades)


def _list_logged_children(header: ArchiveHeader) -> frozenset[TableName]:
    """Return the tables, names in small letters, whose rows foreign keys changed and the server logged that itself."""
    snapshot = header.snapshot
    if snapshot is None or not snapshot.cascades_logged:
        return frozenset()
    return frozenset((fact.schema_name.casefold(), fact.table_name.casefold()) for fact in snapshot.cascades)


def _judge_error(error: MySQLdb.Error) -> tuple[str, str]:
    """Return (reason, detail) of an error that is about one row. Raises any other."""
    number, text = error.args[0], str(error.args[1]) if len(error.args) > 1 else ""
    if number == DUPLICATE_KEY:
        return "exists", text
    if number in PARENT_HAS_CHILDREN:
        return "children", text
    if number in _ROW_ERRORS:
        return "error", text
    raise error


def _overwriting(change: RowChange, now: Image | None) -> RowChange | None:
    """Return the change that makes the row as it was, whatever it is now, found by its key."""
    if change.after is None:
        return None if now is None else RowChange(ChangeKind.DELETE, change.before, None)
    if now is None:
        return RowChange(ChangeKind.INSERT, None, change.after)
    return RowChange(ChangeKind.UPDATE, change.before or change.after, change.after)
