"""It builds the inverse of a schema change where that is simple and certain."""

from __future__ import annotations

import pytest

from backups.rollback.ddl import Clause, Inverse, SchemaChange, build_inverse

T = ("shop", "t")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (SchemaChange("CREATETABLE", T), "DROP TABLE `shop`.`t`;"),
        (SchemaChange("CREATEVIEW", ("shop", "a`b")), "DROP VIEW `shop`.`a``b`;"),
        (SchemaChange("CREATEVIEW", T, or_replace=True), "DROP VIEW `shop`.`t`;"),
        (SchemaChange("CREATEINDEX", T, index="i"), "DROP INDEX `i` ON `shop`.`t`;"),
        (
            SchemaChange("RENAMETABLE", T, renames=((T, ("shop", "old")), (("shop", "new"), T))),
            "RENAME TABLE `shop`.`t` TO `shop`.`new`, `shop`.`old` TO `shop`.`t`;",
        ),
        (
            SchemaChange(
                "ALTERTABLE",
                T,
                clauses=(
                    Clause("ADD COLUMN", "a"),
                    Clause("ADD INDEX", "i"),
                    Clause("OPTION", text="ALGORITHM=INPLACE"),
                    Clause("RENAME TABLE", "t2"),
                ),
            ),
            "ALTER TABLE `shop`.`t2` RENAME TO `shop`.`t`, DROP INDEX `i`, DROP COLUMN `a`;",
        ),
        (
            SchemaChange(
                "ALTERTABLE",
                T,
                columns=frozenset({"A", "id"}),
                clauses=(Clause("ADD COLUMN", "a", if_not_exists=True), Clause("ADD COLUMN", "b", if_not_exists=True)),
            ),
            "ALTER TABLE `shop`.`t` DROP COLUMN `b`;",
        ),
    ],
)
def test_it_builds_the_inverse(change: SchemaChange, expected: str) -> None:
    assert build_inverse(change) == Inverse((expected,))


@pytest.mark.parametrize(
    "change",
    [
        SchemaChange("CREATETABLE", T, existed=True, if_not_exists=True),
        SchemaChange("CREATEINDEX", T, index="I", if_not_exists=True, indexes=frozenset({"i"})),
        SchemaChange(
            "ALTERTABLE",
            T,
            columns=frozenset({"a"}),
            clauses=(Clause("ADD COLUMN", "a", if_not_exists=True), Clause("OPTION")),
        ),
    ],
)
def test_it_undoes_nothing_where_nothing_changes(change: SchemaChange) -> None:
    assert build_inverse(change) == Inverse()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (SchemaChange("CREATETABLE", T, existed=True, or_replace=True), "OR REPLACE"),
        (SchemaChange("CREATEVIEW", T, existed=True, or_replace=True), "OR REPLACE"),
        (SchemaChange("DROPTABLE", T), "rows"),
        (SchemaChange("TRUNCATETABLE", T), "DELETE can be undone"),
        (SchemaChange("DROPINDEX", T), "index"),
        (SchemaChange("DROPVIEW", T), "view"),
        (SchemaChange("CREATEINDEX", T, index="i", or_replace=True, indexes=frozenset({"i"})), "index i"),
        (SchemaChange("ALTERTABLE", T, clauses=(Clause("ADD INDEX"),)), "ADD INDEX"),
        (SchemaChange("ALTERTABLE", T, clauses=(Clause("ADD INDEX", "PRIMARY"),)), "ADD INDEX"),
        (
            SchemaChange("ALTERTABLE", T, clauses=(Clause("ADD COLUMN", "a"), Clause("OTHER", text="MODIFY b int"))),
            "MODIFY b int",
        ),
    ],
)
def test_it_says_why_there_is_no_inverse(change: SchemaChange, reason: str) -> None:
    inverse = build_inverse(change)
    assert inverse.statements == ()
    assert inverse.missing.startswith("cannot be undone yet: ")
    assert reason in inverse.missing
