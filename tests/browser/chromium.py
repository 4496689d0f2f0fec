"""How Chromium is found and started where the tests and the pictures of the documentation need a browser."""

from __future__ import annotations

import shutil
from typing import Any

MISSING = "no Chromium on PATH; install Debian's package chromium"
_FLAGS = (
    *("no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"),
    *("disable-background-networking", "disable-component-update"),
)


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def launch_options(path: str) -> dict[str, Any]:
    return {"executable_path": path, "args": [f"--{flag}" for flag in _FLAGS]}
