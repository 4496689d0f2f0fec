"""Literals that mean the same in every session, and how people see them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.binlog.flavor import Flavor
from backups.binlog.rows import Column
from backups.rollback import literals

MARIADB = Flavor("mariadb", (10, 11, 19))
MYSQL = Flavor("mysql", (9, 7, 4))
OLD_MYSQL = Flavor("mysql", (8, 0, 18))


@pytest.mark.parametrize(("name", "quoted"), [("a", "`a`"), ("a`b", "`a``b`"), ("%s.\"x'", "`%s.\"x'`")])
def test_identifiers_are_in_backticks(name: str, quoted: str) -> None:
    assert literals.quote_identifier(name) == quoted


@pytest.mark.parametrize(
    ("data", "literal"),
    [
        (b"plain ~", "'plain ~'"),
        (b"it's", "'it''s'"),
        (b"", "_utf8mb4 X''"),
        (b"\\", "_utf8mb4 X'5C'"),
        (b"a\tb", "_utf8mb4 X'610962'"),
        ("é".encode(), "_utf8mb4 X'C3A9'"),
        (b"\x7f", "_utf8mb4 X'7F'"),
    ],
)
def test_only_printable_ascii_without_backslash_stays_readable(data: bytes, literal: str) -> None:
    assert literals.build_text_literal(data, "utf8mb4") == literal


@given(st.binary(max_size=50))
def test_text_and_binary_literals_give_their_bytes_back(data: bytes) -> None:
    assert literals.parse_literal_bytes(literals.build_text_literal(data, "latin1")) == data
    assert literals.parse_literal_bytes(literals.build_binary_literal(data)) == data


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_exact_and_never_decimals(value: float) -> None:
    literal = literals.build_float_literal(value)
    assert "e" in literal
    assert repr(float(literal)) == repr(value)


@given(st.integers(1, (1 << 32) - 1), st.sampled_from(["", "0", "123", "999999"]))
def test_timestamps_keep_their_seconds(seconds: int, fraction: str) -> None:
    dotted = f"{seconds}.{fraction}" if fraction else str(seconds)
    for flavor in (MARIADB, MYSQL, OLD_MYSQL):
        literal = literals.build_timestamp_literal(seconds, fraction, flavor)
        assert literals.parse_timestamp_literal(literal) == dotted
        assert literal.startswith("'") == (flavor is MYSQL)


@pytest.mark.parametrize(
    ("literal", "shown"),
    [
        ("42", "42"),
        ("-1.5e0", "-1.5"),
        ("'it''s'", "it's"),
        ("_utf8mb4 X'C3A9'", "é"),
        ("_utf8mb4 X''", ""),
        ("_latin1 X'80'", "€"),
        ("_latin1 X'81'", "\\x81"),
        ("X'00FF'", "0x00FF"),
        (f"X'{'AB' * 100}'", f"0x{'AB' * 64}… (100 bytes)"),
        ("b'101'", "101"),
        ("FROM_UNIXTIME(1714557600.123)", "2024-05-01 10:00:00.123+00:00"),
        ("'2024-05-01 10:00:00.123+00:00'", "2024-05-01 10:00:00.123+00:00"),
    ],
)
def test_people_see_values(literal: str, shown: str) -> None:
    assert literals.display(literal) == shown


def test_people_see_members_of_enum_and_set() -> None:
    enum = Column("e", "enum", "enum('a','it''s','b,c')")
    assert [literals.display(str(number), enum) for number in range(4)] == ["", "a", "it's", "b,c"]
    assert literals.display("5", Column("s", "set", "set('x','y','z')")) == "x,z"
