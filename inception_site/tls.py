"""TLS of Django's own MySQL connections."""

from __future__ import annotations

from typing import Any

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper


def refuse_plain_text(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Close a new connection that asked for TLS and did not get it. Connected to `connection_created`.

    MariaDB Connector/C 3.3 treats ssl_mode REQUIRED as "if the server has it" (found by connecting to a server without
    TLS); the VERIFY modes do refuse. An empty Ssl_cipher is the server's word for plain text.
    Raises OperationalError.
    """
    if connection.vendor != "mysql" or connection.settings_dict["OPTIONS"].get("ssl_mode") in {None, "DISABLED"}:
        return
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        row = cursor.fetchone()
    if not row or not row[1]:
        host = connection.settings_dict["HOST"]
        connection.close()
        raise OperationalError(f"{host} does not offer TLS and the configuration requires it; nothing was sent to it.")
