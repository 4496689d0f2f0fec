"""Random tables, rows, statements and a second writer; and what must be true after a rollback, whatever they were.

A scenario is SQL text, so that the smallest failing one, which Hypothesis prints, can be run by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import MySQLdb
from hypothesis import strategies as st
from MySQLdb.constants import CLIENT

from backups.capture import CaptureResult, capture
from backups.restore import RestoreResult, UndoItem, restore
from tests.live.conftest import Executor
from tests.live.own_rows import NO_NUMBER
from tests.servers import Server

SQL_MODE = "ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION"
THEIRS_FROM = 1000
"""The second session's own rows have this k and more; it also touches ours."""

Rows = Counter[tuple[Any, ...]]
Literals = st.SearchStrategy[str]


CHARSETS = ("utf8mb4", "utf8mb3", "latin1", "ascii", "gbk", "sjis", "ucs2", "utf16", "utf32", "swe7", "gb18030")


@dataclass(frozen=True)
class Kind:
    """A column type: how it is declared, and literals to write into it, right ones and wrong ones."""

    declaration: str
    literals: Literals
    mariadb: bool = True
    mysql: bool = True


@dataclass(frozen=True)
class Step:
    """ours: a statement of the ticket; else the second session's. kind: as the information table files it."""

    ours: bool
    table: str
    kind: str
    sql: str


@dataclass(frozen=True)
class Scenario:
    tables: tuple[str, ...]
    rows: tuple[str, ...]
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        lines = [*self.tables, *self.rows]
        lines += [f"/* {'ours' if step.ours else 'other'} */ {step.sql}" for step in self.steps]
        return "Scenario:\n  " + ";\n  ".join(lines) + ";"


def _hex(text: str) -> str:
    return f"_utf8mb4 X'{text.encode().hex()}'"


_numbers = st.one_of(st.integers(-3, 300), st.sampled_from([-(1 << 63), (1 << 64) - 1, (1 << 63) - 1, 1 << 31, 0])).map(
    str
)
_fractions = st.sampled_from(["0", "-0.0", "1e-7", "3.14159265358979", "-1e30", "1.5", "99999999999.99999", "-0.005"])
_dates = st.sampled_from(["0000-00-00", "2024-00-10", "2023-02-31", "1000-01-01", "9999-12-31", "0001-01-01"])
_times = st.sampled_from(["00:00:00", "-00:00:00.5", "838:59:59", "-838:59:59", "-12:34:56.789012", "23:59:59.999999"])
_moments = st.tuples(_dates, st.sampled_from(["00:00:00", "23:59:59.999999", "02:30:00.5"])).map(" ".join)
_stamps = st.sampled_from(
    [
        "0000-00-00 00:00:00",
        "1970-01-01 00:00:01",
        "2038-01-19 03:14:07",
        "2026-10-25 02:30:00.123456",
        "2026-11-22 12:00:00",
    ]
)
_words = st.one_of(
    st.sampled_from(
        ["", " ", "a", "A", "a ", "ä", "ss", "ß", "it's", "\\", "\\'", '"', "%s", "\n", "\0", "日本", "🙂", "-- x", ";"]
    ),
    st.text(st.characters(codec="utf-8", max_codepoint=0x1FFFF), max_size=12),
).map(_hex)
_bytes = st.one_of(st.sampled_from([b"", b"\0", b"a\0\0", b"\xff\xfe", b"'\\"]), st.binary(max_size=12)).map(
    lambda data: f"X'{data.hex()}'"
)


def _quoted(values: st.SearchStrategy[str]) -> Literals:
    return values.map(lambda value: f"'{value}'")


def _kinds() -> Iterator[Kind]:
    for name in ("tinyint", "smallint", "mediumint", "int", "bigint"):
        yield Kind(name, _numbers)
        yield Kind(f"{name} unsigned", _numbers)
    yield from (Kind(f"decimal({size})", _fractions) for size in ("1,0", "9,4", "30,10", "65,30"))
    yield from (Kind(name, _fractions) for name in ("float", "double"))
    yield from (Kind(f"bit({size})", _bytes) for size in (1, 9, 64))
    yield Kind("year", st.sampled_from(["0", "1901", "2155", "70"]))
    yield Kind("date", _quoted(_dates))
    yield from (Kind(f"time({digits})", _quoted(_times)) for digits in (0, 3, 6))
    yield from (Kind(f"datetime({digits})", _quoted(_moments)) for digits in (0, 1, 6))
    yield from (Kind(f"timestamp({digits}) NULL", _quoted(_stamps)) for digits in (0, 6))
    for charset in (
        "utf8mb4",
        "utf8mb3",
        "latin1",
        "ascii",
        "gbk",
        "sjis",
        "ucs2",
        "utf16",
        "utf32",
        "swe7",
        "gb18030",
    ):
        mariadb = charset != "gb18030"
        yield Kind(f"varchar(20) CHARACTER SET {charset}", _words, mariadb)
        yield Kind(f"char(9) CHARACTER SET {charset}", _words, mariadb)
    yield Kind("varchar(20) COLLATE utf8mb4_bin", _words)
    yield from (Kind(name, _words) for name in ("tinytext", "text", "longtext"))
    yield from (Kind(name, _bytes) for name in ("binary(5)", "varbinary(20)", "tinyblob", "blob", "longblob"))
    members = _quoted(st.sampled_from(["a", "b c", "it''s", "ü", "", "none"]))
    yield Kind("enum('a','b c','it''s','ü')", members)
    yield Kind("set('a','b c','it''s','ü')", st.one_of(members, st.just("'a,ü'"), st.just("7")))
    documents = st.sampled_from(
        ["null", "{}", '{"a": [1, -1.5, "ä", null, true]}', "18446744073709551615", '"x"', "[[]]"]
    )
    yield Kind("json", documents.map(_hex))
    yield Kind("json", st.sampled_from(["CAST(1.50 AS JSON)", "JSON_ARRAY(CAST('2024-01-01' AS DATE), 0x01)"]), False)
    points = st.sampled_from(["POINT(1 2)", "LINESTRING(0 0,1 1.5)", "POLYGON((0 0,1 0,1 1,0 0))"])
    yield Kind("geometry", points.map(lambda text: f"ST_GeomFromText('{text}', 0)"))
    yield Kind("uuid", _quoted(st.just("123e4567-e89b-12d3-a456-426655440000")), mysql=False)
    yield Kind("inet4", _quoted(st.sampled_from(["1.2.3.4", "0.0.0.0"])), mysql=False)
    yield Kind("inet6", _quoted(st.sampled_from(["::1", "fe80::ffff:1.2.3.4"])), mysql=False)
    yield Kind("varchar(50) COMPRESSED", _words, mysql=False)
    yield Kind("blob COMPRESSED", _bytes, mysql=False)


KINDS = tuple(_kinds())


def choose_kinds(server: Server, executor: Executor) -> tuple[list[Kind], list[Kind]]:
    """Return the types that the server has and the decoder knows, and those it has and the decoder does not know."""
    known, unknown = [], []
    for number, kind in enumerate(KINDS):
        if not (kind.mariadb if server.flavor.is_mariadb else kind.mysql):
            continue
        table = f"probe_{number}"
        try:
            executor.sql(f"CREATE TABLE {table} (k INT, v {kind.declaration})")
        except MySQLdb.Error:
            continue  # not of this version
        kept = executor.keep(table, "INSERT", f"INSERT INTO {table} (k) VALUES (1)")
        (known if kept.state == "complete" else unknown).append(kind)
        executor.sql(f"DROP TABLE {table}")
    return known, unknown


KEYS = (
    "PRIMARY KEY (k)",
    "PRIMARY KEY (k, j)",
    "",
    "KEY (k)",
    "UNIQUE KEY (u)",
    "PRIMARY KEY (k), UNIQUE KEY (u)",
    "PRIMARY KEY (w), KEY (k)",
)


@dataclass(frozen=True)
class _Table:
    name: str
    columns: tuple[tuple[str, Kind], ...]
    key: str

    @property
    def ddl(self) -> str:
        parts = ["k INT NOT NULL", "j INT NOT NULL", "u INT NULL", "w VARCHAR(20) NOT NULL"]
        parts += [f"{name} {kind.declaration}" for name, kind in self.columns]
        parts += ["g INT AS (k + 1) VIRTUAL", *filter(None, [self.key])]
        return f"CREATE TABLE {self.name} ({', '.join(parts)}) ENGINE=InnoDB DEFAULT CHARSET utf8mb4"

    @property
    def names(self) -> str:
        return ", ".join(["k", "j", "u", "w", *(name for name, _ in self.columns)])


@st.composite
def _tables(draw: st.DrawFn, kinds: list[Kind], name: str) -> _Table:
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=5))
    columns = tuple((f"c{number}", kind) for number, kind in enumerate(chosen))
    return _Table(name, columns, draw(st.sampled_from(KEYS)))


def _value(draw: st.DrawFn, kind: Kind) -> str:
    return "NULL" if draw(st.integers(0, 5)) == 0 else draw(kind.literals)


def _row(draw: st.DrawFn, table: _Table, first: int) -> str:
    k = first + draw(st.integers(0, 9))
    unique = draw(st.sampled_from(["NULL", str(k), str(k % 3)]))
    word = draw(st.sampled_from([f"'w{k}'", f"'W{k} '", f"'x{k}'"]))
    values = [str(k), str(draw(st.integers(0, 1))), unique, word]
    return f"({', '.join(values + [_value(draw, kind) for _, kind in table.columns])})"


def _where(draw: st.DrawFn, table: _Table) -> str:
    name = draw(st.sampled_from(table.columns))[0]
    k = draw(st.integers(0, 9))
    conditions = ["1=1", f"k = {k}", f"k < {k}", "k % 3 = 1", f"{name} IS NULL", f"k <> {k} AND j = 0"]
    return draw(st.sampled_from(conditions))


def _assignment(draw: st.DrawFn, table: _Table) -> str:
    column, kind = draw(st.sampled_from(table.columns))
    plain = f"{column} = {_value(draw, kind)}"
    others = ["k = k + 1", "k = 9 - k", "u = NULL", "u = k", "w = UPPER(w)", "j = 1 - j", f"{column} = NULL"]
    return draw(st.one_of(st.just(plain), st.sampled_from(others)))


def _write(draw: st.DrawFn, table: _Table, first: int) -> tuple[str, str]:
    """Return (kind, SQL) of one statement that writes rows with a k from `first` on, or changes any."""
    rows = ", ".join(_row(draw, table, first) for _ in range(draw(st.integers(1, 3))))
    head = f"{table.name} ({table.names}) VALUES {rows}"
    order = draw(st.sampled_from(["", " ORDER BY k DESC", " ORDER BY k", " LIMIT 2", " ORDER BY k DESC LIMIT 1"]))
    changes = ", ".join(_assignment(draw, table) for _ in range(draw(st.integers(1, 2))))
    copied = table.names.replace("k, j, u, w", f"k + {draw(st.integers(1, 9))}, j, NULL, CONCAT(w, 'c')")
    return draw(
        st.sampled_from(
            [
                ("INSERT", f"INSERT INTO {head}"),
                ("INSERT", f"INSERT IGNORE INTO {head}"),
                ("INSERT", f"REPLACE INTO {head}"),
                ("INSERT", f"INSERT INTO {head} ON DUPLICATE KEY UPDATE {changes}"),
                ("INSERT", f"INSERT INTO {table.name} ({table.names}) SELECT {copied} FROM {table.name} LIMIT 3"),
                ("UPDATE", f"UPDATE {table.name} SET {changes} WHERE {_where(draw, table)}{order}"),
                ("UPDATE", f"UPDATE IGNORE {table.name} SET {changes} WHERE {_where(draw, table)}{order}"),
                ("DELETE", f"DELETE FROM {table.name} WHERE {_where(draw, table)}{order}"),
            ]
        )
    )


@st.composite
def scenarios(draw: st.DrawFn, kinds: list[Kind]) -> Scenario:
    tables = [draw(_tables(kinds, f"t{number}")) for number in range(draw(st.integers(1, 2)))]
    rows = []
    for table in tables:
        values = ", ".join(_row(draw, table, 0) for _ in range(draw(st.integers(1, 8))))
        rows.append(f"INSERT IGNORE INTO {table.name} ({table.names}) VALUES {values}")
    steps = []
    with_others = draw(st.booleans())
    for _ in range(draw(st.integers(1, 20))):
        table = draw(st.sampled_from(tables))
        ours = not with_others or draw(st.integers(0, 3)) > 0
        first = 0 if ours or draw(st.booleans()) else THEIRS_FROM
        steps.append(Step(ours, table.name, *_write(draw, table, first)))
    return Scenario(tuple(table.ddl for table in tables), tuple(rows), tuple(steps))


class Stage:
    """Where scenarios are played: our session, another one, and one that rolls back."""

    def __init__(self, server: Server, executor: Executor) -> None:
        self.server, self.executor = server, executor
        self.seen: Counter[str] = Counter()
        self.other = server.connect(database=executor.schema)
        self.undoer = server.connect(database=executor.schema, client_flag=CLIENT.FOUND_ROWS)
        for connection in (executor.connection, self.other):
            cursor = connection.cursor()
            cursor.execute(f"SET SESSION sql_mode = '{SQL_MODE}', time_zone = '+00:00'")
            if server.flavor.is_mariadb:
                cursor.execute("SET SESSION binlog_format = 'ROW'")

    def close(self) -> None:
        self.other.close()
        self.undoer.close()

    def read(self, table: str) -> Rows:
        """Return the table's rows: k first, then every column as exact as the server can tell."""
        columns = self.executor.query(
            "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"
            f" AND TABLE_NAME = '{table}' ORDER BY ORDINAL_POSITION"
        )
        shown = ", ".join(_read_exactly(name, kind) for name, kind in columns)
        exact = [f"CONCAT({name} * 1e0)" for name, kind in columns if kind in ("float", "double")]
        return Counter(self.executor.query(f"SELECT {', '.join(['k', shown, *exact])} FROM {table}"))

    def play(self, scenario: Scenario) -> None:
        """Run a scenario, roll it all back, and assert what must be true then."""
        names = [ddl.split()[2] for ddl in scenario.tables]
        for name, ddl in zip(names, scenario.tables, strict=True):
            self.executor.sql(f"DROP TABLE IF EXISTS {name}", ddl)
        self.executor.sql(*scenario.rows)
        kept: list[tuple[str, CaptureResult]] = []
        undone: list[tuple[str, Rows, Rows]] = []
        touched: dict[str, set[int]] = {name: set() for name in names}
        for step in scenario.steps:
            before = self.read(step.table)
            if step.ours:
                found = self._run_ours(step)
                if found is None:
                    continue
                kept.append((step.kind, found))
                undone.append((step.table, before, self.read(step.table)))
            elif self._run_theirs(step):
                after = self.read(step.table)
                touched[step.table] |= {row[0] for row in (before - after) + (after - before)}
        found_rows = {name: self.read(name) for name in names}
        wanted = _undo_on_paper(found_rows, undone)
        result = self._restore(kept)
        self.seen["scenarios in conflict" if result.conflicts else "scenarios rolled back"] += 1
        self.seen["statements"] += len(kept)
        self.seen["rows restored"] += result.rows_restored
        _judge(result, wanted, found_rows, {name: self.read(name) for name in names}, touched)

    def _run_ours(self, step: Step) -> CaptureResult | None:
        """Run and keep one statement; None when the server refused it and nothing changed."""
        try:
            change = self.executor.run(step.table, step.kind, step.sql)
        except MySQLdb.Error:
            self.executor.connection.rollback()
            return None
        found = capture(change, self.executor.source)
        assert found.state == "complete", f"{found.reason}\n{step.sql}"
        assert found.rows_captured == found.records_stored == found.rows_archived, step.sql
        return found

    def _run_theirs(self, step: Step) -> bool:
        try:
            self.other.cursor().execute(step.sql.encode())
        except MySQLdb.Error:
            return False
        return True

    def _restore(self, kept: list[tuple[str, CaptureResult]]) -> RestoreResult:
        items = [
            UndoItem(one.opid_time, one.backup_schema, one.backup_table, kind, one.rows_captured)
            for kind, one in reversed(kept)
        ]
        return restore(
            self.undoer,
            items,
            flavor=self.server.flavor,
            marker="/* property */",
            dry_run=False,
            on_conflict="stop",
            before_commit=lambda: None,
        )


def _read_exactly(name: str, kind: str) -> str:
    if kind == "json":
        return f"HEX(CAST({name} AS CHAR))"
    return f"HEX({name})" if kind in NO_NUMBER else f"HEX(CAST({name} AS BINARY))"


def _undo_on_paper(now: dict[str, Rows], undone: list[tuple[str, Rows, Rows]]) -> dict[str, Rows] | None:
    """Return the tables with our statements undone, last first; None when a row is no longer as we left it."""
    tables = dict(now)
    for name, before, after in reversed(undone):
        ours, theirs = after - before, before - after
        if ours - tables[name]:
            return None
        tables[name] = tables[name] - ours + theirs
    return tables


def _judge(
    result: RestoreResult,
    wanted: dict[str, Rows] | None,
    before: dict[str, Rows],
    after: dict[str, Rows],
    touched: dict[str, set[int]],
) -> None:
    if not result.conflicts:
        assert wanted is not None, "rolled back over a row that the other session had changed"
        assert after == wanted
        return
    assert after == before, "a conflict, and yet something was changed"
    for conflict in result.conflicts:
        images = [image for image in (conflict.before, conflict.after, conflict.now) if image is not None]
        named = {int(image["k"]) for image in images if image["k"] is not None}
        others = touched[conflict.table]
        # Of two unique keys, the row in the way can be another one than the row that is named.
        assert named & others or (conflict.reason == "exists" and others), (
            f"not touched by the other session: {conflict}"
        )
