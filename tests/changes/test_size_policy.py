"""Which tables are too large for a change for which others wait, and what is said about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from changes.effort import ask_algorithm, makes_wait
from changes.size_policy import MIB, TableChange, explain_growth, find_too_large, is_for_tool, warn_not_online
from changes.statements import check_statements

COPIED = TableChange(1, 4, "orders", 20 * 1024 * MIB, "COPY: the table is written anew", makes_wait=True)


@pytest.mark.parametrize(
    ("size_mib", "limit_mib", "makes_others_wait", "refused"),
    [
        (11, 10, True, True),
        (10, 10, True, False),
        (11, 10, False, False),
        (11, 0, True, False),
        (1_000_000, 0, True, False),
    ],
)
def test_only_what_is_larger_than_the_limit_and_makes_others_wait_is_refused(
    size_mib: int, limit_mib: int, makes_others_wait: bool, refused: bool
) -> None:
    change = replace(COPIED, size_bytes=size_mib * MIB, makes_wait=makes_others_wait)
    assert (find_too_large(change, limit_mib, tool="", obstacle="") is not None) == refused


def test_the_refusal_has_the_size_the_algorithm_and_the_limit() -> None:
    problem = find_too_large(COPIED, 10_240, tool="", obstacle="")
    assert problem is not None
    assert (problem.id, problem.severity, problem.statement, problem.line) == ("table.too_large", "error", 1, 4)
    assert "Statement 2 (line 4) changes orders, which has 20,480 MiB; the server would make it by COPY" in str(problem)
    assert "beyond 10,240 MiB" in str(problem)


@pytest.mark.parametrize(
    ("tool", "obstacle", "words"),
    [
        ("", "", "ask whoever keeps the target for an online tool on it"),
        ("pt-online-schema-change", "the table has triggers", "now it cannot, since the table has triggers"),
        ("pt-online-schema-change", "", "let pt-online-schema-change change tables of this size"),
    ],
)
def test_the_refusal_names_the_way_out(tool: str, obstacle: str, words: str) -> None:
    problem = find_too_large(COPIED, 1, tool=tool, obstacle=obstacle)
    assert problem is not None
    assert words in problem.how


def test_an_algorithm_that_is_not_known_counts_as_one_that_others_wait_for() -> None:
    unknown = replace(COPIED, algorithm="", makes_wait=makes_wait(""))
    problem = find_too_large(unknown, 1, tool="", obstacle="")
    assert problem is not None
    assert "how the server would make it is not known" in problem.found


@pytest.mark.parametrize(
    ("algorithm", "waits"),
    [
        ("INSTANT: at once, nobody waits", False),
        ("INPLACE, others read and write meanwhile", False),
        ("INPLACE, others read and wait to write", True),
        ("COPY: the table is written anew, others read and wait to write", True),
    ],
)
def test_others_wait_unless_the_server_says_that_they_need_not(algorithm: str, waits: bool) -> None:
    assert makes_wait(algorithm) == waits


@pytest.mark.parametrize(
    ("options", "waits"),
    [
        ("ALGORITHM=INSTANT", False),
        ("algorithm = inplace, lock = none", False),
        ("LOCK NONE", False),
        ("ALGORITHM=INPLACE", True),
        ("ALGORITHM=COPY, LOCK=SHARED", True),
        ("ALGORITHM=DEFAULT", True),
    ],
)
def test_options_of_the_author_count_when_the_server_has_to_keep_to_them(options: str, waits: bool) -> None:
    sql = f"ALTER TABLE t ADD n INT, {options}"
    (statement,) = check_statements(sql, "shop", 1 << 20).statements

    def never(text: str) -> None:
        raise AssertionError(text)

    made, algorithm = ask_algorithm(statement, sql, never)
    assert not made
    assert makes_wait(algorithm) == waits


def test_the_tool_is_for_tables_of_its_size_and_up() -> None:
    assert is_for_tool(replace(COPIED, size_bytes=5 * MIB), 5)
    assert not is_for_tool(replace(COPIED, size_bytes=5 * MIB - 1), 5)
    assert not is_for_tool(replace(COPIED, makes_wait=False), 5)


def test_what_the_tool_cannot_do_is_a_warning_with_the_reason() -> None:
    problem = warn_not_online(COPIED, tool="pt-online-schema-change", obstacle="the table has triggers")
    assert problem.severity == "warning"
    assert "would be made online by pt-online-schema-change, which cannot: the table has triggers." in problem.found


def test_growth_says_what_was_found_and_what_is_needed() -> None:
    assert explain_growth("orders", 3 * MIB + 1, 2).startswith("Found: orders has 4 MiB now. Needed: at most 2 MiB")
