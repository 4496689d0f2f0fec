"""What foreign keys did, from what was copied before, the statement's own changes, and what the copies became."""

from __future__ import annotations

from backups.binlog.rows import ChangeKind, Column, Image, RowChange, Table
from backups.binlog.snapshots import CascadeFact
from backups.rollback.shadow_rows import ShadowSurvey, TableRows, is_own, is_told_by_shadow

S = Table("shop", "s", (Column("id", "int", "int(11)"), Column("up", "int", "int(11)")), (0,))
SELF = CascadeFact("shop", "s", "fk", ("up",), "shop", "s", ("id",), "CASCADE", "NO ACTION")


def put(image: Image) -> RowChange:
    return RowChange(ChangeKind.INSERT, None, image)


def take(image: Image) -> RowChange:
    return RowChange(ChangeKind.DELETE, image, None)


def change(before: Image, after: Image) -> RowChange:
    return RowChange(ChangeKind.UPDATE, before, after)


def survey(copies: list[Image], own: list[RowChange], followed: list[RowChange]) -> tuple[TableRows, str]:
    found = ShadowSurvey([SELF])
    for image in copies:
        found.add_shadow(S, put(image))
    for one in own:
        found.add_own(S, one)
    for one in followed:
        found.add_shadow(S, one)
    return found.result().get(("shop", "s"), TableRows()), found.failure


def keys(*values: str) -> frozenset[tuple[str]]:
    return frozenset((value,) for value in values)


ONE, TWO, THREE = ("1", None), ("2", "1"), ("3", "2")


def test_a_row_that_changed_without_the_statement_was_changed_by_a_key() -> None:
    rows, failure = survey([ONE, TWO, THREE], [take(ONE)], [take(ONE), take(TWO)])
    assert (rows.taken, rows.left_out, failure) == (keys("2"), frozenset(), "")
    assert is_told_by_shadow(rows, S, take(TWO))
    assert not is_told_by_shadow(rows, S, take(ONE))
    assert is_own(rows, S, take(ONE))


def test_copies_are_no_changes() -> None:
    rows, _ = survey([ONE], [], [])
    assert not is_told_by_shadow(rows, S, put(ONE))
    assert rows == TableRows()


def test_a_row_that_a_key_changed_before_the_statement_did_is_told_by_its_shadow() -> None:
    """DELETE … ORDER BY id with ON DELETE SET NULL: the second row is emptied on the way to its own end."""
    rows, failure = survey([ONE, TWO], [take(ONE), take(("2", None))], [take(ONE), take(TWO)])
    assert (rows.taken, rows.left_out, failure) == (keys("2"), keys("2"), "")
    assert not is_own(rows, S, take(("2", None)))


def test_a_row_that_a_key_changed_after_the_statement_did_is_told_by_its_shadow() -> None:
    rows, failure = survey([ONE, TWO], [change(TWO, ("2", "9"))], [change(TWO, ("2", None))])
    assert (rows.taken, rows.left_out, failure) == (keys("2"), keys("2"), "")


def test_a_replaced_row_is_its_own_two_changes() -> None:
    rows, failure = survey([ONE], [take(ONE), put(("1", "7"))], [change(ONE, ("1", "7"))])
    assert (rows, failure) == (TableRows(), "")


def test_rows_that_move_along_are_followed_from_key_to_key() -> None:
    own = [change(("2", None), ("3", None)), change(ONE, ("2", "5"))]
    rows, failure = survey([ONE, ("2", None)], own, [take(ONE), change(("2", None), ("2", "5"))])
    assert (rows, failure) == (TableRows(), "")


def test_a_row_that_was_not_copied_is_not_guessed_at() -> None:
    _, failure = survey([ONE], [take(ONE), take(("7", None))], [take(ONE)])
    assert "key 7" in failure
    assert "had not been kept" in failure


def test_a_moved_row_that_a_key_changed_too_is_not_guessed_at() -> None:
    _, failure = survey([ONE, TWO], [change(TWO, ("4", "1"))], [change(TWO, ("2", None))])
    assert "changed both by the statement" in failure


def test_a_new_row_is_certain_only_while_no_key_acts_after_it() -> None:
    _, failure = survey([ONE], [take(ONE), put(("8", None))], [take(ONE)])
    assert failure == ""
    _, failure = survey([ONE], [put(("8", "1")), take(ONE)], [take(ONE)])
    assert "key 8" in failure


def test_rows_that_referred_to_what_the_statement_made_and_took_again_are_not_known() -> None:
    _, failure = survey([], [put(("5", None)), take(("5", None))], [])
    assert "may have referred to them already" in failure
    _, failure = survey([("5", "1")], [take(("5", "1")), put(("5", None)), take(("5", None))], [take(("5", "1"))])
    assert failure == ""
