"""A server of a test's own, for settings that cannot be changed on a running server."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import MySQLdb

from backups.binlog.flavor import Flavor
from tests.servers import (
    MARIADB,
    MYSQL,
    ROOT,
    STOP_SECONDS,
    Server,
    ServerMissingError,
    find_program,
    free_port,
    report_missing,
)

START_SECONDS = 60


def private_mariadb(*options: str) -> contextlib.AbstractContextManager[Server]:
    """Start the system's MariaDB with `options`, stop it afterwards."""
    return _started("mariadb", find_prefix(MARIADB), *options)


def private_mysql(*options: str, prefix: str = "") -> contextlib.AbstractContextManager[Server]:
    """Start the MySQL of the tests, or the one in `prefix`, with `options`, stop it afterwards."""
    return _started("mysql", prefix or find_prefix(MYSQL), *options)


def find_prefix(name: str) -> str:
    """Return the folder of a server's packages, or report why there is none."""
    try:
        return find_program(name)[1]
    except ServerMissingError as error:
        report_missing(f"{name}: {error}")


@contextlib.contextmanager
def _started(flavor: str, prefix: str, *options: str) -> Iterator[Server]:
    folder, port = Path(tempfile.mkdtemp(prefix="inc-")), free_port()
    options = tuple(option.replace("{folder}", str(folder)) for option in options)
    command = [str(ROOT / "scripts" / "database-server"), flavor, prefix, str(folder), str(port), *options]
    with (folder / "start.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield _wait_for(process, folder, port)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        if process.poll() is None:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(process: subprocess.Popen[bytes], folder: Path, port: int) -> Server:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(MySQLdb.OperationalError):
            connection = MySQLdb.connect(host="127.0.0.1", port=port, user="root", connect_timeout=5)
            version = connection.get_server_info()
            connection.close()
            return Server("private", "127.0.0.1", port, Flavor.parse(version))
        time.sleep(0.1)
    said = (folder / "start.log").read_text(errors="replace")[-500:]
    raise RuntimeError(f"the private server did not answer within {START_SECONDS} s: {said}")
