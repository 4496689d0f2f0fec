"""It names and makes the tables of a backup schema."""

from __future__ import annotations

from contextlib import nullcontext
from unittest import mock

import pytest
from django.db import IntegrityError, connections

from backups.errors import StoreError
from backups.models import BackupSchema, information_of, records_of
from backups.schema import (
    ARCHIVE_TABLE,
    INFORMATION_TABLE,
    StoredShape,
    build_distinct_name,
    build_schema_name,
    check_source_table_name,
    ensure_tables,
)
from tests.servers import Server


# goInception v1.3.0, session/backup.go getRemoteBackupDBName; first two seen in its lab, the others follow its code.
@pytest.mark.parametrize(
    ("host", "port", "schema", "expected"),
    [
        ("127.0.0.1", 3306, "test", "127_0_0_1_3306_test"),
        ("db1.example.com", 3306, "my-db", "db1_example_com_3306_my_db"),
        ("h" * 60, 3306, "shop", "h" * 54 + "_3306_shop"),
        ("db", 3306, "é" * 32, "é" * 32),
    ],
)
def test_it_names_as_goinception_does(host: str, port: int, schema: str, expected: str) -> None:
    assert build_schema_name(host, port, schema) == expected


def test_it_makes_a_distinct_name_within_64_bytes() -> None:
    names = {build_distinct_name(target, "h" * 80, 3306, "schöp") for target in (1, 2)}
    assert len(names) == 2
    assert all(len(name.encode()) <= 64 for name in names)


@pytest.mark.parametrize("name", [INFORMATION_TABLE, ARCHIVE_TABLE.upper()])
def test_it_refuses_a_source_table_with_a_name_of_ours(name: str) -> None:
    with pytest.raises(StoreError, match="Rename the table"):
        check_source_table_name("shop", name)


def test_it_says_what_an_older_table_cannot_hold() -> None:
    shape = StoredShape(65535, 2**24 - 1, 2**31 - 1, 64)
    shape.check(schema="b", statement_bytes=65535, position=2**31 - 1, host="h" * 64)
    shape.check_record("b", "t", 2**24 - 1)
    with pytest.raises(StoreError, match="sql_statement"):
        shape.check(schema="b", statement_bytes=65536, position=4, host="h")
    with pytest.raises(StoreError, match="start_binlog_pos"):
        shape.check(schema="b", statement_bytes=1, position=2**31, host="h")
    with pytest.raises(StoreError, match="varchar"):
        shape.check(schema="b", statement_bytes=1, position=4, host="h" * 65)
    with pytest.raises(StoreError, match="longtext"):
        shape.check_record("b", "t", 2**24)


@pytest.mark.django_db
class TestClaim:
    def test_it_gives_the_same_schema_again(self) -> None:
        first = BackupSchema.claim(1, "10.0.0.1", 3306, "shop")
        assert first.name == "10_0_0_1_3306_shop"
        assert BackupSchema.claim(1, "10.0.0.1", 3306, "shop") == first

    def test_it_never_shares_a_name(self) -> None:
        names = [BackupSchema.claim(1, "db", 3306, schema).name for schema in ("a-b", "a.b", "a_b", "A_b")]
        names.append(BackupSchema.claim(2, "db", 3306, "a-b").name)
        assert len({name.casefold() for name in names}) == 5
        assert names[0] == "db_3306_a_b"

    def test_it_takes_the_row_of_whoever_was_faster(self) -> None:
        """Another process names the schema between our look and our insert."""
        winner = BackupSchema(target_id=1, host="db", port=3306, schema_name="shop", name="db_3306_shop")

        def lose(**_: object) -> None:
            winner.save()
            raise IntegrityError("UNIQUE constraint failed")

        without_savepoint = mock.patch("backups.models.transaction.atomic", nullcontext)
        with without_savepoint, mock.patch.object(BackupSchema.objects, "create", lose):
            assert BackupSchema.claim(1, "db", 3306, "shop") == winner


@pytest.mark.live
@pytest.mark.django_db(transaction=True, databases=["default", "backup"])
class TestTables:
    @pytest.fixture
    def name(self, backup_server: Server) -> object:
        connection = backup_server.connect()
        connection.cursor().execute("DROP DATABASE IF EXISTS it_schema_tables")
        yield "it_schema_tables"
        connection.cursor().execute("DROP DATABASE IF EXISTS it_schema_tables")
        connection.close()

    def test_it_makes_the_tables_of_the_format(self, name: str) -> None:
        with connections["backup"].cursor() as cursor:
            shape = ensure_tables(cursor, name, "100% `odd` né")
            cursor.execute(
                "SELECT COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND"
                " TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
                [name, INFORMATION_TABLE],
            )
            columns = list(cursor.fetchall())
        assert columns == [
            ("opid_time", "varchar(50)"),
            ("start_binlog_file", "varchar(512)"),
            ("start_binlog_pos", "bigint(20) unsigned"),
            ("end_binlog_file", "varchar(512)"),
            ("end_binlog_pos", "bigint(20) unsigned"),
            ("sql_statement", "longtext"),
            ("host", "varchar(255)"),
            ("dbname", "varchar(64)"),
            ("tablename", "varchar(64)"),
            ("port", "int(11)"),
            ("time", "timestamp"),
            ("type", "varchar(20)"),
        ]
        assert shape == StoredShape(2**32 - 1, 2**32 - 1, 2**63 - 1, 255)
        assert list(information_of(name).objects.all()) == []
        assert list(records_of(name, "100% `odd` né").objects.filter(opid_time="x")) == []

    def test_it_uses_older_tables_as_they_are(self, name: str) -> None:
        with connections["backup"].cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            cursor.execute(
                f"CREATE TABLE {name}.`{INFORMATION_TABLE}` (opid_time varchar(50) PRIMARY KEY, start_binlog_file"
                " varchar(512), start_binlog_pos int, end_binlog_file varchar(512), end_binlog_pos int, sql_statement"
                " text, host varchar(64), dbname varchar(64), tablename varchar(64), port int, time timestamp,"
                " type varchar(20))"
            )
            cursor.execute(
                f"CREATE TABLE {name}.t (id bigint PRIMARY KEY AUTO_INCREMENT, rollback_statement mediumtext,"
                " opid_time varchar(50))"
            )
            assert ensure_tables(cursor, name, "t") == StoredShape(65535, 2**24 - 1, 2**31 - 1, 64)
