"""What foreign keys change and no server logs, where the obvious way to keep it would be wrong without a word."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from changes.errors import CheckFailedError
from changes.states import BackupState, ExecutionState
from tests.live.cascade_place import check_there_and_back, open_place, run_sql
from tests.live.installation import Installation
from tests.live.own_rows import query
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    if server.flavor.logs_cascades:
        pytest.skip("this server logs what foreign keys change")
    with open_place(server, schema, backup_server, settings) as opened:
        yield opened


def ask(place: Installation, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        return query(connection, sql)


def wait_for_purge(place: Installation) -> None:
    """Wait until the server keeps no old versions of rows."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        ((_, _, text),) = ask(place, "SHOW ENGINE INNODB STATUS")
        if b"History list length 0\n" in (text if isinstance(text, bytes) else text.encode()):
            return
        time.sleep(0.2)


def test_rows_that_come_in_leave_the_last_number_as_it_was(place: Installation) -> None:
    run_sql(
        place,
        "CREATE TABLE au (id INT AUTO_INCREMENT PRIMARY KEY, v INT) AUTO_INCREMENT = 700",
        "CREATE TABLE pa (id INT AUTO_INCREMENT PRIMARY KEY, code VARCHAR(9) UNIQUE, v INT)",
        "CREATE TABLE ca (id INT PRIMARY KEY, pa INT, FOREIGN KEY (pa) REFERENCES pa (id) ON UPDATE CASCADE)",
        "INSERT INTO pa VALUES (5, 'x', 1)",
        "INSERT INTO ca VALUES (1, 5)",
    )
    given = "INSERT INTO pa (code, v) VALUES ('x', 1) ON DUPLICATE KEY UPDATE id = 50, v = LAST_INSERT_ID()"
    ran = place.run(f"INSERT INTO au (v) VALUES (1); {given}", accepts_loss=False, transaction_mode="one")
    assert ran.ticket.backup_state == BackupState.COMPLETE
    assert ask(place, "SELECT pa.v, au.id, ca.pa FROM pa, au, ca") == [(700, 700, 50)]


@pytest.mark.parametrize("words", ["'a','b','c'", "'b','a','c'"])
def test_words_of_an_enum_in_another_order_are_not_joined(place: Installation, words: str) -> None:
    """The server compares the numbers behind the words, so that 'b' of the child refers to 'a'."""
    run_sql(
        place,
        "CREATE TABLE pe (e ENUM('a','b','c') PRIMARY KEY)",
        f"CREATE TABLE ce (id INT PRIMARY KEY, e ENUM({words}), FOREIGN KEY (e) REFERENCES pe (e) ON DELETE CASCADE)",
        "INSERT INTO pe VALUES ('a'), ('b'), ('c')",
        "INSERT INTO ce VALUES (1, 'a'), (2, 'b'), (3, 'c')",
    )
    if words.startswith("'a'"):
        check_there_and_back(place, "DELETE FROM pe WHERE e = 'a'")
        return
    with pytest.raises(CheckFailedError, match="list other words"):
        place.run("DELETE FROM pe WHERE e = 'a'", accepts_loss=False)


def test_a_referenced_column_that_sets_itself_is_followed(place: Installation) -> None:
    run_sql(
        place,
        "CREATE TABLE pt (id INT PRIMARY KEY, ts TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)"
        " ON UPDATE CURRENT_TIMESTAMP(6), KEY (ts))",
        "CREATE TABLE ct (id INT PRIMARY KEY, p INT, ts TIMESTAMP(6) NULL,"
        " FOREIGN KEY (p) REFERENCES pt (id) ON UPDATE CASCADE, FOREIGN KEY (ts) REFERENCES pt (ts) ON UPDATE CASCADE)",
        "INSERT INTO pt VALUES (1, '2020-01-01'), (2, '2020-01-02')",
        "INSERT INTO ct VALUES (1, 1, NULL), (2, NULL, '2020-01-01'), (3, 2, '2020-01-02')",
    )
    check_there_and_back(place, "UPDATE pt SET id = 10 WHERE id = 1")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM pl WHERE w < 3 ORDER BY v LIMIT 5",
        "UPDATE pl SET id = id + 10000 WHERE w < 3 ORDER BY v LIMIT 5",
    ],
)
def test_a_limit_may_take_any_of_rows_that_are_equal_in_order(place: Installation, sql: str) -> None:
    run_sql(
        place,
        "CREATE TABLE pl (id INT PRIMARY KEY, v INT, t VARCHAR(300), w INT, KEY (v), KEY (w, v))",
        "CREATE TABLE cl (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES pl (id) ON DELETE CASCADE"
        " ON UPDATE CASCADE)",
        "INSERT INTO pl SELECT 5000 - seq, seq MOD 3, REPEAT(seq MOD 5, 200), seq MOD 7 FROM seq_1_to_2000",
        "INSERT INTO cl SELECT id, id FROM pl",
        "ANALYZE TABLE pl",
    )
    check_there_and_back(place, sql)


def test_rows_that_waited_for_a_parent_and_go_with_it_are_missed(place: Installation) -> None:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        query(connection, "SET foreign_key_checks = 0")
        query(connection, "INSERT INTO c VALUES (78, 500, 1)")
    ran = place.run("REPLACE INTO p VALUES (500, 'x', 1), (500, 'y', 2)", accepts_loss=False)
    assert ask(place, "SELECT id FROM c WHERE id = 78") == []
    assert ran.ticket.backup_state == BackupState.INCOMPLETE
    (record,) = ran.statements.all()
    assert "may have referred to them already" in record.backup_reason


def test_a_parent_that_another_session_deletes_meanwhile_is_waited_for(place: Installation) -> None:
    run_sql(
        place,
        "CREATE TABLE q (id INT PRIMARY KEY)",
        "INSERT INTO q VALUES (1), (2)",
        "CREATE TABLE cq (id INT PRIMARY KEY, p INT, q INT, FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE,"
        " FOREIGN KEY (q) REFERENCES q (id))",
        "INSERT INTO cq VALUES (1, 1, 1), (2, 1, 2), (3, 2, 2)",
    )
    ran = place.run("DELETE FROM p WHERE id = 1", accepts_loss=False)
    wait_for_purge(place)  # else what is left of the old row makes them meet
    with contextlib.closing(place.server.connect(database=place.schema)) as other:
        query(other, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        query(other, "START TRANSACTION")
        query(other, "DELETE FROM q WHERE id = 1")
        committer = threading.Timer(4, lambda: query(other, "COMMIT"))
        committer.start()
        back = place.roll_back(ran.ticket)
        committer.join()
    assert ask(place, "SELECT cq.id FROM cq LEFT JOIN q ON q.id = cq.q WHERE q.id IS NULL AND cq.q IS NOT NULL") == []
    assert back.state == ExecutionState.FAILED
    assert "left without their parent" in back.error
    run_sql(place, "INSERT INTO q VALUES (1)")
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
