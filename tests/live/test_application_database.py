"""The application's own data on MariaDB and MySQL, as in production: from the first migration to a recovery."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.own_rows import query
from tests.servers import ROOT, Server

pytestmark = pytest.mark.live


class Machine:
    """Commands of one installation whose application database, backup server and target are the same server."""

    def __init__(self, server: Server, schema: str, folder: Path) -> None:
        self.server, self.schema, self.folder = server, schema, folder
        self.application = f"{schema}_app"
        password = {"INCEPTION__DATABASE__PASSWORD": "", "INCEPTION__INC__BACKUP_PASSWORD": ""}
        place = {"HOST": server.host, "PORT": str(server.port), "USER": server.user}
        self.environment = {
            **os.environ,
            **password,
            **{f"INCEPTION__DATABASE__{name}": value for name, value in place.items()},
            **{f"INCEPTION__INC__BACKUP_{name}": value for name, value in place.items()},
            "INCEPTION__DATABASE__ENGINE": "mysql",
            "INCEPTION__DATABASE__NAME": self.application,
            "INCEPTION__SITE__DATA_FOLDER": str(folder),
            "INCEPTION__SITE__ALLOW_UNREVIEWED_CLI": "true",
            "INCEPTION__WORKER__LEASE_SECONDS": "1",
            "INCEPTION__WORKER__TAKEOVER_SECONDS": "1",
        }

    def __call__(self, *words: str, fault: str = "", expect: int = 0) -> str:
        ended = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={**self.environment, "INCEPTION__SITE__FAULT": fault},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == expect, (ended.stdout, ended.stderr)
        return ended.stdout

    def rows(self, sql: str, database: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.server.connect(database=database)) as connection:
            return list(query(connection, sql))


@pytest.fixture
def machine(server: Server, schema: str, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(server, schema, tmp_path)
    made.rows(f"CREATE DATABASE `{made.application}` CHARACTER SET utf8mb4", schema)
    made.rows("CREATE TABLE t (id INT PRIMARY KEY, n INT)", schema)
    made.rows("INSERT INTO t VALUES (1, 0), (2, 0)", schema)
    # Times of the application are in UTC, whatever the server's own time zone is.
    made.rows("SET GLOBAL time_zone = '+05:00'", schema)
    yield made
    made.rows("SET GLOBAL time_zone = 'SYSTEM'", schema)
    made.rows(f"DROP DATABASE `{made.application}`", schema)


def test_a_ticket_runs_is_left_behind_recovered_and_rolled_back(machine: Machine, tmp_path: Path) -> None:
    machine("migrate", "--verbosity", "0")
    (tmp_path / "password").write_text("")
    place = ("--host", machine.server.host, "--port", str(machine.server.port), "--user", machine.server.user)
    machine("add_target", "main", *place, "--password-file", str(tmp_path / "password"), "--tls", "disabled")
    (tmp_path / "change.sql").write_text("UPDATE t SET n = n + 1")
    run = (
        "run_change",
        "--target",
        "main",
        "--schema",
        machine.schema,
        "--format",
        "json",
        str(tmp_path / "change.sql"),
    )
    machine(*run, fault="commit_done_before_record:1:kill", expect=-9)
    assert machine.rows("SELECT state FROM changes_ticket", machine.application) == [("running",)]
    assert "looking into execution" in machine("reconcile")
    assert machine.rows("SELECT state, backup_state FROM changes_ticket", machine.application) == [
        ("succeeded", "complete")
    ]
    second = json.loads(machine(*run))
    assert (second["state"], second["backup_state"]) == ("succeeded", "complete")
    assert machine.rows("SELECT n FROM t", machine.schema) == [(2,), (2,)]
    machine("rollback_change", str(second["ticket"]))
    machine("rollback_change", "1")
    assert machine.rows("SELECT n FROM t", machine.schema) == [(0,), (0,)]
