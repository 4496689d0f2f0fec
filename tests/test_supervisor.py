"""The supervisor, with real processes: what starts when, what stops when, and what is started again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONG_SECONDS = 60

# Says "NAME up", then lives until SIGTERM; says "NAME down" when it ends, `slow` seconds after the signal.
PROGRAM = """
import signal, sys, time
name, slow = sys.argv[1], float(sys.argv[2])
def end(*_):
    time.sleep(slow)
    print(name, "down", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print(name, "up", flush=True)
time.sleep(600)
"""
RUNNER = """
import sys
from inception_site.supervisor import Service, Supervisor, ServiceError
program = {program!r}
def service(name, slow=0.0, **options):
    return Service(name=name, command=[sys.executable, "-c", program, name, str(slow)], **options)
try:
    Supervisor([{services}]).run(lambda: print("all ready", flush=True))
except ServiceError as error:
    print("error:", error, flush=True)
    sys.exit(1)
print("run returned", flush=True)
"""


class Running:
    """A supervisor in a process of its own, and what it has printed."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def text(self) -> str:
        return self.log.read_text()

    def wait_for(self, words: str, times: int = 1) -> None:
        deadline = time.monotonic() + LONG_SECONDS
        while self.text.count(words) < times:
            ended = self.process.poll() is not None and self.text.count(words) < times
            assert not ended, f"it ended, and {words!r} did not come:\n{self.text}"
            assert time.monotonic() < deadline, f"{words!r} did not come:\n{self.text}"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(LONG_SECONDS)

    def order(self, *words: str) -> list[str]:
        """The given words in the order in which they were printed."""
        return sorted(words, key=self.text.index)


@contextmanager
def run_program(command: list[str], log: Path, **environment: str) -> Iterator[Running]:
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
    try:
        yield Running(process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(LONG_SECONDS)


def supervise(services: str, log: Path) -> AbstractContextManager[Running]:
    return run_program([sys.executable, "-c", RUNNER.format(program=PROGRAM, services=services)], log)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_in_order_and_stops_in_reverse_order_on_one_signal(log: Path, number: int) -> None:
    with supervise('service("a"), service("b", 0.5), service("c")', log) as running:
        running.wait_for("all ready")
        running.wait_for(" up", times=3)
        assert running.stop(number) == 0
    assert running.order("a down", "b down", "c down", "run returned") == ["c down", "b down", "a down", "run returned"]


def test_it_waits_until_a_service_is_ready_before_it_starts_the_next(log: Path) -> None:
    sign = log.with_name("ready")
    services = f'service("a", is_ready=lambda: __import__("os").path.exists({str(sign)!r})), service("b")'
    with supervise(services, log) as running:
        running.wait_for("a up")
        time.sleep(0.5)
        assert "b up" not in running.text
        sign.touch()
        running.wait_for("b up")


def test_a_second_signal_does_not_cut_a_slow_service_off(log: Path) -> None:
    with supervise('service("slow", 2, stop_seconds=None), service("web")', log) as running:
        running.wait_for(" up", times=2)
        running.process.send_signal(signal.SIGTERM)
        running.wait_for("stopping slow")
        assert running.stop(signal.SIGINT) == 0
    assert "slow down" in running.text


def test_it_kills_what_does_not_stop_in_its_time(log: Path) -> None:
    with supervise('service("stubborn", 600, stop_seconds=0.5)', log) as running:
        running.wait_for("stubborn up")
        assert running.stop() == 0
    assert "stubborn did not stop within 0 s and was killed" in running.text


def test_it_starts_again_what_dies(log: Path) -> None:
    with supervise('service("a"), service("b")', log) as running:
        running.wait_for(" up", times=2)
        os.kill(child_of(running.process.pid, "b"), signal.SIGKILL)
        running.wait_for("b up", times=2)
        assert running.text.count("a up") == 1
        assert running.stop() == 0
    assert "b ended with status -9; starting it again in 1 s" in running.text


def test_one_that_does_not_start_stops_those_before_it(log: Path) -> None:
    never = 'Service(name="broken", command=["false"], is_ready=lambda: False)'
    with supervise(f'service("a"), {never}, service("c")', log) as running:
        assert running.process.wait(LONG_SECONDS) == 1
    assert "error: broken ended at once" in running.text
    assert "stopping a" in running.text
    assert "c up" not in running.text


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv of util-linux")
def test_its_services_end_when_it_is_killed(log: Path) -> None:
    with supervise('service("a")', log) as running:
        running.wait_for("a up")
        child = child_of(running.process.pid, "a")
        running.process.kill()
        running.process.wait(LONG_SECONDS)
    deadline = time.monotonic() + LONG_SECONDS
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def child_of(parent: int, name: str) -> int:
    """Return the id of the process with argument `name` whose parent is `parent`."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            status, arguments = (path / "status").read_text(), (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if re.search(rf"^PPid:\s+{parent}$", status, re.MULTILINE) and name.encode() in arguments:
            return int(path.name)
    raise AssertionError(f"{name} is not running")
