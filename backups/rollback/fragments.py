"""Source text for the values of common column types: what generated code does where the plain decoder calls a closure.

A fragment gives the same literal as its codec's decoder, or the generated code leaves the event to the plain one: it
raises on whatever it does not expect. Types without a fragment are decoded by their codec.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backups.binlog import codecs as types
from backups.binlog.codecs import Codec
from backups.binlog.flavor import Flavor
from backups.binlog.rows import Column
from backups.rollback.literals import ZERO_TIMESTAMP

_MEMO_ENTRIES = 1 << 14
_ASCII_CHARSETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"})


@dataclass(frozen=True, slots=True)
class Wire:
    """One column as the table map has it. position: its number in the table, from 0."""

    position: int
    column: Column
    type_code: int
    meta: int
    flavor: Flavor
    codec: Codec


@dataclass(frozen=True, slots=True)
class Fragment:
    """How one column is read.

    form: struct letters of a value of fixed size, little-endian, a local variable for each; "" where the size varies.
    length_size: bytes of the length in front of a value whose size varies; 0 for fixed ones.
    source: of a value whose size varies: "text" (latin-1) or "body" (bytes); it lies from s to q and is @0.
    lines: statements after reading; @0, @1 stand for the variables of `form`, @2 for another.
    value: pieces of an f-string that make the literal.
    names: what `lines` and `value` call, each name ending in the column's number.
    """

    form: str = ""
    length_size: int = 0
    source: str = "text"
    lines: tuple[str, ...] = ()
    value: str = "{@0}"
    names: tuple[tuple[str, Any], ...] = ()

    @property
    def size(self) -> int:
        return struct.calcsize("<" + self.form)


class Memo(dict[Any, str]):
    """Texts by number or bytes, made when first asked for; it forgets all before it becomes large."""

    def __init__(self, make: Callable[[Any], str]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: Any) -> str:
        text = self._make(key)
        if len(self) >= _MEMO_ENTRIES:
            self.clear()
        self[key] = text
        return text


MARKS = bytes(not 0x20 <= byte <= 0x7E or byte in b"'\\" for byte in range(256))
"""1 for each byte that cannot stand in quotes as it is: a whole event is marked at once, in a tenth of the time."""

TWO = tuple(f"{number:02d}" for number in range(100))
THREE = tuple(f"{number:03d}" for number in range(1000))
SIXTY = TWO[:60]


def _make_date(number: int) -> str:
    """Return "YYYY-MM-DD " of the upper bits of a packed DATETIME."""
    year_month, day = divmod(number - (1 << 22), 32)
    year, month = divmod(year_month, 13)
    if year_month < 0 or year > 9999:
        raise ValueError(number)
    return f"{year:04d}-{month:02d}-{day:02d} "


def _make_minutes(number: int) -> str:
    """Return "hh:mm:" of an hour and six bits of minute. The hour is below 24 for all but TIME."""
    if number & 63 > 59 or number >> 6 > 838:
        raise ValueError(number)
    return f"{number >> 6:02d}:{number & 63:02d}:"


def _make_hour(number: int) -> str:
    return time.strftime("%Y-%m-%d %H:", time.gmtime(number * 3600))


DATES, MINUTES, HOURS = Memo(_make_date), Memo(_make_minutes), Memo(_make_hour)
CLOCKS = {hour << 6 | minute: f"{hour:02d}:{minute:02d}:" for hour in range(24) for minute in range(60)}
MINUTES_SECONDS = tuple(f"{minute:02d}:{second:02d}" for minute in range(60) for second in range(60))


def find_fragment(wire: Wire) -> Fragment | None:
    """Return the fragment of a column, None when its codec has to decode it."""
    make = _FRAGMENTS.get(wire.column.data_type)
    return make(wire) if make else None


def find_length_size(wire: Wire) -> int:
    """Return the bytes of the length in front of each value, 0 when values have none or it is not known."""
    if wire.type_code == types.BLOB:
        return wire.meta
    if wire.type_code in (types.VARCHAR, types.VAR_STRING):
        return 2 if wire.meta > 255 else 1
    first, second = wire.meta & 0xFF, wire.meta >> 8
    if wire.type_code == types.STRING and first not in (types.ENUM, types.SET):
        return 2 if second | ((first & 0x30) ^ 0x30) << 4 > 255 else 1
    return 0


def _integer(wire: Wire) -> Fragment:
    form, sign = {1: "b", 2: "h", 9: "m", 3: "i", 8: "q"}[wire.type_code], wire.column.unsigned
    if form == "m":
        return Fragment("HB" if sign else "Hb", value="{@0 | @1 << 16}")
    return Fragment(form.upper() if sign else form)


def _floating(wire: Wire) -> Fragment:
    lines = ("if @0 - @0: raise ValueError", "@0 = repr(@0)", "if 'e' not in @0: @0 += 'e0'")
    return Fragment("f" if wire.type_code == types.FLOAT else "d", lines=lines)


def _decimal(wire: Wire) -> Fragment | None:
    """Up to eighteen digits in front of the point, two groups, and four behind; longer ones are left to the codec."""
    precision, part = wire.meta & 0xFF, wire.meta >> 8
    whole = precision - part
    if not (0 < whole <= 18 and part <= 4):
        return None
    sizes = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
    size, bits = whole // 9 * 4 + sizes[whole % 9] + sizes[part], sizes[part] * 8
    sign = 1 << size * 8 - 1
    lines = [
        "@0 = from_bytes(@0, 'big')",
        f"@2 = '' if @0 & {sign} else '-'",
        f"@0 ^= {sign - 1} if @2 else {sign}",
        f"@1 = @0 & {(1 << bits) - 1}",
        f"@0 >>= {bits}",
    ]
    if whole > 9:
        lines.append("if @0 & 0xFFFFFFFF > 999999999: raise ValueError")
        lines.append("@0 = (@0 >> 32) * 1000000000 + (@0 & 0xFFFFFFFF)")
    lines.append(f"if @0 >= {10**whole}: raise ValueError")
    if part == 1:
        lines.append("if @1 > 9: raise ValueError")
    behind = ("", ".{@1}", ".{TWO[@1]}", ".{THREE[@1]}", ".{TWO[@1 // 100]}{TWO[@1 % 100]}")[part]
    return Fragment(f"{size}s", lines=tuple(lines), value="{@2}{@0}" + behind)


def _memoized(wire: Wire, size: int) -> Fragment:
    """A value of few bytes, of which the codec's decoder is asked once."""
    decode = wire.codec.decode
    name = f"M{wire.position}"
    return Fragment(f"{size}s", value=f"{{{name}[@0]}}", names=((name, Memo(lambda key: decode(key, 0)[0])),))


def _year(wire: Wire) -> Fragment:
    return _memoized(wire, 1)


def _date(wire: Wire) -> Fragment:
    return _memoized(wire, 3)


def _fraction(fsp: int, variable: str) -> tuple[str, str]:
    """Return the struct letters of a fraction, and f-string pieces that show the number in `variable`."""
    if not fsp:
        return "", ""
    if fsp <= 2:
        return "B", f".{{TWO[{variable}]{'[:1]' if fsp == 1 else ''}}}"
    if fsp == 3:
        return "2s", f".{{THREE[{variable} // 10]}}"
    if fsp == 4:
        return "2s", f".{{TWO[{variable} // 100]}}{{TWO[{variable} % 100]}}"
    return "3s", f".{{THREE[{variable} // 1000]}}{{THREE[{variable} % 1000]{'[:2]' if fsp == 5 else ''}}}"


def _datetime(wire: Wire) -> Fragment | None:
    if wire.type_code != types.DATETIME2:
        return None
    form, fraction = _fraction(wire.meta, "@1")
    lines = ["@0 = from_bytes(@0, 'big')"]
    if len(form) == 2:
        lines.append("@1 = from_bytes(@1, 'big')")
    value = f"'{{DATES[@0 >> 17]}}{{CLOCKS[@0 >> 6 & 2047]}}{{SIXTY[@0 & 63]}}{fraction}'"
    return Fragment("5s" + form, lines=tuple(lines), value=value)


def _time(wire: Wire) -> Fragment | None:
    """From zero up; a negative TIME is left to the codec."""
    if wire.type_code != types.TIME2:
        return None
    size = 3 + (wire.meta + 1) // 2
    shift, decode = (size - 3) * 8, f"D{wire.position}"
    _, fraction = _fraction(wire.meta, f"(@1 & {(1 << shift) - 1})")
    value = f"'{{MINUTES[@1 >> {shift + 6}]}}{{SIXTY[@1 >> {shift} & 63]}}{fraction}'"
    lines = (
        f"@1 = from_bytes(@0, 'big') - {1 << size * 8 - 1}",
        f'@0 = {decode}(@0, 0)[0] if @1 < 0 else f"{value}"',
    )
    return Fragment(f"{size}s", lines=lines, names=((decode, wire.codec.decode),))


def _timestamp(wire: Wire) -> Fragment | None:
    if wire.type_code != types.TIMESTAMP2:
        return None
    form, fraction = _fraction(wire.meta, "@1")
    lines = ["@0 = from_bytes(@0, 'big')"]
    if len(form) == 2:
        lines.append("@1 = from_bytes(@1, 'big')")
    if wire.flavor.has_offset_literals:
        text = f"'{{HOURS[@0 // 3600]}}{{MINUTES_SECONDS[@0 % 3600]}}{fraction}+00:00'"
    else:
        text = f"FROM_UNIXTIME({{@0}}{fraction})"
    # A first second of the epoch with a fraction is rare enough for the plain decoder.
    lines.append(f'@0 = f"{text}" if @0 else {"ZERO_OF(@1)" if form else "ZERO"}')
    return Fragment("4s" + form, lines=tuple(lines))


def zero_of(fraction: int) -> str:
    if fraction:
        raise ValueError(fraction)
    return ZERO_TIMESTAMP


def _text(wire: Wire) -> Fragment | None:
    length_size = find_length_size(wire)
    if wire.column.charset not in _ASCII_CHARSETS or not length_size:
        return None
    hexed = f"_{wire.column.charset} X'{{body[s:q].hex().upper()}}'"
    lines = (
        "if find_mark(1, s, q) < 0 and @0: @0 = f\"'{@0}'\"",
        "elif @0.isascii() and @0.isprintable() and '\\\\' not in @0 and @0:",
        '    @0 = "\'" + @0.replace("\'", "\'\'") + "\'"',
        f'else: @0 = f"{hexed}"',
    )
    return Fragment(length_size=length_size, lines=lines)


def _binary(wire: Wire) -> Fragment | None:
    length_size = find_length_size(wire)
    if not length_size:
        return None
    padding = ""
    if wire.column.data_type == "binary":
        first, second = wire.meta & 0xFF, wire.meta >> 8
        padding = f".ljust({second | ((first & 0x30) ^ 0x30) << 4}, NUL)"
    return Fragment(length_size=length_size, source="body", value=f"X'{{@0{padding}.hex().upper()}}'")


def _member(wire: Wire) -> Fragment | None:
    form = {1: "B", 2: "H", 4: "I", 8: "Q"}.get(wire.meta >> 8)
    return Fragment(form) if form else None


_FRAGMENTS: dict[str, Callable[[Wire], Fragment | None]] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint"), _integer),
    **dict.fromkeys(("float", "double"), _floating),
    "decimal": _decimal,
    "year": _year,
    "date": _date,
    "datetime": _datetime,
    "time": _time,
    "timestamp": _timestamp,
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), _text),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), _binary),
    **dict.fromkeys(("enum", "set"), _member),
}

NAMES: dict[str, Any] = {
    "MARKS": MARKS,
    "TWO": TWO,
    "THREE": THREE,
    "SIXTY": SIXTY,
    "DATES": DATES,
    "CLOCKS": CLOCKS,
    "MINUTES": MINUTES,
    "HOURS": HOURS,
    "MINUTES_SECONDS": MINUTES_SECONDS,
    "ZERO": ZERO_TIMESTAMP,
    "ZERO_OF": zero_of,
    "NUL": b"\0",
    "from_bytes": int.from_bytes,
}
