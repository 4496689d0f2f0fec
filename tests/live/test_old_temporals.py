"""Tables made under mysql56_temporal_format=OFF keep dates and times in MariaDB's older forms, with fractions too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from backups.binlog.codecs import DATETIME, TIME, TIMESTAMP
from tests.live.own_rows import FIXED_SESSION, query, read_changes, run
from tests.live.private_server import private_mariadb
from tests.live.test_decoder import CLOCKS, DATES, _change_and_undo
from tests.servers import Server

pytestmark = pytest.mark.live

STAMPS = ["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'", "'2024-05-01 10:00:00.123456'"]
OLD_TYPES = {
    **{
        f"DATETIME({fsp})": [*(f"{date[:-1]} 23:59:59.987654'" for date in DATES), "'2024-05-01 00:00:00.1'"]
        for fsp in range(7)
    },
    **{f"TIME({fsp})": [*CLOCKS, "'-00:00:00.987654'", "'-00:00:01.9'", "'00:00:00.5'"] for fsp in range(7)},
    **{f"TIMESTAMP({fsp}) NULL": STAMPS for fsp in range(7)},
}


@pytest.fixture(scope="module")
def old_server() -> Iterator[Server]:
    with private_mariadb("--mysql56-temporal-format=OFF") as server:
        yield server


@pytest.fixture
def old_session(old_server: Server) -> Iterator[Any]:
    with closing(old_server.connect(client_flag=2)) as connection:
        for statement in (*FIXED_SESSION, "DROP DATABASE IF EXISTS old_t", "CREATE DATABASE old_t"):
            query(connection, statement)
        yield connection


@pytest.mark.parametrize("column_type", OLD_TYPES)
def test_it_undoes_the_older_forms(old_server: Server, old_session: Any, column_type: str) -> None:
    values = [*OLD_TYPES[column_type], "NULL"]
    for key in ("", " PRIMARY KEY"):
        for guarded in (False, True):
            name = f"t{len(key)}_{guarded}"
            query(old_session, f"CREATE TABLE old_t.{name} (id INT{key}, v {column_type}, n INT, u TIMESTAMP(3) NULL)")
            _change_and_undo(old_server, old_session, "old_t", name, values, guarded=guarded)
    ((plan, _),) = read_changes(old_server, run(old_server, old_session, "old_t", f"DELETE FROM old_t.{name} LIMIT 1"))
    assert plan.table_map.column_types[1] in (TIMESTAMP, TIME, DATETIME)
