"""It knows which changes of a column's type keep every value; tests/live/test_schema_changes.py asks real servers."""

from __future__ import annotations

import pytest

from backups.rollback.column_types import keeps_values, parse_type
from backups.rollback.definitions import Element


def keeps(old: str, new: str, *, strict: bool) -> bool:
    types = [parse_type(Element("c", f"`c` {text}"), "utf8mb4") for text in (old, new)]
    assert types[0] is not None
    assert types[1] is not None
    return keeps_values(types[0], types[1], strict=strict)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("int DEFAULT NULL", "bigint DEFAULT NULL"),
        ("int unsigned NOT NULL", "bigint NOT NULL"),
        ("varchar(10) DEFAULT NULL", "varchar(11) DEFAULT 'x'"),
        ("char(10) NOT NULL", "varchar(10) DEFAULT NULL"),
        ("varchar(10) CHARACTER SET latin1", "varchar(10)"),
        ("varchar(60)", "tinytext"),
        ("text", "mediumtext"),
        ("decimal(10,2)", "decimal(12,4)"),
        ("enum('a','b')", "enum('a','b','c')"),
        ("time", "time(3)"),
        ("float", "double"),
        ("varbinary(3)", "varbinary(4)"),
        ("point NOT NULL", "geometry NOT NULL"),
        ("int GENERATED ALWAYS AS (1) VIRTUAL", "varchar(3)"),
        ("int(11) DEFAULT 1 COMMENT 'NOT NULL'", "int(11) DEFAULT 2"),
    ],
)
def test_it_widens_in_any_session(old: str, new: str) -> None:
    assert keeps(old, new, strict=False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bigint NOT NULL", "int NOT NULL"),
        ("int", "int unsigned"),
        ("int DEFAULT NULL", "int NOT NULL"),
        ("decimal(10,2)", "decimal(4,2)"),
        ("enum('a','b')", "enum('b')"[:-1] + ",'a')"),
        ("varchar(10)", "varchar(10) CHARACTER SET latin1"),
        ("varchar(10) CHARACTER SET cp1251", "varchar(10)"),  # the byte 98 is none of its characters
        ("varchar(10) CHARACTER SET ascii", "varchar(10)"),
        ("datetime", "datetime(3)"),  # 2024-02-31 would become a zero
        ("date", "datetime"),
    ],
)
def test_a_strict_session_stops_instead_of_cutting(old: str, new: str) -> None:
    assert keeps(old, new, strict=True)
    assert not keeps(old, new, strict=False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("varchar(10)", "varchar(9)"),  # spaces at the end are cut with a note only
        ("varchar(10)", "char(10)"),
        ("varchar(64)", "tinytext"),
        ("decimal(10,2)", "decimal(12,1)"),  # rounded with a note only
        ("datetime(3)", "datetime"),
        ("timestamp NULL", "datetime"),
        ("timestamp NULL DEFAULT NULL", "timestamp NOT NULL"),
        ("double", "float"),
        ("int", "varchar(20)"),
        ("binary(3)", "binary(4)"),
        ("int", "int GENERATED ALWAYS AS (1) STORED"),
        ("varchar(10) CHARACTER SET cp932", "varchar(10)"),
        ("json", "longtext"),
        ("bit(9)", "bit(8)"),
        ("year", "int"),
    ],
)
def test_the_rest_counts_as_lost(old: str, new: str) -> None:
    assert not keeps(old, new, strict=True)
