"""What may run and what may not, statement by statement; the words are in tests/fixtures/refused/."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changes.statements import MAX_STATEMENTS, CheckResult, check_statements
from tests.changes.test_splitter import FRAGMENTS

LIMIT = 1 << 20


def check(sql: str | bytes, max_bytes: int = LIMIT) -> CheckResult:
    return check_statements(sql, "shop", max_bytes)


@pytest.mark.parametrize(
    "sql",
    [
        "insert into orders (id, note) values (1, 'get_lock(1); /*! */ @x'), (2, now())",
        "insert into shop.orders select o.id, o.note from shop.old as o left join items i on i.order_id = o.id",
        "insert into orders (id) values (1) as new on duplicate key update id = new.id + orders.id",
        "insert into orders (id) values (1) on duplicate key update id = values(id)",
        "insert into orders set id = 1, note = concat('a', 'b')",
        "replace into orders values (1, '5--1', \"it's\", 0x3B, b'01', -1.5e3, DEFAULT)",
        "update orders set total = total * 1.1 where id in (select order_id from items where price > 3)",
        "update orders o, (select order_id, sum(price) as s from items group by order_id) x set o.total = x.s where 1",
        "update orders set doc = json_set(doc, '$.a', 1), d = interval 1 day + d where doc->>'$.b' = 1 or not !a",
        "update orders set note = trim(leading 'x' from note), y = extract(year from d) where id = 1",
        "with c as (select id from items) update orders join c using (id) set orders.note = 1 where 1",
        "delete from orders where id between 1 and 2 order by id limit 5",
        "delete o from orders o where o.id = 1",
        "/* why */ update /* a.b */ orders -- c.d\n set note = 'x' # e.f\n where id = 1",
        "update /*+ NO_INDEX_MERGE(orders) */ orders set a = 1 where id = 1",
        "insert into orders select * from items for update",
        "create table t (id int primary key auto_increment, d timestamp default current_timestamp on update now())",
        "create table t (engine varchar(10), `data` int, connection int, a enum('x', 'y')) engine=InnoDB comment 'a'",
        "create table t (a int, index using btree (a), constraint c foreign key (a) references shop.u (id))",
        "create table t (a int, b int as (a + 1) stored, check (a > 1))"
        " partition by range (a) (partition p values less than (5))",
        "create table if not exists shop.t like shop.u",
        "create table t engine=MyISAM select a from u union (select b from v)",
        "alter table orders add column connection varchar(3), add column engine int first, algorithm=instant",
        "alter table orders modify engine varchar(3), add engine2 int after engine, change a engine int, drop engine",
        "alter table orders add index i (a(10) desc), drop foreign key f, modify column c text character set utf8mb4",
        "alter table orders rename to shop.orders2",
        "alter table orders drop partition p0",
        "create unique index i on orders (a, b)",
        "drop index i on orders",
        "drop table if exists a, shop.b cascade",
        "rename table a to b, shop.c to d",
        "truncate orders",
        "create sql security invoker view v as select o.id from orders o where o.id > 1 with check option",
        "alter view v as select id from orders",
        "alter algorithm = merge sql security invoker view v (a) as select o.id from orders o with check option",
        "drop view v",
        "create database d",
        "create schema if not exists `d` default character set = utf8mb4 collate utf8mb4_bin comment = 'x'",
        "create database d character set 'latin1' encryption = 'N'",
        "alter database character set latin1",
        "alter schema shop default collate = utf8mb4_bin",
        "alter database shop comment 'it''s'",
        "rename table a to other.a",
        "rename table shop.a to other.b, other.c to a, a to d",
        "alter table a rename to other.t, add column x int",
        "alter table t rename other.t",
        "insert into orders values ('\u200fعربي', '😀')",
    ],
)
def test_it_lets_run(sql: str) -> None:
    assert [(problem.id, problem.found) for problem in check(sql).errors] == []


REFUSED = [
    # Kinds
    ("set @a = 1", "statement.set"),
    ("set global max_connections = 100", "statement.set"),
    ("set statement max_statement_time = 1 for delete from orders", "statement.set"),
    ("use other", "statement.use"),
    ("call p()", "statement.call"),
    ("do sleep(1)", "statement.do"),
    ("grant select on shop.* to u", "statement.grant"),
    ("revoke select on shop.* from u", "statement.revoke"),
    ("create user u", "statement.create_user"),
    ("create or replace role r", "statement.create_role"),
    ("alter user u", "statement.alter_user"),
    ("drop user u", "statement.drop_user"),
    ("rename user u to v", "statement.rename_user"),
    ("drop database d", "statement.drop_database"),
    ("drop schema if exists d", "statement.drop_schema"),
    ("create or replace database d", "statement.replace_database"),
    ("alter schema shop read only = 1", "statement.database_read_only"),
    ("alter database shop character set latin1 read only default", "statement.database_read_only"),
    ("drop schema d", "statement.drop_schema"),
    ("create procedure p() delete from orders", "statement.create_procedure"),
    ("create definer = u@h trigger t before insert on orders for each row set new.a = 1", "statement.create_trigger"),
    ("create aggregate function f returns string soname 'f.so'", "statement.create_function"),
    ("create event e on schedule every 1 day do delete from orders", "statement.create_event"),
    ("create sequence s", "statement.create_sequence"),
    ("create server s foreign data wrapper mysql options (host 'h')", "statement.create_server"),
    ("lock tables orders write", "statement.lock"),
    ("unlock tables", "statement.unlock"),
    ("xa start 'a'", "statement.xa"),
    ("begin", "statement.begin"),
    ("begin not atomic delete from orders; end", "statement.begin"),
    ("start transaction", "statement.start"),
    ("start replica", "statement.start"),
    ("commit", "statement.commit"),
    ("rollback", "statement.rollback"),
    ("savepoint a", "statement.savepoint"),
    ("release savepoint a", "statement.savepoint"),
    ("load data local infile '/etc/passwd' into table orders", "statement.load"),
    ("load data infile 'x' into table orders", "statement.load"),
    ("select 1", "statement.select"),
    ("(select 1) union (select 2)", "statement.select"),
    ("with c as (select 1) select * from c", "statement.select"),
    ("with c as (select 1) (select * from c)", "statement.select"),
    ("select 1 into outfile '/tmp/x'", "statement.select"),
    ("table orders", "statement.table"),
    ("values row(1)", "statement.values"),
    ("prepare s from 'delete from orders'", "statement.prepare"),
    ("execute s", "statement.execute"),
    ("execute immediate 'delete from orders'", "statement.execute"),
    ("deallocate prepare s", "statement.prepare"),
    ("handler orders open", "statement.handler"),
    ("flush tables", "statement.flush"),
    ("kill 1", "statement.kill"),
    ("explain delete from orders", "statement.explain"),
    ("analyze update orders set a = 1", "statement.analyze"),
    ("show tables", "statement.show"),
    ("desc orders", "statement.explain"),
    ("optimize table orders", "statement.optimize"),
    ("frobnicate orders", "statement.unknown"),
    ("shutdown", "statement.unknown"),
    ("`delete` from orders", "statement.unknown"),
    ("source /tmp/x.sql", "statement.unknown"),
    ("ſelect 1", "statement.unknown"),
    ("with recursive", "statement.unknown"),
    # Hidden text
    ("/*!40000 delete from orders */", "statement.executable_comment"),
    ("delete from orders /*! where id = 1 */", "statement.executable_comment"),
    ("delete from orders /*M! where id = 1 */", "statement.executable_comment"),
    ("delete from orders where id = 1 /*!50701 or 1 */", "statement.executable_comment"),
    ("/*! set global a = 1; delete from orders */", "statement.executable_comment"),
    ("update /*+ SET_VAR(sql_log_bin=0) */ orders set a = 1 where 1", "statement.hint"),
    ("update /*+ set_var(foreign_key_checks = OFF) */ orders set a = 1 where 1", "statement.hint"),
    ("insert /*+ RESOURCE_GROUP(g) */ into orders values (1)", "statement.hint"),
    ("update /*+ BKA(`a`) */ orders set a = 1 where 1", "statement.hint"),
    ("insert /*+ a */ /*+ b */ /*+ c */ /*+ d */ delayed into orders values (1)", "statement.delayed"),
    ("insert into orders select * from items into /*+ a */ outfile '/tmp/x'", "statement.into_file"),
    ("insert into orders values (sleep /*+ a */ (1))", "statement.function"),
    ("create table t (a int) engine /*+ a */ = /*+ b */ federated", "statement.engine"),
    ("create table t (a int) partition by hash (a) (partition p engine connect)", "statement.engine"),
    ("update orders set a = $$x$$ where 1", "statement.dollar"),
    ("delete from orders where id = 1\\G", "statement.backslash"),
    # What a statement may hold
    ("update orders set a = @a := 1 where 1", "statement.variable"),
    ("update orders set a = @@session.sql_mode where 1", "statement.variable"),
    ("insert into orders select 1 into @x", "statement.variable"),
    ("insert into orders select * from items into outfile '/tmp/x'", "statement.into_file"),
    ("delete from orders where id in (select 1 into dumpfile '/tmp/x')", "statement.into_file"),
    ("insert into orders values (get_lock('a', 1))", "statement.function"),
    ("insert into orders values (1, RELEASE_ALL_LOCKS())", "statement.function"),
    ("update orders set a = `sleep`(10) where 1", "statement.function"),
    ("update orders set a = sleep /* */ (10) where 1", "statement.function"),
    ("delete from orders where benchmark(1e9, md5('a'))", "statement.function"),
    ("insert into orders select load_file('/etc/passwd')", "statement.function"),
    ("insert into orders select group_replication_set_as_primary('x')", "statement.function"),
    ("create view v as select sleep(1)", "statement.function"),
    ("insert delayed into orders values (1)", "statement.delayed"),
    ("delete history from orders", "statement.delete_history"),
    ("create temporary table t (a int)", "statement.temporary"),
    ("create or replace temporary table t (a int)", "statement.temporary"),
    ("drop temporary table t", "statement.temporary"),
    ("create definer = root@localhost view v as select 1", "statement.definer"),
    ("create definer = current_user view v as select 1", "statement.definer"),
    ("alter definer = current_user view v as select 1", "statement.definer"),
    ("alter sql security definer view v as select 1", "statement.definer"),
    ("alter view v as select sleep(1)", "statement.function"),
    ("alter view other.v as select 1", "statement.other_schema"),
    ("alter view v as select * from other.t", "statement.other_schema"),
    ("create algorithm = merge sql security definer view v as select 1", "statement.definer"),
    ("create table t (a int) data directory = '/tmp'", "statement.outside_storage"),
    ("create table t (a int) partition by hash (a) (partition p index directory '/tmp')", "statement.outside_storage"),
    ("create table t (a int) engine = InnoDB connection = 'mysql://u@h/d/t'", "statement.outside_storage"),
    ("create table t (a int) engine = MyISAM union = (u, v)", "statement.outside_storage"),
    ("alter table t union (u)", "statement.outside_storage"),
    ("create table t (a int) engine = federated", "statement.engine"),
    ("create table t (a int) engine CONNECT", "statement.engine"),
    ("create table t (a int) engine = `connect`", "statement.engine"),
    ("create table t (a int) engine = 'SPIDER'", "statement.engine"),
    ("alter table t engine blackhole", "statement.engine"),
    ("alter table t add column a int, engine = csv", "statement.engine"),
    ("create table t (a int) start transaction", "statement.start_transaction"),
    ("alter table t import tablespace", "statement.tablespace"),
    ("alter table t discard partition p tablespace", "statement.tablespace"),
    # Names of another schema
    ("delete from mysql.user", "statement.system_schema"),
    ("delete from `MySQL`.`user`", "statement.system_schema"),
    ("insert into orders select * from information_schema . tables", "statement.system_schema"),
    ("update orders set a = (select 1 from performance_schema/**/./**/threads) where 1", "statement.system_schema"),
    ("update orders mysql set mysql.a = 1 where 1", "statement.system_schema"),
    ("insert into orders select sys.version_major()", "statement.system_schema"),
    ("delete from other.orders", "statement.other_schema"),
    ("delete from Shop.orders", "statement.other_schema"),
    ("insert into other.orders values (1)", "statement.other_schema"),
    ("update orders, other.items set orders.a = 1 where 1", "statement.other_schema"),
    ("update orders other, other.items set other.a = 1 where 1", "statement.other_schema"),
    ("update orders other set a = (select 1e5from other.items) where 1", "statement.other_schema"),
    ("update orders other set a = (select 1.from other.items) where 1", "statement.other_schema"),
    ("update orders other set a = (select 1 from other.5) where 1", "statement.other_schema"),
    ("insert into orders select 1 from items other join (items i, other.items) on 1", "statement.other_schema"),
    ("insert into orders select 1 from items use index for join (i), other.secret", "statement.other_schema"),
    (
        "insert into orders select 1 from items other, items use index for order by (i), other.secret",
        "statement.other_schema",
    ),
    ("insert into orders select 1 from items returning, items other, other.secret", "statement.other_schema"),
    ("insert into orders select 1 from items other where a in (table other.secret)", "statement.other_schema"),
    ("insert into orders table other.secret", "statement.other_schema"),
    ("insert into orders with other as (select 1) select * from other.secret", "statement.other_schema"),
    ("insert into orders (select 1 from items other union select 2 from other.secret)", "statement.other_schema"),
    ("insert into orders values (other.f(1))", "statement.other_schema"),
    ("insert into orders values (other . f (1))", "statement.other_schema"),
    ("insert into orders values (next value for other.s)", "statement.other_schema"),
    ("insert into orders select other.secret.a from items other", "statement.other_schema"),
    ("delete other.orders from orders", "statement.other_schema"),
    ("delete from orders using orders, other.x where 1", "statement.other_schema"),
    ("create table t like other.u", "statement.other_schema"),
    ("create table t (like other.u)", "statement.other_schema"),
    ("create table t (a int, foreign key (a) references other.u (id))", "statement.other_schema"),
    ("create table other.t (a int)", "statement.other_schema"),
    ("create table t select * from other.u", "statement.other_schema"),
    ("alter table other.t rename to t", "statement.other_schema"),
    ("alter table other.t rename to other.u", "statement.other_schema"),
    ("alter table t rename to mysql.t", "statement.system_schema"),
    ("alter table t rename to SHOP.t", "statement.other_schema"),
    ("rename table mysql.a to a", "statement.system_schema"),
    ("rename table a to inception_kept_1_0_1.a", "statement.reserved_schema"),
    ("rename table a to b, other.b to other.c", "statement.other_schema"),
    ("rename table other.b to third.b", "statement.other_schema"),
    ("rename table a to Shop.b", "statement.other_schema"),
    ("create database Inception_kept_x", "statement.reserved_schema"),
    ("create database mysql", "statement.system_schema"),
    ("create database `$_$Inception_backup_information$_$`", "statement.reserved_table"),
    ("alter database other character set latin1", "statement.other_schema"),
    ("alter database Shop character set latin1", "statement.other_schema"),
    ("alter table other exchange partition p with table other.t", "statement.other_schema"),
    ("alter table t add constraint foreign key (a) references other.u (id)", "statement.other_schema"),
    ("drop table a, other.b", "statement.other_schema"),
    ("truncate table other.t", "statement.other_schema"),
    ("create index i on other.t (a)", "statement.other_schema"),
    ("drop index i on other.t", "statement.other_schema"),
    ("create sql security invoker view v as select * from other.t", "statement.other_schema"),
    ("create view other.v as select 1", "statement.other_schema"),
    ("drop view other.v", "statement.other_schema"),
    ("insert into `$_$Inception_backup_information$_$` values (1)", "statement.reserved_table"),
    ("create table `$_$Inception_row_events$_$` (a int)", "statement.reserved_table"),
    # What cannot be read is not guessed at
    ("update orders", "statement.unreadable"),
    ("update orders set", "statement.unreadable"),
    ("update orders set a = 1)", "statement.unreadable"),
    ("delete orders", "statement.unreadable"),
    ("delete x from orders o", "statement.unreadable"),
    ("insert into", "statement.unreadable"),
    ("insert into orders select * from", "statement.unreadable"),
    ("insert into orders select * from a, , b", "statement.unreadable"),
    ("insert into orders select * from { oj a left join b on 1 }", "statement.unreadable"),
    ("update orders for portion of p from (select a from other.t) to 2 set a = 1", "statement.unreadable"),
    ("update orders for portion of p from other.f() to 2 set a = 1", "statement.unreadable"),
    ("update orders for portion of p from 1 to a set a = 1", "statement.unreadable"),
    ("update orders for portion of p from 1 set a = 1", "statement.unreadable"),
    ("delete from orders for portion of other.p from 1 to 2", "statement.unreadable"),
    ("insert into orders select * from .t", "statement.unreadable"),
    ("insert into a.b.c values (1)", "statement.unreadable"),
    ("insert into orders values " + "(" * 300 + "1" + ")" * 300, "statement.unreadable"),
    ("drop table a b", "statement.unreadable"),
    ("rename table a", "statement.unreadable"),
    ("create database", "statement.unreadable"),
    ("create database a.b", "statement.unreadable"),
    ("create database comment", "statement.unreadable"),
    ("create database d comment 'x' drop table a", "statement.unreadable"),
    ("create database d character set", "statement.unreadable"),
    ("alter database shop", "statement.unreadable"),
    ("alter database comment 'x'", "statement.unreadable"),
    ("alter database shop upgrade data directory name", "statement.unreadable"),
    ("rename table a to b c to d", "statement.unreadable"),
    ("truncate orders where 1", "statement.unreadable"),
    ("alter table orders", "statement.unreadable"),
]


@pytest.mark.parametrize(("sql", "problem_id"), REFUSED)
def test_it_refuses(sql: str, problem_id: str) -> None:
    result = check(f"insert into orders values (1);\n\n{sql}")
    (problem,) = [problem for problem in result.errors if problem.id == problem_id] or [None]
    assert problem is not None, result.errors
    assert (problem.statement, problem.line) == (1, 3)
    assert problem.found.startswith("Statement 2 (line 3) ")
    assert problem.needed
    assert problem.how


@pytest.mark.parametrize(
    ("sql", "problem_id", "line"),
    [
        ("", "sql.empty", None),
        (" ;; -- nothing\n/* ; */ # at all", "sql.empty", None),
        (b"\xef\xbb\xbf", "sql.empty", None),
        ("insert into orders values (1);" * (MAX_STATEMENTS + 1), "sql.too_many", None),
        (b"insert into t values (1);\ninsert into t values ('\xe9')", "sql.not_utf8", 2),
        ("insert into t values (1)".encode("utf-16"), "sql.not_utf8", 1),
        ("insert into t values ('\ud800')", "sql.not_utf8", 1),
        ("insert into t values ('" + "é" * LIMIT + "')", "sql.too_long", None),
        ("delete from\u00a0t where 1", "sql.hidden_character", 1),
        ("delete from t\u200b where 1", "sql.hidden_character", 1),
        ("delete from t -- \u202e\n where 1", "sql.hidden_character", 1),
        ("-- a\rdelete from t\n\nwhere 1", "sql.hidden_character", 1),
        ("delete from t where 1\n/* \u2028 */", "sql.hidden_character", 2),
        ("delete from `t\u2066` where 1", "sql.hidden_character", 1),
        ("delete from t where 1\x01", "sql.hidden_character", 1),
        ("delete from t where 'a", "sql.unterminated", 1),
    ],
)
def test_it_refuses_the_whole_text(sql: str | bytes, problem_id: str, line: int | None) -> None:
    problems = check(sql).errors
    assert problem_id in [problem.id for problem in problems]
    assert next(problem.line for problem in problems if problem.id == problem_id) == line


def test_it_reads_a_byte_order_mark_as_no_part_of_the_statement() -> None:
    result = check(b"\xef\xbb\xbfinsert into t values ('\xc3\xa9')")
    assert not result.problems
    assert result.statements[0].text == "insert into t values ('é')"


def test_a_ticket_on_a_system_schema_is_refused() -> None:
    result = check_statements("insert into user values (1)", "MySQL", LIMIT)
    assert [problem.id for problem in result.errors] == ["schema.system"]


def test_each_problem_is_said_once_per_statement() -> None:
    result = check("insert into t select other.a, other.b, sleep(1), sleep(2); delete from other.t; set a = 1")
    assert [(problem.statement, problem.id) for problem in result.errors] == [
        (0, "statement.function"),
        (0, "statement.other_schema"),
        (1, "statement.other_schema"),
        (2, "statement.set"),
    ]


def test_the_sql_mode_of_the_session_decides_what_a_quote_is() -> None:
    sql = 'delete from "other"."t" where 1'
    assert [problem.id for problem in check(sql).errors] == ["statement.unreadable"]
    result = check_statements(sql, "shop", LIMIT, ansi_quotes=True)
    assert [problem.id for problem in result.errors] == ["statement.other_schema"]


@pytest.mark.parametrize(
    ("sql", "ids"),
    [
        ("update orders set a = 1", ["statement.no_where"]),
        ("update orders set a = (select 1 from b where c = 1)", ["statement.no_where"]),
        ("delete from orders limit 1", ["statement.no_where"]),
        ("delete from orders where 1", []),
        ("insert into orders select 1", []),
        ("drop table orders", []),
        ("truncate orders", []),
        ("drop index i on orders", []),
        ("drop view v", []),
        ("create or replace table t (a int)", []),
        ("create or replace sql security invoker view v as select 1", []),
        ("create view v as select 1", ["statement.view_rights"]),
        ("alter view v as select 1", ["statement.view_rights"]),
        ("alter sql security invoker view v as select 1", []),
        ("create sql security invoker view v as select 1", []),
        ("create table t (a int)", []),
        ("create table if not exists t (a int)", []),
        ("create index i on t (a)", []),
        ("rename table a to b", []),
        ("alter table t add column a int, add index i (a), lock = none", []),
        ("alter table t rename to u", []),
        ("alter table t drop column a", []),
        ("alter table t add column a int, modify b int", []),
        ("alter table t add index (a)", []),
        ("alter table t add primary key (a)", []),
        ("alter table t add column if not exists a int", []),
        ("insert into t values ('\u202e')", ["sql.turning_character"]),
    ],
)
def test_it_warns_before_approval(sql: str, ids: list[str]) -> None:
    result = check(sql)
    assert not result.errors
    assert [problem.id for problem in result.warnings] == ids


SQL_WORDS = [
    "insert into", "update", "delete from", "select", "from", "join", "on", "where", "set", "values", "with", "as",
    "t", "u", "shop", "other", ".", ",", "(", ")", "=", "1", "'a'", "*", "table", "create table", "alter table",
    "add column", "rename to", "drop table", "like", "references", "using", "for", "partition", "union", "exists",
    "not",
    "if", "view", "index", ";",
]  # fmt: skip


@given(st.lists(st.sampled_from(SQL_WORDS) | FRAGMENTS, max_size=25))
@settings(max_examples=150, deadline=None)
def test_any_text_gets_an_answer_and_never_another_schema(words: list[str]) -> None:
    result = check(" ".join(words))
    assert result.errors or result.statements
    if not result.errors:
        assert all(schema in (None, "shop") for statement in result.statements for schema, _ in statement.tables)
        assert all(statement.kind.is_allowed and statement.table_name for statement in result.statements)


@pytest.mark.parametrize(
    ("head", "unit", "tail"),
    [
        ("create table t (a int)", " engine x", ""),
        ("drop table t", ", t1.a", ""),
        ("delete t", ", t", " from t"),
        ("delete a.t", ", a.t", " from a.t"),
        ("update t", ", u", " set a = 1"),
        ("update t set a = 1", ", t.b = x.c", ""),
        ("alter table t add a int", ", add b int", ""),
        ("insert into t select 1 from t", " join t", ""),
        ("insert into t select 1", " union select a.b from u", ""),
        ("insert into t with a as (select 1)", ", a as (select 1)", " select 1"),
        ("insert into t values (f(1))", ",(f(1))", ""),
        ("insert into t values (1", ",1", ", f()), (1)"),
        ("rename table a to b", ", a to b", ""),
        ("", "/*!1*/ ;", ""),
        ("delete from t where a", ".a", ""),
    ],
)
def test_time_grows_with_the_length_only(head: str, unit: str, tail: str) -> None:
    """A text eight times as long may take eight times as long, not sixty-four: a ticket must not stop the server."""

    def seconds(size: int) -> float:
        began = time.process_time()
        check(head + unit * size + tail)
        return time.process_time() - began

    def grows_quickly() -> bool:
        return seconds(4000) > max(seconds(500), 0.002) * 40

    # A busy machine, or the garbage of other tests, makes one of these slow; a quadratic check is always slow.
    assert not all(grows_quickly() for _ in range(5))
