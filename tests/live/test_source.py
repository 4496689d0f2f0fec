"""Our own transaction is read from a busy server's binlog: all of it, nothing else, or an error that says why not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import MySQLdb
import pymysql
import pytest

from backups import source
from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.rows import ChangeKind
from backups.errors import AttributionError
from backups.source import read_own_events
from tests.live.own_rows import (
    FIXED_SESSION,
    address_of,
    hex_rows,
    query,
    read_changes,
    read_coordinates,
    read_events,
    run,
    undo,
)
from tests.servers import Server

pytestmark = pytest.mark.live


@pytest.fixture
def session(server: Server) -> Iterator[Any]:
    connection = server.connect(client_flag=2)  # FOUND_ROWS
    for statement in FIXED_SESSION:
        query(connection, statement)
    yield connection
    connection.close()


@contextmanager
def foreign_writers(server: Server, *statements: str, count: int = 3) -> Iterator[list[int]]:
    """Let `count` sessions write until the block ends. Yields how often each wrote."""
    stop = threading.Event()
    written = [0] * count

    def write(writer: int) -> None:
        connection = server.connect()
        query(connection, FIXED_SESSION[-1])
        while not stop.is_set():
            for statement in statements:
                query(connection, statement.format(writer=writer, number=written[writer]))
            written[writer] += 1
        connection.close()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# Row changes, and the statement that makes them.
OWN_STATEMENTS = (
    (3, "INSERT INTO `{0}`.items (id, n, name) VALUES (1, 1, 'one'), (2, 2, 'two'), (3, 3, 'three')"),
    (3, "INSERT INTO `{0}`.items SELECT id + 10, n, name FROM `{0}`.items WHERE id < 4"),
    (6, "UPDATE `{0}`.items SET n = n + 1 WHERE id BETWEEN 1 AND 20"),
    (2, "REPLACE INTO `{0}`.items (id, n, name) VALUES (1, 7, 'new'), (21, 7, 'new')"),
    (2, "INSERT INTO `{0}`.items (id, n) VALUES (2, 5), (22, 5) ON DUPLICATE KEY UPDATE n = n + 100"),
    (3, "INSERT INTO `{0}`.parts VALUES (1, 'a'), (2, 'b'), (3, 'c')"),
    (6, "UPDATE `{0}`.items i JOIN `{0}`.parts p ON p.item = i.id SET i.n = 0, p.name = 'x'"),
    (4, "DELETE i, p FROM `{0}`.items i JOIN `{0}`.parts p ON p.item = i.id WHERE i.id < 3"),
    (1, "DELETE FROM `{0}`.items WHERE id = 21"),
    (1, "DELETE FROM `{0}`.parts"),
)


@pytest.mark.parametrize("key", ["PRIMARY KEY", "UNIQUE"])
def test_it_reads_only_our_rows_while_others_write_to_the_same_tables(
    server: Server, schema: str, session: Any, key: str
) -> None:
    session.select_db(schema)
    query(session, f"CREATE TABLE `{schema}`.items (id INT {key}, n INT, name VARCHAR(20))")
    query(session, f"CREATE TABLE `{schema}`.parts (item INT, name VARCHAR(20))")
    writes = (
        f"INSERT INTO `{schema}`.items VALUES (1000000 * ({{writer}} + 1) + {{number}}, 1, '2024-02-31')",
        f"UPDATE `{schema}`.items SET n = n + 1 WHERE id = 1000000 * ({{writer}} + 1) + {{number}}",
        f"DELETE FROM `{schema}`.items WHERE id = 1000000 * ({{writer}} + 1) + {{number}} - 5",
    )
    all_changes = []
    with foreign_writers(server, *writes) as written:
        for count, statement in OWN_STATEMENTS:
            ran = run(server, session, schema, statement.format(schema))
            changes = read_changes(server, ran)
            assert len(changes) == count, statement
            for _, change in changes:
                for image in (change.before, change.after):
                    assert image is None or int(str(image[0])) < 100, "a row of another session"
            all_changes += changes
        undo(session, all_changes, guarded=True)
    assert sum(written) > 30
    assert hex_rows(session, schema, "parts") == []
    assert query(session, f"SELECT COUNT(*) FROM `{schema}`.items WHERE id < 1000") == [(0,)]


def test_others_types_and_dates_do_not_disturb(server: Server, schema: str, session: Any) -> None:
    odd = ("VARCHAR(20) COMPRESSED", "INET6", "UUID") if server.flavor.is_mariadb else ("JSON", "VECTOR(2)", "TINYBLOB")
    query(session, f"CREATE TABLE `{schema}`.odd (d DATE, a {odd[0]}, b {odd[1]}, c {odd[2]}, p POINT)")
    query(session, f"CREATE TABLE `{schema}`.ours (id INT PRIMARY KEY)")
    with foreign_writers(server, f"INSERT INTO `{schema}`.odd (d, p) VALUES ('2024-02-31', POINT(1, 2))", count=1):
        for number in range(10):
            ran = run(server, session, schema, f"INSERT INTO `{schema}`.ours VALUES ({number})")
            ((_, change),) = read_changes(server, ran)
            assert change.after == (str(number),)


def test_it_finds_nothing_where_nothing_was_logged(server: Server, schema: str, session: Any) -> None:
    query(session, f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    query(session, f"INSERT INTO `{schema}`.t VALUES (1)")
    assert read_events(server, run(server, session, schema, f"UPDATE `{schema}`.t SET id = id")) == []
    assert read_events(server, run(server, session, schema, f"DELETE FROM `{schema}`.t WHERE id = 2")) == []


def test_it_reads_rows_that_triggers_wrote(server: Server, schema: str, session: Any) -> None:
    query(session, f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    query(session, f"CREATE TABLE `{schema}`.log (id INT)")
    query(
        session,
        f"CREATE TRIGGER `{schema}`.tr AFTER INSERT ON `{schema}`.t FOR EACH ROW"
        f" INSERT INTO `{schema}`.log VALUES (new.id)",
    )
    changes = read_changes(server, run(server, session, schema, f"INSERT INTO `{schema}`.t VALUES (1), (2)"))
    assert sorted((plan.table.name, change.after) for plan, change in changes) == [
        ("log", ("1",)),
        ("log", ("2",)),
        ("t", ("1",)),
        ("t", ("2",)),
    ]


def test_it_reads_across_files(server: Server, schema: str, session: Any) -> None:
    query(session, f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    start = read_coordinates(server, session)
    query(session, "FLUSH BINARY LOGS")
    ran = run(server, session, schema, f"INSERT INTO `{schema}`.t VALUES (1)")
    query(session, "FLUSH BINARY LOGS")
    ran = replace(ran, own=replace(ran.own, start=start, end=read_coordinates(server, session)))
    assert ran.own.start.file < ran.own.end.file
    ((_, change),) = read_changes(server, ran)
    assert (change.kind, change.after) == (ChangeKind.INSERT, ("1",))


def test_it_joins_the_packets_of_an_event_beyond_16_mib(server: Server, schema: str, session: Any) -> None:
    query(session, f"CREATE TABLE `{schema}`.big (id INT PRIMARY KEY, a LONGBLOB, b LONGBLOB)")
    insert = f"INSERT INTO `{schema}`.big VALUES (1, REPEAT(X'00', 12000000), REPEAT(X'FF', 12000001))"
    ran = run(server, session, schema, insert)
    ((_, change),) = read_changes(server, ran)
    assert change.after is not None
    assert [len(str(value)) for value in change.after] == [1, 24_000_003, 24_000_005]


def test_it_reads_what_a_failed_statement_left_behind(server: Server, schema: str, session: Any) -> None:
    query(session, f"CREATE TABLE `{schema}`.m (id INT PRIMARY KEY) ENGINE=MyISAM")
    query(session, f"INSERT INTO `{schema}`.m VALUES (3)")
    ran = run(server, session, schema, f"INSERT IGNORE INTO `{schema}`.m VALUES (1), (2), (3)")
    assert [change.after for _, change in read_changes(server, ran)] == [("1",), ("2",)]
    start = replace(ran.own, start=read_coordinates(server, session), gtid_before=ran.own.gtid_after)
    with pytest.raises(MySQLdb.IntegrityError):
        query(session, f"{start.marker} INSERT INTO `{schema}`.m VALUES (7), (8), (3), (9)")
    gtid = str(query(session, "SELECT @@last_gtid")[0][0]) if server.flavor.is_mariadb else None
    own = replace(start, end=read_coordinates(server, session), gtid_after=gtid)
    assert [change.after for _, change in read_changes(server, replace(ran, own=own))] == [("7",), ("8",)]


class TestItRefuses:
    @pytest.fixture
    def ran(self, server: Server, schema: str, session: Any) -> Any:
        query(session, f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, j TEXT)")
        return run(server, session, schema, f"INSERT INTO `{schema}`.t VALUES (1, 'x'), (2, 'y')")

    def test_a_start_beyond_the_file(self, server: Server, ran: Any) -> None:
        start = BinlogCoordinates.at(ran.own.end.file, ran.own.end.position + 10_000_000)
        end = BinlogCoordinates.at(start.file, start.position + 1)
        with pytest.raises(AttributionError, match="1236"):
            read_events(server, replace(ran, own=replace(ran.own, start=start, end=end)))

    def test_a_file_that_is_gone(self, server: Server, ran: Any) -> None:
        gone = BinlogCoordinates.at(f"{ran.own.end.file.rpartition('.')[0]}.000000", 4)
        with pytest.raises(AttributionError, match="1236"):
            read_events(server, replace(ran, own=replace(ran.own, start=gone)))

    def test_an_end_that_is_never_reached(self, server: Server, ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(source, "_CATCH_UP_SECONDS", 0.2)
        end = BinlogCoordinates.at(f"{ran.own.end.file.rpartition('.')[0]}.999999", 4)
        with pytest.raises(AttributionError, match="found the binlog's end at"):
            read_events(server, replace(ran, own=replace(ran.own, end=end)))

    def test_a_transaction_that_is_not_there(self, server: Server, ran: Any) -> None:
        if not server.flavor.is_mariadb:
            pytest.skip("MariaDB's GTID says that there is one; MySQL's absent thread id that nothing was logged")
        own = replace(ran.own, gtid_after="0-1-999999999")
        with pytest.raises(AttributionError, match=r"found no transaction 0-1-999999999|also in another"):
            read_events(server, replace(ran, own=own))

    def test_the_statement_of_another(self, server: Server, schema: str, session: Any, ran: Any) -> None:
        if not server.flavor.is_mariadb:
            query(session, "SET SESSION binlog_rows_query_log_events=ON")
        ran = run(server, session, schema, f"INSERT INTO `{schema}`.t VALUES (3, 'z')")
        assert len(read_changes(server, ran)) == 1
        with pytest.raises(AttributionError, match="in the transaction that should be ours"):
            read_events(server, replace(ran, own=replace(ran.own, marker="/* inception other */")))

    def test_our_marker_in_two_transactions(self, server: Server, schema: str, session: Any, ran: Any) -> None:
        if not server.flavor.is_mariadb:
            pytest.skip("MySQL tells by the connection")
        query(session, f"{ran.own.marker} DELETE FROM `{schema}`.t")
        with pytest.raises(AttributionError, match="also in another transaction"):
            read_events(server, replace(ran, own=replace(ran.own, end=read_coordinates(server, session))))

    def test_a_wrong_password_without_showing_it(self, server: Server, ran: Any) -> None:
        address = replace(address_of(server), user="nobody_here", password="pässwörd-secret")
        with pytest.raises(AttributionError, match=r"1045: Access denied|1698") as caught:
            list(read_own_events(address, ran.own))
        assert "secret" not in str(caught.value) + repr(address)

    def test_a_server_that_does_not_run(self, server: Server, ran: Any) -> None:
        with pytest.raises(AttributionError, match="2003: Can't connect"):
            list(read_own_events(replace(address_of(server), port=1), ran.own))

    def test_plain_text_where_tls_is_required(self, server: Server, ran: Any) -> None:
        address = replace(address_of(server), tls="required")
        if server.flavor.is_mariadb:  # 10.11 has no certificate of its own
            with pytest.raises(AttributionError, match=r"SSL|TLS"):
                list(read_own_events(address, ran.own))
        else:
            assert len(list(read_own_events(address, ran.own))) == 2
            with pytest.raises(AttributionError, match="certificate"):
                list(read_own_events(replace(address, tls="verify_identity"), ran.own))


def test_it_closes_the_connection_when_the_reading_stops_early(
    server: Server, schema: str, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    query(session, f"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)")
    ran = run(server, session, schema, f"INSERT INTO `{schema}`.t VALUES (1)")
    opened: list[Any] = []
    connect = pymysql.connect

    def remember(**options: Any) -> Any:
        opened.append(connect(**options))
        return opened[-1]

    monkeypatch.setattr(pymysql, "connect", remember)
    events = read_own_events(address_of(server), ran.own)
    next(events)
    (connection,) = opened
    socket = connection._sock
    assert connection.open
    events.close()
    assert not connection.open
    assert socket.fileno() == -1
