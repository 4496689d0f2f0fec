"""SQL literals and identifiers as text, and the same literals read back for people.

A literal means the same value under every sql_mode, time zone and connection character set: no backslash, no double
quote as a delimiter, no empty `''` (MariaDB's EMPTY_STRING_IS_NULL makes that NULL), other bytes than printable ASCII
as hex behind the column's character set.
"""

from __future__ import annotations

import calendar
import re
import time
from functools import lru_cache
from math import isfinite

from backups.binlog.charsets import WITHOUT_ASCII, decode_for_display
from backups.binlog.flavor import Flavor
from backups.binlog.rows import Column
from backups.errors import DecodeError

ZERO_TIMESTAMP = "'0000-00-00 00:00:00'"

_PLAIN = re.compile(rb"[\x20-\x5b\x5d-\x7e]+")  # printable ASCII without the backslash
_CUT_BYTES = 64


@lru_cache(maxsize=4096)
def quote_identifier(name: str) -> str:
    """Return `name` in backticks, inner backticks doubled (MySQL manual, "Schema Object Names")."""
    return "`" + name.replace("`", "``") + "`"


def is_same_bytes(text: str, charset: str) -> bool:
    """Whether `text` is the same bytes in the character set of the session that wrote it as in utf8mb4."""
    return charset.startswith("utf8") or (charset != "swe7" and text.isascii())


def quote_text(text: str) -> str:
    """Return printable ASCII `text` without backslashes in single quotes, inner quotes doubled."""
    return "'" + text.replace("'", "''") + "'"


def build_text_literal(data: bytes, charset: str) -> str:
    """Return the literal of a string column's bytes, e.g. `'it''s'` or `_utf8mb4 X'C3A9'`.

    data: the value in the column's own character set.
    charset: the server's name of the character set.
    """
    if charset not in WITHOUT_ASCII and _PLAIN.fullmatch(data):
        return quote_text(data.decode("ascii"))
    return f"_{charset} X'{data.hex().upper()}'"


def build_binary_literal(data: bytes) -> str:
    return f"X'{data.hex().upper()}'"


def build_float_literal(value: float) -> str:
    """Return `value` in its shortest exact form, always with an exponent, so that SQL reads a double, not a decimal.

    Raises DecodeError for infinities and NaN, which no column holds.
    """
    if not isfinite(value):
        raise DecodeError(f"found the floating point value {value}; needed: a finite number, as SQL knows no other.")
    text = repr(value)
    return text if "e" in text else text + "e0"


def build_timestamp_literal(seconds: int, fraction: str, flavor: Flavor) -> str:
    """Return the literal of a TIMESTAMP.

    seconds: since 1970-01-01 UTC; 0 without a fraction is the zero timestamp.
    fraction: as many digits as the column has, without the dot.
    """
    dotted = f".{fraction}" if fraction else ""
    if seconds == 0 and not fraction.strip("0"):
        return ZERO_TIMESTAMP
    if flavor.has_offset_literals:
        return f"'{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))}{dotted}+00:00'"
    return f"FROM_UNIXTIME({seconds}{dotted})"


def parse_timestamp_literal(literal: str) -> str:
    """Return the number that UNIX_TIMESTAMP gives for a literal of build_timestamp_literal, e.g. "1714557600.123"."""
    if literal == ZERO_TIMESTAMP:
        return "0"
    if literal.startswith("FROM_UNIXTIME("):
        return literal[14:-1]
    seconds = calendar.timegm(time.strptime(literal[1:20], "%Y-%m-%d %H:%M:%S"))
    return f"{seconds}{literal[20:-7]}"


def parse_literal_bytes(literal: str) -> bytes:
    """Return the bytes that a text or binary literal stands for."""
    if literal.startswith("'"):
        return literal[1:-1].replace("''", "'").encode("ascii")
    return bytes.fromhex(literal[literal.index("'") + 1 : -1])


def display(literal: str, column: Column | None = None) -> str:
    """Return a literal as people read it; for pages, never for SQL.

    column: when given, ENUM and SET numbers are shown as their members.
    """
    if column is not None and column.data_type in ("enum", "set") and literal.isdigit():
        return _display_members(int(literal), column)
    if literal.startswith("FROM_UNIXTIME("):
        seconds, _, fraction = literal[14:-1].partition(".")
        text = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(int(seconds)))
        return f"{text}{'.' + fraction if fraction else ''}+00:00"
    if literal.startswith("'"):
        return literal[1:-1].replace("''", "'")
    if literal.startswith("X'"):
        return _display_binary(parse_literal_bytes(literal))
    if literal.startswith("CAST(_utf8mb4"):
        return decode_for_display(parse_literal_bytes(literal[13 : -len(" AS JSON)")].lstrip()), "utf8mb4")
    if literal.startswith("_latin1'"):
        return literal[len("_latin1'") : -1]
    if literal.startswith("_"):
        return decode_for_display(parse_literal_bytes(literal), literal[1 : literal.index(" ")])
    if literal.startswith("b'"):
        return literal[2:-1]
    return literal.removesuffix("e0")


def _display_binary(data: bytes) -> str:
    shown = f"0x{data[:_CUT_BYTES].hex().upper()}"
    return shown if len(data) <= _CUT_BYTES else f"{shown}… ({len(data)} bytes)"


def _display_members(number: int, column: Column) -> str:
    members = parse_members(column.column_type)
    if column.data_type == "set":
        return ",".join(member for bit, member in enumerate(members) if number >> bit & 1)
    return members[number - 1] if 0 < number <= len(members) else ""


def parse_members(column_type: str) -> tuple[str, ...]:
    """Return the members in "enum('a','b')" or "set('a','b')", doubled quotes undone."""
    return tuple(member.replace("''", "'") for member in re.findall(r"'((?:[^']|'')*)'", column_type))


def fold_name(name: str) -> str:
    """Return what is the same for two names of columns that a server takes for one: it compares letter by letter.

    To it ß and ss are two names, and İ is i.
    """
    return "".join("i" if letter == "İ" else letter.lower() for letter in name)
