from __future__ import annotations

import shlex

from changes.binlog_commands import BinlogPlace, build_commands


def place(**fields: object) -> BinlogPlace:
    values = {
        "host": "db1",
        "port": 3306,
        "is_mariadb": True,
        "file": "bin.000004",
        "position": 1234,
        "connection_id": 17,
        "marker": "/* inception ticket=4 execution=5 statement=",
    }
    return BinlogPlace(**{**values, **fields})  # type: ignore[arg-type]


def test_they_name_server_file_position_and_marker() -> None:
    session, _, events, shell = build_commands(place())
    assert session.text.endswith("WHERE ID = 17;")
    assert events.text == "SHOW BINLOG EVENTS IN 'bin.000004' FROM 1234 LIMIT 1000;"
    words = shlex.split(shell.text)
    assert words[0] == "mariadb-binlog"
    assert {"--host=db1", "--port=3306", "--start-position=1234", "bin.000004"} <= set(words)
    assert words[-1] == "/* inception ticket=4 execution=5 statement="


def test_mysql_is_asked_for_the_session_too() -> None:
    shell = build_commands(place(is_mariadb=False))[-1]
    words = shlex.split(shell.text)
    assert words[0] == "mysqlbinlog"
    assert words[-1] == "thread_id=17"


def test_odd_names_stay_one_word_of_the_shell_and_one_text_of_sql() -> None:
    _, _, events, shell = build_commands(place(host="a b;rm", file="it's.1"))
    assert "IN 'it''s.1'" in events.text
    assert {"--host=a b;rm", "it's.1"} <= set(shlex.split(shell.text))


def test_without_a_position_only_the_session_can_be_looked_for() -> None:
    assert [command.where for command in build_commands(place(position=None))] == ["sql"]
    assert build_commands(place(position=None, connection_id=None)) == []
