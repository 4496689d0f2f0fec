"""The scope rule against real servers: whatever word stands before it, a schema cannot pass for an alias.

Each statement names the table `nosuch.secret` where `nosuch` may also be an alias. When the server says that there is
no such schema or table, it took the name for a table's: then the policy must have refused the statement, or have seen
that it moves a table there.
"""

from __future__ import annotations

from typing import Any

import MySQLdb
import pytest

from changes.statements import check_statements
from tests.servers import Server

pytestmark = pytest.mark.live

# {word}: every keyword of the server in turn.
TEMPLATES = [
    "insert into t select 1 from t nosuch, t {word}, nosuch.secret",
    "insert into t select 1 from t nosuch {word} join nosuch.secret on 1",
    "insert into t select 1 from t nosuch {word} select 1 from nosuch.secret",
    "update t nosuch {word}, nosuch.secret set nosuch.a = 1",
    "delete {word} x from t x, t nosuch, nosuch.secret where 1",
    "alter table t {word} nosuch.secret",
    "create table x {word} nosuch.secret",
    "with nosuch as (select 1) {word} nosuch.secret",
]
# Errors that quote the name and have not looked for the table.
UNKNOWN_COLUMN, SYNTAX = 1054, 1064


def reaches_the_schema(connection: Any, sql: str) -> bool:
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
    except MySQLdb.Error as error:
        number, words = error.args[0], str(error.args[1])
        return number not in (UNKNOWN_COLUMN, SYNTAX) and "nosuch" in words
    return False


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_word_hides_another_schema(server: Server, schema: str, template: str) -> None:
    connection = server.connect(database=schema)
    cursor = connection.cursor()
    cursor.execute("create table t (a int)")
    cursor.execute("select word from information_schema.keywords")
    statements = [template.format(word=word) for (word,) in cursor.fetchall()] + [template.format(word="")]
    reaching = [sql for sql in statements if reaches_the_schema(connection, sql)]
    connection.close()
    assert reaching, "the template reaches the schema with no word at all"
    assert [sql for sql in reaching if not _is_noticed(sql, schema)] == []


def _is_noticed(sql: str, schema: str) -> bool:
    checked = check_statements(sql, schema, 4096)
    return bool(checked.errors) or any("nosuch" in one.list_other_schemas(schema) for one in checked.statements)
