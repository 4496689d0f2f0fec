"""It makes the inverse of a schema change from the definitions before and after it.

That the inverse is right is shown on real servers, by tests/live/test_schema_changes.py.
"""

from __future__ import annotations

import pytest

from backups.rollback.ddl import Definitions, Inverse, SchemaChange, build_inverse, compare_definitions
from backups.rollback.definitions import Definition, parse_table, parse_view
from backups.rollback.kept import KeptTable
from backups.rollback.kept_values import is_logged_as_text

T = ("shop", "t")
OTHER = ("shop", "other")


def table(*clauses: str, options: str = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4", name: str = "t") -> Definition:
    body = ",\n".join(f"  {clause}" for clause in clauses)
    return parse_table(f"CREATE TABLE `{name}` (\n{body}\n) {options}")


ID = "`id` int NOT NULL"
A = "`a` varchar(10) DEFAULT NULL"
PK = "PRIMARY KEY (`id`)"


def undo(before: Definition | None, after: Definition | None, **more: object) -> Inverse:
    return build_inverse(SchemaChange({T: before}, {T: after}, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (table(ID), table(ID, A), "DROP COLUMN `a`"),
        (table(A, ID), table(ID, A), "CHANGE COLUMN `a` `a` varchar(10) DEFAULT NULL FIRST"),
        (table(ID, A, PK), table(ID, A), "ADD PRIMARY KEY (`id`)"),
        (table(ID, A), table(ID, A, "KEY `i` (`a`)"), "DROP INDEX `i`"),
        (
            table(ID, A, "KEY `i` (`a`)", "KEY `j` (`id`)"),
            table(ID, A, "KEY `j` (`id`)"),
            "DROP INDEX `j`, ADD KEY `i` (`a`), ADD KEY `j` (`id`)",
        ),
        (
            table(ID, "KEY `i` (`id`)"),
            table(ID, "KEY `i` (`id`) /*!80000 INVISIBLE */"),
            "ALTER INDEX `i` VISIBLE",
        ),
        (table(ID, "KEY `i` (`id`) IGNORED"), table(ID, "KEY `i` (`id`)"), "ALTER INDEX `i` IGNORED"),
        (
            table(ID, "CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `p` (`id`)"),
            table(ID),
            "ADD CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `p` (`id`)",
        ),
        (table(ID), table(ID, "CONSTRAINT `c` CHECK (`id` > 1)"), "DROP CONSTRAINT `c`"),
        (
            table(ID, options="ENGINE=InnoDB DEFAULT CHARSET=latin1"),
            table(ID, options="ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC"),
            "DEFAULT CHARSET=latin1 ROW_FORMAT=DEFAULT",
        ),
        (
            table(ID, A, options="ENGINE=InnoDB DEFAULT CHARSET=latin1"),
            table(ID, A, options="ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"),
            "CHANGE COLUMN `a` `a` varchar(10) DEFAULT NULL, DEFAULT CHARSET=latin1",
        ),
        (
            table(ID, options="ENGINE=InnoDB\n PARTITION BY HASH (`id`)\nPARTITIONS 3"),
            table(ID, options="ENGINE=InnoDB"),
            "PARTITION BY HASH (`id`)\nPARTITIONS 3",
        ),
        (
            table(ID, "`d` int GENERATED ALWAYS AS (`id` + 1) STORED"),
            table(ID, "`d` int GENERATED ALWAYS AS (`id` + 1) VIRTUAL"),
            "DROP COLUMN `d`, ADD COLUMN `d` int GENERATED ALWAYS AS (`id` + 1) STORED AFTER `id`",
        ),
    ],
)
def test_it_alters_a_table_back(before: Definition, after: Definition, expected: str) -> None:
    assert undo(before, after) == Inverse((f"ALTER TABLE `shop`.`t` {expected};",))


def test_indexes_are_made_anew_with_another_block_size() -> None:
    keys = (ID, PK, "KEY `i` (`id`)")
    after = table(*keys, options="ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 KEY_BLOCK_SIZE=8")
    (statement,) = undo(table(*keys), after).statements
    assert "DROP PRIMARY KEY, DROP INDEX `i`, ADD PRIMARY KEY (`id`), ADD KEY `i` (`id`), KEY_BLOCK_SIZE=0" in statement


def test_a_renamed_column_is_renamed_back_with_its_index() -> None:
    before = table(ID, A, "KEY `i` (`a`)")
    after = table(ID, "`b` varchar(10) DEFAULT NULL", "KEY `i` (`b`)")
    assert undo(before, after, column_renames=(("a", "b"),)) == Inverse(
        (f"ALTER TABLE `shop`.`t` CHANGE COLUMN `b` {A};",)
    )


def test_names_that_change_places_go_back() -> None:
    before = table("`a` int DEFAULT NULL", "`b` int DEFAULT NULL")
    after = table("`b` int DEFAULT NULL", "`a` int DEFAULT NULL")
    assert undo(before, after, column_renames=(("a", "b"), ("b", "a"))) == Inverse(
        ("ALTER TABLE `shop`.`t` CHANGE COLUMN `b` `a` int DEFAULT NULL, CHANGE COLUMN `a` `b` int DEFAULT NULL;",)
    )


def test_a_foreign_key_of_the_same_name_comes_in_a_second_statement_that_has_the_lower_id() -> None:
    before = table(ID, "CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `p` (`id`)")
    after = table(ID, "CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `q` (`id`)")
    assert undo(before, after).statements == (
        "ALTER TABLE `shop`.`t` ADD CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `p` (`id`);",
        "ALTER TABLE `shop`.`t` DROP FOREIGN KEY `f`;",
    )


def test_renames_go_back_in_reverse_and_what_else_changed_is_changed_after_them() -> None:
    change = SchemaChange(
        before={T: table(ID), OTHER: None},
        after={T: None, OTHER: table(ID, A, name="other")},
        renames=((T, OTHER),),
    )
    assert build_inverse(change).statements == (
        "ALTER TABLE `shop`.`t` DROP COLUMN `a`;",
        "RENAME TABLE `shop`.`other` TO `shop`.`t`;",
    )


def test_a_rename_that_found_nothing_is_not_undone() -> None:
    before: Definitions = {T: None, OTHER: table(ID, name="other")}
    assert build_inverse(SchemaChange(before, before, renames=((T, OTHER),))) == Inverse()


def test_a_swap_goes_back() -> None:
    tmp = ("shop", "tmp")
    one, two = table(ID), table(A)
    change = SchemaChange(
        {T: one, OTHER: two, tmp: None},
        {T: two, OTHER: one, tmp: None},
        renames=((T, tmp), (OTHER, T), (tmp, OTHER)),
    )
    assert build_inverse(change).statements == (
        "RENAME TABLE `shop`.`other` TO `shop`.`tmp`, `shop`.`t` TO `shop`.`other`, `shop`.`tmp` TO `shop`.`t`;",
    )


def test_what_was_made_is_dropped_and_a_view_comes_back_as_it_was() -> None:
    view = parse_view("CREATE SQL SECURITY INVOKER VIEW `t` AS select 1", "")
    other = parse_view("CREATE SQL SECURITY INVOKER VIEW `t` AS select 2", "")
    assert undo(None, table(ID)) == Inverse(("DROP TABLE `shop`.`t`;",))
    assert undo(None, view) == Inverse(("DROP VIEW `shop`.`t`;",))
    assert undo(view, None) == Inverse(("CREATE SQL SECURITY INVOKER VIEW `shop`.`t` AS select 1;",))
    assert undo(view, other, replaces=True) == Inverse(
        ("CREATE OR REPLACE SQL SECURITY INVOKER VIEW `shop`.`t` AS select 1;",)
    )


def test_a_view_comes_back_after_the_views_that_it_reads() -> None:
    upper = parse_view("CREATE SQL SECURITY INVOKER VIEW `t` AS select 1 from `shop`.`other`", "")
    lower = parse_view("CREATE SQL SECURITY INVOKER VIEW `other` AS select 2 AS `shop.t`", "")
    inverse = build_inverse(SchemaChange({T: upper, OTHER: lower}, {T: None, OTHER: None}))
    assert [text.partition(" AS ")[0][-5:] for text in reversed(inverse.statements)] == ["ther`", "`.`t`"]


@pytest.mark.parametrize("definition", [None, table(ID)])
def test_nothing_is_undone_where_nothing_changed(definition: Definition | None) -> None:
    assert undo(definition, definition) == Inverse()


@pytest.mark.parametrize(
    ("before", "after", "more", "reason"),
    [
        (table(ID), None, {}, "the rows of t go with the table"),
        (table(ID, A), table(ID), {}, "the values of column a, which is dropped"),
        (table(ID, A), table(ID, "`a` varchar(9) DEFAULT NULL"), {}, "values of column a that its new type"),
        (table(ID, A), table(ID, A), {"dropped_columns": ("A",)}, "the values of column a, which is dropped"),
        (table(ID), table(ID), {"replaces": True}, "CREATE OR REPLACE takes the rows of t away"),
        (table(ID), table(A), {"replaces": True}, "CREATE OR REPLACE takes the rows of t away"),
        (table(ID), table(ID), {"rows_lost": "TRUNCATE takes the rows"}, "TRUNCATE takes the rows"),
        (table(ID), table(ID, options="ENGINE=InnoDB WITH SYSTEM VERSIONING"), {}, "system-versioned"),
        (table(ID), table(ID, options="ENGINE=InnoDB NEW_OPTION=1"), {}, "NEW_OPTION"),
    ],
)
def test_it_says_what_is_lost(
    before: Definition, after: Definition | None, more: dict[str, object], reason: str
) -> None:
    inverse = undo(before, after, **more)
    assert inverse.statements == ()
    assert inverse.missing.startswith("cannot be undone: ")
    assert reason in inverse.missing


def test_a_comparison_names_what_differs() -> None:
    assert compare_definitions({T: table(ID)}, {T: table(ID)}) == ""
    assert "shop.t is missing" in compare_definitions({}, {T: table(ID)})
    assert f"found none; needed {A}" in compare_definitions({T: table(ID)}, {T: table(ID, A)})
    assert "another order" in compare_definitions({T: table(ID, A)}, {T: table(A, ID)})


def test_a_view_comes_back_in_a_session_like_the_one_that_made_it() -> None:
    text = "CREATE SQL SECURITY INVOKER VIEW `t` AS select 1"
    latin, plain = parse_view(text, "", "latin1", "latin1_bin"), parse_view(text, "", "utf8mb4", "utf8mb4_bin")
    begin, create, end = reversed(undo(latin, plain).statements)
    assert "character_set_client = latin1, collation_connection = latin1_bin" in begin
    assert create == "CREATE OR REPLACE SQL SECURITY INVOKER VIEW `shop`.`t` AS select 1;"
    assert end.startswith("SET character_set_client = @inception_charset")
    assert [is_logged_as_text(part) for part in (begin, create, end)] == [False, True, False]
    assert "found utf8mb4/utf8mb4_bin; needed latin1/latin1_bin" in compare_definitions({T: plain}, {T: latin})
    assert undo(parse_view(text, ""), plain) == Inverse()  # kept before sessions were


def test_a_view_whose_signs_are_other_bytes_in_its_session_is_not_guessed_at() -> None:
    view = parse_view("CREATE SQL SECURITY INVOKER VIEW `t` AS select 'é'", "", "latin1", "latin1_bin")
    assert "was made in a session of the character set latin1" in undo(view, None).missing
    assert undo(
        parse_view("CREATE SQL SECURITY INVOKER VIEW `t` AS select 'é'", "", "utf8mb3", "utf8mb3_bin"), None
    ).statements


class TestColumnsThatComeBack:
    """What is demanded of values is demanded when they are back; on an empty table no proof would notice."""

    U = "`u` int NOT NULL"
    UNIQUE = "UNIQUE KEY `u` (`u`)"
    KEPT = KeptTable("shop", "t", "kept", ("u",), ("id",))

    def undo(self, before: Definition, after: Definition) -> list[str]:
        inverse = undo(before, after, kept={T: self.KEPT}, dropped_columns=("u",))
        assert not inverse.missing
        around = ("LOCK TABLES", "UNLOCK TABLES", "ALTER TABLE `kept`")
        return [text for text in reversed(inverse.statements) if not text.startswith(around)]

    def test_nothing_is_added_where_nothing_is_demanded(self) -> None:
        texts = self.undo(table(ID, self.U, PK), table(ID, PK))
        assert [text.split()[0] for text in texts] == ["SELECT", "ALTER", "UPDATE"]

    def test_a_unique_key_comes_after_the_values(self) -> None:
        texts = self.undo(table(ID, self.U, PK, self.UNIQUE), table(ID, PK))
        assert [text.split()[0] for text in texts] == ["SELECT", "SELECT", "ALTER", "UPDATE", "ALTER"]
        assert texts[2].endswith("ADD COLUMN `u` int NOT NULL AFTER `id`;")
        assert texts[4].endswith("ADD UNIQUE KEY `u` (`u`);")

    @pytest.mark.parametrize(
        ("column", "added"),
        [
            ("`u` point NOT NULL /*!80003 SRID 4326 */", "`u` point NULL"),
            ("`u` json NOT NULL COMMENT 'NOT NULL (x'", "`u` json NULL"),
            ("`u` bigint(20) unsigned NOT NULL AUTO_INCREMENT", "`u` bigint(20) unsigned NULL"),
            (
                "`u` varchar(9) NOT NULL DEFAULT 'a' CHECK (`u` <> 'q')",
                "`u` varchar(9) CHARACTER SET utf8mb4 NULL",
            ),
            (
                "`u` enum('NOT NULL','a ( b') NOT NULL CHECK (1)",
                "`u` enum('NOT NULL','a ( b') CHARACTER SET utf8mb4 NULL",
            ),
        ],
    )
    def test_a_column_that_needs_a_value_is_null_until_then(self, column: str, added: str) -> None:
        texts = self.undo(table(ID, column, PK), table(ID, PK))
        assert texts[2] == f"ALTER TABLE `shop`.`t` ADD COLUMN {added} AFTER `id`;"
        assert texts[4] == f"ALTER TABLE `shop`.`t` CHANGE COLUMN `u` {column};"


def test_a_zero_that_auto_increment_numbers_is_lost() -> None:
    counting = table("`id` int NOT NULL AUTO_INCREMENT", PK)
    inverse = undo(table(ID, PK), counting, fragile={T: ("id",)})
    assert "the 0 of column id, which AUTO_INCREMENT makes a number" in inverse.missing
    assert undo(table(ID, PK), counting).statements
    assert undo(table(ID, PK), table(ID, A, PK), fragile={T: ("id",)}).statements, "no column got a counter"


def test_a_new_column_is_not_taken_for_the_renamed_one_whose_name_it_has() -> None:
    before = table("`id` int NOT NULL", PK)
    after = table("`id` bigint NOT NULL", "`old` int NOT NULL", PK)
    undone = undo(before, after, column_renames=(("id", "old"),), whole_columns=frozenset({"id"}))
    (statement,) = undone.statements
    assert "DROP PRIMARY KEY" in statement
    assert "ADD PRIMARY KEY (`id`)" in statement


def test_a_column_without_any_default_does_not_get_null_for_one() -> None:
    undone = undo(table(ID, "`a` int"), table(ID, "`a` bigint DEFAULT NULL"))
    assert undone.statements == (
        "ALTER TABLE `shop`.`t` ALTER COLUMN `a` DROP DEFAULT;",
        "ALTER TABLE `shop`.`t` CHANGE COLUMN `a` `a` int;",
    )
