"""What was set aside comes back exactly: columns that set themselves, times in other zones, triggers made since."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings

from changes.errors import CheckFailedError
from changes.states import ExecutionState
from tests.live.installation import Installation, point_at, prove_on
from tests.live.kept_place import open_place, run_sql, state_of, submit
from tests.live.own_rows import query
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

NOW = "DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)"
PARTS = (
    " PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20),"
    " PARTITION p2 VALUES LESS THAN (30))"
)
TABLES = (
    f"CREATE TABLE goods (id INT PRIMARY KEY, price DECIMAL(10,3), at {NOW})",
    "INSERT INTO goods VALUES (1, 1.234, '2021-01-31 10:00:00.123'), (2, 2, '2021-02-28 11:00:00.5')",
    f"CREATE TABLE parts (id INT PRIMARY KEY, n INT, at {NOW}){PARTS}",
    "INSERT INTO parts VALUES (1, 1, '2021-01-31 10:00:00.123'), (11, 2, '2021-01-31 10:00:00.123')",
    "CREATE TABLE times (id INT PRIMARY KEY, a INT, ts TIMESTAMP NOT NULL DEFAULT '2020-01-01 10:00:00')",
    "INSERT INTO times VALUES (1, 1, '2021-01-01 12:00:00')",
)
NARROW = "ALTER TABLE goods MODIFY price DECIMAL(8,1)"


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    with open_place(server, schema, TABLES) as made:
        yield made


@contextlib.contextmanager
def set_global(place: Installation, name: str, value: str) -> Iterator[None]:
    with contextlib.closing(place.server.connect()) as connection:
        ((before,),) = query(connection, f"SELECT @@GLOBAL.{name}")
        query(connection, f"SET GLOBAL {name} = '{value}'")
        try:
            yield
        finally:
            query(connection, f"SET GLOBAL {name} = '{before}'")


@pytest.mark.parametrize(
    "sql",
    [
        f"{NARROW}, MODIFY at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
        f"{NARROW}, DROP COLUMN at",
        "ALTER TABLE parts DROP PARTITION p1",
        "ALTER TABLE parts TRUNCATE PARTITION p0, p1",
    ],
)
def test_a_column_that_sets_itself_comes_back_as_it_was(place: Installation, sql: str) -> None:
    before = state_of(place)
    ran = place.run(sql, accepts_loss=False)
    assert ran.state == ExecutionState.SUCCEEDED, ran.error
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert state_of(place) == before


@pytest.mark.parametrize(
    ("made", "values", "new"),
    [
        ("DATE", "(1, '2024-02-31'), (2, '2024-00-00')", "DATETIME"),
        ("DATETIME", "(1, '2024-02-31'), (2, '2024-00-00')", "DATETIME(3)"),
        ("VARCHAR(3) CHARACTER SET cp1251", "(1, _binary X'98')", "VARCHAR(3) CHARACTER SET utf8mb4"),
    ],
)
def test_values_that_only_a_lax_session_loses_are_kept(place: Installation, made: str, values: str, new: str) -> None:
    run_sql(
        place,
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        f"CREATE TABLE t (id INT PRIMARY KEY, v {made})",
        f"INSERT INTO t VALUES {values}",
    )
    before = state_of(place)
    with set_global(place, "sql_mode", ""):
        ran = place.run(f"ALTER TABLE t MODIFY v {new}", accepts_loss=False)
        assert ran.state == ExecutionState.SUCCEEDED, ran.error
        assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert state_of(place) == before


@pytest.mark.parametrize(
    ("sql", "trigger"),
    [
        (NARROW, "BEFORE UPDATE ON goods FOR EACH ROW SET NEW.price = NEW.price + 1"),
        ("ALTER TABLE goods DROP COLUMN price", "BEFORE UPDATE ON goods FOR EACH ROW SET NEW.at = NULL"),
        ("ALTER TABLE parts DROP PARTITION p1", "BEFORE INSERT ON parts FOR EACH ROW SET NEW.n = 7"),
    ],
)
def test_a_trigger_made_since_stops_the_rollback_with_nothing_changed(
    place: Installation, sql: str, trigger: str
) -> None:
    before = state_of(place)
    ran = place.run(sql, accepts_loss=False)
    run_sql(place, f"CREATE TRIGGER late {trigger}")
    after = state_of(place)
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.FAILED
    assert "found the trigger late" in back.error
    assert "Nothing was changed" in back.error
    assert state_of(place) == after
    run_sql(place, "DROP TRIGGER late")
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert state_of(place) == before


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE times DROP COLUMN ts",
        "ALTER TABLE times MODIFY ts TIMESTAMP NOT NULL DEFAULT '2022-01-01 10:00:00'",
    ],
)
@pytest.mark.parametrize("later", ["+02:00", "+05:00"])
def test_a_default_comes_back_as_the_same_moment(place: Installation, sql: str, later: str) -> None:
    before = state_of(place)
    with set_global(place, "time_zone", "+02:00"):
        ran = place.run(sql, accepts_loss=False)
    with set_global(place, "time_zone", later):
        back = place.roll_back(ran.ticket)
        assert back.state == ExecutionState.SUCCEEDED, back.error
        assert state_of(place) == before
        again = place.roll_back(back.ticket) if "MODIFY" in sql else back
        assert again.state == ExecutionState.SUCCEEDED, again.error
    if "MODIFY" in sql:
        assert "'2022-01-01 08:00:00'" in state_of(place)["times"][0]


def test_times_of_rows_written_since_stay_what_the_servers_clock_says(place: Installation) -> None:
    with set_global(place, "time_zone", "+02:00"):
        ran = place.run("ALTER TABLE times MODIFY ts DATETIME", accepts_loss=False)
        run_sql(place, "INSERT INTO times VALUES (2, 2, '2021-06-01 12:00:00')")
        assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
        found = run_sql(place, "SELECT CAST(ts AS CHAR) FROM times ORDER BY id")
    assert found == [("2021-01-01 14:00:00",), ("2021-06-01 12:00:00",)]


@pytest.mark.parametrize(
    ("columns", "values", "clause"),
    [
        ("v DATE, UNIQUE KEY (v)", "(1, '2020-01-31'), (2, '2021-01-31')", "v YEAR"),
        (
            "v DECIMAL(10,3), g INT AS (MOD(v * 10, 15)) STORED, UNIQUE KEY (g)",
            "(1, 0.5), (2, 2.3)",
            "v DECIMAL(8,0)",
        ),
    ],
)
def test_values_may_be_the_same_on_their_way_back(place: Installation, columns: str, values: str, clause: str) -> None:
    run_sql(place, f"CREATE TABLE t (id INT PRIMARY KEY, {columns})", f"INSERT INTO t (id, v) VALUES {values}")
    before = state_of(place)
    with set_global(place, "sql_mode", ""):
        ran = place.run(f"ALTER TABLE t MODIFY {clause}", accepts_loss=False)
        if "Duplicate entry" in ran.error:  # to MySQL every DATE is the year 0
            return
        back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert state_of(place) == before


def test_rows_without_a_place_in_the_old_partitions_leave_the_table_as_it_is(place: Installation) -> None:
    ran = place.run("ALTER TABLE parts ADD PARTITION (PARTITION p3 VALUES LESS THAN (40))")
    run_sql(place, "INSERT INTO parts (id) VALUES (35)")
    changed = state_of(place)
    assert place.roll_back(ran.ticket).state == ExecutionState.FAILED
    assert state_of(place) == changed


def test_a_calculated_key_does_not_find_the_values_again(place: Installation) -> None:
    if place.server.flavor.is_mariadb:
        pytest.skip("MariaDB has no such key")
    run_sql(
        place,
        "CREATE TABLE t (p DECIMAL(10,3), g INT AS (FLOOR(p * 10)) STORED NOT NULL, PRIMARY KEY (g))",
        "INSERT INTO t (p) VALUES (1.23), (2.67)",
    )
    with pytest.raises(CheckFailedError, match="This data will be lost"):
        submit(place, "ALTER TABLE t MODIFY p DECIMAL(8,0)")


@pytest.mark.parametrize("clause", ["DROP COLUMN `ß`", "MODIFY `ß` DECIMAL(8,1)", "CHANGE `ß` x DECIMAL(8,1)"])
def test_names_of_columns_are_told_apart_as_the_server_does(place: Installation, clause: str) -> None:
    run_sql(
        place,
        "CREATE TABLE t (id INT PRIMARY KEY, `ß` DECIMAL(10,3), ss DECIMAL(10,3))",
        "INSERT INTO t VALUES (1, 1.234, 5)",
    )
    ran = place.run(f"ALTER TABLE t {clause}", accepts_loss=False)
    run_sql(place, "UPDATE t SET ss = 77.001")
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert run_sql(place, "SELECT CONCAT(`ß`, ' ', ss) FROM t") == [("1.234 77.001",)]


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE t DROP COLUMN v",
        "ALTER TABLE t MODIFY v DECIMAL(5,1) COMMENT 'GENERATED ALWAYS AS (2)'",
        "ALTER TABLE t MODIFY w DECIMAL(5,1)",
        "ALTER TABLE t DROP PARTITION p1",
    ],
)
def test_a_comment_says_nothing_of_its_column(place: Installation, sql: str) -> None:
    run_sql(
        place,
        "CREATE TABLE t (id INT PRIMARY KEY, v DECIMAL(5,2) COMMENT 'was GENERATED ALWAYS AS (1) once',"
        f" w DECIMAL(5,2), g INT AS (id + 1) STORED COMMENT 'set ON UPDATE of id'){PARTS}",
        "INSERT INTO t (id, v, w) VALUES (1, 1.25, 3.75), (11, 2, 3)",
    )
    before = state_of(place)
    ran = place.run(sql, accepts_loss=False)
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert state_of(place) == before


def test_periods_may_overlap_on_their_way_back(place: Installation) -> None:
    if not place.server.flavor.is_mariadb:
        pytest.skip("MySQL has no periods")
    run_sql(
        place,
        "CREATE TABLE t (id INT PRIMARY KEY, k INT, a DATETIME(3), b DATETIME(3), PERIOD FOR p (a, b),"
        " UNIQUE KEY (k, p WITHOUT OVERLAPS))",
        "INSERT INTO t VALUES (1, 1, '2020-01-01 10:00:00', '2020-01-01 10:00:01.4'),"
        " (2, 1, '2020-01-01 10:00:01.4', '2020-01-01 10:00:02.6')",
    )
    before = state_of(place)
    ran = place.run("ALTER TABLE t MODIFY a DATETIME NOT NULL, MODIFY b DATETIME NOT NULL", accepts_loss=False)
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert state_of(place) == before


def test_what_is_calculated_from_a_timestamp_is_not_calculated_in_another_time_zone(place: Installation) -> None:
    run_sql(place, "CREATE TABLE t (id INT PRIMARY KEY, ts TIMESTAMP(3) NULL, g VARCHAR(30) AS (CONCAT(ts)) STORED)")
    with pytest.raises(CheckFailedError, match="This data will be lost"):
        submit(place, "ALTER TABLE t MODIFY ts TIMESTAMP NULL")
