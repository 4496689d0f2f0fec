"""What a statement can touch: tables, foreign keys with an action, triggers. Values, and their form in the archive."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from backups.binlog.rows import Column, Table


@dataclass(frozen=True, slots=True)
class CascadeFact:
    """A foreign key whose action changes rows of the child by itself.

    on_delete, on_update: "CASCADE", "SET NULL" or "NO ACTION"; at least one is not the last.
    columns, parent_columns: the child's and the parent's columns, pairwise.
    """

    schema_name: str
    table_name: str
    constraint: str
    columns: tuple[str, ...]
    parent_schema: str
    parent_table: str
    parent_columns: tuple[str, ...]
    on_delete: str
    on_update: str


@dataclass(frozen=True, slots=True)
class TriggerFact:
    """A trigger of a table. event: "INSERT", "UPDATE" or "DELETE"; timing: "BEFORE" or "AFTER"."""

    schema_name: str
    table_name: str
    name: str
    event: str
    timing: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a statement can touch.

    cascades_logged: whether rows changed by a foreign key's action are in this server's binlog.
    """

    tables: tuple[Table, ...]
    cascades: tuple[CascadeFact, ...] = ()
    triggers: tuple[TriggerFact, ...] = ()
    cascades_logged: bool = False

    def find_table(self, schema_name: str, name: str) -> Table | None:
        """Return the table with exactly these names, as a table map spells them."""
        for table in self.tables:
            if (table.schema_name, table.name) == (schema_name, name):
                return table
        return None


def snapshot_to_json(snapshot: Snapshot) -> str:
    """Return `snapshot` as JSON text with sorted keys, so that equal snapshots are equal texts."""
    return json.dumps(asdict(snapshot), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def snapshot_from_json(text: str) -> Snapshot:
    """Return what `snapshot_to_json` wrote. Raises ValueError, TypeError or KeyError on anything else."""
    data = json.loads(text)
    return Snapshot(
        tables=tuple(_table_from_dict(item) for item in data["tables"]),
        cascades=tuple(_cascade_from_dict(item) for item in data["cascades"]),
        triggers=tuple(TriggerFact(**item) for item in data["triggers"]),
        cascades_logged=data["cascades_logged"],
    )


def _table_from_dict(item: dict[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in item["columns"])
    return Table(**{**item, "columns": columns, "primary_key": tuple(item["primary_key"])})


def _cascade_from_dict(item: dict[str, Any]) -> CascadeFact:
    columns, parents = tuple(item["columns"]), tuple(item["parent_columns"])
    return CascadeFact(**{**item, "columns": columns, "parent_columns": parents})
