"""A private MariaDB for one run, and statements run on it as an execution runs them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import MySQLdb

from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.flavor import Flavor
from backups.binlog.own import OwnTransaction
from backups.binlog.snapshots import Snapshot
from backups.snapshot import read_snapshot
from bench.workloads import SCHEMA, Workload

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90


@dataclass(frozen=True)
class Ran:
    """One statement that was run. binlog: the file that holds its transaction, and no other statement's."""

    workload: Workload
    rows: int
    sql: str
    own: OwnTransaction
    snapshot: Snapshot
    affected: int
    binlog: Path


@dataclass(frozen=True)
class RunningServer:
    """data: its data folder."""

    port: int
    data: Path
    pid: int

    def read_cpu_seconds(self) -> float:
        """Read what all its threads have used so far (proc(5), stat: fields 14 and 15)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def run_server(*more: str) -> Iterator[RunningServer]:
    """Run a MariaDB of the system with the options `more`."""
    folder = Path(tempfile.mkdtemp(prefix="inc-bench-"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [ROOT / "scripts/database-server", "mariadb", "-", folder, port, "--max-allowed-packet=64M"]
    options = ["--innodb-buffer-pool-size=1G", "--innodb-log-file-size=1G", "--local-infile=ON", "--secure-file-priv="]
    output = (folder / "server.log").open("wb")
    process = subprocess.Popen([*map(str, command), *options, *more], stdout=output, stderr=output)
    try:
        _await(port, process, folder)
        yield RunningServer(port, folder / "db", process.pid)  # the script becomes the server
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _await(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connect(port).close()
        except MySQLdb.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"The server did not start: {(folder / 'server.log').read_text()[-2000:]}") from None
            time.sleep(0.1)
        else:
            return


def connect(port: int, **options: Any) -> Any:
    own = {"host": "127.0.0.1", "port": port, "user": "root", "autocommit": True, "charset": "utf8mb4"}
    return MySQLdb.connect(**{**own, **options})


def run(server: RunningServer, workload: Workload, rows: int) -> Ran:
    """Fill the workload's table with `rows` rows and run its statement, in a binlog file of its own."""
    connection = connect(server.port)
    cursor = connection.cursor()
    cursor.execute("SELECT VERSION()")
    flavor = Flavor.parse(cursor.fetchone()[0])
    for statement in (f"CREATE DATABASE IF NOT EXISTS {SCHEMA}", f"USE {SCHEMA}", "SET sql_log_bin = 0"):
        cursor.execute(statement)
    cursor.execute(f"DROP TABLE IF EXISTS {workload.table}")
    cursor.execute("DROP PROCEDURE IF EXISTS small")
    cursor.execute("SET time_zone = '+00:00'")
    for statement in workload.make:
        cursor.execute(statement.replace("{rows}", str(rows)).replace("{{", "{").replace("}}", "}"))
    # The statements of a procedure are logged without our marker: leave their text out.
    cursor.execute(f"SET sql_log_bin = 1, binlog_annotate_row_events = {int(workload.letter != 'd')}")
    cursor.execute("FLUSH BINARY LOGS")
    sql = workload.sql.replace("{rows}", str(rows))
    ran = _execute(connection, flavor, workload, sql)
    cursor.execute("FLUSH BINARY LOGS")
    connection.close()
    own, snapshot, affected = ran
    return Ran(workload, rows, sql, own, snapshot, affected, server.data / own.start.file)


def _execute(connection: Any, flavor: Flavor, workload: Workload, sql: str) -> tuple[OwnTransaction, Snapshot, int]:
    cursor = connection.cursor()
    marker = "/* inception ticket=1 execution=1 statement=0 */"
    snapshot = read_snapshot(connection, SCHEMA, f"SELECT * FROM {workload.table}", flavor)

    def ask(question: str) -> Any:
        cursor.execute(question)
        return cursor.fetchone()

    start, before = ask(flavor.status_statement), ask("SELECT @@last_gtid")[0]
    cursor.execute("START TRANSACTION")
    affected = cursor.execute(f"{marker} {sql}")
    cursor.execute("COMMIT")
    after, end = ask("SELECT @@last_gtid")[0], ask(flavor.status_statement)
    own = OwnTransaction(
        flavor,
        BinlogCoordinates.at(start[0], int(start[1])),
        BinlogCoordinates.at(end[0], int(end[1])),
        connection.thread_id(),
        before,
        after,
        marker,
    )
    return own, snapshot, affected
