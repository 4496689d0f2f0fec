"""Table maps and rows events by hand: what the captured streams do not hold."""

from __future__ import annotations

import pytest

from backups.binlog.events import decode_rows, iterate_rows
from backups.binlog.flavor import Flavor
from backups.binlog.rows import ABSENT, ChangeKind, Column, RowChange, Table
from backups.binlog.tables import TableMap, bind_codecs, check_table, decode_packed_integer, decode_table_map
from backups.errors import DecodeError, UnknownTypeError

MARIADB = Flavor("mariadb", (10, 11, 19))
TABLE = Table("s", "t", tuple(Column(name, "tinyint", "tinyint(4)") for name in "abcdefghi"))
MAP = TableMap(7, "s", "t", (1,) * 9, (0,) * 9, (True,) * 9)


def make_map_body(types: bytes, meta: bytes) -> bytes:
    return b"\7\0\0\0\0\0\1\0\1s\0\1t\0" + bytes([len(types)]) + types + bytes([len(meta)]) + meta + b"\xff"


def test_it_reads_names_types_and_metadata() -> None:
    found = decode_table_map(make_map_body(bytes([3, 15, 254]), bytes([0x2C, 1, 0xF7, 1])))
    assert found == TableMap(7, "s", "t", (3, 15, 254), (0, 300, 0x1F7), (True, True, True))


def test_it_names_the_place_of_a_type_without_a_known_length() -> None:
    with pytest.raises(UnknownTypeError, match=r"s\.t: found the binlog type 200 in column 2"):
        decode_table_map(make_map_body(bytes([3, 200]), b""))


@pytest.mark.parametrize("size", range(20))
def test_it_refuses_a_map_that_is_cut(size: int) -> None:
    body = make_map_body(bytes([3, 15, 254]), bytes([0x2C, 1, 0xF7, 1]))
    with pytest.raises(DecodeError):
        decode_table_map(body[:size])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xfa", (250, 1)),
        (b"\xfc\1\2", (513, 3)),
        (b"\xfd\1\2\3", (197121, 4)),
        (b"\xfe" + b"\1" * 8, (0x0101010101010101, 9)),
    ],
)
def test_it_reads_length_encoded_integers(data: bytes, expected: tuple[int, int]) -> None:
    assert decode_packed_integer(data, 0) == expected


@pytest.mark.parametrize("data", [b"", b"\xfb", b"\xff", b"\xfc\1"])
def test_it_refuses_what_is_no_length(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_packed_integer(data, 0)


def test_it_takes_a_table_that_fits() -> None:
    check_table(MAP, TABLE, MARIADB)


@pytest.mark.parametrize(
    "table_map",
    [
        TableMap(7, "s", "other", (1,) * 9, (0,) * 9, (True,) * 9),
        TableMap(7, "s", "t", (1,) * 8, (0,) * 8, (True,) * 8),
        TableMap(7, "s", "t", (1,) * 8 + (3,), (0,) * 9, (True,) * 9),
    ],
)
def test_it_refuses_a_map_that_does_not_fit(table_map: TableMap) -> None:
    with pytest.raises(DecodeError, match="needed"):
        check_table(table_map, TABLE, MARIADB)


def test_absent_columns_have_no_bit_among_the_nulls() -> None:
    # Nine columns, of which the image carries the first, third and ninth; the third is NULL.
    body = b"\7\0\0\0\0\0\1\0\x09\x05\x01" + b"\x02\x0a\x0b"
    (change,) = decode_rows(body, 23, MAP, TABLE, MARIADB)
    assert change == RowChange(ChangeKind.INSERT, None, ("10", ABSENT, None, *(ABSENT,) * 5, "11"))


def test_images_of_an_update_have_their_own_columns() -> None:
    body = b"\7\0\0\0\0\0\1\0\x02\0\x09\x01\x00\x02\x00" + b"\x00\x05\x00\x06" + b"\x00\x07\x01"
    (first, second) = decode_rows(body, 31, MAP, TABLE, MARIADB)
    assert (first.before, first.after) == (("5", *(ABSENT,) * 8), (ABSENT, "6", *(ABSENT,) * 7))
    assert (second.before, second.after) == (("7", *(ABSENT,) * 8), (ABSENT, None, *(ABSENT,) * 7))


@pytest.mark.parametrize(
    "body",
    [
        b"\x08\0\0\0\0\0\1\0\x09\xff\x01" + b"\0" * 11,  # another table id
        b"\7\0\0\0\0\0\1\0\x08\xff" + b"\0" * 9,  # another number of columns
        b"\7\0\0\0\0\0\1\0\x09\0\0" + b"\0",  # rows, but no columns
        b"\7\0\0\0\0\0\1\0\x09\xff\x01" + b"\0" * 10,  # a row that is cut
        b"\7\0\0\0\0\0\1\0\x09\xff",  # a bitmap that is cut
    ],
)
def test_it_refuses_rows_that_do_not_fit(body: bytes) -> None:
    with pytest.raises(DecodeError):
        list(decode_rows(body, 23, MAP, TABLE, MARIADB))


def test_it_refuses_extra_data_without_its_own_length() -> None:
    with pytest.raises(DecodeError, match="extra data"):
        list(decode_rows(b"\7\0\0\0\0\0\1\0\0\0\x09\xff\x01", 30, MAP, TABLE, MARIADB))


def test_rows_come_one_by_one() -> None:
    good = b"\0\0" + b"\1" * 9
    rows = iterate_rows(b"\7\0\0\0\0\0\1\0\x09\xff\x01" + good + b"\0", 23, MAP, bind_codecs(MAP, TABLE, MARIADB))
    assert next(rows).after == ("1",) * 9
    with pytest.raises(DecodeError):
        next(rows)
