"""The usual way to undo row changes, for comparison: values of a binlog library, escaped by the driver.

pymysqlreplication decodes the events into Python values; the driver makes literals of them; rows are found by primary
key, or by all columns, with LIMIT 1; last change first; in a session as the server gives it. To be fair, it reads only
our schema and only this statement's transactions, and the server logs all the metadata there is.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import MySQLdb
import pymysql
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

from changes.statements import check_statements
from tests.fidelity.cases import Case
from tests.fidelity.others import Ending, OtherWay
from tests.fidelity.runner import Bench
from tests.fidelity.tables import describe_difference, make_again, query, read_state
from tests.servers import Server

MOST_EVENTS = 100_000


def run_naive(case: Case, bench: Bench) -> OtherWay:
    """Run the case's statements by themselves and undo them as most tools do."""
    with full_metadata(bench.server):
        return _run(case, bench)


@contextlib.contextmanager
def full_metadata(server: Server) -> Iterator[None]:
    with contextlib.closing(server.connect()) as connection:
        before = query(connection, "SELECT @@GLOBAL.binlog_row_metadata")[0][0]
        query(connection, "SET GLOBAL binlog_row_metadata = 'FULL'")
        try:
            yield
        finally:
            query(connection, f"SET GLOBAL binlog_row_metadata = '{before}'")


def _run(case: Case, bench: Bench) -> OtherWay:
    server, schema = bench.server, bench.place.schema
    make_again(bench.connection, schema, case.make_on(server.name))
    before = read_state(bench.connection, schema)
    start = read_position(server, bench.connection)
    if problem := run_statements(case, server, schema):
        return OtherWay(Ending.NOT_RUN, problem)
    if read_state(bench.connection, schema) == before:
        return OtherWay(Ending.EXACT, "nothing was changed")
    try:
        with contextlib.closing(plain_connection(server, schema)) as connection:
            texts = build_texts(server, schema, start, connection)
            with connection.cursor() as cursor:
                for text in reversed(texts):
                    cursor.execute(text)
            connection.commit()
    except Exception as error:  # noqa: BLE001, RUF100 - whatever it raises is the result
        return OtherWay(Ending.ERROR, f"{type(error).__name__}: {error}"[:300])
    after = read_state(bench.connection, schema)
    if after == before:
        return OtherWay(Ending.EXACT)
    return OtherWay(Ending.WRONG, describe_difference(before, after))


def run_statements(case: Case, server: Server, schema: str) -> str:
    """Run a ticket's statements in a plain session. Returns why it could not be, or "".

    A statement that fails half way ends them, as it ends a ticket.
    """
    with contextlib.closing(server.connect(database=schema)) as connection:
        modes = str(query(connection, "SELECT @@sql_mode")[0][0]).split(",")
        checked = check_statements(
            case.sql,
            schema,
            1 << 20,
            ansi_quotes="ANSI_QUOTES" in modes,
            no_backslash_escapes="NO_BACKSLASH_ESCAPES" in modes,
        )
        if checked.statements and not any(statement.kind.is_row_change for statement in checked.statements):
            return "no row change in it"
        texts = [statement.text for statement in checked.statements] or [case.sql]
        for number, text in enumerate(texts):
            try:
                query(connection, text)
            except MySQLdb.Error as error:
                return "" if number or error.args[0] in (1062, 1451) else str(error)
    return ""


def read_position(server: Server, connection: Any) -> tuple[str, int]:
    file, position, *_ = query(connection, server.flavor.status_statement)[0]
    return file, int(position)


def plain_connection(server: Server, schema: str) -> Any:
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database=schema,
        charset="utf8mb4",
    )


def build_texts(server: Server, schema: str, start: tuple[str, int], connection: Any) -> list[str]:
    """Return the statements that undo each row, in the order of the changes."""
    address = {"host": server.host, "port": server.port, "user": server.user, "passwd": server.password}
    stream = BinLogStreamReader(
        connection_settings=address,
        server_id=4321,
        log_file=start[0],
        log_pos=start[1],
        resume_stream=True,
        blocking=False,
        only_schemas=[schema],
        only_events=[DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent],
    )
    texts = []
    try:
        for event in stream:
            key = read_key(connection, event.schema, event.table)
            for row in event.rows:
                texts.append(build_text(connection, event, row, key))
                if len(texts) > MOST_EVENTS:
                    raise RuntimeError("no end of events")
    finally:
        stream.close()
    return texts


def read_key(connection: Any, schema: str, table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE CONSTRAINT_NAME = 'PRIMARY'"
            " AND TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
            (schema, table),
        )
        return [name for (name,) in cursor.fetchall()]


def build_text(connection: Any, event: Any, row: dict[str, Any], key: list[str]) -> str:
    types = {column.name: column.type for column in event.columns}

    def literal(name: str, value: Any) -> str:
        if value is None:
            return "NULL"
        if types.get(name) == 16:  # BIT: the library gives it as "0101"
            return f"b'{value}'"
        if isinstance(value, (dict, list)) or types.get(name) == 245:
            value = json.dumps(decode(value))
        elif isinstance(value, (set, frozenset)):
            value = ",".join(value)
        return str(connection.escape(value))

    def find(values: dict[str, Any]) -> str:
        names = [name for name in key if name in values] or list(values)
        return " AND ".join(
            f"{quote(name)} IS NULL" if values[name] is None else f"{quote(name)} = {literal(name, values[name])}"
            for name in names
        )

    table = f"{quote(event.schema)}.{quote(event.table)}"
    if isinstance(event, WriteRowsEvent):
        return f"DELETE FROM {table} WHERE {find(row['values'])} LIMIT 1"
    if isinstance(event, DeleteRowsEvent):
        values = row["values"]
        names = ", ".join(map(quote, values))
        return f"INSERT INTO {table} ({names}) VALUES ({', '.join(literal(n, v) for n, v in values.items())})"
    sets = ", ".join(f"{quote(name)} = {literal(name, value)}" for name, value in row["before_values"].items())
    return f"UPDATE {table} SET {sets} WHERE {find(row['after_values'])} LIMIT 1"


def decode(value: Any) -> Any:
    """Turn the bytes inside of a JSON value into text."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {decode(name): decode(item) for name, item in value.items()}
    return [decode(item) for item in value] if isinstance(value, list) else value


def quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
