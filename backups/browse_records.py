"""Reading the rollback records of one executed statement, in the order in which they are replayed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models.functions import Left, Length

from backups.browse import SHOWN_CHARACTERS
from backups.models import records_of
from backups.pages import Cursors, Page, read_page
from backups.reading import BrowseError, reading
from backups.routers import BACKUP_ALIAS

RECORDS_PER_PAGE = 25
DOWNLOAD_BATCH_ROWS = 1000
DOWNLOAD_BATCH_CHARACTERS = 2_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """A rollback record. text: cut after SHOWN_CHARACTERS when is_cut; size: characters of the whole."""

    id: int
    text: str
    size: int

    @property
    def is_cut(self) -> bool:
        return self.size > len(self.text)


def find_records_table(backup_schema: str, table_name: str) -> str | None:
    """Return the server's spelling of a backup table, None when there is none.

    goInception writes the name down as the ticket spelled it, which on a server with lower_case_table_names is
    not always the table's.
    """
    with reading(), connections[BACKUP_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT TABLE_NAME FROM information_schema.TABLES"
            " WHERE TABLE_SCHEMA = %s AND LOWER(TABLE_NAME) = LOWER(%s)",
            [backup_schema, table_name],
        )
        found = [name for (name,) in cursor.fetchall()]
    if table_name in found:
        return table_name
    return found[0] if found else None


def read_records(backup_schema: str, table_name: str, opid_time: str, cursors: Cursors) -> Page[Record]:
    """Return rollback records in the order in which they are replayed: the last change first."""
    records = records_of(backup_schema, table_name)._default_manager.filter(opid_time=opid_time)
    cut = records.defer("rollback_statement").annotate(
        shown=Left("rollback_statement", SHOWN_CHARACTERS), size=Length("rollback_statement")
    )
    with reading():
        page: Page[Any] = read_page(cut, "id", cursors, RECORDS_PER_PAGE)
    items = [Record(record.id, record.shown or "", record.size or 0) for record in page.items]
    return Page(items, page.forward, page.back)


def read_record(backup_schema: str, table_name: str, opid_time: str, record_id: int) -> Record:
    """Return one record, its text whole. Raises BrowseError when the statement has no such record."""
    with reading():
        records = records_of(backup_schema, table_name)._default_manager.filter(opid_time=opid_time, id=record_id)
        found = records.first()
    if found is None:
        raise BrowseError(
            f"{backup_schema} has no record {record_id} of statement {opid_time}.",
            "Needed: the id of one of its rollback records.",
            "Go back to the statement.",
            status=404,
        )
    text = found.rollback_statement or ""
    return Record(found.id, text, len(text))


def iterate_rollback_texts(backup_schema: str, table_name: str, opid_time: str) -> Iterator[str]:
    """Yield all rollback statements of a statement by descending id. Holds some megabytes at most, or one statement."""
    records = records_of(backup_schema, table_name)._default_manager.filter(opid_time=opid_time)
    sizes = records.annotate(size=Length("rollback_statement")).order_by("-id").values_list("id", "size")
    last: int | None = None
    while True:
        with reading():
            batch = list((sizes if last is None else sizes.filter(id__lt=last))[:DOWNLOAD_BATCH_ROWS])
        if not batch:
            return
        last = batch[-1][0]
        for ids in _group_by_size(batch):
            with reading():
                texts = list(records.filter(id__in=ids).order_by("-id").values_list("rollback_statement", flat=True))
            yield from (text for text in texts if text)


def _group_by_size(batch: Sequence[tuple[int, int | None]]) -> Iterator[list[int]]:
    ids: list[int] = []
    characters = 0
    for record_id, size in batch:
        if ids and characters + (size or 0) > DOWNLOAD_BATCH_CHARACTERS:
            yield ids
            ids, characters = [], 0
        ids.append(record_id)
        characters += size or 0
    yield ids
