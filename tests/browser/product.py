"""The product as it is shipped: web, worker and queue as processes of their own, around a real database server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import ROOT, Server, free_port

PASSWORD = "correct horse battery"
READY_SECONDS = 90
_PEOPLE = """
from django.contrib.auth.models import Group, User
for name, group in (("ann", "Submitters"), ("ben", "Approvers"), ("dana", "DBAs"), ("cy", "Viewers")):
    user = User.objects.create_user(name, password={password!r}, is_staff=True, first_name=name.capitalize())
    user.groups.add(Group.objects.get(name=group))
"""


@dataclass
class Product:
    """`manage.py serve` with its own data folder; target and backup server are `server`."""

    server: Server
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="inc-")))
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        ours = {
            "SITE__MODE": "local",
            "SITE__DATA_FOLDER": str(self.folder),
            "SITE__BASE_URL": self.url,
            "WEB__PORT": str(self.port),
            "INC__BACKUP_HOST": self.server.host,
            "INC__BACKUP_PORT": str(self.server.port),
            "INC__BACKUP_USER": self.server.user,
            "INC__BACKUP_PASSWORD": self.server.password,
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("INCEPTION__")}
        return kept | {f"INCEPTION__{key}": value for key, value in ours.items()}

    def manage(self, *words: str, **variables: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        self.log = (self.folder / "serve.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--migrate"],
            cwd=ROOT,
            env=self.environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._wait()
        self.manage("shell", "-c", _PEOPLE.format(password=PASSWORD))
        self.manage(
            *("add_target", "shop-test", "--host", self.server.host, "--port", str(self.server.port)),
            *("--user", self.server.user, "--password-env", "SECRET", "--environment", "test", "--tls", "disabled"),
            SECRET=self.server.password,
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                    return
            except (urllib.error.HTTPError, OSError):
                time.sleep(0.2)
        said = (self.folder / "serve.log").read_text(errors="replace")[-2000:]
        self.process.kill()
        raise AssertionError(f"The product was not ready within {READY_SECONDS} s: {said}")
