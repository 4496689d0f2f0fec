"""It keeps row events in blocks that are each enough for reading, forwards and backwards, and notices damage."""

from __future__ import annotations

import hashlib
import random
import zlib
from dataclasses import replace
from typing import Any

import pytest
import zstandard

from backups.archive import Archive, ArchivedChange, ArchiveHeader, ArchiveWriter, pack_header, split_frames
from backups.binlog.flavor import Flavor
from backups.binlog.rows import ChangeKind, Column, RowChange, Table
from backups.binlog.snapshots import Snapshot
from backups.binlog.tables import TableMap
from backups.errors import RestoreError, StoreError
from backups.rollback.plan import TablePlan
from backups.undoing import fold
from tests.backups.captured import CASES, feed, load_case


class Blocks:
    """Stands for a cursor on the archive's table of one statement."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[int, str, bytes]] = {}
        self.answer: list[tuple[Any, ...]] = []

    def save(self, number: int, row_count: int, raw_bytes: int, digest: str, payload: bytes) -> None:
        self.rows[number] = (row_count, digest, payload)

    def execute(self, sql: str, parameters: tuple[Any, ...]) -> None:
        if sql.startswith("SELECT payload"):
            row = self.rows.get(parameters[1])
            self.answer = [] if row is None else [(row[2], row[1])]
        else:
            self.answer = [(number, row[0], row[1]) for number, row in sorted(self.rows.items()) if number]

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.answer[0] if self.answer else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.answer


def keep(name: str, number: int, block_bytes: int) -> tuple[Blocks, list[RowChange]]:
    """Archive a captured statement; return its blocks and its changes as they were read directly."""
    captured = load_case(name, number)
    blocks = Blocks()
    writer = ArchiveWriter(blocks.save, block_bytes=block_bytes)
    changes: list[RowChange] = []
    plans: dict[int, TablePlan] = {}
    for event in feed(captured.own, captured.stream):
        if event.table_map is not None:
            plans[event.table_map.table_id] = TablePlan(captured.table, event.table_map, captured.own.flavor)
            writer.add_map(event.table_map.table_id, event.raw)
        elif event.query is None:
            table_id = int.from_bytes(event.body[:6], "little")
            rows = list(plans[table_id].decode_rows(event.body, event.type_code))
            changes += rows
            writer.add_rows(table_id, event.raw, len(rows))
    writer.flush()
    header = ArchiveHeader(
        execution_id=7,
        seq=number,
        host="db",
        port=3306,
        schema_name="shop",
        table_name="t",
        kind="UPDATE",
        flavor=captured.own.flavor,
        snapshot=Snapshot((captured.table,)),
        sql_sha256="0" * 64,
        row_count=len(changes),
        event_count=writer.event_count,
        block_count=writer.block_count,
        digest=writer.digest,
        state="complete",
        reason="",
        explanation="né",
    )
    digest, payload = pack_header(header)
    blocks.save(0, 0, len(payload), digest, payload)
    return blocks, changes


def load(blocks: Blocks) -> Archive:
    archive = Archive.load(blocks, "b", "1_2_00000003")
    assert archive is not None
    return archive


@pytest.mark.parametrize("block_bytes", [1, 1 << 20])
@pytest.mark.parametrize(("name", "number"), CASES)
def test_it_gives_back_the_changes_in_both_directions(name: str, number: int, block_bytes: int) -> None:
    blocks, changes = keep(name, number, block_bytes)
    archive = load(blocks)
    listed = archive.load_blocks()
    assert [item.change for block in listed for item in archive.iterate(block)] == changes
    assert [item.change for item in archive.iterate_all_reversed()] == changes[::-1]
    assert sum(block.row_count for block in listed) == len(changes) > 0
    assert len(listed) == (archive.header.event_count if block_bytes == 1 else 1)


def test_it_keeps_the_header() -> None:
    blocks, _ = keep(*CASES[0], 1)
    header = load(blocks).header
    assert ArchiveHeader.from_json(header.to_json()) == header
    assert pack_header(header)[0] == blocks.rows[0][1]


def test_it_reads_blocks_that_were_packed_with_zlib() -> None:
    blocks, changes = keep(*CASES[0], 1 << 20)
    header, unpacker = load(blocks).header, zstandard.ZstdDecompressor()
    older = zlib.compress(unpacker.decompress(blocks.rows[1][2]))
    digest = hashlib.sha256(older)
    blocks.rows[1] = (blocks.rows[1][0], digest.hexdigest(), older)
    text = replace(header, version=1, digest=hashlib.sha256(digest.digest()).hexdigest()).to_json()
    packed = zlib.compress(text.encode())
    blocks.rows[0] = (0, hashlib.sha256(packed).hexdigest(), packed)
    assert [item.change for item in load(blocks).iterate_all_reversed()] == changes[::-1]


def test_it_says_that_a_block_cannot_be_unpacked() -> None:
    blocks, _ = keep(*CASES[0], 1 << 20)
    blocks.rows[0] = (0, hashlib.sha256(b"plain").hexdigest(), b"plain")
    with pytest.raises(StoreError, match="cannot be unpacked"):
        load(blocks)


def test_it_has_nothing_of_an_unknown_statement() -> None:
    assert Archive.load(Blocks(), "b", "1_2_00000003") is None


@pytest.mark.parametrize("number", [0, 1])
def test_it_notices_a_changed_byte(number: int) -> None:
    blocks, _ = keep(*CASES[0], 1 << 20)
    row_count, digest, payload = blocks.rows[number]
    blocks.rows[number] = (row_count, digest, payload[:-1] + bytes([payload[-1] ^ 1]))
    with pytest.raises(StoreError, match="SHA-256"):
        list(load(blocks).iterate_all_reversed())


def test_it_notices_a_block_that_was_exchanged_with_its_hash() -> None:
    blocks, _ = keep(*CASES[0], 1 << 20)
    other, _ = keep(*CASES[1], 1 << 20)
    blocks.rows[1] = other.rows[1]
    with pytest.raises(StoreError, match="differ from its header"):
        load(blocks).load_blocks()


def test_it_says_which_table_is_not_known() -> None:
    blocks, _ = keep(*CASES[0], 1 << 20)
    archive = load(blocks)
    archive.header = replace(archive.header, snapshot=None)
    with pytest.raises(RestoreError, match="columns are not known"):
        list(archive.iterate_all_reversed())


def test_it_meets_random_bytes_with_store_errors_only() -> None:
    draw = random.Random(7)
    for _ in range(2000):
        data = draw.randbytes(draw.randrange(60))
        if draw.random() < 0.5:
            data = draw.randrange(60).to_bytes(4, "little") + data
        try:
            frames = list(split_frames(data))
        except StoreError:
            continue
        assert sum(len(frame) + 4 for frame in frames) == len(data)


class TestFold:
    TABLE = Table("shop", "t", (Column("id", "int", "int"), Column("a", "int", "int")), (0,))

    def fold(self, table: Table, *changes: RowChange) -> list[RowChange]:
        """Fold changes given in the order they were made."""
        table_map = TableMap(1, "shop", "t", (3, 3), (0, 0), (False, True))
        plan = TablePlan(table, table_map, Flavor("mysql", (8, 4, 0)))
        return [undo.change for undo in fold(ArchivedChange(plan, change) for change in reversed(changes))]

    def deleted(self, *image: str) -> RowChange:
        return RowChange(ChangeKind.DELETE, image, None)

    def inserted(self, *image: str) -> RowChange:
        return RowChange(ChangeKind.INSERT, None, image)

    def test_it_undoes_a_replaced_row_by_one_update(self) -> None:
        changes = (self.inserted("9", "9"), self.deleted("1", "1"), self.inserted("1", "2"), self.deleted("3", "3"))
        assert self.fold(self.TABLE, *changes) == [
            RowChange(ChangeKind.INSERT, None, ("3", "3")),
            RowChange(ChangeKind.UPDATE, ("1", "2"), ("1", "1")),
            RowChange(ChangeKind.DELETE, ("9", "9"), None),
        ]

    def test_it_leaves_a_row_that_was_replaced_by_its_equal(self) -> None:
        assert self.fold(self.TABLE, self.deleted("1", "1"), self.inserted("1", "1")) == []

    def test_it_keeps_two_rows_apart(self) -> None:
        changes = (self.deleted("1", "1"), self.inserted("2", "1"))
        assert [change.kind for change in self.fold(self.TABLE, *changes)] == [ChangeKind.DELETE, ChangeKind.INSERT]

    def test_it_folds_nothing_without_a_key(self) -> None:
        table = replace(self.TABLE, primary_key=())
        assert len(self.fold(table, self.deleted("1", "1"), self.inserted("1", "1"))) == 2
