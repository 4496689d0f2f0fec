"""Names and tables of a backup schema: goInception's, wider where theirs would lose data, and our archive."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backups.errors import StoreError
from backups.rollback.literals import quote_identifier

INFORMATION_TABLE = "$_$Inception_backup_information$_$"
ARCHIVE_TABLE = "$_$Inception_row_events$_$"
LONGEST_NAME_BYTES = 64
HASH_DIGITS = 8

_INFORMATION_DDL = """CREATE TABLE IF NOT EXISTS {table} (
  `opid_time` varchar(50) NOT NULL,
  `start_binlog_file` varchar(512) DEFAULT NULL,
  `start_binlog_pos` bigint unsigned DEFAULT NULL,
  `end_binlog_file` varchar(512) DEFAULT NULL,
  `end_binlog_pos` bigint unsigned DEFAULT NULL,
  `sql_statement` longtext DEFAULT NULL,
  `host` varchar(255) DEFAULT NULL,
  `dbname` varchar(64) DEFAULT NULL,
  `tablename` varchar(64) DEFAULT NULL,
  `port` int(11) DEFAULT NULL,
  `time` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `type` varchar(20) DEFAULT NULL,
  PRIMARY KEY (`opid_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"""

_RECORDS_DDL = """CREATE TABLE IF NOT EXISTS {table} (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `rollback_statement` longtext DEFAULT NULL,
  `opid_time` varchar(50) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `idx_opid_time` (`opid_time`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"""

# block 0 tells what the others hold; they hold events as the server wrote them.
_ARCHIVE_DDL = """CREATE TABLE IF NOT EXISTS {table} (
  `opid_time` varchar(50) NOT NULL,
  `block` int unsigned NOT NULL,
  `row_count` int unsigned NOT NULL,
  `raw_bytes` bigint unsigned NOT NULL,
  `sha256` char(64) CHARACTER SET ascii NOT NULL,
  `payload` longblob NOT NULL,
  PRIMARY KEY (`opid_time`, `block`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"""

_LONGEST_TEXT_BYTES = {"text": 2**16 - 1, "mediumtext": 2**24 - 1, "longtext": 2**32 - 1}
_LARGEST_INTEGERS = {"int": 2**31 - 1, "bigint": 2**63 - 1}


def build_schema_name(host: str, port: int, schema_name: str) -> str:
    """Return goInception's name of the backup schema, e.g. "127_0_0_1_3306_test".

    Longer than 64 bytes: the last 64 are kept; then `-` and `.` become `_`. Different schemas can share the result:
    see `build_distinct_name`.
    """
    name = f"{host}_{port}_{schema_name}".encode()[-LONGEST_NAME_BYTES:].decode(errors="ignore")
    return name.replace("-", "_").replace(".", "_")


def build_distinct_name(target_id: int, host: str, port: int, schema_name: str) -> str:
    """Return the name used when `build_schema_name`'s is taken by another schema: a hash of all parts at its end."""
    parts = f"{target_id}/{host}/{port}/{schema_name}".encode()
    ending = "_" + hashlib.sha256(parts).hexdigest()[:HASH_DIGITS]
    kept = build_schema_name(host, port, schema_name).encode()[-(LONGEST_NAME_BYTES - len(ending)) :]
    return kept.decode(errors="ignore") + ending


def check_source_table_name(schema_name: str, table_name: str) -> None:
    """Raise StoreError when a table to be changed bears a name that the backup schema keeps for itself."""
    # Case folded: on a server with lower_case_table_names the backup tables would be one and the same.
    if table_name.casefold() in {INFORMATION_TABLE.casefold(), ARCHIVE_TABLE.casefold()}:
        raise StoreError(
            f"{schema_name}.{table_name} has a name that every backup schema keeps for its own table."
            " Needed: another table name. Rename the table, or run this statement without a backup."
        )


@dataclass(frozen=True, slots=True)
class StoredShape:
    """How much the existing tables of a backup schema hold; an older installation's hold less.

    Lengths are in bytes for text types and in characters for varchar.
    """

    longest_statement: int
    longest_record: int
    largest_position: int
    longest_host: int

    def check(self, *, schema: str, statement_bytes: int, position: int, host: str) -> None:
        """Raise StoreError when an information row would not fit."""
        limits = (
            ("sql_statement", "bytes", statement_bytes, self.longest_statement, "longtext"),
            ("start_binlog_pos and end_binlog_pos", "as largest offset", position, self.largest_position, "bigint"),
            ("host", "characters", len(host), self.longest_host, "varchar(255)"),
        )
        for column, unit, found, limit, wider in limits:
            if found > limit:
                raise StoreError(
                    f"{schema}.{INFORMATION_TABLE}: column {column} holds {limit} {unit}, this statement needs {found}."
                    f" The table was made by an older version. ALTER TABLE … MODIFY the column to {wider}."
                )

    def check_record(self, schema: str, table_name: str, record_bytes: int) -> None:
        """Raise StoreError when a rollback statement would not fit."""
        if record_bytes > self.longest_record:
            raise StoreError(
                f"{schema}.{table_name}: column rollback_statement holds {self.longest_record} bytes, a record of this"
                f" statement needs {record_bytes}. ALTER TABLE … MODIFY the column to longtext."
            )


def ensure_tables(cursor: Any, backup_schema: str, table_name: str) -> StoredShape:
    """Make what is missing of `backup_schema` and of the backup table of `table_name`; return what they hold.

    cursor: a MySQLdb cursor on the backup server. CREATE commits, so call it outside a transaction.
    Existing tables are used as they are. Raises StoreError when `table_name` is one of our own names.
    """
    check_source_table_name(backup_schema, table_name)
    found = _read_columns(cursor, backup_schema, table_name)
    if not found:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {quote_identifier(backup_schema)} DEFAULT CHARACTER SET utf8mb4")
    for name, ddl in ((INFORMATION_TABLE, _INFORMATION_DDL), (ARCHIVE_TABLE, _ARCHIVE_DDL), (table_name, _RECORDS_DDL)):
        if name not in found:
            cursor.execute(ddl.replace("{table}", f"{quote_identifier(backup_schema)}.{quote_identifier(name)}", 1))
    found = _read_columns(cursor, backup_schema, table_name)
    return _build_shape(found, backup_schema, table_name)


def _read_columns(cursor: Any, backup_schema: str, table_name: str) -> dict[str, dict[str, tuple[str, int | None]]]:
    cursor.execute(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, @@lower_case_table_names"
        " FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME IN (%s, %s, %s)",
        (backup_schema, INFORMATION_TABLE, ARCHIVE_TABLE, table_name),
    )
    # A server with lower_case_table_names answers in lower case. Without, `abc` is found when `Abc` is asked for (the
    # collation of information_schema), and is another table.
    asked = {name.casefold(): name for name in (INFORMATION_TABLE, ARCHIVE_TABLE, table_name)}
    found: dict[str, dict[str, tuple[str, int | None]]] = {}
    for table, column, data_type, length, lower_case in cursor.fetchall():
        name = asked.get(table.casefold(), table) if lower_case else table
        found.setdefault(name, {})[column] = (data_type.lower(), length)
    return found


def _build_shape(
    found: Mapping[str, Mapping[str, tuple[str, int | None]]], backup_schema: str, table_name: str
) -> StoredShape:
    try:
        information, records = found[INFORMATION_TABLE], found[table_name]
        return StoredShape(
            longest_statement=_LONGEST_TEXT_BYTES[information["sql_statement"][0]],
            longest_record=_LONGEST_TEXT_BYTES[records["rollback_statement"][0]],
            largest_position=min(
                _LARGEST_INTEGERS[information[name][0]] for name in ("start_binlog_pos", "end_binlog_pos")
            ),
            longest_host=information["host"][1] or 0,
        )
    except KeyError as error:
        raise StoreError(
            f"{backup_schema}: its tables for {table_name} lack, or have another type for, {error}."
            " Needed: the tables of the backup format. Rename the schema aside; a new one is made."
        ) from error
