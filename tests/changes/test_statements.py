"""Classification: the kind of a statement, the tables it writes and reads, and the table it is filed under."""

from __future__ import annotations

import pytest

from changes.statements import Statement, split_statements

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
    if statement.kind.is_allowed and not sql.startswith("/*!"):
        assert sorted(text(name) for name in statement.written) == written
    else:
        assert statement.written == ()
