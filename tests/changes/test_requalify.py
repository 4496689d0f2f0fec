"""It writes SQL for another schema, and leaves everything else as it is."""

from __future__ import annotations

import pytest

from changes.requalify import requalify


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE shop.t ADD x INT", "ALTER TABLE `new``one`.t ADD x INT"),
        ("DROP TABLE `shop` . `t`, u", "DROP TABLE `new``one` . `t`, u"),
        ("SELECT shop.t.shop FROM shop.t", "SELECT `new``one`.t.shop FROM `new``one`.t"),
        ("ALTER TABLE t COMMENT 'shop.t' /* shop.t */", "ALTER TABLE t COMMENT 'shop.t' /* shop.t */"),
        ("ALTER TABLE t ADD shop INT", "ALTER TABLE t ADD shop INT"),
        ("ALTER TABLE other.shop ADD x INT", "ALTER TABLE other.shop ADD x INT"),
        ("/*!50100 PARTITION BY HASH (shop.a) */", "/*!50100 PARTITION BY HASH (`new``one`.a) */"),
    ],
)  # fmt: skip
def test_it_moves_names_of_the_schema(sql: str, expected: str) -> None:
    assert requalify(sql, "shop", "new`one") == expected


def test_double_quotes_are_names_where_the_session_says_so() -> None:
    assert requalify('DROP TABLE "shop"."t"', "shop", "x", ansi_quotes=True) == 'DROP TABLE `x`."t"'
    assert requalify('SELECT "shop"."t"', "shop", "x") == 'SELECT "shop"."t"'
