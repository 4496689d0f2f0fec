"""Decoders of dates and times: fields as text, so that zero, partial and invalid dates survive.

Source of the forms: MySQL server, mysys/my_time.cc (my_*_packed_from_binary) and sql/field.cc for the old ones.
"""

from __future__ import annotations

from backups.binlog.flavor import Flavor
from backups.binlog.values import Decoder, take
from backups.errors import DecodeError
from backups.rollback.literals import build_timestamp_literal


def fraction_size(fsp: int) -> int:
    """Return the bytes that `fsp` fractional digits (0 to 6) take."""
    return (fsp + 1) // 2


def year(data: bytes, position: int) -> tuple[str, int]:
    """Decode a YEAR: a number, as the text '0000' is the year 2000 where the connection's characters are wide."""
    value = take(data, position, 1)[0]
    return (str(1900 + value) if value else "0000"), position + 1


def date(data: bytes, position: int) -> tuple[str, int]:
    """Decode a DATE: three bytes little-endian, day in the low five bits, month in four, year above."""
    packed = int.from_bytes(take(data, position, 3), "little")
    return f"'{_date_text(packed >> 9, packed >> 5 & 15, packed & 31)}'", position + 3


def datetime2(fsp: int) -> Decoder:
    """Decoder of DATETIME(fsp) of MySQL 5.6 and later and of MariaDB with mysql56_temporal_format."""
    size = 5 + fraction_size(fsp)

    def decode(data: bytes, position: int) -> tuple[str, int]:
        chunk = take(data, position, size)
        packed = int.from_bytes(chunk[:5], "big") - 0x8000000000
        if packed < 0:
            raise DecodeError(
                f"found {chunk.hex()} as a DATETIME; needed: a year from 0 to 9999. The event is misread."
            )
        year_month, day = divmod(packed >> 17, 32)
        year_number, month = divmod(year_month, 13)
        clock = _clock_text(packed >> 12 & 31, packed >> 6 & 63, packed & 63)
        return f"'{_date_text(year_number, month, day)} {clock}{_dotted(chunk[5:], fsp)}'", position + size

    return decode


def time2(fsp: int) -> Decoder:
    """Decoder of TIME(fsp): one big-endian number minus an offset, the fraction in it, and only then the sign."""
    extra = fraction_size(fsp)
    size = 3 + extra
    offset = 1 << (size * 8 - 1)

    def decode(data: bytes, position: int) -> tuple[str, int]:
        packed = int.from_bytes(take(data, position, size), "big") - offset
        magnitude = abs(packed)
        seconds = magnitude >> extra * 8
        fraction = (magnitude & (1 << extra * 8) - 1).to_bytes(extra, "big")
        clock = _clock_text(seconds >> 12 & 1023, seconds >> 6 & 63, seconds & 63, hours=838)
        return f"'{'-' if packed < 0 else ''}{clock}{_dotted(fraction, fsp)}'", position + size

    return decode


def timestamp2(fsp: int, flavor: Flavor) -> Decoder:
    size = 4 + fraction_size(fsp)

    def decode(data: bytes, position: int) -> tuple[str, int]:
        chunk = take(data, position, size)
        digits = _dotted(chunk[4:], fsp)[1:]
        return build_timestamp_literal(int.from_bytes(chunk[:4], "big"), digits, flavor), position + size

    return decode


def old_timestamp(flavor: Flavor) -> Decoder:
    """Decoder of TIMESTAMP as before MySQL 5.6, and of MariaDB without mysql56_temporal_format."""

    def decode(data: bytes, position: int) -> tuple[str, int]:
        seconds = int.from_bytes(take(data, position, 4), "little")
        return build_timestamp_literal(seconds, "", flavor), position + 4

    return decode


def old_datetime(data: bytes, position: int) -> tuple[str, int]:
    """Decode the old DATETIME: the decimal number YYYYMMDDhhmmss in eight bytes."""
    day_number, clock = divmod(int.from_bytes(take(data, position, 8), "little"), 1_000_000)
    date_text = _date_text(day_number // 10_000, day_number // 100 % 100, day_number % 100)
    return f"'{date_text} {_clock_text(clock // 10_000, clock // 100 % 100, clock % 100)}'", position + 8


def old_time(data: bytes, position: int) -> tuple[str, int]:
    """Decode the old TIME: the decimal number hhmmss, signed, in three bytes."""
    packed = int.from_bytes(take(data, position, 3), "little", signed=True)
    clock = abs(packed)
    text = _clock_text(clock // 10_000, clock // 100 % 100, clock % 100, hours=838)
    return f"'{'-' if packed < 0 else ''}{text}'", position + 3


# MariaDB's forms with fractions, of tables made under mysql56_temporal_format=OFF: one big-endian number in units of
# the last digit. Source: MariaDB server, sql/field.cc, pack_time and store_TIME of Field_…_hires.

_HIRES_DATETIME_BYTES = (5, 6, 6, 7, 7, 7, 8)
_HIRES_TIME_BYTES = (3, 4, 4, 5, 5, 5, 6)
_HIRES_TIME_LIMIT = 838 * 3600 + 59 * 60 + 59 + 1


def hires_datetime(fsp: int) -> Decoder:
    size, unit = _HIRES_DATETIME_BYTES[fsp], 10**fsp

    def decode(data: bytes, position: int) -> tuple[str, int]:
        seconds, fraction = divmod(int.from_bytes(take(data, position, size), "big"), unit)
        minutes, second = divmod(seconds, 60)
        days, minute_of_day = divmod(minutes, 24 * 60)
        year_month, day = divmod(days, 32)
        year_number, month = divmod(year_month, 13)
        clock = _clock_text(minute_of_day // 60, minute_of_day % 60, second)
        return f"'{_date_text(year_number, month, day)} {clock}.{fraction:0{fsp}d}'", position + size

    return decode


def hires_time(fsp: int) -> Decoder:
    size, unit = _HIRES_TIME_BYTES[fsp], 10**fsp

    def decode(data: bytes, position: int) -> tuple[str, int]:
        packed = int.from_bytes(take(data, position, size), "big") - _HIRES_TIME_LIMIT * unit
        seconds, fraction = divmod(abs(packed), unit)
        clock = _clock_text(seconds // 3600, seconds // 60 % 60, seconds % 60, hours=838)
        return f"'{'-' if packed < 0 else ''}{clock}.{fraction:0{fsp}d}'", position + size

    return decode


def hires_timestamp(fsp: int, flavor: Flavor) -> Decoder:
    extra = fraction_size(fsp)

    def decode(data: bytes, position: int) -> tuple[str, int]:
        chunk = take(data, position, 4 + extra)
        fraction = f"{int.from_bytes(chunk[4:], 'big'):0{fsp}d}"
        if len(fraction) > fsp:
            raise DecodeError(f"found the fraction {fraction} in a column of {fsp} digits. The event is misread.")
        return build_timestamp_literal(int.from_bytes(chunk[:4], "big"), fraction, flavor), position + 4 + extra

    return decode


def packed_text(packed: int, *, has_date: bool, has_clock: bool) -> str:
    """Return the text of a time as MySQL packs it in eight bytes: fields above, 24 bits of microseconds below."""
    magnitude = abs(packed)
    if has_date and packed < 0:
        raise DecodeError(f"found {packed} as a DATETIME; needed: a year from 0 to 9999. The event is misread.")
    seconds, fraction = magnitude >> 24, _dotted((magnitude & 0xFFFFFF).to_bytes(3, "big"), 6)
    if not has_date:
        return "-" * (packed < 0) + _clock_text(seconds >> 12, seconds >> 6 & 63, seconds & 63, hours=838) + fraction
    year_month, day = divmod(seconds >> 17, 32)
    year_number, month = divmod(year_month, 13)
    date_text = _date_text(year_number, month, day)
    if not has_clock:
        return date_text
    return f"{date_text} {_clock_text(seconds >> 12 & 31, seconds >> 6 & 63, seconds & 63)}{fraction}"


def _date_text(year_number: int, month: int, day: int) -> str:
    if year_number > 9999 or month > 12 or day > 31:
        raise DecodeError(f"found the date {year_number}-{month}-{day}. The event is misread.")
    return f"{year_number:04d}-{month:02d}-{day:02d}"


def _clock_text(hour: int, minute: int, second: int, hours: int = 23) -> str:
    if hour > hours or minute > 59 or second > 59:
        raise DecodeError(f"found the time {hour}:{minute}:{second}. The event is misread.")
    return f"{hour:02d}:{minute:02d}:{second:02d}"


def _dotted(chunk: bytes, fsp: int) -> str:
    """Return ".ddd" with `fsp` digits; the bytes hold an even number of digits, a last odd one being zero."""
    if not fsp:
        return ""
    digits = f"{int.from_bytes(chunk, 'big'):0{len(chunk) * 2}d}"
    if len(digits) > len(chunk) * 2:
        raise DecodeError(f"found the fraction {digits} in a column of {fsp} fractional digits. The event is misread.")
    return "." + digits[:fsp]
