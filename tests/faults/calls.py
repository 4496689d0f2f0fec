"""Fail the n-th call of this process to one of the four others: application database, target, backup server, queue.

Installed in a fork before it works. "before": the call never gets there; "after": it is done there, and the answer is
lost. Either way the caller sees an error of the driver, as when a network breaks.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any


class Callee(StrEnum):
    APPLICATION = "application"
    TARGET = "target"
    BACKUP = "backup"
    QUEUE = "queue"


class CallCounter:
    """Counts the calls to one callee and fails one, or all from one on.

    number: 0 only counts. lasting: all later calls fail too, until this process ends.
    """

    def __init__(self, report: Path, *, callee: str = "", number: int = 0, when: str = "before", lasting: bool = False):
        self.report = report
        self.callee = callee
        self.number = number
        self.when = when
        self.lasting = lasting
        self.passed = 0
        self.fired = ""

    def write(self) -> None:
        """Append what is known; a process that is killed later has said it already."""
        line = json.dumps({"passed": self.passed, "fired": self.fired})
        with self.report.open("a") as file:
            file.write(line + "\n")

    def around(self, callee: str, what: str, call: Callable[[], Any], fail: Callable[[], None]) -> Any:
        """Make the call, or fail it. fail: raises what the driver would. Other threads' calls are not counted."""
        if callee != self.callee or threading.current_thread() is not threading.main_thread():
            return call()
        self.passed += 1
        hit = self.passed == self.number or (self.lasting and 0 < self.number < self.passed)
        if not hit:
            return call()
        if not self.fired:
            self.fired = what[:80]
            self.write()
        if self.when == "after" and self.passed == self.number:
            call()
        fail()
        raise AssertionError("a failed call has to raise")


def install(spec: dict[str, Any], report: Path) -> CallCounter:
    """Let the calls of this process go through a counter; `spec` has its fields."""
    counter = CallCounter(report, **spec)
    if counter.callee == Callee.APPLICATION:
        _install_application(counter)
    elif counter.callee in (Callee.TARGET, Callee.BACKUP):
        _install_servers(counter)
    elif counter.callee == Callee.QUEUE:
        _install_queue(counter)
    return counter


def _install_application(counter: CallCounter) -> None:
    from django.db.backends.signals import connection_created
    from django.db.backends.sqlite3.base import DatabaseWrapper
    from django.db.utils import OperationalError

    def fail() -> None:
        raise OperationalError("disk I/O error")

    def execute(run: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        return counter.around("application", sql, lambda: run(sql, params, many, context), fail)

    def wrap(connection: Any, **_: Any) -> None:
        if connection.alias == "default" and execute not in connection.execute_wrappers:
            connection.execute_wrappers.append(execute)

    # Kept by name: Django holds receivers weakly.
    counter.receiver = wrap  # type: ignore[attr-defined]
    connection_created.connect(wrap)
    commit = DatabaseWrapper._commit

    def commit_counted(self: Any) -> Any:
        if self.alias != "default":
            return commit(self)
        return counter.around("application", "COMMIT", lambda: commit(self), fail)

    DatabaseWrapper._commit = commit_counted  # type: ignore[method-assign]


def _install_servers(counter: CallCounter) -> None:
    """Count every statement of the driver, and every log-in; the reader of the binlog has a driver of its own."""
    import MySQLdb
    import MySQLdb.connections
    from django.conf import settings

    backup_port = settings.INCEPTION.inc.backup_port
    true_query, true_init = MySQLdb.connections.Connection.query, MySQLdb.connections.Connection.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        self.inception_callee = "backup" if options.get("port") == backup_port else "target"

        def fail() -> None:
            raise MySQLdb.OperationalError(2003, "Can't connect to server: injected")

        counter.around(self.inception_callee, "log-in", lambda: true_init(self, *args, **options), fail)

    def query(self: Any, sql: Any) -> Any:
        def fail() -> None:
            # The server learns of it too, and every later call on this connection fails by itself.
            with socket.socket(fileno=os.dup(self.fileno())) as end:
                end.shutdown(socket.SHUT_RDWR)
            raise MySQLdb.OperationalError(2013, "Lost connection to server during query")

        words = sql if isinstance(sql, str) else bytes(sql).decode(errors="replace")
        return counter.around(self.inception_callee, words, lambda: true_query(self, sql), fail)

    MySQLdb.connections.Connection.__init__ = init
    MySQLdb.connections.Connection.query = query


def _install_queue(counter: CallCounter) -> None:
    from redis.connection import AbstractConnection
    from redis.exceptions import ConnectionError as RedisConnectionError

    true_send = AbstractConnection.send_packed_command

    def send(self: Any, command: Any, *args: Any, **options: Any) -> Any:
        def fail() -> None:
            self.disconnect()
            raise RedisConnectionError("Connection reset by peer: injected")

        return counter.around("queue", "command", lambda: true_send(self, command, *args, **options), fail)

    AbstractConnection.send_packed_command = send
