"""Every shape that a server's settings give its binlog: the same statements, the same rows, the same way back."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backups.binlog import events
from tests.live.own_rows import FIXED_SESSION, hex_rows, query, read_changes, read_coordinates, read_events, run, undo
from tests.live.private_server import find_prefix, private_mariadb, private_mysql
from tests.live.test_source import foreign_writers
from tests.servers import MYSQL, Server

pytestmark = pytest.mark.live

KEY = "1;0123456789abcdef0123456789abcdef\n"

SHAPES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    # name: (flavor, options of the server, statements of each session)
    "mariadb plain": ("mariadb", (), ()),
    "mariadb checksums": ("mariadb", ("--binlog-checksum=CRC32",), ()),
    "mariadb no checksums": ("mariadb", ("--binlog-checksum=NONE",), ()),
    "mariadb compressed": ("mariadb", ("--log-bin-compress=1", "--log-bin-compress-min-len=10"), ()),
    "mariadb compressed, no checksums": ("mariadb", ("--log-bin-compress=1", "--binlog-checksum=NONE"), ()),
    "mariadb compressed, metadata full": ("mariadb", ("--log-bin-compress=1", "--binlog-row-metadata=FULL"), ()),
    "mariadb metadata minimal": ("mariadb", ("--binlog-row-metadata=MINIMAL",), ()),
    "mariadb metadata full": ("mariadb", ("--binlog-row-metadata=FULL",), ()),
    "mariadb no annotations": ("mariadb", ("--binlog-annotate-row-events=0",), ()),
    "mariadb small events, small files": (
        "mariadb",
        ("--binlog-row-event-max-size=256", "--max-binlog-size=4096"),
        (),
    ),
    "mysql compressed": ("mysql", (), ("SET SESSION binlog_transaction_compression=ON",)),
    "mysql compressed hard": (
        "mysql",
        ("--binlog-transaction-compression=ON", "--binlog-transaction-compression-level-zstd=22"),
        (),
    ),
    "mysql compressed, with statements": (
        "mysql",
        ("--binlog-transaction-compression=ON", "--binlog-rows-query-log-events=ON"),
        (),
    ),
    "mysql no checksums": ("mysql", ("--binlog-checksum=NONE",), ()),
    "mysql compressed, no checksums": (
        "mysql",
        ("--binlog-checksum=NONE", "--binlog-transaction-compression=ON"),
        (),
    ),
    "mysql metadata full": ("mysql", ("--binlog-row-metadata=FULL",), ()),
    "mysql no gtids": ("mysql", ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"), ()),
    "mysql small events, small files": (
        "mysql",
        ("--binlog-row-event-max-size=256", "--max-binlog-size=4096", "--binlog-transaction-compression=ON"),
        (),
    ),
}

STATEMENTS = (
    "INSERT INTO `{0}`.items (id, n, name, made) VALUES (1, 1, 'one', '2024-05-01 10:00:00'), (2, NULL, 'it''s', NULL)",
    "INSERT INTO `{0}`.items SELECT a.d * 10 + b.d + 100, b.d, REPEAT('x', 50 + b.d), NULL, NULL"
    " FROM `{0}`.digits a, `{0}`.digits b",
    "UPDATE `{0}`.items SET n = COALESCE(n, 0) + 1, name = CONCAT(name, '!') WHERE id < 150",
    "REPLACE INTO `{0}`.items (id, n, name) VALUES (1, 7, 'new'), (5000, 7, 'new')",
    "DELETE FROM `{0}`.items WHERE id BETWEEN 120 AND 190",
    "UPDATE `{0}`.items SET id = id + 10000",
    "DELETE FROM `{0}`.items",
)
NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def own_servers() -> Iterator[dict[tuple[str, tuple[str, ...]], Server]]:
    """A server for each set of options, started when first needed."""
    with ExitStack() as stack:

        class Started(dict[tuple[str, tuple[str, ...]], Server]):
            def __missing__(self, wanted: tuple[str, tuple[str, ...]]) -> Server:
                start = private_mariadb if wanted[0] == "mariadb" else private_mysql
                self[wanted] = stack.enter_context(start(*wanted[1]))
                return self[wanted]

        yield Started()


def open_session(server: Server, *statements: str) -> Any:
    connection = server.connect(client_flag=2)  # FOUND_ROWS
    for statement in (*FIXED_SESSION, *statements):
        query(connection, statement)
    return connection


def check_way_back(server: Server, *session: str) -> set[int]:
    """Change a table in many ways while others write, and put it back. Returns the types of the events of ours."""
    connection, schema = open_session(server, *session), f"shape_{next(NAMES)}"
    query(connection, f"CREATE DATABASE `{schema}`")
    query(connection, f"CREATE TABLE `{schema}`.digits (d INT PRIMARY KEY)")
    query(connection, f"INSERT INTO `{schema}`.digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
    query(
        connection,
        f"CREATE TABLE `{schema}`.items (id INT PRIMARY KEY, n INT, name VARCHAR(80), made TIMESTAMP NULL, b BLOB)",
    )
    query(connection, f"CREATE TABLE `{schema}`.others (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT, d DATE)")
    writes = (
        f"INSERT INTO `{schema}`.others (t, d) VALUES (REPEAT('y', 3000), '2024-02-31')",
        f"UPDATE `{schema}`.others SET t = CONCAT(t, 'z') ORDER BY id DESC LIMIT 3",
    )
    types, undone = set(), []
    with foreign_writers(server, *writes, count=2) as written:
        for statement in STATEMENTS:
            rows = hex_rows(connection, schema, "items")
            ran = run(server, connection, schema, statement.format(schema))
            changes = read_changes(server, ran)
            assert len(changes) == (ran.affected if "REPLACE" not in statement else 2), statement
            types |= {event.type_code for event in read_events(server, ran)}
            undone.append((rows, changes))
        for rows, changes in reversed(undone):
            undo(connection, changes, guarded=True)
            assert hex_rows(connection, schema, "items") == rows
    assert sum(written) > 2
    connection.close()
    return types


@pytest.mark.parametrize("name", SHAPES)
def test_every_row_comes_back(name: str, own_servers: dict[tuple[str, tuple[str, ...]], Server]) -> None:
    flavor, options, session = SHAPES[name]
    types = check_way_back(own_servers[flavor, options], *session)
    assert types == {events.TABLE_MAP, *((23, 24, 25) if flavor == "mariadb" else (30, 31, 32))}


@pytest.mark.skipif(
    not list(Path("/usr/lib").glob("**/file_key_management.so")), reason="the package mariadb-server is not installed"
)
def test_an_encrypted_binlog_of_mariadb(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    options = ("--plugin-load-add=file_key_management", f"--file-key-management-filename={key}", "--encrypt-binlog=1")
    with private_mariadb(*options) as server:
        check_way_back(server)
        check_way_back(server)


def test_an_encrypted_binlog_of_mysql(tmp_path: Path) -> None:
    # The key ring is a component, which the server finds by files beside itself: hence a tree of links to it.
    prefix = tmp_path / "mysql"
    shutil.copytree(find_prefix(MYSQL), prefix, copy_function=os.symlink)
    (prefix / "usr/sbin/mysqld.my").write_text('{"components": "file://component_keyring_file"}')
    keys = prefix / "usr/lib/mysql/plugin/component_keyring_file.cnf"
    keys.write_text(json.dumps({"path": str(tmp_path / "keyring"), "read_only": False}))
    with private_mysql("--binlog-encryption=ON", prefix=str(prefix)) as server:
        connection = server.connect()
        assert query(connection, "SHOW BINARY LOGS")[0][2] == "Yes"  # encrypted
        check_way_back(server)
        check_way_back(server, "SET SESSION binlog_transaction_compression=ON")


BIG = "INSERT INTO `{0}`.big VALUES (1, REPEAT(X'00', 12000000), {1})"
NOISE = (
    "(SELECT GROUP_CONCAT(RANDOM_BYTES(1000) SEPARATOR '') FROM `{0}`.d a, `{0}`.d b, `{0}`.d c, `{0}`.d e, `{0}`.d f)"
)


def test_a_compressed_row_beyond_16_mib(own_servers: dict[tuple[str, tuple[str, ...]], Server]) -> None:
    server = own_servers["mysql", ("--binlog-transaction-compression=ON", "--binlog-rows-query-log-events=ON")]
    connection = open_session(server, "SET SESSION group_concat_max_len = 20000000")
    query(connection, "CREATE DATABASE big")
    query(connection, "CREATE TABLE big.big (id INT PRIMARY KEY, a LONGBLOB, b LONGBLOB)")
    query(connection, "CREATE TABLE big.d (d INT)")
    query(connection, "INSERT INTO big.d VALUES (0),(1),(2),(3),(4),(5),(6)")
    for noise, longest in (("REPEAT(X'FF', 12000001)", 100_000), (NOISE.format("big"), 30_000_000)):
        ran = run(server, connection, "big", BIG.format("big", noise), names="big.big big.d")
        assert ran.own.end.position - ran.own.start.position < longest
        ((plan, change),) = read_changes(server, ran)
        assert change.after is not None
        assert len(str(change.after[1])) == 24_000_003
        assert len(str(change.after[2])) > 24_000_003
        undo(connection, [(plan, change)], guarded=False)


OTHERS = {
    "mysql": (
        "SET SESSION binlog_transaction_compression=ON",
        "INSERT INTO `{0}`.odd (d, v) VALUES ('2024-02-31', STRING_TO_VECTOR('[1, 2]'))",
        "SET SESSION binlog_transaction_compression=OFF, binlog_row_value_options=PARTIAL_JSON",
        "INSERT INTO `{0}`.odd (j) VALUES (JSON_OBJECT('a', 1, 'b', REPEAT('x', 200)))",
        "UPDATE `{0}`.odd SET j = JSON_SET(j, '$.a', 2) WHERE j IS NOT NULL ORDER BY id DESC LIMIT 1",
    ),
    "mariadb": (
        "INSERT INTO `{0}`.odd (d, j) VALUES ('2024-02-31', '{{}}')",
        "INSERT INTO `{0}`.odd (d, v) VALUES ('0000-00-00', '::1')",
    ),
}
XA = (
    "XA START '{number}'",
    "INSERT INTO `{0}`.odd (d) VALUES ('2024-02-31')",
    "XA END '{number}'",
    "XA PREPARE '{number}'",
)


def test_nothing_of_others_disturbs(server: Server, schema: str) -> None:
    vector = "INET6" if server.flavor.is_mariadb else "VECTOR(2)"
    root = open_session(server)
    query(root, f"CREATE TABLE `{schema}`.odd (id INT AUTO_INCREMENT PRIMARY KEY, d DATE, v {vector}, j JSON)")
    query(root, f"CREATE TABLE `{schema}`.ours (id INT PRIMARY KEY)")
    other, xid = open_session(server), f"{schema}-1"
    for number, ending in enumerate(("XA ROLLBACK '{number}'", "XA COMMIT '{number}'", "XA ROLLBACK '{number}'")):
        # Ours is in the middle of all: the coordinates are taken around, as they are when the server is busy.
        first = run(server, root, schema, f"INSERT INTO `{schema}`.ours VALUES ({3 * number})")
        for statement in (*OTHERS[server.flavor.name], *XA):
            query(other, statement.replace("{0}", schema).replace("{number}", xid).replace("{{}}", "{}"))
        ran = run(server, root, schema, f"INSERT INTO `{schema}`.ours VALUES ({3 * number + 1})")
        query(other, ending.replace("{number}", xid))
        end = read_coordinates(server, root)
        ran = replace(ran, own=replace(ran.own, start=first.own.end, end=end))
        assert [change.after for _, change in read_changes(server, ran)] == [(str(3 * number + 1),)]
    other.close()
    root.close()
