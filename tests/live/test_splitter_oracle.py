"""The splitter against real servers: a script sent whole has as many results as we find statements.

Multi-statements are on for this connection only, which is what makes the server the judge.
"""

from __future__ import annotations

from typing import Any

import MySQLdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changes.lexer import SplitError
from changes.splitter import split_script
from tests.servers import Server

pytestmark = pytest.mark.live

# Each is one statement on both servers, whatever stands before it.
STATEMENTS = [
    "select 1",
    "select 'a;b'",
    'select "a;b"',
    "select 1 as `a;b`",
    r"select 'it\'s; ok'",
    "select 'it''s; ok'",
    r"select 'c:\\', ';'",
    r'select "a\";b"',
    "select 1 -- no; split\n",
    "select 1 # don't; split\n",
    "select 1 -- don't; split\n + 1",
    "select 1 /* a;b ' */",
    "select 1 --\t; split\n",
    "/* ; */ select 1",
    "select 5--1",
    "select 5--(1)",
    "select 2*/* two; */3",
    "select 1e0from(select 1)x",
    "select 1.from(select 1)x",
    "select x'3B', b'01', 0x3B, n'a;b', _utf8mb4'c;d'",
    "select '日本;語 — é', '；'",
    "select 1 as é, 2 as `;ö`, '\U0001f600;'",
    "do 1",
    "set @a = ';'",
    "/*!40101 set @a = ';' */",
    "/*! select 1 */",
    "select 1 /*! + 1 */",
    "/*!50003 select ';' */",
    "begin",
    "start transaction",
    "commit",
    "insert into t values (1), (2)",
    "insert into t values (1), (length(';')), (/* ) */ 3)",
    "update t set a = case when a = 1 then 2 else 3 end where a = 1",
    "update t set a = if(a = 1, 2, 3)",
    "create table if not exists u (id int comment 'a;b', `end` int, end_date date, begin int) comment = 'x;y'",
    "drop table if exists u",
    "drop procedure if exists p",
    "drop procedure if exists p; create procedure p() begin select 1; select 2; end",
    "drop procedure if exists p; create procedure p() select 1",
    "drop procedure if exists p; create procedure p() l: begin select 1; leave l; end l",
    "drop procedure if exists p; create procedure p() begin begin select 1; end; begin select 2; end; end",
    "drop procedure if exists p; create procedure p() l: loop leave l; end loop",
    "drop procedure if exists p; create procedure p() begin repeat set @a = repeat('a', 2); until 1 end repeat; end",
    "drop procedure if exists p; create procedure p() begin declare i int default 0; while i < 3 do set i = i + 1;"
    " case i when 1 then select 1; else select 2; end case; end while; end",
    "drop procedure if exists p; create procedure p() begin declare exit handler for sqlexception begin rollback; end;"
    " if 1 then select 1; elseif 2 then select if(1, 2, 3); end if; select case 1 when 1 then 2 end; end",
    "drop function if exists f; create function f(a int) returns int deterministic"
    " begin if a > 1 then return 1; else return 2; end if; end",
    "drop function if exists f; create function f(a int) returns int deterministic"
    " if a then return 1; else return 2; end if",
    "drop trigger if exists tr; create trigger tr before insert on t for each row"
    " begin set new.a = 1; if new.a is null then set new.a = 2; end if; end",
    "drop trigger if exists tr; create trigger tr before insert on t for each row if new.a then set new.a = 2; end if",
    "drop event if exists e; create event e on schedule every 1 day disable do begin delete from t; delete from t; end",
]


def count_results(connection: Any, script: str) -> int:
    """Return how many results the server sends for the whole script."""
    cursor = connection.cursor()
    cursor.execute(script.encode())
    count = 1
    while cursor.nextset() is not None:
        count += 1
    cursor.close()
    return count


@pytest.fixture
def multi(server: Server, schema: str) -> Any:
    connection = server.connect(database=schema, multi_statements=True)
    connection.cursor().execute("create table t (a int)")
    yield connection
    connection.close()


def test_each_statement_splits_as_on_the_server(multi: Any) -> None:
    wrong = {
        sql: (ours, theirs)
        for sql in STATEMENTS
        if (ours := len(split_script(sql))) != (theirs := count_results(multi, sql))
    }
    assert wrong == {}


@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from(STATEMENTS), st.sampled_from([";", " ;\n", ";\r\n", "/* ; */;", "-- ;\n;", "# '\n;\t"])
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_script_splits_as_on_the_server(multi: Any, parts: list[tuple[str, str]]) -> None:
    *before, (last, _) = parts
    script = "".join(sql + end for sql, end in before) + last
    pieces = split_script(script)
    assert len(pieces) == count_results(multi, script)
    # And each of our statements is one that the server takes by itself.
    assert [count_results(multi, piece.text) for piece in pieces] == [1] * len(pieces)


@pytest.mark.parametrize("sql", ["select 'a", "select `a", "select 1 /* a", "select '\\'", "delimiter //"])
def test_what_we_cannot_split_the_server_cannot_run(multi: Any, sql: str) -> None:
    with pytest.raises(SplitError):
        split_script(sql)
    with pytest.raises(MySQLdb.Error):
        count_results(multi, sql)
