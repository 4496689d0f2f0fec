"""One statement and its answer, never one without the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import MySQLdb

from backups import faults


@contextmanager
def whole_answer(connection: Any) -> Iterator[None]:
    """Close the connection when something else than the driver's errors ends the block: a time limit, a signal.

    An answer may be unread then, which the next question would take for its own. The server aborts the transaction.
    """
    try:
        yield
    except MySQLdb.Error:
        raise
    except BaseException:
        with suppress(MySQLdb.Error):  # it was closed already
            connection.close()
        raise


def exchange(connection: Any, sql: bytes, point: str = "") -> None:
    """Send a statement and read the head of its answer; see whole_answer. Raises MySQLdb.Error.

    point: of a fault between the two.
    """
    with whole_answer(connection):
        connection.send_query(sql)
        if point:
            faults.point(point)
        connection.read_query_result()
