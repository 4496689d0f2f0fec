"""A database server that a fault may kill, freeze, restart or give an older data folder: always the harness's own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import MySQLdb

from backups.binlog.flavor import Flavor
from tests.servers import ROOT, Server, find_program, free_port

START_SECONDS = 90
STOP_SECONDS = 30
_MARKED = re.compile(
    rb"[ \t](\d+) Query\t(/\* inception [0-9a-f]{8} ticket=(\d+) execution=(\d+) statement=(\d+) \*/ )(.*)"
)


@dataclass(frozen=True, slots=True)
class SentStatement:
    """One statement of ours as the server's own log of what it was sent has it."""

    thread_id: int
    ticket: int
    execution: int
    seq: int
    text: bytes


@dataclass
class OwnServer:
    """folder: of this server alone. Root has no password."""

    name: str
    folder: Path
    options: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    _sent: list[SentStatement] = field(default_factory=list)
    _sent_read: int = 0

    def launch(self) -> None:
        """Start the process; `wait` says when it answers."""
        flavor, prefix = find_program(self.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        logged = ("--general-log=ON", f"--general-log-file={self.sent_log}")
        command = [str(ROOT / "scripts" / "database-server"), flavor, prefix, str(self.folder), str(self.port)]
        with (self.folder / "start.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *logged, *self.options], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait(self) -> None:
        """Return when it answers. Raises RuntimeError when it does not."""
        assert self.process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(MySQLdb.OperationalError):
                self.connect(connect_timeout=2).close()
                return
            time.sleep(0.05)
        logs = [self.folder / "start.log", self.folder / "error.log"]
        said = "\n".join(path.read_text(errors="replace")[-1000:] for path in logs if path.exists())
        raise RuntimeError(f"{self.name} did not answer within {START_SECONDS} s: {said}")

    def start(self) -> None:
        self.launch()
        self.wait()

    def connect(self, **options: Any) -> Any:
        own = {"host": "127.0.0.1", "port": self.port, "user": "root", "autocommit": True, "charset": "utf8mb4"}
        return MySQLdb.connect(**{**own, **options})

    def query(self, sql: str, args: Any = None, **options: Any) -> list[tuple[Any, ...]]:
        """Run one statement as root on a connection of its own."""
        with contextlib.closing(self.connect(**options)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql, args)
            return list(cursor.fetchall())

    def run(self, *statements: str, **options: Any) -> None:
        """Run statements as root, one after the other on one connection."""
        with contextlib.closing(self.connect(**options)) as connection:
            for statement in statements:
                connection.cursor().execute(statement)

    @property
    def is_mysql(self) -> bool:
        return self.name.startswith("mysql")

    @property
    def server(self) -> Server:
        ((version,),) = self.query("SELECT VERSION()")
        return Server(self.name, "127.0.0.1", self.port, Flavor.parse(version))

    def kill(self) -> None:
        """kill -9, as the kernel does it to what takes too much memory."""
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(STOP_SECONDS)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.thaw()
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        if self.process.poll() is None:
            self.kill()

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _signal(self, number: int) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop it in good order for the block."""
        self.stop()
        yield
        self.start()

    @property
    def data(self) -> Path:
        return self.folder / "db"

    def copy_data(self) -> Path:
        """Return a copy of the data folder as it is; the server must be stopped."""
        copy = self.folder / "older"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.data, copy)
        return copy

    def put_back(self, copy: Path) -> None:
        """Let the server have an older data folder under the same address; it must be stopped."""
        shutil.rmtree(self.data)
        shutil.move(copy, self.data)

    @property
    def sent_log(self) -> Path:
        return self.folder / "sent.log"

    def list_sent(self) -> list[SentStatement]:
        """Return the marked statements that the server was ever sent, in their order: from its general log."""
        if self.sent_log.exists():
            with self.sent_log.open("rb") as file:
                file.seek(self._sent_read)
                block = file.read()
            # A line that is being written is read the next time.
            whole = block[: block.rfind(b"\n") + 1]
            self._sent_read += len(whole)
            self._sent += [
                SentStatement(int(thread), int(ticket), int(execution), int(seq), text)
                for thread, _, ticket, execution, seq, text in _MARKED.findall(whole)
            ]
        return self._sent
