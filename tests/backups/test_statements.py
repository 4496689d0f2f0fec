"""SQL of row changes, and of their inverses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups.binlog.codecs import Codec, choose_codec
from backups.binlog.flavor import Flavor
from backups.binlog.rows import ABSENT, ChangeKind, Column, RowChange, Table
from backups.errors import DecodeError
from backups.rollback.inverse import invert
from backups.rollback.statements import (
    build_exists,
    build_guarded,
    build_key_text,
    build_now,
    build_stored,
    parse_now,
)

COLUMNS = (
    Column("id", "int", "int"),
    Column("na`me", "varchar", "varchar(20)", charset="utf8mb4", octet_length=80),
    Column("twice", "int", "int", generated="VIRTUAL"),
    Column("at", "timestamp", "timestamp(2)", datetime_precision=2),
)
TABLE = Table("sh`op", "items", COLUMNS, primary_key=(0,))
KEYLESS = replace(TABLE, primary_key=())
CODECS: tuple[Codec, ...] = tuple(
    choose_codec(column, code, meta, Flavor("mysql", (9, 7, 4)), where=column.name)
    for column, (code, meta) in zip(COLUMNS, ((3, 0), (15, 80), (3, 0), (17, 2)), strict=True)
)
OLD = ("1", "'ann'", "2", "'2024-05-01 10:00:00.12+00:00'")
NEW = ("1", "_utf8mb4 X'C3A9'", "2", None)
UPDATE = RowChange(ChangeKind.UPDATE, OLD, NEW)
INSERT = RowChange(ChangeKind.INSERT, None, OLD)
DELETE = RowChange(ChangeKind.DELETE, OLD, None)


def test_deleted_row_comes_back_as_insert() -> None:
    assert invert(DELETE) == INSERT


@given(
    st.sampled_from(ChangeKind),
    st.none() | st.tuples(st.none() | st.text() | st.just(ABSENT)),
    st.none() | st.tuples(st.none() | st.text() | st.just(ABSENT)),
)
def test_inverting_twice_changes_nothing(kind: ChangeKind, before: object, after: object) -> None:
    change = RowChange(kind, before, after)  # type: ignore[arg-type]
    assert invert(invert(change)) == change
    assert (invert(change).before, invert(change).after) == (after, before)


def test_stored_text_is_by_key_and_sets_every_column() -> None:
    assert build_stored(invert(UPDATE), TABLE, CODECS) == (
        "UPDATE `sh``op`.`items` SET `id`=1, `na``me`='ann', `at`='2024-05-01 10:00:00.12+00:00' WHERE `id`=1;"
    )
    assert build_stored(invert(DELETE), TABLE, CODECS) == (
        "INSERT INTO `sh``op`.`items`(`id`,`na``me`,`at`) VALUES(1,'ann','2024-05-01 10:00:00.12+00:00');"
    )
    assert build_stored(invert(INSERT), TABLE, CODECS) == "DELETE FROM `sh``op`.`items` WHERE `id`=1;"


def test_a_changed_key_is_looked_for_as_it_is_now() -> None:
    change = RowChange(ChangeKind.UPDATE, OLD, ("5", *OLD[1:]))
    assert build_stored(invert(change), TABLE, CODECS).endswith(" WHERE `id`=5;")
    assert build_stored(invert(change), TABLE, CODECS).startswith("UPDATE `sh``op`.`items` SET `id`=1,")


def test_without_a_key_every_column_is_compared_exactly() -> None:
    assert build_stored(invert(INSERT), KEYLESS, CODECS) == (
        "DELETE FROM `sh``op`.`items` WHERE `id`=1 AND CAST(`na``me` AS BINARY)=X'616E6E'"
        " AND UNIX_TIMESTAMP(`at`)=1714557600.12 LIMIT 1;"
    )


def test_guarded_text_has_the_key_and_the_whole_row() -> None:
    assert build_guarded(invert(UPDATE), TABLE, CODECS) == (
        "UPDATE `sh``op`.`items` SET `id`=1, `na``me`='ann', `at`='2024-05-01 10:00:00.12+00:00'"
        " WHERE `id`=1 AND CAST(`na``me` AS BINARY)=X'C3A9' AND `at` IS NULL LIMIT 1"
    )
    assert not build_guarded(invert(DELETE), TABLE, CODECS).endswith(";")


def test_a_text_key_is_served_by_the_index_and_compared_exactly() -> None:
    table = replace(TABLE, primary_key=(1,))
    assert build_exists(OLD, table, CODECS) == (
        "SELECT COUNT(*) FROM `sh``op`.`items` WHERE `na``me`='ann' AND `id`=1"
        " AND CAST(`na``me` AS BINARY)=X'616E6E' AND UNIX_TIMESTAMP(`at`)=1714557600.12"
    )


def test_the_row_as_it_is_now_is_read_as_literals() -> None:
    assert build_now(OLD, TABLE, CODECS) == (
        "SELECT CAST(`id` AS CHAR) AS `id`, HEX(`na``me`) AS `na``me`, CAST(`twice` AS CHAR) AS `twice`,"
        " CAST(UNIX_TIMESTAMP(`at`) AS CHAR) AS `at` FROM `sh``op`.`items` WHERE `id`=1 LIMIT 1"
    )
    assert parse_now(("1", "616E6E", "2", "1714557600.12"), CODECS) == OLD
    assert parse_now((b"1", b"C3A9", b"2", None), CODECS) == NEW


def test_images_with_absent_columns_never_make_a_wrong_row() -> None:
    partial = ("1", ABSENT, "2", None)
    with pytest.raises(DecodeError, match="needed: all, to insert the row"):
        build_stored(RowChange(ChangeKind.INSERT, None, partial), TABLE, CODECS)
    with pytest.raises(DecodeError, match="needed to find the row"):
        build_stored(RowChange(ChangeKind.DELETE, partial, None), replace(TABLE, primary_key=(1,)), CODECS)
    with pytest.raises(DecodeError, match="found a row image without columns"):
        build_guarded(RowChange(ChangeKind.DELETE, (ABSENT,) * 4, None), KEYLESS, CODECS)
    update = build_stored(RowChange(ChangeKind.UPDATE, OLD, partial), TABLE, CODECS)
    assert update == "UPDATE `sh``op`.`items` SET `id`=1, `at`=NULL WHERE `id`=1;"


def test_people_see_the_key() -> None:
    assert build_key_text(OLD, TABLE) == "id=1"
    assert build_key_text(NEW, replace(TABLE, primary_key=(1, 0))) == "na`me=é, id=1"
    assert build_key_text(NEW, KEYLESS) == "id=1, na`me=é, twice=2, at=NULL"
