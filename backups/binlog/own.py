"""Our own transaction among everybody's: a pure reader of whole events that lets only ours through.

It looks at header bytes first and opens a body only where it must, so that no foreign event can disturb it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from backups.binlog import compression, events
from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.events import HEADER_SIZE, EventHeader, QueryEvent, parse_header
from backups.binlog.flavor import Flavor
from backups.binlog.partial_rows import complete_rows
from backups.binlog.tables import TableMap, decode_table_map
from backups.binlog.walk import EventWalk
from backups.errors import AttributionError, DecodeError

_MAPS_KEPT = 1000
_IGNORABLE = 0x80
_ROWS_FLAGS = HEADER_SIZE + 6
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
    marker: a text that the statement, and no other, began with; of several statements in one transaction, what the
        texts of all begin with, up to their number.
    sequences: (schema, name) of those that the statement can take numbers from. MariaDB logs the numbers in
        transactions of their own, which bear the statement's text.
    is_shared: several statements ran in the transaction.
    """

    flavor: Flavor
    start: BinlogCoordinates
    end: BinlogCoordinates
    connection_id: int
    gtid_before: str | None
    gtid_after: str | None
    marker: str
    sequences: frozenset[tuple[str, str]] = frozenset()
    is_shared: bool = False

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
    statement: number of the statement that made it, in a shared transaction whose binlog holds the texts.
    """

    raw: bytes
    file: str
    position: int
    table_map: TableMap | None = None
    query: QueryEvent | None = None
    statement: int | None = None

    @property
    def ends_statement(self) -> bool:
        """Whether the server marked it as the last rows event of its statement (STMT_END_F)."""
        return self.type_code in events.ROWS_KINDS and bool(self.raw[_ROWS_FLAGS] & 1)

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


class OwnEventFilter(EventWalk):
    """Takes every event from `own.start` on, in order; gives those of our transaction.

    feed() each event until `passed_end`, then finish(). Both raise AttributionError when the transaction cannot be
    told apart for certain, DecodeError when one of our events is damaged or of a form that we cannot read.
    """

    def __init__(self, own: OwnTransaction, checksum_algorithm: int) -> None:
        super().__init__(own.start, own.end, checksum_algorithm)
        self._own = own
        self._marker = own.marker.encode()
        self._number = re.compile(re.escape(self._marker) + rb"(\d+) ")
        self._statement: int | None = None
        self._ours = False
        self._open = False  # ours has row events and no end yet
        self._standalone = False
        self._in_numbers = False  # a transaction with our marker, of a sequence as far as is seen
        self._groups_found = 0
        self._unreadable_payloads = 0
        self._maps: dict[int, TableMap] = {}
        self._decoded_maps: dict[bytes, TableMap] = {}  # a transaction of small statements repeats the same ones

    def feed(self, event: bytes) -> Iterable[OwnEvent]:
        """Take one event: header, body and checksum, if the file has them. Return those of ours that it holds.

        Take all of them before the next call: a compressed transaction is unpacked as they are taken.
        """
        type_code = self.step(event)
        if type_code is None:
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

    # Whose is it.

    def _feed_mariadb(self, type_code: int, event: bytes) -> Iterable[OwnEvent]:
        if type_code == events.MARIADB_GTID:
            self._start_mariadb_group(event)
            return ()
        if self._ours:
            raw = self.checked(event)
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
            table_map = decode_table_map(self.checked(event)[HEADER_SIZE:])
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
            self.checked(event)
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
        raw = self.checked(event)
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
        if self._own.is_shared:
            match = self._number.search(raw)
            self._statement = int(match[1]) if match else None

    def _unreadable(self, type_code: int) -> DecodeError:
        return DecodeError(
            f"found an event of type {type_code} in our transaction, at {self.coordinates}; needed: rows events. "
            "Run the change without XA and with binlog_format=ROW, after reconnecting."
        )

    def _own_event(self, raw: bytes, *, table_map: TableMap | None = None, query: QueryEvent | None = None) -> OwnEvent:
        return OwnEvent(raw, self._file, self._position, table_map, query, self._statement)
