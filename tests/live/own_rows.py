"""Run a statement as an execution does, read its own rows back from the binlog, and compare tables exactly."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.events import ROWS_KINDS
from backups.binlog.own import OwnTransaction
from backups.binlog.rows import RowChange
from backups.binlog.snapshots import Snapshot
from backups.rollback.inverse import invert
from backups.rollback.plan import TablePlan
from backups.snapshot import read_snapshot
from backups.source import OwnEvent, ServerAddress, read_own_events
from tests.servers import Server

FIXED_SESSION = (
    "SET NAMES utf8mb4",
    "SET time_zone='+00:00'",
    "SET sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'",
)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Ran:
    own: OwnTransaction
    snapshot: Snapshot
    affected: int


def address_of(server: Server) -> ServerAddress:
    return ServerAddress(server.host, server.port, server.user, server.password)


def query(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    """Run `sql` without a cursor, which knows no encoding for some connection character sets."""
    connection.query(sql.encode())
    result = connection.store_result()
    return list(result.fetch_row(0)) if result else []


def read_coordinates(server: Server, connection: Any) -> BinlogCoordinates:
    row = query(connection, server.flavor.status_statement)[0]
    return BinlogCoordinates.at(row[0], int(row[1]))


def read_gtid(server: Server, connection: Any) -> str | None:
    return str(query(connection, "SELECT @@last_gtid")[0][0]) if server.flavor.is_mariadb else None


def run(server: Server, connection: Any, schema: str, sql: str, *, names: str = "") -> Ran:
    """Execute `sql` behind a marker in its own transaction, with what an execution reads around it.

    names: text with the names of the tables that it touches, when other than the statement.
    """
    marker = f"/* inception ticket=0 execution=0 statement={next(_numbers)} */"
    snapshot = read_snapshot(connection, schema, names or sql, server.flavor)
    start = read_coordinates(server, connection)
    gtid_before = read_gtid(server, connection)
    cursor = connection.cursor()
    affected = cursor.execute(f"{marker} {sql}")
    cursor.close()
    gtid_after = read_gtid(server, connection)
    end = read_coordinates(server, connection)
    own = OwnTransaction(server.flavor, start, end, connection.thread_id(), gtid_before, gtid_after, marker)
    return Ran(own, snapshot, affected)


def read_events(server: Server, ran: Ran) -> list[OwnEvent]:
    return list(read_own_events(address_of(server), ran.own))


def read_changes(server: Server, ran: Ran) -> list[tuple[TablePlan, RowChange]]:
    """Return every row change of the statement, in the order it was made."""
    tables = {(table.schema_name, table.name): table for table in ran.snapshot.tables}
    plans: dict[int, TablePlan] = {}
    changes = []
    for event in read_events(server, ran):
        if event.table_map is not None:
            name = (event.table_map.schema_name, event.table_map.table_name)
            plans[event.table_map.table_id] = TablePlan(tables[name], event.table_map, ran.own.flavor)
        elif event.type_code in ROWS_KINDS:
            table_id = int.from_bytes(event.body[:6], "little")
            if table_id not in plans:  # a rows event without rows, which only ends the statement
                assert len(event.body) < 20
                continue
            changes += [
                (plans[table_id], change) for change in plans[table_id].decode_rows(event.body, event.type_code)
            ]
    return changes


def undo(connection: Any, changes: list[tuple[TablePlan, RowChange]], *, guarded: bool) -> None:
    """Apply the inverse of `changes`, last to first. Each statement must match exactly one row."""
    for plan, change in reversed(changes):
        build = plan.build_guarded if guarded else plan.build_stored
        statement = build(invert(change))
        query(connection, statement)
        matched = connection.affected_rows()
        assert matched == 1, f"{matched} rows matched: {statement}"
        if change.before is not None:
            (count,) = query(connection, plan.build_exists(change.before))[0]
            assert count >= 1, f"not restored: {plan.build_exists(change.before)}"


def hex_rows(connection: Any, schema: str, table: str) -> list[tuple[Any, ...]]:
    """Return the table's rows, every column as HEX of its bytes and as text, sorted."""
    columns = query(
        connection,
        "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS "
        f"WHERE TABLE_SCHEMA='{schema}' AND TABLE_NAME='{table}' ORDER BY ORDINAL_POSITION",
    )
    shown = ", ".join(
        f"HEX(CAST(`{name}` AS BINARY))"
        if _text(kind) in NO_NUMBER
        else f"HEX(CAST(`{name}` AS CHAR)), HEX(CAST(`{name}` AS BINARY)), HEX(CONCAT(`{name}`*1e0))"
        for name, kind in columns
    )
    return sorted(query(connection, f"SELECT {shown} FROM `{schema}`.`{table}`"), key=repr)


# Types that no server can multiply.
NO_NUMBER = frozenset(
    {"vector", "json", "uuid", "inet6", "inet4", "geometry", "point", "geometrycollection", "geomcollection"}
)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
