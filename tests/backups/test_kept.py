"""It writes the statements that set data aside and bring it back; tests/live/test_keeping.py runs them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backups.rollback.ddl import SchemaChange, build_inverse
from backups.rollback.definitions import parse_table
from backups.rollback.kept import KeptTable, build_moves
from backups.rollback.kept_values import build_copies, is_logged_as_text, is_preparation, parse_question
from backups.rollback.triggers import TriggerDefinition, read_body

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
    assert list(reversed(inverse.statements))[:5] == [
        "SELECT 1 FROM `kept`.`t` LIMIT 0;",
        "LOCK TABLES `shop`.`t` WRITE, `kept`.`t` WRITE;",
        "DROP TABLE `shop`.`t`;",
        "ALTER TABLE `kept`.`t` RENAME TO `shop`.`t`;",
        "UNLOCK TABLES;",
    ]


WATCHED = replace(
    WHOLE,
    triggers=(
        TriggerDefinition(
            "tr`", "BEFORE", "INSERT", "a@b@%", "SET @x = ';'", "ANSI_QUOTES", "utf8mb4", "utf8mb4_bin", "x"
        ),
    ),
)


def test_a_table_with_triggers_steps_aside_for_a_like_that_has_them_and_is_moved_without() -> None:
    statements = build_moves([(WATCHED, TABLE)])
    beside = WATCHED.name_beside
    swap = statements.index(
        f"RENAME TABLE `shop`.`t` TO `shop`.`{beside('old')}`, `shop`.`{beside('new')}` TO `shop`.`t`"
    )
    made = next(number for number, sql in enumerate(statements) if sql.startswith("CREATE DEFINER"))
    assert statements[made] == (
        f"CREATE DEFINER=`a@b`@`%` TRIGGER `shop`.`{beside('t0')}` BEFORE INSERT ON `shop`.`{beside('new')}`"
        " FOR EACH ROW SET @x = ';'"
    )
    assert "sql_mode = 'ANSI_QUOTES', character_set_client = utf8mb4" in statements[made - 1]
    assert made < swap < statements.index("DROP TRIGGER `shop`.`tr```")
    assert statements.index("DROP TRIGGER `shop`.`tr```") < statements.index(
        f"RENAME TABLE `shop`.`{beside('old')}` TO `kept`.`t`"
    )
    assert statements[-1] == "UNLOCK TABLES"


def test_a_table_gets_its_name_back_only_with_its_triggers() -> None:
    inverse = build_inverse(SchemaChange({T: TABLE}, {T: TABLE}, kept={T: WATCHED}))
    texts = list(reversed(inverse.statements))
    made = next(number for number, text in enumerate(texts) if text.startswith("CREATE DEFINER"))
    named = texts.index(f"RENAME TABLE `shop`.`{WATCHED.aside_table}` TO `shop`.`t`;")
    assert texts.index("UNLOCK TABLES;") < made < named
    assert next(text for text in texts if text.startswith("DROP TABLE")).endswith("*/;")


def test_names_beside_a_table_fit_in_what_the_servers_take() -> None:
    kept = KeptTable("s" * 64, "t" * 64, "inception_kept_01234567_1234567_123_1234567890")
    assert len(kept.name_beside("t99")) <= 64


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("CREATE DEFINER=`r`@`%` TRIGGER `a` BEFORE INSERT ON `t` FOR EACH ROW SET @a = 1", "SET @a = 1"),
        (
            "CREATE DEFINER = `r``x`@`%` trigger if not exists s.a\nafter update on `s` . t for each row"
            " PRECEDES `b` BEGIN END; ",
            "BEGIN END",
        ),
        ('CREATE DEFINER="r"@"%" TRIGGER a AFTER DELETE ON t FOR EACH ROW DELETE FROM x', "DELETE FROM x"),
        ("CREATE DEFINER=`r`@`%` TRIGGER a AFTER UPDATE OF v ON t FOR EACH ROW SET @a = 1", None),
        ("CREATE DEFINER=`r`@`%` TRIGGER a /* x */ AFTER UPDATE ON t FOR EACH ROW SET @a = 1", None),
    ],
)
def test_the_body_of_a_trigger_is_read_only_behind_a_head_that_is_known(text: str, body: str | None) -> None:
    assert read_body(text) == body


def test_columns_are_copied_under_a_lock() -> None:
    assert build_copies(COLUMN, TABLE)[2:] == (
        "LOCK TABLES `shop`.`t` WRITE, `kept`.`t` WRITE",
        "INSERT INTO `kept`.`t` (`id`, `a`) SELECT `id`, `a` FROM `shop`.`t`",
    )


def test_values_come_back_and_columns_that_set_themselves_stay() -> None:
    after = parse_table(TABLE.text.replace("  `a` varchar(9) DEFAULT NULL,\n", ""))
    inverse = build_inverse(SchemaChange({T: TABLE}, {T: after}, dropped_columns=("a",), kept={T: COLUMN}))
    assert list(reversed(inverse.statements)) == [
        "SELECT 1 FROM `kept`.`t` LIMIT 0;",
        "LOCK TABLES `shop`.`t` WRITE, `kept`.`t` WRITE;",
        "ALTER TABLE `shop`.`t` ADD COLUMN `a` varchar(9) DEFAULT NULL AFTER `id`;",
        "UPDATE `shop`.`t` JOIN `kept`.`t` ON `shop`.`t`.`id` = `kept`.`t`.`id`"
        " SET `shop`.`t`.`a` = `kept`.`t`.`a`, `shop`.`t`.`at` = `shop`.`t`.`at`;",
        "UNLOCK TABLES;",
        "ALTER TABLE `kept`.`t` COMMENT = 'put back';",
    ]


def test_values_under_another_type_come_back_where_nobody_changed_them() -> None:
    after = parse_table(TABLE.text.replace("varchar(9)", "varchar(3)"))
    kept = KeptTable(*T, "kept", ("a",), ("id",), ("a",))
    assert build_copies(kept, TABLE)[1].endswith(
        "AS SELECT `id`, `a`, `a` AS `inception_now_0`, 0 AS `inception_goes_back` FROM `shop`.`t` WHERE FALSE"
    )
    texts = list(reversed(build_inverse(SchemaChange({T: TABLE}, {T: after}, kept={T: kept})).statements))
    assert texts[4].startswith("SET @inception_sql_mode = @@SESSION.sql_mode, SESSION sql_mode = IF(EXISTS (SELECT 1 ")
    assert texts.pop(6) == "SET SESSION sql_mode = @inception_sql_mode;"
    assert is_preparation(texts.pop(4))
    assert texts[2:6] == [
        "UPDATE `kept`.`t` LEFT JOIN `shop`.`t` ON `shop`.`t`.`id` = `kept`.`t`.`id`"
        " SET `kept`.`t`.`inception_goes_back` = IF(`shop`.`t`.`id` IS NOT NULL"
        " AND CAST(`shop`.`t`.`a` AS BINARY) <=> CAST(`kept`.`t`.`inception_now_0` AS BINARY), 1, 0);",
        "SELECT `kept`.`t`.`id` FROM `shop`.`t` JOIN `kept`.`t` ON `shop`.`t`.`id` = `kept`.`t`.`id`"
        " WHERE `kept`.`t`.`inception_goes_back` = 0 LIMIT 200;",
        "ALTER TABLE `shop`.`t` CHANGE COLUMN `a` `a` varchar(9) DEFAULT NULL;",
        "UPDATE `shop`.`t` JOIN `kept`.`t` ON `shop`.`t`.`id` = `kept`.`t`.`id`"
        " SET `shop`.`t`.`a` = `kept`.`t`.`a`, `shop`.`t`.`at` = `shop`.`t`.`at`"
        " WHERE `kept`.`t`.`inception_goes_back` = 1;",
    ]
    question = parse_question(texts[3])
    assert question is not None
    assert question.table == T
    assert question.overwrite == "UPDATE `kept`.`t` SET `inception_goes_back` = 1 WHERE TRUE"
    assert [parse_question(text) for text in (*texts[:3], *texts[4:])] == [None] * (len(texts) - 1)
    assert [is_preparation(text) for text in texts] == [True, True, True, True, False, False, True, False]
    assert [is_logged_as_text(text) for text in texts] == [False, False, False, False, True, False, False, True]


def test_other_columns_get_their_types_back_in_a_strict_session() -> None:
    before = parse_table(TABLE.text.replace("`a` varchar(9)", "`b` int DEFAULT NULL,\n  `a` varchar(9)"))
    after = parse_table(TABLE.text.replace("`a` varchar(9)", "`b` bigint DEFAULT NULL,\n  `x` varchar(3)"))
    kept = KeptTable(*T, "kept", ("a",), ("id",), ("a",))
    change = SchemaChange({T: before}, {T: after}, column_renames=(("a", "x"),), kept={T: kept})
    texts = list(reversed(build_inverse(change).statements))
    assert texts[4] == "ALTER TABLE `shop`.`t` CHANGE COLUMN `b` `b` int DEFAULT NULL;"
    assert texts[5].startswith("SET @inception_sql_mode")
    assert texts[6] == "ALTER TABLE `shop`.`t` CHANGE COLUMN `x` `a` varchar(9) DEFAULT NULL;"
    assert texts[7] == "SET SESSION sql_mode = @inception_sql_mode;"


def test_what_is_not_kept_is_lost_all_the_same() -> None:
    after = parse_table("CREATE TABLE `t` (\n  `id` int NOT NULL\n) ENGINE=InnoDB")
    inverse = build_inverse(SchemaChange({T: TABLE}, {T: after}, dropped_columns=("a", "at"), kept={T: COLUMN}))
    assert inverse.statements == ()
    assert "the values of column at" in inverse.missing
