"""What a rollback would do, a page at a time: each row as it was, as we left it, and as it is now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import MySQLdb

from backups.binlog.flavor import Flavor
from backups.binlog.rows import Image
from backups.errors import RestoreError
from backups.rollback.statements import build_key_text
from backups.store import open_backup_cursor
from backups.undoing import (
    Shown,
    UndoChange,
    UndoItem,
    fold,
    is_schema_change,
    load_archive,
    load_records_reversed,
    require_readable,
)


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One step of a rollback.

    key: for people. kind: what the rollback does, INSERT, UPDATE or DELETE; SCHEMA for a schema change, TEXT for a
        stored record without an archive, whose rows cannot be shown.
    before: as the row was before our change. after: as we left it. now: as it is on the target.
    bucket: "unchanged" since our change, "changed", "missing", or "restored": it is already as it was.
    statement: what would run.
    """

    schema: str
    table: str
    key: str
    kind: str
    before: Shown | None
    after: Shown | None
    now: Shown | None
    bucket: str
    statement: str


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """rows: newest change first. counts: rows of this page by bucket. next_after: where the next page begins, or ""."""

    rows: tuple[PreviewRow, ...]
    counts: dict[str, int]
    next_after: str


def preview(connection: Any, items: Sequence[UndoItem], *, flavor: Flavor, after: str = "", limit: int) -> PreviewPage:
    """Return one page of what undoing `items`, newest statement first, would do. Changes nothing.

    connection: MySQLdb, on the target. after: `next_after` of the page before; limit: rows of a page.
    Raises RestoreError when `after` is not one of ours or the target cannot be read.
    """
    first = _parse_after(after)
    rows: list[PreviewRow] = []
    next_after = ""
    with open_backup_cursor() as backup:
        cursor = connection.cursor()
        for index in range(first.item, len(items)):
            start = first if index == first.item else _Mark(index)
            for mark, step in _iterate_steps(backup, items[index], flavor, start):
                if len(rows) == limit:
                    next_after = str(mark)
                    break
                rows.append(step if isinstance(step, PreviewRow) else _look_at(cursor, step))
            if next_after:
                break
    buckets = ("unchanged", "changed", "missing", "restored")
    return PreviewPage(tuple(rows), {name: sum(row.bucket == name for row in rows) for name in buckets}, next_after)


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a page begins. block: 0 for an item's last. number: steps of the block that were shown."""

    item: int
    block: int = 0
    number: int = 0

    def __str__(self) -> str:
        return f"{self.item}:{self.block}:{self.number}"


def _parse_after(after: str) -> _Mark:
    parts = (after or "0:0:0").split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise RestoreError(f"found the page mark {after!r}. Needed: one that a page gave. Begin at the first page.")
    return _Mark(*(int(part) for part in parts))


def _iterate_steps(
    backup: Any, item: UndoItem, flavor: Flavor, start: _Mark
) -> Iterator[tuple[_Mark, UndoChange | PreviewRow]]:
    """Yield the steps of `item` from `start` on, each behind its mark, newest first."""
    archive = None if is_schema_change(item) else load_archive(backup, item, flavor)
    if archive is None:
        kind = "SCHEMA" if is_schema_change(item) else "TEXT"
        for number, (_, text) in enumerate(load_records_reversed(backup, item)):
            if number >= start.number:
                row = PreviewRow(item.backup_schema, item.backup_table, "", kind, None, None, None, "unchanged", text)
                yield _Mark(start.item, 0, number), row
        return
    require_readable(item, archive)
    for block in reversed(archive.load_blocks()):
        if start.block and block.number > start.block:
            continue
        shown = start.number if block.number == start.block else 0
        for number, undo in enumerate(fold(archive.iterate_reversed(block))):
            if number >= shown:
                yield _Mark(start.item, block.number, number), undo


def _look_at(cursor: Any, undo: UndoChange) -> PreviewRow:
    try:
        cursor.execute(undo.plan.build_now(undo.image).encode())
        row = cursor.fetchone()
    except MySQLdb.Error as error:
        raise RestoreError(
            f"{'.'.join(undo.table_name)}: the target answered {error.args}. Needed: to read the row as it is now."
        ) from error
    now = None if row is None else undo.plan.parse_now(row)
    table = undo.plan.table
    return PreviewRow(
        table.schema_name,
        table.name,
        key=build_key_text(undo.image, table),
        kind=undo.change.kind.value,
        before=undo.show(undo.change.after),
        after=undo.show(undo.change.before),
        now=undo.show(now),
        bucket=judge(undo, now),
        statement=undo.plan.build_guarded(undo.change),
    )


def judge(undo: UndoChange, now: Image | None) -> str:
    """Return the bucket of a row that is `now`."""
    if _is_same(undo, now, undo.change.before):
        return "unchanged"
    if _is_same(undo, now, undo.change.after):
        return "restored"
    return "missing" if now is None else "changed"


def _is_same(undo: UndoChange, now: Image | None, image: Image | None) -> bool:
    """Compare, generated columns aside: they follow from the others."""
    if now is None or image is None:
        return now is image
    columns = undo.plan.table.columns
    return all(column.generated or one == other for column, one, other in zip(columns, now, image, strict=True))
