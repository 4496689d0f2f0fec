"""Django's own MySQL connections, as the configuration builds them: one statement, no file, and TLS or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError
from django.db.utils import ConnectionHandler

from inception_site.config import read_config
from inception_site.databases import build_databases
from tests.servers import Server

pytestmark = pytest.mark.live
Connect = Callable[..., Any]


@pytest.fixture
def connect(server: Server, tmp_path: Path, django_db_blocker: Any) -> Iterator[Connect]:
    """A function that gives a Django connection to `server`, with the given backup_tls."""
    opened = []

    def open_connection(tls: str = "disabled") -> Any:
        file = tmp_path / "config.toml"
        file.write_text(
            f'[site]\nmode = "local"\n[inc]\nbackup_host = "{server.host}"\nbackup_port = {server.port}\n'
            f'backup_user = "{server.user}"\nbackup_password = "{server.password}"\nbackup_tls = "{tls}"\n'
        )
        opened.append(ConnectionHandler(build_databases(read_config(file, {})))["backup"])
        return opened[-1]

    with django_db_blocker.unblock():  # these connections are the test's own, not those of the test database
        yield open_connection
        for connection in opened:
            connection.close()


def fetch(connection: Any, sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def test_it_runs_one_statement_and_not_what_hides_behind_it(connect: Connect) -> None:
    with pytest.raises(ProgrammingError, match="1064"):
        fetch(connect(), "SELECT 1; SELECT 2")


def test_it_gives_no_file_away(connect: Connect, schema: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("secret\n")
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE `{schema}`.t (v TEXT)")
        with pytest.raises(OperationalError):
            cursor.execute(f"LOAD DATA LOCAL INFILE '{mine}' INTO TABLE `{schema}`.t")
        cursor.execute(f"SELECT COUNT(*) FROM `{schema}`.t")
        assert cursor.fetchone() == (0,)


def test_tls_required_is_tls_or_no_connection(connect: Connect, server: Server) -> None:
    # The MariaDB of the tests has no certificate, the MySQL makes one for itself.
    if server.flavor.is_mariadb:
        with pytest.raises(OperationalError, match="does not offer TLS"):
            fetch(connect("required"), "SELECT 1")
    else:
        assert fetch(connect("required"), "SHOW SESSION STATUS LIKE 'Ssl_cipher'")[1]


def test_a_certificate_that_nobody_vouches_for_is_refused(connect: Connect) -> None:
    with pytest.raises(OperationalError):
        fetch(connect("verify_identity"), "SELECT 1")
