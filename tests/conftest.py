"""Fixtures of every test: the application database, and real servers where a test asks for one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test.utils import setup_databases, teardown_databases

from tests.servers import MARIADB, Server, ServerMissingError, Servers, report_missing, server_names


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> None:
    """Log-ins are not what the tests are about: the real hasher takes a third of a second for each person."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: Any) -> Any:
    """Make the test database of "default" only.

    "backup" is a real server's: nothing is migrated there, and its MIRROR entry keeps Django from flushing it after
    a transactional test. Schemas in it are dropped by the tests that made them.
    """
    with django_db_blocker.unblock():
        state = setup_databases(
            verbosity=request.config.option.verbose, interactive=False, aliases={"default"}, serialized_aliases=set()
        )
    # After the set-up, which would point a mirror at the test database.
    connections.settings["backup"]["TEST"]["MIRROR"] = "default"
    yield
    with django_db_blocker.unblock():
        teardown_databases(state, verbosity=request.config.option.verbose)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    running = Servers()
    yield running
    running.stop()


def require_server(servers: Servers, name: str) -> Server:
    """Return the server, or report the reason why there is none."""
    try:
        return servers.get(name)
    except ServerMissingError as error:
        report_missing(f"{name}: {error}")


@pytest.fixture(scope="session", params=server_names())
def server(request: pytest.FixtureRequest, servers: Servers) -> Server:
    """Each server in turn."""
    return require_server(servers, request.param)


@pytest.fixture(scope="session")
def backup_server(servers: Servers) -> Iterator[Server]:
    """The MariaDB on which backups are kept; also Django's alias "backup" from here on."""
    found = require_server(servers, MARIADB)
    settings = connections.settings["backup"]
    before = {key: settings.get(key) for key in ("HOST", "PORT", "USER", "PASSWORD")}
    settings.update(HOST=found.host, PORT=found.port, USER=found.user, PASSWORD=found.password)
    connections["backup"].close()
    yield found
    settings.update(before)


@pytest.fixture
def schema(server: Server) -> Iterator[str]:
    """A fresh schema on `server`, dropped afterwards."""
    name = f"it_{uuid.uuid4().hex[:12]}"
    connection = server.connect()
    cursor = connection.cursor()
    cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    yield name
    cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
    connection.close()
