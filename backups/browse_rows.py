"""The rows of an executed statement as they were and as it left them, out of the archive, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db import connections

from backups.archive import Archive, ArchivedChange, Block
from backups.binlog.rows import ABSENT, Column, Image, Value
from backups.errors import BackupError
from backups.reading import reading
from backups.rollback.literals import display
from backups.rollback.statements import build_key_text
from backups.routers import BACKUP_ALIAS

ROWS_PER_PAGE = 25
CUT_CHARACTERS = 160
WHOLE_CHARACTERS = 20_000
"""Of a long value, folded away below its beginning; what is longer still is in the rollback SQL."""


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A value for a page.

    kind: "text", "null", "empty" or "absent" (not logged, or there was no row).
    whole: a long value, of which text is the beginning; "" when text is all. size: characters of the value.
    """

    text: str
    kind: str = "text"
    whole: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of a changed row."""

    column: str
    before: ShownValue
    after: ShownValue


@dataclass(frozen=True, slots=True)
class RowView:
    """One changed row. number: from 1, in the order of the changes.

    cells: the changed columns, or every column of a row that came or went. unchanged: the other columns.
    """

    number: int
    table: str
    kind: str
    key: str
    cells: list[Cell]
    unchanged: list[Cell]

    @property
    def height(self) -> int:
        """Lines of the page's table that the row takes: one for all unchanged columns together."""
        return len(self.cells) + bool(self.unchanged)


@dataclass(frozen=True, slots=True)
class RowsPage:
    """Some rows of an archive in the order of the changes.

    total: rows that the archive's header counts. page: from 1. problem: why there are no rows here, "" when there are.
    state, reason, explanation: as judged when the statement was captured.
    """

    rows: list[RowView]
    total: int
    page: int
    problem: str = ""
    state: str = ""
    reason: str = ""
    explanation: str = ""

    @property
    def has_updates(self) -> bool:
        return any(row.kind == "UPDATE" for row in self.rows)

    @property
    def page_count(self) -> int:
        return max(1, -(-self.total // ROWS_PER_PAGE))


def read_rows(backup_schema: str, opid_time: str, page: int) -> RowsPage:
    """Return a page of the rows of a statement that has an archive.

    A damaged archive, or a column that was not understood, is a page without rows that says so: the records beside
    it may be whole, and are shown all the same.
    """
    with reading(), connections[BACKUP_ALIAS].cursor() as cursor:
        try:
            archive = Archive.load(cursor, backup_schema, opid_time)
            if archive is None:
                return RowsPage([], 0, 1, "This statement has no archive.")
            return _read_page(archive, page)
        except BackupError as error:
            return RowsPage([], 0, 1, str(error))


def _read_page(archive: Archive, page: int) -> RowsPage:
    header = archive.header
    last_page = max(1, -(-header.row_count // ROWS_PER_PAGE))
    page = min(max(page, 1), last_page)
    start = (page - 1) * ROWS_PER_PAGE
    changes = islice(_iterate_from(archive, archive.load_blocks(), start), ROWS_PER_PAGE)
    rows = [build_row_view(number, change) for number, change in enumerate(changes, start + 1)]
    return RowsPage(rows, header.row_count, page, "", header.state, header.reason, header.explanation)


def _iterate_from(archive: Archive, blocks: Sequence[Block], start: int) -> Iterator[ArchivedChange]:
    """Yield changes from number `start` (from 0) on; blocks before it are not even fetched."""
    for block in blocks:
        if start >= block.row_count:
            start -= block.row_count
            continue
        yield from islice(archive.iterate(block), start, None)
        start = 0


def build_row_view(number: int, archived: ArchivedChange) -> RowView:
    """Return one change as a page shows it."""
    change, table = archived.change, archived.plan.table
    key_image = change.after if change.after is not None else change.before
    assert key_image is not None
    cells: list[Cell] = []
    unchanged: list[Cell] = []
    for index, column in enumerate(table.columns):
        cell = Cell(column.name, _show(change.before, index, column), _show(change.after, index, column))
        is_same = change.before is not None and change.after is not None and change.before[index] == change.after[index]
        (unchanged if is_same else cells).append(cell)
    return RowView(
        number,
        f"{table.schema_name}.{table.name}",
        change.kind.value,
        build_key_text(key_image, table),
        cells,
        unchanged,
    )


def _show(image: Image | None, index: int, column: Column) -> ShownValue:
    return ShownValue("", "absent") if image is None else show_value(image[index], column)


def show_value(value: Value, column: Column) -> ShownValue:
    """Return one value as a page shows it: NULL, the empty text and a column that was not logged are told apart."""
    if value is None:
        return ShownValue("NULL", "null")
    if value is ABSENT:
        return ShownValue("not logged", "absent")
    text = display(value, column)
    if not text:
        return ShownValue("empty text", "empty")
    if len(text) <= CUT_CHARACTERS:
        return ShownValue(text, size=len(text))
    return ShownValue(text[:CUT_CHARACTERS], "text", text[:WHOLE_CHARACTERS], len(text))
