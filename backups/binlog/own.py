"""Our own transaction among everybody's: a pure reader of whole events that lets only ours through.

It looks at header bytes first and opens a body only where it must, so that no foreign event can disturb it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backups.binlog import compression, events
from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.events import HEADER_SIZE, EventHeader, QueryEvent, parse_header
from backups.binlog.flavor import Flavor
from backups.binlog.partial_rows import complete_rows
from backups.binlog.tables import TableMap, decode_table_map
from backups.errors import AttributionError, DecodeError

_CHECKSUM_SIZE = 4
_MAPS_KEPT = 1000
_IGNORABLE = 0x80
_MYSQL_STARTS = frozenset({events.GTID, events.ANONYMOUS_GTID, events.GTID_TAGGED})
_OUTSIDE = frozenset(  # of the file, not of a transaction
    {events.STOP, events.PREVIOUS_GTIDS, events.MARIADB_BINLOG_CHECKPOINT, events.MARIADB_GTID_LIST}
)


@dataclass(frozen=True, slots=True)
class OwnTransaction:
    """What is known of the transaction to find.

    start, end: coordinates read before the statement was sent, and after its COMMIT returned.
    connection_id: of the executing connection.
    gtid_before, gtid_after: MariaDB's @@last_gtid around the statement; equal means that nothing was logged.
    marker: a text that the statement, and no other, began with.
    sequences: (schema, name) of those that the statement can take numbers from. MariaDB logs the numbers in
        transactions of their own, which bear the statement's text.
    """

    flavor: Flavor
    start: BinlogCoordinates
    end: BinlogCoordinates
    connection_id: int
    gtid_before: str | None
    gtid_after: str | None
    marker: str
    sequences: frozenset[tuple[str, str]] = frozenset()

    @property
    def logged_nothing(self) -> bool:
        return self.flavor.is_mariadb and (self.gtid_before or "") == (self.gtid_after or "")


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """A table map, a rows event or a query of our transaction.

    raw: header and body as sent, without checksum (header.size still counts it); of a compressed event, those of the
    plain one that it stands for.
    file, position: where the event ends, or the compressed transaction that it was in.
    table_map: of a table map; the same object for one that comes again. query: of a Query event other than BEGIN and
        COMMIT.
    """

    raw: bytes
    file: str
    position: int
    table_map: TableMap | None = None
    query: QueryEvent | None = None

    # Few are asked for these, and a large transaction of small statements has many events.
    @property
    def header(self) -> EventHeader:
        return parse_header(self.raw)

    @property
    def coordinates(self) -> BinlogCoordinates:
        return BinlogCoordinates.at(self.file, self.position)

    @property
    def type_code(self) -> int:
        return self.raw[4]

    @property
    def body(self) -> bytes:
        return self.raw[HEADER_SIZE:]


class OwnEventFilter:
    """Takes every event from `own.start` on, in order; gives those of our transaction.

    feed() each event until `passed_end`, then finish(). Both raise AttributionError when the transaction cannot be
    told apart for certain, DecodeError when one of our events is damaged or of a form that we cannot read.
    """

    def __init__(self, own: OwnTransaction, checksum_algorithm: int) -> None:
        self._own = own
        self._marker = own.marker.encode()
        self._checksum_size = _checksum_size(checksum_algorithm)
        self._file = own.start.file
        self._position = own.start.position
        self._ours = False
        self._open = False  # ours has row events and no end yet
        self._standalone = False
        self._in_numbers = False  # a transaction with our marker, of a sequence as far as is seen
        self._groups_found = 0
        self._unreadable_payloads = 0
        self._maps: dict[int, TableMap] = {}
        self._decoded_maps: dict[bytes, TableMap] = {}  # a transaction of small statements repeats the same ones
        self.passed_end = own.start >= own.end

    @property
    def coordinates(self) -> BinlogCoordinates:
        """Where the last event that was fed ends."""
        return BinlogCoordinates.at(self._file, self._position)

    def feed(self, event: bytes) -> Iterable[OwnEvent]:
        """Take one event: header, body and checksum, if the file has them. Return those of ours that it holds.

        Take all of them before the next call: a compressed transaction is unpacked as they are taken.
        """
        if len(event) < HEADER_SIZE:
            raise DecodeError(f"found an event of {len(event)} bytes after {self.coordinates}; needed: 19 or more.")
        type_code = event[4]
        if type_code == events.ROTATE:
            self._rotate(event)
            return ()
        if type_code == events.FORMAT_DESCRIPTION:
            description = events.decode_format_description(event[HEADER_SIZE:])
            self._checksum_size = _checksum_size(description.checksum_algorithm)
        self._advance(int.from_bytes(event[13:17], "little"))
        if type_code in (events.FORMAT_DESCRIPTION, events.HEARTBEAT, events.HEARTBEAT_V2):
            return ()
        if self._own.flavor.is_mariadb:
            return self._feed_mariadb(type_code, event)
        return self._feed_mysql(type_code, event)

    def finish(self) -> None:
        """Raise AttributionError when what was read does not hold our transaction as it must."""
        own = self._own
        self._check_closed(f"at {own.end}")
        if self._groups_found:
            return
        if own.flavor.is_mariadb and not own.logged_nothing:
            raise AttributionError(
                f"found no transaction {own.gtid_after} between {own.start} and {own.end}; needed: ours. "
                "The session's last_gtid and the coordinates are not of the same server or statement."
            )
        if self._unreadable_payloads:
            raise AttributionError(
                f"found {self._unreadable_payloads} compressed transactions between {own.start} and {own.end} that "
                f"cannot be unpacked, and none by connection {own.connection_id}; needed: to see whose they are. "
                "SET GLOBAL binlog_transaction_compression=OFF and run the next change after reconnecting."
            )

    # Position.

    def _rotate(self, event: bytes) -> None:
        # The artificial rotate at the start comes before the file's format description, and has a checksum or not by
        # other rules; whether one is there tells itself.
        has_checksum = zlib.crc32(event[:-_CHECKSUM_SIZE]) == int.from_bytes(event[-_CHECKSUM_SIZE:], "little")
        rotate = events.decode_rotate(event[HEADER_SIZE : -_CHECKSUM_SIZE if has_checksum else None])
        try:
            BinlogCoordinates.at(rotate.file, rotate.position)
        except ValueError as error:
            raise DecodeError(f"found a change of file without a file, after {self.coordinates}: {error}") from error
        self._file, self._position = rotate.file, rotate.position
        self._check_end()

    def _advance(self, end_position: int) -> None:
        if not end_position:  # artificial
            return
        position = (self._position & ~0xFFFFFFFF) | end_position
        # Headers have 32 bits; a transaction can make a file longer.
        self._position = position if position >= self._position else position + (1 << 32)
        self._check_end()

    def _check_end(self) -> None:
        end = self._own.end
        if self._file == end.file:
            self.passed_end = self._position >= end.position
        else:
            self.passed_end = self.coordinates >= end

    # Whose is it.

    def _feed_mariadb(self, type_code: int, event: bytes) -> Iterable[OwnEvent]:
        if type_code == events.MARIADB_GTID:
            self._start_mariadb_group(event)
            return ()
        if self._ours:
            raw = self._checked(event)
            if type_code in events.MARIADB_COMPRESSED:
                raw = compression.expand_event(raw)
            return self._feed_own(raw)
        if self._in_numbers:
            self._check_numbers(type_code, event)
        elif self._bears_marker(type_code, event):
            self._in_numbers = type_code == events.MARIADB_ANNOTATE_ROWS and bool(self._own.sequences)
            if not self._in_numbers:
                raise self._several()
        return ()

    def _check_numbers(self, type_code: int, event: bytes) -> None:
        """Raise when a transaction with our marker, which is not ours, changes more than sequences."""
        if type_code == events.TABLE_MAP:
            table_map = decode_table_map(self._checked(event)[HEADER_SIZE:])
            if (table_map.schema_name, table_map.table_name) not in self._own.sequences:
                raise self._several()
        elif self._bears_marker(type_code, event):
            raise self._several()

    def _several(self) -> AttributionError:
        return AttributionError(
            f"found our statement's comment also in another transaction, which ends after {self.coordinates}; "
            f"needed: only in {self._own.gtid_after}. The statement was logged in several transactions (a "
            "procedure, or tables of different engines) or was sent twice."
        )

    def _bears_marker(self, type_code: int, event: bytes) -> bool:
        """Whether an event of another transaction holds our marker."""
        if type_code in (events.MARIADB_ANNOTATE_ROWS, events.QUERY):
            return self._marker in event
        if type_code != events.MARIADB_QUERY_COMPRESSED:
            return False
        try:
            return self._marker in compression.decode_text_start(event[HEADER_SIZE:])
        except DecodeError:  # another's, and none of our business
            return False

    def _start_mariadb_group(self, event: bytes) -> None:
        header = parse_header(event)
        gtid = events.decode_mariadb_gtid(event[HEADER_SIZE:], header.server_id)
        self._check_closed(f"before {gtid}")
        self._in_numbers = False
        self._ours = not self._own.logged_nothing and str(gtid) == self._own.gtid_after
        if self._ours:
            self._checked(event)
            self._standalone = gtid.standalone
            self._groups_found += 1

    def _feed_mysql(self, type_code: int, event: bytes) -> Iterable[OwnEvent]:
        if type_code in _MYSQL_STARTS:
            self._check_closed(f"before the transaction that begins at {self.coordinates}")
            self._ours = False
            return ()
        if not self._ours:
            if not self._is_own_start(type_code, event):
                return ()
            self._ours = True
            self._groups_found += 1
        raw = self._checked(event)
        return self._feed_payload(raw) if type_code == events.TRANSACTION_PAYLOAD else self._feed_own(raw)

    def _is_own_start(self, type_code: int, event: bytes) -> bool:
        """Whether an event, the first after a transaction's id, shows that the transaction is ours."""
        if type_code == events.QUERY:
            return self._is_own_thread(event)
        if type_code != events.TRANSACTION_PAYLOAD:
            return False
        try:
            first = compression.decode_first_event(event[HEADER_SIZE:])
        except DecodeError:
            self._unreadable_payloads += 1
            return False
        if first[4] != events.QUERY:
            self._unreadable_payloads += 1
            return False
        return self._is_own_thread(first)

    def _feed_payload(self, raw: bytes) -> Iterator[OwnEvent]:
        for event in compression.iterate_payload(raw[HEADER_SIZE:]):
            if not self._ours:
                raise DecodeError(
                    f"found an event of type {event[4]} behind the end of our transaction, in the compressed one at "
                    f"{self.coordinates}; needed: one transaction. The event is misread."
                )
            yield from self._feed_own(event)
        self._check_closed(f"in the compressed one at {self.coordinates}")

    def _is_own_thread(self, query: bytes) -> bool:
        """Whether a Query event is of our connection."""
        thread_id = int.from_bytes(query[HEADER_SIZE : HEADER_SIZE + 4], "little")
        return thread_id == self._own.connection_id % (1 << 32)

    def _check_closed(self, place: str) -> None:
        if self._open:
            raise AttributionError(
                f"found our transaction without its end {place}; needed: all of it. "
                "Read the coordinates after COMMIT, on the server that ran it."
            )

    # What is in it.

    def _feed_own(self, raw: bytes) -> Iterable[OwnEvent]:
        type_code = raw[4]
        if type_code in events.ROWS_KINDS:
            return (self._own_event(raw),)
        if type_code == events.TABLE_MAP:
            return (self._own_table_map(raw),)
        if type_code == events.PARTIAL_UPDATE_ROWS:
            return (self._own_event(complete_rows(raw, self._find_map(raw))),)
        if type_code == events.QUERY:
            return self._feed_own_query(raw)
        if type_code == events.XID:
            self._ours = self._open = False
        elif type_code in (events.MARIADB_ANNOTATE_ROWS, events.ROWS_QUERY):
            self._check_marker(raw)
        elif type_code not in _OUTSIDE and not raw[17] & _IGNORABLE:
            raise self._unreadable(type_code)
        return ()

    def _own_table_map(self, raw: bytes) -> OwnEvent:
        self._open = True
        body = raw[HEADER_SIZE:]
        table_map = self._decoded_maps.get(body)
        if table_map is None:
            if len(self._decoded_maps) >= _MAPS_KEPT:
                self._decoded_maps.clear()
            table_map = self._decoded_maps[body] = decode_table_map(body)
        self._maps[table_map.table_id] = table_map
        return self._own_event(raw, table_map=table_map)

    def _find_map(self, rows: bytes) -> TableMap:
        table_id = int.from_bytes(rows[HEADER_SIZE : HEADER_SIZE + 6], "little")
        if table_id not in self._maps:
            raise DecodeError(
                f"found rows of table id {table_id} at {self.coordinates}; needed: the table map before them."
            )
        return self._maps[table_id]

    def _feed_own_query(self, raw: bytes) -> Iterable[OwnEvent]:
        query = events.decode_query(raw[HEADER_SIZE:])
        word = query.sql[:16].strip().upper()
        if word.startswith("ROLLBACK"):
            raise AttributionError(
                f"found {query.sql[:40]!r} in our transaction, at {self.coordinates}; needed: a transaction whose row "
                "events all happened. The statement failed in part, or changed tables that know no transactions."
            )
        if word == "COMMIT" or self._standalone:
            self._ours = self._open = False
        if word in ("BEGIN", "COMMIT"):
            return ()
        return (self._own_event(raw, query=query),)

    def _check_marker(self, raw: bytes) -> None:
        if self._marker not in raw:
            text = events.decode_statement_text(raw[HEADER_SIZE:], raw[4])
            raise AttributionError(
                f"found the statement {text[:60]!r} in the transaction that should be ours, at {self.coordinates}; "
                f"needed: one that begins with {self._own.marker!r}. The connection or its id was used by another."
            )

    def _unreadable(self, type_code: int) -> DecodeError:
        return DecodeError(
            f"found an event of type {type_code} in our transaction, at {self.coordinates}; needed: rows events. "
            "Run the change without XA and with binlog_format=ROW, after reconnecting."
        )

    def _checked(self, event: bytes) -> bytes:
        """Return the event without its checksum, which must be right."""
        if not self._checksum_size:
            return event
        raw, checksum = event[:-_CHECKSUM_SIZE], int.from_bytes(event[-_CHECKSUM_SIZE:], "little")
        if zlib.crc32(raw) != checksum:
            raise DecodeError(
                f"found a wrong checksum in our event that ends at {self.coordinates}; needed: {checksum:08x}. "
                "The binlog or the connection is damaged."
            )
        return raw

    def _own_event(self, raw: bytes, *, table_map: TableMap | None = None, query: QueryEvent | None = None) -> OwnEvent:
        return OwnEvent(raw, self._file, self._position, table_map, query)


def _checksum_size(algorithm: int) -> int:
    return _CHECKSUM_SIZE if algorithm == events.CHECKSUM_CRC32 else 0
