"""Partial_update_rows events of MySQL (binlog_row_value_options=PARTIAL_JSON), made into whole Update_rows events.

The after image then holds changes of JSON documents; the before image is whole, so the documents after it are too.
"""

from __future__ import annotations

from dataclasses import dataclass

from backups.binlog import events
from backups.binlog.events import HEADER_SIZE
from backups.binlog.json_documents import (
    INSERT,
    REMOVE,
    REPLACE,
    Diff,
    apply_diff,
    decode_document,
    encode_document,
    parse_path,
)
from backups.binlog.tables import TableMap, decode_packed_integer
from backups.binlog.values import take
from backups.errors import DecodeError

UPDATE_ROWS = 31
_JSON = 245
_PARTIAL_JSON = 1

_FIXED = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 7: 4, 8: 8, 9: 3, 10: 3, 11: 3, 12: 8, 13: 1, 14: 3}
_FRACTIONAL = {17: 4, 18: 5, 19: 3}
_PREFIXED = frozenset({_JSON, 242, 249, 250, 251, 252, 255})  # the metadata is the size of the length
_DECIMAL_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


def complete_rows(raw: bytes, table_map: TableMap) -> bytes:
    """Return a Partial_update_rows event as the Update_rows event that a server without the option would have written.

    raw: header and body, without checksum.
    Raises DecodeError when the event is damaged or its documents are not in the before image.
    """
    body = raw[HEADER_SIZE:]
    head = events.decode_rows_head(body, UPDATE_ROWS)
    if head.table_id != table_map.table_id or head.column_count != len(table_map.column_types):
        raise DecodeError(
            f"found partial rows of table id {head.table_id} with {head.column_count} columns; needed: id "
            f"{table_map.table_id} with {len(table_map.column_types)}. The event is misread."
        )
    if not all(all(image) for image in head.present):
        raise DecodeError(
            f"{table_map.schema_name}.{table_map.table_name}: found row images without all columns; needed: all. "
            "SET GLOBAL binlog_row_image=FULL and reconnect before the next change."
        )
    parts = [body[: len(body) - len(head.rows)]]
    position = 0
    while position < len(head.rows):
        part, position = _complete_row(head.rows, position, table_map)
        parts.append(part)
    return events.replace_body(raw, UPDATE_ROWS, b"".join(parts))


@dataclass(frozen=True, slots=True)
class RowImage:
    """A row image in its parts.

    nulls: its NULL bitmap. values: per column its bytes, with their length where they have one; None for NULL.
    """

    nulls: bytes
    values: tuple[bytes | None, ...]


def _complete_row(data: bytes, start: int, table_map: TableMap) -> tuple[bytes, int]:
    """Return (the row with whole documents, position after it)."""
    before, position = split_image(data, start, table_map, frozenset())
    before_end = position
    options, position = decode_packed_integer(data, position)
    partial: frozenset[int] = frozenset()
    if options & _PARTIAL_JSON:
        documents = [index for index, code in enumerate(table_map.column_types) if code == _JSON]
        bits_size = (len(documents) + 7) // 8
        bits = int.from_bytes(take(data, position, bits_size), "little")
        position += bits_size
        partial = frozenset(index for place, index in enumerate(documents) if bits >> place & 1)
    after, position = split_image(data, position, table_map, partial)
    values = [
        _complete_document(was, value, table_map.column_meta[index])
        if index in partial and value is not None
        else value
        for index, (was, value) in enumerate(zip(before.values, after.values, strict=True))
    ]
    return data[start:before_end] + after.nulls + b"".join(value for value in values if value is not None), position


def split_image(data: bytes, position: int, table_map: TableMap, partial: frozenset[int]) -> tuple[RowImage, int]:
    """Return (the row image at `position`, which has all columns, position after it).

    partial: indexes of the JSON columns of which it holds changes only.
    """
    count = len(table_map.column_types)
    nulls = take(data, position, (count + 7) // 8)
    position += len(nulls)
    bits = int.from_bytes(nulls, "little")
    values: list[bytes | None] = []
    for index, (code, meta) in enumerate(zip(table_map.column_types, table_map.column_meta, strict=True)):
        if bits >> index & 1:
            values.append(None)
            continue
        # The changes of a document have a length of four bytes, whatever the column's.
        size = _measure(code, 4 if index in partial else meta, data, position)
        values.append(take(data, position, size))
        position += size
    return RowImage(nulls, tuple(values)), position


def _measure(code: int, meta: int, data: bytes, position: int) -> int:
    """Return how many bytes a value takes. meta: as in TableMap. Source: MySQL server, calc_field_size."""
    if code in _FIXED:
        return _FIXED[code]
    if code in _FRACTIONAL:
        return _FRACTIONAL[code] + (meta + 1) // 2
    if code in _PREFIXED:
        return meta + int.from_bytes(take(data, position, meta), "little")
    if code in (15, 253):
        return _measure_text(meta, data, position)
    low, high = meta & 0xFF, meta >> 8
    if code == 246:
        return _measure_decimal(low - high) + _measure_decimal(high)
    if code == 16:
        return high + (low > 0)
    if code == 254 and low in (247, 248):
        return high
    if code == 254:
        return _measure_text(high | ((low & 0x30) ^ 0x30) << 4, data, position)
    raise DecodeError(f"found a column of binlog type {code} beside partial documents; needed: a type of known length.")


def _measure_text(longest: int, data: bytes, position: int) -> int:
    prefix = 1 if longest < 256 else 2
    return prefix + int.from_bytes(take(data, position, prefix), "little")


def _measure_decimal(digits: int) -> int:
    groups, rest = divmod(max(digits, 0), 9)
    return 4 * groups + _DECIMAL_BYTES[rest]


def _complete_document(was: bytes | None, changes: bytes, prefix: int) -> bytes:
    """Return the document after `changes`, behind its length in `prefix` bytes as `was` is."""
    if was is None:
        raise DecodeError("found changes of a JSON document that was NULL before; needed: a document.")
    document = was[prefix:]
    if len(changes) > 4:
        root = decode_document(document)
        for diff in decode_diffs(changes[4:]):
            root = apply_diff(root, diff)
        document = encode_document(root)
    return len(document).to_bytes(prefix, "little") + document


def decode_diffs(data: bytes) -> list[Diff]:
    """Decode the changes of one document. Source: MySQL server, sql/json_diff.cc, Json_diff_vector::read_binary."""
    diffs, position = [], 0
    while position < len(data):
        operation = data[position]
        if operation not in (REPLACE, INSERT, REMOVE):
            raise DecodeError(f"found the change {operation} of a JSON document; needed: 0 to 2. The event is misread.")
        path, position = _take_sized(data, position + 1)
        value = None
        if operation != REMOVE:
            document, position = _take_sized(data, position)
            value = decode_document(document)
        try:
            diffs.append(Diff(operation, parse_path(path.decode()), value))
        except UnicodeDecodeError as error:
            raise DecodeError("found a JSON path that is not UTF-8; needed: text. The event is misread.") from error
    return diffs


def _take_sized(data: bytes, position: int) -> tuple[bytes, int]:
    size, position = decode_packed_integer(data, position)
    return take(data, position, size), position + size
