"""Reading backup schemas and executed statements, a page at a time: for people, never for restoring.

Pages go by key and know no total: the tables grow without end and COUNT(*) of InnoDB walks them. Schemas that
goInception made are read by the same queries. Names reach SQL through the models of `backups.models` or as parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.db.models.functions import Left, Length

from backups.models import BackupSchema, InformationFields, information_of
from backups.pages import Cursors, Page, read_page
from backups.reading import BrowseError, reading
from backups.rollback.literals import quote_identifier
from backups.routers import BACKUP_ALIAS
from backups.schema import ARCHIVE_TABLE, INFORMATION_TABLE

PAGE_SIZE = 50
SHOWN_CHARACTERS = 2000
"""Of a long text in a list; the whole is on its own page."""
SUGGESTED_TABLES = 200


@dataclass(frozen=True, slots=True)
class SchemaEntry:
    """A backup schema in the list. registered: None when another client made it. last: its newest statement."""

    name: str
    registered: BackupSchema | None
    exists: bool
    last: InformationFields | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show of a backup schema. since, until: aware. opid_times: only these, when given."""

    since: datetime | None = None
    until: datetime | None = None
    table: str = ""
    kind: str = ""
    opid_times: Sequence[str] | None = None


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
        return read_page(cut, "opid_time", cursors, PAGE_SIZE)


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


def executed_at(statement: InformationFields) -> datetime | None:
    """Return when a statement ran: its `time`, or the seconds of its opid_time where that is empty."""
    if statement.time:
        return statement.time
    seconds = statement.opid_time.partition("_")[0]
    return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdigit() and len(seconds) <= 10 else None
