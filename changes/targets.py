"""Connections to target servers, and what a server says about itself.

Every connection: TCP only, one statement per call by protocol (no CLIENT_MULTI_STATEMENTS), no LOAD DATA LOCAL,
utf8mb4, autocommit. The session keeps what a developer expects of the server: its *global* sql_mode, time zone and
isolation level, set explicitly after login, so that nothing an init_connect did is left. Waiting for locks is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import MySQLdb
from MySQLdb.constants import CLIENT

from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.flavor import Flavor
from changes.connect_problems import (
    Attempt,
    Role,
    build_ca_problem,
    build_connect_problem,
    build_host_problem,
    build_plain_text_problem,
)
from changes.grants import parse_grants
from changes.problems import Problem
from changes.server_facts import BinlogFacts, ServerFacts, ServerIdentity
from changes.table_facts import TableFacts, TableName

CONNECT_TIMEOUT_SECONDS = 10
LOCK_WAIT_SECONDS = 30
"""For row locks and for metadata locks: a schema change that waits makes everyone behind it wait too."""
IDLE_SECONDS = 28800
"""wait_timeout of our session: it idles while the rows of a large statement are read back and stored."""

TLS_MODES = ("disabled", "required", "verify_ca", "verify_identity")
SYSTEM_SCHEMAS = frozenset({"information_schema", "mysql", "performance_schema", "sys"})
SPECIFIC_ACCESS_DENIED = 1227

# Connector/C reads more than a name in `host`: "a:1,b:2" is a list of servers, "x=y;…" a set of options.
_HOST = re.compile(r"[A-Za-z0-9_.:%-]+")


class TargetError(Exception):
    """A server could not be used; `problem` says what was found, what is needed and how to get it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class TargetAddress:
    """Where a server is and who we are there.

    tls_mode: one of TLS_MODES. tls_ca: path of the CA file; needed by the two verifying modes.
    role: "target" or "backup", the first word of the ids of its problems.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls_mode: str = "required"
    tls_ca: str | None = None
    role: Role = "target"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def connect(
    address: TargetAddress,
    *,
    schema: str | None = None,
    found_rows: bool = False,
    read_timeout: int | None = None,
    connect_timeout: int = CONNECT_TIMEOUT_SECONDS,
    lock_wait_seconds: int = LOCK_WAIT_SECONDS,
) -> Any:
    """Return an open MySQLdb connection to `address`, its session set as the module says.

    schema: the default schema; never changed by USE afterwards.
    found_rows: count the rows an UPDATE matched, not those it changed; for restore only.
    read_timeout: seconds without an answer before the driver gives up with error 2013; None waits as long as it takes.
    connect_timeout: seconds to wait for a server that does not answer at all.
    lock_wait_seconds: how long a statement waits for a row lock, or for a table that others use.
    Raises TargetError when the server cannot be reached, refuses us, or does not give the TLS that was asked for.
    With "required" and "verify_ca" the log-in itself is over before a missing cipher shows: only "verify_identity"
    keeps an impostor from seeing it.
    """
    attempt = Attempt(address.role, str(address), address.user, schema)
    options = _tls_options(address, attempt)
    if read_timeout is not None:
        options["read_timeout"] = read_timeout
    if schema is not None:
        options["database"] = schema
    try:
        connection = MySQLdb.connect(
            host=_tcp_host(address.host, attempt),
            port=address.port,
            user=address.user,
            password=address.password,
            charset="utf8mb4",
            # Both are on by default in mysqlclient.
            multi_statements=False,
            local_infile=0,
            client_flag=CLIENT.FOUND_ROWS if found_rows else 0,
            connect_timeout=connect_timeout,
            autocommit=True,
            **options,
        )
    except MySQLdb.Error as error:
        raise TargetError(build_connect_problem(attempt, *error_of(error))) from error
    try:
        if address.tls_mode != "disabled" and not read_cipher(connection):
            raise TargetError(build_plain_text_problem(attempt))
        _set_session(connection, lock_wait_seconds)
    except MySQLdb.Error as error:
        connection.close()
        raise TargetError(build_connect_problem(attempt, *error_of(error))) from error
    except TargetError:
        connection.close()
        raise
    return connection


def _tcp_host(host: str, attempt: Attempt) -> str:
    if not _HOST.fullmatch(host):
        raise TargetError(build_host_problem(attempt))
    # The name "localhost" means a unix socket to Connector/C, whatever the port.
    return "127.0.0.1" if host == "localhost" else host


def _tls_options(address: TargetAddress, attempt: Attempt) -> dict[str, Any]:
    """Return the driver's options for the TLS mode. Measured with Connector/C 3.3.20:

    ssl_mode REQUIRED with a CA checks the certificate's chain and not its name; VERIFY_CA and VERIFY_IDENTITY both
    check the name too, and refuse a server without TLS. So our "verify_ca" is REQUIRED with a CA.
    """
    if address.tls_mode not in TLS_MODES:
        raise ValueError(f"{address.tls_mode!r} is no TLS mode; needed: one of {', '.join(TLS_MODES)}.")
    if address.tls_mode == "disabled":
        return {"ssl_mode": "DISABLED"}
    if address.tls_mode == "required":
        return {"ssl_mode": "REQUIRED"}
    if not address.tls_ca:
        raise TargetError(build_ca_problem(attempt, address.tls_mode))
    mode = "REQUIRED" if address.tls_mode == "verify_ca" else "VERIFY_IDENTITY"
    return {"ssl_mode": mode, "ssl": {"ca": address.tls_ca}}


SHOWS_OWN_KEYS_SINCE = (8, 0, 30)


def _set_session(connection: Any, lock_wait_seconds: int) -> None:
    """Undo what an init_connect may have done. The server runs it after the log-in and before our first statement."""
    flavor = read_flavor(connection)
    prefix = "tx" if flavor.is_mariadb and flavor.version < (11, 1, 1) else "transaction"
    like_server = ("sql_mode", "time_zone", f"{prefix}_isolation", f"{prefix}_read_only", "sql_safe_updates")
    checks = ("foreign_key_checks", "unique_checks")
    own = {"lock_wait_timeout": lock_wait_seconds, "innodb_lock_wait_timeout": lock_wait_seconds}
    own |= {"wait_timeout": IDLE_SECONDS, "autocommit": 1}
    parts = [f"SESSION {name} = @@GLOBAL.{name}" for name in (*like_server, *checks)]
    parts += [f"SESSION {name} = {value}" for name, value in own.items()]
    if flavor.is_mariadb:
        # Any account may set it, and then its rows reach no replica and no reader of the binlog.
        parts.append("SESSION skip_replication = 0")
    elif flavor.version >= SHOWS_OWN_KEYS_SINCE:
        # Else a key that the server made by itself is in no definition, and in the rows all the same.
        parts.append("SESSION show_gipk_in_create_table_and_information_schema = 1")
    _run(connection, "SET " + ", ".join(parts))
    _run(connection, "SET NAMES utf8mb4")


def _run(connection: Any, sql: str) -> None:
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
    finally:
        cursor.close()


def error_of(error: MySQLdb.Error) -> tuple[int, str]:
    """Return number and text of a driver's error; number 0 when it has none (a connection that is already closed)."""
    if len(error.args) >= 2 and isinstance(error.args[0], int):
        return error.args[0], str(error.args[1])
    return 0, " ".join(str(part) for part in error.args)


def read_cipher(connection: Any) -> str:
    """Return the TLS cipher in use, "" in plain text.

    The only proof: Connector/C's ssl_mode='REQUIRED' connects in plain text to a server without TLS.
    """
    return str(dict(read_rows(connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")).get("Ssl_cipher", ""))


def read_rows(connection: Any, sql: str, args: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """Return all rows of a short query. Without `args` a % in `sql` is a plain %."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql, args)
        return list(cursor.fetchall())
    finally:
        cursor.close()


def read_flavor(connection: Any) -> Flavor:
    ((version,),) = read_rows(connection, "SELECT VERSION()")
    return Flavor.parse(version)


def read_connection_id(connection: Any) -> int:
    """Return the id the server gives this session; KILL QUERY takes it."""
    ((connection_id,),) = read_rows(connection, "SELECT CONNECTION_ID()")
    return int(connection_id)


def read_last_gtid(connection: Any, flavor: Flavor) -> str | None:
    """Return MariaDB's @@last_gtid, the newest transaction *this* session logged; None when it has logged none.

    It keeps its value when a statement logs nothing: equal before and after means nothing was logged.
    MySQL tells a session's own GTID in the OK packet only, which mysqlclient does not hand on: None.
    """
    if not flavor.is_mariadb:
        return None
    ((gtid,),) = read_rows(connection, "SELECT @@last_gtid")
    return gtid or None


def read_coordinates(connection: Any, flavor: Flavor) -> BinlogCoordinates | None:
    """Return where the server's binlog ends now; None when there is no binlog or the account may not ask."""
    status, _ = _read_status(connection, flavor)
    return BinlogCoordinates.at(str(status[0]), int(status[1])) if status else None


def _read_status(connection: Any, flavor: Flavor) -> tuple[tuple[Any, ...] | None, bool]:
    """Return the row of the status statement, and whether it was denied."""
    try:
        rows = read_rows(connection, flavor.status_statement)
    except MySQLdb.Error as error:
        if error_of(error)[0] != SPECIFIC_ACCESS_DENIED:
            raise
        return None, True
    return (rows[0] if rows else None), False


def read_schemas(connection: Any) -> list[str]:
    """Return the schemas the account may see, without the server's own."""
    rows = read_rows(connection, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY SCHEMA_NAME")
    return [name for (name,) in rows if name.lower() not in SYSTEM_SCHEMAS]


def read_tables(connection: Any, names: Iterable[TableName]) -> tuple[TableFacts, ...]:
    """Return the facts of `names`, in the server's spelling; a name the account cannot see does not exist."""
    return tuple(_read_table(connection, schema, name) for schema, name in names)


def _read_table(connection: Any, schema_name: str, name: str) -> TableFacts:
    rows = read_rows(
        connection,
        "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.TABLE_TYPE, t.ENGINE, e.TRANSACTIONS, t.TABLE_ROWS, t.DATA_LENGTH"
        " FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE"
        " WHERE t.TABLE_SCHEMA = %s AND t.TABLE_NAME = %s"
        # The names are compared without case here; the server tells them apart unless this variable says otherwise.
        " AND (@@lower_case_table_names > 0"
        " OR (CAST(t.TABLE_SCHEMA AS BINARY) = CAST(%s AS BINARY)"
        " AND CAST(t.TABLE_NAME AS BINARY) = CAST(%s AS BINARY)))",
        (schema_name, name, schema_name, name),
    )
    if not rows:
        return TableFacts(schema_name, name, exists=False)
    found_schema, found_name, kind, engine, transactional, row_count, size = rows[0]
    return TableFacts(
        schema_name=found_schema,
        name=found_name,
        exists=True,
        kind=kind,
        engine=engine or "",
        transactional=engine is None or transactional == "YES",
        estimated_rows=row_count,
        data_bytes=size,
    )


def take_lock(connection: Any, name: str, *, seconds: int) -> bool:
    """Take the server's lock `name` for this session, waiting at most `seconds`; whether we hold it now.

    It is let go when the session ends, however it ends: who gets it knows that the previous holder is over.
    """
    ((answer,),) = read_rows(connection, "SELECT GET_LOCK(%s, %s)", (name, seconds))
    return bool(answer == 1)


_VARIABLES = (
    "binlog_annotate_row_events",
    "binlog_expire_logs_auto_purge",
    "binlog_expire_logs_seconds",
    "binlog_format",
    "binlog_row_image",
    "expire_logs_days",
    "gtid_mode",
    "hostname",
    "innodb_flush_log_at_trx_commit",
    "innodb_native_foreign_keys",
    "log_bin",
    "lower_case_table_names",
    "max_allowed_packet",
    "read_only",
    "server_id",
    "server_uid",
    "server_uuid",
    "skip_replication",
    "sql_log_bin",
    "sql_mode",
    "super_read_only",
    "sync_binlog",
    "time_zone",
    "wsrep_on",
)


def read_facts(connection: Any) -> ServerFacts:
    """Ask a server everything that the preflight judges; reads only.

    Variables come from one SHOW VARIABLES: those a flavor does not have are simply not in the answer.
    Raises MySQLdb.Error when the connection is lost.
    """
    flavor = read_flavor(connection)
    names = ", ".join(f"'{name}'" for name in _VARIABLES)
    variables = dict(read_rows(connection, f"SHOW SESSION VARIABLES WHERE Variable_name IN ({names})"))
    ((version, account, connection_id),) = read_rows(connection, "SELECT VERSION(), CURRENT_USER(), CONNECTION_ID()")
    status, status_denied = _read_status(connection, flavor)
    return ServerFacts(
        account=account,
        flavor=flavor,
        version_text=version,
        identity=ServerIdentity(
            uuid=variables.get("server_uuid") or variables.get("server_uid", ""),
            server_id=int(variables.get("server_id", 0)),
            hostname=variables.get("hostname", ""),
        ),
        connection_id=int(connection_id),
        handshake_id=connection.thread_id(),
        binlog=_build_binlog_facts(variables, status, status_denied=status_denied),
        grants=parse_grants(line for (line,) in read_rows(connection, "SHOW GRANTS")),
        # MariaDB 12 has more words than ON: anything but OFF keeps someone from writing.
        read_only=variables.get("read_only", "OFF") != "OFF",
        super_read_only=variables.get("super_read_only", "OFF") == "ON",
        cipher=read_cipher(connection),
        sql_mode=variables.get("sql_mode", ""),
        time_zone=variables.get("time_zone", ""),
        gtid_mode=variables.get("gtid_mode", ""),
        last_gtid=read_last_gtid(connection, flavor),
        max_allowed_packet=int(variables.get("max_allowed_packet", 0)),
        lower_case_table_names=int(variables.get("lower_case_table_names", 0)),
        native_foreign_keys=variables.get("innodb_native_foreign_keys", "OFF") == "ON",
        galera=variables.get("wsrep_on", "OFF") == "ON",
    )


def _build_binlog_facts(
    variables: Mapping[str, str], status: Sequence[Any] | None, *, status_denied: bool
) -> BinlogFacts:
    return BinlogFacts(
        enabled=variables.get("log_bin") == "ON",
        session_enabled=variables.get("sql_log_bin", "ON") == "ON",
        format=variables.get("binlog_format", ""),
        row_image=variables.get("binlog_row_image", ""),
        skip_replication=variables.get("skip_replication", "OFF") == "ON",
        coordinates=BinlogCoordinates.at(str(status[0]), int(status[1])) if status else None,
        status_denied=status_denied,
        do_schemas=_split_names(status[2]) if status else (),
        ignore_schemas=_split_names(status[3]) if status else (),
        retention_seconds=_retention(variables),
        annotated=variables.get("binlog_annotate_row_events", "ON") == "ON",
        sync=int(variables.get("sync_binlog", 1)),
        flush_at_commit=int(variables.get("innodb_flush_log_at_trx_commit", 1)),
    )


def _split_names(text: str | None) -> tuple[str, ...]:
    return tuple(name for name in (text or "").split(",") if name)


def _retention(variables: Mapping[str, str]) -> int | None:
    if variables.get("binlog_expire_logs_auto_purge", "ON") == "OFF":
        return None
    seconds = int(variables.get("binlog_expire_logs_seconds", 0))
    # Old servers count days; MariaDB shows both, with a fraction.
    return seconds or int(float(variables.get("expire_logs_days", 0)) * 86400) or None
