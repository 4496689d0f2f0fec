"""Real database servers for the tests: named by TEST_SERVERS, else started once per run and stopped at its end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import MySQLdb
import pytest

from backups.binlog.flavor import Flavor

ROOT = Path(__file__).resolve().parent.parent
SERVERS_FOLDER = Path(os.environ.get("INCEPTION_CACHE", "~/.cache/inception")).expanduser() / "servers"
START_SECONDS = 90
STOP_SECONDS = 30
MARIADB = "mariadb10.11"
MYSQL = "mysql9.7"
NEWER_MARIADB = "mariadb11.8"
"""Only where a test asks for it: each server costs a test run its time."""


class ServerMissingError(Exception):
    """A server cannot be had on this machine; the text says why."""


def report_missing(reason: str) -> NoReturn:
    """Skip a test for what this machine lacks. In CI that is a failure: a test that was not run has not passed."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True)
class Server:
    """A running server. Root has no password."""

    name: str
    host: str
    port: int
    flavor: Flavor
    user: str = "root"
    password: str = ""

    def connect(self, **options: Any) -> Any:
        """Return a new MySQLdb connection: autocommit, utf8mb4, unless `options` say otherwise."""
        own = {"host": self.host, "port": self.port, "user": self.user, "password": self.password}
        return MySQLdb.connect(**{**own, "autocommit": True, "charset": "utf8mb4", **options})


@dataclass
class Servers:
    """The servers of one test run, each started when first asked for."""

    running: dict[str, Server] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    started: list[tuple[subprocess.Popen[bytes], Path]] = field(default_factory=list)

    def get(self, name: str) -> Server:
        """Return the server called `name`. Raises ServerMissingError, each time with the first reason."""
        if name in self.missing:
            raise ServerMissingError(self.missing[name])
        if name not in self.running:
            try:
                self.running[name] = self._find(name)
            except ServerMissingError as error:
                self.missing[name] = str(error)
                raise
        return self.running[name]

    def stop(self) -> None:
        for process, folder in self.started:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            if process.poll() is None:
                process.kill()
            shutil.rmtree(folder, ignore_errors=True)
        self.started.clear()

    def _find(self, name: str) -> Server:
        named = named_servers()
        if named:
            if name not in named:
                raise ServerMissingError(f"TEST_SERVERS does not name {name}.")
            host, port = named[name]
            return _describe(name, host, port)
        return self.start(name)

    def start(self, name: str) -> Server:
        """Start a server of our own called `name`, whatever TEST_SERVERS says: its settings may be changed."""
        flavor, prefix = find_program(name)
        folder = Path(tempfile.mkdtemp(prefix="inc-"))
        port = free_port()
        log = (folder / "start.log").open("wb")
        command = [str(ROOT / "scripts" / "database-server"), flavor, prefix, str(folder), str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        self.started.append((process, folder))
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(MySQLdb.OperationalError):
                return _describe(name, "127.0.0.1", port)
            time.sleep(0.1)
        said = (folder / "start.log").read_text(errors="replace")[-500:]
        raise ServerMissingError(f"{name} did not answer within {START_SECONDS} s: {said}")


def find_program(name: str) -> tuple[str, str]:
    """Return FLAVOR and PREFIX of scripts/database-server for `name`. Raises ServerMissingError."""
    return _PREFIXES[name]()


def named_servers() -> dict[str, tuple[str, int]]:
    """Return the servers of TEST_SERVERS, "NAME=HOST:PORT,…", by name."""
    found = {}
    for item in filter(None, os.environ.get("TEST_SERVERS", "").split(",")):
        name, _, address = item.strip().partition("=")
        host, _, port = address.rpartition(":")
        found[name] = (host, int(port))
    return found


def server_names() -> list[str]:
    """Return the names of the servers that tests run on."""
    return list(named_servers()) or [MARIADB, MYSQL]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _describe(name: str, host: str, port: int) -> Server:
    connection = MySQLdb.connect(host=host, port=port, user="root", connect_timeout=5)
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT VERSION()")
        (version,) = cursor.fetchone()
    finally:
        connection.close()
    return Server(name, host, port, Flavor.parse(version))


def _system_mariadb() -> tuple[str, str]:
    if shutil.which("mariadbd") is None and not Path("/usr/sbin/mariadbd").exists():
        raise ServerMissingError("no mariadbd on this machine; install mariadb-server-core.")
    return "mariadb", "-"


def _fetch(name: str, suite: str, package: str) -> str:
    """Return the folder of a server's packages, fetched when they are not there yet."""
    prefix = SERVERS_FOLDER / name
    SERVERS_FOLDER.mkdir(parents=True, exist_ok=True)
    with (SERVERS_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes, and one fetches
        if not prefix.exists():
            command = [str(ROOT / "scripts" / "fetch-server"), suite, str(prefix), package]
            fetched = subprocess.run(command, capture_output=True, text=True, check=False)
            if fetched.returncode != 0:
                raise ServerMissingError(f"{name} could not be fetched: {fetched.stderr.strip()[-300:]}")
    return str(prefix)


_PREFIXES: dict[str, Callable[[], tuple[str, str]]] = {
    MARIADB: _system_mariadb,
    MYSQL: lambda: ("mysql", _fetch(MYSQL, "sid", "mysql-server-core")),
    NEWER_MARIADB: lambda: ("mariadb", _fetch(NEWER_MARIADB, "trixie", "mariadb-server-core")),
}
