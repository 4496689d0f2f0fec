"""It finds what a column is calculated from."""

from __future__ import annotations

from backups.rollback.calculated import find_calculated_from, parse_stored
from backups.rollback.definitions import Element, parse_table
from backups.rollback.kept_partitions import choose_partitions, parse_key
from backups.snapshot import find_names

TABLE = parse_table(
    "CREATE TABLE `t` (\n  `ts` timestamp NULL,\n  `d` datetime GENERATED ALWAYS AS (`ts`) VIRTUAL,\n"
    "  `h` int GENERATED ALWAYS AS (hour(`d`)) STORED COMMENT '(`) STORED',\n  `n` int DEFAULT NULL COMMENT '`ts`'\n)"
    " ENGINE=InnoDB\n/*!50100 PARTITION BY RANGE (`n`)\n(PARTITION p1 VALUES LESS THAN (5) ENGINE = InnoDB,\n"
    " PARTITION `p``2` VALUES LESS THAN (9) ENGINE = InnoDB) */"
)


def test_a_column_of_a_calculated_column_counts() -> None:
    assert find_calculated_from(TABLE, ["ts"]) == ["d", "h"]


def test_only_a_stored_column_has_an_expression_to_ask_for() -> None:
    assert [parse_stored(column) for column in TABLE.columns] == ["", "", "hour(`d`)", ""]


def test_a_key_with_a_period_is_no_list_of_columns() -> None:
    assert parse_key(Element("PRIMARY", "PRIMARY KEY (`id`,`app` WITHOUT OVERLAPS)", "PRIMARY")) == ()


def test_partitions_that_are_not_there_are_left_out() -> None:
    assert choose_partitions(TABLE, ["P1", "p`2", "nix"]) == ("P1", "p`2")


def test_names_in_double_quotes_are_found_where_they_may_be_names() -> None:
    names, qualifiers = find_names("""INSERT INTO "my ""t" SELECT 'a " b' FROM "s x"."u\\" """, ansi_quotes=True)
    assert {'my "t', "s x", "u\\"} <= names
    assert "s x" in qualifiers
    assert "s x" not in find_names('SELECT "s x"')[0]
