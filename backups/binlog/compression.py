"""Compressed events, made into those that a server without compression would have written.

MySQL (binlog_transaction_compression) puts all events of a transaction into one payload, packed with zstd. MariaDB
(log_bin_compress) packs the text of a Query event, and the rows of a rows event, with zlib.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import zstandard

from backups.binlog import events
from backups.binlog.events import HEADER_SIZE
from backups.binlog.tables import decode_packed_integer
from backups.binlog.values import take
from backups.errors import DecodeError

LARGEST_EVENT_BYTES = 1 << 30
"""The servers' own limit (max_allowed_packet, slave_max_allowed_packet); more is damage, and not to be unpacked."""

_CHUNK_BYTES = 1 << 20
_MARKER_BYTES = 4096

_END_MARK, _COMPRESSION, _UNPACKED_SIZE = 0, 2, 3  # fields of a payload's head
_ZSTD, _PLAIN = 0, 255

_PLAIN_TYPES = {165: events.QUERY, 166: 23, 167: 24, 168: 25, 169: 30, 170: 31, 171: 32}
_ZLIB = 0


@dataclass(frozen=True, slots=True)
class Payload:
    """A Transaction_payload event. unpacked_size: of all its events together. data: as packed."""

    compression: int
    unpacked_size: int
    data: bytes


def decode_payload(body: bytes) -> Payload:
    """Decode the head of a Transaction_payload event. Source: MySQL server, libs/mysql/binlog/event, codecs/binary."""
    fields = {_COMPRESSION: _PLAIN, _UNPACKED_SIZE: len(body)}
    position = 0
    while True:
        name, position = decode_packed_integer(body, position)
        if name == _END_MARK:
            return Payload(fields[_COMPRESSION], fields[_UNPACKED_SIZE], body[position:])
        size, position = decode_packed_integer(body, position)
        fields[name], _ = decode_packed_integer(take(body, position, size), 0)
        position += size


def iterate_payload(body: bytes) -> Iterator[bytes]:
    """Yield the events in a Transaction_payload event, which have no checksums, unpacked one after the other.

    Raises DecodeError when the payload is damaged or of an unknown compression. Memory: the body and one event.
    """
    payload = decode_payload(body)
    unpacked = 0
    for event in _split(_Unpacker(payload)):
        unpacked += len(event)
        yield event
    if payload.compression == _ZSTD and unpacked != payload.unpacked_size:
        raise DecodeError(
            f"found {unpacked} bytes in a compressed transaction; needed: {payload.unpacked_size}, as its head says."
        )


def decode_first_event(body: bytes) -> bytes:
    """Return the first event in a Transaction_payload event, and unpack no more than its block.

    Raises DecodeError as iterate_payload does.
    """
    for event in _split(_Unpacker(decode_payload(body))):
        return event
    raise DecodeError("found a compressed transaction without events; needed: its BEGIN.")


class _Unpacker:
    """Reads exact numbers of unpacked bytes, never more than a chunk at once ahead of what there is."""

    def __init__(self, payload: Payload) -> None:
        if payload.compression not in (_ZSTD, _PLAIN):
            raise DecodeError(
                f"found a transaction with compression {payload.compression}; needed: zstd. SET GLOBAL "
                "binlog_transaction_compression=OFF and run the next change after reconnecting."
            )
        self._plain = payload.data if payload.compression == _PLAIN else None
        self._position = 0
        self._reader = zstandard.ZstdDecompressor().stream_reader(
            b"" if self._plain is not None else payload.data, read_across_frames=True
        )

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        if self._plain is not None:
            self._position += size
            return self._plain[self._position - size : self._position]
        parts = []
        while size:
            try:
                part = self._reader.read(min(size, _CHUNK_BYTES))
            except zstandard.ZstdError as error:
                raise DecodeError(f"found a compressed transaction that cannot be unpacked: {error}.") from error
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _split(unpacker: _Unpacker) -> Iterator[bytes]:
    while header := unpacker.read(HEADER_SIZE):
        size = int.from_bytes(take(header, 9, 4), "little")
        if len(header) < HEADER_SIZE or not HEADER_SIZE <= size <= LARGEST_EVENT_BYTES:
            raise DecodeError(f"found an event of {size} bytes in a compressed transaction; needed: 19 up to 1 GiB.")
        body = unpacker.read(size - HEADER_SIZE)
        if len(body) != size - HEADER_SIZE:
            raise DecodeError(f"found an event of {size} bytes cut after {len(body) + HEADER_SIZE}; needed: all of it.")
        yield header + body


def expand_event(raw: bytes) -> bytes:
    """Return a compressed event of MariaDB as the plain event that it stands for.

    raw: header and body, without checksum.
    Raises DecodeError when it is damaged. Source: MariaDB server, sql/log_event.cc, binlog_buf_uncompress.
    """
    plain_type = _PLAIN_TYPES.get(raw[4])
    if plain_type is None:
        raise DecodeError(f"found an event of type {raw[4]}; needed: a compressed one ({sorted(_PLAIN_TYPES)}).")
    body = raw[HEADER_SIZE:]
    start = _find_packed(body, plain_type)
    return events.replace_body(raw, plain_type, body[:start] + (_unpack(body[start:]) if start < len(body) else b""))


def decode_text_start(body: bytes) -> bytes:
    """Return the first kilobytes of the statement in a Query_compressed event. Raises DecodeError as expand_event."""
    return _unpack(body[_find_packed(body, events.QUERY) :], most=_MARKER_BYTES)


def _find_packed(body: bytes, plain_type: int) -> int:
    """Return where the packed part of an event begins: all before is as in the plain event."""
    if plain_type == events.QUERY:
        return events.find_query_text(body)
    return len(body) - len(events.decode_rows_head(body, plain_type).rows)


def _unpack(data: bytes, *, most: int = LARGEST_EVENT_BYTES) -> bytes:
    """Unpack `data`: a byte of 0x80 + algorithm + size of the length, the length (big-endian), a zlib stream."""
    head = take(data, 0, 1)[0]
    length_size, algorithm = head & 0x07, head >> 4 & 0x07
    if not head & 0x80 or algorithm != _ZLIB or not 1 <= length_size <= 4:
        raise DecodeError(f"found 0x{head:02x} before compressed data; needed: 0x81 to 0x84, for zlib.")
    length = int.from_bytes(take(data, 1, length_size), "big")
    if length > LARGEST_EVENT_BYTES:
        raise DecodeError(f"found a compressed event of {length} bytes; needed: 1 GiB or less. The event is misread.")
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(data[1 + length_size :], min(length, most) + 1)
    except zlib.error as error:
        raise DecodeError(f"found compressed data that cannot be unpacked: {error}.") from error
    if length > most:
        return unpacked
    if len(unpacked) != length or not unpacker.eof:
        raise DecodeError(f"found {len(unpacked)} bytes of compressed data; needed: {length}. The event is cut.")
    return unpacked
