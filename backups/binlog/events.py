"""Binlog events: headers, the events that tell whose a transaction is, and rows events with their rows.

Bodies are without the 19 header bytes and without the checksum. Source of the forms: MySQL server,
libbinlogevents; MariaDB, sql/log_event.h and its knowledge base "Replication Protocol".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from backups.binlog.codecs import Codec
from backups.binlog.flavor import Flavor
from backups.binlog.rows import ABSENT, ChangeKind, Image, RowChange, Table, Value
from backups.binlog.tables import TableMap, bind_codecs, decode_packed_integer
from backups.binlog.values import take
from backups.errors import DecodeError

QUERY, STOP, ROTATE, FORMAT_DESCRIPTION, XID, TABLE_MAP = 2, 3, 4, 15, 16, 19
INTVAR, RAND, USER_VAR, INCIDENT = 5, 13, 14, 26
HEARTBEAT, HEARTBEAT_V2 = 27, 41
ROWS_QUERY, GTID, ANONYMOUS_GTID, GTID_TAGGED, PREVIOUS_GTIDS = 29, 33, 34, 42, 35
XA_PREPARE, PARTIAL_UPDATE_ROWS, TRANSACTION_PAYLOAD = 38, 39, 40
MARIADB_ANNOTATE_ROWS, MARIADB_BINLOG_CHECKPOINT, MARIADB_GTID, MARIADB_GTID_LIST = 160, 161, 162, 163
MARIADB_QUERY_COMPRESSED = 165
MARIADB_COMPRESSED = frozenset(range(165, 172))

ROWS_KINDS = {
    23: ChangeKind.INSERT,  # MariaDB and MySQL 5.5: version 1
    24: ChangeKind.UPDATE,
    25: ChangeKind.DELETE,
    30: ChangeKind.INSERT,  # MySQL 5.6 and later: version 2, with extra data before the columns
    31: ChangeKind.UPDATE,
    32: ChangeKind.DELETE,
}

HEADER_SIZE = 19
CHECKSUM_NONE, CHECKSUM_CRC32 = 0, 1

_HEADER = struct.Struct("<IBIIIH")
_QUERY_HEAD = struct.Struct("<IIBHH")


@dataclass(frozen=True, slots=True)
class EventHeader:
    """timestamp: Unix seconds. size: of the whole event in the file. end_position: modulo 2^32, 0 when artificial."""

    timestamp: int
    type_code: int
    server_id: int
    size: int
    end_position: int
    flags: int


def parse_header(data: bytes) -> EventHeader:
    """Parse the header that `data` begins with. Raises DecodeError when it is cut."""
    return EventHeader(*_HEADER.unpack(take(data, 0, HEADER_SIZE)))


def replace_body(raw: bytes, type_code: int, body: bytes) -> bytes:
    """Return an event with the header of `raw` and another type and body; its size counts a checksum as before."""
    size = int.from_bytes(raw[9:13], "little") - len(raw) + HEADER_SIZE + len(body)
    return raw[:4] + bytes([type_code]) + raw[5:9] + (size & 0xFFFFFFFF).to_bytes(4, "little") + raw[13:19] + body


@dataclass(frozen=True, slots=True)
class FormatDescription:
    """checksum_algorithm: CHECKSUM_NONE or CHECKSUM_CRC32, of the events that follow in this file.

    started_at: Unix seconds when the server was started, in the first file it wrote since; 0 in the others, and in the
    description that a dump makes up for a reader that begins in the middle.
    """

    server_version: str
    checksum_algorithm: int
    started_at: int = 0


def decode_format_description(body_and_checksum: bytes) -> FormatDescription:
    """Decode a format description, which has room for a checksum at its end whether or not checksums are on."""
    take(body_and_checksum, 0, 62)
    version = body_and_checksum[2:52].rstrip(b"\0").decode("ascii", errors="replace")
    return FormatDescription(version, body_and_checksum[-5], int.from_bytes(body_and_checksum[52:56], "little"))


@dataclass(frozen=True, slots=True)
class Gtid:
    """MariaDB's id of an event group. standalone: the group is the one event that follows."""

    domain_id: int
    server_id: int
    sequence: int
    standalone: bool

    def __str__(self) -> str:
        return f"{self.domain_id}-{self.server_id}-{self.sequence}"


def decode_mariadb_gtid(body: bytes, server_id: int) -> Gtid:
    """Decode a MariaDB Gtid event. server_id: of its header."""
    sequence, domain_id, flags = struct.unpack("<QIB", take(body, 0, 13))
    return Gtid(domain_id, server_id, sequence, standalone=bool(flags & 1))


@dataclass(frozen=True, slots=True)
class QueryEvent:
    """thread_id: connection id modulo 2^32 of the session. sql: as the session sent it."""

    thread_id: int
    schema_name: str
    sql: str
    error_code: int


def decode_query(body: bytes) -> QueryEvent:
    """Decode a Query event; bytes of the text that are not UTF-8 are shown as backslash escapes."""
    start = find_query_text(body)
    thread_id, _, schema_size, error_code, _ = _QUERY_HEAD.unpack_from(body)
    schema_name = body[start - schema_size - 1 : start - 1].decode("utf-8", errors="backslashreplace")
    return QueryEvent(thread_id, schema_name, body[start:].decode("utf-8", errors="backslashreplace"), error_code)


def find_query_text(body: bytes) -> int:
    """Return where the text of a Query event begins. Raises DecodeError when the event is cut before it."""
    _, _, schema_size, _, status_size = _QUERY_HEAD.unpack(take(body, 0, _QUERY_HEAD.size))
    start = _QUERY_HEAD.size + int(status_size) + int(schema_size) + 1
    take(body, 0, start)
    return start


@dataclass(frozen=True, slots=True)
class Rotate:
    """The file and offset at which the next event begins."""

    file: str
    position: int


def decode_rotate(body: bytes) -> Rotate:
    position = int.from_bytes(take(body, 0, 8), "little")
    return Rotate(body[8:].decode("utf-8", errors="backslashreplace"), position)


def decode_xid(body: bytes) -> int:
    return int.from_bytes(take(body, 0, 8), "little")


def decode_statement_text(body: bytes, type_code: int) -> str:
    """Return the text of an Annotate_rows (MariaDB) or Rows_query (MySQL) event.

    Rows_query has one length byte in front, which is of no use for longer texts.
    """
    data = body[1:] if type_code == ROWS_QUERY else body
    return data.decode("utf-8", errors="backslashreplace")


@dataclass(frozen=True, slots=True)
class RowsEvent:
    """The head of a rows event.

    present: per image (one, or before and after for UPDATE) and column, whether the image carries it.
    rows: the row images, each behind its NULL bitmap.
    """

    kind: ChangeKind
    table_id: int
    flags: int
    column_count: int
    present: tuple[tuple[bool, ...], ...]
    rows: bytes


def decode_rows_head(body: bytes, type_code: int) -> RowsEvent:
    """Decode the head of a rows event. Raises DecodeError when it is cut or of another type."""
    kind = ROWS_KINDS.get(type_code)
    if kind is None:
        raise DecodeError(f"found an event of type {type_code}; needed: a plain rows event ({sorted(ROWS_KINDS)}).")
    table_id = int.from_bytes(take(body, 0, 6), "little")
    flags = int.from_bytes(take(body, 6, 2), "little")
    position = 8
    if type_code >= 30:
        extra_size = int.from_bytes(take(body, position, 2), "little")  # counts its own two bytes
        if extra_size < 2:
            raise DecodeError(f"found {extra_size} bytes of extra data; needed: 2 or more. The event is misread.")
        take(body, position, extra_size)
        position += extra_size
    count, position = decode_packed_integer(body, position)
    bitmap_size = (count + 7) // 8
    present = []
    for _ in range(2 if kind is ChangeKind.UPDATE else 1):
        bitmap = int.from_bytes(take(body, position, bitmap_size), "little")
        present.append(tuple(bool(bitmap >> index & 1) for index in range(count)))
        position += bitmap_size
    return RowsEvent(kind, table_id, flags, count, tuple(present), body[position:])


def decode_rows(body: bytes, type_code: int, table_map: TableMap, table: Table, flavor: Flavor) -> Iterator[RowChange]:
    """Yield the changes of one rows event in the order they were made. Raises as bind_codecs and iterate_rows do."""
    codecs = bind_codecs(table_map, table, flavor)
    return iterate_rows(body, type_code, table_map, codecs, hidden=table.hidden)


def iterate_rows(
    body: bytes, type_code: int, table_map: TableMap, codecs: tuple[Codec, ...], *, hidden: int = 0
) -> Iterator[RowChange]:
    """Yield the changes of one rows event, with the codecs that were bound to its table map.

    hidden: how many columns at the end are no columns of the table; the images are without them.
    Columns that the event does not carry are ABSENT. Raises DecodeError when the event is cut, belongs to another
    table map, or holds what no such column can.
    """
    head = decode_rows_head(body, type_code)
    if head.table_id != table_map.table_id or head.column_count != len(codecs):
        raise DecodeError(
            f"found a rows event of table id {head.table_id} with {head.column_count} columns; needed: id "
            f"{table_map.table_id} with {len(codecs)} ({table_map.schema_name}.{table_map.table_name})."
        )
    data, position, kind = head.rows, 0, head.kind
    if data and not any(any(bitmap) for bitmap in head.present):
        raise DecodeError("found a rows event with rows but without columns. The event is misread.")
    plans = [_plan_image(bitmap, codecs) for bitmap in head.present]
    width = len(codecs) - hidden
    while position < len(data):
        first, position = _decode_image(data, position, plans[0])
        first = first[:width]
        if kind is ChangeKind.UPDATE:
            after, position = _decode_image(data, position, plans[1])
            after = after[:width]
            yield RowChange(kind, first, after)
        elif kind is ChangeKind.INSERT:
            yield RowChange(kind, None, first)
        else:
            yield RowChange(kind, first, None)


def split_rows(body: bytes, type_code: int, codecs: tuple[Codec, ...]) -> tuple[bytes, list[bytes]]:
    """Return the head of a rows event's body, and the bytes of each of its changes: joined they are the body again.

    Raises DecodeError as iterate_rows does.
    """
    head = decode_rows_head(body, type_code)
    plans = [_plan_image(bitmap, codecs) for bitmap in head.present]
    rows, position = [], 0
    while position < len(head.rows):
        start = position
        for plan in plans:
            _, position = _decode_image(head.rows, position, plan)
        rows.append(head.rows[start:position])
    return body[: len(body) - len(head.rows)], rows


_Plan = tuple[int, tuple[Codec | None, ...]]


def _plan_image(present: tuple[bool, ...], codecs: tuple[Codec, ...]) -> _Plan:
    """Return (bytes of the NULL bitmap, per column its codec or None when absent)."""
    return (sum(present) + 7) // 8, tuple(
        codec if there else None for codec, there in zip(codecs, present, strict=True)
    )


def _decode_image(data: bytes, position: int, plan: _Plan) -> tuple[Image, int]:
    null_size, codecs = plan
    nulls = int.from_bytes(take(data, position, null_size), "little")
    position += null_size
    image: list[Value] = []
    for codec in codecs:
        if codec is None:
            image.append(ABSENT)
            continue
        # The NULL bitmap has one bit per column that is present, not per column of the table.
        if nulls & 1:
            image.append(None)
        else:
            literal, position = codec.decode(data, position)
            image.append(literal)
        nulls >>= 1
    return tuple(image), position
