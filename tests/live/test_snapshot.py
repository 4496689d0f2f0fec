"""It reads every table that a statement can touch, before the statement runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backups.binlog.snapshots import CascadeFact, TriggerFact, snapshot_from_json, snapshot_to_json
from backups.snapshot import read_snapshot
from tests.live.conftest import Executor
from tests.servers import Server

pytestmark = pytest.mark.live


@pytest.fixture
def here(server: Server, schema: str) -> Iterator[Executor]:
    executor = Executor.open(server, schema)
    yield executor
    executor.connection.close()


def names(here: Executor, sql: str) -> set[str]:
    snapshot = read_snapshot(here.connection, here.schema, sql, here.flavor)
    return {table.name for table in snapshot.tables}


def test_it_finds_the_tables_in_the_text(here: Executor) -> None:
    here.sql("CREATE TABLE t (id int)", "CREATE TABLE `odd né` (id int)", "CREATE TABLE other (id int)")
    assert names(here, "UPDATE t, `odd né` AS x SET t.id = 1 WHERE x.id = 'a'") == {"t", "odd né"}


def test_it_is_not_put_out_by_what_no_name_can_hold(here: Executor) -> None:
    here.sql("CREATE TABLE t (id int)")
    assert names(here, "UPDATE t SET a = '🏖 beach', b = `🏖`, c = beach🏖") == {"t"}


def test_it_goes_through_views_triggers_and_routines(here: Executor) -> None:
    here.sql(
        *(f"CREATE TABLE {name} (id int)" for name in ("t", "log", "deep", "far", "unconcerned")),
        "CREATE VIEW v AS SELECT * FROM t",
        "CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO log VALUES (NEW.id)",
        "CREATE PROCEDURE pr() INSERT INTO far VALUES (1)",
        f"CREATE TRIGGER tr2 BEFORE INSERT ON log FOR EACH ROW BEGIN INSERT INTO {here.schema}.deep VALUES (1);"
        " CALL pr(); END",
    )
    assert names(here, "INSERT INTO v VALUES (1)") == {"t", "log", "deep", "far"}
    snapshot = read_snapshot(here.connection, here.schema, "INSERT INTO v VALUES (1)", here.flavor)
    assert TriggerFact(here.schema, "t", "tr", "INSERT", "AFTER") in snapshot.triggers


def test_it_finds_children_of_foreign_keys_that_act(here: Executor) -> None:
    here.sql(
        "CREATE TABLE p (id int PRIMARY KEY, a int, b int, UNIQUE (a, b))",
        "CREATE TABLE `c-1` (id int PRIMARY KEY, x int, y int, CONSTRAINT k1 FOREIGN KEY (x, y) REFERENCES p (a, b)"
        " ON DELETE SET NULL)",
        "CREATE TABLE g (id int PRIMARY KEY, CONSTRAINT k2 FOREIGN KEY (id) REFERENCES `c-1` (id) ON UPDATE CASCADE)",
        "CREATE TABLE quiet (id int PRIMARY KEY, FOREIGN KEY (id) REFERENCES p (id))",
    )
    snapshot = read_snapshot(here.connection, here.schema, "DELETE FROM p", here.flavor)
    assert {table.name for table in snapshot.tables} == {"p", "c-1", "g"}
    own = here.schema
    assert set(snapshot.cascades) == {
        CascadeFact(own, "c-1", "k1", ("x", "y"), own, "p", ("a", "b"), "SET NULL", "NO ACTION"),
        CascadeFact(own, "g", "k2", ("id",), own, "c-1", ("id",), "NO ACTION", "CASCADE"),
    }
    assert snapshot.cascades_logged == here.flavor.logs_cascades


def test_it_sees_children_that_the_account_may_not(here: Executor) -> None:
    """Deletes cascade into them all the same; with PROCESS InnoDB itself tells of them."""
    account, other = f"'{here.schema}'@'%'", f"{here.schema}_o"
    here.sql(
        f"CREATE DATABASE {other}",
        "CREATE TABLE p (id int PRIMARY KEY)",
        f"CREATE TABLE {other}.c (id int PRIMARY KEY,"
        f" FOREIGN KEY (id) REFERENCES {here.schema}.p (id) ON DELETE CASCADE)",
        f"CREATE USER {account}",
        f"GRANT SELECT, DELETE ON {here.schema}.* TO {account}",
    )
    try:
        limited = here.server.connect(database=here.schema, user=here.schema)
        assert read_snapshot(limited, here.schema, "DELETE FROM p", here.flavor).cascades == ()
        here.sql(f"GRANT PROCESS ON *.* TO {account}")
        limited = here.server.connect(database=here.schema, user=here.schema)
        (found,) = read_snapshot(limited, here.schema, "DELETE FROM p", here.flavor).cascades
        assert (found.schema_name, found.table_name) == (other, "c")
    finally:
        here.sql(f"DROP DATABASE {other}", f"DROP USER {account}")


def test_it_knows_what_a_column_is(here: Executor) -> None:
    here.sql(
        "CREATE TABLE t (id bigint unsigned zerofill NOT NULL, e enum('x unsigned') CHARACTER SET latin1,"
        " v int AS (id + 1) VIRTUAL, s int AS (id + 2) STORED, d datetime(3) DEFAULT CURRENT_TIMESTAMP(3),"
        " h int INVISIBLE, n varchar(10) CHARACTER SET utf8mb4, UNIQUE k2 (n), UNIQUE k1 (id))"
    )
    (table,) = read_snapshot(here.connection, here.schema, "DELETE FROM t", here.flavor).tables
    columns = {column.name: column for column in table.columns}
    assert [name for name, column in columns.items() if column.unsigned] == ["id"]
    assert {name: column.generated for name, column in columns.items() if column.generated} == {
        "v": "VIRTUAL",
        "s": "STORED",
    }
    assert [name for name, column in columns.items() if column.invisible] == ["h"]
    assert (columns["d"].datetime_precision, columns["n"].octet_length, columns["e"].charset) == (3, 40, "latin1")
    assert (table.primary_key, table.engine) == ((0,), "InnoDB")


def test_it_knows_the_hidden_key_that_mysql_makes(here: Executor) -> None:
    if here.flavor.is_mariadb:
        pytest.skip("MariaDB makes no hidden key that can be seen")
    here.sql("SET SESSION sql_generate_invisible_primary_key = 1", "CREATE TABLE t (a int)")
    (table,) = read_snapshot(here.connection, here.schema, "DELETE FROM t", here.flavor).tables
    assert ([column.name for column in table.columns], table.primary_key) == (["my_row_id", "a"], (0,))


def test_it_survives_being_kept_as_json(here: Executor) -> None:
    here.sql(
        'CREATE TABLE p (id int PRIMARY KEY, `né"` varchar(9))',
        "CREATE TABLE c (id int PRIMARY KEY, FOREIGN KEY (id) REFERENCES p (id) ON DELETE CASCADE)",
        "CREATE TRIGGER tr AFTER DELETE ON p FOR EACH ROW SET @x = 1",
    )
    snapshot = read_snapshot(here.connection, here.schema, "DELETE FROM p", here.flavor)
    assert snapshot_from_json(snapshot_to_json(snapshot)) == snapshot


def test_it_reads_a_statement_with_more_words_than_a_query_holds(here: Executor) -> None:
    here.sql("CREATE TABLE t (id int)", "CREATE TABLE word7 (id int)")
    text = ", ".join(f"word{number}" for number in range(100_000))
    assert names(here, f"INSERT INTO t VALUES ({text})") == {"t", "word7"}


def test_it_reads_a_statement_with_letters_no_name_can_have(here: Executor) -> None:
    here.sql("CREATE TABLE t (id int)")
    assert names(here, "UPDATE t SET id = 1 WHERE 'joy😀joy' = '😀' /* 😀.t */") == {"t"}
