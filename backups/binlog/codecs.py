"""What the decoder knows about each column type: bytes to literal, and how SQL compares the column exactly.

A codec is chosen by the column of the snapshot and checked against the table map, so that a table altered in between
is noticed and a type we do not know is named, never guessed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from backups.binlog import addresses, binary_json, temporal, values
from backups.binlog import comparisons as compare
from backups.binlog.charsets import CHARSETS
from backups.binlog.flavor import Flavor
from backups.binlog.rows import Column
from backups.binlog.values import Decoder
from backups.errors import DecodeError, UnknownTypeError
from backups.rollback.literals import (
    build_binary_literal,
    build_float_literal,
    build_text_literal,
    build_timestamp_literal,
    quote_text,
)

Comparison = Callable[[str, str], str]

# Type codes of the binlog (MySQL server, include/field_types.h).
DECIMAL, FLOAT, DOUBLE, BIT, YEAR, VARCHAR, VAR_STRING = 246, 4, 5, 16, 13, 15, 253
DATE, NEWDATE, TIME, DATETIME, TIMESTAMP, TIME2, DATETIME2, TIMESTAMP2 = 10, 14, 11, 12, 7, 19, 18, 17
BLOB, STRING, ENUM, SET = 252, 254, 247, 248
GEOMETRY, VECTOR, JSON, BLOB_COMPRESSED, VARCHAR_COMPRESSED = 255, 242, 245, 140, 141

_INTEGERS = {"tinyint": (1, 1), "smallint": (2, 2), "mediumint": (9, 3), "int": (3, 4), "bigint": (8, 8)}
_GEOMETRIES = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geometrycollection", "geomcollection"}  # MariaDB's and MySQL's name
)
_BLOBS = {"tiny": 1, "": 2, "medium": 3, "long": 4}


@dataclass(frozen=True, slots=True)
class Codec:
    """How one column's values are read and compared.

    decode: (row image, position) to (literal, position after the value); raises DecodeError.
    equals: (column SQL, literal) to a condition that holds for exactly this value, whatever the collation.
    key_equals: the same in a form that an index can serve; it may hold for values that the collation calls equal.
    read: column SQL to an expression that SELECT gives as ASCII text, from which `literal` makes the same literal.
    literal: that text to the literal.
    """

    decode: Decoder
    equals: Comparison
    key_equals: Comparison
    read: Callable[[str], str]
    literal: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Wire:
    """A column, and what the table map says of it. meta: the two metadata bytes little-endian."""

    column: Column
    type_code: int
    meta: int
    flavor: Flavor
    where: str

    def needs(self, *codes: int) -> None:
        """Raise unless the table map's type is one of `codes`: UnknownTypeError for a type we cannot decode at all."""
        if self.type_code in codes:
            return
        if self.type_code in KNOWN_CODES:
            raise self.mismatch(f"type code {self.type_code}", f"{' or '.join(map(str, codes))}")
        raise unknown(self.where, f"{self.column.column_type} (binlog type {self.type_code})")

    def same(self, found: int, needed: int | None, what: str) -> None:
        if needed is not None and found != needed:
            raise self.mismatch(f"{what} {found}", str(needed))

    def mismatch(self, found: str, needed: str) -> DecodeError:
        return DecodeError(
            f"{self.where}: found {found} in the binlog; needed: {needed}, for {self.column.column_type} of the "
            "snapshot. The table was altered between the snapshot and the statement; reading its rows is not safe."
        )

    @property
    def is_compressed(self) -> bool:
        # MariaDB says `/*M!100301 COMPRESSED*/` behind the type; only types without members in quotes can have it.
        return "COMPRESSED" in self.column.column_type.upper()

    @property
    def string_type(self) -> int:
        """The real type behind code 254."""
        first = self.meta & 0xFF
        return STRING if self.type_code == STRING and first not in (ENUM, SET) else first

    @property
    def string_length(self) -> int:
        """Most bytes of a CHAR or BINARY: two bits of its length are hidden, turned, in the type's byte."""
        first, second = self.meta & 0xFF, self.meta >> 8
        return second | ((first & 0x30) ^ 0x30) << 4


def unknown(where: str, found: str) -> UnknownTypeError:
    return UnknownTypeError(
        f"{where}: found the type {found}; needed: a type whose values can be read back exactly. "
        "Rows of this table cannot be backed up yet; change it without this column's table or without backup."
    )


def choose_codec(column: Column, type_code: int, meta: int, flavor: Flavor, *, where: str) -> Codec:
    """Return the codec of a column.

    type_code, meta: of the table map; meta is its metadata bytes as one little-endian number, 0 when it has none.
    where: "schema.table.column", for messages.
    Raises UnknownTypeError for types and character sets that we do not know, DecodeError when column and code differ.
    """
    wire = _Wire(column, type_code, meta, flavor, where)
    factory = _FACTORIES.get(column.data_type)
    if factory is None:
        raise unknown(where, f"{column.column_type} (binlog type {type_code})")
    return factory(wire)


def _same(text: str) -> str:
    return text


# One factory per data type.


def _integer(wire: _Wire) -> Codec:
    code, size = _INTEGERS[wire.column.data_type]
    wire.needs(code)
    decode = values.integer(size, signed=not wire.column.unsigned)
    # int() drops ZEROFILL's zeros.
    return Codec(decode, compare.plain, compare.plain, compare.read_char, lambda text: str(int(text)))


def _decimal(wire: _Wire) -> Codec:
    wire.needs(DECIMAL)
    precision, scale = wire.meta & 0xFF, wire.meta >> 8
    wire.same(precision, wire.column.numeric_precision, "the precision")
    wire.same(scale, wire.column.numeric_scale, "the scale")
    if not 0 < precision <= 65 or scale > precision:
        raise wire.mismatch(f"DECIMAL({precision},{scale})", "a precision from 1 to 65 that is not below the scale")
    return Codec(values.decimal(precision, scale), compare.plain, compare.plain, compare.read_char, _decimal_reader)


def _decimal_reader(text: str) -> str:
    digits = text.lstrip("0")  # of ZEROFILL, which is unsigned
    return digits if digits[:1].isdigit() or digits[:1] == "-" else "0" + digits


def _floating(wire: _Wire) -> Codec:
    single = wire.column.data_type == "float"
    wire.needs(FLOAT if single else DOUBLE)
    if single:
        return Codec(values.floating(4), compare.floating, compare.plain, compare.read_float, _float_reader)
    # MySQL cuts the longest results of an expression to 16 digits, but shows DOUBLE(M,D) itself with D digits only.
    read = compare.read_char if wire.column.numeric_scale is None else compare.read_float
    return Codec(
        values.floating(8), compare.floating, compare.plain, read, lambda text: build_float_literal(float(text))
    )


def _float_reader(text: str) -> str:
    # MySQL cuts the longest of these doubles to 16 digits, which still name one single-precision number only.
    (value,) = struct.unpack("<f", struct.pack("<f", float(text)))
    return build_float_literal(value)


def _bits(wire: _Wire) -> Codec:
    wire.needs(BIT)
    width = (wire.meta >> 8) * 8 + (wire.meta & 0xFF)
    wire.same(width, wire.column.numeric_precision, "BIT of width")
    return Codec(
        values.bits(width),
        compare.bits,
        compare.bits_key,
        compare.read_unsigned,
        lambda text: f"b'{int(text):0{width}b}'",
    )


def _year_codec(wire: _Wire) -> Codec:
    wire.needs(YEAR)
    return Codec(temporal.year, compare.year, compare.plain, compare.read_char, _same)


def _date_codec(wire: _Wire) -> Codec:
    wire.needs(DATE, NEWDATE)
    return Codec(temporal.date, compare.as_char, compare.calendar_key, compare.read_char, quote_text)


def _fsp(wire: _Wire, new_code: int) -> int:
    """Return the fractional digits. The table map of an old form does not name them."""
    precision = wire.column.datetime_precision or 0
    if wire.type_code == new_code:
        if wire.meta > 6:
            raise wire.mismatch(f"{wire.meta} fractional digits", "0 to 6")
        wire.same(wire.meta, precision, "fractional digits")
    elif precision and not wire.flavor.is_mariadb:
        raise unknown(wire.where, f"{wire.column.column_type} as before MySQL 5.6 (binlog type {wire.type_code})")
    return precision


def _datetime_codec(wire: _Wire) -> Codec:
    wire.needs(DATETIME2, DATETIME)
    fsp = _fsp(wire, DATETIME2)
    old = temporal.hires_datetime(fsp) if fsp else temporal.old_datetime
    decode = temporal.datetime2(fsp) if wire.type_code == DATETIME2 else old
    return Codec(decode, compare.as_char, compare.calendar_key, compare.read_char, quote_text)


def _time_codec(wire: _Wire) -> Codec:
    wire.needs(TIME2, TIME)
    fsp = _fsp(wire, TIME2)
    old = temporal.hires_time(fsp) if fsp else temporal.old_time
    decode = temporal.time2(fsp) if wire.type_code == TIME2 else old
    return Codec(decode, compare.as_char, compare.plain, compare.read_char, quote_text)


def _timestamp_codec(wire: _Wire) -> Codec:
    wire.needs(TIMESTAMP2, TIMESTAMP)
    fsp = _fsp(wire, TIMESTAMP2)
    new = wire.type_code == TIMESTAMP2
    old = temporal.hires_timestamp(fsp, wire.flavor) if fsp else temporal.old_timestamp(wire.flavor)
    decode = temporal.timestamp2(fsp, wire.flavor) if new else old

    def literal(text: str) -> str:
        seconds, _, fraction = text.partition(".")
        return build_timestamp_literal(int(seconds), fraction, wire.flavor)

    return Codec(decode, compare.timestamp, compare.timestamp_key, compare.read_timestamp, literal)


def _charset(wire: _Wire) -> str:
    charset = wire.column.charset or ""
    if charset not in CHARSETS:
        raise unknown(wire.where, f"{wire.column.column_type} in the character set {charset or 'unknown'}")
    return charset


def _char_codec(wire: _Wire) -> Codec:
    length = _string_length(wire)
    charset = _charset(wire)
    decode = values.text(2 if length > 255 else 1, charset)
    return Codec(decode, compare.char_as_bytes, compare.plain, compare.read_hex, _text_reader(charset))


def _binary_codec(wire: _Wire) -> Codec:
    length = _string_length(wire)
    decode = values.binary(2 if length > 255 else 1, padded_to=length)
    return Codec(decode, compare.as_bytes, compare.plain, compare.read_hex, _binary_reader)


def _string_length(wire: _Wire) -> int:
    wire.needs(STRING)
    if wire.string_type != STRING:
        raise wire.mismatch(f"an ENUM or SET (type {wire.string_type})", "a string")
    wire.same(wire.string_length, wire.column.octet_length, "a length of")
    return wire.string_length


def _varchar_codec(wire: _Wire) -> Codec:
    if wire.is_compressed:
        wire.needs(VARCHAR_COMPRESSED)
        # One byte more than the column holds: the header in front of each value.
        wire.same(wire.meta - 1, wire.column.octet_length, "a length of")
        return _bytes_codec(wire, 2 if wire.meta > 255 else 1)
    wire.needs(VARCHAR, VAR_STRING)
    wire.same(wire.meta, wire.column.octet_length, "a length of")
    return _bytes_codec(wire, 2 if wire.meta > 255 else 1)


def _blob_codec(wire: _Wire) -> Codec:
    wire.needs(BLOB_COMPRESSED if wire.is_compressed else BLOB)
    kind = wire.column.data_type
    wire.same(wire.meta, _BLOBS[kind.removesuffix("blob").removesuffix("text")], "length bytes")
    return _bytes_codec(wire, wire.meta)


def _bytes_codec(wire: _Wire, length_size: int) -> Codec:
    """Return the codec of a column whose values stand whole behind their length."""
    charset = "" if wire.column.data_type.endswith(("binary", "blob")) else _charset(wire)
    if wire.is_compressed:
        decode = values.compressed(length_size, charset)
    elif charset:
        decode = values.text(length_size, charset)
    else:
        decode = values.binary(length_size)
    reader = _text_reader(charset) if charset else _binary_reader
    return Codec(decode, compare.as_bytes, compare.plain, compare.read_hex, reader)


def _geometry_codec(wire: _Wire) -> Codec:
    wire.needs(GEOMETRY)
    wire.same(wire.meta, 4, "length bytes")
    # The column takes its own bytes back, SRID and axis order included.
    return _whole_bytes_codec(values.binary(4))


def _vector_codec(wire: _Wire) -> Codec:
    # MySQL: behind four length bytes. MariaDB: a VARBINARY of four bytes per dimension.
    wire.needs(VARCHAR if wire.flavor.is_mariadb else VECTOR)
    if not wire.flavor.is_mariadb:
        wire.same(wire.meta, 4, "length bytes")
        return _whole_bytes_codec(values.binary(4))
    return _whole_bytes_codec(values.binary(2 if wire.meta > 255 else 1))


def _whole_bytes_codec(decode: Decoder) -> Codec:
    return Codec(decode, compare.as_bytes, compare.as_bytes, compare.read_bytes, _binary_reader)


def _json_codec(wire: _Wire) -> Codec:
    # MariaDB's JSON is LONGTEXT.
    wire.needs(JSON)
    wire.same(wire.meta, 4, "length bytes")
    return Codec(
        binary_json.decoder(4),
        compare.document,
        compare.document,
        compare.read_document,
        lambda text: binary_json.parse_shown(bytes.fromhex(text).decode()),
    )


def _address_codec(wire: _Wire) -> Codec:
    """Return the codec of MariaDB's UUID, INET6 or INET4, which lie in the binlog as BINARY."""
    wire.needs(STRING)
    kind = wire.column.data_type
    wire.same(wire.string_length, addresses.SIZES[kind], "a length of")
    return Codec(
        addresses.decoder(kind),
        compare.plain,
        compare.plain,
        compare.read_char,
        lambda text: addresses.build_address_literal(kind, addresses.parse_address(kind, text)),
    )


def _text_reader(charset: str) -> Callable[[str], str]:
    return lambda text: build_text_literal(bytes.fromhex(text), charset)


def _binary_reader(text: str) -> str:
    return build_binary_literal(bytes.fromhex(text))


def _member_codec(wire: _Wire) -> Codec:
    wire.needs(STRING)
    wire.same(wire.string_type, ENUM if wire.column.data_type == "enum" else SET, "the type")
    size = wire.meta >> 8
    if size not in (1, 2, 3, 4, 8):
        raise wire.mismatch(f"values of {size} bytes", "1 to 8 bytes")
    # The servers compare a SET with a number as doubles, which are exact up to 53 members.
    key_equals = compare.plain if size <= 4 else compare.as_unsigned
    return Codec(values.number(size), compare.as_unsigned, key_equals, compare.read_unsigned, _same)


_FACTORIES: dict[str, Callable[[_Wire], Codec]] = {
    **dict.fromkeys(_INTEGERS, _integer),
    "decimal": _decimal,
    "float": _floating,
    "double": _floating,
    "bit": _bits,
    "year": _year_codec,
    "date": _date_codec,
    "datetime": _datetime_codec,
    "time": _time_codec,
    "timestamp": _timestamp_codec,
    "char": _char_codec,
    "binary": _binary_codec,
    "varchar": _varchar_codec,
    "varbinary": _varchar_codec,
    **dict.fromkeys([size + kind for size in _BLOBS for kind in ("blob", "text")], _blob_codec),
    "enum": _member_codec,
    "set": _member_codec,
    **dict.fromkeys(_GEOMETRIES, _geometry_codec),
    "vector": _vector_codec,
    "json": _json_codec,
    **dict.fromkeys(addresses.SIZES, _address_codec),
}

KNOWN_CODES = frozenset(
    {code for code, _ in _INTEGERS.values()}
    | {DECIMAL, FLOAT, DOUBLE, BIT, YEAR, VARCHAR, VAR_STRING, BLOB, STRING}
    | {DATE, NEWDATE, TIME, DATETIME, TIMESTAMP, TIME2, DATETIME2, TIMESTAMP2}
    | {GEOMETRY, VECTOR, JSON, BLOB_COMPRESSED, VARCHAR_COMPRESSED}
)
