"""Facts as real servers gave them, for tests that judge without a server."""

from __future__ import annotations

from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.flavor import Flavor
from changes.grants import parse_grants
from changes.server_facts import BinlogFacts, ServerFacts, ServerIdentity

EXECUTOR_GRANTS = (
    "GRANT PROCESS, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `app`@`%`",
    "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE VIEW, SHOW VIEW, TRIGGER"
    " ON `shop`.* TO `app`@`%`",
)

# MySQL 9.7.4 and MariaDB 10.11.19 with sync_binlog=1, innodb_flush_log_at_trx_commit=1 and TLS.
MYSQL = ServerFacts(
    account="app@%",
    flavor=Flavor("mysql", (9, 7, 4)),
    version_text="9.7.4-2",
    identity=ServerIdentity("8a01370d-e6aa-11f1-a99f-02fc00000001", 1, "db1"),
    connection_id=35,
    handshake_id=35,
    binlog=BinlogFacts(enabled=True, coordinates=BinlogCoordinates.at("bin.000001", 6367), retention_seconds=2592000),
    grants=parse_grants(EXECUTOR_GRANTS),
    cipher="TLS_AES_128_GCM_SHA256",
    sql_mode="ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO",
    gtid_mode="ON",
)
MARIADB = ServerFacts(
    account="app@%",
    flavor=Flavor("mariadb", (10, 11, 19)),
    version_text="10.11.19-MariaDB-0+deb12u1-log",
    identity=ServerIdentity("nsxZKNHphreoyTPoIXPVQbWKTg0=", 1, "db2"),
    connection_id=21,
    handshake_id=21,
    binlog=BinlogFacts(enabled=True, coordinates=BinlogCoordinates.at("bin.000001", 4404)),
    grants=parse_grants(EXECUTOR_GRANTS),
    cipher="TLS_AES_256_GCM_SHA384",
    sql_mode="STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION",
)
