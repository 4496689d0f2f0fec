"""Stream our own row events from a server: the dump protocol on PyMySQL's handshake, and nothing else of a replica.

Our own reader, as the library's BinLogStreamReader parses, and stops at, other sessions' tables and dates.
"""

from __future__ import annotations

import io
import secrets
import ssl
import struct
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import pymysql

from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.events import CHECKSUM_CRC32, CHECKSUM_NONE
from backups.binlog.flavor import Flavor
from backups.binlog.own import OwnEvent, OwnEventFilter, OwnTransaction
from backups.binlog.search import OwnSearch, SearchResult, Wanted
from backups.binlog.walk import EventWalk
from backups.errors import AttributionError, BinlogGoneError, UnreachableError

__all__ = [
    "OwnEvent",
    "OwnTransaction",
    "SearchResult",
    "ServerAddress",
    "Wanted",
    "find_own_transactions",
    "make_tls_context",
    "read_own_events",
]

_COM_BINLOG_DUMP = 0x12
_NON_BLOCK = 1
_SEND_ANNOTATE_ROWS = 2  # MariaDB only
_LONGEST_POSITION = (1 << 32) - 1
_WHOLE_PACKET = 0xFFFFFF
_BUFFER_BYTES = 64 * 1024
_READ_TIMEOUT_SECONDS = 60
_CATCH_UP_SECONDS = 10.0
_CATCH_UP_PAUSE_SECONDS = 0.05
_BINLOG_GONE = 1236
"""ER_MASTER_FATAL_ERROR_READING_BINLOG: no such file, or no such position in it."""
_PASSING = frozenset({0, 1040, 1053, 1152, 1158, 1159, 1160, 1161, 1203, 1927, 3169, 4031})

_Reader = TypeVar("_Reader", bound=EventWalk)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where to read a binlog from, and as whom.

    tls: "disabled", "required" (encrypted, anybody's certificate), "verify_ca" or "verify_identity".
    ca: file of the authority's certificates for the last two; None for the system's.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: str = "disabled"
    ca: str | None = None


def read_own_events(address: ServerAddress, own: OwnTransaction) -> Iterator[OwnEvent]:
    """Yield the table maps, rows events and queries of our transaction, and of no other, as they come.

    What was yielded counts only when the iterator ends without an error: whether another transaction bears our marker
    is known at `own.end`. Memory is bounded by the largest event (a compressed transaction is one, as packed). The
    connection is closed when the iterator is.
    Raises AttributionError when the transaction is ambiguous or cannot be found or read, DecodeError when one of its
    events is damaged or of an unknown form, UnknownTypeError for a column type of which not even the length is known.
    """
    if own.logged_nothing:
        return
    reader: OwnEventFilter | None = None
    for reader, event in _walk(address, own.flavor, own.start, own.end, partial(OwnEventFilter, own)):
        yield from reader.feed(event)
    if reader is not None:
        reader.finish()


def find_own_transactions(address: ServerAddress, wanted: Wanted) -> SearchResult:
    """Look through all that was written from `wanted.start` to `wanted.end` for what is ours.

    Raises AttributionError when that part of the binlog cannot be read without a gap, BinlogGoneError when the server
    no longer has it, UnreachableError when it cannot be asked.
    """
    search: OwnSearch | None = None
    for search, event in _walk(address, wanted.flavor, wanted.start, wanted.end, partial(OwnSearch, wanted)):
        search.feed(event)
    return search.result() if search is not None else SearchResult((), 0, 0)


def _walk(
    address: ServerAddress,
    flavor: Flavor,
    start: BinlogCoordinates,
    end: BinlogCoordinates,
    make_reader: Callable[[int], _Reader],
) -> Iterator[tuple[_Reader, bytes]]:
    """Yield each event from `start` until the reader, which takes them, has passed its end.

    make_reader: is told the checksum algorithm.
    """
    reader: _Reader | None = None
    deadline = time.monotonic() + _CATCH_UP_SECONDS
    while reader is None or not reader.passed_end:
        # The position that the server tells can be some milliseconds ahead of what it lets dump readers see, so an
        # end of the stream before it is not the end: go on from where we are.
        before = reader.coordinates if reader else start
        with closing(_connect(address)) as connection:
            if reader is None:
                reader = make_reader(_read_checksum_algorithm(connection, address))
            with closing(_dump(connection, address, flavor, reader)) as stream:
                for event in stream:
                    yield reader, event
                    if reader.passed_end:
                        break
        if reader.coordinates > before:
            deadline = time.monotonic() + _CATCH_UP_SECONDS
        elif time.monotonic() > deadline:
            raise BinlogGoneError(
                f"{address.host}:{address.port}: found the binlog's end at {reader.coordinates}; needed: to read up to "
                f"{end}. The coordinates are of another server, or its binlogs were reset."
            )
        elif not reader.passed_end:
            time.sleep(_CATCH_UP_PAUSE_SECONDS)


def _connect(address: ServerAddress) -> Any:
    """Return an open PyMySQL connection. The types know nothing of its socket, which we need: hence Any."""
    try:
        return pymysql.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            # PyMySQL would encode text as latin-1; the servers compare the bytes that the account was made with.
            password=address.password.encode(),
            charset="utf8mb4",
            ssl_disabled=address.tls == "disabled",
            ssl=make_tls_context(address),
            connect_timeout=10,
            read_timeout=_READ_TIMEOUT_SECONDS,
            write_timeout=_READ_TIMEOUT_SECONDS,
        )
    except (pymysql.MySQLError, OSError) as error:
        raise _unreadable(address, error) from error


def make_tls_context(address: ServerAddress) -> ssl.SSLContext | None:
    """Return how to speak TLS with a server, as PyMySQL takes it; None for plain text."""
    if address.tls == "disabled":
        return None
    context = ssl.create_default_context(cafile=address.ca)
    context.check_hostname = address.tls == "verify_identity"
    if address.tls == "required":
        context.verify_mode = ssl.CERT_NONE
    return context


def _unreadable(address: ServerAddress, error: Exception) -> AttributionError:
    """Return what to raise for a driver's error: what passes by itself is told from what does not."""
    found = ": ".join(str(part) for part in error.args)
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if code == _BINLOG_GONE:
        return BinlogGoneError(
            f'{address.host}:{address.port}: found "{found}" when reading the binlog; needed: the events of our '
            "statement, which the server no longer has: its files were purged or reset, or it is another server."
        )
    kind = UnreachableError if isinstance(error, OSError) or _is_passing(code) else AttributionError
    return kind(
        f'{address.host}:{address.port}: found "{found}" when reading the binlog; needed: the events of our statement. '
        "Check that the server runs, keeps its binlogs, and lets the account read them (REPLICATION SLAVE)."
    )


def _read_checksum_algorithm(connection: Any, address: ServerAddress) -> int:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@global.binlog_checksum")
            name = cursor.fetchone()[0]
    except (pymysql.MySQLError, OSError) as error:
        raise _unreadable(address, error) from error
    return CHECKSUM_CRC32 if str(name).upper() == "CRC32" else CHECKSUM_NONE


def _is_passing(code: int) -> bool:
    """Whether an error says that the server could not be talked to just now: lost, shutting down, or too busy."""
    return code in _PASSING or 2000 <= code < 3000


def _dump(connection: Any, address: ServerAddress, flavor: Flavor, reader: EventWalk) -> Generator[bytes, None, None]:
    """Yield each event from where `reader` is to the end of the last file."""
    start = reader.coordinates
    if start.position > _LONGEST_POSITION:
        raise AttributionError(
            f"{address.host}:{address.port}: found the start {start}, beyond 4 GiB; needed: a smaller offset, as the "
            "server cannot be asked for more. FLUSH BINARY LOGS and run the next change."
        )
    flags = _NON_BLOCK | (_SEND_ANNOTATE_ROWS if flavor.is_mariadb else 0)
    # Two readers with one server id starve each other: each draws its own, far from what people give to servers.
    server_id = (1 << 31) + secrets.randbelow((1 << 31) - 1)
    command = struct.pack("<BIHI", _COM_BINLOG_DUMP, start.position, flags, server_id) + start.file.encode()
    try:
        with connection.cursor() as cursor:
            # Without these MySQL refuses to send files with checksums; either name is unknown to some versions.
            cursor.execute("SET @master_binlog_checksum=@@global.binlog_checksum")
            cursor.execute("SET @source_binlog_checksum=@@global.binlog_checksum")
            if flavor.is_mariadb:
                cursor.execute("SET @mariadb_slave_capability=4")  # 4: understands Gtid events, else they become BEGIN
        connection._next_seq_id = 0
        connection.write_packet(command)
        # An open file on the socket would keep it open after the connection is closed.
        with connection._sock.makefile("rb", buffering=_BUFFER_BYTES) as stream:
            yield from _read_events(stream, start)
    except (pymysql.MySQLError, OSError) as error:
        raise _unreadable(address, error) from error


def _read_events(stream: io.BufferedReader, start: BinlogCoordinates) -> Iterator[bytes]:
    """Yield the events in the packets of `stream` until the server says that there are no more."""
    while True:
        packet = _read_packet(stream)
        if packet[:1] == b"\0":
            yield packet[1:]
        elif packet[:1] == b"\xfe":
            return
        else:
            code = int.from_bytes(packet[1:3], "little")
            text = packet[9:] if packet[3:4] == b"#" else packet[3:]
            raise pymysql.OperationalError(code, f"{text.decode('utf-8', errors='backslashreplace')} (from {start})")


def _read_packet(stream: io.BufferedReader) -> bytes:
    """Return the next packet's payload; one of 16 MiB - 1 goes on in the next."""
    size = _WHOLE_PACKET
    parts = []
    while size == _WHOLE_PACKET:
        head = stream.read(4)
        size = int.from_bytes(head[:3], "little")
        part = stream.read(size)
        if len(head) != 4 or len(part) != size:
            raise ConnectionError("the connection was closed in the middle of an event")
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
