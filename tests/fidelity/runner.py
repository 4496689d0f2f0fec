"""Running cases on one server: its settings for a case, and the installation around it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.test import override_settings
from MySQLdb.constants import CLIENT

from backups.schema import build_schema_name
from changes.models import Target
from tests.fidelity.cases import Case
from tests.fidelity.tables import drop_schemas, query
from tests.live.installation import Installation, prove_on, register
from tests.servers import Server

SCHEMA = "fidelity"


@dataclass(frozen=True)
class Bench:
    """A server, one schema on it that is made anew for every case, and a person's connection to it."""

    server: Server
    place: Installation
    connection: Any


@contextlib.contextmanager
def open_bench(server: Server, backup_server: Server, *, schema: str = SCHEMA) -> Iterator[Bench]:
    """Set up for many cases; what they leave on both servers is dropped at the end."""
    connection = server.connect(client_flag=CLIENT.MULTI_STATEMENTS)
    target = Target.objects.filter(name=f"fidelity {server.name}").first() or register(
        server, f"fidelity {server.name}"
    )
    try:
        proving = override_settings(INCEPTION=prove_on(server, settings.INCEPTION))
        with patch("changes.jobs.ring"), proving:
            yield Bench(server, Installation(server, schema, target), connection)
    finally:
        drop_schemas(connection, schema)
        connection.close()
        with contextlib.closing(backup_server.connect()) as backup:
            query(backup, f"DROP DATABASE IF EXISTS `{build_schema_name(server.host, server.port, schema)}`")


@contextlib.contextmanager
def settings_of(case: Case, server: Server) -> Iterator[None]:
    """Let the server's global variables be as the case says, and put them back."""
    if not case.settings:
        yield
        return
    with contextlib.closing(server.connect()) as connection:
        names = [setting.partition("=")[0].strip() for setting in case.settings]
        before = [query(connection, f"SELECT @@GLOBAL.{name}")[0][0] for name in names]
        try:
            for setting in case.settings:
                query(connection, f"SET GLOBAL {setting}")
            yield
        finally:
            for name, value in zip(names, before, strict=True):
                text = str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
                query(connection, f"SET GLOBAL {name} = {text}")
