"""The generated code builds the same text as the plain builder, byte for byte, over random tables and rows."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backups.binlog.flavor import Flavor
from backups.binlog.rows import Column, Table
from backups.binlog.tables import TableMap
from backups.errors import DecodeError
from backups.rollback.fragments import Memo
from backups.rollback.plan import TablePlan
from tests.backups.captured import CASES, feed, load_case

Draw = random.Random
FLAVORS = (Flavor("mariadb", (10, 11, 19)), Flavor("mysql", (9, 7, 4)))
EVENTS = {"v1": (23, 24, 25), "v2": (30, 31, 32)}


@dataclass(frozen=True)
class Kind:
    """A column, its code and metadata in the table map, and what makes a value's bytes."""

    column: Column
    code: int
    meta: int
    make: Callable[[Draw], bytes]


def raw(size: int) -> Callable[[Draw], bytes]:
    return lambda draw: draw.choice((draw.randbytes(size), bytes(size), b"\xff" * size))


def sized(length_size: int, most: int, *, ascii_only: bool = False) -> Callable[[Draw], bytes]:
    texts = (
        b"",
        b"it's",
        b"plain",
        b"''",
        b"back\\slash",
        b"nul\0",
        b"x" * most,
        "né 世".encode(),
        b"\xff\x81",
        b"~\x7f",
    )

    def make(draw: Draw) -> bytes:
        value = draw.choice((draw.randbytes(draw.randrange(most + 1)), *(text for text in texts if len(text) <= most)))
        return len(value).to_bytes(length_size, "little") + value

    return make


def real(form: str) -> Callable[[Draw], bytes]:
    return lambda draw: struct.pack(
        form, draw.choice((0.0, -0.0, 1.0, -1.5, 1e30, 1e-30, draw.random(), draw.uniform(-1e9, 1e9)))
    )


def decimal(precision: int, scale: int) -> Callable[[Draw], bytes]:
    sizes = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)

    def make(draw: Draw) -> bytes:
        whole_groups, whole_rest = divmod(precision - scale, 9)
        part_groups, part_rest = divmod(scale, 9)
        groups = [whole_rest] * (whole_rest > 0) + [9] * (whole_groups + part_groups) + [part_rest] * (part_rest > 0)
        style = draw.randrange(3)
        data = b"".join(
            (0 if style == 0 else 10**digits - 1 if style == 1 else draw.randrange(10**digits)).to_bytes(
                sizes[digits], "big"
            )
            for digits in groups
        )
        positive = bytes([data[0] | 0x80]) + data[1:]
        return positive if draw.random() < 0.5 else bytes(255 - byte for byte in positive)

    return make


def fraction(draw: Draw, fsp: int) -> bytes:
    size = (fsp + 1) // 2
    number = draw.randrange(10**fsp) * (10 if fsp % 2 else 1)
    return number.to_bytes(size, "big")


def date(draw: Draw) -> bytes:
    return (draw.randrange(10000) << 9 | draw.randrange(13) << 5 | draw.randrange(32)).to_bytes(3, "little")


def datetime(fsp: int) -> Callable[[Draw], bytes]:
    def make(draw: Draw) -> bytes:
        year_month = draw.choice((0, draw.randrange(9999 * 13 + 12)))
        packed = (year_month << 5 | draw.randrange(32)) << 17
        packed |= draw.randrange(24) << 12 | draw.randrange(60) << 6 | draw.randrange(60)
        return (packed + 0x8000000000).to_bytes(5, "big") + fraction(draw, fsp)

    return make


def clock(fsp: int) -> Callable[[Draw], bytes]:
    def make(draw: Draw) -> bytes:
        seconds = draw.choice((0, draw.randrange(839), 23)) << 12 | draw.randrange(60) << 6 | draw.randrange(60)
        extra = (fsp + 1) // 2
        packed = seconds << extra * 8 | int.from_bytes(fraction(draw, fsp), "big")
        packed = draw.choice((packed, -packed))
        return (packed + (1 << (3 + extra) * 8 - 1)).to_bytes(3 + extra, "big")

    return make


def timestamp(fsp: int) -> Callable[[Draw], bytes]:
    return lambda draw: (
        draw.choice((0, 1, draw.randrange(1 << 31), (1 << 32) - 1)).to_bytes(4, "big") + fraction(draw, fsp)
    )


def string(data_type: str, code: int, meta: int, length: int, make: Callable[[Draw], bytes], charset: str) -> Kind:
    column = Column("c", data_type, data_type, charset=charset or None, octet_length=length)
    return Kind(column, code, meta, make)


def char_meta(length: int) -> int:
    return (length & 0xFF) << 8 | (0xFE ^ (length & 0x300) >> 4)


def number(data_type: str, code: int, size: int) -> list[Kind]:
    return [Kind(Column("c", data_type, data_type, unsigned=sign), code, 0, raw(size)) for sign in (False, True)]


DECIMALS = (
    *((1, 0), (5, 1), (10, 2), (9, 3), (13, 4), (12, 2), (22, 4), (18, 0), (23, 4)),
    *((12, 6), (2, 2), (30, 10), (65, 30), (9, 0)),
)

KINDS: list[Kind] = [
    *number("tinyint", 1, 1),
    *number("smallint", 2, 2),
    *number("mediumint", 9, 3),
    *number("int", 3, 4),
    *number("bigint", 8, 8),
    Kind(Column("c", "float", "float"), 4, 4, real("<f")),
    Kind(Column("c", "double", "double"), 5, 8, real("<d")),
    *(
        Kind(
            Column("c", "decimal", "decimal", numeric_precision=precision, numeric_scale=scale),
            246,
            precision | scale << 8,
            decimal(precision, scale),
        )
        for precision, scale in DECIMALS
    ),
    Kind(Column("c", "year", "year"), 13, 0, raw(1)),
    Kind(Column("c", "date", "date"), 10, 0, date),
    *(
        Kind(Column("c", name, name, datetime_precision=fsp), code, fsp, make(fsp))
        for name, code, make in (("datetime", 18, datetime), ("time", 19, clock), ("timestamp", 17, timestamp))
        for fsp in range(7)
    ),
    Kind(Column("c", "timestamp", "timestamp"), 7, 0, raw(4)),
    *(string("varchar", 15, 40, 40, sized(1, 40), charset) for charset in ("utf8mb4", "latin1", "ascii")),
    string("varchar", 15, 400, 400, sized(2, 400), "utf8mb3"),
    string("varbinary", 15, 40, 40, sized(1, 40), ""),
    *(string("char", 254, char_meta(size), size, sized(1 + (size > 255), 40), "utf8mb4") for size in (40, 400)),
    string("binary", 254, char_meta(9), 9, sized(1, 9), ""),
    *(string(name + "text", 252, size, 1 << 8 * size, sized(size, 30), "utf8mb4") for name, size in
      (("tiny", 1), ("", 2), ("medium", 3), ("long", 4))),
    *(string(name + "blob", 252, size, 1 << 8 * size, sized(size, 30), "") for name, size in
      (("tiny", 1), ("", 2), ("medium", 3), ("long", 4))),
    Kind(Column("c", "enum", "enum('a')"), 254, 0x1F7, raw(1)),
    *(Kind(Column("c", "set", "set('a')"), 254, size << 8 | 0xF8, raw(size)) for size in (1, 2, 3, 4, 8)),
    Kind(Column("c", "bit", "bit(16)", numeric_precision=16), 16, 0x200, raw(2)),
]  # fmt: skip

NAMES = ("id", "na`me", "{braces}", "per%cent", "back\\slash", 'quo"te', "é世", "it's", "{K1}", "\x01")


def make_plan(draw: Draw, width: int) -> tuple[TablePlan, list[Kind]]:
    kinds = [draw.choice(KINDS) for _ in range(width)]
    style = draw.randrange(3)
    nullable = tuple(style == 2 or (style == 1 and draw.random() < 0.5) for _ in kinds)
    columns = tuple(
        Column(
            **{
                **{slot: getattr(kind.column, slot) for slot in Column.__slots__},
                "name": draw.choice(NAMES) + str(index),
                "generated": "VIRTUAL" if draw.random() < 0.1 else "",
            }
        )
        for index, kind in enumerate(kinds)
    )
    solid = [index for index, column in enumerate(columns) if not column.generated and not nullable[index]]
    key = tuple(draw.sample(solid, min(len(solid), draw.randrange(3))))
    table = Table(draw.choice(NAMES), draw.choice(NAMES), columns, key)
    codes, metas = tuple(kind.code for kind in kinds), tuple(kind.meta for kind in kinds)
    table_map = TableMap(7, table.schema_name, table.name, codes, metas, nullable)
    return eager(TablePlan(table, table_map, draw.choice(FLAVORS))), kinds


def eager(plan: TablePlan) -> TablePlan:
    """Let `plan` generate code for its first, small event already."""
    plan._small_events = 1000
    return plan


def make_image(draw: Draw, plan: TablePlan, kinds: list[Kind]) -> bytes:
    width = len(kinds)
    nulls, data = 0, b""
    for index, kind in enumerate(kinds):
        if plan.table_map.nullable[index] and draw.random() < 0.4:
            nulls |= 1 << index
        else:
            data += kind.make(draw)
    spare = (1 << (-width % 8)) - 1 << width  # the servers set the bits that no column has
    return (nulls | draw.choice((0, spare))).to_bytes((width + 7) // 8, "little") + data


def make_body(draw: Draw, plan: TablePlan, kinds: list[Kind], type_code: int) -> bytes:
    width = len(kinds)
    head = b"\7\0\0\0\0\0\1\0" + (b"\5\0abc" if type_code >= 30 else b"")
    size = bytes([width]) if width < 251 else b"\xfc" + width.to_bytes(2, "little")
    images = 2 if type_code in (24, 31) else 1
    bitmaps = ((1 << width) - 1).to_bytes((width + 7) // 8, "little") * images
    rows = b"".join(make_image(draw, plan, kinds) for _ in range(images * draw.randrange(5)))
    return head + size + bitmaps + rows


@given(st.integers(0, 1 << 62), st.integers(1, 12), st.sampled_from([*EVENTS["v1"], *EVENTS["v2"]]))
@settings(max_examples=400, deadline=None)
def test_it_builds_what_the_plain_builder_builds(seed: int, width: int, type_code: int) -> None:
    draw = Draw(seed)
    plan, kinds = make_plan(draw, width)
    body = make_body(draw, plan, kinds, type_code)
    try:
        expected = plan.build_inverses_plainly(body, type_code)
    except DecodeError:
        expected = None  # a value that no such column holds, which the inverse may skip
    if expected is not None:
        assert plan.build_inverses(body, type_code) == expected


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.column.column_type}-{kind.meta}")
@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize("flavor", FLAVORS, ids=str)
def test_it_needs_the_plain_builder_for_no_usual_value(kind: Kind, nullable: bool, flavor: Flavor) -> None:
    draw = Draw(3)
    table = Table("s", "t", (kind.column,), ())
    table_map = TableMap(7, "s", "t", (kind.code,), (kind.meta,), (nullable,))
    plan = TablePlan(table, table_map, flavor)
    build = plan.find_generated(25)
    assert build is not None
    found = 0
    for _ in range(300):
        body = b"\7\0\0\0\0\0\1\0\1\1" + make_image(draw, plan, [kind])
        try:
            made = build(body, 10)
        except (ValueError, IndexError, KeyError, DecodeError):
            continue
        found += 1
        assert made == plan.build_inverses_plainly(body, 25)
    assert found > (150 if kind.code != 16 else 20)


@given(st.integers(0, 1 << 62), st.integers(1, 12), st.sampled_from([*EVENTS["v1"], *EVENTS["v2"]]))
@settings(max_examples=300, deadline=None)
def test_it_meets_damaged_rows_as_the_plain_builder_does(seed: int, width: int, type_code: int) -> None:
    draw = Draw(seed)
    plan, kinds = make_plan(draw, width)
    body = bytearray(make_body(draw, plan, kinds, type_code))
    for _ in range(draw.randrange(4)):
        body[draw.randrange(len(body))] = draw.randrange(256)
    damaged = bytes(body[: draw.randrange(len(body) + 1)] if draw.random() < 0.5 else body)
    try:
        expected = plan.build_inverses_plainly(damaged, type_code)
    except DecodeError:
        expected = None
    try:
        found = plan.build_inverses(damaged, type_code)
    except DecodeError:
        assert expected is None
        return
    if expected is not None:
        assert found == expected


@pytest.mark.parametrize(("name", "number"), CASES)
def test_it_builds_the_same_of_captured_events(name: str, number: int) -> None:
    captured = load_case(name, number)
    plan = None
    for event in feed(captured.own, captured.stream):
        if event.table_map is not None:
            plan = eager(TablePlan(captured.table, event.table_map, captured.own.flavor))
        elif event.query is None:
            assert plan is not None
            assert plan.has_all_columns(event.body, event.type_code)
            expected = plan.build_inverses_plainly(event.body, event.type_code)
            assert plan.build_inverses(event.body, event.type_code) == expected != []


def test_it_builds_wide_tables() -> None:
    draw = Draw(11)
    for width in (64, 65, 250, 251, 300):
        plan, kinds = make_plan(draw, width)
        for type_code in EVENTS["v2"]:
            body = make_body(draw, plan, kinds, type_code)
            try:
                expected = plan.build_inverses_plainly(body, type_code)
            except DecodeError:
                continue
            assert plan.build_inverses(body, type_code) == expected


def test_it_knows_when_columns_are_missing() -> None:
    plan = TablePlan(
        Table("s", "t", (Column("a", "int", "int"), Column("b", "int", "int")), (0,)),
        TableMap(7, "s", "t", (3, 3), (0, 0), (False, True)),
        FLAVORS[0],
    )
    full, part = b"\7\0\0\0\0\0\1\0\2\3\0" + bytes(8), b"\7\0\0\0\0\0\1\0\2\1\0" + bytes(4)
    assert [plan.has_all_columns(body, 25) for body in (full, part, full)] == [True, False, True]
    assert plan.build_inverses(full, 25) == ["INSERT INTO `s`.`t`(`a`,`b`) VALUES(0,0);"]
    with pytest.raises(DecodeError, match="without all columns"):
        plan.build_inverses(part, 25)


def test_it_does_without_generated_columns() -> None:
    # MariaDB 11.8.9: CREATE TABLE t (id INT PRIMARY KEY, b INT AS (id * 2) VIRTUAL); DELETE FROM t logs no b.
    columns = (Column("id", "int", "int"), Column("b", "int", "int", generated="VIRTUAL"))
    table_map = TableMap(5, "shop", "t", (3, 3), (0, 0), (False, True))
    plan = TablePlan(Table("shop", "t", columns, (0,)), table_map, Flavor("mariadb", (11, 8, 9)))
    head = (5).to_bytes(6, "little") + b"\x01\x00\x02"
    without_b, without_id = head + b"\x01\x00\x07\x00\x00\x00", head + b"\x02\x00\x0e\x00\x00\x00"
    assert (plan.has_needed_columns(without_b, 25), plan.has_all_columns(without_b, 25)) == (True, False)
    assert not plan.has_needed_columns(without_id, 25)
    assert eager(plan).build_inverses(without_b, 25) == ["INSERT INTO `shop`.`t`(`id`) VALUES(7);"]


def test_a_memo_forgets_before_it_becomes_large() -> None:
    memo = Memo(str)
    assert [memo[number] for number in range(40_000)] == [str(number) for number in range(40_000)]
    assert len(memo) <= 1 << 14
