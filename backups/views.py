"""Pages that show what is stored: backup schemas, executed statements, rollback records, rows before and after."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import chain
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from backups import browse, browse_records, ticket_lookup
from backups.browse_rows import read_rows
from backups.filters import StatementFilterForm
from backups.models import BackupSchema, InformationFields
from backups.pages import Cursors, Page
from backups.reading import BrowseError

logger = logging.getLogger(__name__)

MAY_BROWSE = "backups.view_backupschema"
MAY_SEE_ROWS = "changes.view_rows"
NO_ROWS_WORDS = (
    "You may not see row values; ask an administrator for the permission “Can see the row values in backups”."
)


def _backups_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Ask for the permission to browse, and say in words what the backup server refused."""

    @require_GET
    @wraps(view)
    def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(MAY_BROWSE):
            raise PermissionDenied("You may not browse backups; ask an administrator for a group.")
        try:
            return view(request, *args, **kwargs)
        except BrowseError as error:
            if error.status >= 500:
                logger.warning("backups cannot be browsed: %s", error)
            return _render(request, "problem", {"title": "Backups", "problem": error}, status=error.status)

    return page


def _render(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    everywhere = admin.site.each_context(request)
    return render(request, f"backups/{template}.html", {**everywhere, **context}, status=status)


@_backups_page
def schemas(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()
    page = browse.read_schemas(search=search, after=request.GET.get("after", ""))
    names = ticket_lookup.current().target_names(
        {entry.registered.target_id for entry in page.items if entry.registered is not None}
    )
    rows = [
        {
            "entry": entry,
            "target": names.get(entry.registered.target_id, "") if entry.registered else "",
            "at": browse.executed_at(entry.last) if entry.last else None,
        }
        for entry in page.items
    ]
    context = {"title": "Backups", "rows": rows, "search": search, "next": _link(request, after=page.forward)}
    return _render(request, "schemas", context)


@_backups_page
def schema(request: HttpRequest, name: str) -> HttpResponse:
    form = StatementFilterForm(request.GET)
    cursors = Cursors(request.GET.get("older", ""), request.GET.get("newer", ""))
    page: Page[Any] = Page([])
    if form.is_valid():
        page = browse.read_statements(name, form.build_filters(name), cursors)
    opid_times = [statement.opid_time for statement in page.items]
    row_counts = browse.read_row_counts(name, opid_times)
    tickets = ticket_lookup.current().ticket_ids(name, opid_times)
    rows = [
        {
            "statement": statement,
            "at": browse.executed_at(statement),
            "row_count": row_counts.get(statement.opid_time),
            "ticket": tickets.get(statement.opid_time),
        }
        for statement in page.items
    ]
    context = {
        "title": name,
        "name": name,
        "rows": rows,
        "form": form,
        "is_filtered": any(request.GET.get(field) for field in form.fields),
        "tables": browse.read_tables(name),
        "older": _link(request, older=page.forward),
        "newer": _link(request, newer=page.back),
        **_origin(name),
    }
    return _render(request, "schema", context)


@_backups_page
def statement(request: HttpRequest, name: str, opid_time: str) -> HttpResponse:
    found = browse.read_statement(name, opid_time)
    archived = browse.read_row_counts(name, [opid_time])
    wanted = request.GET.get("show", "")
    context = {
        **_statement_context(name, found),
        "title": f"{found.type} {found.tablename}",
        "own_table": f"{found.dbname}.{found.tablename}",
        "has_archive": bool(archived),
        "row_count": archived.get(opid_time),
        "may_see_rows": request.user.has_perm(MAY_SEE_ROWS),
        "no_rows_words": NO_ROWS_WORDS,
        "show": wanted if wanted in ("rows", "sql") else ("rows" if archived.get(opid_time) else "sql"),
        **_origin(name),
    }
    if context["may_see_rows"]:
        _log_rows(request, name, opid_time, f"{context['show']} {request.GET.urlencode()}".strip())
        if context["show"] == "sql":
            context |= _records_context(request, name, found)
        elif archived:
            context |= _rows_context(request, name, opid_time)
    return _render(request, "statement", context)


def _rows_context(request: HttpRequest, name: str, opid_time: str) -> dict[str, Any]:
    number = request.GET.get("page", "1")
    page = read_rows(name, opid_time, int(number) if number.isdecimal() and len(number) < 10 else 1)
    return {
        "rows_page": page,
        "earlier": _link(request, page=str(page.page - 1) if page.page > 1 else None),
        "later": _link(request, page=str(page.page + 1) if page.page < page.page_count else None),
    }


def _records_context(request: HttpRequest, name: str, found: InformationFields) -> dict[str, Any]:
    table = browse_records.find_records_table(name, found.tablename)
    if table is None:
        return {"records": None}
    cursors = Cursors(_digits(request, "after"), _digits(request, "before"), int)
    page = browse_records.read_records(name, table, found.opid_time, cursors)
    return {
        "records": page.items,
        "later": _link(request, after=page.forward),
        "earlier": _link(request, before=page.back),
    }


@_backups_page
def record(request: HttpRequest, name: str, opid_time: str, record_id: int) -> HttpResponse:
    _require_rows(request)
    found = browse.read_statement(name, opid_time)
    table = browse_records.find_records_table(name, found.tablename) or found.tablename
    _log_rows(request, name, opid_time, f"record {record_id}")
    context = {
        **_statement_context(name, found),
        "title": f"Record {record_id}",
        "record": browse_records.read_record(name, table, opid_time, record_id),
    }
    return _render(request, "record", context)


@_backups_page
def download(request: HttpRequest, name: str, opid_time: str) -> HttpResponse:
    """Stream all rollback statements of one executed statement in the order in which they are to run."""
    _require_rows(request)
    found = browse.read_statement(name, opid_time)
    table = browse_records.find_records_table(name, found.tablename)
    texts = browse_records.iterate_rollback_texts(name, table, opid_time) if table else iter(())
    first = next(texts, None)  # before the answer begins: a server that is down is a page in words, not half a file
    _log_rows(request, name, opid_time, "download")
    lines = build_script(name, found, texts if first is None else chain([first], texts))
    response = StreamingHttpResponse(lines, content_type="application/sql; charset=utf-8")
    file_name = "rollback-" + re.sub(r"[^0-9A-Za-z_.-]", "_", opid_time) + ".sql"
    response["Content-Disposition"] = content_disposition_header(True, file_name) or "attachment"
    response["Cache-Control"] = "no-store"
    return response  # type: ignore[return-value]  # a streaming response is one all the same


def build_script(name: str, found: InformationFields, texts: Iterator[str]) -> Iterator[str]:
    """Yield a SQL script of rollback statements. Its last line counts them, so that a cut file shows."""
    what = f"{found.type} {found.dbname}.{found.tablename}"
    yield f"-- Undoes statement {_one_line(found.opid_time)}: {_one_line(what)}. Backup schema: {_one_line(name)}.\n"
    yield "-- Run from top to bottom, in one transaction, connected to the schema named above.\n"
    yield "-- Rows are found by key only: what changed since is overwritten unseen. A rollback by ticket checks.\n"
    count = 0
    for count, text in enumerate(texts, 1):  # noqa: B007  the count is the last line
        yield text + "\n"
    yield f"-- End: {count} statements.\n"


def _one_line(text: str) -> str:
    """Return `text` without what would end a comment: names can hold line breaks."""
    return "".join(character if character.isprintable() else " " for character in text)


def _statement_context(name: str, found: InformationFields) -> dict[str, Any]:
    return {
        "name": name,
        "statement": found,
        "at": browse.executed_at(found),
        "ticket": ticket_lookup.current().ticket_ids(name, [found.opid_time]).get(found.opid_time),
    }


def _origin(name: str) -> dict[str, Any]:
    """Return whose backup schema this is; a schema that another client made is not registered."""
    registered = BackupSchema.objects.filter(name=name).first()
    target_id = registered.target_id if registered else 0
    return {
        "registered": registered,
        "target_id": target_id,
        "target": ticket_lookup.current().target_names([target_id]).get(target_id, "") if target_id else "",
    }


def _require_rows(request: HttpRequest) -> None:
    if not request.user.has_perm(MAY_SEE_ROWS):
        raise PermissionDenied(NO_ROWS_WORDS)


def _log_rows(request: HttpRequest, name: str, opid_time: str, what: str) -> None:
    logger.info(
        "rows seen by=%s backup_schema=%r opid_time=%r what=%r", request.user.get_username(), name, opid_time, what
    )


def _digits(request: HttpRequest, key: str) -> str:
    value = request.GET.get(key, "")
    return value if value.isdecimal() and len(value) < 20 else ""


_PAGE_KEYS = ("older", "newer", "after", "before", "page")


def _link(request: HttpRequest, **cursor: str | None) -> str:
    """Return the query of this list at another place, "" when there is none."""
    ((key, value),) = cursor.items()
    if value is None:
        return ""
    query = request.GET.copy()
    for name in _PAGE_KEYS:
        query.pop(name, None)
    query[key] = value
    return "?" + query.urlencode()
