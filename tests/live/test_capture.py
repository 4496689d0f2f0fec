"""It keeps exactly the rows that one statement changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pymysql
import pytest
from django.db import connections

from backups.archive import Archive
from backups.binlog import codecs
from backups.binlog.rows import ChangeKind
from backups.capture import CaptureResult, capture
from backups.errors import StoreError
from backups.models import information_of, records_of
from backups.schema import build_schema_name
from tests.live.accounts import account
from tests.live.conftest import OTHERS_FROM, Executor, other_sessions
from tests.servers import Server, free_port

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(40)) ENGINE=InnoDB",
    "CREATE TABLE u (id int PRIMARY KEY, a int, b varchar(40)) ENGINE=InnoDB",
    "CREATE TABLE n (id int, a int, b varchar(40), KEY (id)) ENGINE=InnoDB",
    "INSERT INTO t VALUES (1, 10, 'ann'), (2, 20, NULL), (3, 30, 'it''s \\\\ né'), (4, 40, '')",
    "INSERT INTO u VALUES (1, 1, 'x'), (2, 2, 'y')",
    "INSERT INTO n VALUES (1, 1, 'same'), (1, 1, 'same'), (2, NULL, NULL)",
)


@pytest.fixture(autouse=True, params=["few", "many"])
def _way_of_storing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows go over Django's connection, many over one that takes them in bulk: here each goes both ways."""
    if request.param == "many":
        monkeypatch.setattr("backups.cursors.MANY_ROWS", 0)


def records(kept: CaptureResult) -> list[str]:
    found = records_of(kept.backup_schema, kept.backup_table).objects.filter(opid_time=kept.opid_time)
    return list(found.order_by("id").values_list("rollback_statement", flat=True))


def replay(executor: Executor, statements: list[str]) -> None:
    """Execute stored text by descending id, as goInception's clients do."""
    cursor = executor.connection.cursor()
    cursor.execute("START TRANSACTION")
    for statement in reversed(statements):
        assert cursor.execute(statement.encode()) == 1, statement
    cursor.execute("COMMIT")


STATEMENTS = [
    ("t", "INSERT", "INSERT INTO t VALUES (5, 50, 'new'), (6, NULL, NULL)", 2),
    ("t", "INSERT", "INSERT INTO t SELECT id + 10, a, b FROM t WHERE id < 100", 4),
    ("t", "UPDATE", "UPDATE t SET b = CONCAT(b, '!'), a = a + 1 WHERE id < 100", 4),
    ("t", "UPDATE", "UPDATE t SET id = id + 1 WHERE id < 100 ORDER BY id DESC", 4),
    ("t", "DELETE", "DELETE FROM t WHERE id < 100", 4),
    ("t", "INSERT", "REPLACE INTO t VALUES (1, 11, 'replaced'), (7, 70, 'added')", None),
    ("t", "INSERT", "INSERT INTO t VALUES (1, 0, 'x'), (8, 0, 'y') ON DUPLICATE KEY UPDATE a = a + 1", 2),
    ("t", "UPDATE", "UPDATE t JOIN u ON t.id = u.id SET t.a = 0, u.b = 'both' WHERE t.id < 100", 4),
    ("t", "DELETE", "DELETE t, u FROM t JOIN u ON t.id = u.id WHERE t.id < 100", 4),
    ("n", "INSERT", "INSERT INTO n VALUES (1, 1, 'same')", 1),
    ("n", "UPDATE", "UPDATE n SET a = 5 WHERE id < 100", 3),
    ("n", "DELETE", "DELETE FROM n WHERE id = 1", 2),
]


@pytest.mark.parametrize(("table", "kind", "sql", "row_count"), STATEMENTS, ids=lambda value: str(value)[:40])
def test_it_keeps_our_rows_and_only_ours(
    executor: Executor, table: str, kind: str, sql: str, row_count: int | None
) -> None:
    executor.sql(*TABLES)
    before = {name: executor.rows(name, f"id < {OTHERS_FROM}") for name in "tun"}
    with other_sessions(executor.server, executor.schema, "t", "u") as errors:
        kept = executor.keep(table, kind, sql)
        changed = {name: executor.rows(name, f"id < {OTHERS_FROM}") for name in "tun"}
        assert changed != before
        assert (kept.state, kept.reason) == ("complete", "")
        assert kept.rows_captured == kept.records_stored == kept.rows_archived > 0
        assert row_count in (None, kept.rows_captured)
        replay(executor, records(kept))
    assert not errors
    assert {name: executor.rows(name, f"id < {OTHERS_FROM}") for name in "tun"} == before
    row = information_of(kept.backup_schema).objects.get(opid_time=kept.opid_time)
    assert (row.sql_statement, row.type, row.tablename, row.dbname) == (sql, kind, table, executor.schema)


def test_it_explains_counts_of_on_duplicate_key_update(executor: Executor) -> None:
    executor.sql(*TABLES)
    kept = executor.keep("t", "INSERT", "INSERT INTO t VALUES (1, 0, 'x') ON DUPLICATE KEY UPDATE a = a + 1")
    assert (kept.state, kept.rows_captured) == ("complete", 1)
    assert "as two" in kept.explanation


def test_it_keeps_rows_that_a_trigger_wrote(executor: Executor) -> None:
    executor.sql(
        *TABLES, "CREATE TRIGGER tr AFTER UPDATE ON t FOR EACH ROW INSERT INTO n VALUES (NEW.id, OLD.a, 'log')"
    )
    before = executor.rows("n")
    kept = executor.keep("t", "UPDATE", "UPDATE t SET a = a + 1 WHERE id < 3")
    assert (kept.state, kept.rows_captured) == ("complete", 4)
    assert "trigger" in kept.explanation
    executor.sql("DROP TRIGGER tr")
    replay(executor, records(kept))
    assert executor.rows("n") == before


def test_it_keeps_nothing_of_a_statement_that_changed_nothing(executor: Executor) -> None:
    executor.sql(*TABLES)
    kept = executor.keep("t", "UPDATE", "UPDATE t SET a = a WHERE id < 100")
    assert (kept.state, kept.rows_captured, kept.records_stored) == ("complete", 0, 0)


def test_it_keeps_nothing_twice(executor: Executor) -> None:
    executor.sql(*TABLES)
    change = executor.run("t", "UPDATE", "UPDATE t SET a = 0 WHERE id < 100")
    first, second = capture(change, executor.source), capture(change, executor.source)
    assert first == second
    assert len(records(first)) == 4
    assert information_of(first.backup_schema).objects.count() == 1


def test_it_moves_the_seconds_when_another_statement_has_the_key(executor: Executor) -> None:
    executor.sql(*TABLES)
    change = executor.run("t", "UPDATE", "UPDATE t SET a = 0 WHERE id = 1")
    first = capture(change, executor.source)
    other = executor.run("t", "UPDATE", "UPDATE t SET a = 1 WHERE id = 2")
    same_key = replace(
        other, seq=change.seq, executed_at=change.executed_at, execution_id=change.execution_id + 1_000_000
    )
    second = capture(same_key, executor.source)
    assert int(second.opid_time.split("_")[0]) == int(first.opid_time.split("_")[0]) + 1
    assert len(records(first)) == len(records(second)) == 1


def test_it_makes_an_incomplete_backup_anew(executor: Executor) -> None:
    executor.sql(*TABLES)
    change = executor.run("t", "UPDATE", "UPDATE t SET a = 0 WHERE id < 100")
    first = capture(replace(change, affected_rows=9), executor.source)
    second = capture(change, executor.source)
    assert (first.state, second.state) == ("incomplete", "complete")
    assert first.opid_time != second.opid_time  # what stands on the backup server is not deleted
    assert len(records(second)) == second.rows_archived == 4
    assert (
        capture(
            replace(change, executed_at=change.executed_at + timedelta(hours=2)),
            executor.source,
            opid_time=second.opid_time,
        )
        == second
    )


def test_it_stores_nothing_when_one_row_is_too_large_for_the_backup_server(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor.sql(*TABLES, "UPDATE t SET b = REPEAT('x', 40)")
    change = executor.run("t", "DELETE", "DELETE FROM t WHERE id < 100")
    with monkeypatch.context() as patched:
        patched.setattr("backups.capture.read_packet_bytes", lambda _: 1100)
        with pytest.raises(StoreError, match="max_allowed_packet"):
            capture(change, executor.source)
    kept = capture(change, executor.source)
    assert (kept.state, len(records(kept))) == ("complete", 4)
    assert information_of(kept.backup_schema).objects.count() == 1


def test_it_says_that_the_backup_server_cannot_be_reached(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    executor.sql(*TABLES)
    change = executor.run("t", "DELETE", "DELETE FROM t WHERE id < 100")
    connections["backup"].close()
    with monkeypatch.context() as patched:
        patched.setitem(connections["backup"].settings_dict, "PORT", free_port())
        with pytest.raises(StoreError, match="once the server answers"):
            capture(change, executor.source)
    assert capture(change, executor.source).state == "complete"


def test_it_goes_without_a_second_connection(executor: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    executor.sql(*TABLES)
    change = executor.run("t", "DELETE", "DELETE FROM t WHERE id < 100")

    def refuse(*_: object, **__: object) -> None:
        raise pymysql.OperationalError(1040, "Too many connections")

    monkeypatch.setattr("backups.cursors.connect_bulk", refuse)
    kept = capture(change, executor.source)
    assert (kept.state, len(records(kept))) == ("complete", 4)


def test_it_is_incomplete_when_the_counts_do_not_fit(executor: Executor) -> None:
    executor.sql(*TABLES)
    kept = executor.keep("t", "UPDATE", "UPDATE t SET a = 0 WHERE id < 100", affected_rows=5)
    assert kept.state == "incomplete"
    assert "counted 5" in kept.reason


def test_it_is_incomplete_when_a_table_was_not_seen_before(executor: Executor) -> None:
    executor.sql(*TABLES)
    other = executor.run("u", "UPDATE", "UPDATE u SET a = 0")
    kept = executor.keep("t", "UPDATE", "UPDATE t SET a = 0 WHERE id < 100", snapshot=other.snapshot)
    assert (kept.state, kept.records_stored, kept.rows_captured) == ("incomplete", 0, 0)
    assert f"{executor.schema}.t" in kept.reason


def test_it_names_the_column_of_an_unknown_type_and_keeps_the_events(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(codecs._FACTORIES, "geometry", raising=False)
    executor.sql(*TABLES, "CREATE TABLE g (id int PRIMARY KEY, p geometry)")
    kept = executor.keep("g", "INSERT", "INSERT INTO g VALUES (1, ST_GeomFromText('POINT(1 2)'))")
    assert (kept.state, kept.records_stored) == ("incomplete", 0)
    assert f"{executor.schema}.g.p" in kept.reason
    with connections["backup"].cursor() as cursor:
        archive = Archive.load(cursor, kept.backup_schema, kept.opid_time)
        assert archive is not None
        assert (archive.header.event_count, len(archive.load_blocks())) == (1, 1)


def test_it_is_incomplete_when_the_row_image_is_minimal(executor: Executor) -> None:
    executor.sql(*TABLES, "SET SESSION binlog_row_image = 'MINIMAL'")
    kept = executor.keep("t", "UPDATE", "UPDATE t SET a = 0 WHERE id = 1")
    assert (kept.state, kept.records_stored) == ("incomplete", 0)
    assert "binlog_row_image=FULL" in kept.reason


class TestForeignKeys:
    TABLES = (
        "CREATE TABLE p (id int PRIMARY KEY, a int)",
        "CREATE TABLE c (id int PRIMARY KEY, p int,"
        " FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE ON UPDATE CASCADE)",
        "INSERT INTO p VALUES (1, 1), (2, 2)",
        "INSERT INTO c VALUES (1, 1), (2, 1), (3, 2)",
    )

    @pytest.mark.parametrize("sql", ["DELETE FROM p WHERE id = 1", "UPDATE p SET id = 9 WHERE id = 1"])
    def test_it_never_calls_cascades_complete_that_are_not_logged(self, executor: Executor, sql: str) -> None:
        executor.sql(*self.TABLES)
        kept = executor.keep("p", sql.split()[0], sql)
        if executor.flavor.logs_cascades:
            assert (kept.state, kept.rows_captured) == ("complete", 3)
            assert "foreign keys" in kept.explanation
        else:
            assert kept.state == "incomplete"
            assert f"{executor.schema}.c" in kept.reason

    def test_it_is_complete_when_the_key_stays(self, executor: Executor) -> None:
        executor.sql(*self.TABLES)
        kept = executor.keep("p", "UPDATE", "UPDATE p SET a = 7")
        assert (kept.state, kept.rows_captured) == ("complete", 2)

    def test_it_is_incomplete_when_children_are_hidden_from_the_account(self, executor: Executor) -> None:
        """Its DELETE cascades into a schema it has no rights on; MariaDB logs only that the table was open."""
        if executor.flavor.logs_cascades:
            pytest.skip("rows of children are logged here")
        other, account = f"{executor.schema}_o", f"'{executor.schema}'@'%'"
        executor.sql(
            f"CREATE DATABASE {other}",
            *self.TABLES[:1],
            f"CREATE TABLE {other}.c (p int, FOREIGN KEY (p) REFERENCES {executor.schema}.p (id) ON DELETE CASCADE)",
            *self.TABLES[2:3],
            f"CREATE USER {account}",
            f"GRANT SELECT, DELETE ON {executor.schema}.* TO {account}",
            f"GRANT BINLOG MONITOR, BINLOG ADMIN ON *.* TO {account}",
        )
        try:
            limited = Executor.open(executor.server, executor.schema, user=executor.schema)
            kept = limited.keep("p", "DELETE", "DELETE FROM p WHERE id = 1")
        finally:
            executor.sql(f"DROP DATABASE {other}", f"DROP USER {account}")
        assert kept.state == "incomplete"
        assert f"{other}.c" in kept.reason


def test_it_keeps_the_inverse_of_a_schema_change(executor: Executor) -> None:
    change = executor.change(
        "t",
        "CREATETABLE",
        "CREATE TABLE t (id int)",
        own=None,
        snapshot=None,
        affected_rows=0,
        undo=("DROP TABLE `t`;",),
    )
    kept = capture(change, executor.source)
    assert (kept.state, kept.records_stored, records(kept)) == ("complete", 1, ["DROP TABLE `t`;"])


def test_it_says_why_a_schema_change_has_no_inverse(executor: Executor) -> None:
    change = executor.change(
        "t", "DROPTABLE", "DROP TABLE t", own=None, snapshot=None, affected_rows=0, undo_missing="rows are gone"
    )
    kept = capture(change, executor.source)
    assert (kept.state, kept.reason, kept.records_stored) == ("incomplete", "rows are gone", 0)


def test_it_keeps_large_changes_in_blocks(executor: Executor) -> None:
    executor.sql(*TABLES, "CREATE TABLE big (id int PRIMARY KEY, v longblob)")
    executor.sql("INSERT INTO big VALUES (1, REPEAT(x'00FF5C27', 1500000))")
    executor.sql(
        "INSERT INTO t SELECT 100 + (x.a * 1000 + y.a * 100 + z.a * 10 + w.a) , 1, REPEAT('x', 40) FROM"
        + ", ".join(f" (SELECT 0 a {' '.join(f'UNION SELECT {n}' for n in range(1, 10))}) {alias}" for alias in "xyzw")
    )
    kept = executor.keep("t", "DELETE", "DELETE FROM t")
    assert (kept.state, kept.rows_captured) == ("complete", 10_004)
    blob = executor.keep("big", "DELETE", "DELETE FROM big")
    assert blob.state == "complete"
    with connections["backup"].cursor() as cursor:
        archive = Archive.load(cursor, kept.backup_schema, kept.opid_time)
        assert archive is not None
        blocks = archive.load_blocks()
        changes = [item.change for block in blocks for item in archive.iterate(block)]
        backwards = [item.change for item in archive.iterate_all_reversed()]
        assert sum(block.row_count for block in blocks) == len(changes) == 10_004
        assert backwards == changes[::-1]
        assert {change.kind for change in changes} == {ChangeKind.DELETE}


def test_it_notices_a_damaged_archive(executor: Executor) -> None:
    executor.sql(*TABLES)
    kept = executor.keep("t", "DELETE", "DELETE FROM t")
    with connections["backup"].cursor() as cursor:
        name = f"`{kept.backup_schema}`.`$_$Inception_row_events$_$`"
        cursor.execute(f"UPDATE {name} SET payload = CONCAT(payload, 'x') WHERE block = 1")
        archive = Archive.load(cursor, kept.backup_schema, kept.opid_time)
        assert archive is not None
        with pytest.raises(StoreError, match="SHA-256"):
            list(archive.iterate_all_reversed())
        cursor.execute(f"DELETE FROM {name} WHERE block = 1")
        with pytest.raises(StoreError, match="0 blocks"):
            archive.load_blocks()


def test_an_account_that_may_only_write_keeps_the_events_of_what_cannot_be_decoded(
    executor: Executor, backup_server: Server
) -> None:
    """Records were sent before the first row that cannot be read; they are taken back without a DELETE."""
    executor.sql(*TABLES, "CREATE TABLE odd (id int PRIMARY KEY)")
    executor.sql("CREATE TRIGGER odd_row AFTER UPDATE ON t FOR EACH ROW INSERT INTO odd VALUES (NEW.id)")
    name = build_schema_name(executor.server.host, executor.server.port, executor.schema).replace("_", r"\_")
    settings = connections.settings["backup"]
    before = dict(settings)
    with account(backup_server, f"CREATE, SELECT, INSERT ON `{name}`.*") as writer:
        settings.update(USER=writer.user, PASSWORD=writer.password)
        connections["backup"].close()
        try:
            change = executor.run("t", "UPDATE", "UPDATE t SET a = a + 1")
            assert change.snapshot is not None
            seen = tuple(table for table in change.snapshot.tables if table.name != "odd")
            change = replace(change, snapshot=replace(change.snapshot, tables=seen))
            with patch("backups.store.BATCH_BYTES", 1):  # each record is sent by itself
                kept = capture(change, executor.source)
        finally:
            connections["backup"].close()
            settings.update(before)
    assert (kept.state, kept.records_stored, kept.rows_captured) == ("incomplete", 0, 0)
    assert f"{executor.schema}.odd" in kept.reason
    assert records(kept) == []


def test_it_leaves_out_the_numbers_that_a_sequence_gave(executor: Executor) -> None:
    if not executor.flavor.is_mariadb:
        pytest.skip("sequences are MariaDB's")
    executor.sql(
        "CREATE SEQUENCE numbers",
        "CREATE TABLE s (id bigint DEFAULT nextval(numbers) PRIMARY KEY, a bigint)",
    )
    for sql, rows in (
        ("INSERT INTO s (a) VALUES (1), (2)", 2),
        ("INSERT INTO s VALUES (100, NEXTVAL(numbers))", 1),
        ("UPDATE s SET a = NEXTVAL(numbers) WHERE id < 100", 2),
    ):
        before = executor.rows("s")
        kept = executor.keep("s", sql.split()[0], sql)
        assert (kept.state, kept.reason, kept.records_stored, kept.rows_archived) == ("complete", "", rows, rows)
        replay(executor, records(kept))
        assert executor.rows("s") == before
        executor.sql(sql)
