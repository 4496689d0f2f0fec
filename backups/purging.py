"""Letting go of one statement's backup: its records, its archive and its information row, and nothing of anybody else.

By its opid_time alone, in chunks that no transaction grows large of. The information row goes last, so that a statement
that is deleted half-way is found and finished by the next purge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import MySQLdb

from backups.errors import StoreError
from backups.rollback.literals import quote_identifier
from backups.schema import ARCHIVE_TABLE, INFORMATION_TABLE

RECORDS_A_CHUNK = 5000
BLOCKS_A_CHUNK = 32
"""A block holds about 1 MiB of row events, packed."""

_GONE = frozenset({1049, 1146})
"""No such schema, no such table."""
_DENIED = frozenset({1044, 1142, 1143, 1227, 1290})


@dataclass(frozen=True, slots=True)
class StoredPlace:
    """Where one statement's backup is. archive_sha256: of its archive's block 0; "" when that is not known."""

    backup_schema: str
    table_name: str
    opid_time: str
    archive_sha256: str = ""


def read_sizes(connection: Any, names: Iterable[str]) -> dict[str, int]:
    """Return the size in bytes of those backup schemas that exist, under the names that were asked for."""
    wanted = {name.casefold(): name for name in names}
    if not wanted:
        return {}
    marks = ", ".join(["%s"] * len(wanted))
    question = (
        "SELECT s.SCHEMA_NAME, COALESCE(SUM(t.DATA_LENGTH + t.INDEX_LENGTH), 0) FROM information_schema.SCHEMATA s"
        " LEFT JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = s.SCHEMA_NAME"
        f" WHERE s.SCHEMA_NAME IN ({marks}) GROUP BY s.SCHEMA_NAME"
    )
    rows = _run(connection, question, tuple(wanted.values()))
    return {wanted[name.casefold()]: int(size) for name, size in rows if name.casefold() in wanted}


def read_event_bytes(connection: Any, backup_schema: str, opid_times: Sequence[str]) -> dict[str, int]:
    """Return how many bytes of row events the archive holds of each statement, unpacked; none where there is none."""
    marks = ", ".join(["%s"] * len(opid_times))
    question = (
        f"SELECT opid_time, SUM(raw_bytes) FROM {_name(backup_schema, ARCHIVE_TABLE)}"
        f" WHERE opid_time IN ({marks}) AND block > 0 GROUP BY opid_time"
    )
    try:
        return {opid_time: int(size) for opid_time, size in _run(connection, question, tuple(opid_times))}
    except MySQLdb.Error as error:
        if _number_of(error) in _GONE:
            return {}
        raise


def prepare(connection: Any) -> None:
    """Let deletes lock what they delete and no gap beside it, where somebody may be writing a backup just now."""
    question = "SHOW VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format')"
    variables = {name: str(value).upper() for name, value in _run(connection, question)}
    # A binlog of statements takes no changes at this level.
    if variables.get("log_bin") != "ON" or variables.get("binlog_format", "ROW") != "STATEMENT":
        _run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")


def check_may_delete(connection: Any, backup_schema: str, table_name: str) -> None:
    """Raise StoreError when the account may not delete there, before anybody is told that something goes."""
    for table in (table_name, ARCHIVE_TABLE, INFORMATION_TABLE):
        try:
            # No statement has this key: the server looks at the right, and finds nothing to delete.
            _run(connection, f"DELETE FROM {_name(backup_schema, table)} WHERE opid_time = %s", ("",))
        except MySQLdb.Error as error:
            number = _number_of(error)
            if number in _GONE:
                continue
            if number in _DENIED:
                raise StoreError(
                    f"{backup_schema}: the account may not delete there ({error.args[-1]}). Needed: SELECT and DELETE"
                    " on the backup schemas, best for an account that does nothing else: purge_user in [inc] of the"
                    " configuration."
                ) from error
            raise StoreError(f"{backup_schema}: the backup server answered {error.args}.") from error


def delete_statement(connection: Any, place: StoredPlace, *, keep_going: Callable[[], bool]) -> bool:
    """Delete what is kept of one statement; whether all of it is gone. False only when `keep_going` said no.

    A small one goes in one transaction. Tables or schemas that are gone already hold nothing.
    Raises StoreError when the server refuses, or holds an archive under this key that is not ours.
    """
    try:
        _check_ours(connection, place)
        _run(connection, "START TRANSACTION")
        for table, order, limit in (
            (place.table_name, "id", RECORDS_A_CHUNK),
            (ARCHIVE_TABLE, "block DESC", BLOCKS_A_CHUNK),  # block 0 tells whose it is: last
        ):
            while _delete(connection, place, table, f" ORDER BY {order} LIMIT {limit}") == limit:
                _run(connection, "COMMIT")
                if not keep_going():
                    return False
                _run(connection, "START TRANSACTION")
        _delete(connection, place, INFORMATION_TABLE, "")
        _run(connection, "COMMIT")
    except MySQLdb.Error as error:
        with suppress(MySQLdb.Error):  # a connection that was lost has nothing open
            _run(connection, "ROLLBACK")
        raise StoreError(
            f"{place.backup_schema}, opid_time {place.opid_time}: not deleted, or not all of it: the backup server"
            f" answered {error.args}. The next purge goes on with it."
        ) from error
    return True


def _check_ours(connection: Any, place: StoredPlace) -> None:
    """Raise StoreError when another archive than the one we wrote stands under this key."""
    if not place.archive_sha256:
        return
    question = f"SELECT sha256 FROM {_name(place.backup_schema, ARCHIVE_TABLE)} WHERE opid_time = %s AND block = 0"
    try:
        rows = _run(connection, question, (place.opid_time,))
    except MySQLdb.Error as error:
        if _number_of(error) in _GONE:
            return
        raise
    if rows and rows[0][0] != place.archive_sha256:
        raise StoreError(
            f"{place.backup_schema}, opid_time {place.opid_time}: found an archive that is not the one written when the"
            " statement was captured. Needed: the same one, to know that it is ours to delete. Look at who wrote there;"
            " manage.py verify_backup tells more."
        )


def _delete(connection: Any, place: StoredPlace, table: str, ending: str) -> int:
    cursor = connection.cursor()
    try:
        sql = f"DELETE FROM {_name(place.backup_schema, table)} WHERE opid_time = %s{ending}"
        return int(cursor.execute(sql, (place.opid_time,)))
    except MySQLdb.Error as error:
        if _number_of(error) in _GONE:
            return 0
        raise
    finally:
        cursor.close()


def _number_of(error: MySQLdb.Error) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def _run(connection: Any, sql: str, arguments: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    try:
        cursor.execute(sql, arguments)
        return list(cursor.fetchall())
    finally:
        cursor.close()


def _name(backup_schema: str, table: str) -> str:
    # The names are part of a statement that MySQLdb formats with %.
    return f"{quote_identifier(backup_schema)}.{quote_identifier(table)}".replace("%", "%%")
