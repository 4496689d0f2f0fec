"""MySQL's binary JSON as a tree that can be changed and written again, scalars kept as the bytes they are.

Source: MySQL server, sql-common/json_binary.h and json_binary.cc.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from backups.binlog.values import take
from backups.errors import DecodeError

DEEPEST = 100
"""The server refuses documents that are nested deeper."""

_SMALL_OBJECT, _LARGE_OBJECT, _SMALL_ARRAY, _LARGE_ARRAY, _LITERAL = range(5)
_FIXED_SIZES = {_LITERAL: 1, 5: 2, 6: 2, 7: 4, 8: 4, 9: 8, 10: 8, 11: 8}
_STRING, _OPAQUE = 12, 15
_INLINED = {2: frozenset({_LITERAL, 5, 6}), 4: frozenset({_LITERAL, 5, 6, 7, 8})}  # by the size of offsets

REPLACE, INSERT, REMOVE = range(3)


@dataclass(frozen=True, slots=True)
class Scalar:
    """type_code: of the binary form. data: the value's bytes, with their length where they have one."""

    type_code: int
    data: bytes


Node = dict[bytes, "Node"] | list["Node"] | Scalar
Leg = bytes | int


@dataclass(frozen=True, slots=True)
class Diff:
    """One change of a document. path: from the root. value: None for REMOVE."""

    operation: int
    path: tuple[Leg, ...]
    value: Node | None


def decode_document(data: bytes) -> Node:
    """Decode a JSON column's value. Raises DecodeError when it is cut or cannot be a document."""
    # Offsets may point anywhere: a document cannot have more values than bytes, so that no loop goes on.
    return _Reader(len(data) + 1).read(take(data, 0, 1)[0], data[1:], 0, 0)


@dataclass(slots=True)
class _Reader:
    budget: int

    def read(self, type_code: int, data: bytes, position: int, depth: int) -> Node:
        self.budget -= 1
        if self.budget < 0 or depth > DEEPEST:
            raise DecodeError("found a JSON document nested in itself; needed: at most 100 levels. It is misread.")
        if type_code in (_SMALL_OBJECT, _LARGE_OBJECT, _SMALL_ARRAY, _LARGE_ARRAY):
            width = 4 if type_code in (_LARGE_OBJECT, _LARGE_ARRAY) else 2
            return self._read_container(type_code <= _LARGE_OBJECT, data[position:], width, depth)
        return Scalar(type_code, take(data, position, _measure_scalar(type_code, data, position)))

    def _read_container(self, is_object: bool, data: bytes, width: int, depth: int) -> Node:
        """data: from the container's first byte, which all its offsets count from."""
        count = _number(data, 0, width)
        keys_at = 2 * width
        values_at = keys_at + (count * (width + 2) if is_object else 0)
        take(data, values_at, count * (width + 1))
        values = [self._read_entry(data, values_at + index * (width + 1), width, depth) for index in range(count)]
        if not is_object:
            return values
        keys = [_read_key(data, keys_at + index * (width + 2), width) for index in range(count)]
        return dict(zip(keys, values, strict=True))

    def _read_entry(self, data: bytes, entry: int, width: int, depth: int) -> Node:
        type_code = data[entry]
        if type_code in _INLINED[width]:
            return self.read(type_code, data, entry + 1, depth + 1)
        return self.read(type_code, data, _number(data, entry + 1, width), depth + 1)


def _number(data: bytes, position: int, size: int) -> int:
    return int.from_bytes(take(data, position, size), "little")


def _read_key(data: bytes, entry: int, width: int) -> bytes:
    return take(data, _number(data, entry, width), _number(data, entry + width, 2))


def _measure_scalar(type_code: int, data: bytes, position: int) -> int:
    if type_code in _FIXED_SIZES:
        return _FIXED_SIZES[type_code]
    if type_code not in (_STRING, _OPAQUE):
        raise DecodeError(f"found a JSON value of type {type_code}; needed: a type that MySQL has. It is misread.")
    start = position + (type_code == _OPAQUE)  # the type of what is inside
    length = 0
    for index in range(5):
        byte = take(data, start + index, 1)[0]
        length |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return start + index + 1 + length - position
    raise DecodeError("found a JSON text whose length does not end; needed: 5 bytes or fewer. It is misread.")


def encode_document(node: Node) -> bytes:
    """Return the bytes that the server stores for a document."""
    type_code, data = _encode(node)
    return bytes([type_code]) + data


def _encode(node: Node) -> tuple[int, bytes]:
    if isinstance(node, Scalar):
        return node.type_code, node.data
    # Keys are in the order of their length, then of their bytes.
    keys = sorted(node, key=lambda key: (len(key), key)) if isinstance(node, dict) else []
    values = [_encode(node[key]) for key in keys] if isinstance(node, dict) else [_encode(item) for item in node]
    small = _SMALL_OBJECT if isinstance(node, dict) else _SMALL_ARRAY
    data = _encode_container(keys, values, 2)
    return (small + 1, _encode_container(keys, values, 4)) if len(data) > 0xFFFF else (small, data)


def _encode_container(keys: list[bytes], values: list[tuple[int, bytes]], width: int) -> bytes:
    """Return the container with offsets of `width` bytes, longer than 65,535 when these are too small for it."""
    position = 2 * width + len(keys) * (width + 2) + len(values) * (width + 1)
    mask = (1 << 8 * width) - 1
    heads, tails = [], []
    for key in keys:
        heads.append((position & mask).to_bytes(width, "little") + len(key).to_bytes(2, "little"))
        tails.append(key)
        position += len(key)
    for type_code, data in values:
        inlined = type_code in _INLINED[width]
        place = data.ljust(width, b"\0") if inlined else (position & mask).to_bytes(width, "little")
        heads.append(bytes([type_code]) + place)
        if not inlined:
            tails.append(data)
            position += len(data)
    size = (len(values) & mask).to_bytes(width, "little") + (position & mask).to_bytes(width, "little")
    return size + b"".join(heads) + b"".join(tails)


_LEG = re.compile(
    r"""\[(\d{1,10})\] | \.("(?:[^"\\]|\\.)*") | \.([^.\[\]"\s]+)""",
    re.VERBOSE | re.DOTALL,
)


def parse_path(text: str) -> tuple[Leg, ...]:
    """Parse a JSON path without wildcards, e.g. `$.a[3]."b c"`. Raises DecodeError when it is none."""
    legs: list[Leg] = []
    position = 1
    while position < len(text) or text[:1] != "$":
        match = _LEG.match(text, position)
        if match is None or text[:1] != "$":
            raise DecodeError("found a JSON path that cannot be read; needed: members and array positions.")
        legs.append(int(match[1]) if match[1] else _parse_name(match[2] or match[3]))
        position = match.end()
    return tuple(legs)


def _parse_name(text: str) -> bytes:
    try:
        name = json.loads(text, strict=False) if text.startswith('"') else text
        return str(name).encode()
    except ValueError as error:
        raise DecodeError("found a JSON path whose member's name cannot be read; needed: a JSON text.") from error


def apply_diff(root: Node, diff: Diff) -> Node:
    """Return `root` after one change, which may be made in place. Raises DecodeError when it does not fit.

    Source: MySQL server, sql/json_diff.cc, apply_json_diffs.
    """
    if not diff.path:
        if diff.operation != REPLACE or diff.value is None:
            raise _misfit(diff)
        return diff.value
    parent = root
    for leg in diff.path[:-1]:
        parent = _child(parent, leg, diff)
    _apply_at(parent, diff.path[-1], diff)
    return root


def _child(node: Node, leg: Leg, diff: Diff) -> Node:
    if isinstance(node, dict) and isinstance(leg, bytes) and leg in node:
        return node[leg]
    if isinstance(node, list) and isinstance(leg, int) and leg < len(node):
        return node[leg]
    raise _misfit(diff)


def _apply_at(parent: Node, leg: Leg, diff: Diff) -> None:
    if diff.operation == INSERT and diff.value is not None:
        if isinstance(parent, dict) and isinstance(leg, bytes) and leg not in parent:
            parent[leg] = diff.value
        elif isinstance(parent, list) and isinstance(leg, int):
            parent.insert(leg, diff.value)
        else:
            raise _misfit(diff)
        return
    _child(parent, leg, diff)
    if diff.operation == REMOVE:
        del parent[leg]  # type: ignore[arg-type, union-attr]
    elif diff.operation == REPLACE and diff.value is not None:
        parent[leg] = diff.value  # type: ignore[index]
    else:
        raise _misfit(diff)


def _misfit(diff: Diff) -> DecodeError:
    return DecodeError(
        f"found a change of a JSON document, operation {diff.operation} at level {len(diff.path)}, that does not fit "
        "the document before it; needed: the place that it names. The event is misread."
    )
