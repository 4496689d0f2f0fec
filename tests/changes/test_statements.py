"""Classification: the kind of a statement, the tables it writes and reads, and the table it is filed under."""

from __future__ import annotations

import pytest

from changes.alter_clauses import AlterAction
from changes.statements import Statement, StatementKind, check_statements, split_statements

# (statement, first word of its kind, tables it writes); of refused kinds no tables are told.
CASES = [
    ("insert into a.t(x) values(1)", "INSERT", ["a.t"]),
    ("insert ignore t set x=1", "INSERT", ["t"]),
    ("insert into t select * from u", "INSERT", ["t"]),
    ("insert into t(x) values(1) on duplicate key update x=x+1", "INSERT", ["t"]),
    ("insert into t(x) values(1) as new on duplicate key update x=new.x", "INSERT", ["t"]),
    ("insert low_priority into t values(1)", "INSERT", ["t"]),
    ("insert into t values row(1)", "INSERT", ["t"]),
    ("insert into t partition(p0) values(1)", "INSERT", ["t"]),
    ("insert into t(x) values(1) returning id", "INSERT", ["t"]),
    ("replace into t values(1)", "REPLACE", ["t"]),
    ("replace t set a=1", "REPLACE", ["t"]),
    ("load data local infile '/x' into table t fields terminated by ','", "LOAD", ["t"]),
    ("update t set a=1 where id=1", "UPDATE", ["t"]),
    ("update `my db`.`my-t` set a=1", "UPDATE", ["my db.my-t"]),
    ("update t as x set x.a=1", "UPDATE", ["t"]),
    ("update low_priority ignore t set a=1 limit 3", "UPDATE", ["t"]),
    ("update t set a=1 where id=1 order by id limit 10", "UPDATE", ["t"]),
    ("update t join u on t.id=u.id set t.a=u.a where u.b=1", "UPDATE", ["t"]),
    ("update t, u set t.a=1, u.b=2 where t.id=u.id", "UPDATE", ["t", "u"]),
    ("update t x left join db2.u y on x.id=y.id set x.a=1, y.b=2", "UPDATE", ["db2.u", "t"]),
    ("with c as (select id from u) update t join c using(id) set t.a=1", "UPDATE", ["t"]),
    ("with c as (select id from u) update t join c using(id) set a=1", "UPDATE", ["t"]),
    ("update t set a=(select max(b) from u) where id in (select id from v)", "UPDATE", ["t"]),
    ("delete from t where id=1", "DELETE", ["t"]),
    ("delete from t where a=1 order by id limit 5", "DELETE", ["t"]),
    ("delete quick ignore from t where 1", "DELETE", ["t"]),
    ("delete t from t join u on t.id=u.id where u.x=1", "DELETE", ["t"]),
    ("delete t, u from t join u on t.id=u.id", "DELETE", ["t", "u"]),
    ("delete from t using t join u on t.id=u.id", "DELETE", ["t"]),
    ("delete a from t as a join u as b on a.id=b.id", "DELETE", ["t"]),
    ("delete from t as a where a.id=1", "DELETE", ["t"]),
    ("delete from t partition(p0) where 1", "DELETE", ["t"]),
    ("update t for portion of p from '2024-01-01' to '2024-02-01' set v = 9", "UPDATE", ["t"]),
    ("update t partition (p0) for portion of p from 1 to date '2024-02-01' as x set x.v = 9", "UPDATE", ["t"]),
    ("delete from t for portion of `p` from now(6) to current_date + interval 1 day x where x.a", "DELETE", ["t"]),
    ("with c as (select id from u) delete from t where id in (select id from c)", "DELETE", ["t"]),
    ("truncate table t", "TRUNCATE", ["t"]),
    ("truncate t", "TRUNCATE", ["t"]),
    ("create table t(id int primary key auto_increment) engine=innodb default charset=utf8mb4", "CREATE", ["t"]),
    ("create table t like u", "CREATE", ["t"]),
    ("create table if not exists db.t as select * from u", "CREATE", ["db.t"]),
    ("create unique index i on t(a,b desc) using btree algorithm=inplace lock=none", "CREATE", ["t"]),
    ("create or replace view v as select * from t", "CREATE", ["v"]),
    ("drop table if exists t, u", "DROP", ["t", "u"]),
    ("drop index i on t", "DROP", ["t"]),
    ("drop database d", "DROP", []),
    ("rename table a to b, c to d", "RENAME", ["a", "b", "c", "d"]),
    (
        "alter table t add column x int not null default 0 after y, drop column z, algorithm=inplace, lock=none",
        "ALTER",
        ["t"],
    ),
    ("alter table t modify x varchar(20) character set utf8mb4 collate utf8mb4_bin comment 'a;b'", "ALTER", ["t"]),
    ("alter table t change a b bigint unsigned", "ALTER", ["t"]),
    ("alter table t add index i(a), add unique key u(b), add fulltext f(c)", "ALTER", ["t"]),
    ("alter table t add constraint fk foreign key(a) references u(id) on delete cascade", "ALTER", ["t"]),
    ("alter table t rename to u", "ALTER", ["t"]),
    ("alter table t rename column a to b", "ALTER", ["t"]),
    ("alter table t engine=innodb, row_format=dynamic", "ALTER", ["t"]),
    ("alter table t convert to character set utf8mb4", "ALTER", ["t"]),
    ("alter table t add partition (partition p1 values less than (10))", "ALTER", ["t"]),
    ("alter table t drop partition p0", "ALTER", ["t"]),
    ("alter table t drop primary key, add primary key(id)", "ALTER", ["t"]),
    ("alter ignore table t add x int", "ALTER", ["t"]),
    ("alter table t alter column a set default 5, alter index i invisible", "ALTER", ["t"]),
    ("alter table t add column (a int, b int)", "ALTER", ["t"]),
    ("alter table if exists t add column if not exists x int", "ALTER", ["t"]),
    ("alter table t wait 5 add column x int invisible", "ALTER", ["t"]),
    ("alter table t add system versioning", "ALTER", ["t"]),
    ("set global max_connections=100", "SET", []),
    ("grant select on db.* to 'u'@'%'", "GRANT", []),
    ("call p(1)", "CALL", []),
    ("lock tables t write", "LOCK", ["t"]),
    ("optimize table t", "OPTIMIZE", ["t"]),
    ("select * from t for update", "SELECT", []),
    ("(select 1) union (select 2)", "SELECT", []),
    ("table t", "TABLE", []),
    ("explain update t set a=1", "EXPLAIN", []),
    ("select 1 into outfile '/x'", "SELECT", []),
    ("/*!40000 delete from t */", "DELETE", ["t"]),
    ("/* hi */ delete /* x */ from t", "DELETE", ["t"]),
    ("use db", "USE", []),
    ("flush tables", "FLUSH", []),
    ("analyze table t", "ANALYZE", ["t"]),
]


def only(sql: str) -> Statement:
    (statement,) = split_statements(sql)
    return statement


def text(name: tuple[str | None, str]) -> str:
    return ".".join(part for part in name if part is not None)


@pytest.mark.parametrize(("sql", "kind", "written"), CASES)
def test_it_tells_kind_and_written_tables(sql: str, kind: str, written: list[str]) -> None:
    statement = only(sql)
    assert statement.kind.value.split()[0] == kind
    if statement.kind.is_allowed:
        assert sorted(text(name) for name in statement.written) == written
    else:
        assert statement.written == ()


@pytest.mark.parametrize(
    ("sql", "own", "written", "read"),
    [
        (
            "insert into t select * from u join v on u.id = v.id, w x where x.a in (select a from y)",
            "t",
            "t",
            "u v w y",
        ),
        ("insert into t table u", "t", "t", "u"),
        ("insert into t with c as (select * from u) select * from c", "t", "t", "u"),
        ("insert into t values (1), ((select max(a) from u))", "t", "t", "u"),
        ("insert into t select 1 from dual", "t", "t", ""),
        ("insert into t(a) select a from u on duplicate key update a = values(a), b = u.b", "t", "t", "u"),
        ("replace into `s`.`t` select extract(year from d), trim(leading 'x' from n) from u", "s.t", "s.t", "u"),
        ("update t join u on t.id = u.id set u.a = t.a, t.b = 1", "u", "u t", ""),
        ("update t join u on t.id = u.id set a = 1", "t", "t u", ""),
        ("update t, (select * from v) d set t.a = d.a", "t", "t", "v"),
        ("update s.t as x, s.u set s.u.a = 1", "s.u", "s.u", "s.t"),
        ("update (t join u using (id)) left join (v cross join w) on 1 set v.a = 1 where 1", "v", "v", "t u w"),
        ("update t partition (p0, p1) as x use index for order by (i), u set x.a = 1", "t", "t", "u"),
        (
            "update t set a = case when b then 1 else (select 2 from u) end, c = default(c) order by d limit 1",
            "t",
            "t",
            "u",
        ),
        ("update t straight_join u set t.a := u.a", "t", "t", "u"),
        ("delete b, a from t as a join u as b on a.id = b.id", "u", "u t", ""),
        ("delete from b using t a join u b on a.id = b.id, v where 1", "u", "u", "t v"),
        ("delete t.*, u.* from t, u", "t", "t u", ""),
        ("delete from t where exists (select 1 from u where u.id = t.id) returning id", "t", "t", "u"),
        (
            "with recursive c(n) as (select 1 union all select n + 1 from c) delete from t where id in (table c)",
            "t",
            "t",
            "",
        ),
        (
            "insert into t select * from json_table('[1]', '$[*]' columns (a int path '$')) as j join u on j.a = u.a",
            "t",
            "t",
            "u",
        ),
        ("insert into t select rank() over (partition by a order by b) from u window w as (order by c)", "t", "t", "u"),
        ("insert into t (select a from u union select b from v) ", "t", "t", "u v"),
        ("insert into t select * from ((select 1 a) union (select 2)) d, u", "t", "t", "u"),
        ("insert into t select * from u for system_time all, v", "t", "t", "u v"),
        ("insert into t select * from u left outer join (v, w) on (u.a = v.a and w.b = 1), x", "t", "t", "u v w x"),
        ("create table t like u", "t", "t", "u"),
        ("create table t (like u)", "t", "t", "u"),
        ("create table t (a int references u (id), foreign key (a) references v (id))", "t", "t", "u v"),
        ("create table t engine=innodb as select a from u", "t", "t", "u"),
        ("alter table t add foreign key (a) references u (id), rename to w", "w", "t", "u"),
        ("alter table t exchange partition p with table u", "t", "t u", ""),
        ("rename table a to b, c to d", "d", "a b c d", ""),
        ("drop table t, u", "u", "t u", ""),
        ("drop view if exists t, u restrict", "u", "t u", ""),
        ("create view v (a) as select u.a from u", "v", "v", "u"),
        ("create algorithm = merge sql security invoker view v as select 1", "v", "v", ""),
        ("create or replace view v as (select a from t) union (select b from u) with check option", "v", "v", "t u"),
        ("create fulltext index i on t (a)", "t", "t", ""),
        ("drop index i on t algorithm = inplace", "t", "t", ""),
        ("truncate t wait 5", "t", "t", ""),
    ],
)
def test_it_tells_own_written_and_read_tables(sql: str, own: str, written: str, read: str) -> None:
    statement = only(sql)
    assert statement.table_name is not None
    assert text((statement.schema_name, statement.table_name)) == own
    assert [text(name) for name in statement.written] == written.split()
    assert [text(name) for name in statement.read] == read.split()


@pytest.mark.parametrize(
    ("sql", "facts"),
    [
        ("create table if not exists t (a int)", {"if_not_exists": True, "or_replace": False, "as_select": False}),
        ("create or replace table t as table u", {"or_replace": True, "as_select": True}),
        ("create table t table u", {"as_select": True}),
        ("create table t (a int) values row (1), row (2)", {"as_select": True}),
        ("create table t (a int) as values (1)", {"as_select": True}),
        ("create table t (`table` int, `select` int comment 'table', `values` int)", {"as_select": False}),
        ("create temporary table t (a int) select 1 as a", {"temporary": True, "as_select": True}),
        ("create table t (a int) partition by list (a) (partition p values in (1))", {"as_select": False}),
        ("drop table if exists t", {"if_exists": True}),
        ("create unique index if not exists `i-1` using btree on t (a desc)", {"index": "i-1", "if_not_exists": True}),
        ("drop index i on t", {"index": "i"}),
        ("create sql security invoker view v as select 1", {"invoker": True, "or_replace": False}),
        ("create view v as select 1", {"invoker": False}),
    ],
)
def test_it_keeps_the_facts_of_a_schema_change(sql: str, facts: dict[str, object]) -> None:
    found = only(sql).facts
    assert {name: getattr(found, name) for name in facts} == facts


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("add column x int after y, add z decimal(10, 2)", [("ADD COLUMN", "x"), ("ADD COLUMN", "z")]),
        ("add column if not exists `x y` int", [("ADD COLUMN", "x y")]),
        ("add `index` int", [("ADD COLUMN", "index")]),
        (
            "add index i (a), add unique key u (b), add fulltext f (c)",
            [("ADD INDEX", "i"), ("ADD INDEX", "u"), ("ADD INDEX", "f")],
        ),
        ("add index (a)", [("ADD INDEX", "")]),
        ("add vector vector(3), add vector index v (vector)", [("ADD COLUMN", "vector"), ("ADD INDEX", "v")]),
        ("add primary key (id)", [("ADD INDEX", "PRIMARY")]),
        ("add constraint c unique (a)", [("DEFINITION", "")]),
        ("add column (a int, b int)", [("DEFINITION", "")]),
        ("add system versioning", [("DEFINITION", "")]),
        ("rename to u", [("RENAME TABLE", "u")]),
        ("rename u", [("RENAME TABLE", "u")]),
        ("rename column a to b", [("RENAME COLUMN", "b")]),
        ("change column a b int, change if exists c `c` int", [("RENAME COLUMN", "b"), ("RENAME COLUMN", "c")]),
        ("drop partition p", [("ROWS", "")]),
        ("truncate partition p, q", [("ROWS", "")]),
        ("reorganize partition p, q into (partition r values in (1, 2))", [("DEFINITION", "")]),
        ("convert to character set utf8mb4", [("DEFINITION", "")]),
        ("disable keys", [("OTHER", "")]),
        ("add x int, algorithm = instant, lock=none", [("ADD COLUMN", "x"), ("OPTION", ""), ("OPTION", "")]),
        ("drop column a, modify b int", [("DROP COLUMN", "a"), ("DEFINITION", "")]),
        (
            "drop if exists `b`, drop index c, drop primary key",
            [("DROP COLUMN", "b"), ("DEFINITION", ""), ("DEFINITION", "")],
        ),
    ],
)
def test_it_reads_the_clauses_of_an_alter(clauses: str, expected: list[tuple[str, str]]) -> None:
    facts = only(f"alter table t {clauses}").facts
    assert facts is not None
    assert [(clause.action, clause.name) for clause in facts.clauses] == [
        (AlterAction(action), name) for action, name in expected
    ]


def test_a_rename_keeps_its_pairs_in_order() -> None:
    facts = only("rename table a to b, s.c to s.d").facts
    assert facts is not None
    assert [(old.table, new.table, new.schema) for old, new in facts.renames] == [("a", "b", None), ("c", "d", "s")]


def test_the_backup_type_is_that_of_the_format() -> None:
    types = {kind.backup_type for kind in StatementKind if kind.is_allowed}
    assert types == {
        "INSERT", "UPDATE", "DELETE", "CREATETABLE", "ALTERTABLE", "DROPTABLE", "RENAMETABLE", "CREATEINDEX",
        "DROPINDEX", "TRUNCATETABLE", "CREATEVIEW", "ALTERVIEW", "DROPVIEW", "CREATEDATABASE",
        "ALTERDATABASE",
    }  # fmt: skip


@pytest.mark.parametrize("word", ["ſelect", "delete\u00a0from", "lımıt", "ｓｅｌｅｃｔ"])
def test_letters_that_only_look_like_a_keyword_make_none(word: str) -> None:
    assert only(f"{word} t").kind is StatementKind.OTHER


def test_lines_that_end_as_on_windows_are_no_hidden_character() -> None:
    sql = "\ufeff-- hi\r\nUPDATE t SET v = 'é'; -- bye\r\n# é\r\nDELETE FROM t WHERE a = 1;\r\n"
    result = check_statements(sql, "shop", 10_000)
    assert result.errors == ()
    assert [problem.id for problem in check_statements("UPDATE t SET v = 1 -- hi\rDELETE", "s", 99).errors]
