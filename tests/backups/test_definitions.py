"""It takes apart what SHOW CREATE TABLE and SHOW CREATE VIEW say; the texts are as real servers gave them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.errors import DefinitionError
from backups.rollback.definitions import parse_table, parse_view

# MariaDB 10.11.18
MARIADB = r"""CREATE TABLE `t` (
  `id` bigint(20) unsigned NOT NULL AUTO_INCREMENT COMMENT 'it''s, (a) `x` \n \\ nl',
  `a` varchar(20) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'x,y)''z',
  `d` int(11) GENERATED ALWAYS AS (`c` * 2) VIRTUAL,
  `h` enum('a','b,c') DEFAULT 'a',
  PRIMARY KEY (`id`),
  UNIQUE KEY `u``a` (`a`),
  KEY `kd` (`c` DESC,`id`),
  SPATIAL KEY `sp` (`f`),
  FULLTEXT KEY `ft` (`g`),
  CONSTRAINT `fk2` FOREIGN KEY (`p`) REFERENCES `p` (`u`),
  CONSTRAINT `ck` CHECK (`c` < 100 and `a` <> 'x\ny')
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci ROW_FORMAT=DYNAMIC COMMENT='t''c AUTO_INCREMENT=7'
 PARTITION BY RANGE (`a`)
(PARTITION `p0` VALUES LESS THAN (10) ENGINE = InnoDB)"""  # noqa: E501  as the server writes it

# MySQL 9.7.4
MYSQL = r"""CREATE TABLE `h` (
  `a` int NOT NULL,
  `i` int DEFAULT NULL /*!80023 INVISIBLE */,
  KEY `inv` (`a`) /*!80000 INVISIBLE */,
  KEY `fi` (((`a` + 1))),
  CONSTRAINT `ne` CHECK ((`a` > 1)) /*!80016 NOT ENFORCED */
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci
/*!50100 PARTITION BY HASH (`a`)
PARTITIONS 3 */"""


def test_it_reads_a_table_of_mariadb() -> None:
    table = parse_table(MARIADB)
    assert [column.name for column in table.columns] == ["id", "a", "d", "h"]
    assert table.columns[1].text == "`a` varchar(20) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'x,y)''z'"
    assert [(index.name, index.kind) for index in table.indexes] == [
        ("PRIMARY", "PRIMARY"),
        ("u`a", "UNIQUE"),
        ("kd", "PLAIN"),
        ("sp", "SPATIAL"),
        ("ft", "FULLTEXT"),
    ]
    assert [key.name for key in table.foreign_keys] == ["fk2"]
    assert [check.text for check in table.checks] == [r"CONSTRAINT `ck` CHECK (`c` < 100 and `a` <> 'x\ny')"]
    assert dict(table.options) == {
        "ENGINE": "InnoDB",
        "AUTO_INCREMENT": "5",
        "CHARSET": "utf8mb4",
        "COLLATE": "utf8mb4_general_ci",
        "ROW_FORMAT": "DYNAMIC",
        "COMMENT": "'t''c AUTO_INCREMENT=7'",
    }
    assert table.partitioning.startswith("PARTITION BY RANGE (`a`)\n(PARTITION `p0`")
    assert not table.unread


def test_it_reads_a_table_of_mysql() -> None:
    table = parse_table(MYSQL)
    assert [index.text for index in table.indexes] == [
        "KEY `inv` (`a`) /*!80000 INVISIBLE */",
        "KEY `fi` (((`a` + 1)))",
    ]
    assert table.partitioning == "PARTITION BY HASH (`a`)\nPARTITIONS 3"
    assert not table.unread


def test_a_counter_is_no_difference_and_a_comment_is() -> None:
    plain = "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB"
    moved, other = parse_table(f"{plain} AUTO_INCREMENT=9"), parse_table(f"{plain} COMMENT='x'")
    assert parse_table(plain).without_counter == moved.without_counter
    assert parse_table(plain).without_counter != other.without_counter


def test_constraints_that_the_server_named_follow_a_rename() -> None:
    text = (
        "CREATE TABLE `b` (\n  `a` int,\n  CONSTRAINT `b_ibfk_1` FOREIGN KEY (`a`) REFERENCES `p` (`id`),\n"
        "  CONSTRAINT `mine` CHECK ((`a` > 1))\n) ENGINE=InnoDB"
    )
    renamed = parse_table(text).renamed("x`y")
    assert [key.text for key in renamed.foreign_keys] == [
        "CONSTRAINT `x``y_ibfk_1` FOREIGN KEY (`a`) REFERENCES `p` (`id`)"
    ]
    assert [check.name for check in renamed.checks] == ["mine"]


def test_it_makes_a_view_again_under_its_schema() -> None:
    text = "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `w` AS select 1 AS `a`"
    view = parse_view(text, "select `s`.`t`.`id` AS `id` from `s`.`t`")
    assert view.build_create("s", or_replace=True) == (
        "CREATE OR REPLACE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `s`.`w`"
        " AS select `s`.`t`.`id` AS `id` from `s`.`t`"
    )


@pytest.mark.parametrize("text", ["", "CREATE VIEW `v` AS select 1", "CREATE TABLE `t` (\n  `a` int", "CREATE TABLE x"])
def test_what_is_no_table_is_an_error(text: str) -> None:
    with pytest.raises(DefinitionError):
        parse_table(text)


@given(st.integers(0, len(MARIADB)), st.integers(0, 40), st.text("`'(),\\ \nab", max_size=6))
def test_a_damaged_text_is_read_or_refused_and_nothing_else(start: int, length: int, between: str) -> None:
    try:
        table = parse_table(MARIADB[:start] + between + MARIADB[start + length :])
    except DefinitionError:
        return
    assert table.columns is not None
