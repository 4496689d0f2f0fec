"""What live tests share: a stand-in for the executor, other sessions writing meanwhile, tables compared by HEX."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import MySQLdb
import pytest

from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.flavor import Flavor
from backups.capture import CaptureResult, ExecutedChange, capture
from backups.schema import build_schema_name
from backups.snapshot import read_snapshot
from backups.source import OwnTransaction, ServerAddress
from tests.servers import Server

EXECUTION_IDS = itertools.count(1)
OTHERS_FROM = 1_000_000
"""Other sessions write rows with ids from here on."""


def read_rows(connection: Any, table: str, where: str = "1=1") -> list[tuple[Any, ...]]:
    """Return the rows of `schema.table`, each value as HEX of its bytes, in the order of all columns."""
    schema, name = table.split(".")
    cursor = connection.cursor()
    cursor.execute(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
        " ORDER BY ORDINAL_POSITION",
        (schema, name),
    )
    columns = ", ".join(f"HEX(CAST(`{column}` AS BINARY))" for (column,) in cursor.fetchall())
    cursor.execute(f"SELECT {columns} FROM `{schema}`.`{name}` WHERE {where}".replace("%", "%%"))
    return sorted(cursor.fetchall(), key=repr)


@dataclass
class Executor:
    """Runs statements as the executor does: one transaction each, coordinates and GTID around it."""

    server: Server
    schema: str
    connection: Any
    connection_id: int
    seq: int = 0
    execution_id: int = field(default_factory=lambda: next(EXECUTION_IDS))

    @classmethod
    def open(cls, server: Server, schema: str, **options: Any) -> Executor:
        connection = server.connect(database=schema, **options)
        cursor = connection.cursor()
        if server.flavor.is_mariadb:
            cursor.execute("SET SESSION binlog_format = 'ROW'")
        cursor.execute("SELECT CONNECTION_ID()")
        return cls(server, schema, connection, cursor.fetchone()[0])

    @property
    def source(self) -> ServerAddress:
        return ServerAddress(self.server.host, self.server.port, self.server.user, self.server.password)

    @property
    def flavor(self) -> Flavor:
        return self.server.flavor

    def sql(self, *statements: str) -> None:
        """Run statements outside of any ticket."""
        for statement in statements:
            self.connection.cursor().execute(statement)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        cursor = self.connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall())

    def rows(self, table: str, where: str = "1=1") -> list[tuple[Any, ...]]:
        return read_rows(self.connection, f"{self.schema}.{table}", where)

    def run(self, table: str, kind: str, sql: str, **fields: Any) -> ExecutedChange:
        """Run one statement of a ticket and say what is known of it."""
        snapshot = read_snapshot(self.connection, self.schema, sql, self.flavor)
        affected = 0

        def execute(marker: str) -> None:
            nonlocal affected
            cursor = self.connection.cursor()
            cursor.execute("START TRANSACTION")
            affected = cursor.execute(f"{marker} {sql}".encode())
            cursor.execute("COMMIT")

        own = self.transaction(execute)
        change = {"affected_rows": affected, "snapshot": snapshot, "own": own, **fields}
        return self.change(table, kind, sql, **change)

    def change(self, table: str, kind: str, sql: str, **fields: Any) -> ExecutedChange:
        self.seq += 1
        return ExecutedChange(
            execution_id=self.execution_id,
            seq=self.seq - 1,
            target_id=1,
            host=self.server.host,
            port=self.server.port,
            schema_name=self.schema,
            table_name=table,
            kind=kind,
            sql=sql,
            executed_at=datetime.now(UTC),
            connection_id=self.connection_id,
            flavor=self.flavor,
            **fields,
        )

    def transaction(self, execute: Callable[[str], None]) -> OwnTransaction:
        """Call `execute` with the marker, reading coordinates around it."""
        marker = f"/* inception ticket={self.execution_id} execution={self.execution_id} statement={self.seq} */"
        start, gtid_before = self._coordinates(), self._gtid()
        execute(marker)
        return OwnTransaction(
            flavor=self.flavor,
            start=start,
            end=self._coordinates(),
            connection_id=self.connection_id,
            gtid_before=gtid_before,
            gtid_after=self._gtid(),
            marker=marker,
        )

    def keep(self, table: str, kind: str, sql: str, **fields: Any) -> CaptureResult:
        """Run one statement of a ticket and keep what undoes it."""
        return capture(self.run(table, kind, sql, **fields), self.source)

    def _coordinates(self) -> BinlogCoordinates:
        cursor = self.connection.cursor()
        cursor.execute(self.flavor.status_statement)
        file, position, *_ = cursor.fetchone()
        return BinlogCoordinates.at(file, int(position))

    def _gtid(self) -> str | None:
        return self.query("SELECT @@last_gtid")[0][0] if self.flavor.is_mariadb else None


@pytest.fixture
def executor(server: Server, schema: str, backup_server: Server) -> Iterator[Executor]:
    """An executor on a fresh schema; its backup schema is dropped afterwards."""
    running = Executor.open(server, schema)
    yield running
    running.connection.close()
    connection = backup_server.connect()
    name = build_schema_name(server.host, server.port, schema)
    connection.cursor().execute(f"DROP DATABASE IF EXISTS `{name}`")
    connection.close()


@contextmanager
def other_sessions(server: Server, schema: str, *tables: str) -> Iterator[list[str]]:
    """Let three other sessions write to `tables` (id, a, b) all the time; each to rows of its own.

    Yields a list of their errors, empty when all is well.
    """
    stop, errors = threading.Event(), []
    threads = [
        threading.Thread(target=_write_meanwhile, args=(server, schema, tables, number, stop, errors))
        for number in range(3)
    ]
    for thread in threads:
        thread.start()
    try:
        yield errors
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _write_meanwhile(
    server: Server, schema: str, tables: tuple[str, ...], number: int, stop: threading.Event, errors: list[str]
) -> None:
    connection = server.connect(database=schema, read_timeout=30)
    cursor = connection.cursor()
    if server.flavor.is_mariadb:
        cursor.execute("SET SESSION binlog_format = 'ROW'")
    for step in itertools.count():
        if stop.is_set():
            break
        table, row = tables[step % len(tables)], OTHERS_FROM + number * 100_000 + step % 50
        try:
            cursor.execute(
                f"INSERT INTO {table} (id, a, b) VALUES ({row}, {step}, 'other') ON DUPLICATE KEY UPDATE a = a + 1"
            )
            cursor.execute(f"UPDATE {table} SET a = a + 1, b = 'other {step}' WHERE id = {row}")
            if step % 7 == 0:
                cursor.execute(f"DELETE FROM {table} WHERE id = {row}")
        except MySQLdb.OperationalError as error:
            # 1205 and 1213: a lock of the statement under test, which our writers may lose to; others would be news.
            if error.args[0] not in (1205, 1213):
                errors.append(str(error))
                break
    connection.close()
