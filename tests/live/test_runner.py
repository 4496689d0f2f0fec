"""One statement on a real server: what ran, what it counted, and what is known when it went wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from changes import runner, targets
from changes.marker import build_marker
from changes.runner import StatementResult
from tests.live.accounts import address_of
from tests.servers import Server

pytestmark = pytest.mark.live

MARKER = build_marker("0badf00d", 42, 97, 0)


class Runner:
    """Runs statements on one connection of `schema`."""

    def __init__(self, server: Server, schema: str) -> None:
        self.server, self.schema = server, schema
        self.connection = targets.connect(address_of(server), schema=schema)
        self.id = targets.read_connection_id(self.connection)

    def dml(self, text: str, before_commit: Callable[[], None] = lambda: None) -> StatementResult:
        return self._run(text, before_commit, transactional=True)

    def ddl(self, text: str, before_commit: Callable[[], None] = lambda: None) -> StatementResult:
        return self._run(text, before_commit, transactional=False)

    def _run(self, text: str, before_commit: Callable[[], None], *, transactional: bool) -> StatementResult:
        return runner.run_statement(
            self.connection,
            text,
            MARKER,
            flavor=self.server.flavor,
            transactional=transactional,
            before_commit=before_commit,
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask on a connection of its own: what it sees is committed."""
        other = targets.connect(address_of(self.server), schema=self.schema)
        try:
            return targets.read_rows(other, sql)
        finally:
            other.close()

    def kill(self, word: str = "") -> None:
        root = self.server.connect()
        root.query(f"KILL {word} {self.id}".encode())
        root.close()


@pytest.fixture
def run(server: Server, schema: str) -> Runner:
    made = Runner(server, schema)
    made.connection.query(b"CREATE TABLE t (id int primary key, v varchar(50), n int) ENGINE=InnoDB")
    made.connection.query(b"INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)")
    return made


class TestARowChange:
    def test_it_is_counted_as_changed_and_as_matched(self, run: Runner) -> None:
        result = run.dml("UPDATE t SET v = 'a'")
        assert (result.affected_rows, result.matched_rows) == (2, 3)
        assert (result.committed, result.commit_sent, result.error) == (True, True, None)
        assert result.warnings == ()
        assert result.connection_id == run.id
        assert result.execute_seconds > 0

    def test_it_lies_between_its_coordinates(self, run: Runner) -> None:
        result = run.dml("DELETE FROM t")
        assert result.start is not None
        assert result.end is not None
        assert result.start < result.end
        if run.server.flavor.is_mariadb:
            assert result.gtid_after is not None
            assert result.gtid_after != result.gtid_before

    def test_a_change_of_nothing_logs_nothing(self, run: Runner) -> None:
        result = run.dml("UPDATE t SET v = v")
        assert (result.affected_rows, result.matched_rows, result.committed) == (0, 3, True)
        assert result.gtid_after == result.gtid_before

    @pytest.mark.parametrize(
        "value", ["100% sure", "%s %d %(x)s %%", "back\\\\slash", "line\nbreak", "🔑 ünïcödé", "/* no -- comment # */"]
    )
    def test_the_servers_text_is_the_authors_behind_the_marker(self, run: Runner, value: str) -> None:
        if not run.server.flavor.is_mariadb:
            run.connection.query(b"SET SESSION binlog_rows_query_log_events = ON")
        text = f"UPDATE t SET v = '{value}', n = n % 2 /* author's */ WHERE id = 1 -- end"
        result = run.dml(text)
        assert result.error is None
        assert run.rows("SELECT v FROM t WHERE id = 1") == [(value.replace("\\\\", "\\"),)]
        logged = [row[5] for row in _events(run, result) if row[2] in ("Annotate_rows", "Rows_query")]
        # MySQL shows the text behind "# ".
        assert MARKER + text in [shown.removeprefix("# ") for shown in logged]

    def test_nothing_is_seen_by_others_before_the_hook_is_done(self, run: Runner) -> None:
        seen: list[Any] = []
        result = run.dml("DELETE FROM t", lambda: seen.append(run.rows("SELECT COUNT(*) FROM t")))
        assert seen == [[(3,)]]
        assert result.committed
        assert run.rows("SELECT COUNT(*) FROM t") == [(0,)]

    def test_a_hook_that_raises_aborts_and_goes_up(self, run: Runner) -> None:
        def lose_the_lease() -> None:
            raise LookupError("lost")

        with pytest.raises(LookupError):
            run.dml("DELETE FROM t", lose_the_lease)
        assert run.rows("SELECT COUNT(*) FROM t") == [(3,)]
        assert run.dml("DELETE FROM t WHERE id = 1").committed

    def test_a_statement_that_fails_half_way_leaves_nothing(self, run: Runner) -> None:
        called: list[int] = []
        result = run.dml("INSERT INTO t VALUES (8, 'x', 1), (9, 'y', 1), (1, 'z', 1)", lambda: called.append(1))
        assert (result.committed, result.commit_sent, result.affected_rows) == (False, False, None)
        assert result.error is not None
        assert result.error[0] == 1062
        assert [warning.code for warning in result.warnings] == [1062]
        assert not called
        assert not result.left_changes
        assert result.end is not None
        assert run.rows("SELECT COUNT(*) FROM t") == [(3,)]
        assert run.dml("DELETE FROM t").affected_rows == 3

    def test_two_statements_in_one_text_are_an_error(self, run: Runner) -> None:
        result = run.dml("DELETE FROM t WHERE id = 1; DELETE FROM t WHERE id = 2")
        assert result.error is not None
        assert result.error[0] == 1064
        assert run.rows("SELECT COUNT(*) FROM t") == [(3,)]

    def test_warnings_are_kept_up_to_a_limit(self, run: Runner) -> None:
        values = ", ".join(f"({number}, 'x', 'y{number}')" for number in range(10, 110))
        result = run.dml(f"INSERT IGNORE INTO t VALUES {values}")
        assert result.affected_rows == 100
        assert len(result.warnings) == runner.MOST_WARNINGS
        assert (result.warnings[0].level, result.warnings[0].code) == ("Warning", 1366)
        assert "y10" in result.warnings[0].message

    def test_a_lock_that_is_held_is_waited_for_and_then_given_up(self, run: Runner) -> None:
        other = run.server.connect(database=run.schema, autocommit=False)
        other.query(b"UPDATE t SET v = 'held'")
        run.connection.query(b"SET SESSION innodb_lock_wait_timeout = 1")
        result = run.dml("UPDATE t SET v = 'mine'")
        other.rollback()
        assert result.committed is False
        assert result.error is not None
        assert result.error[0] == 1205
        assert run.rows("SELECT v FROM t WHERE id = 1") == [("a",)]

    def test_rows_that_returning_gives_are_counted_and_forgotten(self, run: Runner) -> None:
        if not run.server.flavor.is_mariadb:
            pytest.skip("MySQL has no RETURNING")
        result = run.dml("DELETE FROM t WHERE id < 3 RETURNING id, v")
        assert (result.affected_rows, result.committed) == (2, True)
        assert run.dml("DELETE FROM t").affected_rows == 1


class TestASchemaChange:
    def test_it_commits_by_itself_after_the_hook(self, run: Runner) -> None:
        seen: list[Any] = []
        result = run.ddl("ALTER TABLE t ADD COLUMN extra int", lambda: seen.append(run.rows("SHOW COLUMNS FROM t")))
        assert len(seen[0]) == 3
        assert (result.committed, result.commit_sent, result.error) == (True, True, None)
        assert len(run.rows("SHOW COLUMNS FROM t")) == 4
        assert any(MARKER + "ALTER TABLE t ADD COLUMN extra int" in row[5] for row in _events(run, result))

    def test_it_says_what_the_server_refused(self, run: Runner) -> None:
        result = run.ddl("ALTER TABLE t DROP COLUMN nope")
        assert (result.committed, result.commit_sent) == (False, True)
        assert result.error is not None
        assert result.error[0] == 1091

    def test_a_hook_that_raises_keeps_it_from_being_sent(self, run: Runner) -> None:
        def lose_the_lease() -> None:
            raise LookupError("lost")

        with pytest.raises(LookupError):
            run.ddl("DROP TABLE t", lose_the_lease)
        assert run.rows("SELECT COUNT(*) FROM t") == [(3,)]


class TestAnEngineWithoutTransactions:
    def test_a_failed_statement_says_that_changes_stayed(self, run: Runner) -> None:
        run.connection.query(b"CREATE TABLE m (id int primary key) ENGINE=MyISAM")
        result = run.dml("INSERT INTO m VALUES (1), (2), (1)")
        assert (result.committed, result.left_changes) == (False, True)
        assert result.error is not None
        assert result.error[0] == 1062
        assert run.rows("SELECT COUNT(*) FROM m") == [(2,)]
        assert result.start is not None
        assert result.end is not None
        assert result.start < result.end
        if run.server.flavor.is_mariadb:
            assert result.gtid_after != result.gtid_before


class TestALostConnection:
    def test_it_is_never_called_a_failure(self, run: Runner) -> None:
        killer = threading.Timer(0.5, run.kill)
        killer.start()
        result = run.dml("UPDATE t SET v = 'x' WHERE SLEEP(2) = 0")
        killer.join()
        assert (result.committed, result.commit_sent, result.lost) == (None, False, True)
        assert result.end is None
        assert run.rows("SELECT v FROM t WHERE id = 1") == [("a",)]

    def test_it_is_not_known_whether_a_commit_was_heard(self, run: Runner) -> None:
        result = run.dml("DELETE FROM t WHERE id = 1", run.kill)
        assert (result.committed, result.commit_sent, result.lost) == (None, True, True)

    def test_it_is_not_known_what_became_of_a_schema_change(self, run: Runner) -> None:
        result = run.ddl("ALTER TABLE t ADD COLUMN extra int", run.kill)
        assert (result.committed, result.commit_sent, result.lost) == (None, True, True)

    def test_a_statement_that_was_killed_alone_is_a_failure_with_nothing_applied(self, run: Runner) -> None:
        killer = threading.Timer(0.5, run.kill, ["QUERY"])
        killer.start()
        began = time.monotonic()
        result = run.dml("UPDATE t SET v = 'x' WHERE SLEEP(5) = 0")
        killer.join()
        assert time.monotonic() - began < 4
        assert (result.committed, result.lost) == (False, False)
        assert run.rows("SELECT v FROM t WHERE id = 1") == [("a",)]


def _events(run: Runner, result: StatementResult) -> list[tuple[Any, ...]]:
    """Return the events between the statement's coordinates as SHOW BINLOG EVENTS tells them, by our session or not."""
    assert result.start is not None
    return targets.read_rows(
        run.server.connect(), f"SHOW BINLOG EVENTS IN '{result.start.file}' FROM {result.start.position} LIMIT 200"
    )
