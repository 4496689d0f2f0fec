"""The benchmark can be started, and says what it compares."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_it_explains_itself() -> None:
    environment = {**os.environ, "PYTHON": sys.executable}
    command = [str(ROOT / "bench" / "capture"), "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "--flashback" in done.stdout
    assert "--rows" in done.stdout
