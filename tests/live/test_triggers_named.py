"""Triggers that name what a schema change takes away are shown before approval; none of it changes them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings

from changes.states import ExecutionState
from tests.live.installation import Installation, open_installation, point_at, prove_on
from tests.live.own_rows import query
from tests.live.test_proof import check, states_of
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE t (id INT PRIMARY KEY, v INT, w INT)",
    "CREATE TABLE log (id INT, note INT)",
    "CREATE TRIGGER own BEFORE UPDATE ON t FOR EACH ROW SET NEW.`V` = 1",
    "CREATE TRIGGER far AFTER INSERT ON t FOR EACH ROW INSERT INTO log (id, note) VALUES (NEW.id, 1)",
)


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    with open_installation(server, schema, TABLES) as made:
        yield made


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("ALTER TABLE t DROP COLUMN v", ["takes column v of t away, and the trigger own"]),
        ("ALTER TABLE t RENAME COLUMN v TO x", ["takes column v of t away, and the trigger own"]),
        ("ALTER TABLE t CHANGE v v BIGINT, DROP COLUMN w", []),
        ("ALTER TABLE log DROP COLUMN note", ["takes column note of log away, and the trigger far"]),
        ("RENAME TABLE log TO log2", ["takes the name log away, and the trigger far"]),
        ("RENAME TABLE log TO log2, t TO log", []),
        ("RENAME TABLE t TO u; ALTER TABLE u DROP COLUMN v", ["takes column v of u away, and the trigger own"]),
        ("DROP TABLE log", ["takes the name log away, and the trigger far"]),
        ("ALTER TABLE t ADD COLUMN x INT; UPDATE t SET x = 1", []),
    ],
)
def test_it_is_told_before_approval(place: Installation, sql: str, said: list[str]) -> None:
    ticket = check(place, sql)
    found = [problem.found for problem in ticket.problems if problem.id == "trigger.names"]
    assert len(found) == len(said), found
    assert all(words in text for words, text in zip(said, found, strict=True)), found


def test_the_way_back_is_proven_and_the_trigger_works_again(place: Installation) -> None:
    ran = place.run("ALTER TABLE t RENAME COLUMN v TO x")
    assert states_of(ran.ticket) == ["ddl"]
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "INSERT INTO t VALUES (1, 2, 3)")
        query(connection, "UPDATE t SET w = 4")
        assert query(connection, "SELECT v, w FROM t") == [(1, 4)]


def test_a_table_that_got_a_trigger_since_is_not_dropped(place: Installation) -> None:
    ran = place.run("CREATE TABLE n (id INT PRIMARY KEY, v INT)")
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "CREATE TRIGGER since BEFORE INSERT ON n FOR EACH ROW SET NEW.v = 1")
        back = place.roll_back(ran.ticket)
        assert back.state == ExecutionState.CONFLICTED
        assert "the table holds the trigger since" in back.rollback_result["conflicts"][0]["detail"]
        assert query(connection, "SELECT * FROM n") == []
