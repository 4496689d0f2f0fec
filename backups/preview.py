"""What a rollback would do, a page at a time: each row as it was, as we left it, and as it is now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import MySQLdb

from backups.binlog.flavor import Flavor
from backups.binlog.rows import Image
from backups.cursors import open_backup_cursor
from backups.errors import RestoreError
from backups.rollback.statements import build_key_text
from backups.undoing import (
    RowKey,
    Shown,
    UndoChange,
    UndoItem,
    fold,
    is_schema_change,
    load_archive,
    load_records_reversed,
    require_readable,
)

MOST_NEWER_STEPS = 100_000
"""How far a page looks back for newer changes of its rows; beyond, a row may show as changed that only we changed."""


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One step of a rollback.

    key: for people. kind: what the rollback does, INSERT, UPDATE or DELETE; SCHEMA for a schema change, TEXT for a
        stored record without an archive, whose rows cannot be shown.
    before: as the row was before our change. after: as we left it. now: as it is on the target.
    bucket: "unchanged" since our change, "changed", "missing", or "restored": it is already as it was.
    statement: what would run.
    changed_again: a newer change of the same rollback touches this row and is undone first; `bucket` tells what the
        row will be then, while `now` is what it is.
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
    changed_again: bool = False


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
    with open_backup_cursor() as backup:
        steps, next_after = _read_page(backup, items, flavor, first, limit)
        newer = _read_newer(backup, items, flavor, first, steps)
    cursor = connection.cursor()
    rows = []
    for step in steps:
        rows.append(step if isinstance(step, PreviewRow) else _look_at(cursor, step, newer))
        newer.add(step)
    buckets = ("unchanged", "changed", "missing", "restored")
    return PreviewPage(tuple(rows), {name: sum(row.bucket == name for row in rows) for name in buckets}, next_after)


def _read_page(
    backup: Any, items: Sequence[UndoItem], flavor: Flavor, first: _Mark, limit: int
) -> tuple[list[UndoChange | PreviewRow], str]:
    """Return the steps of one page, and where the next one begins."""
    steps: list[UndoChange | PreviewRow] = []
    for mark, step in _iterate_all(backup, items, flavor, first):
        if len(steps) == limit:
            return steps, str(mark)
        steps.append(step)
    return steps, ""


def _read_newer(
    backup: Any, items: Sequence[UndoItem], flavor: Flavor, first: _Mark, page: Sequence[UndoChange | PreviewRow]
) -> _Newer:
    """Go through the pages before this one for changes of the rows on it."""
    newer = _Newer(frozenset(key for step in page if isinstance(step, UndoChange) for key in step.touched_keys()))
    if first != _Mark(0):
        for count, (mark, step) in enumerate(_iterate_all(backup, items, flavor, _Mark(0))):
            if mark == first or count == MOST_NEWER_STEPS:
                break
            newer.add(step)
    return newer


class _Newer:
    """What the rows of a page will be when the newer changes of the same rollback are undone, which comes first.

    A row that a ticket changed twice is not as the first change left it, and yet nobody else touched it.
    """

    def __init__(self, keys: frozenset[RowKey]) -> None:
        self._keys = keys
        self._images: dict[RowKey, Image | None] = {}

    def add(self, step: UndoChange | PreviewRow) -> None:
        if not isinstance(step, UndoChange):
            return
        # Without a key, a row that goes may leave a twin behind: only what comes is known then.
        if step.change.before is not None and step.plan.table.primary_key:
            self._put(step.key_of(step.change.before), None)
        if step.change.after is not None:
            self._put(step.key_of(step.change.after), step.change.after)

    def _put(self, key: RowKey, image: Image | None) -> None:
        if key in self._keys:
            self._images[key] = image

    def has(self, undo: UndoChange) -> bool:
        return undo.key_of(undo.image) in self._images

    def image_of(self, undo: UndoChange) -> Image | None:
        return self._images[undo.key_of(undo.image)]


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


def _iterate_all(
    backup: Any, items: Sequence[UndoItem], flavor: Flavor, first: _Mark
) -> Iterator[tuple[_Mark, UndoChange | PreviewRow]]:
    for index in range(first.item, len(items)):
        start = first if index == first.item else _Mark(index)
        yield from _iterate_steps(backup, items[index], flavor, start)


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


def _look_at(cursor: Any, undo: UndoChange, newer: _Newer) -> PreviewRow:
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
        bucket=judge(undo, newer.image_of(undo) if newer.has(undo) else now),
        changed_again=newer.has(undo),
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
