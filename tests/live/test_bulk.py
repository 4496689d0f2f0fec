"""Many rows in one command, on real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pymysql
import pytest

from backups.bulk import BYTES, TEXT, BulkConnection, connect_bulk
from backups.source import ServerAddress
from tests.conftest import require_server
from tests.servers import NEWER_MARIADB, Server, Servers

pytestmark = pytest.mark.live

TEXTS = [b"", b"'it''s\\'", "né \N{SNOWMAN}".encode(), b"%s %%", b"x" * 250, b"x" * 251, b"y" * 65535, b"z" * 70000]


def connect(server: Server, *, tls: str = "disabled") -> BulkConnection:
    address = ServerAddress(server.host, server.port, server.user, server.password, tls=tls)
    return connect_bulk(address, sql_mode="TRADITIONAL,NO_BACKSLASH_ESCAPES")


@pytest.fixture
def connection(server: Server, schema: str) -> Iterator[BulkConnection]:
    made = connect(server)
    cursor = made.cursor()
    cursor.execute(f"USE `{schema}`")
    cursor.execute("CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v longtext, n int, b longblob, UNIQUE (n))")
    yield made
    made.close()


def test_mariadb_takes_it_and_mysql_does_not(server: Server) -> None:
    connection = connect(server)
    assert connection.takes_bulk == server.flavor.is_mariadb
    connection.close()


def test_it_keeps_rows_in_their_order_and_byte_for_byte(connection: BulkConnection) -> None:
    if not connection.takes_bulk:
        pytest.skip("MariaDB's command")
    blobs = [bytes([255, 0, 39, 92, number]) for number in range(len(TEXTS))]
    values = [part for number, text in enumerate(TEXTS) for part in (text, str(number).encode(), blobs[number])]
    statement = connection.prepare("INSERT INTO t (v, n, b) VALUES (?, ?, ?)", 3)
    connection.insert_all(statement, (TEXT, TEXT, BYTES), values)
    connection.commit()
    cursor = connection.cursor()
    cursor.execute("SELECT CAST(v AS BINARY), n, b FROM t ORDER BY id")
    assert list(cursor.fetchall()) == list(zip(TEXTS, range(len(TEXTS)), blobs, strict=True))


def test_it_raises_what_the_server_answers_and_goes_on(connection: BulkConnection) -> None:
    if not connection.takes_bulk:
        pytest.skip("MariaDB's command")
    statement = connection.prepare("INSERT INTO t (v, n) VALUES ('', ?)", 1)
    with pytest.raises(pymysql.IntegrityError):
        connection.insert_all(statement, (TEXT,), [b"1", b"2", b"1"])
    connection.rollback()
    connection.insert_all(statement, (TEXT,), [b"1"])
    cursor = connection.cursor()
    cursor.execute("SELECT COUNT(*) FROM t")
    assert cursor.fetchone() == (1,)


def test_it_works_over_tls(servers: Servers) -> None:
    server = require_server(servers, NEWER_MARIADB)  # makes a certificate of its own
    connection = connect(server, tls="required")
    cursor = connection.cursor()
    cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    assert cursor.fetchone()[1]
    cursor.execute("CREATE DATABASE IF NOT EXISTS it_bulk")
    cursor.execute("CREATE OR REPLACE TABLE it_bulk.t (v text)")
    statement = connection.prepare("INSERT INTO it_bulk.t VALUES (?)", 1)
    connection.insert_all(statement, (TEXT,), [b"a", b"b"])
    cursor.execute("SELECT v FROM it_bulk.t")
    assert cursor.fetchall() == (("a",), ("b",))
    cursor.execute("DROP DATABASE it_bulk")
    connection.close()
