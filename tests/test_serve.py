"""`manage.py serve`, as it is: queue, worker and web server of a fresh data folder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from tests.servers import free_port
from tests.test_supervisor import LONG_SECONDS, Running, run_program


def build_settings(folder: Path) -> dict[str, str]:
    port = str(free_port())
    return {
        "INCEPTION__SITE__DATA_FOLDER": str(folder / "data"),
        "INCEPTION__SITE__BASE_URL": f"http://127.0.0.1:{port}",
        "INCEPTION__WEB__PORT": port,
        "INCEPTION__QUEUE__URL": "",
    }


@contextmanager
def run_ready(folder: Path, environment: dict[str, str]) -> Iterator[Running]:
    command = [sys.executable, "manage.py", "serve", "--migrate"]
    with run_program(command, folder / "log", **environment) as serve:
        serve.wait_for("ready on")
        wait_until_ready(environment)
        yield serve


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, dict[str, str]]]:
    """One that runs for all tests which leave it running, and its settings."""
    folder = tmp_path_factory.mktemp("serve")
    environment = build_settings(folder)
    with run_ready(folder, environment) as serve:
        yield serve, environment


def ask(environment: dict[str, str], path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(environment["INCEPTION__SITE__BASE_URL"] + path, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait_until_ready(environment: dict[str, str]) -> None:
    deadline = time.monotonic() + LONG_SECONDS
    while (answer := ask(environment, "/readyz"))[0] != 200:
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


def connect_queue(environment: dict[str, str]) -> Redis:
    return Redis(unix_socket_path=environment["INCEPTION__SITE__DATA_FOLDER"] + "/queue/queue.sock")


def wait_for_file(path: Path) -> None:
    deadline = time.monotonic() + LONG_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def run_serve(environment: dict[str, str]) -> str:
    """Run another serve that is expected to refuse; return what it says."""
    command = [sys.executable, "manage.py", "serve"]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).resolve().parent.parent,
        env={"PATH": "/usr/bin", **environment},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        _, said = process.communicate(timeout=LONG_SECONDS)
    assert process.returncode == 1
    return said


def test_it_ends_a_running_job_before_it_stops(tmp_path: Path) -> None:
    environment = build_settings(tmp_path)
    begun, done = tmp_path / "begun", tmp_path / "done"
    with run_ready(tmp_path, environment) as serve:
        assert json.loads(ask(environment, "/readyz")[1]) == {
            "ready": True,
            "database": "ok",
            "queue": "ok",
            "worker": "ok",
        }
        queue = Queue("default", connection=connect_queue(environment), serializer=JSONSerializer)
        queue.enqueue("subprocess.call", ["sh", "-c", f"touch {begun}; sleep 2; touch {done}"])
        wait_for_file(begun)
        assert serve.stop() == 0
    assert done.exists()
    order = ["stopping web", "stopping reconciler", "stopping worker1", "stopping queue", " | stopped"]
    assert serve.order(*order) == order


def test_it_starts_after_it_was_killed(tmp_path: Path) -> None:
    environment = build_settings(tmp_path)
    with run_ready(tmp_path, environment) as serve:
        serve.process.kill()
        serve.process.wait(LONG_SECONDS)
        assert connect_queue(environment).ping()  # left behind, for a worker that still ends its statement
    environment["INCEPTION__WEB__PORT"] = str(free_port())
    with run_program([sys.executable, "manage.py", "serve"], tmp_path / "log2", **environment) as again:
        again.wait_for("ready on")
        assert "stopped a queue that an earlier, killed run had left behind" in again.text
        assert again.stop(signal.SIGINT) == 0


def test_a_second_one_is_refused(running: tuple[Running, dict[str, str]]) -> None:
    assert "Another `manage.py serve` runs with this data folder" in run_serve(running[1])


def test_it_refuses_a_port_that_is_taken(running: tuple[Running, dict[str, str]], tmp_path: Path) -> None:
    other = {**running[1], "INCEPTION__SITE__DATA_FOLDER": str(tmp_path / "other")}
    assert f"Cannot listen on 127.0.0.1:{other['INCEPTION__WEB__PORT']}" in run_serve(other)


def test_it_tells_why_it_is_not_ready(running: tuple[Running, dict[str, str]]) -> None:
    _, environment = running
    connect_queue(environment).delete("rq:workers", "rq:workers:default")
    status, body = ask(environment, "/readyz")
    assert (status, json.loads(body)["worker"]) == (503, "no worker is running")
    assert ask(environment, "/healthz") == (200, "ok\n")


def test_it_refuses_a_database_that_lacks_migrations(tmp_path: Path) -> None:
    said = run_serve(build_settings(tmp_path))
    assert "lacks" in said
    assert "manage.py serve --migrate" in said
