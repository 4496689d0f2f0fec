"""MySQL's binary JSON to an SQL expression that makes the same document, types included.

What JSON text says exactly becomes CAST('…' AS JSON). Text knows no DECIMAL, dates, bytes or small unsigned numbers:
documents that hold such values are put together by JSON_OBJECT and JSON_ARRAY around them.
Source of the form: MySQL server, sql-common/json_binary.h; of the packed times, mysys/my_time.cc.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from backups.binlog import temporal
from backups.binlog.values import Decoder, decimal, take
from backups.errors import DecodeError
from backups.rollback.literals import build_binary_literal, build_float_literal, build_text_literal

DEEPEST = 100
"""Levels of a document (MySQL server, JSON_DOCUMENT_MAX_DEPTH)."""

_LITERALS = {0: ("null", "NULL"), 1: ("true", "TRUE"), 2: ("false", "FALSE")}
_NUMBERS = {5: "<h", 6: "<H", 7: "<i", 8: "<I", 9: "<q", 10: "<Q"}
_INLINED_SMALL, _INLINED_LARGE = frozenset({4, 5, 6}), frozenset({4, 5, 6, 7, 8})
_OBJECTS, _ARRAYS, _LARGE = frozenset({0, 1}), frozenset({2, 3}), frozenset({1, 3})
_LITERAL, _DOUBLE, _STRING, _OPAQUE = 4, 11, 12, 15

DECIMAL, TIMESTAMP, DATE, TIME, DATETIME, BIT, VARBINARY = 246, 7, 10, 11, 12, 16, 15
# Column types whose values keep their type in a document, by type code.
_BYTES = {249: "TINYBLOB", 250: "MEDIUMBLOB", 251: "LONGBLOB", 252: "BLOB", 253: "VARBINARY", 254: "BINARY"}
_TIMES = {DATE: "DATE", TIME: "TIME(6)", DATETIME: "DATETIME(6)"}


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a document.

    text: as JSON text, when that says all; else None. sql: as an argument of JSON_ARRAY; "" to make it of the text.
    """

    text: str | None
    sql: str = ""

    @property
    def argument(self) -> str:
        return self.sql or _cast_text(self.text or "")


def decode_json(data: bytes) -> str:
    """Return the SQL expression of a binary document. No bytes at all are JSON's null, as for the server.

    Raises DecodeError when `data` is cut, or holds a type that cannot be rebuilt.
    """
    return build_document(_Reader(data).read(data[0], 1, len(data)) if data else Node("null", "NULL"))


def decoder(length_size: int) -> Decoder:
    """Decoder of a JSON column."""

    def decode(data: bytes, position: int) -> tuple[str, int]:
        start = position + length_size
        end = start + int.from_bytes(take(data, position, length_size), "little")
        return decode_json(take(data, start, end - start)), end

    return decode


def build_document(node: Node) -> str:
    if node.text is not None:
        return _cast_text(node.text)
    # CAST(… AS JSON) would not take bytes; an array takes every value.
    return node.sql if node.sql.startswith("JSON_") else _first_of(f"JSON_ARRAY({node.sql})")


def _cast_text(text: str) -> str:
    return f"CAST({_string(text)} AS JSON)"


def _string(text: str) -> str:
    """Return a literal that is utf8mb4 whatever the session's character set: bare text would be bytes in some."""
    literal = build_text_literal(text.encode(), "utf8mb4")
    return literal if literal.startswith("_") else "_utf8mb4" + literal


# Nodes of each type.


def build_string(text: str) -> Node:
    return Node(json.dumps(text, ensure_ascii=False), _string(text))


def build_integer(value: int) -> Node:
    return Node(str(value), f"CAST({value} AS SIGNED)" if value < 0 else str(value))


def build_unsigned(value: int) -> Node:
    # Text makes every number signed that fits.
    return Node(str(value) if value >> 63 else None, f"CAST({value} AS UNSIGNED)")


def build_double(value: float) -> Node:
    literal = build_float_literal(value)
    return Node(literal, literal)


def build_decimal(digits: str) -> Node:
    # The precision that a document keeps beside the digits is the server's own affair: it rounds it up as it likes.
    whole, _, part = digits.lstrip("-").partition(".")
    return Node(None, f"CAST({digits} AS DECIMAL({len(whole.lstrip('0') + part) or 1},{len(part)}))")


def build_time(code: int, text: str) -> Node:
    """text: as the server shows it. Only a column can be a TIMESTAMP."""
    if code == TIMESTAMP:
        return Node(None, _through_column(f"_utf8mb4'{text}'", "TIMESTAMP(6)"))
    return Node(None, f"CAST('{text}' AS {_TIMES[code]})")


def build_bytes(code: int, data: bytes) -> Node:
    """Raises DecodeError for a type whose bytes cannot be given to a document."""
    literal = build_binary_literal(data)
    if code == VARBINARY:
        return Node(None, literal)
    if code == BIT and 0 < len(data) <= 8:
        return Node(None, _through_column(str(int.from_bytes(data, "big")), f"BIT({len(data) * 8})"))
    kind = _BYTES.get(code)
    if kind is None or (code == 254 and len(data) > 255):
        raise DecodeError(f"found a value of type {code} in a JSON document; needed: one that can be rebuilt exactly.")
    return Node(None, _through_column(literal, f"{kind}({len(data)})" if code in (253, 254) else kind))


def _through_column(value: str, column_type: str) -> str:
    """Return a document with the value of a column: functions have only some of the types."""
    # The array is made inside: outside of its SELECT every kind of BLOB is a BLOB.
    column = f"JSON_TABLE(JSON_ARRAY({value}),_utf8mb4'$[*]' COLUMNS(c {column_type} PATH _utf8mb4'$')) AS j"
    return _first_of(f"(SELECT JSON_ARRAY(c) FROM {column})")


def _first_of(array_sql: str) -> str:
    return f"JSON_EXTRACT({array_sql},_utf8mb4'$[0]')"


def build_array(nodes: list[Node]) -> Node:
    if all(node.text is not None for node in nodes):
        return Node("[" + ", ".join(str(node.text) for node in nodes) + "]")
    return Node(None, f"JSON_ARRAY({','.join(node.argument for node in nodes)})")


def build_object(members: list[tuple[str, Node]]) -> Node:
    if all(node.text is not None for _, node in members):
        shown = (f"{json.dumps(key, ensure_ascii=False)}: {node.text}" for key, node in members)
        return Node("{" + ", ".join(shown) + "}")
    return Node(None, f"JSON_OBJECT({','.join(f'{_string(key)},{node.argument}' for key, node in members)})")


@dataclass(slots=True)
class _Reader:
    """One document. budget: bytes that its values can still take, so that misread offsets come to an end."""

    data: bytes
    budget: int = field(init=False)

    def __post_init__(self) -> None:
        self.budget = len(self.data)

    def read(self, code: int, start: int, end: int, depth: int = 1) -> Node:
        """Read the value of type `code` at `start`, inside of a value that ends at `end`."""
        self._spend(1)
        if code in _OBJECTS or code in _ARRAYS:
            if depth > DEEPEST:
                raise DecodeError(f"found a JSON document deeper than {DEEPEST}. The event is misread.")
            return self._read_container(code, start, end, depth)
        if code == _LITERAL:
            return self._literal(self._take(start, 1, end)[0])
        if code in _NUMBERS:
            form = _NUMBERS[code]
            (value,) = struct.unpack(form, self._take(start, struct.calcsize(form), end))
            return build_integer(value) if form[1].islower() else build_unsigned(value)
        if code == _DOUBLE:
            return build_double(struct.unpack("<d", self._take(start, 8, end))[0])
        if code == _STRING:
            return build_string(_decode_text(self._read_bytes(start, end)))
        if code == _OPAQUE:
            return _build_opaque(self._take(start, 1, end)[0], self._read_bytes(start + 1, end))
        raise DecodeError(f"found the JSON type {code}; needed: one of 0 to 12, or 15. The event is misread.")

    def _read_container(self, code: int, start: int, end: int, depth: int) -> Node:
        width = 4 if code in _LARGE else 2
        count, size = self._number(start, width, end), self._number(start + width, width, end)
        if size > end - start:
            raise DecodeError(f"found a JSON value of {size} bytes where {end - start} are left. The event is misread.")
        end, position = start + size, start + 2 * width
        self._spend(count)
        keys = []
        if code in _OBJECTS:
            for _ in range(count):
                offset, length = self._number(position, width, end), self._number(position + width, 2, end)
                self._spend(length)
                keys.append(_decode_text(self._take(start + offset, length, end)))
                position += width + 2
        nodes = []
        for _ in range(count):
            kind = self._take(position, 1, end)[0]
            if kind in (_INLINED_LARGE if width == 4 else _INLINED_SMALL):
                place = position + 1
            else:
                place = start + self._number(position + 1, width, end)
            nodes.append(self.read(kind, place, end, depth + 1))
            position += 1 + width
        return build_object(list(zip(keys, nodes, strict=True))) if code in _OBJECTS else build_array(nodes)

    def _read_bytes(self, start: int, end: int) -> bytes:
        """Read bytes behind their length: seven bits a byte, the lowest first, the top bit set on all but the last."""
        size = 0
        for number in range(5):
            byte = self._take(start + number, 1, end)[0]
            size |= (byte & 127) << 7 * number
            if byte < 128:
                self._spend(size)
                return self._take(start + number + 1, size, end)
        raise DecodeError("found a length of more than five bytes in a JSON document. The event is misread.")

    def _number(self, start: int, size: int, end: int) -> int:
        return int.from_bytes(self._take(start, size, end), "little")

    def _take(self, start: int, size: int, end: int) -> bytes:
        if start + size > end:
            raise DecodeError(f"found a JSON document that ends at {end}; needed: {start + size}. The event is cut.")
        return take(self.data, start, size)

    def _spend(self, size: int) -> None:
        self.budget -= size
        if self.budget < -len(self.data):
            raise DecodeError("found a JSON document whose values overlap. The event is misread.")

    @staticmethod
    def _literal(value: int) -> Node:
        if value not in _LITERALS:
            raise DecodeError(f"found the JSON literal {value}; needed: 0 to 2. The event is misread.")
        return Node(*_LITERALS[value])


def _decode_text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError(
            f"found {data[:40].hex()} in a JSON document; needed: UTF-8. The event is misread."
        ) from error


def _build_opaque(code: int, data: bytes) -> Node:
    if code == DECIMAL:
        precision, scale = take(data, 0, 2)
        # Up to 65 digits, the groups of nine before the point counted as if full.
        if not 0 < precision <= 72 or scale > min(precision, 30):
            raise DecodeError(f"found a DECIMAL({precision},{scale}) in a JSON document. The event is misread.")
        digits, position = decimal(precision, scale)(data, 2)
        if position != len(data):
            raise DecodeError("found bytes behind a DECIMAL in a JSON document. The event is misread.")
        return build_decimal(digits)
    if code in _TIMES or code == TIMESTAMP:
        packed = int.from_bytes(take(data, 0, 8), "little", signed=True)
        if len(data) != 8:
            raise DecodeError("found bytes behind a time in a JSON document. The event is misread.")
        return build_time(code, temporal.packed_text(packed, has_date=code != TIME, has_clock=code != DATE))
    return build_bytes(code, data)


# The same from what a server shows: JSON text, and the types of its values beside it.


def parse_shown(text: str) -> str:
    """Return the expression of a document from `[document, its type, types of elements, types of members]` in JSON.

    The types are what JSON_TYPE says, in the order of the server's paths: all values of the outermost container, then
    those of each value in it.
    Raises DecodeError when types and values do not fit together.
    """
    document, root, elements, members = json.loads(text, parse_int=_Number, parse_float=_Number)
    try:
        return build_document(_build_shown(document, root, iter(elements or ()), iter(members or ())))
    except (StopIteration, ValueError, KeyError) as error:
        raise DecodeError(f"found a JSON document that its types do not fit ({error}); needed: both as one.") from error


class _Number(str):
    """The digits of a number in JSON text."""


def _build_shown(value: Any, kind: str, elements: Iterator[str], members: Iterator[str]) -> Node:
    if isinstance(value, list):
        kinds = [next(elements) for _ in value]
        return build_array([_build_shown(*pair, elements, members) for pair in zip(value, kinds, strict=True)])
    if isinstance(value, dict):
        kinds = [next(members) for _ in value]
        nodes = [_build_shown(*pair, elements, members) for pair in zip(value.values(), kinds, strict=True)]
        return build_object(list(zip(value, nodes, strict=True)))
    return _build_scalar(value, kind)


def _build_scalar(value: Any, kind: str) -> Node:
    if value is None or isinstance(value, bool):
        return Node(*_LITERALS[0 if value is None else 1 if value else 2])
    if kind == "STRING":
        return build_string(value)
    if kind == "INTEGER":
        return build_integer(int(value))
    if kind == "UNSIGNED INTEGER":
        return build_unsigned(int(value))
    if kind == "DOUBLE":
        return build_double(float(value))
    if kind == "DECIMAL":
        return build_decimal(value)
    if kind in _SHOWN_TIMES:
        return build_time(_SHOWN_TIMES[kind], value)
    _, code, data = value.split(":", 2)  # base64:type15:…
    return build_bytes(int(code.removeprefix("type")), base64.b64decode(data))


_SHOWN_TIMES = {"DATE": DATE, "TIME": TIME, "DATETIME": DATETIME, "TIMESTAMP": TIMESTAMP}
