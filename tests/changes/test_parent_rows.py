"""What a row change does to the table that it writes, and the author's own words for which rows those are."""

from __future__ import annotations

import pytest

from backups.rollback.children import Acts
from changes.kinds import StatementKind as K
from changes.parent_rows import read_parent_rows


@pytest.mark.parametrize(
    ("kind", "text", "source"),
    [
        (K.DELETE, "DELETE FROM p WHERE id = 1 -- why", "FROM p WHERE id = 1"),
        (K.DELETE, "DELETE LOW_PRIORITY IGNORE FROM `shop`.p", "FROM `shop`.p"),
        (
            K.DELETE,
            "delete from p x where x.id in (select p from c) returning id",
            "FROM p x where x.id in (select p from c)",
        ),
        (
            K.DELETE,
            "DELETE FROM p PARTITION (p0) WHERE d < NOW() - INTERVAL 1 DAY",
            "FROM p PARTITION (p0) WHERE d < NOW() - INTERVAL 1 DAY",
        ),
        (K.DELETE, "DELETE FROM p ORDER BY id LIMIT 3", "FROM p ORDER BY id LIMIT 3"),
        (K.DELETE, "DELETE FROM p WHERE a LIMIT 3", "FROM p WHERE a"),
        (K.UPDATE, "UPDATE p AS x SET x.id = (SELECT 1 WHERE 1), v = 2 WHERE x.id = 3", "FROM p AS x WHERE x.id = 3"),
        (K.UPDATE, "UPDATE p SET id = id + 1 ORDER BY id DESC", "FROM p"),
    ],
)
def test_rows_are_selected_by_the_words_of_the_author(kind: K, text: str, source: str) -> None:
    assert read_parent_rows(kind, text).source == source


@pytest.mark.parametrize(
    ("order", "columns"),
    [
        ("a, `B` DESC, p.c ASC", {"a", "b", "c"}),
        ("1", set()),
        ("a + 1", set()),
        ("a COLLATE latin1_bin", set()),
        ("a, LOWER(b)", set()),
    ],
)
def test_columns_of_an_order_are_read_where_it_has_nothing_else(order: str, columns: set[str]) -> None:
    assert read_parent_rows(K.DELETE, f"DELETE FROM p WHERE x ORDER BY {order} LIMIT 3").ordered_by == columns


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (K.DELETE, "DELETE FROM p WHERE RAND() < 0.5"),
        (K.DELETE, "DELETE FROM p WHERE id = @x"),
        (K.DELETE, "DELETE FROM p WHERE own_function(id)"),
        (K.DELETE, "DELETE FROM p WHERE shop.lower(id)"),
        (K.DELETE, "DELETE FROM p WHERE id = NEXT VALUE FOR s"),
        (K.DELETE, "DELETE FROM p WHERE SLEEP(1)"),
        (K.DELETE, "DELETE p FROM p JOIN c ON c.p = p.id"),
        (K.DELETE, "DELETE FROM p USING p, c WHERE c.p = p.id"),
        (K.DELETE, "DELETE FROM p FOR PORTION OF d FROM '2024-01-01' TO '2025-01-01' WHERE 1"),
        (K.DELETE, "WITH x AS (SELECT 1) DELETE FROM p WHERE id IN (SELECT * FROM x)"),
        (K.UPDATE, "UPDATE p, c SET p.id = 1 WHERE c.p = p.id"),
        (K.UPDATE, "UPDATE p JOIN c ON 1 SET p.id = 1"),
        (K.REPLACE, "REPLACE INTO p VALUES (1, 2)"),
    ],
)
def test_words_that_may_mean_other_rows_a_moment_later_are_not_used(kind: K, text: str) -> None:
    assert read_parent_rows(kind, text).source == ""


@pytest.mark.parametrize(
    ("kind", "text", "acts"),
    [
        (K.DELETE, "DELETE FROM p", Acts(deletes=True)),
        (K.REPLACE, "REPLACE INTO p VALUES (1)", Acts(deletes=True)),
        (K.INSERT, "INSERT INTO p VALUES (1)", Acts()),
        (
            K.INSERT,
            "INSERT INTO p VALUES (1) ON DUPLICATE KEY UPDATE `Id` = 2, v = VALUES(v)",
            Acts(assigned=frozenset({"id", "v"})),
        ),
        (K.UPDATE, "UPDATE p, c SET p.id = IF(1, 2, 3), c.v = 2 WHERE c.x = 1", Acts(assigned=frozenset({"id", "v"}))),
    ],
)
def test_it_tells_whether_rows_go_and_which_columns_are_set(kind: K, text: str, acts: Acts) -> None:
    assert read_parent_rows(kind, text).acts == acts


@pytest.mark.parametrize(
    ("text", "incoming"),
    [
        ("REPLACE INTO shop.p VALUES (1, 'a'), (2, 'b')", "VALUES (1, 'a'), (2, 'b')"),
        ("REPLACE p (id) VALUE (1 + 1) RETURNING id", "(id) VALUE (1 + 1)"),
        ("REPLACE INTO p SET id = 1", "SET id = 1"),
        ("REPLACE INTO p VALUES (RAND())", ""),
        ("REPLACE INTO p SELECT 1", ""),
        ("REPLACE INTO p (id) SELECT 1", ""),
    ],
)
def test_given_rows_are_told_in_the_words_of_the_author(text: str, incoming: str) -> None:
    assert read_parent_rows(K.REPLACE, text).incoming == incoming


def test_given_rows_end_before_what_is_done_to_those_that_are_there() -> None:
    text = "INSERT INTO p (id) VALUES (1) ON DUPLICATE KEY UPDATE id = 2"
    assert read_parent_rows(K.INSERT, text).incoming == "(id) VALUES (1)"


def test_a_limit_can_be_left_out() -> None:
    rows = read_parent_rows(K.DELETE, "DELETE FROM p WHERE v ORDER BY id LIMIT 3")
    assert (rows.has_limit, rows.without_limit) == (True, "FROM p WHERE v")
