"""For each column type a table of hard values: what a statement did is read from the binlog and undone exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from backups.binlog.charsets import CHARSETS
from backups.errors import DecodeError, UnknownTypeError
from backups.rollback.inverse import invert
from backups.snapshot import read_snapshot
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
    "DECIMAL(9,2) ZEROFILL": ["0", "42", "0.5"],
    "DECIMAL(4,2)": ["-10.55", "0", "99.99", "-99.99", "0.01", "-0.01"],
    "DECIMAL(65,30)": ["12345678901234567890123456789012345.123456789012345678901234567891", "-1e-30", "0", "1"],
    "DECIMAL(65,0)": ["9" * 65, "-" + "9" * 65, "0", "1000000000"],
    "DECIMAL(30,30)": ["0." + "9" * 30, "-0." + "0" * 29 + "1"],
    "DECIMAL(5,5) UNSIGNED": ["0.99999", "0.00001"],
    "FLOAT": [
        "0.1",
        "-0.1",
        "-1.1754943508222875e-38",
        "1e-45",
        "3.402823466e38",
        "-3.402823466e38",
        "16777217",
        "0",
        "-0.0e0",
    ],
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
GEOMETRIES = [
    "ST_GeomFromText('POINT(1 2)')",
    "ST_GeomFromText('POINT(-0.1 1e300)', 0)",
    "ST_GeomFromText('LINESTRING(0 0, 1 1, 2 0)')",
    "ST_GeomFromText('POLYGON((0 0, 4 0, 4 4, 0 4, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1))')",
    "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 1 1))')",
    "ST_GeomFromText('MULTIPOINT(1 1, 2 2)')",
]
TYPES |= {
    "GEOMETRY": [*GEOMETRIES, "ST_GeomFromText('POINT(10 20)', 4326)"],
    "POINT": ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(10 20)', 4326)"],
    "GEOMETRYCOLLECTION": ["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')"],
}
COMPRESSED = ["''", "'a'", "REPEAT('ab', 150)", "'it''s'", "X'5C'"]
MARIADB_TYPES = {
    "JSON": ["'{\"a\": [1, 1.10, null]}'", "'null'", "'\"é😀\"'", "'{\"a\":  1}'"],
    "UUID": [
        "'123e4567-e89b-12d3-a456-426655440000'",
        "'00000000-0000-0000-0000-000000000000'",
        "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
        "'f47ac10b-58cc-4372-a567-0e02b2c3d400'",
        "'018f3a1e-1111-7222-8333-000000000000'",
        "'00112233-4455-6677-8899-aabbccddeeff'",
        "'00112233-4455-1677-0899-aabbccddeeff'",
    ],
    "INET6": [
        "'::'",
        "'2001:db8::1'",
        "'::ffff:1.2.3.4'",
        "'::1.2.3.4'",
        "'ff00::'",
        "X'" + "FF" * 16 + "'",
        "'1::8:0:0'",
    ],
    "INET4": ["'0.0.0.0'", "'1.2.3.0'", "'255.255.255.255'"],
    "VARCHAR(400) COMPRESSED CHARACTER SET utf8mb4": [*COMPRESSED, "REPEAT('日本', 200)"],
    "VARCHAR(50) COMPRESSED CHARACTER SET latin1": ["''", "'a'", "_latin1 X'818D8F909D'", "REPEAT('a', 50)"],
    "TINYTEXT COMPRESSED CHARACTER SET gbk": ["''", "'中文'", "REPEAT('a', 100)"],
    "TEXT COMPRESSED CHARACTER SET utf16": [*COMPRESSED, "REPEAT('😀', 2000)"],
    "LONGTEXT COMPRESSED CHARACTER SET utf8mb4": [*COMPRESSED, "REPEAT('ß', 100000)"],
    "VARBINARY(255) COMPRESSED": [*BYTES, "REPEAT(X'00', 255)"],
    "VARBINARY(3000) COMPRESSED": [*BYTES, "REPEAT(X'00', 3000)"],
    "BLOB COMPRESSED": [*BYTES, "REPEAT(X'00', 60000)", "REPEAT(X'61', 99)", "REPEAT(X'61', 100)"],
    "MEDIUMBLOB COMPRESSED": [*BYTES, "REPEAT(X'FF', 70000)"],
}
VECTORS = {
    "VECTOR(3)": ["X'0000803F0000004000004040'", "X'000000800000000001000000'", "X'CDCCCC3D9A99993FFFFF7FFF'"],
    "VECTOR(100)": ["REPEAT(X'0000803F', 100)"],
}


MYSQL_JSON = [
    *("CAST('null' AS JSON)", "'true'", "'false'", "'0'", "'-1'", "'18446744073709551615'", "'-9223372036854775808'"),
    *("'9223372036854775807'", "'9223372036854775808'", "'1.5'", "'1.0'", "'-0.0'", "'1e300'", "'5e-324'", "'0.1'"),
    *("'\"\"'", "'\"text\"'", "'\"it''s \\\\\"q\\\\\" \\\\\\\\ \\\\u0000 \\\\n é 😀\"'", "'\"2024-01-02\"'"),
    *("'[]'", "'{}'", "'{\"\": []}'", "'[[], {}, [{}]]'", '\'{"b": 1, "a": 2, "aa": {"é": null}}\''),
    '\'{"a b": [1, "x", null, true, 1.5], "q\\\\"k": "base64:type15:AP8="}\'',
    *("CAST(CAST(1.10 AS DECIMAL(10,2)) AS JSON)", "JSON_ARRAY(1.10, 1.100, 1, 1.0, 1e0, -5.5, 0.00)"),
    "JSON_ARRAY(12345678901234567890123456789012345.123456789012345678901234567891, -0.000000000000000000000000000001)",
    "JSON_ARRAY(CAST(1 AS UNSIGNED), 1, CAST(1 AS DECIMAL(20,0)), 1e0, CAST(300 AS UNSIGNED), CAST(1e10 AS UNSIGNED))",
    "CAST(CAST(7 AS UNSIGNED) AS JSON)",
    "CAST(CAST('2024-01-02' AS DATE) AS JSON)",
    "JSON_ARRAY(DATE'2024-01-02', '2024-01-02', CAST('2024-01-02 03:04:05.123456' AS DATETIME(6)), NOW(6))",
    "JSON_ARRAY(CAST('0000-00-00' AS DATE), CAST('2024-02-31' AS DATE), CAST('2024-00-00 01:02:03' AS DATETIME))",
    "JSON_ARRAY(CAST('-838:59:58.000001' AS TIME(6)), CAST('-00:00:01.9' AS TIME(1)), TIME'00:00:00')",
    "JSON_OBJECT('a', X'00FF', 'b', b'101', 'c', CAST('x' AS BINARY(70000)), 'd', X'', 'e', 'base64:type15:AP8=')",
    "(SELECT JSON_ARRAY(s.ts, s.bi, s.b6, s.tb, s.bl, s.mb, s.lb, s.bn, s.vb, s.ye, s.fl, s.de, s.en, s.se, s.dt)"
    " FROM {schema}.source s)",
    "(SELECT JSON_OBJECT('ts', s.ts, 'deep', JSON_OBJECT('x', JSON_ARRAY(s.de, s.bl, JSON_ARRAY(s.bi))))"
    " FROM {schema}.source s)",
    *("(SELECT CAST(s.ts AS JSON) FROM {schema}.source s)", "(SELECT CAST(s.bi AS JSON) FROM {schema}.source s)"),
    "(SELECT CAST(CONCAT('[', REPEAT('{\"k\": 70000, \"s\": \"é\"}, ', 3000), '1]') AS JSON))",
    "(SELECT JSON_ARRAY(CAST(CONCAT('[', REPEAT('70000, ', 30000), '1]') AS JSON), s.de) FROM {schema}.source s)",
    "CAST(CONCAT(REPEAT('[', 99), REPEAT(']', 99)) AS JSON)",
]
JSON_SOURCE = (
    "CREATE TABLE {schema}.source (ts TIMESTAMP(6), bi BIT(9), b6 BIT(64), tb TINYBLOB, bl BLOB, mb MEDIUMBLOB, lb"
    " LONGBLOB, bn BINARY(4), vb VARBINARY(9), ye YEAR, fl FLOAT, de DECIMAL(20,5), en ENUM('a'), se SET('x', 'y'),"
    " dt DATETIME(3)) SELECT '2024-01-02 03:04:05.5' ts, 5 bi, 18446744073709551615 b6, X'00FF' tb, X'' bl, X'61' mb,"
    " X'FF' lb, X'00' bn, X'00FF' vb, 2024 ye, 1.1 fl, 12.5 de, 'a' en, 'x,y' se, '2024-01-02 03:04:05.5' dt"
)
ALL_TYPES = TYPES | MARIADB_TYPES | VECTORS


@pytest.fixture
def session(server: Server) -> Iterator[Any]:
    """A session that takes any value, and rolls back as one does."""
    connection = server.connect(client_flag=2)  # FOUND_ROWS: count what matched, not what changed
    for statement in FIXED_SESSION:
        query(connection, statement)
    yield connection
    connection.close()


def values_of(server: Server, column_type: str) -> list[str]:
    """Return the hard values of a type, NULL at the end; skip on a server that does not know it."""
    if column_type in MARIADB_TYPES and not server.flavor.is_mariadb:
        pytest.skip("a type of MariaDB")
    if column_type in VECTORS and server.flavor.is_mariadb and server.flavor.version < (11, 7, 1):
        pytest.skip("a type of MySQL 9 and MariaDB 11.7")
    return [*ALL_TYPES[column_type], "NULL"]


@pytest.mark.parametrize("column_type", ALL_TYPES, ids=lambda text: text[:40])
def test_it_undoes_every_type_exactly(server: Server, schema: str, session: Any, column_type: str) -> None:
    values = values_of(server, column_type)
    for key in ("", " PRIMARY KEY"):
        for guarded in (False, True):
            table = f"t{len(key)}_{guarded}"
            query(
                session, f"CREATE TABLE `{schema}`.{table} (id INT{key}, v {column_type}, n INT, u TIMESTAMP(3) NULL)"
            )
            _change_and_undo(server, session, schema, table, values, guarded=guarded)


@pytest.mark.parametrize("guarded", [False, True], ids=["stored", "guarded"])
@pytest.mark.parametrize("key", ["", " PRIMARY KEY"], ids=["no_key", "key"])
def test_it_rebuilds_json_with_every_type(
    server: Server, schema: str, session: Any, key: str, *, guarded: bool
) -> None:
    if server.flavor.is_mariadb:
        pytest.skip("JSON is text on MariaDB")
    query(session, JSON_SOURCE.replace("{schema}", schema))
    query(session, f"CREATE TABLE `{schema}`.j (id INT{key}, v JSON, n INT, u TIMESTAMP(3) NULL)")
    values = [value.replace("{schema}", schema) for value in MYSQL_JSON] + ["NULL"]
    _change_and_undo(server, session, schema, "j", values, guarded=guarded)
    # The binlog shows what is really kept: HEX of a document is only that of its text.
    touch = f"UPDATE `{schema}`.j SET n = n + 1"
    before = [change.before for _, change in read_changes(server, run(server, session, schema, touch))]
    checksum = query(session, f"CHECKSUM TABLE `{schema}`.j")
    changes = read_changes(server, run(server, session, schema, f"DELETE FROM `{schema}`.j"))
    undo(session, changes, guarded=guarded)
    assert query(session, f"CHECKSUM TABLE `{schema}`.j") == checksum
    after = [change.before for _, change in read_changes(server, run(server, session, schema, touch))]
    assert sorted(str(image[:2]) for image in before if image) == sorted(str(image[:2]) for image in after if image)
    for plan, change in read_changes(server, run(server, session, schema, touch)):
        assert change.after is not None
        (found,) = query(session, plan.build_now(change.after))
        assert plan.parse_now(found)[:2] == change.after[:2] or not key


# Pairs that are equal as numbers, as text, or both, and yet are other documents.
TWINS = [
    ("CAST('1' AS JSON)", "CAST(CAST(1 AS UNSIGNED) AS JSON)"),
    ("JSON_ARRAY(1)", "JSON_ARRAY(CAST(1 AS DECIMAL(5,0)))"),
    ("JSON_ARRAY(1.5)", "JSON_ARRAY(1.5e0)"),
    ("JSON_ARRAY(1e0)", "JSON_ARRAY(1)"),
    ("JSON_ARRAY(0e0)", "JSON_ARRAY(-0e0)"),
    ("JSON_ARRAY(1.10)", "JSON_ARRAY(1.1)"),
    ("JSON_ARRAY('2024-01-02')", "JSON_ARRAY(DATE'2024-01-02')"),
    ("JSON_OBJECT('a', JSON_ARRAY(1, 'x'))", "JSON_OBJECT('a', JSON_ARRAY(CAST(1 AS UNSIGNED), 'x'))"),
    ("JSON_OBJECT('a', JSON_OBJECT('b', 1))", "JSON_OBJECT('a', JSON_OBJECT('b', CAST(1 AS UNSIGNED)))"),
    ("JSON_ARRAY(1, CAST(1 AS UNSIGNED))", "JSON_ARRAY(CAST(1 AS UNSIGNED), 1)"),
    ("JSON_ARRAY(X'00FF')", "JSON_ARRAY('base64:type15:AP8=')"),
    ("JSON_ARRAY('a')", "JSON_ARRAY('A')"),
    ("JSON_ARRAY('a')", "JSON_ARRAY('a ')"),
    ("JSON_OBJECT('é', 1)", "JSON_OBJECT('e', 1)"),
    ("JSON_ARRAY(NULL)", "JSON_ARRAY('null')"),
    ("CAST('null' AS JSON)", "NULL"),
    ("JSON_ARRAY(TRUE)", "JSON_ARRAY(1)"),
    ("JSON_ARRAY(TIMESTAMP'2024-01-02 03:04:05')", "JSON_ARRAY('2024-01-02 03:04:05.000000')"),
]


@pytest.mark.parametrize("key", ["", " PRIMARY KEY"], ids=["no_key", "key"])
def test_it_tells_json_documents_apart(server: Server, schema: str, session: Any, key: str) -> None:
    if server.flavor.is_mariadb:
        pytest.skip("JSON is text on MariaDB")
    name = f"`{schema}`.`twins`"
    query(session, f"CREATE TABLE {name} (id INT{key}, w JSON)")
    pairs = [pair for one, other in TWINS for pair in ((one, other), (other, one))]
    for ours, theirs in pairs:
        ran = run(server, session, schema, f"INSERT INTO {name} VALUES (1, {ours})")
        ((plan, change),) = read_changes(server, ran)
        query(session, f"DELETE FROM {name}")  # not UPDATE: to it some of the twins are no change at all
        query(session, f"INSERT INTO {name} VALUES (1, {theirs})")
        query(session, plan.build_guarded(invert(change)))
        assert session.affected_rows() == 0, (ours, theirs)
        query(session, f"DELETE FROM {name}")
        query(session, f"INSERT INTO {name} VALUES (1, {ours})")
        query(session, plan.build_guarded(invert(change)))
        assert session.affected_rows() == 1, (ours, theirs)


@pytest.mark.parametrize("setting", ["ansi", "no_backslash", "strict", "zone_east", "latin1", "gbk", "binary", "mixed"])
def test_json_text_means_the_same_in_any_session(server: Server, schema: str, session: Any, setting: str) -> None:
    if server.flavor.is_mariadb:
        pytest.skip("JSON is text on MariaDB")
    query(session, JSON_SOURCE.replace("{schema}", schema))
    query(session, f"CREATE TABLE `{schema}`.j (id INT PRIMARY KEY, v JSON)")
    zero = "0000-00-00"  # which strict sessions refuse, and say so
    values = [value.replace("{schema}", schema) for value in MYSQL_JSON if setting == "ansi" or zero not in value]
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values))
    other = server.connect(client_flag=2)
    query(other, HOSTILE_SESSIONS[setting])
    for statement in (f"INSERT INTO `{schema}`.j VALUES {rows}", f"DELETE FROM `{schema}`.j"):
        before = hex_rows(session, schema, "j")
        changes = read_changes(server, run(server, session, schema, statement))
        undo(other, changes, guarded=True)
        assert hex_rows(session, schema, "j") == before, statement
        query(session, statement)
    other.close()


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


def _charsets_of(session: Any) -> list[str]:
    rows = query(session, "SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS WHERE MAXLEN > 0")
    return sorted(str(name) for (name,) in rows if name != "binary")


def test_the_character_sets_are_those_that_a_server_has(server: Server, session: Any) -> None:
    assert set(_charsets_of(session)) <= CHARSETS


@pytest.mark.parametrize("charset", sorted(CHARSETS - {"utf8"}))
def test_it_keeps_the_bytes_of_every_character(server: Server, schema: str, session: Any, charset: str) -> None:
    if charset not in _charsets_of(session):
        pytest.skip("another server's character set")
    query(session, "SET SESSION group_concat_max_len = 1000000")
    query(session, f"CREATE TABLE `{schema}`.all_of (n INT PRIMARY KEY, c CHAR(1) CHARACTER SET {charset})")
    longest = 1 << 32 if charset in ("eucjpms", "ujis", "gb18030", "utf16", "utf32", "utf16le") else 1 << 16
    # Every code of one and two bytes, and of three and four where a set has such, that the server calls a character.
    query(
        session,
        f"INSERT IGNORE INTO `{schema}`.all_of SELECT n, c FROM (SELECT n, CHAR(n USING {charset}) c FROM ("
        "WITH RECURSIVE d AS (SELECT 0 i UNION ALL SELECT i + 1 FROM d WHERE i < 255)"
        " SELECT a.i * 256 + b.i n FROM d a JOIN d b UNION ALL"
        " SELECT 9408512 + a.i * 256 + b.i FROM d a JOIN d b UNION ALL"
        f" SELECT 2167439664 + a.i * 256 + b.i FROM d a JOIN d b WHERE a.i < 4) n WHERE n < {longest}) x"
        " WHERE c IS NOT NULL",
    )
    query(session, f"CREATE TABLE `{schema}`.`from` (n INT PRIMARY KEY, t TEXT CHARACTER SET {charset})")
    query(
        session,
        f"INSERT INTO `{schema}`.`from` SELECT n DIV 8192, GROUP_CONCAT(c ORDER BY n SEPARATOR '')"
        f" FROM `{schema}`.all_of GROUP BY 1",
    )
    columns = ", ".join(f"{name} {kind} CHARACTER SET {charset}" for name, kind in CHARSET_COLUMNS)
    for key in ("", ", PRIMARY KEY (n)"):
        query(session, f"CREATE TABLE `{schema}`.t (n INT, {columns}{key})")
        insert = f"INSERT INTO `{schema}`.t SELECT n, LEFT(t, 60), t, t FROM `{schema}`.`from`"
        for guarded in (False, True):
            for statement in (insert, f"UPDATE `{schema}`.t SET c = '', t = 'x'", f"DELETE FROM `{schema}`.t"):
                before = hex_rows(session, schema, "t")
                changes = read_changes(server, run(server, session, schema, statement))
                assert changes
                undo(session, changes, guarded=guarded)
                assert hex_rows(session, schema, "t") == before, statement
                query(session, statement)
        query(session, f"DROP TABLE `{schema}`.t")


CHARSET_COLUMNS = (("c", "CHAR(60)"), ("v", "VARCHAR(260)"), ("t", "TEXT"))
MEMBERS = {
    "gbk": ("中", "a", "文字"),
    "sjis": ("ソ", "表", "a"),
    "cp932": ("ソ", "①", "it''s"),
    "big5": ("功", "許", "x"),
    "ucs2": ("é", "中", "a"),
    "utf16": ("😀", "é", "b"),
    "utf32": ("😀", "é", "b"),
    "koi8r": ("привет", "мир", "a"),
    "swe7": ("Å", "ä", "b"),
    "latin1": ("ÿ", "é", "a"),
    "ujis": ("日本", "語", "a"),
    "euckr": ("한국", "어", "a"),
}


@pytest.mark.parametrize("charset", MEMBERS)
def test_it_takes_members_by_number_in_any_character_set(
    server: Server, schema: str, session: Any, charset: str
) -> None:
    members = ", ".join(f"'{member}'" for member in MEMBERS[charset])
    kinds = f"e ENUM({members}) CHARACTER SET {charset}, s SET({members}) CHARACTER SET {charset}"
    query(session, f"CREATE TABLE `{schema}`.m (id INT, {kinds})")
    rows = "(1, 1, 1), (2, 2, 2), (3, 0, 0), (4, NULL, 3), (5, 1, NULL)"
    for guarded in (False, True):
        for statement in (
            f"INSERT INTO `{schema}`.m VALUES {rows}",
            f"UPDATE `{schema}`.m SET e = 2, s = 0, id = id + 10",
            f"DELETE FROM `{schema}`.m",
        ):
            before = hex_rows(session, schema, "m")
            changes = read_changes(server, run(server, session, schema, statement))
            assert len(changes) == 5
            undo(session, changes, guarded=guarded)
            assert hex_rows(session, schema, "m") == before, statement
            query(session, statement)


KEY_TYPES = {
    "BIGINT UNSIGNED": ["0", "18446744073709551615"],
    "DECIMAL(30,10)": ["-1.5", "0", "12345678901234567890.0123456789"],
    "FLOAT": ["0.1", "-3.402823466e38"],
    "DOUBLE": ["0.1", "5e-324", "1e16"],
    "BIT(64)": ["b'0'", "9007199254740993", "9007199254740992", "18446744073709551615"],
    "YEAR": ["0000", "2024"],
    "DATE": DATES,
    "DATETIME(6)": [f"{date[:-1]} 23:59:59.987654'" for date in DATES],
    "TIME(6)": [*CLOCKS, "'-00:00:00.987654'", "'00:00:00.987654'"],
    "TIMESTAMP(6)": ["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2024-05-01 10:00:00.123456'"],
    "VARCHAR(50) CHARACTER SET utf8mb4": ["'plain'", "''", "'it''s'", "X'5C'", "'é'", "'😀'", "' lead'"],
    "CHAR(50) CHARACTER SET latin1": ["'plain'", "''", "_latin1 X'81'", "_latin1 X'8D'"],
    "BINARY(5)": ["X'00'", "X'61'", "X'6162636465'", "X'610061'"],
    "VARBINARY(5)": ["X''", "X'00'", "X'0000'", "X'61'"],
    "VARCHAR(50) CHARACTER SET utf16": ["'plain'", "''", "'é'", "'😀'"],
    "CHAR(20) CHARACTER SET cp932": ["'plain'", "''", "_cp932 X'FA54'", "_cp932 X'835C'"],
    "ENUM('a','b','c')": ["1", "2", "0"],
    "SET('a','b','c')": ["0", "1", "7"],
    f"SET({_members(64)})": ["9007199254740993", "9007199254740992", "18446744073709551615", "0"],
}


@pytest.mark.parametrize("column_type", KEY_TYPES, ids=lambda text: text[:40])
def test_it_finds_rows_by_keys_of_every_type(server: Server, schema: str, session: Any, column_type: str) -> None:
    for guarded in (False, True):
        query(session, f"CREATE TABLE `{schema}`.k_{guarded} (v {column_type} NOT NULL PRIMARY KEY, n INT)")
        rows = ", ".join(f"({value}, 7)" for value in KEY_TYPES[column_type])
        for statement in (
            f"INSERT INTO `{schema}`.k_{guarded} VALUES {rows}",
            f"UPDATE `{schema}`.k_{guarded} SET n = n + 1",
            f"DELETE FROM `{schema}`.k_{guarded}",
        ):
            before = hex_rows(session, schema, f"k_{guarded}")
            changes = read_changes(server, run(server, session, schema, statement, names=f"k_{guarded}"))
            assert len(changes) == len(KEY_TYPES[column_type])
            undo(session, changes, guarded=guarded)
            assert hex_rows(session, schema, f"k_{guarded}") == before, statement
            query(session, statement)


@pytest.mark.parametrize("column_type", ALL_TYPES, ids=lambda text: text[:40])
def test_it_reads_a_row_as_it_is_now_in_the_words_of_the_binlog(
    server: Server, schema: str, session: Any, column_type: str
) -> None:
    values = values_of(server, column_type)
    query(session, f"CREATE TABLE `{schema}`.now (id INT PRIMARY KEY, v {column_type})")
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values))
    ran = run(server, session, schema, f"INSERT INTO `{schema}`.now VALUES {rows}", names="now")
    changes = read_changes(server, ran)
    assert len(changes) == len(values)
    for plan, change in changes:
        assert change.after is not None
        (found,) = query(session, plan.build_now(change.after))
        assert plan.parse_now(found) == change.after


# What the fixed session sets aside, and what a session of another application may have.
HOSTILE_SESSIONS = {
    "ansi": "SET sql_mode='ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE,ALLOW_INVALID_DATES'",
    "no_backslash": "SET sql_mode='NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,REAL_AS_FLOAT,HIGH_NOT_PRECEDENCE'",
    "strict": "SET sql_mode='STRICT_ALL_TABLES,NO_UNSIGNED_SUBTRACTION,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE'",
    "empty_is_null": "SET sql_mode='EMPTY_STRING_IS_NULL'",
    "oracle": "SET sql_mode='ORACLE'",
    "zone_east": "SET time_zone='+13:00'",
    "zone_west": "SET time_zone='-09:30'",
    "latin1": "SET NAMES latin1",
    "gbk": "SET NAMES gbk",
    "sjis": "SET NAMES sjis",
    "binary": "SET character_set_client=binary, character_set_connection=binary",
    "mixed": "SET NAMES utf8mb4, character_set_connection=utf16, collation_connection=utf16_bin",
}


ODD_COLUMNS = (
    *("a VARCHAR(40)", "b CHAR(10) CHARACTER SET latin1", "c VARBINARY(20)", "d DATETIME(2)", "e TIME(3)"),
    *("f TIMESTAMP(3) NULL", "g DOUBLE", "h ENUM('x','é')", "i BIT(9)", "j TEXT", "k FLOAT", "l DECIMAL(20,4)"),
    *("m BINARY(4)", "n YEAR", "o SET('1','2')", "p DATE"),
)
ODD_ROWS = (
    "(1, '', '', '', '2024-01-31 10:11:12.13', '-00:00:01.5', '2024-07-01 12:00:00.5', -1.5e300, 2, b'100100111', '',"
    " 0.1, -1.5, X'00', 2024, 3, '2024-01-31')",
    "(2, 'a\"b''c|| d', 'x ', X'275C22', '2024-12-31 23:59:59', '838:59:59', '2024-01-01 00:00:00', -0.0e0, 1, 0,"
    " X'5C6E', 1e10, 0, X'61', 0, 0, '1000-01-01')",
    "(3, '~`!@#$%^&*()', '[]{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '日本語😀', NULL, NULL,"
    " NULL, NULL, NULL, NULL)",
)


@pytest.mark.parametrize("setting", HOSTILE_SESSIONS)
@pytest.mark.parametrize("key", ["", " PRIMARY KEY"], ids=["no_key", "key"])
def test_stored_text_means_the_same_in_any_session(
    server: Server, schema: str, session: Any, setting: str, key: str
) -> None:
    if setting in ("empty_is_null", "oracle") and not server.flavor.is_mariadb:
        pytest.skip("a sql_mode of MariaDB")
    name = f'`{schema}`.`odd "t`'
    query(session, f"CREATE TABLE {name} (id INT{key}, {', '.join(ODD_COLUMNS)})")
    insert = f"INSERT INTO {name} VALUES {', '.join(ODD_ROWS)}"
    other = server.connect(client_flag=2)
    query(other, HOSTILE_SESSIONS[setting])
    for statement in (insert, f"UPDATE {name} SET a=CONCAT(a, 'x'), i=1, f=NULL", f"DELETE FROM {name}"):
        before = hex_rows(session, schema, 'odd "t')
        changes = read_changes(server, run(server, session, schema, statement, names='`odd "t`'))
        assert len(changes) == 3
        undo(other, changes, guarded=False)
        assert hex_rows(session, schema, 'odd "t') == before, statement
        query(session, statement)
    other.close()


def test_it_leaves_generated_columns_alone_and_keeps_on_update_quiet(server: Server, schema: str, session: Any) -> None:
    query(
        session,
        f"CREATE TABLE `{schema}`.g (a INT, v INT GENERATED ALWAYS AS (a + 1) VIRTUAL,"
        " s VARCHAR(20) GENERATED ALWAYS AS (CONCAT('s', a)) STORED,"
        " touched TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),"
        " made DATETIME DEFAULT CURRENT_TIMESTAMP, id INT AUTO_INCREMENT PRIMARY KEY, b INT DEFAULT 5)",
    )
    for guarded in (False, True):
        for statement in (
            f"INSERT INTO `{schema}`.g (a) VALUES (1), (NULL), (3)",
            f"INSERT INTO `{schema}`.g (id, a) VALUES (0, 4)",
            f"UPDATE `{schema}`.g SET a = a + 10",
            f"DELETE FROM `{schema}`.g WHERE a > 10",
        ):
            before = hex_rows(session, schema, "g")
            changes = read_changes(server, run(server, session, schema, statement))
            assert changes
            undo(session, changes, guarded=guarded)
            assert hex_rows(session, schema, "g") == before
            query(session, statement)
        query(session, f"DELETE FROM `{schema}`.g")


ODD_TABLES = {
    "invisible": "(id INT PRIMARY KEY, a INT, h VARCHAR(20) INVISIBLE DEFAULT 'hid')",
    "all_but_one_invisible": "(a INT, h INT INVISIBLE DEFAULT 5, id INT INVISIBLE DEFAULT 7)",
    "generated_key": "(a INT, v INT AS (a * 2) STORED UNIQUE, id INT, w INT AS (id) VIRTUAL, KEY (w))",
    "generated_bytes": "(id INT PRIMARY KEY, a INT, s VARCHAR(90) AS (REPEAT(a, 40)) STORED, b BLOB AS (a) VIRTUAL)",
}
MYSQL_ODD_TABLES = {
    "functional": "(id INT PRIMARY KEY, a INT, KEY f ((a + 1)), KEY g ((CAST(a AS CHAR(20)))))",
    "unique_functional": "(id INT, a INT, b JSON, UNIQUE KEY f ((a + 1)), KEY m ((CAST(b->'$[*]' AS UNSIGNED ARRAY))))",
    "generated_json": "(id INT PRIMARY KEY, a INT, j JSON AS (JSON_ARRAY(a, 1.5)) STORED, k JSON AS (JSON_ARRAY(a)))",
}
MARIADB_ODD_TABLES = {
    "period": "(id INT, a INT, f DATE DEFAULT '2024-01-01', t DATE DEFAULT '2025-01-01', PERIOD FOR p (f, t))",
    "virtual_index": "(id INT, a INT, v INT AS (a + 1) VIRTUAL, KEY (v))",
}


@pytest.mark.parametrize("name", ODD_TABLES | MYSQL_ODD_TABLES | MARIADB_ODD_TABLES | {"generated_key_hidden": ""})
def test_it_undoes_rows_with_columns_that_are_not_seen_or_not_written(
    server: Server, schema: str, session: Any, name: str
) -> None:
    definition = (ODD_TABLES | (MARIADB_ODD_TABLES if server.flavor.is_mariadb else MYSQL_ODD_TABLES)).get(name, "")
    if name == "generated_key_hidden" and not server.flavor.is_mariadb:
        query(session, "SET SESSION sql_generate_invisible_primary_key = ON")
        definition = "(id INT, a INT)"
    if not definition:
        pytest.skip("a table of the other servers")
    query(session, f"CREATE TABLE `{schema}`.`{name}` {definition}")
    columns = "(a)" if name == "all_but_one_invisible" else "(id, a)"
    rows = "(1), (2), (NULL)" if columns == "(a)" else "(1, 1), (2, 2), (3, NULL)"
    for guarded in (False, True):
        for statement in (
            f"INSERT INTO `{schema}`.`{name}` {columns} VALUES {rows}",
            f"UPDATE `{schema}`.`{name}` SET a = a + 10",
            f"DELETE FROM `{schema}`.`{name}`",
        ):
            before = hex_rows(session, schema, name)
            changes = read_changes(server, run(server, session, schema, statement, names=name))
            assert changes
            undo(session, changes, guarded=guarded)
            assert hex_rows(session, schema, name) == before, statement
            query(session, statement)


@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_bin", "utf8mb4_unicode_ci"])
@pytest.mark.parametrize("found", ["Ann", "ann "])
def test_guarded_matches_nothing_when_someone_changed_the_row_since(
    server: Server, schema: str, session: Any, collation: str, found: str
) -> None:
    text = f"VARCHAR(20) CHARACTER SET utf8mb4 COLLATE {collation}"
    query(session, f"CREATE TABLE `{schema}`.c (name {text} PRIMARY KEY, other {text}, n INT)")
    for column in ("name", "other"):
        query(session, f"REPLACE INTO `{schema}`.c VALUES ('ann', 'ann', 1)")
        ((plan, change),) = read_changes(server, run(server, session, schema, f"UPDATE `{schema}`.c SET n = 2"))
        query(session, f"UPDATE `{schema}`.c SET {column} = '{found}'")  # equal for some collations, other bytes
        cursor = session.cursor()
        assert cursor.execute(plan.build_guarded(invert(change))) == 0
        assert query(session, f"SELECT n FROM `{schema}`.c") == [(2,)]
        query(session, f"DELETE FROM `{schema}`.c")


@pytest.mark.parametrize("order", ["", " DESC"])
def test_it_undoes_moving_keys_in_reverse_order(server: Server, schema: str, session: Any, order: str) -> None:
    query(session, f"CREATE TABLE `{schema}`.m (id INT PRIMARY KEY, n INT)")
    query(session, f"INSERT INTO `{schema}`.m VALUES (1, 1), (2, 2), (3, 3)")
    before = hex_rows(session, schema, "m")
    move = f"UPDATE `{schema}`.m SET id = id {'+' if order else '-'} 1 ORDER BY id{order}"
    changes = read_changes(server, run(server, session, schema, move))
    assert len(changes) == 3
    undo(session, changes, guarded=True)
    assert hex_rows(session, schema, "m") == before


def test_it_undoes_one_of_several_equal_rows(server: Server, schema: str, session: Any) -> None:
    query(session, f"CREATE TABLE `{schema}`.e (a VARCHAR(10), n INT)")
    query(session, f"INSERT INTO `{schema}`.e VALUES ('A', 1), ('a', 1), ('a', 1), ('a ', 1), (NULL, NULL)")
    for statement in (
        f"INSERT INTO `{schema}`.e VALUES ('a', 1), ('A', 1), (NULL, NULL)",
        f"UPDATE `{schema}`.e SET n = 2 WHERE a = 'a' LIMIT 2",
        f"DELETE FROM `{schema}`.e WHERE a = 'a' OR a IS NULL",
    ):
        before = hex_rows(session, schema, "e")
        changes = read_changes(server, run(server, session, schema, statement))
        assert changes
        undo(session, changes, guarded=False)
        assert hex_rows(session, schema, "e") == before


UNKNOWN_TYPES: dict[str, list[str]] = {"mariadb": [], "mysql": []}


def test_it_names_the_column_of_a_type_it_does_not_know(server: Server, schema: str, session: Any) -> None:
    for number, column_type in enumerate(UNKNOWN_TYPES[server.flavor.name]):
        query(session, f"CREATE TABLE `{schema}`.u{number} (id INT, `odd one` {column_type})")
        ran = run(server, session, schema, f"INSERT INTO `{schema}`.u{number} (id) VALUES (1)")
        with pytest.raises(UnknownTypeError, match=rf"{schema}\.u{number}\.odd one: found the type"):
            read_changes(server, ran)


def test_it_refuses_rows_of_a_table_altered_since_the_snapshot(server: Server, schema: str, session: Any) -> None:
    query(session, f"CREATE TABLE `{schema}`.a (id INT, v INT)")
    snapshot = read_snapshot(session, schema, "a", server.flavor)
    for alter in ("MODIFY v BIGINT", "MODIFY v VARCHAR(10)", "MODIFY v VARCHAR(300)", "DROP v", "ADD v INT, ADD w INT"):
        query(session, f"ALTER TABLE `{schema}`.a {alter}")
        ran = run(server, session, schema, f"INSERT INTO `{schema}`.a (id) VALUES (1)")
        with pytest.raises(DecodeError, match="altered"):
            read_changes(server, replace(ran, snapshot=snapshot))
