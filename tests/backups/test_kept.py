"""It writes the statements that set data aside and bring it back; tests/live/test_keeping.py runs them."""

from __future__ import annotations

from backups.rollback.ddl import SchemaChange, build_inverse
from backups.rollback.definitions import parse_table
from backups.rollback.kept import KeptTable, build_copies, build_moves

T = ("shop", "t")
TABLE = parse_table(
    "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `a` varchar(9) DEFAULT NULL,\n"
    "  `at` timestamp NULL DEFAULT NULL ON UPDATE current_timestamp(),\n  PRIMARY KEY (`id`),\n"
    "  KEY `f` (`id`),\n  CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `p` (`id`)\n"
    ") ENGINE=InnoDB AUTO_INCREMENT=7 COMMENT=' AUTO_INCREMENT=8'"
)
WHOLE = KeptTable(*T, "kept")
COLUMN = KeptTable(*T, "kept", ("a",), ("id",))


def test_a_table_is_moved_in_one_statement_with_the_like_that_takes_its_place() -> None:
    statements = build_moves([(WHOLE, TABLE)])
    assert statements[0] == "CREATE DATABASE `kept`"
    assert statements[2].startswith("CREATE TABLE `kept_new`.`t` (")
    assert "CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `shop`.`p` (`id`)" in statements[2]
    assert statements[2].endswith(") ENGINE=InnoDB COMMENT=' AUTO_INCREMENT=8'")
    assert statements[3] == "RENAME TABLE `shop`.`t` TO `kept`.`t`, `kept_new`.`t` TO `shop`.`t`"
    assert statements[5] == "ALTER TABLE `kept`.`t` DROP FOREIGN KEY `f`"


def test_a_dropped_table_comes_back_before_its_foreign_keys() -> None:
    inverse = build_inverse(SchemaChange({T: TABLE}, {T: None}, kept={T: WHOLE}))
    assert inverse.statements[-1] == "RENAME TABLE `kept`.`t` TO `shop`.`t`;"
    assert "ADD CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `p` (`id`)" in inverse.statements[0]


def test_an_emptied_table_makes_room_after_a_look_at_what_is_kept() -> None:
    inverse = build_inverse(SchemaChange({T: TABLE}, {T: TABLE}, kept={T: WHOLE}))
    assert list(reversed(inverse.statements))[:3] == [
        "SELECT 1 FROM `kept`.`t` LIMIT 0;",
        "DROP TABLE `shop`.`t`;",
        "RENAME TABLE `kept`.`t` TO `shop`.`t`;",
    ]


def test_columns_are_copied_under_a_lock() -> None:
    assert build_copies(COLUMN)[2:] == (
        "LOCK TABLES `shop`.`t` WRITE, `kept`.`t` WRITE",
        "INSERT INTO `kept`.`t` (`id`, `a`) SELECT `id`, `a` FROM `shop`.`t`",
    )


def test_values_come_back_and_columns_that_set_themselves_stay() -> None:
    after = parse_table(TABLE.text.replace("  `a` varchar(9) DEFAULT NULL,\n", ""))
    inverse = build_inverse(SchemaChange({T: TABLE}, {T: after}, dropped_columns=("a",), kept={T: COLUMN}))
    assert list(reversed(inverse.statements)) == [
        "SELECT 1 FROM `kept`.`t` LIMIT 0;",
        "ALTER TABLE `shop`.`t` ADD COLUMN `a` varchar(9) DEFAULT NULL AFTER `id`;",
        "UPDATE `shop`.`t` AS t JOIN `kept`.`t` AS k ON t.`id` = k.`id` SET t.`a` = k.`a`, t.`at` = t.`at`;",
    ]


def test_what_is_not_kept_is_lost_all_the_same() -> None:
    after = parse_table("CREATE TABLE `t` (\n  `id` int NOT NULL\n) ENGINE=InnoDB")
    inverse = build_inverse(SchemaChange({T: TABLE}, {T: after}, dropped_columns=("a", "at"), kept={T: COLUMN}))
    assert inverse.statements == ()
    assert "the values of column at" in inverse.missing
