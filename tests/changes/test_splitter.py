"""Splitting: every case that was found to trip other splitters, and the properties that hold for any text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changes.lexer import SplitError
from changes.splitter import split_script

# Counts as MySQL and MariaDB answer them when the script is sent whole (tests/live/test_splitter_oracle.py).
CASES = [
    ("plain two", "select 1; select 2;", 2),
    ("no trailing semi", "select 1; select 2", 2),
    ("semicolon in single quote", "insert into t values('a;b'); select 1", 2),
    ("semicolon in double quote", 'insert into t values("a;b"); select 1', 2),
    ("semicolon in backtick", "select `a;b` from t; select 1", 2),
    ("backslash escaped quote", "insert into t values('it\\'s; ok'); select 1", 2),
    ("doubled quote", "insert into t values('it''s; ok'); select 1", 2),
    ("backslash at end then quote", "insert into t values('c:\\\\'); delete from u; select ';'", 3),
    ("dq with backslash-dq", 'insert into t values("a\\";b"); select 1', 2),
    ("-- comment with semi", "select 1 -- no; split\n; select 2", 2),
    ("# comment with semi", "select 1 # no; split\n; select 2", 2),
    ("# comment apostrophe", "select 1 # don't\n; select 2", 2),
    ("-- comment apostrophe", "select 1 -- don't\n; select 2", 2),
    ("/* */ with semi", "select 1 /* a;b */; select 2", 2),
    ("/*! */ executable comment", "/*!40101 SET NAMES utf8mb4 */; select 1", 2),
    ("/*! with semi inside string */", "/*!50003 select ';' */; select 2", 2),
    ("--x is not a comment in mysql", "select 5--1; select 2", 2),
    ("only comments", "-- nothing here;\n/* ; */", 0),
    ("empty statements", ";;select 1;;", 1),
    ("procedure body without delimiter cmd", "create procedure p() begin select 1; select 2; end; select 3", 2),
    ("trigger single stmt", "create trigger tr before insert on t for each row set new.a=1; select 1", 2),
    (
        "function with if/else no delimiter",
        "create function f(a int) returns int deterministic"
        " begin if a>1 then return 1; else return 2; end if; end; select f(1)",
        2,
    ),
    (
        "proc with case and while",
        "create procedure p() begin declare i int default 0; while i<3 do set i=i+1; case i when 1"
        " then select 1; else select 2; end case; end while; end; select 9",
        2,
    ),
    ("event", "create event e on schedule every 1 day do begin delete from t; delete from u; end; select 1", 2),
    ("begin as transaction", "begin; update t set a=1; commit;", 3),
    ("start transaction", "start transaction; update t set a=1; commit", 3),
    ("begin work", "begin work; insert into t values(1); rollback;", 3),
    ("CASE expr in update", "update t set a=case when b=1 then 2 else 3 end where c=1; delete from t where id=2", 2),
    ("IF function", "update t set a=if(b=1,2,3); select 1", 2),
    ("column named begin quoted", "select `begin` from t; select `end` from t", 2),
    (
        "create table with comment semis",
        "create table t(id int comment 'a;b', n int default 0 comment 'it''s;') comment='x;y'; select 1",
        2,
    ),
    ("json string", 'insert into t values(\'{"a": "b;c"}\'); select 1', 2),
    ("hex/bin literals", "insert into t values(x'3B', b'01', 0x3B); select 1", 2),
    ("unicode", "insert into t values('日本;語 — é'); select '；'", 2),
    ("CRLF", "select 1;\r\nselect 2;\r\n", 2),
    (
        "declare begin..end nested",
        "create procedure p() begin begin select 1; end; begin select 2; end; end; select 3",
        2,
    ),
    ("loop end loop", "create procedure p() l: loop leave l; end loop; select 3", 2),
    ("repeat until", "create procedure p() begin repeat set @a=@a+1; until @a>3 end repeat; end; select 3", 2),
    ("if exists drops", "drop table if exists a; drop procedure if exists p; drop trigger if exists tr;", 3),
    (
        "create table if not exists + end-named col",
        "create table if not exists t(id int, `end` int, start_date date, end_date date); select 1",
        2,
    ),
    (
        "handler declare",
        "create procedure p() begin declare exit handler for sqlexception begin rollback; end;"
        " start transaction; update t set a=1; commit; end; select 1",
        2,
    ),
]


def texts(sql: str, **modes: bool) -> list[str]:
    return [piece.text for piece in split_script(sql, **modes)]


@pytest.mark.parametrize(("sql", "count"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_it_counts_statements_as_the_server_does(sql: str, count: int, newline: str) -> None:
    assert len(split_script(sql.replace("\r\n", "\n").replace("\n", newline))) == count


def test_it_keeps_the_authors_characters() -> None:
    sql = " -- why\n UPDATE  t /* all */ SET a='x;''y'\n  WHERE 1 ; # done\n\ndelete from `t;`\n-- end"
    assert texts(sql) == ["UPDATE  t /* all */ SET a='x;''y'\n  WHERE 1", "delete from `t;`"]


def test_it_tells_the_line_of_each_statement() -> None:
    pieces = split_script("\ufeff/* a\nb */ select 1;\r\n\r\n\tselect '\n'; select 2\n;\nselect 3")
    assert [(piece.line, piece.text) for piece in pieces] == [
        (2, "select 1"),
        (4, "select '\n'"),
        (5, "select 2"),
        (7, "select 3"),
    ]


@pytest.mark.parametrize(
    ("sql", "modes", "expected"),
    [
        ('select "a`;b"; select 2', {"ansi_quotes": True}, ['select "a`;b"', "select 2"]),
        ('select "a\\"; select 2', {"ansi_quotes": True}, ['select "a\\"', "select 2"]),
        ("select 'a\\'; select 2", {"no_backslash_escapes": True}, ["select 'a\\'", "select 2"]),
        ('select "a\\"; select 2', {"no_backslash_escapes": True}, ['select "a\\"', "select 2"]),
        ("select `a\\`; select 2", {}, ["select `a\\`", "select 2"]),
    ],
)
def test_it_follows_the_sql_mode(sql: str, modes: dict[str, bool], expected: list[str]) -> None:
    assert texts(sql, **modes) == expected


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("create procedure p() l: begin select 1; select 2; end l; select 3", 2),
        ("create procedure p() begin if 1 then select 1; elseif 2 then select 2; end if; end; select 3", 2),
        ("create trigger tr before insert on t for each row if new.a then set new.b=1; end if; select 3", 2),
        ("create definer=root@localhost procedure p() begin select 1; end; select 3", 2),
        ("create or replace procedure p() begin select repeat('a', 2); end; select 3", 2),
        ("create procedure p() begin select `end`, t.end, case a when 1 then 2 end from t; end; select 3", 2),
        ("create procedure p() begin for i in 1..3 do select i; end for; end; select 3", 2),
        ("alter event e do begin select 1; select 2; end; select 3", 2),
        ("begin not atomic select 1; select 2; end; select 3", 2),
        ("create table event (`begin` int, `end` int); select 1", 2),
        ("create table t (begin int, loop1 int); select 1", 2),
        ("/*!50003 create procedure p() begin select 1; select 2; end */; select 3", 2),
        ("/*! select 1 /*! + 1 */ ; */; select 2", 2),
        ("/*M! select 1 */; /*m! no code */ select 2", 2),
        ("select 2*/* two */3; select 4", 2),
        ("select 2 */*/ three */ 3; select 4", 2),
        ("select 1 --\x01 control; ends no comment\n; select 2", 2),
        ("select 1 --\u00a0; select 2", 2),
        ("select 1 -- to the end of the text; select 2", 1),
        ("select 1 # to the end of the text; select 2", 1),
        ("select 1 --", 1),
        ("select x'3B', n'a;b', _utf8mb4'c;d'; select 2", 2),
        ("select '\\\\', '\\';', ';'; select 2", 2),
        ("update t set delimiter = 1 where\ndelimiter = 2; select 2", 2),
    ],
)
def test_it_splits_what_is_rarer(sql: str, count: int) -> None:
    assert len(split_script(sql)) == count


@pytest.mark.parametrize(
    ("sql", "problem_id", "line"),
    [
        ("select 1;\nselect 'a", "sql.unterminated", 2),
        ("select 1;\n\nselect `a", "sql.unterminated", 3),
        ('select "a\n\n', "sql.unterminated", 1),
        ("select 1 /* a\n", "sql.unterminated", 1),
        ("select 1 /*! a\n", "sql.unterminated", 1),
        ("select 1 /*+ a\n", "sql.unterminated", 1),
        ("select 'a\\'", "sql.unterminated", 1),
        ("select 1;\nselect '\0'", "sql.nul", 2),
        ("DELIMITER //\ncreate procedure p() begin select 1; end//\nDELIMITER ;\nselect 3;", "sql.delimiter", 1),
        ("select 1;\n  delimiter $$", "sql.delimiter", 2),
        ("select 5--;\nselect 2", "sql.dashes", 1),
    ],
)
def test_it_refuses_what_it_cannot_read_to_its_end(sql: str, problem_id: str, line: int) -> None:
    with pytest.raises(SplitError) as caught:
        split_script(sql)
    assert (caught.value.problem.id, caught.value.problem.line) == (problem_id, line)
    assert caught.value.problem.severity == "error"


MARKS = [
    "'",
    '"',
    "`",
    "\\",
    "--",
    "#",
    "/*",
    "*/",
    "/*!",
    "/*!50000",
    "/*M!",
    "/*+",
    ";",
    "@",
    ".",
    "(",
    ")",
    "$$",
    "é",
]
WORDS = [
    "values (1,'a')",
    ",(NULL)",
    "1e5",
    "1.",
    "N'a'",
    "''",
    "x",
    "begin",
    "end",
    "create procedure p()",
    "case",
    "if",
    "delimiter ;",
    "select",
    "-- ",
    "\n",
    "\r",
    " ",
    "\U0001f600",
    "\0",
]
FRAGMENTS = st.sampled_from(MARKS + WORDS)


@given(st.lists(FRAGMENTS | st.text(max_size=3), max_size=30).map("".join), st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_text_splits_or_raises_split_error(sql: str, ansi_quotes: bool, no_backslash_escapes: bool) -> None:
    modes = {"ansi_quotes": ansi_quotes, "no_backslash_escapes": no_backslash_escapes}
    try:
        pieces = split_script(sql, **modes)
    except SplitError:
        return
    assert all(piece.text in sql and piece.text == piece.text.strip(" \t\n\r\v\f") for piece in pieces)
    again = split_script(";\n".join(piece.text for piece in pieces), **modes)
    assert [piece.text for piece in again] == [piece.text for piece in pieces]
    for before, after in zip(pieces, again, strict=True):
        assert [token[:3] for token in before.tokens] == [token[:3] for token in after.tokens]


@given(st.lists(st.sampled_from([case for case in CASES if not case[1].rstrip().endswith("--")]), max_size=6))
@settings(max_examples=60, deadline=None)
def test_scripts_joined_split_into_as_many(cases: list[tuple[str, str, int]]) -> None:
    script = "\n;\n".join(sql for _, sql, _ in cases)
    assert len(split_script(script)) == sum(count for _, _, count in cases)


def test_five_thousand_inserts_take_well_under_a_second() -> None:
    line = (
        "INSERT INTO orders (id, name, note) VALUES (%d, 'it''s; so', \"a\\\"b\", NULL, 12.50, x'3B', '2024-01-01');\n"
    )
    sql = "".join(line % number for number in range(5000))
    began = time.process_time()
    assert len(split_script(sql)) == 5000
    assert time.process_time() - began < 2  # 0.3 s alone; the machine may be busy


@pytest.mark.parametrize(
    "unit", ["'a\\'b'", "'a''b'", "x;", "(", "/*a*/", "`", "-", "*/", "1e5", "''", "/*+", "/*!", '"']
)
def test_time_grows_with_the_length_only(unit: str) -> None:
    def seconds(size: int) -> float:
        began = time.process_time()
        try:
            split_script("select '" + unit * size)
            split_script(unit * size)
        except SplitError:
            pass
        return time.process_time() - began

    short, long = max(seconds(2_000), 0.005), seconds(16_000)
    assert long < short * 40


def test_a_string_of_four_mebibytes_takes_under_a_second() -> None:
    began = time.process_time()
    for content in ("a" * (4 << 20), "''" * (2 << 20)):
        assert len(split_script(f"insert into t values ('{content}'); select 1")) == 2
        with pytest.raises(SplitError):
            split_script(f"insert into t values ('{content}")
    assert time.process_time() - began < 6
