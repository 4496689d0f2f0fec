"""Which rows of other tables a statement reaches by foreign keys, and the text that copies and follows them."""

from __future__ import annotations

from dataclasses import replace

from backups.binlog.rows import Column, Table
from backups.binlog.snapshots import CascadeFact, Snapshot
from backups.rollback.children import Acts, ShadowTexts, find_reach, name_shadows

DELETES = Acts(deletes=True)
SETS_ID = Acts(assigned=frozenset({"id"}))


def table(name: str, *columns: str, key: tuple[int, ...] = (0,), engine: str = "InnoDB") -> Table:
    return Table("shop", name, tuple(Column(column, "int", "int(11)") for column in ("id", "p", *columns)), key, engine)


def key(child: str, parent: str, on_delete: str = "CASCADE", on_update: str = "NO ACTION") -> CascadeFact:
    return CascadeFact("shop", child, f"fk_{child}", ("p",), "shop", parent, ("id",), on_delete, on_update)


def names(*found: str) -> tuple[tuple[str, str], ...]:
    return tuple(("shop", name) for name in found)


CHAIN = Snapshot(
    (table("a"), table("b"), table("c"), table("d")),
    (key("b", "a"), key("c", "b", "SET NULL"), key("d", "c")),
)


def test_a_delete_reaches_along_the_keys_as_far_as_rows_go_away() -> None:
    reach = find_reach(CHAIN, {("shop", "a"): DELETES})
    assert (reach.parents, reach.tables, reach.obstacle) == (names("a"), names("a", "b", "c"), "")
    assert reach.children == names("b", "c")  # rows of c are emptied, not deleted: d sees nothing


def test_an_update_reaches_only_by_columns_that_are_referred_to() -> None:
    snapshot = Snapshot((table("a", "v"), table("b")), (key("b", "a", on_update="CASCADE"),))
    assert find_reach(snapshot, {("shop", "a"): SETS_ID}).children == names("b")
    assert find_reach(snapshot, {("shop", "a"): Acts(assigned=frozenset({"v"}))}).edges == ()
    assert find_reach(snapshot, {("shop", "a"): Acts(assigned=None)}).children == names("b")


def test_a_referred_column_that_follows_from_others_can_be_any_of_them() -> None:
    generated = Table(
        "shop", "a", (Column("id", "int", "int(11)", generated="STORED"), Column("v", "int", "int(11)")), (1,)
    )
    snapshot = Snapshot((generated, table("b")), (key("b", "a", on_update="CASCADE"),))
    assert find_reach(snapshot, {("shop", "a"): Acts(assigned=frozenset({"v"}))}).children == names("b")


def test_circles_come_to_an_end() -> None:
    snapshot = Snapshot((table("a"), table("b")), (key("b", "a"), key("a", "b"), key("a", "a")))
    assert find_reach(snapshot, {("shop", "a"): DELETES}).children == names("b", "a")


def test_what_cannot_be_kept_is_named() -> None:
    edges = (key("b", "a"),)
    for child, reason in (
        (None, "shop.b cannot be seen"),
        (table("b", key=()), "shop.b has no primary key"),
        (table("b", engine="MyISAM"), "engine MyISAM"),
    ):
        tables = (table("a"), *((child,) if child else ()))
        assert reason in find_reach(Snapshot(tables, edges), {("shop", "a"): DELETES}).obstacle


def test_a_key_that_moves_with_its_parent_cannot_be_kept() -> None:
    moving = replace(key("b", "a", on_update="CASCADE"), columns=("id",))
    snapshot = Snapshot((table("a"), table("b")), (moving,))
    assert "in its primary key" in find_reach(snapshot, {("shop", "a"): SETS_ID}).obstacle
    assert find_reach(snapshot, {("shop", "a"): DELETES}).obstacle == ""


def test_the_texts_name_every_column_that_can_be_written_and_lock_what_they_copy() -> None:
    shadows = name_shadows(names("a", "b"), "kept")
    texts = ShadowTexts(CHAIN, shadows)
    assert texts.build_fill(("shop", "a"), "FROM a WHERE id = 1 -- x", 5) == (
        "INSERT INTO `kept`.`0` (`id`, `p`) SELECT `id`, `p` FROM a WHERE id = 1 -- x\nLIMIT 5\nFOR UPDATE"
    )
    assert texts.build_follow(CHAIN.cascades[0], 5, is_first=True) == (
        "INSERT INTO `kept`.`1` (`id`, `p`) SELECT c.`id`, c.`p` FROM `kept`.`0` p"
        " STRAIGHT_JOIN `shop`.`b` c ON c.`p` = p.`id` LIMIT 5 FOR UPDATE"
    )
    assert "LEFT JOIN `kept`.`1` k ON k.`id` = c.`id` WHERE k.`id` IS NULL" in texts.build_follow(
        CHAIN.cascades[0], 5, is_first=False
    )
    assert texts.build_update(shadows[1]) == (
        "UPDATE `kept`.`1` k JOIN `shop`.`b` c ON k.`id` = c.`id` SET k.`id` = c.`id`, k.`p` = c.`p`"
    )


def test_a_reference_to_columns_that_are_no_key_finds_each_child_once() -> None:
    odd = replace(CHAIN.cascades[0], parent_columns=("p",))
    texts = ShadowTexts(CHAIN, name_shadows(names("a", "b"), "kept"))
    assert "SELECT DISTINCT c.`id`" in texts.build_follow(odd, 5, is_first=True)
