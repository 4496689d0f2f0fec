"""Single values: bytes of row images to literals.

Vectors captured with CREATE TABLE t (v TYPE); INSERT INTO t VALUES (…) from MariaDB 10.11.19 and MySQL 9.7.4, which
gave the same bytes, in a session with sql_mode ALLOW_INVALID_DATES and time_zone +00:00.
"""

from __future__ import annotations

import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.binlog import addresses, temporal, values
from backups.binlog.flavor import Flavor
from backups.binlog.values import Decoder
from backups.errors import DecodeError

MARIADB = Flavor("mariadb", (10, 11, 19))
MYSQL = Flavor("mysql", (9, 7, 4))

VECTORS: list[tuple[Decoder, str, str]] = [
    (values.decimal(4, 2), "8a37", "10.55"),
    (values.decimal(4, 2), "75c8", "-10.55"),
    (values.decimal(4, 2), "8000", "0.00"),
    (values.decimal(20, 4), "7ffffffffffffff5ea83", "-10.5500"),
    (values.decimal(30, 30), "bb9ac9ff3b9ac9ff3b9ac9ff03e7", "0." + "9" * 30),
    (values.decimal(30, 30), "7ffffffffffffffffffffffffffe", "-0." + "0" * 29 + "1"),
    (values.decimal(65, 0), "80" + "00" * 27 + "01", "1"),
    (values.decimal(65, 0), "1cc46536" + "00c46536" * 6 + "00", "-" + "9" * 65),
    (values.floating(4), "cdcccc3d", "0.10000000149011612e0"),
    (values.floating(4), "01000000", "1.401298464324817e-45"),
    (values.floating(4), "ffff7f7f", "3.4028234663852886e+38"),
    (values.floating(8), "9a9999999999b93f", "0.1e0"),
    (values.floating(8), "0100000000000000", "5e-324"),
    (values.floating(8), "0080e03779c34143", "1e+16"),
    (values.floating(8), "ffffffffffffef7f", "1.7976931348623157e+308"),
    (values.floating(8), "0000000000000080", "-0.0e0"),  # MySQL only: MariaDB keeps no -0
    (values.bits(9), "0101", "b'100000001'"),
    (values.bits(64), "ff" * 8, "b'" + "1" * 64 + "'"),
    (values.integer(3, signed=True), "000080", "-8388608"),
    (values.integer(8, signed=False), "ff" * 8, "18446744073709551615"),
    (values.integer(8, signed=True), "ff" * 8, "-1"),
    (values.integer(1, signed=False), "05", "5"),  # SET('a','b','c') with 5
    (values.binary(1, padded_to=4), "0161", "X'61000000'"),  # BINARY(4) with X'6100'
    (values.text(2, "utf8mb4"), "0200c3a9", "_utf8mb4 X'C3A9'"),
    (values.text(2, "latin1"), "0100e9", "_latin1 X'E9'"),
    (temporal.year, "00", "0000"),
    (temporal.year, "ff", "2155"),
    (temporal.date, "5fd00f", "'2024-02-31'"),
    (temporal.date, "000000", "'0000-00-00'"),
    (temporal.date, "9f1f4e", "'9999-12-31'"),
    (temporal.datetime2(0), "99b2bf7efb", "'2024-02-31 23:59:59'"),
    (temporal.datetime2(1), "99b342a0005a", "'2024-05-01 10:00:00.9'"),
    (temporal.datetime2(6), "8000000000000000", "'0000-00-00 00:00:00.000000'"),
    (temporal.datetime2(6), "fef3ff7efb0f423f", "'9999-12-31 23:59:59.999999'"),
    (temporal.datetime2(6), "99b2000000000001", "'2024-00-00 00:00:00.000001'"),
    (temporal.time2(0), "4b9105", "'-838:59:59'"),
    (temporal.time2(1), "7ffffea6", "'-00:00:01.9'"),
    (temporal.time2(2), "7ffffff6", "'-00:00:00.10'"),
    (temporal.time2(4), "7ffffeffff", "'-00:00:01.0001'"),
    (temporal.time2(6), "7fffffffffff", "'-00:00:00.000001'"),
    (temporal.time2(6), "b46efb000000", "'838:59:59.000000'"),
    (temporal.timestamp2(0, MARIADB), "00000000", "'0000-00-00 00:00:00'"),
    (temporal.timestamp2(3, MARIADB), "663212a004ce", "FROM_UNIXTIME(1714557600.123)"),
    (temporal.timestamp2(3, MYSQL), "663212a004ce", "'2024-05-01 10:00:00.123+00:00'"),
    # MariaDB 10.11.19 with mysql56_temporal_format=OFF when the table was made.
    (temporal.old_datetime, "7701cb8b68120000", "'2024-02-31 23:59:59'"),
    (temporal.old_datetime, "0000000000000000", "'0000-00-00 00:00:00'"),
    (temporal.old_time, "590a80", "'-838:59:59'"),
    (temporal.old_time, "010000", "'00:00:01'"),
    (temporal.old_timestamp(MARIADB), "a0123266", "FROM_UNIXTIME(1714557600)"),
]


@pytest.mark.parametrize(
    ("decoder", "data", "expected"), VECTORS, ids=lambda part: part if isinstance(part, str) else ""
)
def test_it_reads_what_the_servers_wrote(decoder: Decoder, data: str, expected: str) -> None:
    size = len(bytes.fromhex(data))
    assert decoder(b"\xaa" + bytes.fromhex(data) + b"\xbb", 1) == (expected, 1 + size)


@pytest.mark.parametrize(
    ("decoder", "data", "expected"), VECTORS, ids=lambda part: part if isinstance(part, str) else ""
)
def test_it_refuses_values_that_are_cut(decoder: Decoder, data: str, expected: str) -> None:
    with pytest.raises(DecodeError, match="The event is cut or misread"):
        decoder(bytes.fromhex(data)[:-1], 0)


@pytest.mark.parametrize(
    ("decoder", "data"),
    [
        (values.decimal(4, 2), "8a64"),  # 100 in a group of two digits
        (values.floating(8), "000000000000f07f"),  # infinity
        (values.floating(4), "0000c07f"),  # not a number
        (values.bits(9), "0201"),
        (temporal.date, "9f1fff"),
        (temporal.datetime2(0), "7fffffffff"),
        (temporal.datetime2(2), "99b342a000ff"),
        (temporal.time2(0), "80003c"),
        (temporal.old_time, "ffff7f"),
    ],
)
def test_it_refuses_what_no_such_column_holds(decoder: Decoder, data: str) -> None:
    with pytest.raises(DecodeError, match="found"):
        decoder(bytes.fromhex(data), 0)


@given(st.sampled_from([decoder for decoder, _, _ in VECTORS]), st.binary(max_size=40))
def test_random_bytes_decode_or_are_refused(decoder: Decoder, data: bytes) -> None:
    with suppress(DecodeError):
        literal, end = decoder(data, 0)
        assert 0 < end <= len(data)
        assert literal.isascii()
        assert "\\" not in literal


# MariaDB 10.11 with mysql56_temporal_format=OFF, and its COMPRESSED columns, UUID and INET6.
MARIADB_VECTORS: list[tuple[Decoder, bytes, str]] = [
    (temporal.hires_time(1), (30_204_000 - 19).to_bytes(4, "big"), "'-00:00:01.9'"),
    (temporal.hires_time(6), (3_020_400_000_000 + 1).to_bytes(6, "big"), "'00:00:00.000001'"),
    (temporal.hires_timestamp(3, MARIADB), (7).to_bytes(4, "big") + (20).to_bytes(2, "big"), "FROM_UNIXTIME(7.020)"),
    (temporal.hires_datetime(2), (0).to_bytes(6, "big"), "'0000-00-00 00:00:00.00'"),
    (values.compressed(1, ""), b"\0", "X''"),
    (values.compressed(1, "latin1"), b"\2\0a", "'a'"),
    (values.compressed(1, "utf16"), b"\3\0\0a", "_utf16 X'0061'"),
    (addresses.decoder("uuid"), b"\1\xff", "_latin1'ff000000-0000-0000-0000-000000000000'"),
    (addresses.decoder("inet6"), b"\0", "_latin1'::'"),
    (addresses.decoder("inet4"), b"\3\1\2\3", "_latin1'1.2.3.0'"),
]


@pytest.mark.parametrize(("decoder", "data", "expected"), MARIADB_VECTORS)
def test_values_that_only_mariadb_has(decoder: Decoder, data: bytes, expected: str) -> None:
    assert decoder(data, 0) == (expected, len(data))


def test_a_compressed_value_is_inflated() -> None:
    packed = b"\x81\x64" + zlib.compress(b"a" * 100)
    assert values.compressed(1, "")(bytes([len(packed)]) + packed, 0)[0] == f"X'{'61' * 100}'"
    with pytest.raises(DecodeError):
        values.compressed(1, "")(bytes([len(packed) - 1]) + packed[:-1], 0)


@given(st.sampled_from([decoder for decoder, _, _ in MARIADB_VECTORS]), st.binary(max_size=40))
def test_random_bytes_of_mariadb_decode_or_are_refused(decoder: Decoder, data: bytes) -> None:
    with suppress(DecodeError):
        literal, end = decoder(data, 0)
        assert 0 < end <= len(data)
        assert literal.isascii()
