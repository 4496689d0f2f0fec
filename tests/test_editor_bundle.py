"""The built SQL editor in the repository: it is what was recorded, and its sources say how it came about."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "inception_site" / "editor"
STATIC = ROOT / "inception_site" / "static" / "inception"


def test_the_built_file_is_the_recorded_one() -> None:
    recorded, name = (SOURCES / "editor.js.sha256").read_text().split()
    built = (STATIC / name).read_bytes()
    assert hashlib.sha256(built).hexdigest() == recorded, "run inception_site/editor/build and commit what it writes"


def test_the_lock_names_every_package_by_hash_and_no_server() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text())
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert packages
    assert [path for path, entry in packages.items() if "resolved" in entry] == []
    assert [path for path, entry in packages.items() if "integrity" not in entry] == []


def test_the_licence_of_every_bundled_package_is_handed_on() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text())
    licences = (STATIC / "editor.licenses.txt").read_text()
    bundled = {
        path.removeprefix("node_modules/"): entry["version"]
        for path, entry in lock["packages"].items()
        if path and not entry.get("dev")
    }
    assert [name for name, version in bundled.items() if f"{name} {version}\n" not in licences] == []
    assert licences.count("Permission is hereby granted") == len(bundled)
