"""Accounts of a test's own on a real server."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import replace

from changes.targets import TargetAddress
from tests.servers import Server

PASSWORD = "s3cret %s \\ ' ü"


def address_of(server: Server, **changes: object) -> TargetAddress:
    """Return root's address on `server`, in plain text unless `changes` say otherwise."""
    plain = TargetAddress(server.host, server.port, server.user, server.password, tls_mode="disabled")
    return replace(plain, **changes)  # type: ignore[arg-type]


@contextlib.contextmanager
def account(server: Server, *grants: str, identified: str = "IDENTIFIED BY") -> Iterator[TargetAddress]:
    """Make an account with `grants`, e.g. "SELECT ON `app`.*"; its address is in plain text."""
    user = f"it_{uuid.uuid4().hex[:10]}"
    connection = server.connect()
    cursor = connection.cursor()
    try:
        cursor.execute(f"CREATE USER `{user}`@`%%` {identified} %s", (PASSWORD,))
        for grant in grants:
            cursor.execute(f"GRANT {grant} TO `{user}`@`%`")
        yield address_of(server, user=user, password=PASSWORD)
    finally:
        cursor.execute(f"DROP USER IF EXISTS `{user}`@`%`")
        connection.close()
