"""Did something of ours reach the binlog? What is looked for when nobody heard the server's answer.

The other reader (`own`) knows which transaction it wants and gives its rows. This one knows only where the statement
began and who sent it, looks at all that was written since, and says what of it is ours and where that ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from backups.binlog import compression, events
from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.events import HEADER_SIZE
from backups.binlog.flavor import Flavor
from backups.binlog.tables import decode_table_map
from backups.binlog.walk import EventWalk
from backups.errors import DecodeError

_MYSQL_STARTS = frozenset({events.GTID, events.ANONYMOUS_GTID, events.GTID_TAGGED})
_QUERIES = frozenset({events.QUERY, events.MARIADB_QUERY_COMPRESSED})
_TRANSACTION_WORDS = (b"XA ", b"SAVEPOINT", b"ROLLBACK")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for.

    start: coordinates read before the statement was sent. end: of the binlog, read after its session was over.
    connection_id: of the session that sent it. marker: what each of its texts begins with, up to the statement number.
    sequences: (schema, name) of those it can take numbers from, which MariaDB logs in transactions of their own that
        bear the statement's text; they say nothing about the statement.
    """

    flavor: Flavor
    start: BinlogCoordinates
    end: BinlogCoordinates
    connection_id: int
    marker: str
    sequences: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class FoundTransaction:
    """One transaction of ours.

    start: where it begins. end: where it ends. gtid: MariaDB's. statements: numbers in its markers, in order.
    is_query: a statement logged as text, as schema changes are, and no row change.
    is_ended: its end is in the binlog; without one the server died while it wrote it, and does not count it.
    """

    start: BinlogCoordinates
    end: BinlogCoordinates
    gtid: str
    statements: tuple[int, ...]
    is_query: bool
    is_ended: bool


@dataclass(frozen=True, slots=True)
class SearchResult:
    """transactions: ours, in order. unreadable: transactions that could not be opened, so that any may be ours.

    restarts: how often the server was started anew since `start`; what came after the first is of other sessions.
    """

    transactions: tuple[FoundTransaction, ...]
    unreadable: int
    restarts: int


@dataclass(slots=True)
class _Group:
    """The transaction under way."""

    start: BinlogCoordinates
    gtid: str = ""
    ours: bool = False
    begun: bool = False
    is_query: bool = False
    has_rows: bool = False
    is_committed: bool = False
    statements: list[int] = field(default_factory=list)


class OwnSearch(EventWalk):
    """Takes every event from `wanted.start` on, until `passed_end`; then result() says what was found."""

    def __init__(self, wanted: Wanted, checksum_algorithm: int) -> None:
        super().__init__(wanted.start, wanted.end, checksum_algorithm)
        self._wanted = wanted
        self._marker = re.compile(re.escape(wanted.marker.encode()) + rb"(\d+) ")
        self._thread_id = wanted.connection_id % (1 << 32)
        self._group: _Group | None = None
        self._found: list[FoundTransaction] = []
        self._unreadable = 0
        self._ended_at = wanted.start

    def feed(self, event: bytes) -> tuple[()]:
        """Take one event. Gives nothing, like a reader that waits for what it wants."""
        type_code = self.step(event)
        if type_code is None:
            return ()
        if type_code == events.MARIADB_GTID:
            self._begin(event)
        elif type_code in _MYSQL_STARTS:
            self._close(is_ended=False)
            self._group = _Group(self._ended_at)
        elif type_code == events.TRANSACTION_PAYLOAD:
            self._look_into(event)
        else:
            self._look_at(type_code, event)
        self._ended_at = self.coordinates
        return ()

    def result(self) -> SearchResult:
        self._close(is_ended=False)
        return SearchResult(tuple(self._found), self._unreadable, self.restarts)

    def _begin(self, event: bytes) -> None:
        self._close(is_ended=False)
        header = events.parse_header(event)
        gtid = events.decode_mariadb_gtid(event[HEADER_SIZE:], header.server_id)
        self._group = _Group(self._ended_at, str(gtid), begun=not gtid.standalone)

    def _look_into(self, event: bytes) -> None:
        """Look at a transaction that MySQL compressed, which is one event, its end included."""
        group = self._group = self._group or _Group(self._ended_at)
        try:
            for inner in compression.iterate_payload(self.checked(event)[HEADER_SIZE:]):
                self._take(group, inner[4], inner)
                if not group.ours:
                    break  # the first tells whose it is
        except DecodeError:
            self._unreadable += 1
        self._close(is_ended=True)

    def _look_at(self, type_code: int, event: bytes) -> None:
        group = self._group
        if group is None:
            return
        if type_code == events.XID:
            self._close(is_ended=True)
            return
        self._take(group, type_code, self.without_checksum(event))
        # A statement that is a transaction of its own has no other end: so schema changes, on either server.
        if group.is_committed or (group.is_query and not group.begun):
            self._close(is_ended=True)

    def _take(self, group: _Group, type_code: int, event: bytes) -> None:
        """Note what an event tells of its transaction."""
        if type_code == events.MARIADB_ANNOTATE_ROWS:
            self._note_marker(group, event[HEADER_SIZE:], tells_whose=True)
        elif type_code == events.ROWS_QUERY:
            self._note_marker(group, event[HEADER_SIZE + 1 :], tells_whose=False)
        elif type_code == events.TABLE_MAP:
            group.has_rows = group.has_rows or not self._is_of_sequence(event)
        elif type_code in _QUERIES:
            self._take_query(group, type_code, event)

    def _is_of_sequence(self, event: bytes) -> bool:
        if not self._wanted.sequences:
            return False
        try:
            table_map = decode_table_map(event[HEADER_SIZE:])
        except DecodeError:
            return False
        return (table_map.schema_name, table_map.table_name) in self._wanted.sequences

    def _take_query(self, group: _Group, type_code: int, event: bytes) -> None:
        text = _read_text(type_code, event)
        word = text[:16].strip().upper()
        # A server that was started anew gives old numbers to new sessions.
        if not self.restarts and int.from_bytes(event[HEADER_SIZE : HEADER_SIZE + 4], "little") == self._thread_id:
            group.ours = True
        if word == b"BEGIN":
            group.begun = True
        elif word == b"COMMIT":
            group.is_committed = True
        elif not word.startswith(_TRANSACTION_WORDS):
            group.is_query = True
            self._note_marker(group, text, tells_whose=False)

    def _note_marker(self, group: _Group, text: bytes, *, tells_whose: bool) -> None:
        """tells_whose: nothing else does, in row changes of MariaDB before 11.5."""
        match = self._marker.match(text)
        if match is None:
            return
        group.ours = group.ours or tells_whose
        if int(match[1]) not in group.statements:
            group.statements.append(int(match[1]))

    def _close(self, *, is_ended: bool) -> None:
        group, self._group = self._group, None
        if group is not None and group.ours and (group.has_rows or group.is_query):
            self._found.append(
                FoundTransaction(
                    start=group.start,
                    end=self.coordinates if is_ended else self._ended_at,
                    gtid=group.gtid,
                    statements=tuple(group.statements),
                    is_query=group.is_query and not group.has_rows,
                    is_ended=is_ended,
                )
            )


def _read_text(type_code: int, event: bytes) -> bytes:
    """Return the statement of a Query event, its beginning at least; b"" of one that cannot be read."""
    try:
        if type_code == events.MARIADB_QUERY_COMPRESSED:
            return compression.decode_text_start(event[HEADER_SIZE:])
        return events.decode_query(event[HEADER_SIZE:]).sql.encode()
    except DecodeError:
        return b""
