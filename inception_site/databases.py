"""Django's two databases: "default" holds the application's data, "backup" is the backup server."""

from __future__ import annotations

from typing import Any

from inception_site.config import Config, Database

# REQUIRED is checked again after connecting, see inception_site/tls.py: Connector/C goes on in plain text.
_SSL_MODES = {
    "disabled": "DISABLED",
    "required": "REQUIRED",
    "verify_ca": "VERIFY_CA",
    "verify_identity": "VERIFY_IDENTITY",
}


def build_databases(config: Config) -> dict[str, dict[str, Any]]:
    inc = config.inc
    return {
        "default": _build_sqlite(config) if config.database.engine == "sqlite" else _build_default(config.database),
        "backup": _build_mysql(
            host=inc.backup_host,
            port=inc.backup_port,
            user=inc.backup_user,
            password=inc.backup_password,
            tls=inc.backup_tls,
            ca=inc.backup_ca,
        ),
    }


def _build_default(database: Database) -> dict[str, Any]:
    settings = _build_mysql(
        host=database.host,
        port=database.port,
        user=database.user,
        password=database.password,
        tls=database.tls,
        ca=database.tls_ca,
    )
    return {**settings, "NAME": database.name, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def _build_sqlite(config: Config) -> dict[str, Any]:
    folder = config.site.data_folder
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": config.database.name or str(folder / "inception.sqlite3"),
        # IMMEDIATE: a transaction that reads and then writes waits at its BEGIN, where the time-out applies,
        # instead of failing at once with "database is locked".
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _build_mysql(*, host: str, port: int, user: str, password: str, tls: str, ca: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "charset": "utf8mb4",
        "sql_mode": "TRADITIONAL",
        "connect_timeout": 10,
        "ssl_mode": _SSL_MODES[tls],
        # mysqlclient has both on by default: the first would run what is hidden behind a semicolon, with the second a
        # server can ask for any file of this machine.
        "multi_statements": False,
        "local_infile": 0,
    }
    if ca:
        options["ssl"] = {"ca": ca}
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": "",
        "HOST": host,
        "PORT": port,
        "USER": user,
        "PASSWORD": password,
        "OPTIONS": options,
    }
