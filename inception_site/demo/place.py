"""The demo's folder: what is kept in it from one run to the next."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD_CHARACTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105  without those that look alike
FIRST_WEB_PORT = 8000


class DemoError(Exception):
    """The demo cannot go on; the text says why and what helps."""


@dataclass(frozen=True, slots=True)
class Place:
    """folder: made by the first run; deleting it starts anew."""

    folder: Path

    @property
    def server_folder(self) -> Path:
        return self.folder / "mariadb"

    @property
    def config_file(self) -> Path:
        return self.folder / "config.toml"

    def read_passwords(self) -> dict[str, str]:
        """Return the passwords of this demo by name, made by the first run."""
        path = self.folder / "passwords.json"
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        for name in ("root", "target", "backup", "purge", "ann", "ben", "dana", "cy"):
            kept.setdefault(name, "".join(secrets.choice(PASSWORD_CHARACTERS) for _ in range(12)))
        _write_private(path, json.dumps(kept, indent=1))
        return kept

    def choose_server_port(self) -> int:
        """Return the database server's port: the earlier one where it is free, since backup schemas bear it."""
        path = self.folder / "mariadb.port"
        if path.exists() and is_free(int(path.read_text())):
            return int(path.read_text())
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = int(listener.getsockname()[1])
        path.write_text(str(port))
        return port

    def write_config(self, *, server_port: int, web_port: int, backup_password: str, purge_password: str) -> None:
        """Write the configuration that web, worker and commands of this demo read."""
        text = f"""# Written by scripts/demo at every start. To use it from a shell:
#   INCEPTION_CONFIG={self.config_file} .venv/bin/python manage.py help
[site]
name = "Inception"
mode = "local"
base_url = "http://127.0.0.1:{web_port}"
data_folder = "site"
allow_unreviewed_cli = true

[inc]
backup_host = "127.0.0.1"
backup_port = {server_port}
backup_user = "inception_backup"
backup_password = "{backup_password}"
purge_user = "inception_purge"
purge_password = "{purge_password}"

[web]
port = {web_port}
"""
        _write_private(self.config_file, text)

    def write_client_options(self, *, server_port: int, root_password: str) -> None:
        """Write the options with which `mariadb` reaches the server as root."""
        path = self.folder / "client.cnf"
        _write_private(path, f"[client]\nhost=127.0.0.1\nport={server_port}\nuser=root\npassword={root_password}\n")

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep a second demo out of this folder. Raises DemoError when one runs."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise DemoError(f"The demo of {self.folder} is running already; stop it first, or use it.") from error
            yield


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_web_port() -> int:
    """Return 8000, or the next port that is free."""
    for port in range(FIRST_WEB_PORT, FIRST_WEB_PORT + 100):
        if is_free(port):
            return port
    raise DemoError(f"No free port from {FIRST_WEB_PORT} to {FIRST_WEB_PORT + 99}.")


def end_with_us() -> list[str]:
    """Return what to put before a command so that it gets SIGTERM when this process is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
