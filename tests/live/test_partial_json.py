"""Documents of which only the changes are in the binlog come out as if they were there whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backups.binlog import own
from backups.binlog.events import HEADER_SIZE, decode_rows_head
from backups.binlog.json_documents import Node, decode_document
from backups.binlog.partial_rows import complete_rows, split_image
from tests.live.own_rows import FIXED_SESSION, query, read_events, run
from tests.servers import Server

pytestmark = pytest.mark.live

# The server logs changes only when that is shorter than the document.
FILL = ", ".join(f"'fill{number}', REPEAT('abc', {number * 7 % 40})" for number in range(40))
DOCUMENT = (
    "JSON_OBJECT('a', 1, 'b', JSON_ARRAY(1, 'two', 3.5, NULL, TRUE), 'c', JSON_OBJECT('x', 1, 'y y', 2, 'é', 'ü'),"
    " 'd', CAST(1.10 AS DECIMAL(10,2)), 'e', CAST('2024-02-29' AS DATE), 'big', 18446744073709551615, 'neg', -70000,"
    f" 'q\"uote', 'it''s', 'deep', JSON_ARRAY(JSON_ARRAY(JSON_OBJECT('k', 'v'))), {FILL})"
)
CHANGES = (
    "JSON_SET(j, '$.a', 2)",
    "JSON_SET(j, '$.a', REPEAT('x', 300))",
    "JSON_SET(j, '$.new', JSON_OBJECT('p', JSON_ARRAY(1, 2)), '$.b[1]', 'zwei')",
    "JSON_SET(j, '$.b[99]', 'at the end')",
    "JSON_SET(j, '$.c.\"y y\"', 5, '$.c.\"é\"', 'ß')",
    'JSON_SET(j, \'$."q\\\\"uote"\', 7)',
    "JSON_REPLACE(j, '$.d', CAST('12:34:56.789' AS TIME(3)), '$.nothing', 1)",
    "JSON_REMOVE(j, '$.b[0]', '$.b[0]', '$.c.x')",
    "JSON_REMOVE(j, '$.fill3')",
    "JSON_SET(j, '$.deep[0][0].k', JSON_ARRAY(), '$.deep[0][0].l', NULL)",
    "JSON_SET(j, '$.big', 5, '$.neg', 1e300)",
    "JSON_SET(JSON_REMOVE(j, '$.e'), '$.e', TRUE)",
    "JSON_SET(j, '$.huge', REPEAT('y', 70000))",
)


@pytest.fixture
def sessions(server: Server, schema: str) -> Iterator[tuple[Any, Any]]:
    """Two sessions on two tables that are equal: the first logs changes of documents, the second whole ones."""
    if server.flavor.is_mariadb:
        pytest.skip("MySQL only")
    opened = []
    for table in ("partly", "whole"):
        connection = server.connect(database=schema)
        for statement in (
            *FIXED_SESSION,
            f"SET SESSION binlog_row_value_options='{'PARTIAL_JSON' if table == 'partly' else ''}'",
            f"CREATE TABLE {table} (id INT PRIMARY KEY, t VARCHAR(300), j JSON, n DECIMAL(12,5), i JSON, c CHAR(3),"
            " e ENUM('a','b'), b BIT(9), d DATETIME(3), x BLOB, k JSON)",
            f"INSERT INTO {table} SELECT 1, 'text', {DOCUMENT}, 1.5, '[1, 2]', 'c', 'a', 5, '2024-05-01', 'x', NULL",
            f"INSERT INTO {table} SELECT 2, NULL, {DOCUMENT}, NULL, {DOCUMENT}, NULL, 'b', NULL, NULL, NULL, '1'",
        ):
            query(connection, statement)
        opened.append(connection)
    yield opened[0], opened[1]
    for connection in opened:
        connection.close()


def read_documents(server: Server, connection: Any, schema: str, sql: str) -> list[list[tuple[Node, ...] | Any]]:
    """Run `sql`; return the values of each image, documents as trees."""
    ran = run(server, connection, schema, sql)
    images, table_map = [], None
    for event in read_events(server, ran):
        if event.table_map is not None:
            table_map = event.table_map
            continue
        assert event.type_code == 31
        assert table_map is not None
        assert event.header.size == len(event.raw) + 4
        rows, position = decode_rows_head(event.raw[HEADER_SIZE:], 31).rows, 0
        while position < len(rows):
            image, position = split_image(rows, position, table_map, frozenset())
            images.append(
                [
                    decode_document(value[4:]) if code == 245 and value is not None else value
                    for code, value in zip(table_map.column_types, image.values, strict=True)
                ]
            )
    return images


@pytest.mark.parametrize("change", CHANGES)
def test_the_documents_are_whole(
    server: Server, schema: str, sessions: tuple[Any, Any], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = []
    monkeypatch.setattr(own, "complete_rows", lambda *given: partial.append(complete_rows(*given)) or partial[-1])
    partly, whole = (
        read_documents(
            server, connection, schema, f"UPDATE {table} SET j = {change}, t = 'new', i = JSON_SET(i, '$[0]', 9)"
        )
        for connection, table in zip(sessions, ("partly", "whole"), strict=True)
    )
    assert len(partly) == 4
    assert partly == whole
    assert partial, "the first of the two was logged as changes"
