"""Backups are browsed on a real server: those of Inception, and those that goInception left."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from backups import browse, browse_records
from backups.browse import Filters
from backups.browse_rows import ROWS_PER_PAGE, read_rows
from backups.models import information_of
from backups.pages import Cursors
from backups.rollback.literals import quote_identifier
from backups.schema import ARCHIVE_TABLE, INFORMATION_TABLE
from tests.changes.people import make_person
from tests.live.conftest import Executor
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

OPID = "1585740974_1921375_00000001"
# The statement and its undo as goInception v1.2 stored them: quotes escaped in the first, not in the second.
ESCAPED = r"update orders set note=\'it\\\'s\' where id<3"


@dataclass
class Legacy:
    """A backup schema in goInception's older shape: int positions, text, utf8, no key on opid_time."""

    name: str
    connection: Any

    @property
    def information(self) -> str:
        return f"{quote_identifier(self.name)}.{quote_identifier(INFORMATION_TABLE)}"

    def records_table(self, table: str) -> str:
        return f"{quote_identifier(self.name)}.{quote_identifier(table)}"

    def add_statement(self, opid_time: str = OPID, *, table: str = "orders", kind: str = "UPDATE") -> None:
        values = (opid_time, "mysql-bin.000012", 4711, "mysql-bin.000012", 5120, ESCAPED, "10.0.0.9", "legacy", table)
        marks = ", ".join(["%s"] * 12)
        cursor = self.connection.cursor()
        into = self.information.replace("%", "%%")
        cursor.execute(f"INSERT INTO {into} VALUES ({marks})", (*values, 3306, "2020-04-01 11:36:14", kind))

    def add_records(self, *texts: str, table: str = "orders", opid_time: str = OPID) -> None:
        cursor = self.connection.cursor()
        cursor.execute(
            f"CREATE TABLE IF NOT EXISTS {self.records_table(table)} (id bigint AUTO_INCREMENT PRIMARY KEY,"
            " rollback_statement mediumtext, opid_time varchar(50)) ENGINE=InnoDB DEFAULT CHARSET=utf8"
        )
        into = self.records_table(table).replace("%", "%%")
        cursor.executemany(
            f"INSERT INTO {into} (rollback_statement, opid_time) VALUES (%s, %s)",
            [(text, opid_time) for text in texts],
        )


@pytest.fixture(params=["brw_10_0_0_9_3306_legacy", "brw `'\"<b>%s/x"], ids=["plain", "hostile"])
def legacy(request: pytest.FixtureRequest, backup_server: Server) -> Iterator[Legacy]:
    connection = backup_server.connect()
    name = f"{request.param}{uuid.uuid4().hex[:8]}"
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE {quote_identifier(name)} CHARACTER SET utf8")
    made = Legacy(name, connection)
    cursor.execute(
        f"CREATE TABLE {made.information} (opid_time varchar(50), start_binlog_file varchar(512),"
        " start_binlog_pos int, end_binlog_file varchar(512), end_binlog_pos int, sql_statement text,"
        " host varchar(64), dbname varchar(64), tablename varchar(64), port int, time timestamp, type varchar(20),"
        " PRIMARY KEY (opid_time)) ENGINE=InnoDB DEFAULT CHARSET=utf8"
    )
    yield made
    cursor.execute(f"DROP DATABASE {quote_identifier(name)}")
    connection.close()


@pytest.fixture
def ann(client: Client) -> Client:
    client.force_login(make_person("ann"))
    return client


def url(page: str, name: str, opid_time: str = "", **more: Any) -> str:
    arguments = {"name": name, "opid_time": opid_time, **more}
    return reverse(f"admin:backups_{page}", kwargs={key: value for key, value in arguments.items() if value != ""})


class TestWrittenByGoInception:
    def test_it_is_in_the_list_as_another_clients(self, ann: Client, legacy: Legacy) -> None:
        legacy.add_statement()
        page = ann.get(reverse("admin:backups_browse"), {"q": legacy.name})
        (row,) = page.context["rows"]
        assert (row["entry"].name, row["entry"].registered) == (legacy.name, None)
        assert row["entry"].last.tablename == "orders"
        assert "another client" in page.text
        assert "<b>%s" not in page.text

    def test_its_statement_is_shown_as_it_is_stored(self, ann: Client, legacy: Legacy) -> None:
        legacy.add_statement()
        legacy.add_records("UPDATE `legacy`.`orders` SET `note`='a' WHERE `id`=1;", "UPDATE 2;")
        page = ann.get(url("statement", legacy.name, OPID))
        assert page.status_code == 200
        assert page.context["statement"].sql_statement == ESCAPED
        assert page.context["records"][0].text == "UPDATE 2;"
        assert "later changes cannot be detected" in page.text

    def test_asking_for_its_rows_says_that_there_is_no_archive(self, ann: Client, legacy: Legacy) -> None:
        legacy.add_statement()
        page = ann.get(url("statement", legacy.name, OPID), {"show": "rows"})
        assert page.status_code == 200
        assert "There is no archive of this statement" in page.text

    def test_a_statement_without_a_table_of_records_says_so(self, ann: Client, legacy: Legacy) -> None:
        legacy.add_statement(table="gone")
        assert "There is no table of rollback records for gone" in ann.get(url("statement", legacy.name, OPID)).text

    def test_a_name_spelled_otherwise_finds_its_table(self, ann: Client, legacy: Legacy) -> None:
        legacy.add_statement(table="Orders")
        legacy.add_records("UPDATE 1;")
        assert len(ann.get(url("statement", legacy.name, OPID)).context["records"]) == 1

    def test_a_hostile_table_is_only_a_name(self, ann: Client, legacy: Legacy) -> None:
        table = "t`; DROP TABLE x; -- %s'\"<script>"
        legacy.add_statement(table=table)
        legacy.add_records("UPDATE 1;", table=table)
        page = ann.get(url("statement", legacy.name, OPID))
        assert [record.text for record in page.context["records"]] == ["UPDATE 1;"]
        assert "<script>" not in page.text.split("Executed statement")[1]

    def test_a_table_of_another_shape_is_said_in_words(self, ann: Client, legacy: Legacy) -> None:
        legacy.add_statement(table=INFORMATION_TABLE)
        page = ann.get(url("statement", legacy.name, OPID))
        assert page.status_code == 404
        assert "no such backup" in page.text

    def test_a_schema_that_is_not_there_is_not_found(self, ann: Client, backup_server: Server) -> None:
        for page in (url("schema", "brw_nowhere"), url("statement", "mysql", OPID), url("schema", "a`b")):
            response = ann.get(page)
            assert response.status_code == 404
            assert "no such backup" in response.text


class TestLists:
    KINDS = ("UPDATE", "DELETE", "INSERT")

    @pytest.fixture
    def many(self, legacy: Legacy) -> Legacy:
        for number in range(120):
            opid_time = f"{1585740000 + number}_77_{number:08d}"
            legacy.add_statement(opid_time, table=f"t{number % 2}", kind=self.KINDS[number % 3])
        return legacy

    def opids(self, page: Any) -> list[str]:
        return [row["statement"].opid_time for row in page.context["rows"]]

    def test_older_and_newer_lead_over_every_statement_and_back(self, ann: Client, many: Legacy) -> None:
        pages, link = [], ""
        while True:
            page = ann.get(url("schema", many.name) + link)
            pages.append(self.opids(page))
            if not (link := page.context["older"]):
                break
        expected = [f"{1585740000 + number}_77_{number:08d}" for number in reversed(range(120))]
        assert [opid_time for opids in pages for opid_time in opids] == expected
        assert [len(opids) for opids in pages] == [50, 50, 20]
        newer = ann.get(url("schema", many.name) + page.context["newer"])
        assert self.opids(newer) == pages[1]
        first = ann.get(url("schema", many.name) + newer.context["newer"])
        assert (self.opids(first), first.context["newer"]) == (pages[0], "")

    def test_filters_narrow_and_stay_in_the_links(self, ann: Client, many: Legacy) -> None:
        page = ann.get(url("schema", many.name), {"table": "t0", "kind": ""})
        assert len(self.opids(page)) == 50
        assert all(row["statement"].tablename == "t0" for row in page.context["rows"])
        rest = ann.get(url("schema", many.name) + page.context["older"])
        assert len(self.opids(rest)) == 10
        assert all(row["statement"].tablename == "t0" for row in rest.context["rows"])

    def test_time_type_and_ticket_filter(self, many: Legacy) -> None:
        def found(filters: Filters) -> list[str]:
            return [item.opid_time for item in browse.read_statements(many.name, filters, Cursors()).items]

        newest = information_of(many.name).objects.order_by("-opid_time").first()
        moment = datetime.fromtimestamp(1585740110, UTC)
        assert len(found(Filters(since=moment))) == 10
        assert found(Filters(since=moment, until=moment)) == ["1585740110_77_00000110"]
        assert len(found(Filters(kind="DELETE"))) == 40
        assert found(Filters(opid_times=[newest.opid_time, "1_1_1"])) == [newest.opid_time]
        assert found(Filters(opid_times=[])) == []

    def test_no_page_counts(self, ann: Client, many: Legacy) -> None:
        many.add_statement()
        many.add_records(*[f"UPDATE {number};" for number in range(60)])
        with CaptureQueriesContext(connections["backup"]) as queries:
            ann.get(url("schema", many.name))
            ann.get(url("statement", many.name, OPID))
        of_data = [query["sql"] for query in queries if "information_schema" not in query["sql"]]
        assert len(of_data) >= 3
        assert [sql for sql in of_data if "COUNT(" in sql] == []


class TestRecords:
    def test_they_are_in_the_order_of_replay_a_page_at_a_time(self, ann: Client, legacy: Legacy) -> None:
        legacy.add_statement()
        legacy.add_records(*[f"UPDATE {number};" for number in range(60)])
        legacy.add_records("UPDATE other;", opid_time="1_1_00000000")
        first = ann.get(url("statement", legacy.name, OPID), {"show": "sql"})
        second = ann.get(url("statement", legacy.name, OPID) + first.context["later"])
        third = ann.get(url("statement", legacy.name, OPID) + second.context["later"])
        shown = [record.text for page in (first, second, third) for record in page.context["records"]]
        assert shown == [f"UPDATE {number};" for number in reversed(range(60))]
        assert (first.context["earlier"], third.context["later"]) == ("", "")
        back = ann.get(url("statement", legacy.name, OPID) + second.context["earlier"])
        assert back.context["records"] == first.context["records"]

    def test_a_long_one_is_cut_in_the_list_and_whole_on_its_page(self, ann: Client, legacy: Legacy) -> None:
        text = "UPDATE t SET a='" + "é" * 300_000 + "';"
        legacy.add_statement()
        legacy.add_records(text)
        (record,) = ann.get(url("statement", legacy.name, OPID)).context["records"]
        assert (len(record.text), record.size, record.is_cut) == (browse.SHOWN_CHARACTERS, len(text), True)
        assert ann.get(url("record", legacy.name, OPID, record_id=record.id)).context["record"].text == text

    def test_a_record_of_another_statement_is_not_shown(self, ann: Client, legacy: Legacy) -> None:
        legacy.add_statement()
        legacy.add_records("UPDATE other;", opid_time="1_1_00000000")
        assert ann.get(url("record", legacy.name, OPID, record_id=1)).status_code == 404

    def test_the_file_has_all_of_them_last_change_first(
        self, ann: Client, legacy: Legacy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(browse_records, "DOWNLOAD_BATCH_ROWS", 7)
        monkeypatch.setattr(browse_records, "DOWNLOAD_BATCH_CHARACTERS", 30)
        legacy.add_statement()
        legacy.add_records(*[f"UPDATE é {number};" for number in range(40)])
        legacy.add_records("UPDATE other;", opid_time="1_1_00000000")
        response = ann.get(url("download", legacy.name, OPID))
        lines = response.getvalue().decode().splitlines()
        assert [line for line in lines if not line.startswith("--")] == [f"UPDATE é {n};" for n in reversed(range(40))]
        assert lines[-1] == "-- End: 40 statements."


class TestOwn:
    TABLE = "CREATE TABLE cart (id int PRIMARY KEY, state varchar(20), note text, kind enum('a','b')) ENGINE=InnoDB"

    @pytest.fixture
    def filled(self, executor: Executor) -> Executor:
        executor.sql(self.TABLE)
        values = ", ".join(f"({number}, 'open', NULL, 'b')" for number in range(60))
        executor.sql(f"INSERT INTO cart VALUES {values}")
        return executor

    def test_the_page_shows_before_and_after(self, ann: Client, filled: Executor) -> None:
        kept = filled.keep("cart", "UPDATE", "UPDATE cart SET state = 'clos<é>d' WHERE id = 7")
        page = ann.get(url("statement", kept.backup_schema, kept.opid_time))
        (row,) = page.context["rows_page"].rows
        (cell,) = row.cells
        assert (cell.column, cell.before.text, cell.after.text) == ("state", "open", "clos<é>d")
        unchanged = [(cell.column, cell.after.text) for cell in row.unchanged]
        assert unchanged == [("id", "7"), ("note", "NULL"), ("kind", "b")]
        assert "clos&lt;é&gt;d" in page.text
        assert "later changes cannot be detected" not in page.text

    def test_rows_come_a_page_at_a_time_in_the_order_of_the_changes(self, filled: Executor) -> None:
        kept = filled.keep("cart", "UPDATE", "UPDATE cart SET note = id ORDER BY id")
        pages = [read_rows(kept.backup_schema, kept.opid_time, number) for number in (1, 2, 3)]
        assert [len(page.rows) for page in pages] == [ROWS_PER_PAGE, ROWS_PER_PAGE, 10]
        assert [row.key for page in pages for row in page.rows] == [f"id={number}" for number in range(60)]
        assert (pages[0].total, pages[0].page_count) == (60, 3)
        assert read_rows(kept.backup_schema, kept.opid_time, 99).page == 3

    def test_rows_that_came_and_went_are_shown_whole(self, filled: Executor) -> None:
        kept = filled.keep("cart", "DELETE", "DELETE FROM cart WHERE id = 3")
        (row,) = read_rows(kept.backup_schema, kept.opid_time, 1).rows
        assert (row.kind, [cell.before.text for cell in row.cells]) == ("DELETE", ["3", "open", "NULL", "b"])

    def test_an_altered_archive_is_said_and_the_records_stay(
        self, ann: Client, filled: Executor, backup_server: Server
    ) -> None:
        kept = filled.keep("cart", "DELETE", "DELETE FROM cart WHERE id = 3")
        connection = backup_server.connect()
        archive = f"`{kept.backup_schema}`.`{ARCHIVE_TABLE}`"
        connection.cursor().execute(f"UPDATE {archive} SET payload = 'x' WHERE block = 1")
        connection.close()
        page = ann.get(url("statement", kept.backup_schema, kept.opid_time))
        assert page.status_code == 200
        assert "The archive was altered" in page.text
        records = ann.get(url("statement", kept.backup_schema, kept.opid_time), {"show": "sql"}).context["records"]
        assert len(records) == 1

    def test_the_list_counts_the_rows_of_each_statement(self, ann: Client, filled: Executor) -> None:
        kept = filled.keep("cart", "UPDATE", "UPDATE cart SET state = 'x' WHERE id < 5")
        page = ann.get(url("schema", kept.backup_schema))
        assert [(row["statement"].type, row["row_count"]) for row in page.context["rows"]] == [("UPDATE", 5)]
        (listed,) = ann.get(reverse("admin:backups_browse"), {"q": kept.backup_schema}).context["rows"]
        assert listed["entry"].registered.schema_name == filled.schema
