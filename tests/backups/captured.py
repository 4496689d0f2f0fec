"""Event streams captured from real servers (tests/fixtures/binlog), with foreign transactions in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.events import CHECKSUM_CRC32
from backups.binlog.flavor import Flavor
from backups.binlog.own import OwnEvent, OwnEventFilter, OwnTransaction
from backups.binlog.rows import RowChange, Table
from backups.binlog.snapshots import snapshot_from_json
from backups.errors import DecodeError
from backups.rollback.plan import TablePlan

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "binlog"
CASES = [(folder.name, number) for folder in sorted(FOLDER.iterdir()) for number in range(3)]


@dataclass(frozen=True)
class Captured:
    """One statement: what the dump reader got from its start to its end, and what it did."""

    own: OwnTransaction
    stream: tuple[bytes, ...]
    table: Table
    changes: list[dict[str, Any]]


def load_case(name: str, number: int) -> Captured:
    folder = FOLDER / name
    facts = json.loads((folder / "expected.json").read_text())[number]
    own = OwnTransaction(
        Flavor.parse((folder / "server.txt").read_text()),
        BinlogCoordinates.at(*facts["start"]),
        BinlogCoordinates.at(*facts["end"]),
        facts["connection_id"],
        facts["gtid_before"],
        facts["gtid_after"],
        facts["marker"],
    )
    data = (folder / f"events_{number}.bin").read_bytes()
    stream, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "little")
        stream.append(data[position + 4 : position + 4 + size])
        position += 4 + size
    (table,) = snapshot_from_json((folder / "snapshot.json").read_text()).tables
    return Captured(own, tuple(stream), table, facts["changes"])


def feed(own: OwnTransaction, stream: tuple[bytes, ...]) -> list[OwnEvent]:
    """Return our events of `stream`."""
    reader = OwnEventFilter(own, CHECKSUM_CRC32)
    found = []
    for event in stream:
        found += reader.feed(event)
        if reader.passed_end:
            break
    reader.finish()
    return found


def decode(case: Captured) -> list[tuple[TablePlan, RowChange]]:
    """Return the row changes of a case."""
    changes = []
    plan = None
    for event in feed(case.own, case.stream):
        if event.table_map is not None:
            plan = TablePlan(case.table, event.table_map, case.own.flavor)
        else:
            if plan is None:
                raise DecodeError("found a rows event without a table map")
            changes += [(plan, change) for change in plan.decode_rows(event.body, event.type_code)]
    return changes
