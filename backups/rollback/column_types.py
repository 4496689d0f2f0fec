"""Whether every value of a column survives a change of its type and the way back: only what is certain.

"Strict" is a session with STRICT_TRANS_TABLES or STRICT_ALL_TABLES: there a value that does not fit stops the ALTER,
and without it the value is cut in silence. What strict mode lets pass all the same (rounded decimals and fractions of
seconds, cut trailing spaces) counts as lost in either.
Source: MySQL manual, "Server SQL Modes" and "Out-of-Range and Overflow Handling"; each rule is run on real servers by
tests/fidelity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from backups.rollback.definitions import Element

_TYPE = re.compile(r"`(?:[^`]|``)+` (\w+)(?:\s*\(((?:[^()'\\]|'(?:[^'\\]|\\.|'')*+')*)\))?([^'(]*)", re.DOTALL)
_CHARSET = re.compile(r"\bCHARACTER SET (\w+)")
_COLLATION = re.compile(r"\bCOLLATE (\w+)")
_MEMBER = re.compile(r"'(?:[^'\\]|\\.|'')*+'", re.DOTALL)

_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*+'|`(?:[^`]|``)*+`", re.DOTALL)

_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_TEXT_BYTES = {"tinytext": 1 << 8, "text": 1 << 16, "mediumtext": 1 << 24, "longtext": 1 << 32}
_BLOB_BYTES = {"tinyblob": 1 << 8, "blob": 1 << 16, "mediumblob": 1 << 24, "longblob": 1 << 32}
DATES = frozenset({"date", "datetime", "timestamp"})
_WITH_FRACTION = ("datetime", "timestamp", "time")
SET_THEMSELVES = frozenset({"datetime", "timestamp"})
"""Types of columns that can have ON UPDATE, which goes with a column into CREATE TABLE … SELECT."""
GEOMETRIES = frozenset(
    {"point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geometrycollection", "geomcollection"}
)
_UNICODE = frozenset({"utf8mb4", "utf8mb3", "utf8", "utf16", "utf16le", "utf32", "ucs2"})
_WHOLE_UNICODE = frozenset({"utf8mb4", "utf16", "utf16le", "utf32"})
_SINGLE_BYTE = frozenset({"ascii", "latin1", "latin2", "latin5", "latin7", "cp1250", "cp1251", "cp1256", "cp1257"})
"""Each of their characters is one of Unicode's, and no two the same."""
_WITHOUT_GAPS = frozenset({"latin1", "latin2", "latin5", "latin7"})
"""Of these, in which every byte is a character: others hold bytes that are none, and only a strict session refuses."""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """base: lower case. arguments: inside of the parentheses, as written. charset: "" for types without one."""

    base: str
    arguments: str
    unsigned: bool
    nullable: bool
    charset: str
    is_generated: bool
    is_compressed: bool = False

    @property
    def length(self) -> int:
        """The first number in the parentheses, 0 when there is none."""
        first = self.arguments.partition(",")[0].strip()
        return int(first) if first.isdigit() else 0

    @property
    def scale(self) -> int:
        second = self.arguments.partition(",")[2].strip()
        return int(second) if second.isdigit() else 0

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(_MEMBER.findall(self.arguments))


def read_words(column: Element) -> str:
    """Return a column's clause without its strings and names: a comment may hold the words of any other clause."""
    return _QUOTED.sub("''", column.text)


def parse_type(column: Element, table_charset: str) -> ColumnType | None:
    """Return the type of a column's clause; None when it cannot be told."""
    match = _TYPE.match(column.text)
    if match is None:
        return None
    words = match[3]
    charset = _CHARSET.search(words)
    base = match[1].lower()
    has_charset = base in ("char", "varchar", "enum", "set") or base in _TEXT_BYTES
    return ColumnType(
        base=base,
        arguments=match[2] or "",
        unsigned="unsigned" in words,
        nullable="NOT NULL" not in words,
        charset=(charset[1] if charset else table_charset) if has_charset else "",
        is_generated=any(words in read_words(column) for words in ("GENERATED ALWAYS AS", " AS ROW ")),
        is_compressed=" COMPRESSED" in words,
    )


def lacks_default(column: Element) -> bool:
    """Tell whether a column that can be NULL has lost even that default: written so, it would get it (MySQL)."""
    kind = parse_type(column, "")
    if kind is None or not kind.nullable or kind.is_generated or kind.base in (*_TEXT_BYTES, *_BLOB_BYTES):
        return False  # no default of a TEXT or BLOB is written, be it there or not
    words = read_words(column)
    # Of the server's own words only a TIMESTAMP's say NULL by itself; ours do, of columns on their way.
    is_ours = words.endswith(" NULL") and kind.base != "timestamp"
    return not is_ours and " DEFAULT " not in words


def build_bare_type(column: Element, options: Mapping[str, str]) -> str:
    """Return what a column's clause says of its values, for a column of another table: type, characters and NULL.

    options: of its own table, whose character set it has where it names none.
    """
    match = _TYPE.match(column.text)
    kind = parse_type(column, options.get("CHARSET", ""))
    assert match is not None
    assert kind is not None
    words = match[3]
    parts = [f"{match[1]}({match[2]})" if match[2] is not None else match[1]]
    parts += [word for word in ("unsigned", "zerofill") if word in words.split()]
    if kind.charset:
        collation = _COLLATION.search(words)
        if _CHARSET.search(words) or not collation:
            parts.append(f"CHARACTER SET {kind.charset}")
        if collation:
            parts.append(f"COLLATE {collation[1]}")
        elif not _CHARSET.search(words) and "COLLATE" in options:
            parts.append(f"COLLATE {options['COLLATE']}")
    parts.append("NULL" if kind.nullable else "NOT NULL")
    if kind.base == "timestamp" and not kind.nullable:
        parts.append("DEFAULT '1970-01-02 00:00:01'")  # else MariaDB lets the first one set itself
    return " ".join(parts)


def keeps_values(old: ColumnType, new: ColumnType, *, strict: bool) -> bool:
    """Tell whether each value of `old` is the same again after a change to `new` and back."""
    if old.is_generated:
        return True  # it is calculated anew
    if new.is_generated or (old.nullable and not new.nullable and (not strict or old.base == "timestamp")):
        return False
    if not _keeps_characters(old, new, strict=strict):
        return False
    if old.charset != new.charset and not strict and old.base in _TEXT_BYTES:
        # Of characters that take more bytes fewer fit; the next larger type has room for all of them.
        return _TEXT_BYTES.get(new.base, 0) > _TEXT_BYTES[old.base]
    if old.is_compressed and new.is_compressed and old.base != new.base:
        return False  # MariaDB 11.8 answers "data too long" to the way back, whatever the values
    if (old.base, old.arguments, old.unsigned) == (new.base, new.arguments, new.unsigned):
        return True
    return any(
        rule(old, new, strict)
        for rule in (_integers, _texts, _binaries, _decimals, _floats, _members, _times, _bits, _geometries)
    )


def can_return(old: ColumnType, new: ColumnType) -> bool:
    """Tell whether an ALTER from `new` back to `old` runs whatever became of the values, where it is not strict.

    A document of MySQL that was cut, or is bytes, is none, and every session refuses it.
    """
    return old.base != "json" or new.base in ("json", "mediumtext", "longtext") or new.is_generated


def _keeps_characters(old: ColumnType, new: ColumnType, *, strict: bool) -> bool:
    if old.charset == new.charset:
        return True
    if not old.charset or not new.charset:
        return False
    known = _UNICODE | _SINGLE_BYTE
    if old.charset not in known or new.charset not in known:
        return False
    return strict or (new.charset in _WHOLE_UNICODE and old.charset in _UNICODE | _WITHOUT_GAPS)


def _integers(old: ColumnType, new: ColumnType, strict: bool) -> bool:
    if old.base not in _INTEGER_BITS or new.base not in _INTEGER_BITS:
        return False
    if strict:
        return True
    if old.unsigned == new.unsigned:
        return _INTEGER_BITS[new.base] >= _INTEGER_BITS[old.base]
    return old.unsigned and _INTEGER_BITS[new.base] > _INTEGER_BITS[old.base]


def _texts(old: ColumnType, new: ColumnType, strict: bool) -> bool:
    if old.base in _TEXT_BYTES and new.base in _TEXT_BYTES:
        return _TEXT_BYTES[new.base] >= _TEXT_BYTES[old.base]
    if old.base in ("char", "varchar") and new.base in _TEXT_BYTES:
        return old.length * 4 < _TEXT_BYTES[new.base]
    # The spaces at the end of a CHAR are not stored; a VARCHAR's are.
    return (old.base, new.base) in (("char", "char"), ("varchar", "varchar"), ("char", "varchar")) and (
        new.length >= old.length
    )


def _binaries(old: ColumnType, new: ColumnType, strict: bool) -> bool:
    if old.base in _BLOB_BYTES and new.base in _BLOB_BYTES:
        return _BLOB_BYTES[new.base] >= _BLOB_BYTES[old.base]
    if old.base == "varbinary" and new.base in _BLOB_BYTES:
        return old.length < _BLOB_BYTES[new.base]
    return old.base == new.base == "varbinary" and new.length >= old.length


def _decimals(old: ColumnType, new: ColumnType, strict: bool) -> bool:
    if not old.base == new.base == "decimal" or new.scale < old.scale:
        return False
    wide_enough = new.length - new.scale >= old.length - old.scale and not (new.unsigned and not old.unsigned)
    return strict or wide_enough


def _floats(old: ColumnType, new: ColumnType, strict: bool) -> bool:
    return (old.base, new.base) == ("float", "double") and not (old.arguments or new.arguments or new.unsigned)


def _members(old: ColumnType, new: ColumnType, strict: bool) -> bool:
    if old.base != new.base or old.base not in ("enum", "set"):
        return False
    return new.members[: len(old.members)] == old.members or (strict and set(old.members) <= set(new.members))


def _times(old: ColumnType, new: ColumnType, strict: bool) -> bool:
    if not strict and old.base != "time":
        return False  # dates that the session does not allow (2024-02-31, 2024-00-00) become zeros
    if old.base == "date" and new.base == "datetime":
        return True
    return old.base == new.base and old.base in _WITH_FRACTION and new.length >= old.length


def _bits(old: ColumnType, new: ColumnType, strict: bool) -> bool:
    return old.base == new.base == "bit" and new.length >= old.length


def _geometries(old: ColumnType, new: ColumnType, strict: bool) -> bool:
    return old.base in GEOMETRIES and new.base == "geometry"
