"""Forks are told apart by how they ended: well, by an error, killed, or standing still."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fork_server import ForkServer, Job


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    folder: Path = tmp_path_factory.mktemp("forks")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("INCEPTION")}
    settings = {
        "DJANGO_SETTINGS_MODULE": "inception_site.settings",
        "INCEPTION__SITE__DATA_FOLDER": str(folder / "site"),
    }
    made = ForkServer(kept | settings, folder)
    yield made
    made.close()


def test_one_that_ends_well(forks: ForkServer) -> None:
    process = forks.run(Job("builtins:print", ("said",)))
    assert (process.status, process.stopped, process.was_killed) == (0, False, False)
    assert process.log.read_text() == "said\n"
    assert process.report == {"passed": 0, "fired": ""}


def test_one_that_fails_says_so_in_its_log(forks: ForkServer) -> None:
    process = forks.run(Job("builtins:int", ("x",)))
    assert process.status
    assert not process.was_killed
    assert "ValueError" in process.log.read_text()


def test_one_that_dies_at_a_point(forks: ForkServer) -> None:
    process = forks.run(Job("backups.faults:point", ("commit_sent",), points="commit_sent:1:kill"))
    assert process.was_killed


def test_one_that_stands_still_and_goes_on(forks: ForkServer) -> None:
    process = forks.run(Job("backups.faults:point", ("commit_sent",), points="commit_sent:1:stop"))
    assert (process.stopped, process.status) == (True, None)
    process.signal(signal.SIGCONT)
    assert forks.wait_for_end(process, 10)
    assert process.status == 0


def test_one_that_takes_too_long_is_killed(forks: ForkServer) -> None:
    assert forks.run(Job("time:sleep", (60,)), seconds=0.3).was_killed


def test_its_clock_can_be_elsewhere(forks: ForkServer) -> None:
    here = forks.run(Job("tests.faults.test_fork_server:print_time"))
    later = forks.run(Job("tests.faults.test_fork_server:print_time", clock={"seconds": 7200}))
    assert 7100 < float(later.log.read_text()) - float(here.log.read_text()) < 7300


def print_time() -> None:
    from django.utils import timezone

    print(timezone.now().timestamp())
