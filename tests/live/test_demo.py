"""scripts/demo, the part after the set-up: it starts, is used, stops, and starts again on what it left."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_supervisor import run_program

pytestmark = pytest.mark.live
ONCE_SECONDS = 240


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="inc-demo-"))  # pytest's own folders are too long for a socket
    yield path
    shutil.rmtree(path, ignore_errors=True)


def is_running(folder: Path) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            line = path.read_bytes()
            if bytes(folder) in line and b"pytest" not in line:
                return True
    return False


def test_it_can_be_used_stopped_and_run_again(folder: Path) -> None:
    demo = [sys.executable, "-m", "inception_site.demo", "--folder", str(folder)]
    with run_program(demo, folder / "log") as running:
        running.wait_for("Stop:  Ctrl-C")
        found = re.search(r"Inception runs on\s+(\S+)", running.text)
        assert found
        with urllib.request.urlopen(found[1], timeout=20) as page:
            assert page.status == 200
        for person in ("ann", "ben", "dana", "cy"):
            assert re.search(rf"│   {person} +[a-z2-9]{{12}} ", running.text)
        running.wait_for("ticket=2 state=succeeded")
        assert running.stop(signal.SIGINT) == 0
    assert not is_running(folder)

    with run_program([*demo, "--once"], folder / "log2") as again:
        assert again.process.wait(ONCE_SECONDS) == 0, again.text
    assert "every table equals itself, byte by byte" in again.text
    assert "made the sample database" not in again.text
    assert not is_running(folder)
