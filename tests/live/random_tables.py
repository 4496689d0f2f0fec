"""Random tables with rows and everything that can hang on a column, and random tickets that alter them.

What a ticket does is kept track of, so that most statements are ones that the servers take.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.fidelity.cases import Case


@dataclass(frozen=True, slots=True)
class Kind:
    """A type, values of three rows (all different), and types it may be changed into."""

    type: str
    values: tuple[str, str, str]
    others: tuple[str, ...]
    default: str = ""


KINDS = (
    Kind("INT", ("-5", "0", "2147483647"), ("BIGINT", "SMALLINT", "VARCHAR(20)", "DECIMAL(20,2)", "INT UNSIGNED"), "7"),
    Kind("BIGINT UNSIGNED", ("0", "9", "18446744073709551615"), ("BIGINT", "DOUBLE", "DECIMAL(30,0)"), "1"),
    Kind("VARCHAR(30)", ("'é😀 text'", "''", "' sp '"), ("TEXT", "VARCHAR(5)", "CHAR(30)", "VARCHAR(60)"), "'x''y'"),
    Kind("VARCHAR(20) CHARACTER SET latin1", ("'é'", "'b  '", "'C'"), ("VARCHAR(20) CHARACTER SET utf16", "TINYTEXT")),
    Kind("CHAR(5)", ("'a'", "'B '", "'ß'"), ("VARCHAR(9)", "CHAR(2)", "BINARY(9)"), "'q'"),
    Kind("DECIMAL(10,3)", ("1.234", "-9999999.999", "0"), ("DECIMAL(10,1)", "DECIMAL(14,5)", "DOUBLE"), "0.001"),
    Kind("DOUBLE", ("0.1", "-1e300", "3"), ("FLOAT", "DECIMAL(5,2)")),
    Kind("FLOAT", ("0.1", "1e30", "-3"), ("DOUBLE", "INT"), "1.5"),
    Kind("DATETIME(3)", ("'2020-02-29 23:59:59.999'", "'1000-01-01'", "'2021-01-01'"), ("DATETIME", "DATE", "TIME(6)")),
    Kind("TIMESTAMP(2) NULL", ("'2020-02-29 23:59:59.99'", "'1999-01-01'", "NULL"), ("DATETIME(2)", "TIMESTAMP NULL")),
    Kind("TIME(2)", ("'-838:59:59'", "'00:00:00.01'", "'12:00'"), ("TIME", "TIME(6)", "DATETIME")),
    Kind("DATE", ("'2020-02-29'", "'9999-12-31'", "'2021-01-01'"), ("DATETIME", "VARCHAR(12)", "YEAR"), "'2000-01-01'"),
    Kind("YEAR", ("1901", "2155", "2000"), ("INT", "SMALLINT")),
    Kind("ENUM('a','b','c,''')", ("'c,'''", "'a'", "'b'"), ("ENUM('b','c,''','a')", "ENUM('a')", "VARCHAR(9)"), "'b'"),
    Kind("SET('x','y')", ("'x,y'", "''", "'y'"), ("SET('x','y','z')", "SET('y','x')", "VARCHAR(9)")),
    Kind("BLOB", ("x'00ff'", "''", "x'27'"), ("VARBINARY(9)", "LONGBLOB", "TINYBLOB")),
    Kind("VARBINARY(8)", ("x'0000'", "''", "x'5c'"), ("BLOB", "BINARY(8)", "VARBINARY(1)")),
    Kind("BIT(9)", ("b'111111111'", "b'0'", "b'1'"), ("BIT(20)", "INT", "BIT(1)")),
    Kind("TEXT", ("REPEAT('long ', 3000)", "''", "'words here'"), ("LONGTEXT", "VARCHAR(20)")),
    Kind("JSON", ("'{\"a\": [1, 2.0]}'", "'[]'", "'\"s\"'"), ("LONGTEXT",)),
    Kind("POINT", ("ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(0 0)')", "NULL"), ("GEOMETRY",)),
)
UNINDEXED = frozenset({"BLOB", "TEXT", "JSON", "POINT"})
OPTIONS = (
    "COMMENT 'new (, '''",
    "ROW_FORMAT=COMPACT",
    "DEFAULT CHARSET latin1",
    "CONVERT TO CHARACTER SET utf8mb4",
    "FORCE",
)
SESSIONS = st.sampled_from(((), ("sql_mode = ''",)))
PARENT = "CREATE TABLE p (id INT PRIMARY KEY); INSERT INTO p VALUES (-5), (0), (2147483647), (7);"


@dataclass(slots=True)
class _Table:
    """A table as the statements so far leave it. holders: by column, what has to be dropped with it."""

    name: str
    columns: dict[str, Kind]
    nulls: dict[str, bool] = field(default_factory=dict)
    holders: dict[str, list[str]] = field(default_factory=dict)
    indexes: list[str] = field(default_factory=list)
    count: int = 0

    def new_name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"


@st.composite
def random_cases(draw: st.DrawFn) -> Case:
    """A table, and a ticket of one to three ALTERs with one to six clauses in all, rows changed in between.

    Half of the sessions are strict; the others let a type cut its values.
    """
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=2, max_size=5))
    table = _Table("t", {f"c{number}": kind for number, kind in enumerate(kinds)})
    make = f"{PARENT}{_make(draw, table)}"
    statements = [_change_rows(draw, table)]
    left = draw(st.integers(1, 6))
    while left:
        size = draw(st.integers(1, left))
        left -= size
        statements += [_alter(draw, table, size), _change_rows(draw, table)]
    return Case("random", "case", "", (("", make),), ";\n".join(statements), draw(SESSIONS), (), ())


def _define(draw: st.DrawFn, kind: Kind, *, nullable: bool | None = None) -> tuple[str, bool]:
    if "NULL" in kind.values or "NULL" in kind.type:
        return (kind.type if "NULL" in kind.type else f"{kind.type} NULL"), True
    nullable = draw(st.booleans()) if nullable is None else nullable
    default = f" DEFAULT {kind.default}" if kind.default and draw(st.booleans()) else ""
    return f"{kind.type}{' NULL' if nullable else ' NOT NULL'}{default}", nullable


def _make(draw: st.DrawFn, table: _Table) -> str:
    parts = ["id INT NOT NULL"]
    for name, kind in table.columns.items():
        text, table.nulls[name] = _define(draw, kind)
        parts.append(f"{name} {text}")
    keyed = [name for name, kind in table.columns.items() if kind.type not in UNINDEXED]
    for name in keyed:
        if draw(st.booleans()):
            index = table.new_name("i")
            unique = "UNIQUE " if draw(st.booleans()) else ""
            other = draw(st.sampled_from(keyed))
            parts.append(f"{unique}KEY {index} ({name}{f', {other}' if other != name else ''})")
            table.indexes.append(index)
    numbers = [name for name, kind in table.columns.items() if kind.type == "INT"]
    if numbers and draw(st.booleans()):
        parts.append(f"CONSTRAINT fk FOREIGN KEY ({numbers[0]}) REFERENCES p (id)")
        table.holders.setdefault(numbers[0], []).append("DROP FOREIGN KEY fk")
    if numbers and draw(st.booleans()):
        parts.append(f"CONSTRAINT ck CHECK ({numbers[-1]} <> 1)")
        table.holders.setdefault(numbers[-1], []).append("DROP CONSTRAINT ck")
    if numbers and draw(st.booleans()):
        stored = draw(st.sampled_from(("STORED", "VIRTUAL")))
        parts.append(f"g BIGINT GENERATED ALWAYS AS ({numbers[0]} + 1) {stored}")
        parts.append(draw(st.sampled_from(("KEY ig (g)", "UNIQUE KEY ig (g)", "KEY ig (id, g)"))))
        table.holders.setdefault(numbers[0], []).append("DROP COLUMN g")
    rows = ", ".join(
        f"({row + 1}{''.join(f', {kind.values[row]}' for kind in table.columns.values())})" for row in range(3)
    )
    names = ", ".join(["id", *table.columns])
    return f"CREATE TABLE t ({', '.join(parts)}, PRIMARY KEY (id)); INSERT INTO t ({names}) VALUES {rows};"


def _change_rows(draw: st.DrawFn, table: _Table) -> str:
    row = draw(st.integers(1, 3))
    what = draw(st.sampled_from(("update", "update", "delete", "insert", "swap")))
    if what == "delete":
        return f"DELETE FROM {table.name} WHERE id = {row}"
    if what == "insert":
        names = ["id", *table.columns]
        values = ["50", *(draw(st.sampled_from(kind.values)) for kind in table.columns.values())]
        return f"INSERT IGNORE INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(values)})"
    name = draw(st.sampled_from(["id", *table.columns]))
    if name == "id" or what == "swap":
        return f"UPDATE {table.name} SET id = id + 100 WHERE id = {row}"
    return (
        f"UPDATE IGNORE {table.name} SET {name} = {draw(st.sampled_from(table.columns[name].values))} WHERE id = {row}"
    )


def _alter(draw: st.DrawFn, table: _Table, size: int) -> str:
    """Return an ALTER TABLE of `size` clauses, each about another column than the others."""
    clauses: list[str] = []
    untouched = list(table.columns)
    old_name = table.name
    for _ in range(size):
        what = draw(st.sampled_from(("drop", "drop", "modify", "modify", "change", "rename", "add", "index", "other")))
        if what in ("drop", "modify", "change", "rename") and untouched:
            name = draw(st.sampled_from(untouched))
            untouched.remove(name)
            clauses += _alter_column(draw, table, name, what)
        elif what == "index" and table.indexes:
            index = draw(st.sampled_from(table.indexes))
            table.indexes.remove(index)
            clauses.append(f"DROP INDEX {index}")
        elif what == "other":
            if draw(st.booleans()):
                clauses.append(draw(st.sampled_from(OPTIONS)))
            elif table.name == old_name:
                table.name = table.new_name("t")
                clauses.append(f"RENAME TO {table.name}")
        else:
            name, kind = table.new_name("n"), draw(st.sampled_from(KINDS))
            place = draw(st.sampled_from(("", " FIRST", " AFTER id")))
            clauses.append(f"ADD COLUMN {name} {_define(draw, kind, nullable=True)[0]}{place}")
            table.columns[name], table.nulls[name] = kind, True
    return f"ALTER TABLE {old_name} {', '.join(clauses or ['FORCE'])}"


def _alter_column(draw: st.DrawFn, table: _Table, name: str, what: str) -> list[str]:
    kind = table.columns[name]
    if what == "drop":
        del table.columns[name]
        return [*dict.fromkeys(table.holders.pop(name, [])), f"DROP COLUMN {name}"]
    if what == "modify":
        other = draw(st.sampled_from((kind.type, *kind.others)))
        null = "" if "NULL" in other else (" NULL" if table.nulls[name] else " NOT NULL")
        return [f"MODIFY {name} {other}{null}{draw(st.sampled_from(('', '', ' FIRST', ' AFTER id')))}"]
    new = table.new_name("r")
    table.columns = {new if old == name else old: kind for old, kind in table.columns.items()}
    table.nulls[new] = table.nulls.pop(name)
    table.holders[new] = table.holders.pop(name, [])
    if what == "rename":
        return [f"RENAME COLUMN {name} TO {new}"]
    null = "" if "NULL" in kind.type else (" NULL" if table.nulls[new] else " NOT NULL")
    return [f"CHANGE {name} {new} {kind.type}{null}"]
