"""The raw row events of one executed statement, kept beside its records: evidence that outlives the server's binlog.

Block 0 is a header in JSON; the blocks after it hold events as the server wrote them (header and body, no checksum),
each behind its length in four bytes, and begin with the table maps that their rows need. So one block at a time is
enough for reading, forwards and backwards.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import zstandard

from backups.binlog.events import HEADER_SIZE, TABLE_MAP
from backups.binlog.flavor import Flavor
from backups.binlog.rows import RowChange
from backups.binlog.snapshots import Snapshot, snapshot_from_json, snapshot_to_json
from backups.binlog.tables import TableMap, decode_table_map
from backups.errors import RestoreError, StoreError
from backups.rollback.literals import quote_identifier
from backups.rollback.plan import TablePlan
from backups.schema import ARCHIVE_TABLE

FORMAT_VERSION = 2
"""Blocks of version 1 are packed with zlib, those of version 2 with zstd; each tells by its first bytes."""

BLOCK_BYTES = 1 << 20
COMPRESSION_LEVEL = 1  # 280 MB/s to 28 % of an UPDATE's row events; zlib 90 MB/s to 32 %, zstd's level 3 gains nothing
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class ArchiveHeader:
    """What block 0 says.

    row_count: changes that could be read; event_count: rows events kept. digest: SHA-256 over the digests of the
    blocks after this one, in order.
    state, reason, explanation: as judged when it was captured.
    children_kept: rows that foreign keys changed are among the events although the server does not log them; they are
        put back with foreign keys unchecked.
    installation: whose execution it was; "" in archives from before installations had an id.
    """

    execution_id: int
    seq: int
    host: str
    port: int
    schema_name: str
    table_name: str
    kind: str
    flavor: Flavor
    snapshot: Snapshot | None
    sql_sha256: str
    row_count: int
    event_count: int
    block_count: int
    digest: str
    state: str
    reason: str
    explanation: str
    children_kept: bool = False
    installation: str = ""
    version: int = FORMAT_VERSION

    def to_json(self) -> str:
        data = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("flavor", "snapshot")}
        data["flavor"] = asdict(self.flavor)
        data["snapshot"] = None if self.snapshot is None else json.loads(snapshot_to_json(self.snapshot))
        return json.dumps(data, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ArchiveHeader:
        data = json.loads(text)
        snapshot = data["snapshot"]
        data["flavor"] = Flavor(data["flavor"]["name"], tuple(data["flavor"]["version"]))
        data["snapshot"] = None if snapshot is None else snapshot_from_json(json.dumps(snapshot))
        return cls(**data)


@dataclass(frozen=True, slots=True)
class ArchivedChange:
    """One row change out of an archive. plan: of its table as it was then."""

    plan: TablePlan
    change: RowChange


@dataclass(slots=True)
class ArchiveWriter:
    """Packs events into blocks and hands each full one to `save`.

    save: called with (block number, row count, raw size, SHA-256 in hex, compressed payload).
    """

    save: Any
    block_bytes: int = BLOCK_BYTES
    block_count: int = 0
    event_count: int = 0
    _maps: dict[int, bytes] = field(default_factory=dict)
    _maps_in_block: dict[int, bytes] = field(default_factory=dict)
    _parts: list[bytes] = field(default_factory=list)
    _size: int = 0
    _row_count: int = 0
    _digests: Any = field(default_factory=hashlib.sha256)

    def add_map(self, table_id: int, raw: bytes) -> None:
        """Remember a table map; it is written in front of the first rows that need it, in every block."""
        self._maps[table_id] = raw

    def add_rows(self, table_id: int, raw: bytes, row_count: int) -> None:
        """Add a rows event. row_count: 0 when its rows could not be read."""
        table_map = self._maps[table_id]
        if self._maps_in_block.get(table_id) != table_map:
            self._maps_in_block[table_id] = table_map
            self._append(table_map)
        self._append(raw)
        self._row_count += row_count
        self.event_count += 1
        if self._size >= self.block_bytes:
            self.flush()

    def flush(self) -> None:
        """Hand over what is not yet a full block."""
        if not self._parts:
            return
        self.block_count += 1
        payload = _pack(b"".join(self._parts))
        digest = hashlib.sha256(payload)
        self._digests.update(digest.digest())
        self.save(self.block_count, self._row_count, self._size, digest.hexdigest(), payload)
        self._parts.clear()
        self._maps_in_block.clear()
        self._size = self._row_count = 0

    @property
    def digest(self) -> str:
        return str(self._digests.hexdigest())

    def _append(self, raw: bytes) -> None:
        self._parts.append(len(raw).to_bytes(4, "little"))
        self._parts.append(raw)
        self._size += len(raw) + 4


def pack_header(header: ArchiveHeader) -> tuple[str, bytes]:
    """Return (SHA-256 in hex, payload) of block 0. The hash covers, through `digest`, all blocks."""
    payload = _pack(header.to_json().encode())
    return hashlib.sha256(payload).hexdigest(), payload


@dataclass(frozen=True, slots=True)
class Block:
    """Where a block is, how many changes it holds, and the SHA-256 of its payload."""

    number: int
    row_count: int
    sha256: str


@dataclass(slots=True)
class Archive:
    """The archive of one statement, read through a MySQLdb cursor on the backup server, a block at a time."""

    cursor: Any
    backup_schema: str
    opid_time: str
    header: ArchiveHeader
    flavor: Flavor
    sha256: str
    _plans: dict[bytes, TablePlan] = field(default_factory=dict)

    @classmethod
    def load(cls, cursor: Any, backup_schema: str, opid_time: str, *, flavor: Flavor | None = None) -> Archive | None:
        """Return the archive of `opid_time`, None when it has none. flavor: whose literals to write; default: its own.

        Raises StoreError when block 0 is damaged.
        """
        loaded = _load_payload(cursor, backup_schema, opid_time, 0)
        if loaded is None:
            return None
        payload, sha256 = loaded
        try:
            header = ArchiveHeader.from_json(payload.decode())
        except (ValueError, TypeError, KeyError) as error:
            raise _damaged(backup_schema, opid_time, 0, f"a header that says {error}") from error
        return cls(cursor, backup_schema, opid_time, header, flavor or header.flavor, sha256)

    def load_blocks(self) -> list[Block]:
        """Return the blocks that hold events, in order. Raises StoreError unless they are those the header counted."""
        self.cursor.execute(
            f"SELECT block, row_count, sha256 FROM {_name(self.backup_schema)} WHERE opid_time = %s AND block > 0"
            " ORDER BY block",
            (self.opid_time,),
        )
        rows = self.cursor.fetchall()
        digests = hashlib.sha256()
        with suppress(ValueError):  # a checksum that is none: the digests differ then
            for _, _, digest in rows:
                digests.update(bytes.fromhex(digest))
        if digests.hexdigest() != self.header.digest or len(rows) != self.header.block_count:
            raise _damaged(self.backup_schema, self.opid_time, 0, f"{len(rows)} blocks that differ from its header")
        return [Block(*row) for row in rows]

    def iterate(self, block: Block) -> Iterator[ArchivedChange]:
        """Yield the changes of a block in the order they were made."""
        for plan, body, type_code in self._load_events(block):
            for change in plan.decode_rows(body, type_code):
                yield ArchivedChange(plan, change)

    def iterate_reversed(self, block: Block) -> Iterator[ArchivedChange]:
        """Yield the changes of a block, last first: events backwards, and the rows in each."""
        for plan, body, type_code in reversed(self._load_events(block)):
            for change in reversed(list(plan.decode_rows(body, type_code))):
                yield ArchivedChange(plan, change)

    def iterate_all_reversed(self) -> Iterator[ArchivedChange]:
        for block in reversed(self.load_blocks()):
            yield from self.iterate_reversed(block)

    def _load_events(self, block: Block) -> list[tuple[TablePlan, bytes, int]]:
        loaded = _load_payload(self.cursor, self.backup_schema, self.opid_time, block.number)
        # Its stored checksum, too, must still be the one that the header covers.
        if loaded is None or loaded[1] != block.sha256:
            found = "nothing" if loaded is None else "other bytes than a moment ago"
            raise _damaged(self.backup_schema, self.opid_time, block.number, found)
        payload, _ = loaded
        maps: dict[int, TablePlan] = {}
        events: list[tuple[TablePlan, bytes, int]] = []
        for raw in split_frames(payload):
            body = raw[HEADER_SIZE:]
            if raw[4] == TABLE_MAP:
                table_map = decode_table_map(body)
                maps[table_map.table_id] = self._plan(raw, table_map)
            else:
                events.append((maps[int.from_bytes(body[:6], "little")], body, raw[4]))
        return events

    def _plan(self, raw: bytes, table_map: TableMap) -> TablePlan:
        if raw not in self._plans:
            snapshot = self.header.snapshot
            table = snapshot.find_table(table_map.schema_name, table_map.table_name) if snapshot else None
            if table is None:
                raise RestoreError(
                    f"{self.opid_time}: found rows of {table_map.schema_name}.{table_map.table_name}, whose columns are"
                    " not known. Needed: its definition from before the change. These rows can only be read by hand."
                )
            self._plans[raw] = TablePlan(table, table_map, self.flavor)
        return self._plans[raw]


def split_frames(data: bytes) -> Iterator[bytes]:
    """Yield the events in a block's raw bytes. Raises StoreError when a length points past the end."""
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "little")
        position += 4 + size
        if size < HEADER_SIZE or position > len(data):
            raise StoreError(
                f"found an event of {size} bytes at offset {position - size} of an archive block of"
                f" {len(data)}; needed: whole events. The archive is damaged."
            )
        yield data[position - size : position]


def _load_payload(cursor: Any, backup_schema: str, opid_time: str, number: int) -> tuple[bytes, str] | None:
    """Return a block's bytes and the SHA-256 of its payload, None when there is no such block."""
    cursor.execute(
        f"SELECT payload, sha256 FROM {_name(backup_schema)} WHERE opid_time = %s AND block = %s", (opid_time, number)
    )
    row = cursor.fetchone()
    if row is None:
        return None
    payload, digest = bytes(row[0]), row[1]
    if hashlib.sha256(payload).hexdigest() != digest:
        raise _damaged(backup_schema, opid_time, number, "bytes whose SHA-256 is not the stored one")
    try:
        return _unpack(payload), digest
    except (zlib.error, zstandard.ZstdError) as error:
        raise _damaged(backup_schema, opid_time, number, f"bytes that cannot be unpacked: {error}") from error


def _pack(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).compress(data)


def _unpack(payload: bytes) -> bytes:
    if payload.startswith(_ZSTD_MAGIC):
        return zstandard.ZstdDecompressor().decompress(payload)
    return zlib.decompress(payload)


def _damaged(backup_schema: str, opid_time: str, number: int, found: str) -> StoreError:
    return StoreError(
        f"{backup_schema}.{ARCHIVE_TABLE}, opid_time {opid_time}, block {number}: found {found}. Needed: what was"
        " written. The archive was altered; its rollback records may still be whole."
    )


def _name(backup_schema: str) -> str:
    # The names are part of a statement that MySQLdb formats with %.
    return f"{quote_identifier(backup_schema)}.{quote_identifier(ARCHIVE_TABLE)}".replace("%", "%%")
