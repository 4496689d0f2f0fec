"""What there is to undo, newest first: row changes out of archives, or the stored text where there is no archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from backups.archive import Archive, ArchivedChange
from backups.binlog.flavor import Flavor
from backups.binlog.rows import ChangeKind, Image, RowChange, Value
from backups.errors import RestoreError
from backups.evidence import Evidence
from backups.rollback.inverse import invert
from backups.rollback.literals import display, quote_identifier
from backups.rollback.plan import TablePlan
from backups.schema import ARCHIVE_TABLE
from backups.verification import check_archive, check_records, check_texts, read_keys

RECORDS_A_PAGE = 500
LONGEST_SHOWN = 300

Shown = dict[str, str | None]
"""A row for people: column name to text, None for NULL."""

RowKey = tuple[str, str, tuple[Value, ...]]
"""(schema name, table name, values of the key)"""


@dataclass(frozen=True, slots=True)
class UndoItem:
    """One captured statement to undo. kind: as filed in the information table.

    evidence: what its backup was when it was kept, with the signature of that; None when nothing is known of it.
    time_zone: of the session in which a schema change was made, and its definitions were read; "" for the server's.
    """

    opid_time: str
    backup_schema: str
    backup_table: str
    kind: str
    rows_captured: int
    evidence: Evidence | None = None
    signature: str = ""
    time_zone: str = ""


@dataclass(frozen=True, slots=True)
class UndoChange:
    """A change that undoes one of ours: from `change.before`, as we left the row, to `change.after`, as it was."""

    plan: TablePlan
    change: RowChange

    @property
    def table_name(self) -> tuple[str, str]:
        return self.plan.table.schema_name, self.plan.table.name

    @property
    def image(self) -> Image:
        """The row as we left it; as it was where we deleted it."""
        image = self.change.before if self.change.before is not None else self.change.after
        assert image is not None
        return image

    def touched_keys(self) -> set[RowKey]:
        """Return the keys this change reads and writes; of a table without a key, whole rows."""
        return {self.key_of(image) for image in (self.change.before, self.change.after) if image is not None}

    def key_of(self, image: Image) -> RowKey:
        table = self.plan.table
        # Generated columns are not in every image.
        places = table.primary_key or [index for index, column in enumerate(table.columns) if not column.generated]
        return (*self.table_name, tuple(image[index] for index in places))

    def show(self, image: Image | None) -> Shown | None:
        return show_image(self.plan, image)


def show_image(plan: TablePlan, image: Image | None) -> Shown | None:
    """Return `image` for people, long values cut."""
    if image is None:
        return None
    return {column.name: _show_value(value, column) for column, value in zip(plan.table.columns, image, strict=True)}


def _show_value(value: Value, column: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return "(not logged)"
    text = display(value, column)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}… ({len(text)} characters)"


def fold(changes: Iterable[ArchivedChange]) -> Iterator[UndoChange]:
    """Yield what undoes `changes`, which come last first.

    A row that REPLACE deleted and inserted again under its key is undone by one UPDATE: DELETE and INSERT would take
    with them, or stumble over, child rows that never noticed.
    """
    held: UndoChange | None = None
    for item in changes:
        undo = UndoChange(item.plan, invert(item.change))
        if held is not None and _is_same_row(held, undo):
            held = UndoChange(held.plan, RowChange(ChangeKind.UPDATE, held.change.before, undo.change.after))
            if held.change.before != held.change.after:
                yield held
            held = None
            continue
        if held is not None:
            yield held
        held = undo
    if held is not None:
        yield held


def _is_same_row(newer: UndoChange, older: UndoChange) -> bool:
    return (
        (newer.change.kind, older.change.kind) == (ChangeKind.DELETE, ChangeKind.INSERT)
        and newer.plan is older.plan
        and bool(newer.plan.table.primary_key)
        and newer.touched_keys() == older.touched_keys()
    )


def load_archive(cursor: Any, item: UndoItem, flavor: Flavor) -> Archive | None:
    """Return the archive of `item`, None when it has none: goInception wrote its records.

    Raises EvidenceError when it is known to have had one and that is not what is there.
    """
    cursor.execute(
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
        (item.backup_schema, ARCHIVE_TABLE),
    )
    has_table = cursor.fetchone() is not None
    archive = Archive.load(cursor, item.backup_schema, item.opid_time, flavor=flavor) if has_table else None
    if item.evidence is not None:
        check_archive(archive, item.evidence.archive_sha256, f"{item.backup_schema}, opid_time {item.opid_time}")
    return archive


def check_item(cursor: Any, item: UndoItem) -> None:
    """Raise EvidenceError unless the records of `item` are those that were stored, as far as anything is known."""
    if item.evidence is not None:
        item.evidence.check(item.signature, read_keys())
        check_records(cursor, item.evidence)


def load_schema_records(cursor: Any, item: UndoItem) -> list[tuple[int, str]]:
    """Return (id, text) of what undoes a schema change, by descending id; what is returned is what was checked."""
    records = list(load_records_reversed(cursor, item))
    if item.evidence is not None:
        check_texts([text for _, text in reversed(records)], item.evidence)
    return records


def is_schema_change(item: UndoItem) -> bool:
    return item.kind.replace(" ", "") not in {"INSERT", "REPLACE", "UPDATE", "DELETE"}


def load_records_reversed(cursor: Any, item: UndoItem) -> Iterator[tuple[int, str]]:
    """Yield (id, text) of the stored rollback statements by descending id."""
    table = f"{quote_identifier(item.backup_schema)}.{quote_identifier(item.backup_table)}".replace("%", "%%")
    below = (1 << 63) - 1
    while True:
        cursor.execute(
            f"SELECT id, rollback_statement FROM {table} WHERE opid_time = %s AND id < %s"
            f" ORDER BY id DESC LIMIT {RECORDS_A_PAGE}",
            (item.opid_time, below),
        )
        rows = cursor.fetchall()
        yield from rows
        if len(rows) < RECORDS_A_PAGE:
            return
        below = rows[-1][0]


def require_readable(item: UndoItem, archive: Archive) -> None:
    """Raise RestoreError when the archive holds events that could not be read when they were captured."""
    if archive.header.event_count and not archive.header.row_count:
        raise RestoreError(
            f"{item.opid_time}: found {archive.header.event_count} row events that could not be read:"
            f" {archive.header.reason} Needed: a complete backup. Roll back the other statements of the ticket."
        )
