"""Workers by fork: a process that has loaded the program once and forks for every job, so that a job costs no start.

Each fork is a process of its own, as RQ's work-horse is one: it can be killed, stopped and woken by its id. The process
that forks has no thread and no connection, so that a fork inherits none.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import ROOT

ENDED_BADLY = 1


@dataclass(frozen=True, slots=True)
class Job:
    """What a fork does. call: "module:function"; points: for backups.faults.arm; calls: for tests.faults.calls."""

    call: str
    args: tuple[Any, ...] = ()
    points: str = ""
    calls: dict[str, Any] = field(default_factory=dict)
    clock: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Process:
    """A fork. status: as waitpid gives it, None while it lives; stopped: it got SIGSTOP and no SIGCONT since."""

    pid: int
    log: Path
    status: int | None = None
    stopped: bool = False

    @property
    def was_killed(self) -> bool:
        return self.status is not None and os.WIFSIGNALED(self.status)

    @property
    def report(self) -> dict[str, Any]:
        """What it wrote about its faults; the last word counts."""
        with contextlib.suppress(FileNotFoundError):
            lines = self.log.with_suffix(".json").read_text().splitlines()
            found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
            return found
        return {}

    def signal(self, number: int) -> None:
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class ForkServer:
    """The side of the harness."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self.logs = logs
        self._changed = threading.Condition()
        self._processes: dict[int, Process] = {}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.fork_server"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._started: list[int] = []
        self._count = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, job: Job) -> Process:
        """Fork for `job` and return at once."""
        self._count += 1
        log = self.logs / f"fork-{self._count:05}.log"
        assert self._server.stdin is not None
        with self._changed:
            self._started.clear()
            self._server.stdin.write(json.dumps({**asdict(job), "log": str(log)}).encode() + b"\n")
            self._server.stdin.flush()
            if not self._changed.wait_for(lambda: self._started, 30):
                raise RuntimeError("the fork server does not answer")
            process = self._processes[self._started[0]]
            process.log = log
            return process

    def wait(self, process: Process, seconds: float = 60) -> bool:
        """Wait until the process has ended or was stopped; whether it was so in time."""
        with self._changed:
            return self._changed.wait_for(lambda: process.status is not None or process.stopped, seconds)

    def wait_for_end(self, process: Process, seconds: float = 60) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: process.status is not None, seconds)

    def run(self, job: Job, seconds: float = 60) -> Process:
        process = self.start(job)
        if not self.wait(process, seconds):
            process.signal(signal.SIGKILL)
            self.wait_for_end(process)
        return process

    def close(self) -> None:
        """End the fork server and every fork that still lives, by their ids."""
        for process in list(self._processes.values()):
            process.signal(signal.SIGKILL)
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(30)

    def _listen(self) -> None:
        assert self._server.stdout is not None
        for line in self._server.stdout:
            said = json.loads(line)
            with self._changed:
                pid = said["pid"]
                if said["what"] == "started":
                    self._processes[pid] = Process(pid, Path())
                    self._started.append(pid)
                elif said["what"] == "ended":
                    self._processes[pid].status = said["status"]
                else:
                    self._processes[pid].stopped = said["what"] == "stopped"
                self._changed.notify_all()


def _serve() -> None:
    """The side that forks: jobs as lines on standard input, what becomes of the forks as lines on standard output."""
    wakes, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    pending = b""
    while True:
        ready, _, _ = select.select([0, wakes], [], [])
        if wakes in ready:
            os.read(wakes, 4096)
            _report_forks()
        if 0 in ready:
            block = os.read(0, 65536)
            if not block:
                return
            pending += block
            while b"\n" in pending:
                line, _, pending = pending.partition(b"\n")
                _fork(json.loads(line))


def _say(**fields: Any) -> None:
    os.write(1, json.dumps(fields).encode() + b"\n")


def _report_forks() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                _say(what="stopped", pid=pid)
            elif os.WIFCONTINUED(status):
                _say(what="continued", pid=pid)
            else:
                _say(what="ended", pid=pid, status=status)


def _fork(job: dict[str, Any]) -> None:
    pid = os.fork()
    if pid:
        _say(what="started", pid=pid)
        return
    status = ENDED_BADLY
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, sink in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, sink)
        _work(job)
        status = 0
    except BaseException:  # noqa: BLE001  as at the end of any process: it is shown, and the status says it
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _work(job: dict[str, Any]) -> None:
    from backups import faults
    from tests.faults import calls

    counter = calls.install(job["calls"], Path(job["log"]).with_suffix(".json"))
    if job["clock"]:
        _move_clock(**job["clock"])
    faults.arm(job["points"])
    module, _, name = job["call"].partition(":")
    try:
        getattr(importlib.import_module(module), name)(*job["args"])
    finally:
        counter.write()


def _move_clock(seconds: float, after: float = 0) -> None:
    """Let this process's clock jump by `seconds` when it has run for `after` seconds."""
    from datetime import timedelta

    from django.utils import timezone

    true_now, true_time, began = timezone.now, time.time, time.monotonic()

    def offset() -> float:
        return seconds if time.monotonic() - began >= after else 0

    timezone.now = lambda: true_now() + timedelta(seconds=offset())  # type: ignore[assignment]
    time.time = lambda: true_time() + offset()  # type: ignore[assignment]


def call_command(*words: str) -> None:
    """manage.py, in a fork."""
    from django.core import management

    management.call_command(*words)


if __name__ == "__main__":
    import django

    django.setup()
    for module in ("backups.capture", "backups.restore", "changes.execution", "changes.actions", "changes.jobs"):
        importlib.import_module(module)
    _serve()
