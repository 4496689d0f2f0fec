"""Whether the values that a column holds come back after a change that not every value would survive: asked of the
server, value by value, before the change."""

from __future__ import annotations

import re

from backups.rollback.column_types import ColumnType
from backups.rollback.definitions import Element
from backups.rollback.literals import quote_identifier

_TEXT_BYTES = {
    "tinytext": 1 << 8,
    "text": 1 << 16,
    "mediumtext": 1 << 24,
    "longtext": 1 << 32,
    "tinyblob": 1 << 8,
    "blob": 1 << 16,
    "mediumblob": 1 << 24,
    "longblob": 1 << 32,
}
_WITH_FRACTION = ("datetime", "timestamp", "time")
_CHARACTERS = {("char", "char"), ("varchar", "varchar"), ("char", "varchar")}


_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*+'|`(?:[^`]|``)*+`", re.DOTALL)
_CONSTANT = re.compile(r"(?:NULL|b?'(?:[^'\\]|\\.|'')*+'|-?[0-9][0-9.e+-]*)(?= |\Z)", re.DOTALL)


def has_constant_default(column: Element) -> bool:
    """Whether a column that is made again has the same value in each row, whenever that is."""
    plain = _QUOTED.sub(lambda match: "'" * len(match[0]), column.text)
    place = plain.find(" DEFAULT ")
    if "AUTO_INCREMENT" in plain:
        return False
    if place < 0:
        return "NOT NULL" not in plain
    return _CONSTANT.match(column.text, place + len(" DEFAULT ")) is not None


def build_misfit(column: Element, old: ColumnType | None, new: ColumnType | None) -> str | None:
    """Return the condition that is true of a value of `column` that a strict change from `old` to `new` would alter.

    new: None when the column is dropped, and would come back with its default. None when that cannot be told.
    """
    name = quote_identifier(column.name)
    if new is None:
        if not has_constant_default(column):
            return None
        # As bytes: to a collation an `A` may equal the default `a`.
        return f"NOT (CAST({name} AS BINARY) <=> CAST(DEFAULT({name}) AS BINARY))"
    if old is None or old.charset != new.charset or old.is_generated or new.is_generated:
        return None
    bases = (old.base, new.base)
    if bases in _CHARACTERS:
        return f"CHAR_LENGTH({name}) > {new.length}"
    if bases == ("varbinary", "varbinary"):
        return f"LENGTH({name}) > {new.length}"
    if old.base in _TEXT_BYTES and new.base in _TEXT_BYTES and old.base[-4:] == new.base[-4:]:
        return f"LENGTH({name}) >= {_TEXT_BYTES[new.base]}"
    if bases == ("decimal", "decimal"):
        return f"{name} <> ROUND({name}, {new.scale})"
    if old.base == new.base and old.base in _WITH_FRACTION:
        return f"MICROSECOND({name}) % {10 ** (6 - new.length)} <> 0"
    return None
