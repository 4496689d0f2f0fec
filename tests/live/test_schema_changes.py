"""Schema changes come back exactly, or what is lost was said before approval; and what was proven holds.

All cases of tests/fidelity/schema_cases/ are run by scripts/fidelity; here are those that mix rows and tables, and
random ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.test import override_settings
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.conftest import require_server
from tests.fidelity.cases import Case, Verdict
from tests.fidelity.runner import Bench, open_bench
from tests.fidelity.schema_part import run_schema_case, schema_cases_of
from tests.live.installation import point_at
from tests.servers import Server, Servers, server_names

pytestmark = pytest.mark.live
FILES = ("mixed", "names", "views")
EXAMPLES = 12


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest,
    servers: Servers,
    backup_server: Server,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Iterator[Bench]:
    server = require_server(servers, request.param)
    pointed = override_settings(INCEPTION=point_at(backup_server, django_settings.INCEPTION))
    with django_db_blocker.unblock(), pointed, open_bench(server, backup_server, schema="fidelity") as made:
        yield made
        call_command("flush", verbosity=0, interactive=False)


@pytest.mark.parametrize(
    ("bench", "case"),
    [
        pytest.param(name, case, id=f"{name}-{case}")
        for name in server_names()
        for case in schema_cases_of(name)
        if case.file in FILES
    ],
    indirect=["bench"],
)
def test_it_comes_back(bench: Bench, case: Case) -> None:
    result = run_schema_case(bench, case)
    assert not result.problem, result


TYPES = (
    *("INT", "BIGINT UNSIGNED", "VARCHAR(10)", "VARCHAR(30) NOT NULL DEFAULT 'x''y'", "CHAR(5) CHARACTER SET latin1"),
    *("DECIMAL(8,2) DEFAULT 1.5", "TEXT", "DATETIME(3) NULL", "TIMESTAMP NULL ON UPDATE CURRENT_TIMESTAMP"),
    *("ENUM('a','b')", "VARBINARY(8) COMMENT '\\\\ (,'", "DOUBLE DEFAULT (1 + 1)"),
)
NARROW = (
    *("SMALLINT", "TINYINT UNSIGNED NOT NULL", "VARCHAR(2)", "CHAR(1) CHARACTER SET latin1", "DECIMAL(6,1)", "FLOAT"),
    *("DATETIME NULL", "DATE", "TIME", "YEAR", "ENUM('b','x')", "BINARY(2)", "TINYTEXT", "BIT(3)"),
)
COLUMNS = ("a", "b", "c", "d")
column = st.sampled_from(COLUMNS)
new_column = st.sampled_from(("n1", "n2", "`n 3`"))
column_type = st.sampled_from(TYPES)
position = st.sampled_from(("", " FIRST", " AFTER id", " AFTER a", " AFTER c"))
index_kind = st.sampled_from(("INDEX", "UNIQUE KEY"))
index = st.sampled_from(("ia", "ib", "ic"))


def build(pattern: str, **parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.fixed_dictionaries(parts).map(lambda values: pattern.format(**values))


CLAUSES = st.one_of(
    build("ADD COLUMN {name} {type}{place}", name=new_column, type=column_type, place=position),
    build("MODIFY {name} {type}{place}", name=column, type=column_type, place=position),
    build("CHANGE {name} {new} {type}{place}", name=column, new=new_column, type=column_type, place=position),
    build("RENAME COLUMN {name} TO {new}", name=column, new=st.one_of(new_column, column)),
    build("DROP COLUMN {name}", name=column),
    build("DROP INDEX {name}", name=index),
    build("ADD {kind} {name} ({left}, {right})", kind=index_kind, name=index, left=column, right=column),
    build("RENAME INDEX {name} TO renamed", name=index),
    build("ALTER COLUMN {name} DROP DEFAULT", name=column),
    st.sampled_from(("DROP PRIMARY KEY, ADD PRIMARY KEY (id, k)", "COMMENT 'new (, '''", "ROW_FORMAT=COMPACT")),
    st.sampled_from(("CONVERT TO CHARACTER SET utf16", "DEFAULT CHARSET latin1", "DROP CONSTRAINT ck")),
    st.sampled_from(("ADD CONSTRAINT c2 CHECK (k < 1000)", "ADD FULLTEXT KEY ft (txt)", "RENAME TO t2")),
    # Types that cut what is there.
    build("MODIFY {name} {type}", name=st.sampled_from((*COLUMNS, "txt")), type=st.sampled_from(NARROW)),
    build("CHANGE {name} {new} {type}", name=column, new=new_column, type=st.sampled_from(NARROW)),
)
VALUES = st.sampled_from(
    (
        "NULL",
        "'abc'",
        "'12345678.125'",
        "'2024-02-29 23:59:59.987'",
        "'70000'",
        "'b'",
        "-5.55",
        "''",
        "'é€'",
        "X'00FF20'",
    )
)
ROW_CHANGES = st.sampled_from(
    (
        "UPDATE {t} SET k = k + 1 WHERE id < 3",
        "DELETE FROM {t} WHERE id = 2",
        "INSERT INTO {t} (id, k) VALUES (50, 7)",
        "UPDATE {t} SET txt = CONCAT(txt, '!') WHERE id > 1",
    )
)


@st.composite
def random_cases(draw: st.DrawFn) -> Case:
    """A table, and a ticket of one to three ALTERs with one to six clauses in all, rows changed before and after.

    Half of the sessions are strict; the others let a type cut its values.
    """
    columns = "".join(f", {name} {draw(column_type)}" for name in COLUMNS)
    make = (
        f"CREATE TABLE t (id INT NOT NULL, k INT NOT NULL{columns}, txt VARCHAR(40), PRIMARY KEY (id), KEY ia (k, id),"
        " UNIQUE KEY ib (k), KEY ic (txt(5)), CONSTRAINT ck CHECK (k > -5));"
        "INSERT IGNORE INTO t (id, k, txt) VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three');"
    )
    for number in (1, 3):
        changes = ", ".join(f"{name} = {draw(VALUES)}" for name in COLUMNS)
        make += f"UPDATE IGNORE t SET {changes} WHERE id = {number};"
    clauses = draw(st.lists(CLAUSES, min_size=1, max_size=6, unique=True))
    statements, name = [draw(ROW_CHANGES).format(t="t")], "t"
    while clauses:
        size = draw(st.integers(1, len(clauses)))
        part, clauses = clauses[:size], clauses[size:]
        statements.append(f"ALTER TABLE {name} {', '.join(part)}")
        name = "t2" if "RENAME TO t2" in part else name
        statements.append(draw(ROW_CHANGES).format(t=name))
    mode = draw(st.sampled_from((("sql_mode = ''",), ())))
    return Case("random", "case", "", (("", make),), ";\n".join(statements), mode, (), ())


@pytest.mark.parametrize("bench", server_names(), indirect=True)
@given(case=random_cases())
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_random_change_comes_back_or_was_announced(bench: Bench, case: Case) -> None:
    result = run_schema_case(bench, case)
    event(f"{result.verdict}, {result.proof or 'nothing ran'}")
    assert result.verdict != Verdict.WRONG, (case, result)
    assert not result.is_broken_proof, (case, result)
    assert not result.by_hand, (case, result)
