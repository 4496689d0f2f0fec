"""Pages of backups without a server: who may see them, what is said when the server is down, and what is escaped."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from backups import browse, browse_records, ticket_lookup
from backups.archive import ArchivedChange
from backups.binlog.rows import ABSENT, ChangeKind, Column, RowChange, Table
from backups.browse import Filters
from backups.browse_records import Record
from backups.browse_rows import CUT_CHARACTERS, build_row_view, show_value
from backups.filters import StatementFilterForm
from backups.models import information_of
from backups.pages import Page
from backups.reading import BrowseError, reading
from backups.views import build_script
from tests.changes.people import make_person
from tests.servers import free_port

OPID = "1585740974_1921375_00000001"
HOSTILE = "a`b'\"<script>alert(1)</script>%s"
NAME = "127_0_0_1_3306_shop"


def make_information(**fields: Any) -> Any:
    values = {
        "opid_time": OPID,
        "start_binlog_file": "bin.000001",
        "start_binlog_pos": 4,
        "end_binlog_file": "bin.000001",
        "end_binlog_pos": 400,
        "sql_statement": "UPDATE product SET price = 1",
        "host": "127.0.0.1",
        "dbname": "shop",
        "tablename": "product",
        "port": 3306,
        "time": datetime(2020, 4, 1, 11, 36, 14, tzinfo=UTC),
        "type": "UPDATE",
        **fields,
    }
    return information_of(NAME)(**values)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Any:
    """One statement with one record, without an archive; stands for the backup server."""
    found = make_information()
    found.shown, found.size = found.sql_statement, len(found.sql_statement)
    monkeypatch.setattr(browse, "read_statement", lambda name, opid_time: found)
    monkeypatch.setattr(browse, "read_statements", lambda *args: Page([found]))
    monkeypatch.setattr(browse, "read_tables", lambda name: [found.tablename])
    monkeypatch.setattr(browse, "read_row_counts", lambda name, opid_times: {})
    monkeypatch.setattr(browse_records, "find_records_table", lambda name, table: table)
    record = Record(7, "UPDATE `shop`.`product` SET `price`=2 WHERE `id`=1;", 51)
    monkeypatch.setattr(browse_records, "read_records", lambda *args: Page([record]))
    monkeypatch.setattr(browse_records, "read_record", lambda *args: record)
    monkeypatch.setattr(browse_records, "iterate_rollback_texts", lambda *args: iter([record.text]))
    return found


@pytest.fixture
def ann(client: Client) -> Client:
    client.force_login(make_person("ann"))
    return client


def statement_url(name: str = NAME, page: str = "statement", **more: Any) -> str:
    return reverse(f"admin:backups_{page}", kwargs={"name": name, "opid_time": OPID, **more})


@pytest.mark.django_db
class TestPermissions:
    PAGES = (
        reverse("admin:backups_browse"),
        reverse("admin:backups_schema", args=[NAME]),
        statement_url(),
        statement_url(page="record", record_id=7),
        statement_url(page="download"),
    )

    @pytest.mark.parametrize("url", PAGES)
    def test_a_stranger_sees_no_page(self, client: Client, stored: Any, url: str) -> None:
        client.force_login(make_person("dan"))
        assert client.get(url).status_code == 403

    @pytest.mark.parametrize("url", PAGES)
    def test_who_is_not_logged_in_is_sent_to_the_login(self, client: Client, stored: Any, url: str) -> None:
        assert client.get(url).headers["Location"].startswith("/login/")

    @pytest.mark.parametrize("show", ["rows", "sql"])
    def test_who_may_not_see_rows_sees_the_statement_only(self, client: Client, stored: Any, show: str) -> None:
        client.force_login(make_person("cy"))
        page = client.get(statement_url(), {"show": show})
        assert page.status_code == 200
        assert "Row values are hidden from you" in page.text
        assert "SET `price`=2" not in page.text
        assert "records" not in page.context

    @pytest.mark.parametrize("url", PAGES[3:])
    def test_who_may_not_see_rows_gets_no_record_and_no_file(self, client: Client, stored: Any, url: str) -> None:
        client.force_login(make_person("cy"))
        assert client.get(url).status_code == 403

    @pytest.mark.parametrize("url", PAGES)
    def test_nothing_can_be_posted(self, ann: Client, stored: Any, url: str) -> None:
        assert ann.post(url).status_code == 405

    @pytest.mark.parametrize("url", PAGES[2:])
    def test_each_look_at_rows_is_logged(
        self, ann: Client, stored: Any, caplog: pytest.LogCaptureFixture, url: str
    ) -> None:
        with caplog.at_level(logging.INFO, "backups.views"):
            assert ann.get(url, {"show": "sql"}).status_code == 200
        (line,) = [record.getMessage() for record in caplog.records if record.name == "backups.views"]
        assert "by=ann" in line
        assert OPID in line
        assert "price" not in line, "a log has no row values"


@pytest.mark.django_db
class TestWords:
    def test_a_statement_of_another_client_says_what_cannot_be_detected(self, ann: Client, stored: Any) -> None:
        page = ann.get(statement_url())
        assert "written by another client; later changes cannot be detected" in page.text
        assert "puts a backslash before each quote" in page.text

    @pytest.mark.parametrize("address", [{"name": HOSTILE}, {"name": "a/b"}, {"name": "../x"}])
    def test_hostile_names_are_shown_as_text(self, ann: Client, stored: Any, address: dict[str, str]) -> None:
        stored.tablename = stored.dbname = stored.type = HOSTILE
        stored.sql_statement = stored.shown = HOSTILE
        for url in (statement_url(**address), reverse("admin:backups_schema", kwargs=address)):
            page = ann.get(url)
            assert page.status_code == 200
            assert "<script>alert" not in page.text

    def test_an_unreadable_filter_is_said_at_its_field(self, ann: Client, stored: Any) -> None:
        page = ann.get(reverse("admin:backups_schema", args=[NAME]), {"since": "yesterday"})
        assert "The filter cannot be used as it is" in page.text
        assert page.context["rows"] == []

    def test_the_ticket_of_a_statement_is_linked(
        self, ann: Client, stored: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Lookup:
            def target_names(self, target_ids: Any) -> dict[int, str]:
                return {}

            def ticket_ids(self, backup_schema: str, opid_times: Any) -> dict[str, int]:
                return {OPID: 140}

            def opid_times(self, backup_schema: str, ticket_id: int) -> list[str]:
                return []

        monkeypatch.setattr(ticket_lookup, "_registered", [Lookup()])
        link = reverse("admin:changes_ticket_change", args=[140])
        assert link in ann.get(statement_url()).text
        assert link in ann.get(reverse("admin:backups_schema", args=[NAME])).text


@pytest.mark.django_db(transaction=True, databases=["default", "backup"])
class TestServerDown:
    @pytest.fixture
    def down(self) -> Iterator[None]:
        settings = connections.settings["backup"]
        before = dict(settings)
        connections["backup"].close()
        settings.update(HOST="127.0.0.1", PORT=free_port(), PASSWORD="s3cret-of-the-backup")
        yield
        connections["backup"].close()
        settings.update(before)

    @pytest.mark.parametrize("url", TestPermissions.PAGES)
    def test_every_page_says_so_in_words(self, ann: Client, down: None, url: str) -> None:
        page = ann.get(url)
        assert page.status_code == 503
        assert "does not answer" in page.text
        assert "[inc] of config.toml" in page.text
        assert "s3cret-of-the-backup" not in page.text


class TestScript:
    def test_it_runs_the_last_change_first_and_counts_at_its_end(self) -> None:
        script = "".join(build_script(NAME, make_information(), iter(["SECOND;", "FIRST;"])))
        assert [line for line in script.splitlines() if not line.startswith("--")] == ["SECOND;", "FIRST;"]
        assert script.endswith("-- End: 2 statements.\n")

    def test_a_name_with_a_line_break_stays_in_its_comment(self) -> None:
        found = make_information(tablename="x\nDROP TABLE y;\r\n", dbname="a\u2028b")
        script = "".join(build_script("n\n;", found, iter(())))
        assert all(line.startswith("-- ") for line in script.splitlines())

    def test_without_records_it_says_none(self) -> None:
        assert "-- End: 0 statements." in "".join(build_script(NAME, make_information(), iter(())))


@pytest.mark.django_db
class TestDownload:
    def test_it_is_a_file_named_after_the_statement(self, ann: Client, stored: Any) -> None:
        response = ann.get(statement_url(page="download"))
        assert response.streaming
        assert response.headers["Content-Disposition"] == f'attachment; filename="rollback-{OPID}.sql"'
        assert "SET `price`=2" in response.getvalue().decode()

    def test_a_hostile_opid_time_makes_a_plain_file_name(self, ann: Client, stored: Any) -> None:
        url = reverse("admin:backups_download", kwargs={"name": NAME, "opid_time": 'x"/y é'})
        assert ann.get(url).headers["Content-Disposition"] == 'attachment; filename="rollback-x__y__.sql"'


class TestFilter:
    def test_a_time_becomes_a_range_of_the_key(self) -> None:
        form = StatementFilterForm({"since": "2020-04-01T11:36", "until": "2020-04-01T11:37"})
        assert form.is_valid()
        filters = form.build_filters(NAME)
        statements = browse._filter(information_of(NAME).objects.all(), filters)
        assert ("1585740960" in str(statements.query), "1585741021" in str(statements.query)) == (True, True)

    def test_it_refuses_an_end_before_the_start(self) -> None:
        form = StatementFilterForm({"since": "2020-04-02T00:00", "until": "2020-04-01T00:00"})
        assert "until" in form.errors

    def test_a_ticket_is_asked_of_who_keeps_tickets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ticket_lookup, "_registered", [])
        form = StatementFilterForm({"ticket": "140"})
        assert form.is_valid()
        assert form.build_filters(NAME) == Filters(opid_times=[])


class TestErrors:
    @pytest.mark.parametrize(
        ("number", "status", "word"),
        [
            (1146, 404, "no such backup"),
            (1049, 404, "no such backup"),
            (1142, 503, "refuses the account"),
            (1045, 503, "refuses the account"),
            (2002, 503, "does not answer"),
            (2013, 503, "does not answer"),
        ],
    )
    def test_an_answer_of_the_server_becomes_words(self, number: int, status: int, word: str) -> None:
        from django.db import OperationalError

        with pytest.raises(BrowseError) as caught, reading():
            raise OperationalError(number, "as the server says it")
        assert caught.value.status == status
        assert word in caught.value.found


COLUMNS = (Column("id", "int", "int"), Column("state", "varchar", "varchar(20)"), Column("note", "text", "text"))


class Plan:
    table = Table("shop", "cart", COLUMNS, (0,))


def view(change: RowChange) -> Any:
    return build_row_view(1, ArchivedChange(Plan(), change))


class TestRows:
    def test_an_update_shows_what_changed_and_folds_the_rest(self) -> None:
        row = view(RowChange(ChangeKind.UPDATE, ("1", "'open'", None), ("1", "'closed'", None)))
        assert [(cell.column, cell.before.text, cell.after.text) for cell in row.cells] == [("state", "open", "closed")]
        assert [cell.column for cell in row.unchanged] == ["id", "note"]
        assert (row.key, row.height) == ("id=1", 2)

    def test_a_row_that_came_shows_every_column(self) -> None:
        row = view(RowChange(ChangeKind.INSERT, None, ("1", "'open'", None)))
        assert [cell.after.text for cell in row.cells] == ["1", "open", "NULL"]
        assert row.unchanged == []

    def test_a_row_that_went_shows_every_column_as_it_was(self) -> None:
        row = view(RowChange(ChangeKind.DELETE, ("1", "'open'", None), None))
        assert [cell.before.text for cell in row.cells] == ["1", "open", "NULL"]

    @pytest.mark.parametrize(
        ("value", "text", "kind"),
        [
            (None, "NULL", "null"),
            ("'NULL'", "NULL", "text"),
            ("_utf8mb4 X''", "empty text", "empty"),
            (ABSENT, "not logged", "absent"),
            ("_utf8mb4 X'C3A9'", "é", "text"),
            ("'it''s'", "it's", "text"),
        ],
    )
    def test_null_nothing_and_text_are_told_apart(self, value: Any, text: str, kind: str) -> None:
        shown = show_value(value, COLUMNS[1])
        assert (shown.text, shown.kind) == (text, kind)

    def test_a_long_value_is_cut_and_kept_whole_below(self) -> None:
        shown = show_value("'" + "x" * 500 + "'", COLUMNS[2])
        assert (len(shown.text), len(shown.whole), shown.size) == (CUT_CHARACTERS, 500, 500)


@pytest.mark.django_db
def test_the_navigation_finds_the_list_by_either_name() -> None:
    assert reverse("admin:backups_browse") == reverse("admin:backups_backupschema_changelist")
