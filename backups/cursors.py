"""Cursors on the backup server: Django's own, and one of a connection that takes many rows at once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import MySQLdb
import pymysql
from django.db import DatabaseError, connections, transaction

from backups.bulk import BulkConnection, connect_bulk
from backups.errors import StoreError
from backups.routers import BACKUP_ALIAS
from backups.source import ServerAddress

logger = logging.getLogger(__name__)

DUPLICATE_KEY = 1062
MOST_KILLS = 3
MANY_ROWS = 1000
"""From here on a connection of its own costs less than it saves: some milliseconds against ten microseconds a row."""

_DRIVER_ERRORS = (MySQLdb.Error, pymysql.Error)


class DuplicateKeyError(Exception):
    """A row with this key is there already."""


class BackupCursor:
    """A driver's cursor on the backup server whose errors are StoreError, except DuplicateKeyError.

    The driver's own inside, not Django's: that keeps the text of statements when DEBUG is on, and ours are megabytes.
    """

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.fetchone = cursor.fetchone
        self.fetchall = cursor.fetchall

    def execute(self, sql: str | bytes, parameters: Any = None) -> int:
        try:
            return int(self._cursor.execute(sql, parameters))
        except _DRIVER_ERRORS as error:
            if error.args[:1] == (DUPLICATE_KEY,):
                raise DuplicateKeyError(str(error)) from error
            raise refused(error) from error

    def send(self, statement: bytes) -> None:
        """Run a statement that has no rows to give."""
        try:
            self._cursor.connection.query(statement)
        except _DRIVER_ERRORS as error:
            raise refused(error) from error

    def read_has_backslash_escapes(self) -> bool:
        """Read whether a backslash begins an escape in this connection's strings."""
        self.execute("SELECT @@sql_mode")
        return "NO_BACKSLASH_ESCAPES" not in str(self.fetchone()[0])

    def take_lock(self, name: str, *, patience_seconds: int) -> None:
        """Take the server's lock `name`; who holds it for longer than `patience_seconds` loses its session."""
        for _ in range(MOST_KILLS):
            if self._get_lock(name, patience_seconds):
                return
            self.execute("SELECT IS_USED_LOCK(%s)", (name,))
            (holder,) = self.fetchone()
            if holder is not None:
                with suppress(StoreError):  # it ended by itself
                    self.execute(f"KILL {int(holder)}")
        if not self._get_lock(name, patience_seconds):
            raise StoreError(
                f"found session {holder} at the same backup, which cannot be ended. Needed: to be the only one. Look at"
                " the backup server's process list."
            )

    def _get_lock(self, name: str, seconds: int) -> bool:
        self.execute("SELECT GET_LOCK(%s, %s)", (name, seconds))
        return bool(self.fetchone()[0] == 1)

    def release_lock(self, name: str) -> None:
        """Let the lock go, if it is ours; it is gone with the session that held it, too."""
        with suppress(StoreError):
            self.execute("SELECT RELEASE_LOCK(%s)", (name,))
            self.fetchone()

    def literal(self, data: bytes) -> bytes:
        """Return `data` as an SQL string for this connection."""
        literal: bytes = self._cursor.connection.literal(data)
        return literal


class BulkCursor(BackupCursor):
    """The same on a connection of its own, for many rows."""

    def __init__(self, connection: BulkConnection) -> None:
        super().__init__(connection.cursor())
        self._connection = connection
        self._statements: dict[str, int] = {}

    def insert_all(self, sql: str, types: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Run `sql`, which is prepared once, for each row of parameters; values: of all rows, one after the other."""
        try:
            statement_id = self._statements.get(sql)
            if statement_id is None:
                statement_id = self._statements[sql] = self._connection.prepare(sql, len(types))
            self._connection.insert_all(statement_id, types, values)
        except pymysql.Error as error:
            raise refused(error) from error


@contextmanager
def open_backup_cursor() -> Iterator[BackupCursor]:
    """Give a cursor of the alias "backup". Raises StoreError when the server cannot be reached."""
    connection = connections[BACKUP_ALIAS]
    connection.close_if_unusable_or_obsolete()
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise refused(error) from error
    cursor = connection.connection.cursor()
    try:
        yield BackupCursor(cursor)
    finally:
        cursor.close()


@contextmanager
def backup_transaction() -> Iterator[None]:
    """Run the block in one transaction on the backup server. Raises StoreError when it cannot be committed."""
    try:
        with transaction.atomic(using=BACKUP_ALIAS):
            yield
    except DatabaseError as error:
        raise refused(error) from error


def refused(error: Exception) -> StoreError:
    """Return what the backup server answered, in words."""
    settings = connections[BACKUP_ALIAS].settings_dict
    return StoreError(
        f"backup server {settings['HOST']}:{settings['PORT']} answered {error.args}. Needed: it keeps what is written"
        " there. Nothing of this statement was stored; once the server answers, its backup can be made again."
    )


@contextmanager
def open_storing_cursor(*, row_count: int | None) -> Iterator[BackupCursor]:
    """Give a cursor in one transaction on the backup server, committed at the end of the block.

    row_count: how many rows will be stored, as far as is known. Raises StoreError when it cannot be committed.
    """
    connection = _connect_for_many() if row_count is None or row_count >= MANY_ROWS else None
    if connection is None:
        with open_backup_cursor() as cursor, backup_transaction():
            yield cursor
        return
    try:
        yield BulkCursor(connection)
        _commit(connection)
    except BaseException:
        with suppress(pymysql.Error):  # the server aborts it, once it sees that the connection is gone
            connection.rollback()
        raise
    finally:
        with suppress(pymysql.Error):
            connection.close()


def _connect_for_many() -> BulkConnection | None:
    """Return a connection that takes many rows at once, None where the backup server has no such thing."""
    alias = connections[BACKUP_ALIAS]
    with open_backup_cursor():  # it can be reached, and is known
        if not alias.mysql_is_mariadb:  # type: ignore[attr-defined]  # of the MySQL backend alone
            return None
    settings = alias.settings_dict
    options = settings["OPTIONS"]
    address = ServerAddress(
        settings["HOST"],
        int(settings["PORT"] or 3306),
        settings["USER"],
        settings["PASSWORD"],
        tls=options["ssl_mode"].lower(),
        ca=options.get("ssl", {}).get("ca"),
    )
    try:
        connection = connect_bulk(address, sql_mode=options["sql_mode"])
    except (pymysql.Error, OSError) as error:
        # A socket, or a log-in that only the other driver knows: slower then, and no less right.
        logger.warning("backup server: no second connection for many rows, using the first: %s", error)
        return None
    if not connection.takes_bulk:
        connection.close()
        return None
    return connection


def _commit(connection: BulkConnection) -> None:
    try:
        connection.commit()
    except pymysql.Error as error:
        raise refused(error) from error
