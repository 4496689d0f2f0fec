"""Writing what undoes one statement: its records, its information row and its archive, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from backups.bulk import BYTES, TEXT
from backups.cursors import BackupCursor, BulkCursor, DuplicateKeyError
from backups.errors import StoreError
from backups.evidence import RecordsDigest
from backups.rollback.literals import quote_identifier
from backups.schema import ARCHIVE_TABLE, INFORMATION_TABLE, StoredShape
from backups.sending import Sender

BATCH_BYTES = 1 << 20
PACKET_RESERVE_BYTES = 1024
BULK_HEAD_BYTES = 10
MOST_SECONDS_MOVED = 3600
TRIAL = "trial"
"""Instead of an opid_time, on a record that is never committed."""

_BEGINNING = "inception_beginning"


@dataclass(frozen=True, slots=True)
class InformationRow:
    """One row of the information table, without its key. executed_at: aware."""

    start_file: str
    start_position: int
    end_file: str
    end_position: int
    sql: str
    host: str
    schema_name: str
    table_name: str
    port: int
    executed_at: datetime
    kind: str


def build_opid_time(seconds: int, connection_id: int, seq: int) -> str:
    """Return goInception's key of a statement, e.g. "1585740974_1921375_00000001"."""
    return f"{seconds}_{connection_id % (1 << 32)}_{seq:08d}"


def parse_opid_time(opid_time: str) -> tuple[int, int, int]:
    """Return (seconds, connection id, number). Raises ValueError when it is not of goInception's form."""
    seconds, connection_id, seq = opid_time.split("_")
    return int(seconds), int(connection_id), int(seq)


def try_write(cursor: BackupCursor, backup_schema: str, table_name: str) -> None:
    """Write a record, read it back and abort: the server takes writes, now. Raises StoreError when it does not."""
    name = f"{quote_identifier(backup_schema)}.{quote_identifier(table_name)}".replace("%", "%%")
    cursor.execute("START TRANSACTION")
    try:
        cursor.execute(f"INSERT INTO {name} (rollback_statement, opid_time) VALUES (%s, %s)", ("", TRIAL))
        cursor.execute(f"SELECT COUNT(*) FROM {name} WHERE opid_time = %s", (TRIAL,))
        (count,) = cursor.fetchone()
    finally:
        cursor.execute("ROLLBACK")
    if count != 1:
        raise StoreError(
            f"{backup_schema}: found {count} records after one was written for a trial. Needed: 1. Look for triggers or"
            " another writer on the backup tables."
        )


@dataclass(slots=True)
class StatementStore:
    """The rows of one statement in one backup schema, inside an open transaction.

    Records and blocks are escaped and sent by a thread: the driver allows no other use of the connection meanwhile, not
    even escaping. So each method waits for it first.
    """

    cursor: BackupCursor
    backup_schema: str
    table_name: str
    shape: StoredShape
    opid_time: str
    packet_bytes: int
    backslash_escapes: bool = True
    digest: RecordsDigest = field(default_factory=RecordsDigest)
    _pending: list[bytes] = field(default_factory=list)
    _pending_bytes: int = 0
    _has_sent: bool = False
    _sender: Sender = field(default_factory=Sender)

    def close(self) -> None:
        """Leave the connection to others. What was not flushed is dropped."""
        self._sender.close()

    def claim(self, row: InformationRow) -> bool:
        """Write the information row. Returns False, and writes nothing, when the opid_time is taken."""
        self.shape.check(
            schema=self.backup_schema,
            statement_bytes=len(row.sql.encode()),
            position=max(row.start_position, row.end_position),
            host=row.host,
        )
        columns = (
            "opid_time, start_binlog_file, start_binlog_pos, end_binlog_file, end_binlog_pos, sql_statement, host,"
            " dbname, tablename, port, `time`, `type`"
        )
        values = (
            *(self.opid_time, row.start_file, row.start_position, row.end_file, row.end_position, row.sql, row.host),
            *(row.schema_name, row.table_name, row.port, int(row.executed_at.timestamp()), row.kind),
        )
        marks = ", ".join(["%s"] * 10) + ", FROM_UNIXTIME(%s), %s"
        try:
            self.cursor.execute(f"INSERT INTO {self._name(INFORMATION_TABLE)} ({columns}) VALUES ({marks})", values)
        except DuplicateKeyError:
            return False
        return True

    def add_records(self, statements: Sequence[str]) -> None:
        """Add rollback statements. They are written in the order they are added."""
        if not statements:
            return
        texts = [statement.encode() for statement in statements]
        self.digest.add_all(texts)
        sizes = list(map(len, texts))
        self.shape.check_record(self.backup_schema, self.table_name, max(sizes))
        self._pending += texts
        self._pending_bytes += sum(sizes)
        if self._pending_bytes >= BATCH_BYTES:
            self._send_pending()

    def flush(self) -> None:
        """Return when all records and blocks are on the server. Raises StoreError when it refused one."""
        self._send_pending()
        self._sender.finish()

    def _send_pending(self) -> None:
        if self._pending:
            self._has_sent = True
            self._sender.put(partial(self._send_records, self._pending), self._pending_bytes)
            self._pending, self._pending_bytes = [], 0

    def _send_records(self, texts: Sequence[bytes]) -> None:
        cursor = self.cursor
        statement = b"" if isinstance(cursor, BulkCursor) else self._build_insert(texts)
        size = len(statement) or sum(map(len, texts)) + BULK_HEAD_BYTES * (len(texts) + 1)
        if len(texts) > 1 and size > self.packet_bytes - PACKET_RESERVE_BYTES:
            middle = len(texts) // 2
            self._send_records(texts[:middle])
            self._send_records(texts[middle:])
            return
        self._check_packet(size)
        if isinstance(cursor, BulkCursor):
            head = self._build_head(self.table_name, "rollback_statement, opid_time")
            cursor.insert_all(f"{head} (?, '{self.opid_time}')", (TEXT,), texts)
        else:
            cursor.send(statement)

    def _build_insert(self, texts: Sequence[bytes]) -> bytes:
        """Return the INSERT of records as one text."""
        opid = f"'{self.opid_time}'".encode()
        joined = b"\0".join(texts)
        if b"\\" in joined or joined.count(b"\0") != len(texts) - 1:
            # What a backslash means depends on the connection's sql_mode, which the driver knows.
            values = b",".join(b"(" + self.cursor.literal(text) + b"," + opid + b")" for text in texts)
        else:
            escaped = joined.replace(b"'", b"''").replace(b"\0", b"'," + opid + b"),('")
            values = b"('" + escaped + b"'," + opid + b")"
        return self._build_head(self.table_name, "rollback_statement, opid_time").encode() + values

    def _build_head(self, table: str, columns: str) -> str:
        """Return the beginning of an INSERT that the drivers do not format."""
        return f"INSERT INTO {self._name(table).replace('%%', '%')} ({columns}) VALUES "

    def save_block(self, number: int, row_count: int, raw_bytes: int, digest: str, payload: bytes) -> None:
        """Write one block of the archive."""
        task = partial(self._send_block, number, row_count, raw_bytes, digest, payload)
        self._sender.put(task, len(payload))

    def _send_block(self, number: int, row_count: int, raw_bytes: int, digest: str, payload: bytes) -> None:
        head = self._build_head(ARCHIVE_TABLE, "opid_time, block, row_count, raw_bytes, sha256, payload")
        if isinstance(self.cursor, BulkCursor):
            self._check_packet(len(payload) + PACKET_RESERVE_BYTES)
            facts = [str(fact).encode() for fact in (number, row_count, raw_bytes, digest)]
            types = (*(TEXT,) * len(facts), BYTES)
            self.cursor.insert_all(f"{head} ('{self.opid_time}', ?, ?, ?, ?, ?)", types, (*facts, payload))
            return
        # The driver's own escaping minds characters, and is three times slower.
        escaped = payload.replace(b"\\", b"\\\\") if self.backslash_escapes else payload
        value = b"_binary'" + escaped.replace(b"'", b"''") + b"'"
        self._check_packet(len(value))
        facts_text = f"('{self.opid_time}', {number}, {row_count}, {raw_bytes}, '{digest}', "
        self.cursor.send((head + facts_text).encode() + value + b")")

    def count_records(self) -> int:
        """Return how many records of this statement the server holds."""
        return self._count(f"SELECT COUNT(*) FROM {self._name(self.table_name)} WHERE opid_time = %s")

    def count_archived_rows(self) -> int:
        """Return how many row changes the blocks on the server hold."""
        return self._count(
            f"SELECT COALESCE(SUM(row_count), 0) FROM {self._name(ARCHIVE_TABLE)} WHERE opid_time = %s AND block > 0"
        )

    def begin(self) -> None:
        """Remember this place in the transaction for `take_back`."""
        self.cursor.execute(f"SAVEPOINT {_BEGINNING}")

    def take_back(self) -> bool:
        """Take back all records and blocks since `begin`; whether any record had been sent.

        By a savepoint, since the account of the backup server may write and not delete.
        """
        self._pending, self._pending_bytes = [], 0
        self._sender.finish()
        self.digest = RecordsDigest()
        if not self._has_sent:
            return False
        self.cursor.execute(f"ROLLBACK TO SAVEPOINT {_BEGINNING}")
        self._has_sent = False
        return True

    def _count(self, sql: str) -> int:
        self._sender.finish()
        self.cursor.execute(sql, (self.opid_time,))
        return int(self.cursor.fetchone()[0])

    def _check_packet(self, size: int) -> None:
        if size > self.packet_bytes - PACKET_RESERVE_BYTES:
            raise StoreError(
                f"{self.backup_schema}: found one row that needs a statement of {size} bytes, the backup server's"
                f" max_allowed_packet is {self.packet_bytes}. Needed: a larger one, up to 1 GiB."
                f" SET GLOBAL max_allowed_packet={1 << (size + PACKET_RESERVE_BYTES).bit_length()} there and try again."
            )

    def _name(self, table: str) -> str:
        # MySQLdb formats statements with %.
        return f"{quote_identifier(self.backup_schema)}.{quote_identifier(table)}".replace("%", "%%")


def read_packet_bytes(cursor: BackupCursor) -> int:
    """Read the most bytes one statement may have on this connection."""
    cursor.execute("SELECT @@max_allowed_packet")
    return int(cursor.fetchone()[0])


def candidate_opid_times(first: str) -> Iterator[str]:
    """Yield `first` and then, second by second, what to try when it is taken: thread ids restart with a server."""
    seconds, connection_id, seq = parse_opid_time(first)
    for moved in range(MOST_SECONDS_MOVED):
        yield build_opid_time(seconds + moved, connection_id, seq)
