"""What a server said about itself: plain values, for the preflight to judge and the execution to keep."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.flavor import Flavor
from changes.grants import Grants

_IDENTITY = re.compile(r"uuid=(.*) server_id=(\d+) hostname=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What tells one server from another one behind the same address.

    uuid: MySQL's server_uuid; MariaDB's server_uid, which it makes from its network card and port, so that it does
    not change with the data folder. "" where there is neither.
    """

    uuid: str
    server_id: int
    hostname: str

    def __str__(self) -> str:
        return f"uuid={self.uuid} server_id={self.server_id} hostname={self.hostname}"

    @classmethod
    def parse(cls, text: str) -> ServerIdentity:
        """Return the identity that `text`, of str(), names. Raises ValueError."""
        match = _IDENTITY.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no server identity; needed: uuid=… server_id=… hostname=….")
        return cls(match[1], int(match[2]), match[3])


@dataclass(frozen=True, slots=True)
class BinlogFacts:
    """The binlog, as this session would write it.

    enabled: log_bin. session_enabled: sql_log_bin. skip_replication: MariaDB only.
    format: "ROW", "STATEMENT", "MIXED". row_image: "FULL", "MINIMAL", "NOBLOB", "FULL_NODUP".
    coordinates: None when the binlog is off or the account may not ask (status_denied).
    do_schemas, ignore_schemas: the filters binlog_do_db and binlog_ignore_db.
    retention_seconds: None when the server never purges by age.
    sync: sync_binlog. flush_at_commit: innodb_flush_log_at_trx_commit.
    annotated: texts of statements are written in front of their rows (MariaDB's binlog_annotate_row_events).
    """

    enabled: bool
    session_enabled: bool = True
    format: str = "ROW"
    row_image: str = "FULL"
    skip_replication: bool = False
    coordinates: BinlogCoordinates | None = None
    status_denied: bool = False
    do_schemas: tuple[str, ...] = ()
    ignore_schemas: tuple[str, ...] = ()
    retention_seconds: int | None = None
    sync: int = 1
    flush_at_commit: int = 1
    annotated: bool = True


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One server and one session on it.

    account: CURRENT_USER(). cipher: "" when the connection is in plain text.
    connection_id: SELECT CONNECTION_ID(). handshake_id: the thread id of the server's first packet, modulo 2^32.
    gtid_mode: MySQL only, else "". last_gtid: MariaDB's @@last_gtid, None when this session has logged nothing.
    native_foreign_keys: MySQL 9.6's innodb_native_foreign_keys, which keeps cascaded rows out of the binlog.
    galera: wsrep_on.
    """

    account: str
    flavor: Flavor
    version_text: str
    identity: ServerIdentity
    connection_id: int
    handshake_id: int
    binlog: BinlogFacts
    grants: Grants = field(default_factory=Grants)
    read_only: bool = False
    super_read_only: bool = False
    cipher: str = ""
    sql_mode: str = ""
    time_zone: str = "SYSTEM"
    gtid_mode: str = ""
    last_gtid: str | None = None
    max_allowed_packet: int = 16 * 1024 * 1024
    lower_case_table_names: int = 0
    native_foreign_keys: bool = False
    galera: bool = False

    @property
    def ansi_quotes(self) -> bool:
        """Whether "…" is a name. The modes that imply ANSI_QUOTES list it themselves."""
        return "ANSI_QUOTES" in self.sql_mode.split(",")

    @property
    def no_backslash_escapes(self) -> bool:
        return "NO_BACKSLASH_ESCAPES" in self.sql_mode.split(",")

    @property
    def logs_cascades(self) -> bool:
        """Whether rows changed by a foreign key's action are in the binlog of this server."""
        return self.flavor.logs_cascades and not self.native_foreign_keys
