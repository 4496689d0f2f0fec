"""For each column type a table of hard values: what a statement did is read from the binlog and undone exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.own_rows import FIXED_SESSION, hex_rows, query, read_changes, run, undo
from tests.servers import Server

pytestmark = pytest.mark.live


def _members(count: int) -> str:
    return ",".join(f"'m{number}'" for number in range(count))


INTEGERS = [
    (f"{name}{sign}", values)
    for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("MEDIUMINT", 24), ("INT", 32), ("BIGINT", 64))
    for sign, values in (
        ("", ["0", "-1", "1", str(-(1 << bits - 1)), str((1 << bits - 1) - 1)]),
        (" UNSIGNED", ["0", "1", str(1 << bits - 1), str((1 << bits) - 1)]),
    )
]
TEXT = [
    "'plain'",
    "'it''s \"quoted\"'",
    "X'5C'",
    "'a\\nb\\tc'",
    "''",
    "'%s {0} /* ; */ -- #'",
    "'trailing '",
    "X'610062'",
]
UTF8 = [*TEXT, "'Ünïcödé'", "'日本語'"]
BYTES = ["X''", "X'00'", "X'0000'", "X'61'", "X'6100'", "X'FF00FF'", "X'275C22'", "X'818D8F909D'", "'plain'"]
DATES = ["'0000-00-00'", "'2024-00-00'", "'2024-05-00'", "'2024-02-31'", "'1000-01-01'", "'9999-12-31'", "'0001-01-01'"]
CLOCKS = ["'00:00:00'", "'838:59:59'", "'-838:59:59'", "'-00:00:01'", "'-00:59:59'", "'24:00:00'"]

# The types, and values that some tool or other reads wrongly. NULL is added to each.
TYPES: dict[str, list[str]] = {
    **dict(INTEGERS),
    "INT(8) ZEROFILL": ["0", "42", "4294967295"],
    "DECIMAL(4,2)": ["-10.55", "0", "99.99", "-99.99", "0.01", "-0.01"],
    "DECIMAL(65,30)": ["12345678901234567890123456789012345.123456789012345678901234567891", "-1e-30", "0", "1"],
    "DECIMAL(65,0)": ["9" * 65, "-" + "9" * 65, "0", "1000000000"],
    "DECIMAL(30,30)": ["0." + "9" * 30, "-0." + "0" * 29 + "1"],
    "DECIMAL(5,5) UNSIGNED": ["0.99999", "0.00001"],
    "FLOAT": ["0.1", "-0.1", "1.17549e-38", "1e-45", "3.402823466e38", "-3.402823466e38", "16777217", "0", "-0.0e0"],
    "DOUBLE": [
        "0.1",
        "-0.0e0",
        "0",
        "5e-324",
        "2.2250738585072014e-308",
        "1.7976931348623157e308",
        "1e15",
        "1e16",
        "1e17",
    ],
    "FLOAT(7,4)": ["1.1", "-999.9999", "0.0001"],
    "DOUBLE(20,5)": ["123456789012345.12345", "-0.00001"],
    "BIT(1)": ["b'0'", "b'1'"],
    "BIT(9)": ["b'0'", "b'111111111'", "b'100000000'", "39", "34", "92"],
    "BIT(64)": ["b'0'", "b'" + "1" * 64 + "'", "b'1" + "0" * 63 + "'", "9007199254740993"],
    "YEAR": ["0000", "1901", "2155", "2024"],
    "DATE": DATES,
    **{
        f"DATETIME({fsp})": [*(f"{date[:-1]} 23:59:59.987654'" for date in DATES), "'2024-05-01 00:00:00.1'"]
        for fsp in range(7)
    },
    **{
        f"TIME({fsp})": [*CLOCKS, "'-00:00:00.987654'", "'-00:00:01.9'", "'00:00:00.5'", "'-01:00:00.000001'"]
        for fsp in range(7)
    },
    **{
        f"TIMESTAMP({fsp}) NULL": [
            "'0000-00-00 00:00:00'",
            "'1970-01-01 00:00:01'",
            "'2038-01-19 03:14:07.99'" if fsp > 1 else "'2038-01-19 03:14:07'",
            "'2024-05-01 10:00:00.123456'",
            "'2024-03-31 02:30:00'",
        ]
        for fsp in range(7)
    },
    "CHAR(10) CHARACTER SET utf8mb4": [*UTF8, "'😀'"],
    "CHAR(255) CHARACTER SET utf8mb4": ["REPEAT('😀', 255)", "REPEAT('a', 255)", "''"],
    "CHAR(200) CHARACTER SET utf8mb3": UTF8,
    "CHAR(0)": ["''"],
    "CHAR(20) CHARACTER SET latin1": [*TEXT, "_latin1 X'818D8F909D'", "_latin1 X'FFA0E9'"],
    "CHAR(20) CHARACTER SET ascii": TEXT,
    "VARCHAR(60) CHARACTER SET utf8mb4": [*UTF8, "'😀 emoji'"],
    "VARCHAR(64) CHARACTER SET utf8mb4": ["REPEAT('é', 64)", "''"],
    "VARCHAR(3000) CHARACTER SET utf8mb3": [*UTF8, "REPEAT('é', 3000)"],
    "VARCHAR(255) CHARACTER SET latin1": [*TEXT, "_latin1 X'818D8F909D'", "REPEAT(_latin1 X'E9', 255)"],
    "VARCHAR(256) CHARACTER SET ascii": [*TEXT, "REPEAT('a', 256)"],
    "TINYTEXT CHARACTER SET latin1": [*TEXT, "_latin1 X'818D8F909D'"],
    "TEXT CHARACTER SET utf8mb4": [*UTF8, "'😀'", "REPEAT('ß', 20000)"],
    "MEDIUMTEXT CHARACTER SET utf8mb3": UTF8,
    "LONGTEXT CHARACTER SET utf8mb4": [*UTF8, "'😀'", "REPEAT('😀', 100000)"],
    "BINARY(5)": BYTES,
    "BINARY(255)": BYTES,
    "VARBINARY(5)": BYTES,
    "VARBINARY(300)": [*BYTES, "REPEAT(X'00', 300)"],
    "TINYBLOB": BYTES,
    "BLOB": [*BYTES, "REPEAT(X'00', 65535)"],
    "MEDIUMBLOB": [*BYTES, "REPEAT(X'FF', 70000)"],
    "LONGBLOB": BYTES,
    "ENUM('', 'a,b', '1', 'it''s', 'É')": ["1", "2", "3", "4", "5", "0"],
    f"ENUM({_members(300)})": ["1", "255", "256", "300"],
    "SET('a','b','it''s')": ["0", "1", "5", "7"],
    f"SET({_members(64)})": ["0", "1", "9223372036854775808", "9007199254740993", "18446744073709551615"],
}
MARIADB_TYPES = {"JSON": ["'{\"a\": [1, 1.10, null]}'", "'null'", "'\"é😀\"'", "'{\"a\":  1}'"]}


@pytest.fixture
def session(server: Server) -> Iterator[Any]:
    """A session that takes any value, and rolls back as one does."""
    connection = server.connect(client_flag=2)  # FOUND_ROWS: count what matched, not what changed
    for statement in FIXED_SESSION:
        query(connection, statement)
    yield connection
    connection.close()


@pytest.mark.parametrize("column_type", TYPES | MARIADB_TYPES, ids=lambda text: text[:40])
def test_it_undoes_every_type_exactly(server: Server, schema: str, session: Any, column_type: str) -> None:
    if column_type in MARIADB_TYPES and not server.flavor.is_mariadb:
        pytest.skip("JSON is text on MariaDB only")
    values = [*(TYPES | MARIADB_TYPES)[column_type], "NULL"]
    for key in ("", " PRIMARY KEY"):
        for guarded in (False, True):
            table = f"t{len(key)}_{guarded}"
            query(
                session, f"CREATE TABLE `{schema}`.{table} (id INT{key}, v {column_type}, n INT, u TIMESTAMP(3) NULL)"
            )
            _change_and_undo(server, session, schema, table, values, guarded=guarded)


def _change_and_undo(
    server: Server, session: Any, schema: str, table: str, values: list[str], *, guarded: bool
) -> None:
    rows = ", ".join(f"({number}, {value}, 7)" for number, value in enumerate(values))
    name = f"`{schema}`.{table}"
    for statement, prepare in (
        (f"INSERT INTO {name} (id, v, n) VALUES {rows}", None),
        (f"UPDATE {name} SET v = NULL, n = 8", f"INSERT INTO {name} (id, v, n) VALUES {rows}"),
        (f"DELETE FROM {name}", None),
        (f"UPDATE {name} SET n = n + 1", None),
    ):
        if prepare:
            query(session, f"DELETE FROM {name}")
            query(session, prepare)
        before = hex_rows(session, schema, table)
        ran = run(server, session, schema, statement, names=table)
        changes = read_changes(server, ran)
        assert len(changes) == ran.affected, f"{len(changes)} changes, {ran.affected} affected"
        assert changes, statement
        assert hex_rows(session, schema, table) != before
        undo(session, changes, guarded=guarded)
        assert hex_rows(session, schema, table) == before, statement
