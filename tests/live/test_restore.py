"""It puts rows back, or leaves everything as it is and says which row stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import MySQLdb
import pytest
from django.db import connections
from MySQLdb.constants import CLIENT

from backups.capture import CaptureResult, ExecutedChange, capture
from backups.errors import RestoreError
from backups.restore import PreviewPage, RestoreResult, UndoItem, preview, restore
from backups.snapshot import read_snapshot
from tests.live.conftest import OTHERS_FROM, Executor, other_sessions
from tests.live.test_capture import STATEMENTS, TABLES

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

OURS = f"id < {OTHERS_FROM}"


def item_of(kept: CaptureResult, kind: str = "UPDATE") -> UndoItem:
    return UndoItem(kept.opid_time, kept.backup_schema, kept.backup_table, kind, kept.rows_captured)


class Undoer:
    """Rolls back on a connection of its own, and keeps the rollback too."""

    def __init__(self, executor: Executor) -> None:
        self.executor = Executor.open(executor.server, executor.schema, client_flag=CLIENT.FOUND_ROWS)

    def undo(self, *kept: CaptureResult, **options: Any) -> RestoreResult:
        chosen = {"marker": "/* undo */", "dry_run": False, "on_conflict": "stop", "before_commit": lambda: None}
        items = [one if isinstance(one, UndoItem) else item_of(one) for one in kept]
        return restore(self.executor.connection, items, flavor=self.executor.flavor, **{**chosen, **options})

    def undo_and_keep(self, *kept: CaptureResult) -> tuple[RestoreResult, CaptureResult]:
        """Roll back and keep what that changed, as the executor of a rollback ticket does."""
        results: list[RestoreResult] = []
        tables = " ".join(f"`{name}`" for (name,) in self.executor.query("SHOW TABLES"))
        executor = self.executor
        snapshot = read_snapshot(executor.connection, executor.schema, tables, executor.flavor)
        own = executor.transaction(lambda marker: results.append(self.undo(*kept, marker=marker)))
        change: ExecutedChange = executor.change(
            kept[0].backup_table,
            results[0].first_kind,
            "/* rollback */",
            own=own,
            snapshot=snapshot,
            affected_rows=results[0].rows_restored,
            children_checked=True,
        )
        return results[0], capture(change, executor.source)

    def preview(self, *kept: CaptureResult, after: str = "", limit: int = 100) -> PreviewPage:
        items = [item_of(one) for one in kept]
        return preview(self.executor.connection, items, flavor=self.executor.flavor, after=after, limit=limit)


@pytest.fixture
def undoer(executor: Executor) -> Iterator[Undoer]:
    made = Undoer(executor)
    yield made
    made.executor.connection.close()


def state(executor: Executor, tables: str = "tun") -> dict[str, Any]:
    return {name: executor.rows(name, OURS) for name in tables}


@contextmanager
def unchanged(executor: Executor, tables: str = "tun") -> Iterator[None]:
    before = state(executor, tables)
    yield
    assert state(executor, tables) == before


@pytest.mark.parametrize(("table", "kind", "sql", "row_count"), STATEMENTS, ids=lambda value: str(value)[:40])
def test_it_restores_rolls_the_rollback_back_and_that_too(
    executor: Executor, undoer: Undoer, table: str, kind: str, sql: str, row_count: int | None
) -> None:
    executor.sql(*TABLES)
    before = state(executor)
    with other_sessions(executor.server, executor.schema, "t", "u") as errors:
        kept = executor.keep(table, kind, sql)
        changed = state(executor)
        result, undone = undoer.undo_and_keep(kept)
        assert (result.conflicts, result.verified, undone.state, undone.reason) == ((), True, "complete", "")
        assert state(executor) == before
        result, redone = undoer.undo_and_keep(undone)
        assert (result.conflicts, redone.state) == ((), "complete")
        assert state(executor) == changed
        assert undoer.undo(redone).conflicts == ()
    assert not errors
    assert state(executor) == before


def test_it_undoes_several_statements_in_one_transaction(executor: Executor, undoer: Undoer) -> None:
    executor.sql(*TABLES)
    with unchanged(executor):
        kept = [executor.keep(table, kind, sql) for table, kind, sql, _ in STATEMENTS[:6]]
        calls: list[str] = []
        result = undoer.undo(*reversed(kept), before_commit=lambda: calls.append("commit"))
    assert result.conflicts == ()
    assert calls == ["commit"]


class TestConflicts:
    @pytest.fixture
    def kept(self, executor: Executor) -> CaptureResult:
        executor.sql(*TABLES)
        return executor.keep("t", "UPDATE", f"UPDATE t SET a = a + 1 WHERE {OURS}")

    def test_it_names_a_changed_row_and_changes_nothing(
        self, executor: Executor, undoer: Undoer, kept: CaptureResult
    ) -> None:
        executor.sql("UPDATE t SET b = 'later' WHERE id = 2")
        with unchanged(executor):
            result = undoer.undo(kept)
        (conflict,) = result.conflicts
        assert (conflict.table, conflict.key, conflict.reason) == ("t", "id=2", "changed")
        assert (conflict.before, conflict.after, conflict.now) == (
            {"id": "2", "a": "20", "b": None},
            {"id": "2", "a": "21", "b": None},
            {"id": "2", "a": "21", "b": "later"},
        )
        assert result.rows_restored == 0

    def test_it_sees_changes_that_a_collation_hides(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES)
        kept = executor.keep("t", "UPDATE", "UPDATE t SET a = 0 WHERE id = 1")
        executor.sql("UPDATE t SET b = 'ANN ' WHERE id = 1")
        with unchanged(executor):
            assert [conflict.reason for conflict in undoer.undo(kept).conflicts] == ["changed"]

    def test_it_compares_a_large_row_before_it_changes_it(
        self, executor: Executor, undoer: Undoer, kept: CaptureResult, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("backups.restore.LARGE_STATEMENT", 1)
        executor.sql("UPDATE t SET b = 'later' WHERE id = 2")
        with unchanged(executor):
            (conflict,) = undoer.undo(kept).conflicts
        assert (conflict.key, conflict.reason) == ("id=2", "changed")
        executor.sql("UPDATE t SET b = NULL WHERE id = 2")
        assert undoer.undo(kept).rows_restored == 4
        assert executor.query("SELECT a FROM t ORDER BY id") == [(10,), (20,), (30,), (40,)]

    def test_it_names_a_missing_row(self, executor: Executor, undoer: Undoer, kept: CaptureResult) -> None:
        executor.sql("DELETE FROM t WHERE id = 3")
        with unchanged(executor):
            (conflict,) = undoer.undo(kept).conflicts
        assert (conflict.key, conflict.reason, conflict.now) == ("id=3", "missing", None)

    def test_it_names_a_row_that_took_the_key(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES)
        kept = executor.keep("t", "DELETE", "DELETE FROM t WHERE id < 3")
        executor.sql("INSERT INTO t VALUES (1, 0, 'new')")
        with unchanged(executor):
            (conflict,) = undoer.undo(kept).conflicts
        assert (conflict.key, conflict.reason, conflict.now) == ("id=1", "exists", {"id": "1", "a": "0", "b": "new"})

    def test_it_names_several_rows_each_once(self, executor: Executor, undoer: Undoer, kept: CaptureResult) -> None:
        again = executor.keep("t", "UPDATE", f"UPDATE t SET a = a + 1 WHERE {OURS}")
        executor.sql("UPDATE t SET a = 0 WHERE id IN (2, 3)")
        with unchanged(executor):
            keys = [conflict.key for conflict in undoer.undo(again, kept).conflicts]
        assert sorted(keys) == ["id=2", "id=3"]

    def test_it_skips_what_it_is_told_to_skip(self, executor: Executor, undoer: Undoer, kept: CaptureResult) -> None:
        executor.sql("UPDATE t SET a = 0 WHERE id = 2", "DELETE FROM t WHERE id = 3")
        result = undoer.undo(kept, on_conflict="skip")
        assert (result.rows_restored, result.rows_skipped, len(result.conflicts)) == (2, 2, 2)
        assert executor.query("SELECT id, a FROM t ORDER BY id") == [(1, 10), (2, 0), (4, 40)]

    def test_it_leaves_a_skipped_row_to_the_end(self, executor: Executor, undoer: Undoer) -> None:
        """a: 10 to 1, 1 to 2; somebody puts 1. The older change would match, but the row is not ours any more."""
        executor.sql(*TABLES)
        first = executor.keep("t", "UPDATE", "UPDATE t SET a = 1 WHERE id = 1")
        second = executor.keep("t", "UPDATE", "UPDATE t SET a = 2 WHERE id = 1")
        executor.sql("UPDATE t SET a = 1 WHERE id = 1")
        with unchanged(executor):
            result = undoer.undo(second, first, on_conflict="skip")
        assert (result.rows_restored, result.rows_skipped) == (0, 2)

    def test_it_overwrites_by_key(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES)
        before = executor.rows("t")
        gone = executor.keep("t", "DELETE", "DELETE FROM t WHERE id = 1")
        updated = executor.keep("t", "UPDATE", "UPDATE t SET a = 0 WHERE id IN (2, 3)")
        added = executor.keep("t", "INSERT", "INSERT INTO t VALUES (9, 9, 'new')")
        executor.sql(
            "INSERT INTO t VALUES (1, 1, 'other')",
            "UPDATE t SET b = 'other' WHERE id IN (2, 9)",
            "DELETE FROM t WHERE id = 3",
        )
        result = undoer.undo(added, updated, gone, on_conflict="overwrite")
        assert (result.rows_overwritten, len(result.conflicts)) == (4, 4)
        assert executor.rows("t") == before

    def test_it_does_not_overwrite_a_row_without_a_key(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES)
        kept = executor.keep("n", "UPDATE", "UPDATE n SET a = 5 WHERE id = 2")
        executor.sql("UPDATE n SET a = 6 WHERE id = 2")
        with unchanged(executor), pytest.raises(RestoreError, match="cannot be overwritten"):
            undoer.undo(kept, on_conflict="overwrite")

    def test_it_waits_for_no_lock_for_ever(self, executor: Executor, undoer: Undoer, kept: CaptureResult) -> None:
        undoer.executor.sql("SET SESSION innodb_lock_wait_timeout = 1")
        executor.sql("START TRANSACTION", "UPDATE t SET a = 0 WHERE id = 2")
        with pytest.raises(RestoreError, match="1205"):
            undoer.undo(kept)
        executor.sql("ROLLBACK")
        assert executor.query("SELECT a FROM t WHERE id < 100 ORDER BY id") == [(11,), (21,), (31,), (41,)]


class TestDryRun:
    def test_it_changes_nothing_and_says_what_would_be(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES)
        kept = executor.keep("t", "DELETE", f"DELETE FROM t WHERE {OURS}")
        with unchanged(executor):
            result = undoer.undo(kept, dry_run=True, before_commit=lambda: pytest.fail("committed"))
        assert (result.rows_restored, result.conflicts) == (4, ())

    def test_it_cannot_go_past_a_schema_change(self, undoer: Undoer) -> None:
        item = UndoItem("1_1_00000000", "x", "t", "CREATE TABLE", 0)
        with pytest.raises(RestoreError, match="commits a schema change"):
            undoer.undo(item, dry_run=True)  # type: ignore[arg-type]


class TestForeignKeys:
    TABLES = (
        "CREATE TABLE p (id int PRIMARY KEY, a int)",
        "CREATE TABLE c (id int PRIMARY KEY, p int,"
        " FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE)",
        "INSERT INTO p VALUES (1, 1), (2, 2)",
        "INSERT INTO c VALUES (1, 1), (2, 1), (3, 2)",
    )

    @pytest.mark.parametrize(
        "sql",
        [
            "DELETE FROM p WHERE id = 1",
            "UPDATE p SET id = 9 WHERE id = 1",
            "UPDATE p SET id = id + 10 ORDER BY id DESC",
        ],
    )
    def test_it_puts_children_back_where_they_are_logged(self, executor: Executor, undoer: Undoer, sql: str) -> None:
        if not executor.flavor.logs_cascades:
            pytest.skip("this server does not log what foreign keys do; the capture says so")
        executor.sql(*self.TABLES)
        with unchanged(executor, "pc"):
            kept = executor.keep("p", sql.split()[0], sql)
            result, undone = undoer.undo_and_keep(kept)
            assert (result.conflicts, undone.state) == ((), "complete")

    def test_it_keeps_children_of_a_replaced_parent(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*self.TABLES)
        if not executor.flavor.logs_cascades:
            executor.sql("DELETE FROM c")
        with unchanged(executor, "pc"):
            kept = executor.keep("p", "INSERT", "REPLACE INTO p VALUES (1, 7)")
            assert undoer.undo(kept).conflicts == ()

    def test_it_does_not_take_children_of_others_away(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*self.TABLES)
        kept = executor.keep("p", "INSERT", "INSERT INTO p VALUES (5, 5), (6, 6)")
        executor.sql("INSERT INTO c VALUES (50, 5)")
        with unchanged(executor, "pc"):
            (conflict,) = undoer.undo(kept).conflicts
        assert (conflict.key, conflict.reason) == ("id=5", "children")
        assert f"{executor.schema}.c" in conflict.detail
        executor.sql("DELETE FROM c WHERE id = 50")
        result, undone = undoer.undo_and_keep(kept)
        assert (result.conflicts, undone.state) == ((), "complete")

    def test_it_leaves_no_orphan_of_others(self, executor: Executor, undoer: Undoer) -> None:
        if not executor.flavor.logs_cascades:
            pytest.skip("foreign keys are checked by the server here")
        executor.sql(*self.TABLES)
        kept = executor.keep("p", "UPDATE", "UPDATE p SET id = 9 WHERE id = 1")
        executor.sql("INSERT INTO c VALUES (90, 9)")
        with unchanged(executor, "pc"), pytest.raises(RestoreError, match="without their parent"):
            undoer.undo(kept)

    SELF = "CREATE TABLE s (id int PRIMARY KEY, up int NOT NULL, FOREIGN KEY (up) REFERENCES s (id)) ENGINE=InnoDB"

    def test_it_takes_away_a_row_that_refers_to_itself(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(self.SELF, "INSERT INTO s VALUES (1, 1)")
        with unchanged(executor, "s"):
            kept = executor.keep("s", "INSERT", "INSERT INTO s VALUES (10, 10), (11, 10), (12, 12), (13, 1)")
            result, undone = undoer.undo_and_keep(kept)
            assert (result.conflicts, undone.state, undone.reason) == ((), "complete", "")
            assert undoer.executor.query("SELECT @@foreign_key_checks") == [(1,)]

    def test_it_keeps_a_row_that_refers_to_itself_for_the_children_of_others(
        self, executor: Executor, undoer: Undoer
    ) -> None:
        executor.sql(self.SELF, "CREATE TABLE c (id int PRIMARY KEY, s int, FOREIGN KEY (s) REFERENCES s (id))")
        kept = executor.keep("s", "INSERT", "INSERT INTO s VALUES (10, 10), (11, 11)")
        executor.sql("INSERT INTO s VALUES (50, 10)", "INSERT INTO c VALUES (1, 11)")
        with unchanged(executor, "sc"):
            conflicts = undoer.undo(kept).conflicts
        assert [(conflict.key, conflict.reason) for conflict in conflicts] == [
            ("id=11", "children"),
            ("id=10", "children"),
        ]

    def test_it_names_a_child_whose_parent_is_gone(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*self.TABLES, "ALTER TABLE c DROP FOREIGN KEY c_ibfk_1")
        executor.sql("ALTER TABLE c ADD FOREIGN KEY (p) REFERENCES p (id)")
        kept = executor.keep("c", "DELETE", "DELETE FROM c WHERE id = 3")
        executor.sql("DELETE FROM p WHERE id = 2")
        with unchanged(executor, "pc"):
            (conflict,) = undoer.undo(kept).conflicts
        assert (conflict.key, conflict.reason) == ("id=3", "error")


class TestTriggers:
    def test_it_puts_back_what_a_trigger_wrote(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES, "CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW UPDATE u SET a = a + 1 WHERE id = 1")
        with unchanged(executor):
            kept = executor.keep("t", "INSERT", "INSERT INTO t VALUES (8, 8, 'x'), (9, 9, 'y')")
            result, undone = undoer.undo_and_keep(kept)
            assert (kept.rows_captured, result.rows_restored, undone.state) == (4, 4, "complete")

    @pytest.fixture
    def kept(self, executor: Executor) -> CaptureResult:
        """The DELETE that undoes our INSERT counts down by itself: u would end one too low."""
        executor.sql(
            *TABLES,
            "CREATE TRIGGER i AFTER INSERT ON t FOR EACH ROW UPDATE u SET a = a + 1 WHERE id = 1",
            "CREATE TRIGGER d AFTER DELETE ON t FOR EACH ROW UPDATE u SET a = a - 1 WHERE id = 1",
        )
        return executor.keep("t", "INSERT", "INSERT INTO t VALUES (9, 9, 'x')")

    def test_it_notices_a_trigger_that_acts_again(
        self, executor: Executor, undoer: Undoer, kept: CaptureResult
    ) -> None:
        with unchanged(executor):
            acts, written_again = undoer.undo(kept).conflicts
        assert (acts.table, acts.key, acts.reason) == ("t", "id=9", "error")
        assert "also writes 1 row(s)" in acts.detail
        assert (written_again.table, written_again.key, written_again.reason) == ("u", "id=1", "error")

    @pytest.mark.parametrize("on_conflict", ["skip", "overwrite"])
    def test_it_does_not_go_past_a_trigger_that_acts_again(
        self, executor: Executor, undoer: Undoer, kept: CaptureResult, on_conflict: str
    ) -> None:
        with unchanged(executor), pytest.raises(RestoreError, match="trigger"):
            undoer.undo(kept, on_conflict=on_conflict)

    def test_it_notices_a_trigger_that_writes_where_we_did_not(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES, "CREATE TRIGGER d AFTER DELETE ON t FOR EACH ROW INSERT INTO n VALUES (OLD.id, 0, 'log')")
        kept = executor.keep("t", "INSERT", "INSERT INTO t VALUES (9, 9, 'x')")
        with unchanged(executor):
            assert [conflict.reason for conflict in undoer.undo(kept).conflicts] == ["error"]

    def test_it_lets_a_trigger_be_that_only_looks(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES, "CREATE TRIGGER b BEFORE UPDATE ON t FOR EACH ROW SET @seen = NEW.a")
        with unchanged(executor):
            kept = executor.keep("t", "UPDATE", "UPDATE t SET a = 5 WHERE id < 3")
            assert undoer.undo(kept).conflicts == ()

    def test_it_notices_a_trigger_that_changes_what_is_written(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES)
        kept = executor.keep("t", "UPDATE", "UPDATE t SET a = 5 WHERE id = 1")
        executor.sql("CREATE TRIGGER b BEFORE UPDATE ON t FOR EACH ROW SET NEW.b = 'meddled'")
        with unchanged(executor):
            (conflict,) = undoer.undo(kept).conflicts
        assert (conflict.reason, conflict.now and conflict.now["b"]) == ("error", "meddled")


def test_it_refuses_tables_without_transactions(executor: Executor, undoer: Undoer) -> None:
    executor.sql(*TABLES)
    kept = executor.keep("t", "UPDATE", "UPDATE t SET a = 5")
    executor.sql("ALTER TABLE t ENGINE=MyISAM")
    with unchanged(executor), pytest.raises(RestoreError, match="MyISAM"):
        undoer.undo(kept)


def test_it_is_exact_whatever_the_session_is_set_to(executor: Executor, undoer: Undoer) -> None:
    executor.sql(
        *TABLES,
        "CREATE TABLE z (id int AUTO_INCREMENT PRIMARY KEY, d datetime(3), ts timestamp(3) NULL, b varchar(20),"
        " upd timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, g int AS (CHAR_LENGTH(b)) STORED)",
        "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+02:00'",
        "INSERT INTO z (id, d, ts, b, upd) VALUES (0, '0000-00-00', '2024-03-31 02:30:00.125', '', '2001-01-01'),"
        " (1, '2024-02-00 10:00:00', NULL, 'a\\\\b', '2001-01-01')",
    )
    undoer.executor.sql("SET SESSION time_zone = '-07:00', sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
    with unchanged(executor, "z"):
        updated = executor.keep("z", "UPDATE", "UPDATE z SET b = 'x', d = NULL, ts = NOW(3)")
        deleted = executor.keep("z", "DELETE", "DELETE FROM z")
        assert (updated.state, deleted.state) == ("complete", "complete")
        assert undoer.undo(deleted, updated).conflicts == ()


class TestSchemaChanges:
    def keep_schema_change(self, executor: Executor, table: str, kind: str, sql: str, undo: str) -> CaptureResult:
        executor.sql(sql)
        change = executor.change(table, kind, sql, own=None, snapshot=None, affected_rows=0, undo=(undo,))
        return capture(change, executor.source)

    def test_it_is_made_at_its_place(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES)
        with unchanged(executor):
            first = executor.keep("t", "UPDATE", "UPDATE t SET a = 0")
            middle = self.keep_schema_change(
                executor, "t", "ALTERTABLE", "ALTER TABLE t ADD COLUMN c int DEFAULT 7", "ALTER TABLE t DROP COLUMN c;"
            )
            last = executor.keep("t", "UPDATE", "UPDATE t SET c = 8 WHERE id = 1")
            result = undoer.undo(item_of(last), item_of(middle, "ALTER TABLE"), item_of(first))  # type: ignore[arg-type]
            assert (result.rows_restored, result.conflicts) == (5, ())

    def test_it_does_not_drop_a_table_with_rows(self, executor: Executor, undoer: Undoer) -> None:
        text = f"DROP TABLE `{executor.schema}`.`made`;"
        kept = self.keep_schema_change(executor, "made", "CREATETABLE", "CREATE TABLE made (id int)", text)
        executor.sql("INSERT INTO made VALUES (1)")
        (conflict,) = undoer.undo(item_of(kept, "CREATETABLE")).conflicts  # type: ignore[arg-type]
        assert (conflict.table, conflict.reason) == ("made", "changed")
        executor.sql("DELETE FROM made")
        assert undoer.undo(item_of(kept, "CREATETABLE")).conflicts == ()  # type: ignore[arg-type]
        with pytest.raises(MySQLdb.ProgrammingError, match="made"):
            executor.query("SELECT * FROM made")


class TestWithoutArchive:
    @pytest.fixture
    def kept(self, executor: Executor) -> CaptureResult:
        executor.sql(*TABLES)
        kept = executor.keep("t", "UPDATE", "UPDATE t SET id = id + 1 WHERE id < 100 ORDER BY id DESC")
        with connections["backup"].cursor() as cursor:
            cursor.execute(f"DROP TABLE `{kept.backup_schema}`.`$_$Inception_row_events$_$`")
        return kept

    def test_it_runs_the_text_by_descending_id(self, executor: Executor, undoer: Undoer, kept: CaptureResult) -> None:
        result = undoer.undo(kept)
        assert (result.rows_restored, result.verified, result.first_kind) == (4, False, "UPDATE")
        assert [id for (id,) in executor.query("SELECT id FROM t ORDER BY id")] == [1, 2, 3, 4]

    def test_it_stops_at_a_row_that_is_gone(self, executor: Executor, undoer: Undoer, kept: CaptureResult) -> None:
        executor.sql("DELETE FROM t WHERE id = 3")
        with unchanged(executor):
            result = undoer.undo(kept)
        assert ([conflict.reason for conflict in result.conflicts], result.rows_restored) == (["missing"], 0)


class TestPreview:
    def test_it_shows_each_row_before_after_and_now(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES)
        kept = executor.keep("t", "UPDATE", "UPDATE t SET a = a + 1")
        executor.sql(
            "UPDATE t SET a = 20 WHERE id = 2", "DELETE FROM t WHERE id = 3", "UPDATE t SET b = 'x' WHERE id = 4"
        )
        with unchanged(executor):
            page = undoer.preview(kept)
        assert {row.key: row.bucket for row in page.rows} == {
            "id=1": "unchanged",
            "id=2": "restored",
            "id=3": "missing",
            "id=4": "changed",
        }
        assert page.counts == {"unchanged": 1, "changed": 1, "missing": 1, "restored": 1}
        first = page.rows[-1]
        assert (first.before, first.now) == ({"id": "1", "a": "10", "b": "ann"}, {"id": "1", "a": "11", "b": "ann"})
        assert first.statement.startswith(f"UPDATE `{executor.schema}`.`t` SET ")

    def test_it_goes_through_all_pages(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES)
        kept = [executor.keep("t", "UPDATE", "UPDATE t SET a = a + 1"), executor.keep("t", "DELETE", "DELETE FROM t")]
        seen: list[str] = []
        after = ""
        for _ in range(10):
            page = undoer.preview(*reversed(kept), after=after, limit=3)
            seen += [f"{row.kind} {row.key}" for row in page.rows]
            after = page.next_after
            if not after:
                break
        assert seen == [f"{kind} id={id}" for kind in ("INSERT", "UPDATE") for id in (4, 3, 2, 1)]

    @pytest.mark.parametrize("limit", [100, 3])
    def test_a_row_that_the_ticket_changed_twice_is_not_a_conflict(
        self, executor: Executor, undoer: Undoer, limit: int
    ) -> None:
        executor.sql(*TABLES)
        kept = [
            executor.keep("t", "UPDATE", "UPDATE t SET a = a + 1"),
            executor.keep("t", "UPDATE", "UPDATE t SET a = a + 1 WHERE id = 1"),
            executor.keep("t", "DELETE", "DELETE FROM t WHERE id IN (1, 2)"),
        ]
        executor.sql("UPDATE t SET a = 99 WHERE id = 3")
        buckets, after = [], ""
        while True:
            page = undoer.preview(*reversed(kept), after=after, limit=limit)
            buckets += [(row.kind, row.key, row.bucket, row.changed_again) for row in page.rows]
            after = page.next_after
            if not after:
                break
        assert buckets == [
            ("INSERT", "id=2", "unchanged", False),
            ("INSERT", "id=1", "unchanged", False),
            ("UPDATE", "id=1", "unchanged", True),
            ("UPDATE", "id=4", "unchanged", False),
            ("UPDATE", "id=3", "changed", False),
            ("UPDATE", "id=2", "unchanged", True),
            ("UPDATE", "id=1", "unchanged", True),
        ]

    def test_it_refuses_a_foreign_page_mark(self, executor: Executor, undoer: Undoer) -> None:
        executor.sql(*TABLES)
        kept = executor.keep("t", "DELETE", "DELETE FROM t")
        with pytest.raises(RestoreError, match="page mark"):
            undoer.preview(kept, after="1 OR 1=1")
