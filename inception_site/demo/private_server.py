"""The demo's own MariaDB: target and backup server in one, an account for each that may do no more than it must."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import MySQLdb

from inception_site.demo.place import ROOT, DemoError, Place, end_with_us
from inception_site.demo.shop import SCHEMA

START_SECONDS = 120
STOP_SECONDS = 60
LONGEST_SOCKET_PATH = 100
FETCHED_SUITE, FETCHED_NAME = "bookworm", "mariadb10.11"

# As on a server that matters: what is committed, and its binlog, survive a crash of the machine.
SAFE_OPTIONS = ("--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1")
# What the checks of a target ask for, and nothing more: no SUPER, no SESSION_VARIABLES_ADMIN, no other schema.
TARGET_GRANTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, TRIGGER"
    f" ON `{SCHEMA}`.*",
    f"LOCK TABLES ON `{SCHEMA}`.*",
    # Where DROP, TRUNCATE and DROP COLUMN set aside what they would take away.
    r"SELECT, INSERT, CREATE, ALTER, DROP, INDEX, REFERENCES, LOCK TABLES ON `inception\_kept\_%`.*",
    "REPLICATION SLAVE, BINLOG MONITOR, PROCESS ON *.*",
)
# `_` is a wildcard in GRANT. No UPDATE, no DELETE, no DROP: what was backed up stays.
BACKUP_GRANTS = (
    r"CREATE, SELECT, INSERT ON `127\_0\_0\_1\_%`.*",
    # Scratch schemas, where rollbacks of schema changes are tried before approval.
    r"ALL ON `inception\_proof\_%`.*",
)
# The only account that may delete what was backed up, once it is kept no longer.
PURGE_GRANTS = (r"SELECT, DELETE ON `127\_0\_0\_1\_%`.*",)


def find_server() -> str:
    """Return "-" for the system's MariaDB, else the folder of one fetched into the cache, fetching it when needed."""
    if shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists():
        return "-"
    cache = Path(os.environ.get("INCEPTION_CACHE") or "~/.cache/inception").expanduser()
    prefix = cache / "servers" / FETCHED_NAME
    if not prefix.exists():
        print(f"fetching MariaDB into {prefix} (nothing is installed) …", flush=True)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        command = [str(ROOT / "scripts" / "fetch-server"), FETCHED_SUITE, str(prefix), "mariadb-server-core"]
        fetched = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if fetched.returncode != 0:
            raise DemoError(
                f"There is no mariadbd here and none could be fetched: {fetched.stderr.strip()[-400:]}\n"
                "Install it: sudo apt-get install --no-install-recommends mariadb-server-core"
            )
    return str(prefix)


@contextmanager
def run_server(place: Place, port: int, passwords: dict[str, str]) -> Iterator[Any]:
    """Run the server; give a root connection. It is stopped, by its id, however the block ends."""
    folder = place.server_folder
    folder.mkdir(parents=True, exist_ok=True)
    _stop_leftover(folder)
    command = [str(ROOT / "scripts" / "database-server"), "mariadb", find_server(), str(folder), str(port)]
    with _socket_option(folder) as options, (folder / "start.log").open("wb") as log:
        # A session of its own: Ctrl-C must not reach it before the worker has ended its statement.
        process = subprocess.Popen(  # noqa: S603
            [*end_with_us(), *command, *SAFE_OPTIONS, *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            connection = _connect(process, folder, port, passwords["root"])
            _make_accounts(connection, passwords)
            yield connection
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            if process.poll() is None:
                process.kill()
                process.wait()


@contextmanager
def _socket_option(folder: Path) -> Iterator[list[str]]:
    """Give the option for a socket elsewhere when the path in `folder` would be too long for one."""
    if len(os.fsencode(folder / "s")) <= LONGEST_SOCKET_PATH:
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="inception-") as short:
        yield [f"--socket={short}/s"]


def _stop_leftover(folder: Path) -> None:
    """Stop a server that an earlier, killed demo left on this data folder."""
    try:
        pid = int((folder / "pid").read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return
    if b"--datadir=" + os.fsencode(folder / "db") not in arguments:
        return
    os.kill(pid, 15)
    deadline = time.monotonic() + STOP_SECONDS
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            raise DemoError(f"An earlier MariaDB (process {pid}) still uses {folder} and does not stop.")
        time.sleep(0.1)


def _connect(process: subprocess.Popen[bytes], folder: Path, port: int, password: str) -> Any:
    """Return a root connection as soon as the server answers. Root gets its password at the first start."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for known in (password, ""):
            with contextlib.suppress(MySQLdb.OperationalError):
                connection = MySQLdb.connect(
                    host="127.0.0.1", port=port, user="root", passwd=known, charset="utf8mb4", autocommit=True
                )
                connection.cursor().execute("ALTER USER root@localhost IDENTIFIED BY %s", (password,))
                return connection
        time.sleep(0.1)
    said = "".join(
        path.read_text(errors="replace")[-1500:]
        for path in (folder / "start.log", folder / "error.log")
        if path.exists()
    )
    raise DemoError(f"MariaDB did not answer on port {port}. Its log in {folder} ends:\n{said}")


def _make_accounts(connection: Any, passwords: dict[str, str]) -> None:
    """Make the two accounts, with the grants above and no others."""
    cursor = connection.cursor()
    for name, grants in (("target", TARGET_GRANTS), ("backup", BACKUP_GRANTS), ("purge", PURGE_GRANTS)):
        # '%': the server listens on 127.0.0.1 alone, and whether that has a name differs from machine to machine.
        account = f"'inception_{name}'@'%%'"
        cursor.execute(f"CREATE OR REPLACE USER {account} IDENTIFIED BY %s", (passwords[name],))
        for grant in grants:
            cursor.execute(f"GRANT {grant} TO {account.replace('%%', '%')}")
