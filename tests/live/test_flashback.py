"""Where a statement is one event, `mariadb-binlog --flashback` must leave the same table as our rollback."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from backups.capture import capture
from tests.live.conftest import Executor
from tests.live.test_restore import Undoer
from tests.servers import SERVERS_FOLDER

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

FETCHED = SERVERS_FOLDER / "mariadb-client10.11" / "usr" / "bin"
TABLE = (
    "CREATE TABLE t (id int PRIMARY KEY, a bigint unsigned, b varchar(40), c decimal(20,6), d datetime(3),"
    " e varbinary(9), f double, g bit(9), h enum('x','y'), i blob)"
)
ROWS = (
    "INSERT INTO t VALUES (1, 18446744073709551615, 'it''s \\\\ 日本', -1.5, '2024-02-29 23:59:59.999', x'00ff00',"
    " 1e-7, b'100000001', 'y', x'00'), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, 0, '', 0,"
    " '1000-01-01', '', -0.5, b'0', 'x', ''), (4, 1, 'A',"
    " 99999999999999.999999, '9999-12-31', 'a', 3.14159265358979, b'1', 'x', 'b')"
)
STATEMENTS = (
    ("INSERT", "INSERT INTO t (id, b) VALUES (10, 'ten'), (11, NULL)"),
    ("UPDATE", "UPDATE t SET b = CONCAT(b, '!'), c = c * 2, g = 3, i = x'27'"),
    ("UPDATE", "UPDATE t SET id = id + 100"),
    ("UPDATE", "UPDATE t SET a = NULL, d = NULL, e = x'ff', h = 'x' WHERE id IN (1, 4)"),
    ("DELETE", "DELETE FROM t"),
    ("DELETE", "DELETE FROM t WHERE id = 1"),
)


def find_program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(FETCHED))
    if found is None:
        pytest.skip(
            f"no {name} on PATH or in {FETCHED}; scripts/fetch-server bookworm {FETCHED.parent.parent} mariadb-client"
        )
    return found


def flash_back(executor: Executor, folder: Path, file: str, start: int, stop: int) -> None:
    """Undo what stands between two positions, as a DBA without us would."""
    server = executor.server
    binlog, address = find_program("mariadb-binlog"), [f"--host={server.host}", f"--port={server.port}", "--user=root"]
    raw = [binlog, "--no-defaults", *address, "-R", "--raw", f"--result-file={folder}/", file]
    fetched = subprocess.run(raw, check=False, timeout=60, capture_output=True, text=True)
    if "unrecognized MariaDB version" in fetched.stderr:
        pytest.skip(f"this mariadb-binlog is too old for the server: {fetched.stderr.strip()}")
    assert fetched.returncode == 0, fetched.stderr
    positions = [f"--start-position={start}", f"--stop-position={stop}", f"--database={executor.schema}", "--table=t"]
    command = [binlog, "--no-defaults", "--flashback", *positions, str(folder / file)]
    made = subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert made.stdout.count(b"BINLOG '") >= 1
    subprocess.run([find_program("mariadb"), "--no-defaults", *address], input=made.stdout, check=True, timeout=60)


@pytest.mark.parametrize(("kind", "sql"), STATEMENTS, ids=[sql[:40] for _, sql in STATEMENTS])
def test_our_inverse_leaves_the_table_that_flashback_leaves(
    executor: Executor, tmp_path: Path, kind: str, sql: str
) -> None:
    if not executor.flavor.is_mariadb:
        pytest.skip("--flashback is MariaDB's")
    find_program("mariadb-binlog")
    executor.sql("SET SESSION sql_mode = ''", TABLE, ROWS, "FLUSH BINARY LOGS")
    before = executor.rows("t")
    change = executor.run("t", kind, sql)
    assert change.own is not None
    assert executor.rows("t") != before
    start, end = change.own.start, change.own.end
    assert start.file == end.file
    flash_back(executor, tmp_path, start.file, start.position, end.position)
    by_flashback = executor.rows("t")
    kept = capture(executor.run("t", kind, sql), executor.source)
    undoer = Undoer(executor)
    try:
        assert undoer.undo(kept).conflicts == ()
    finally:
        undoer.executor.connection.close()
    assert executor.rows("t") == by_flashback == before
