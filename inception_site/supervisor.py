"""Runs a few programs in order: starts them one after the other, restarts what dies, stops them in reverse order.

Why not an existing one: those that were tried stop everything at once and kill what has not ended after some seconds.
Here the web server goes first, then a worker may take as long as its running statement takes, and the queue goes last.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

TICK_SECONDS = 0.1
FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 60.0
REMIND_SECONDS = 30.0


class ServiceError(Exception):
    """A service did not start; what had been started before it is stopped again."""


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Service:
    """One program.

    is_ready: asked after the start until it says yes; the next service starts then.
    stop_seconds: time between SIGTERM and SIGKILL; None waits as long as it takes.
    waiting_for: what it may still be doing, told to the person who waits for it to stop.
    says_why: where to look when it does not start.
    ends_with_us: it gets SIGTERM when the supervisor is killed; not for what the others still need then.
    """

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool] = _always
    start_seconds: float = 30.0
    stop_seconds: float | None = 10.0
    waiting_for: str = "stops"
    says_why: str = "its own lines above say why"
    ends_with_us: bool = True
    folder: Path | None = None


@dataclass
class _Running:
    service: Service
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    start_again_at: float = 0.0


@dataclass
class Supervisor:
    """run() returns after one SIGTERM or SIGINT; a second one changes nothing, so that no statement is cut off."""

    services: Sequence[Service]
    out: IO[str] = sys.stdout
    _running: list[_Running] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _printing: threading.Lock = field(default_factory=threading.Lock)

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Start all, watch them, stop them when told to. Raises ServiceError when one does not start."""
        before = {number: signal.signal(number, self._ask_to_stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            for service in self.services:
                self._start_first(service)
            if not self._stop.is_set():
                on_ready()
            while not self._stop.wait(TICK_SECONDS):
                for running in self._running:
                    self._watch(running)
        finally:
            for running in reversed(self._running):
                self._end(running)
            for number, handler in before.items():
                signal.signal(number, handler)

    def say(self, name: str, text: str) -> None:
        """Print one line with the name of the service before it."""
        width = max([len(service.name) for service in self.services] + [len("serve")])
        with self._printing:
            self.out.write(f"{name:<{width}} | {text}\n")
            self.out.flush()

    def _ask_to_stop(self, number: int, frame: object) -> None:
        self._stop.set()

    def _start_first(self, service: Service) -> None:
        """Start a service and wait until it is ready, or until we are asked to stop."""
        if self._stop.is_set():
            return
        running = _Running(service)
        self._running.append(running)
        self._start(running)
        deadline = time.monotonic() + service.start_seconds
        while not self._stop.is_set() and not service.is_ready():
            ended = running.process is not None and running.process.poll() is not None
            if ended or time.monotonic() > deadline:
                why = "ended at once" if ended else f"was not ready after {service.start_seconds:.0f} s"
                raise ServiceError(f"{service.name} {why}; {service.says_why}.")
            self._stop.wait(TICK_SECONDS)

    def _start(self, running: _Running) -> None:
        service = running.service
        command = list(service.command)
        if service.ends_with_us and (setpriv := shutil.which("setpriv")):
            command = [setpriv, "--pdeathsig", "TERM", "--", *command]
        # A session of its own: Ctrl-C in a terminal reaches all of its processes, and the order is ours to keep.
        running.process = subprocess.Popen(  # noqa: S603  the commands are our own
            command,
            cwd=service.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        running.started_at = time.monotonic()
        threading.Thread(target=self._copy_lines, args=(service.name, running.process), daemon=True).start()

    def _copy_lines(self, name: str, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.say(name, line.decode("utf-8", "replace").rstrip())

    def _watch(self, running: _Running) -> None:
        """Notice that a service ended; start it again when its pause is over."""
        now = time.monotonic()
        service = running.service
        if running.process is None:
            if now >= running.start_again_at:
                self._start(running)
            return
        status = running.process.poll()
        if status is None:
            return
        running.process = None
        if now - running.started_at > STEADY_SECONDS:
            running.failures = 0
        pause = min(FIRST_BACKOFF_SECONDS * 2**running.failures, LONGEST_BACKOFF_SECONDS)
        running.failures += 1
        running.start_again_at = now + pause
        self.say("serve", f"{service.name} ended with status {status}; starting it again in {pause:.0f} s")

    def _end(self, running: _Running) -> None:
        """Stop one service and wait until it has ended."""
        process, service = running.process, running.service
        if process is None or process.poll() is not None:
            return
        self.say("serve", f"stopping {service.name}")
        process.terminate()
        since = time.monotonic()
        while True:
            left = REMIND_SECONDS
            if service.stop_seconds is not None:
                left = min(left, since + service.stop_seconds - time.monotonic())
            try:
                process.wait(max(left, 0))
                return
            except subprocess.TimeoutExpired:
                waited = time.monotonic() - since
            if service.stop_seconds is not None and waited >= service.stop_seconds:
                process.kill()
                process.wait()
                self.say("serve", f"{service.name} did not stop within {service.stop_seconds:.0f} s and was killed")
                return
            self.say("serve", f"waiting until {service.name} {service.waiting_for}, {waited:.0f} s so far")
