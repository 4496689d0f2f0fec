"""Ending what another session of ours does on a target, from a second connection. No models, no judgement."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

import MySQLdb

from changes import targets
from changes.targets import TargetAddress, error_of, read_rows

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 10
NO_SUCH_THREAD = 1094
POLL_SECONDS = 0.2


def kill_query(address: TargetAddress, connection_id: int, *, lock: str | None = None) -> bool:
    """End the statement that session `connection_id` runs; the session stays. Whether the server was told.

    lock: do so only while that session holds this lock, since the server gives the number of an ended session anew.
    """
    try:
        connection = targets.connect(address, read_timeout=ANSWER_SECONDS)
    except targets.TargetError as error:
        logger.warning("connection=%s kill=not_sent error=%s", connection_id, error.problem.id)
        return False
    with contextlib.closing(connection):
        try:
            if lock is not None and read_lock_holder(connection, lock) != connection_id:
                return False
            connection.query(f"KILL QUERY {int(connection_id)}".encode())
        except MySQLdb.Error as error:
            logger.warning("connection=%s kill=not_sent error=%s", connection_id, error_of(error)[0])
            return False
    return True


def read_lock_holder(connection: Any, lock: str) -> int | None:
    """Return the id of the session that holds `lock`; None when nobody does."""
    ((holder,),) = read_rows(connection, "SELECT IS_USED_LOCK(%s)", (lock,))
    return None if holder is None else int(holder)


def take_lock_from(connection: Any, lock: str, connection_id: int | None, *, patience_seconds: float) -> bool:
    """Take `lock`, which a dead worker's session `connection_id` may still hold; whether we have it now.

    That session may finish its statement for `patience_seconds`; then it is killed. A session with another number is
    left alone, and so the lock. Holding the lock proves that what the other session did is final: the server gives it
    up only when that session has ended, and with it its transaction. Raises MySQLdb.Error.
    """
    deadline = time.monotonic() + patience_seconds
    while not targets.take_lock(connection, lock, seconds=1):
        if time.monotonic() < deadline:
            continue
        holder = read_lock_holder(connection, lock)
        if holder is None:
            continue
        if holder != connection_id:
            return False
        logger.warning("connection=%s lock=%s killed=yes", holder, lock)
        try:
            connection.query(f"KILL {holder}".encode())
        except MySQLdb.Error as error:
            if error_of(error)[0] != NO_SUCH_THREAD:
                raise
        return targets.take_lock(connection, lock, seconds=int(patience_seconds) + ANSWER_SECONDS)
    return True
