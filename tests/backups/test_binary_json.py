"""MySQL's binary JSON: documents that text says exactly stay text, others are put together by functions."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.binlog.binary_json import DEEPEST, decode_json, parse_shown
from backups.errors import DecodeError
from backups.rollback.literals import display

# MySQL 9.7, column v JSON: the bytes behind the length in a Write_rows event.
VECTORS = [
    ("", "CAST(_utf8mb4'null' AS JSON)"),
    ("0400", "CAST(_utf8mb4'null' AS JSON)"),
    ("0401", "CAST(_utf8mb4'true' AS JSON)"),
    ("05FFFF", "CAST(_utf8mb4'-1' AS JSON)"),
    ("060700", "JSON_EXTRACT(JSON_ARRAY(CAST(7 AS UNSIGNED)),_utf8mb4'$[0]')"),
    ("0AFFFFFFFFFFFFFFFF", "CAST(_utf8mb4'18446744073709551615' AS JSON)"),
    ("0B000000000000F83F", "CAST(_utf8mb4'1.5e0' AS JSON)"),
    ("0C0161", "CAST(_utf8mb4'\"a\"' AS JSON)"),
    ("0C0122", "CAST(_utf8mb4 X'225C2222' AS JSON)"),
    ("0000000400", "CAST(_utf8mb4'{}' AS JSON)"),
    ("0201000700050100", "CAST(_utf8mb4'[1]' AS JSON)"),
    ("000100 0C00 0B00 0100 05 0700 61".replace(" ", ""), "CAST(_utf8mb4'{\"a\": 7}' AS JSON)"),
    ("0FF604030281 0A".replace(" ", ""), "JSON_EXTRACT(JSON_ARRAY(CAST(1.10 AS DECIMAL(3,2))),_utf8mb4'$[0]')"),
    ("0F0F0200FF", "JSON_EXTRACT(JSON_ARRAY(X'00FF'),_utf8mb4'$[0]')"),
]


@pytest.mark.parametrize(("data", "expected"), VECTORS)
def test_a_document_becomes_an_expression(data: str, expected: str) -> None:
    assert decode_json(bytes.fromhex(data)) == expected


@given(st.binary(max_size=200))
def test_random_bytes_decode_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode_json(data)


@given(st.integers(0, 3), st.binary(max_size=200))
def test_random_containers_decode_or_are_refused(code: int, data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode_json(bytes([code]) + data)


def test_values_that_overlap_come_to_an_end() -> None:
    """Every array's elements name the next array: 2^100 values if each were followed."""
    depth, size = DEEPEST - 1, 10
    data = bytearray(b"\x02")
    for number in range(depth):
        left = (depth - number) * size
        data += (2).to_bytes(2, "little") + left.to_bytes(2, "little")
        data += (b"\x02" + size.to_bytes(2, "little")) * 2
    started = time.monotonic()
    with pytest.raises(DecodeError):
        decode_json(bytes(data))
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ('[[1, {"a": 2}], "ARRAY", ["INTEGER", "OBJECT"], ["UNSIGNED INTEGER"]]',
         "JSON_ARRAY(1,JSON_OBJECT(_utf8mb4'a',CAST(2 AS UNSIGNED)))"),
        ('[1.0, "DOUBLE", null, null]', "CAST(_utf8mb4'1.0e0' AS JSON)"),
        ('["2024-01-02", "STRING", null, null]', "CAST(_utf8mb4'\"2024-01-02\"' AS JSON)"),
        ('["2024-01-02", "DATE", null, null]',
         "JSON_EXTRACT(JSON_ARRAY(CAST('2024-01-02' AS DATE)),_utf8mb4'$[0]')"),
        ('["base64:type15:AP8=", "BLOB", null, null]', "JSON_EXTRACT(JSON_ARRAY(X'00FF'),_utf8mb4'$[0]')"),
    ],
)  # fmt: skip
def test_what_the_server_shows_becomes_the_same_expression(shown: str, expected: str) -> None:
    assert parse_shown(shown) == expected


def test_types_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DecodeError):
        parse_shown('[[1, 2], "ARRAY", ["INTEGER"], null]')


def test_people_see_the_text() -> None:
    assert display("CAST(_utf8mb4'{\"a\": 7}' AS JSON)") == '{"a": 7}'
    assert display("CAST(_utf8mb4 X'22C3A922' AS JSON)") == '"é"'
    assert display("_latin1'::1'") == "::1"
