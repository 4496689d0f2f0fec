"""What is said of the tables that a ticket names."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from backups.binlog import codecs
from backups.binlog.rows import Column, Table
from backups.binlog.snapshots import CascadeFact, Snapshot, TriggerFact
from changes.grants import parse_grants
from changes.kinds import StatementKind
from changes.preflight_tables import SUPPORTED_TYPES, check_tables, list_tables, supports
from changes.problems import Problem
from changes.server_facts import ServerFacts
from changes.table_facts import TableFacts
from tests.changes.facts import MARIADB, MYSQL

K = StatementKind
ID = Column("id", "int", "int(11)", nullable=False)
NAME = Column("name", "varchar", "varchar(20)", charset="utf8mb4")


@dataclass(frozen=True)
class Named:
    """A statement, as far as tables are concerned."""

    kind: StatementKind
    written: tuple[tuple[str | None, str], ...]
    read: tuple[tuple[str | None, str], ...] = ()
    number: int = 0
    text: str = "…"
    line: int = 1
    schema_name: str | None = None
    renames: tuple[tuple[tuple[str | None, str], tuple[str | None, str]], ...] = ()

    @property
    def table_name(self) -> str | None:
        return self.written[0][1] if self.written else None


def table(name: str, *columns: Column, key: tuple[int, ...] = (0,)) -> Table:
    return Table("shop", name, columns or (ID, NAME), key)


def run(
    *statements: Named,
    snapshot: Snapshot | None = None,
    server: ServerFacts = MARIADB,
    missing: tuple[str, ...] = (),
    backup: bool = True,
    **facts: object,
) -> list[Problem]:
    names = list_tables(statements, "shop")
    tables = [
        TableFacts(schema, name, exists=name not in missing, kind="BASE TABLE", engine="InnoDB")
        for schema, name in names
    ]
    tables = [replace(fact, **facts) if fact.exists else fact for fact in tables]  # type: ignore[arg-type]
    snapshot = snapshot or Snapshot(tuple(table(name) for _, name in names))
    return check_tables(statements, schema_name="shop", tables=tables, snapshot=snapshot, server=server, backup=backup)


def delete(name: str = "orders", **more: object) -> Named:
    return Named(K.DELETE, ((None, name),), **more)  # type: ignore[arg-type]


def test_an_ordinary_table_has_no_problem() -> None:
    assert run(delete()) == []


def test_an_unknown_table_is_an_error_at_its_statement() -> None:
    (problem,) = run(delete(number=3, line=7), missing=("orders",))
    assert (problem.id, problem.severity, problem.statement, problem.line) == ("table.unknown", "error", 3, 7)
    assert "There is no table shop.orders" in problem.found


def test_a_table_that_is_only_read_has_to_exist_too() -> None:
    found = run(Named(K.INSERT, ((None, "a"),), ((None, "b"),)), missing=("b",))
    assert [problem.found[:26] for problem in found] == ["There is no table shop.b, "]


def test_a_table_made_by_an_earlier_statement_exists() -> None:
    make, fill = Named(K.CREATE_TABLE, ((None, "new"),)), Named(K.INSERT, ((None, "new"),), number=1)
    assert run(make, fill, missing=("new",)) == []
    assert [problem.id for problem in run(fill, make, missing=("new",))] == ["table.unknown"]


def test_a_table_dropped_by_an_earlier_statement_is_gone() -> None:
    drop = Named(K.DROP_TABLE, ((None, "orders"),))
    found = run(drop, delete(number=1))
    assert [(problem.id, problem.statement) for problem in found] == [("table.unknown", 1)]


def renaming(*pairs: tuple[str, str]) -> Named:
    renames = tuple(((None, old), (None, new)) for old, new in pairs)
    written = tuple(dict.fromkeys(name for pair in renames for name in pair))
    return Named(K.RENAME_TABLE, written, renames=renames)


def test_the_new_name_of_a_rename_has_to_be_free() -> None:
    assert run(renaming(("orders", "old_orders")), missing=("old_orders",)) == []
    assert [problem.id for problem in run(renaming(("orders", "old_orders")))] == ["table.exists"]
    assert [problem.id for problem in run(renaming(("orders", "b")), missing=("orders", "b"))] == ["table.unknown"]


def test_two_tables_are_swapped_over_a_third_name() -> None:
    assert run(renaming(("a", "aside"), ("b", "a"), ("aside", "b")), missing=("aside",)) == []


def test_a_renamed_table_has_its_new_name() -> None:
    rename = renaming(("orders", "old_orders"))
    assert run(rename, delete("old_orders", number=1), missing=("old_orders",)) == []


@pytest.mark.parametrize(
    ("text", "expected"), [("DROP TABLE orders", ["table.unknown"]), ("drop table  if  exists orders", [])]
)
def test_if_exists_tolerates_a_missing_table(text: str, expected: list[str]) -> None:
    found = run(Named(K.DROP_TABLE, ((None, "orders"),), text=text), missing=("orders",))
    assert [problem.id for problem in found] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("CREATE TABLE orders (id int)", ["table.exists"]), ("CREATE TABLE IF NOT EXISTS orders (id int)", [])],
)
def test_a_table_that_is_there_already_cannot_be_made(text: str, expected: list[str]) -> None:
    assert [problem.id for problem in run(Named(K.CREATE_TABLE, ((None, "orders"),), text=text))] == expected


@pytest.mark.parametrize("name", ["$_$Inception_backup_information$_$", "$_$x$_$"])
def test_our_own_names_are_refused(name: str) -> None:
    assert [problem.id for problem in run(delete(name))] == ["table.own_name"]


@pytest.mark.parametrize(
    "column",
    [
        Column("doc", "xmltype", "xmltype"),
        Column("name", "varchar", "varchar(9)", charset="utf9"),
    ],
    ids=lambda column: column.name,
)
def test_a_column_that_cannot_be_decoded_is_named_before_approval(column: Column) -> None:
    (problem,) = run(delete(), snapshot=Snapshot((table("orders", ID, column),)))
    assert (problem.id, problem.severity) == ("table.column_type", "warning")
    assert f"{column.name} {column.column_type}" in problem.found
    assert "incomplete" in problem.how


def test_a_table_that_is_only_read_may_have_any_column() -> None:
    odd = table("b", ID, Column("doc", "xmltype", "xmltype"))
    assert run(Named(K.INSERT, ((None, "a"),), ((None, "b"),)), snapshot=Snapshot((table("a"), odd))) == []


def test_the_types_named_here_are_those_the_decoder_has() -> None:
    assert set(codecs._FACTORIES) == SUPPORTED_TYPES
    assert supports(ID)
    assert supports(NAME)


def test_an_engine_without_transactions_is_warned_of() -> None:
    (problem,) = run(delete(), engine="MyISAM", transactional=False)
    assert (problem.id, problem.severity) == ("table.engine", "warning")
    assert "MyISAM" in problem.found


def test_a_versioned_table_is_warned_of() -> None:
    assert [problem.id for problem in run(delete(), kind="SYSTEM VERSIONED")] == ["table.versioned"]


def test_a_table_without_a_key_is_noticed() -> None:
    (problem,) = run(delete(), snapshot=Snapshot((table("orders", key=()),)))
    assert (problem.id, problem.severity) == ("table.no_key", "notice")


@pytest.mark.parametrize(
    ("kind", "event", "warned"),
    [
        (K.DELETE, "DELETE", True),
        (K.REPLACE, "DELETE", True),
        (K.INSERT, "UPDATE", True),  # ON DUPLICATE KEY UPDATE
        (K.UPDATE, "DELETE", False),
    ],
)
def test_triggers_that_the_statement_can_fire_are_named(kind: StatementKind, event: str, warned: bool) -> None:
    trigger = TriggerFact("shop", "orders", "keep_total", event, "AFTER")
    found = run(Named(kind, ((None, "orders"),)), snapshot=Snapshot((table("orders"),), triggers=(trigger,)))
    assert [problem.id for problem in found] == (["table.triggers"] if warned else [])
    assert all(f"keep_total (AFTER {event})" in problem.found for problem in found)


def cascade(child: str, parent: str, on_delete: str, on_update: str = "NO ACTION") -> CascadeFact:
    return CascadeFact("shop", child, f"fk_{child}", ("p",), "shop", parent, ("id",), on_delete, on_update)


CHAIN = Snapshot(
    (table("orders"),),
    cascades=(
        cascade("lines", "orders", "CASCADE"),
        cascade("notes", "lines", "SET NULL"),
        cascade("x", "notes", "CASCADE"),
    ),
)


def test_child_rows_that_are_logged_are_noticed_through_all_generations() -> None:
    (problem,) = run(delete(), snapshot=CHAIN, server=MYSQL)
    assert (problem.id, problem.severity) == ("table.cascade", "notice")
    assert "shop.lines by fk_lines (ON DELETE CASCADE)" in problem.found
    assert "shop.notes by fk_notes (ON DELETE SET NULL)" in problem.found
    assert "shop.x" not in problem.found  # the notes are not deleted
    assert "they are backed up" in problem.how


def test_child_rows_that_are_not_logged_are_left_to_who_can_keep_them() -> None:
    assert run(delete(), snapshot=CHAIN) == []


def test_an_update_does_not_set_off_what_only_a_delete_does() -> None:
    assert run(Named(K.UPDATE, ((None, "orders"),)), snapshot=CHAIN, server=MYSQL) == []


def test_keys_that_point_in_a_circle_come_to_an_end() -> None:
    circle = Snapshot((table("a"),), cascades=(cascade("b", "a", "CASCADE"), cascade("a", "b", "CASCADE")))
    assert len(run(delete("a"), snapshot=circle, server=MYSQL)) == 1


def test_a_missing_right_is_an_error_that_names_it() -> None:
    poor = replace(MARIADB, grants=parse_grants(["GRANT SELECT ON `shop`.* TO `app`@`%`"]))
    (problem,) = run(delete(), server=poor)
    assert (problem.id, problem.severity) == ("table.privilege", "error")
    assert "may not run DELETE on shop.orders" in problem.found
    assert "privilege DELETE" in problem.needed


def test_the_same_finding_is_told_once() -> None:
    odd = Snapshot((table("orders", key=()),))
    assert len(run(delete(number=0), delete(number=1), snapshot=odd)) == 1


def test_without_backup_only_what_keeps_a_statement_from_running_is_told() -> None:
    odd = Snapshot((table("orders", ID, Column("doc", "json", "json"), key=()),))
    assert run(delete(), snapshot=odd, backup=False) == []
    assert [problem.id for problem in run(delete(), missing=("orders",), backup=False)] == ["table.unknown"]
