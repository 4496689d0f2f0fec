"""One statement and its answer, never one without the other."""

from __future__ import annotations

from typing import Any

import MySQLdb

from backups import faults


def exchange(connection: Any, sql: bytes, point: str = "") -> None:
    """Send a statement and read the head of its answer. Raises MySQLdb.Error.

    point: of a fault between the two. What else is raised there (a time limit, a signal) leaves an answer unread, which
    whatever is asked next would take for its own: the connection is closed, and the server aborts the transaction.
    """
    try:
        connection.send_query(sql)
        if point:
            faults.point(point)
        connection.read_query_result()
    except MySQLdb.Error:
        raise
    except BaseException:
        connection.close()
        raise
