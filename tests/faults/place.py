"""A whole installation in a folder of its own: application database, queue, two targets, a backup server, workers.

Targets and backup server are reached through proxies, so that the network between can be broken; the checker reads the
servers directly. The process that makes a Place is configured with Django for it: `prepare` before `django.setup`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.fork_server import ForkServer, Job, Process
from tests.faults.own_server import OwnServer
from tests.faults.proxy import Proxy
from tests.servers import MARIADB, MYSQL, ROOT

TARGET_PASSWORD = "target-pw-5e1f0c7a"
BACKUP_PASSWORD = "backup-pw-93b2d6e4"
LEASE_SECONDS = 2
QUEUE_SECONDS = 15
MOST_RUNNING = 100
_TARGET_GRANTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, TRIGGER, CREATE VIEW, SHOW VIEW, PROCESS,"
    " REPLICATION SLAVE"
)
_STATUS_GRANT = {True: "REPLICATION CLIENT", False: "BINLOG MONITOR"}


@dataclass
class Queue:
    """A Valkey of our own on a unix socket, without a disk: kill -9 leaves nothing of it."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def path(self) -> Path:
        return self.folder / "q.sock"

    @property
    def url(self) -> str:
        return f"unix://{self.path}?db=0"

    def start(self) -> None:
        from inception_site.embedded_queue import answers, find_program

        program, _ = find_program()
        self.path.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [program, "--port", "0", "--unixsocket", str(self.path), "--save", "", "--appendonly", "no"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + QUEUE_SECONDS
        while not answers(self.path):
            if time.monotonic() > deadline:
                raise RuntimeError("the queue does not answer")
            time.sleep(0.02)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.runs:
            self.kill()

    def read_all(self) -> bytes:
        """Return every key and value there is, as they were sent: what somebody with access would see."""
        from redis import Redis

        client = Redis(unix_socket_path=str(self.path))
        parts: list[bytes] = []
        for key in client.scan_iter():
            parts += [key, *_flatten(client, key)]
        client.close()
        return b"\n".join(parts)


def _flatten(client: Any, key: bytes) -> Iterator[bytes]:
    readers: dict[bytes, Callable[[], Any]] = {
        b"string": lambda: [client.get(key)],
        b"hash": lambda: [part for pair in client.hgetall(key).items() for part in pair],
        b"list": lambda: client.lrange(key, 0, -1),
        b"set": lambda: client.smembers(key),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"stream": lambda: [repr(entry).encode() for entry in client.xrange(key)],
    }
    read = readers.get(client.type(key), list)  # a key that has run out meanwhile has no type
    for value in read():
        yield value or b""
        yield _inflate(value or b"")


def _inflate(value: bytes) -> bytes:
    """RQ keeps a job's data compressed."""
    import zlib

    with contextlib.suppress(zlib.error):
        return zlib.decompress(value)
    return b""


@dataclass
class Place:
    """folder: gone at the end. names: of the target servers."""

    names: tuple[str, ...] = (MARIADB, MYSQL)
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="inc-")))

    def __post_init__(self) -> None:
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self.queue = Queue(self.folder)
        self.servers = {name: OwnServer(name, self.folder / name) for name in self.names}
        self.backup = OwnServer(MARIADB, self.folder / "backup")
        self.proxies = {name: Proxy(("127.0.0.1", server.port)) for name, server in self.servers.items()}
        self.backup_proxy = Proxy(("127.0.0.1", self.backup.port))
        self.programs: list[subprocess.Popen[bytes]] = []
        self.heard: list[bytes] = []
        """All that ever stood in the queue's jobs."""

    @property
    def environment(self) -> dict[str, str]:
        ours = {
            "SITE__MODE": "local",
            "SITE__DATA_FOLDER": str(self.folder / "site"),
            "SITE__BASE_URL": "http://127.0.0.1:8000",
            "QUEUE__URL": self.queue.url,
            "INC__BACKUP_HOST": "127.0.0.1",
            "INC__BACKUP_PORT": str(self.backup_proxy.port),
            "INC__BACKUP_USER": "inception_backup",
            "INC__BACKUP_PASSWORD": BACKUP_PASSWORD,
            "WORKER__LEASE_SECONDS": str(LEASE_SECONDS),
            "WORKER__TAKEOVER_SECONDS": "2",
            "WORKER__BACKUP_RETRY_SECONDS": "2",
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("INCEPTION")}
        kept["DJANGO_SETTINGS_MODULE"] = "inception_site.settings"
        return kept | {f"INCEPTION__{key}": value for key, value in ours.items()}

    def prepare(self) -> None:
        """Let this process be configured for the place; before django.setup."""
        for key in [key for key in os.environ if key.startswith("INCEPTION")]:
            del os.environ[key]
        os.environ.update(self.environment)

    def start(self) -> None:
        """Start everything; Django is set up."""
        servers = [self.backup, *self.servers.values()]
        for server in servers:
            server.launch()
        self.queue.start()
        self._make_application()
        for server in servers:
            server.wait()
        self._make_accounts()
        self.forks = ForkServer(self.environment, self.logs)

    def _make_application(self) -> None:
        from django.core.management import call_command

        from changes.models import Target
        from tests.changes.people import make_person

        call_command("migrate", verbosity=0)
        self.people = {name: make_person(name) for name in ("ann", "ben", "dana")}
        self.targets = {}
        for name, proxy in self.proxies.items():
            target = Target.objects.create(
                name=name, host="127.0.0.1", port=proxy.port, user="inception", tls_mode="disabled", environment="test"
            )
            # Executions whose worker died count as running until recovery: several fail in a row here.
            target.most_running = MOST_RUNNING
            target.set_password(TARGET_PASSWORD)
            target.save()
            self.targets[name] = target

    def _make_accounts(self) -> None:
        for server in self.servers.values():
            grants = f"{_TARGET_GRANTS}, {_STATUS_GRANT[server.is_mysql]}"
            server.run(
                f"CREATE USER 'inception'@'%' IDENTIFIED BY '{TARGET_PASSWORD}'",
                f"GRANT {grants} ON *.* TO 'inception'@'%'",
            )
        self.backup.run(
            f"CREATE USER 'inception_backup'@'%' IDENTIFIED BY '{BACKUP_PASSWORD}'",
            r"GRANT CREATE, SELECT, INSERT ON `127\_0\_0\_1\_%`.* TO 'inception_backup'@'%'",
        )

    def stop(self, *, keep: bool = False) -> None:
        """End every process that the place started. keep: leave the folder, with all logs."""
        # A second Ctrl-C must not leave servers behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for program in self.programs:
            end(program)
        with contextlib.suppress(AttributeError):
            self.forks.close()
        for server in [self.backup, *self.servers.values()]:
            server.stop()
        self.queue.stop()
        for proxy in [self.backup_proxy, *self.proxies.values()]:
            proxy.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def manage(self, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start `manage.py …` as a process of its own, the leader of its group."""
        log = (self.logs / f"manage-{len(self.programs):04}.log").open("wb")
        program = subprocess.Popen(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment | variables,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        log.close()
        self.programs.append(program)
        return program

    def execute(self, execution_id: int, **faults: Any) -> Process:
        """Run a queued execution in a fork, as a worker does, and wait until it ended or stands still."""
        return self.forks.run(Job("changes.execution:run", (execution_id,), **faults))

    def mend(self) -> None:
        """End every fault of servers and networks: what was killed is started, what was frozen is thawed."""
        for server in [self.backup, *self.servers.values()]:
            if server.runs:
                server.thaw()
            else:
                server.start()
        for proxy in [self.backup_proxy, *self.proxies.values()]:
            proxy.heal()
        if not self.queue.runs:
            self.queue.start()

    def may_write(self) -> bool:
        """Whether the application database takes a write just now."""
        path = self.folder / "site" / "inception.sqlite3"
        with contextlib.closing(sqlite3.connect(path, timeout=0.3, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
            connection.execute("ROLLBACK")
            return True

    def take_rings(self, *, only: int | None = None) -> list[int]:
        """Take entries out of the queue, as an RQ worker would; the ids of executions that were rung for.

        only: leave all but those for this execution.
        """
        import django_rq

        queue = django_rq.get_queue("default")
        taken = []
        for job_id in queue.get_job_ids():
            job = queue.fetch_job(job_id)
            execution_id = int(job.args[0]) if job is not None else None
            if only is not None and execution_id != only:
                continue
            queue.connection.lrem(queue.key, 1, job_id)
            if job is not None:
                self.heard += _flatten(queue.connection, job.key)
                queue.connection.delete(job.key)
                taken.append(int(job.args[0]))
        return taken


def end(program: subprocess.Popen[bytes], seconds: float = 15) -> None:
    """End a program that we started: its group by SIGTERM, then by force."""
    if program.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()
