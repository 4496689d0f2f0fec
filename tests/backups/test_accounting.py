"""It judges whether row events account for what the server said it changed."""

from __future__ import annotations

import pytest

from backups.binlog.rows import ABSENT, ChangeKind, Column, RowChange, Table
from backups.binlog.snapshots import CascadeFact, Snapshot, TriggerFact
from backups.rollback.accounting import Tally

T = Table("shop", "t", (Column("id", "int", "int"), Column("a", "int", "int")), (0,))
INSERT = RowChange(ChangeKind.INSERT, None, ("1", "1"))
UPDATE = RowChange(ChangeKind.UPDATE, ("1", "1"), ("1", "2"))
RENUMBER = RowChange(ChangeKind.UPDATE, ("1", "1"), ("2", "1"))
DELETE = RowChange(ChangeKind.DELETE, ("1", "2"), None)
PLAIN = Snapshot((T,))
TRIGGER = Snapshot((T,), triggers=(TriggerFact("shop", "t", "tr", "UPDATE", "AFTER"),))
CHILD = CascadeFact("shop", "c", "fk", ("t",), "shop", "t", ("ID",), "CASCADE", "NO ACTION")


def judge(snapshot: Snapshot, changes: list[RowChange], kind: str, affected: int | None) -> tuple[str, bool]:
    tally = Tally(snapshot)
    for change in changes:
        tally.add(T, change.kind, 1)
        tally.add_silent(tally.find_cascades(T, change.kind), T, change)
    verdict = tally.judge(kind, affected)
    return verdict.state, bool(verdict.explanation)


@pytest.mark.parametrize(
    ("snapshot", "changes", "kind", "affected", "expected"),
    [
        (PLAIN, [], "UPDATE", 0, ("complete", False)),
        (PLAIN, [UPDATE, UPDATE], "UPDATE", 2, ("complete", False)),
        (PLAIN, [UPDATE], "UPDATE", None, ("complete", False)),
        # Measured on MariaDB 10.11 and MySQL 9.7: ON DUPLICATE KEY UPDATE counts a changed row as two.
        (PLAIN, [UPDATE, INSERT], "INSERT", 3, ("complete", True)),
        # REPLACE of two rows, one of which takes the place of another: three.
        (PLAIN, [DELETE, INSERT, INSERT], "INSERT", 3, ("complete", False)),
        # The same servers, and MariaDB 11.8: REPLACE of a row by an equal one counts as one and logs nothing.
        (PLAIN, [], "REPLACE", 1, ("complete", True)),
        (PLAIN, [UPDATE, INSERT], "REPLACE", 4, ("complete", True)),
        # MariaDB 10.11 and 11.8: FOR PORTION OF counts a row once, and makes up to two more of what is left of it.
        (PLAIN, [UPDATE, INSERT, INSERT], "PORTION", 1, ("complete", True)),
        (PLAIN, [DELETE, INSERT], "PORTION", 1, ("complete", True)),
        (PLAIN, [UPDATE, INSERT, INSERT, INSERT], "PORTION", 1, ("incomplete", False)),
        (PLAIN, [INSERT], "PORTION", 1, ("complete", False)),
        (PLAIN, [UPDATE, INSERT], "PORTION", 2, ("complete", False)),
        (PLAIN, [UPDATE, UPDATE], "PORTION", 1, ("incomplete", False)),
        (PLAIN, [], "INSERT", 1, ("incomplete", False)),
        (PLAIN, [INSERT], "REPLACE", 0, ("incomplete", False)),
        (TRIGGER, [UPDATE, INSERT], "UPDATE", 1, ("complete", True)),
        (PLAIN, [UPDATE, INSERT], "UPDATE", 1, ("incomplete", False)),
        (PLAIN, [], "UPDATE", 1, ("incomplete", False)),
        (PLAIN, [UPDATE], "UPDATE", 2, ("incomplete", False)),
        (TRIGGER, [UPDATE], "UPDATE", 2, ("incomplete", False)),
    ],
)
def test_it_judges(
    snapshot: Snapshot, changes: list[RowChange], kind: str, affected: int | None, expected: tuple[str, bool]
) -> None:
    assert judge(snapshot, changes, kind, affected) == expected


class TestForeignKeys:
    SILENT = Snapshot((T,), cascades=(CHILD,))
    LOGGED = Snapshot((T,), cascades=(CHILD,), cascades_logged=True)

    def test_it_never_trusts_a_deleted_parent_whose_children_are_not_logged(self) -> None:
        assert judge(self.SILENT, [DELETE], "DELETE", 1) == ("incomplete", False)
        assert judge(self.LOGGED, [DELETE], "DELETE", 1) == ("complete", False)

    @pytest.mark.parametrize("change", [INSERT, UPDATE, RENUMBER])
    def test_it_trusts_changes_on_which_the_key_does_not_act(self, change: RowChange) -> None:
        assert judge(self.SILENT, [change], change.kind.value, 1) == ("complete", False)

    def test_it_sees_that_a_referenced_column_changed(self) -> None:
        fact = CascadeFact("shop", "c", "fk", ("t",), "shop", "t", ("ID",), "NO ACTION", "CASCADE")
        snapshot = Snapshot((T,), cascades=(fact,))
        assert judge(snapshot, [RENUMBER], "UPDATE", 1) == ("incomplete", False)
        assert judge(snapshot, [UPDATE, DELETE], "UPDATE", 2) == ("complete", False)

    def test_it_does_not_trust_a_referenced_column_that_was_not_logged(self) -> None:
        fact = CascadeFact("shop", "c", "fk", ("t",), "shop", "t", ("a",), "NO ACTION", "CASCADE")
        change = RowChange(ChangeKind.UPDATE, ("1", ABSENT), ("1", ABSENT))
        assert judge(Snapshot((T,), cascades=(fact,)), [change], "UPDATE", 1) == ("incomplete", False)

    def test_it_believes_that_there_were_no_children_when_that_was_shown(self) -> None:
        tally = Tally(self.SILENT)
        tally.add(T, DELETE.kind, 1)
        tally.add_silent(tally.find_cascades(T, DELETE.kind), T, DELETE)
        assert tally.judge("DELETE", 1, children_checked=True).state == "complete"

    def test_only_the_foreign_key_that_was_followed_is_kept(self) -> None:
        other = CascadeFact("shop", "c", "other", ("u",), "shop", "t", ("id",), "CASCADE", "NO ACTION")
        tally = Tally(Snapshot((T,), cascades=(CHILD, other)), followed=frozenset({("shop", "c", "fk")}))
        assert tally.find_cascades(T, ChangeKind.DELETE) == [other]
