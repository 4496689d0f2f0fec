"""The events of shadows and of the tables behind them: named after the tables, and without the rows told twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backups.binlog.events import HEADER_SIZE, ROWS_KINDS, replace_body, split_rows
from backups.binlog.flavor import Flavor
from backups.binlog.own import OwnEvent
from backups.binlog.rows import ChangeKind
from backups.binlog.snapshots import Snapshot
from backups.binlog.tables import TableMap, decode_table_map, rename_table_map
from backups.errors import DecodeError
from backups.rollback.children import Shadow, TableName
from backups.rollback.plan import TablePlan
from backups.rollback.shadow_rows import ShadowSurvey, TableRows, is_own, is_told_by_shadow


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a rows event. raw: header and body with the rows that count; b"" for none.

    left_out: how many rows do not count. by_keys: they are a foreign key's changes, told by a shadow.
    """

    raw: bytes
    left_out: int = 0
    by_keys: bool = False

    @property
    def body(self) -> bytes:
        return self.raw[HEADER_SIZE:]


@dataclass(slots=True)
class ShadowedRows:
    """Knows the shadows of one statement. Call survey() first, then the others for each event in order."""

    shadows: Iterable[Shadow]
    snapshot: Snapshot
    flavor: Flavor
    _by_shadow: dict[TableName, Shadow] = field(default_factory=dict)
    _shadow_ids: set[int] = field(default_factory=set)
    _incoming_ids: set[int] = field(default_factory=set)
    _rows: Mapping[TableName, TableRows] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_shadow = {shadow.shadow: shadow for shadow in self.shadows}

    @property
    def tables(self) -> frozenset[TableName]:
        return frozenset(shadow.table for shadow in self._by_shadow.values())

    def rename(self, table_map: TableMap, raw: bytes) -> tuple[TableMap, bytes]:
        """Return a table map under the name of the table that it is a shadow of; any other as it is."""
        shadow = self._by_shadow.get((table_map.schema_name, table_map.table_name))
        if shadow is None:
            self._shadow_ids.discard(table_map.table_id)
            self._incoming_ids.discard(table_map.table_id)
            return table_map, raw
        self._shadow_ids.add(table_map.table_id)
        if shadow.is_incoming:
            self._incoming_ids.add(table_map.table_id)
        body = rename_table_map(raw[HEADER_SIZE:], *shadow.table)
        return decode_table_map(body), replace_body(raw, raw[4], body)

    def is_copy(self, table_id: int, type_code: int) -> bool:
        """Whether a rows event has copies of rows as they were before the statement."""
        return table_id in self._shadow_ids and ROWS_KINDS.get(type_code) is ChangeKind.INSERT

    def survey(self, events: Iterable[OwnEvent]) -> str:
        """Look at all events; return why it cannot be said what foreign keys did, "" when it can. Raises as they do."""
        survey = ShadowSurvey(
            [
                cascade
                for cascade in self.snapshot.cascades
                if {(cascade.parent_schema, cascade.parent_table), (cascade.schema_name, cascade.table_name)}
                <= self.tables
            ]
        )
        plans: dict[int, TablePlan | None] = {}
        for event in events:
            if event.table_map is not None:
                table_map, _ = self.rename(event.table_map, event.raw)
                plans[table_map.table_id] = self._plan(table_map, plans.get(table_map.table_id))
            elif event.type_code in ROWS_KINDS:
                self._add(survey, event, plans)
        self._shadow_ids.clear()
        self._incoming_ids.clear()
        self._rows = survey.result()
        return survey.failure

    def _add(self, survey: ShadowSurvey, event: OwnEvent, plans: Mapping[int, TablePlan | None]) -> None:
        table_id = int.from_bytes(event.body[:6], "little")
        plan = plans.get(table_id)
        if plan is None or table_id in self._incoming_ids:
            return
        if not plan.has_needed_columns(event.body, event.type_code):
            raise DecodeError(f"{'.'.join(_name(plan))}: found row images without all columns; needed: all.")
        add = survey.add_shadow if table_id in self._shadow_ids else survey.add_own
        for change in plan.decode_rows(event.body, event.type_code):
            add(plan.table, change)

    def _plan(self, table_map: TableMap, known: TablePlan | None) -> TablePlan | None:
        if known is not None and known.table_map == table_map:
            return known
        table = self.snapshot.find_table(table_map.schema_name, table_map.table_name)
        if table is None or (table.schema_name, table.name) not in self.tables:
            return None
        return TablePlan(table, table_map, self.flavor)

    def choose(self, plan: TablePlan, raw: bytes) -> Kept:
        """Return what counts of a rows event of `plan`'s table."""
        rows = self._rows.get(_name(plan))
        if rows is None:
            return Kept(raw)
        by_keys = plan.table_map.table_id in self._shadow_ids
        if not by_keys and not rows.left_out:
            return Kept(raw)
        body, type_code = raw[HEADER_SIZE:], raw[4]
        head, parts = split_rows(body, type_code, plan.wire_codecs)
        counts = is_told_by_shadow if by_keys else is_own
        changes = plan.decode_rows(body, type_code)
        kept = [part for part, change in zip(parts, changes, strict=True) if counts(rows, plan.table, change)]
        whole = replace_body(raw, type_code, head + b"".join(kept)) if kept else b""
        return Kept(whole, 0 if by_keys else len(parts) - len(kept), by_keys)


def _name(plan: TablePlan) -> TableName:
    return plan.table.schema_name, plan.table.name
