"""Table maps: which table, and which column types, the row events that follow mean."""

from __future__ import annotations

from dataclasses import dataclass

from backups.binlog.codecs import Codec, choose_codec
from backups.binlog.flavor import Flavor
from backups.binlog.rows import Column, Table
from backups.binlog.values import take
from backups.errors import DecodeError, UnknownTypeError

# Bytes of metadata per type code (MySQL server, Field::save_field_metadata; MariaDB for 140 and 141).
_META_SIZES = {
    **dict.fromkeys((0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14), 0),
    **dict.fromkeys((4, 5, 17, 18, 19, 140, 242, 245, 249, 250, 251, 252, 255), 1),
    **dict.fromkeys((15, 16, 141, 246, 247, 248, 253, 254), 2),
}

_HASH = Column("DB_ROW_HASH", "bigint", "bigint(20) unsigned", unsigned=True, generated="VIRTUAL")
"""MariaDB's column behind a unique key that is too long for an index (sql/sql_table.cc, add_hash_field)."""


@dataclass(frozen=True, slots=True)
class TableMap:
    """A Table_map event.

    column_types: type codes in table order.
    column_meta: the metadata bytes of each type as one little-endian number; 0 when it has none.
    """

    table_id: int
    schema_name: str
    table_name: str
    column_types: tuple[int, ...]
    column_meta: tuple[int, ...]
    nullable: tuple[bool, ...]


def decode_table_map(body: bytes) -> TableMap:
    """Decode the body of a Table_map event, without header and checksum.

    Raises DecodeError when it is cut, UnknownTypeError for a type code whose metadata we cannot delimit.
    Source: MySQL server, libbinlogevents Table_map_event; the optional metadata at its end is not needed.
    """
    table_id = int.from_bytes(take(body, 0, 6), "little")
    schema_name, position = _decode_name(body, 8)
    table_name, position = _decode_name(body, position)
    count, position = decode_packed_integer(body, position)
    types = tuple(take(body, position, count))
    position += count
    meta_size, position = decode_packed_integer(body, position)
    meta = _decode_meta(take(body, position, meta_size), types, f"{schema_name}.{table_name}")
    null_bits = int.from_bytes(take(body, position + meta_size, (count + 7) // 8), "little")
    nullable = tuple(bool(null_bits >> index & 1) for index in range(count))
    return TableMap(table_id, schema_name, table_name, types, meta, nullable)


def rename_table_map(body: bytes, schema_name: str, table_name: str) -> bytes:
    """Return the body of a Table_map event with other names. Raises DecodeError when it is cut."""
    _, position = _decode_name(body, 8)
    _, position = _decode_name(body, position)
    names = (name.encode() for name in (schema_name, table_name))
    return body[:8] + b"".join(bytes([len(name)]) + name + b"\0" for name in names) + body[position:]


def decode_packed_integer(data: bytes, position: int) -> tuple[int, int]:
    """Decode a length-encoded integer. Returns (number, position after it)."""
    first = take(data, position, 1)[0]
    if first < 251:
        return first, position + 1
    size = {252: 2, 253: 3, 254: 8}.get(first)
    if size is None:
        raise DecodeError(
            f"found {first} at offset {position}; needed: a length-encoded integer. The event is misread."
        )
    return int.from_bytes(take(data, position + 1, size), "little"), position + 1 + size


def _decode_name(body: bytes, position: int) -> tuple[str, int]:
    size = take(body, position, 1)[0]
    name = take(body, position + 1, size)
    try:
        return name.decode("utf-8"), position + size + 2  # a NUL byte follows
    except UnicodeDecodeError as error:
        raise DecodeError(f"found the name {name.hex()}; needed: UTF-8. The event is misread.") from error


def _decode_meta(data: bytes, types: tuple[int, ...], where: str) -> tuple[int, ...]:
    meta, position = [], 0
    for index, code in enumerate(types):
        size = _META_SIZES.get(code)
        if size is None:
            raise UnknownTypeError(
                f"{where}: found the binlog type {code} in column {index + 1}; needed: a type whose values can be read "
                "back exactly. Rows of this table cannot be backed up yet."
            )
        meta.append(int.from_bytes(take(data, position, size), "little"))
        position += size
    if position != len(data):
        raise DecodeError(f"{where}: found {len(data)} metadata bytes; needed: {position}. The event is misread.")
    return tuple(meta)


def bind_codecs(table_map: TableMap, table: Table, flavor: Flavor) -> tuple[Codec, ...]:
    """Return one codec per column of `table`, and then of those that only the binlog shows, checked against the map.

    Raises DecodeError when the map is of another table or its columns do not fit, UnknownTypeError naming
    schema.table.column for a type we cannot read.
    """
    label = f"{table.schema_name}.{table.name}"
    if (table_map.schema_name, table_map.table_name) != (table.schema_name, table.name):
        raise DecodeError(f"found a table map of {table_map.schema_name}.{table_map.table_name}; needed: {label}.")
    columns = (*table.columns, *[_HASH] * table.hidden)
    found, needed = len(table_map.column_types), len(columns)
    if found != needed:
        raise DecodeError(
            f"{label}: found {found} columns in the binlog; needed: {needed}, as the snapshot has. The table was "
            "altered between the snapshot and the statement, or has hidden columns; its rows cannot be read safely."
        )
    wires = zip(columns, table_map.column_types, table_map.column_meta, strict=True)
    return tuple(
        choose_codec(column, code, meta, flavor, where=f"{label}.{column.name}") for column, code, meta in wires
    )


def check_table(table_map: TableMap, table: Table, flavor: Flavor) -> None:
    """Raise as bind_codecs does when the rows that follow `table_map` cannot be read with `table`."""
    bind_codecs(table_map, table, flavor)
