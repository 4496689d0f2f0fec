"""Reading what is stored on the backup server, a page at a time: for people, never for restoring.

Pages go by key and know no total: the tables grow without end and COUNT(*) of InnoDB walks them. Schemas that
goInception made are read by the same queries. Names reach SQL through the models of `backups.models` or as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.db import Error, connections
from django.db.models import Model, QuerySet
from django.db.models.functions import Left, Length

from backups.errors import BackupError
from backups.models import BackupSchema, InformationFields, information_of, records_of
from backups.rollback.literals import quote_identifier
from backups.routers import BACKUP_ALIAS
from backups.schema import ARCHIVE_TABLE, INFORMATION_TABLE

PAGE_SIZE = 50
RECORDS_PER_PAGE = 25
SHOWN_CHARACTERS = 2000
"""Of a long text in a list; the whole is on its own page."""
SUGGESTED_TABLES = 200
DOWNLOAD_BATCH_ROWS = 1000
DOWNLOAD_BATCH_CHARACTERS = 2_000_000

_NO_SUCH_TABLE = {1146, 1049}
_NOT_A_RECORDS_TABLE = 1054
_DENIED = {1044, 1045, 1142, 1143, 1227, 1698}

Item = TypeVar("Item")
Row = TypeVar("Row", bound=Model)


class BrowseError(BackupError):
    """Something stored cannot be shown. status: of the page that says so."""

    def __init__(self, found: str, needed: str, how: str, *, status: int = 503) -> None:
        super().__init__(f"{found} {needed} {how}")
        self.found, self.needed, self.how, self.status = found, needed, how, status


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items in the order of the list. forward, back: the key to go on from; None at that end of the list."""

    items: list[Item]
    forward: str | None = None
    back: str | None = None


@dataclass(frozen=True, slots=True)
class SchemaEntry:
    """A backup schema in the list. registered: None when another client made it. last: its newest statement."""

    name: str
    registered: BackupSchema | None
    exists: bool
    last: InformationFields | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A rollback record. text: cut after SHOWN_CHARACTERS when is_cut; size: characters of the whole."""

    id: int
    text: str
    size: int

    @property
    def is_cut(self) -> bool:
        return self.size > len(self.text)


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show of a backup schema. since, until: aware. opid_times: only these, when given."""

    since: datetime | None = None
    until: datetime | None = None
    table: str = ""
    kind: str = ""
    opid_times: Sequence[str] | None = None


@dataclass(slots=True)
class Cursors:
    """Where a page begins: after `forward` or before `back`, as keys of the list; neither is the first page."""

    forward: str = ""
    back: str = ""
    convert: Callable[[str], Any] = field(default=str)


@contextmanager
def reading() -> Iterator[None]:
    """Turn what the backup server answers inside the block into words. Raises BrowseError."""
    connection = connections[BACKUP_ALIAS]
    server = f"{connection.settings_dict['HOST']}:{connection.settings_dict['PORT']}"
    try:
        # Once more around Django's own: it closes the cursor of a failed query outside of it, so that a server that
        # goes away in the middle of a page is an error of the driver.
        with connection.wrap_database_errors:
            yield
    except Error as error:
        raise _explain(error, server) from error


def _explain(error: Exception, server: str) -> BrowseError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    said = " ".join(str(part) for part in error.args)
    if number in _NO_SUCH_TABLE or number == _NOT_A_RECORDS_TABLE:
        return BrowseError(
            "The backup server has no such backup.",
            "Needed: a schema and tables in the backup format.",
            f"It may have been dropped there, or the address is mistyped. The server said: {said}",
            status=404,
        )
    if number in _DENIED:
        return BrowseError(
            f"The backup server {server} refuses the account of Inception.",
            "Needed: an account that may read the backup schemas.",
            f"Check backup_user and backup_password in [inc] of config.toml. The server said: {said}",
        )
    return BrowseError(
        f"The backup server {server} does not answer.",
        "Needed: a connection to it; the backups are kept there and nowhere else.",
        f"Look whether it runs, then reload. Its address is in [inc] of config.toml. The answer was: {said}",
    )


def read_schema_names() -> set[str]:
    """Return the names of all schemas on the backup server that have an information table."""
    with reading(), connections[BACKUP_ALIAS].cursor() as cursor:
        cursor.execute("SELECT TABLE_SCHEMA FROM information_schema.TABLES WHERE TABLE_NAME = %s", [INFORMATION_TABLE])
        return {name for (name,) in cursor.fetchall()}


def read_schemas(*, search: str = "", after: str = "") -> Page[SchemaEntry]:
    """Return the backup schemas by name: ours and those that another client made on the same server."""
    existing = read_schema_names()
    registered = {schema.name: schema for schema in BackupSchema.objects.all()}
    names = [name for name in sorted(existing | set(registered)) if search.lower() in name.lower() and name > after]
    shown = names[:PAGE_SIZE]
    entries = [
        SchemaEntry(name, registered.get(name), name in existing, read_newest(name) if name in existing else None)
        for name in shown
    ]
    return Page(entries, forward=shown[-1] if len(names) > PAGE_SIZE else None)


def read_newest(backup_schema: str) -> InformationFields | None:
    with reading():
        statements = information_of(backup_schema)._default_manager.defer("sql_statement")
        return statements.order_by("-opid_time").first()


def read_statements(backup_schema: str, filters: Filters, cursors: Cursors) -> Page[Any]:
    """Return executed statements, newest first. Each has `shown` and `size` in place of its whole text."""
    statements = _filter(information_of(backup_schema)._default_manager.all(), filters)
    cut = statements.defer("sql_statement").annotate(
        shown=Left("sql_statement", SHOWN_CHARACTERS), size=Length("sql_statement")
    )
    with reading():
        return _read_page(cut, "opid_time", cursors, PAGE_SIZE)


def _filter(statements: QuerySet[InformationFields], filters: Filters) -> QuerySet[InformationFields]:
    # opid_time begins with the Unix seconds, so a time is a range of the primary key; `time` itself has no index.
    if filters.since:
        statements = statements.filter(opid_time__gte=str(int(filters.since.timestamp())))
    if filters.until:
        statements = statements.filter(opid_time__lt=str(int(filters.until.timestamp()) + 1))
    if filters.table:
        statements = statements.filter(tablename=filters.table)
    if filters.kind:
        statements = statements.filter(type=filters.kind)
    if filters.opid_times is not None:
        statements = statements.filter(opid_time__in=filters.opid_times)
    return statements


def _read_page(rows: QuerySet[Row], key: str, cursors: Cursors, size: int) -> Page[Row]:
    """Return one page of `rows` by descending `key`."""
    if cursors.back:
        found = list(rows.filter(**{f"{key}__gt": cursors.convert(cursors.back)}).order_by(key)[: size + 1])
        more, items = len(found) > size, found[:size][::-1]
        return Page(items, _key(items[-1:], key), _key(items[:1], key) if more else None)
    if cursors.forward:
        rows = rows.filter(**{f"{key}__lt": cursors.convert(cursors.forward)})
    found = list(rows.order_by(f"-{key}")[: size + 1])
    items = found[:size]
    return Page(
        items,
        _key(items[-1:], key) if len(found) > size else None,
        _key(items[:1], key) if cursors.forward else None,
    )


def _key(items: Sequence[Model], key: str) -> str | None:
    return str(getattr(items[0], key)) if items else None


def read_statement(backup_schema: str, opid_time: str) -> InformationFields:
    """Return one executed statement, its text whole. Raises BrowseError when it is not there."""
    with reading():
        statement = information_of(backup_schema)._default_manager.filter(opid_time=opid_time).first()
    if statement is None:
        raise BrowseError(
            f"{backup_schema} has no statement {opid_time}.",
            "Needed: an opid_time of its information table.",
            "Look for it in the list of executed statements.",
            status=404,
        )
    return statement


def read_tables(backup_schema: str, *, limit: int = SUGGESTED_TABLES) -> list[str]:
    """Return names of tables that have rollback records, for the filter to suggest."""
    with reading(), connections[BACKUP_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME NOT IN (%s, %s)"
            " ORDER BY TABLE_NAME LIMIT %s",
            [backup_schema, INFORMATION_TABLE, ARCHIVE_TABLE, limit],
        )
        return [name for (name,) in cursor.fetchall()]


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


def read_row_counts(backup_schema: str, opid_times: Sequence[str]) -> dict[str, int]:
    """Return the archived rows of those statements that have an archive; empty where another client wrote."""
    if not opid_times:
        return {}
    table = f"{quote_identifier(backup_schema)}.{quote_identifier(ARCHIVE_TABLE)}".replace("%", "%%")
    marks = ", ".join(["%s"] * len(opid_times))
    with reading(), connections[BACKUP_ALIAS].cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
            [backup_schema, ARCHIVE_TABLE],
        )
        if cursor.fetchone() == (0,):
            return {}
        cursor.execute(
            f"SELECT opid_time, SUM(IF(block = 0, 0, row_count)) FROM {table} WHERE opid_time IN ({marks})"
            " GROUP BY opid_time",
            list(opid_times),
        )
        return {opid_time: int(row_count) for opid_time, row_count in cursor.fetchall()}


def read_records(backup_schema: str, table_name: str, opid_time: str, cursors: Cursors) -> Page[Record]:
    """Return rollback records in the order in which they are replayed: the last change first."""
    records = records_of(backup_schema, table_name)._default_manager.filter(opid_time=opid_time)
    cut = records.defer("rollback_statement").annotate(
        shown=Left("rollback_statement", SHOWN_CHARACTERS), size=Length("rollback_statement")
    )
    with reading():
        page: Page[Any] = _read_page(cut, "id", cursors, RECORDS_PER_PAGE)
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


def executed_at(statement: InformationFields) -> datetime | None:
    """Return when a statement ran: its `time`, or the seconds of its opid_time where that is empty."""
    if statement.time:
        return statement.time
    seconds = statement.opid_time.partition("_")[0]
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdigit() and len(seconds) <= 10 else None
