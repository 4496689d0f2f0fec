"""Values of columns that a statement drops, or gives a type that cannot hold them, are copied first.

Beside each value of a column that stays stands a second copy, its guard. When the statement has run, the guard gets the
column's new type, by the same conversion: it is what the statement made of the value. A rollback puts a value back
only where the table still holds what its guard says, so that nothing is written over that others wrote since.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from backups.rollback.column_types import SET_THEMSELVES, build_bare_type, parse_type, read_words
from backups.rollback.definitions import Element, TableDefinition
from backups.rollback.kept import KeptTable
from backups.rollback.literals import fold_name, quote_identifier

DONE = "put back"
"""Comment of a kept table whose values are back: logged as text, so that the binlog tells that all before it ran."""

LAX_MODE = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"

MARK = "inception_goes_back"

MOST_NAMED = 200
"""Rows in conflict whose keys are read."""

_NAME = r"`(?:[^`]|``)+`\.`(?:[^`]|``)+`"
_QUESTION = re.compile(
    rf"SELECT .+?( FROM (?P<table>{_NAME}) JOIN (?P<kept>{_NAME}) ON .+ WHERE (?P=kept)\.(?P<mark>`(?:[^`]|``)+`) = 0)"
    r" LIMIT \d+;",
    re.DOTALL,
)
_PREPARATION = re.compile(rf"SELECT |LOCK TABLES |UNLOCK TABLES|SET |UPDATE {_NAME} LEFT JOIN ")
_WRITE = re.compile(rf"(?P<event>UPDATE|INSERT)(?: INTO)? (?P<table>{_NAME}) (?:JOIN|\() ?")
_NOT_TEXT = re.compile(r"SELECT |LOCK TABLES |UNLOCK TABLES|UPDATE |INSERT |SET ")

_PLAIN = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit", "year"}
    | {"date", "time", "datetime", "timestamp"}
)
"""Types whose values are equal when they compare equal; of all others bytes are compared."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A column whose values may not fit its new type. name: its old one. now: the column as the statement left it.

    guard: column of the kept table with what the statement made of the value; "" where it is calculated, so that
    nobody can have written it.
    """

    name: str
    now: Element
    guard: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """The question for rows in conflict, read from its text.

    table: (schema name, table name). count: asks how many there are.
    overwrite: lets all of them be written over; "" where rows stand in the place of others.
    """

    table: tuple[str, str]
    count: str
    overwrite: str


def parse_question(text: str) -> Question | None:
    """Return what `build_conflicts` asks, None for any other statement."""
    match = _QUESTION.fullmatch(text)
    if match is None:
        return None
    schema, table = (part.replace("``", "`") for part in match["table"][1:-1].split("`.`"))
    overwrite = f"UPDATE {match['kept']} SET {match['mark']} = 1 WHERE TRUE"
    is_of_values = match["mark"].startswith(f"`{MARK}")
    return Question((schema, table), f"SELECT COUNT(*){match[1]}", overwrite if is_of_values else "")


def is_preparation(text: str) -> bool:
    """Tell whether a statement of a rollback leaves the table itself as it is."""
    return _PREPARATION.match(text) is not None


def parse_write(text: str) -> tuple[str, str, str] | None:
    """Return schema, table and event (of triggers) of a statement that puts values or rows back, None for any other."""
    match = _WRITE.match(text)
    if match is None:
        return None
    schema, table = (part.replace("``", "`") for part in match["table"][1:-1].split("`.`"))
    return schema, table, match["event"]


def is_logged_as_text(text: str) -> bool:
    """Tell whether the binlog has a statement of a rollback whatever it finds: rows are logged where they change."""
    return _NOT_TEXT.match(text) is None


def name_guards(kept: KeptTable) -> dict[str, str]:
    """Return the guard of each changed column."""
    taken = {fold_name(column) for column in (*kept.key, *kept.columns)}
    prefix = "inception_now_"
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    return {column: f"{prefix}{number}" for number, column in enumerate(kept.changed)}


def _mark(kept: KeptTable) -> str:
    """Return the column that says of each kept row whether its values go back, quoted and in full."""
    taken, name = {fold_name(column) for column in (*kept.key, *kept.columns)}, MARK
    while name in taken:
        name += "_"
    return f"{kept.kept_name}.{quote_identifier(name)}"


def build_copies(kept: KeptTable, table: TableDefinition) -> tuple[str, ...]:
    """Return the statements that copy columns; the table stays locked from the second last one on. table: as it is."""
    own = [quote_identifier(column) for column in (*kept.key, *kept.columns)]
    guards = [(quote_identifier(column), quote_identifier(guard)) for column, guard in name_guards(kept).items()]
    mark = [_mark(kept).rpartition(".")[2]] if guards else []
    made = [*own, *(f"{column} AS {guard}" for column, guard in guards), *(f"0 AS {name}" for name in mark)]
    into = [*own, *(guard for _, guard in guards), *mark]
    read = [*own, *(column for column, _ in guards), *("0" for _ in mark)]
    key = ", ".join(quote_identifier(column) for column in kept.key)
    clauses = ", ".join((*_declare_times(kept, table), f"PRIMARY KEY ({key})"))
    return (
        f"CREATE DATABASE {quote_identifier(kept.kept_schema)}",
        f"CREATE TABLE {kept.kept_name} ({clauses}) AS SELECT {', '.join(made)} FROM {kept.name} WHERE FALSE",
        f"LOCK TABLES {kept.name} WRITE, {kept.kept_name} WRITE",
        f"INSERT INTO {kept.kept_name} ({', '.join(into)}) SELECT {', '.join(read)} FROM {kept.name}",
    )


def _declare_times(kept: KeptTable, table: TableDefinition) -> Iterator[str]:
    """Yield the columns of times: left to itself the server lets a copy of one set itself at every UPDATE."""
    guards, copied = name_guards(kept), {*kept.key, *kept.columns}
    for column in table.columns:
        kind = parse_type(column, "")
        if column.name in copied and kind is not None and kind.base in SET_THEMSELVES:
            for name in (column.name, guards.get(column.name)):
                if name is not None:
                    yield f"{quote_identifier(name)} {build_bare_type(column, {})}"


def find_guarded(
    kept: KeptTable, narrowed: Iterable[str], counterparts: Mapping[str, Element], after: TableDefinition
) -> tuple[Guarded, ...]:
    """Return the kept columns that lost something. narrowed: names before. counterparts: name before to column now."""
    guards, found = name_guards(kept), []
    for column in narrowed:
        now = counterparts[column]
        kind = parse_type(now, dict(after.options).get("CHARSET", ""))
        found.append(Guarded(column, now, "" if kind is None or kind.is_generated else guards[column]))
    return tuple(found)


def build_guards(
    kept: KeptTable, guarded: Sequence[Guarded], after: TableDefinition, key: Mapping[str, str], *, is_locked: bool
) -> tuple[str, ...]:
    """Return the statements that make of the guards what the statement made of the values.

    key: the key's columns to their names now. is_locked: nobody wrote to the table since the statement; then what the
    conversion of a guard does otherwise (a time of now for NULL) is taken from the table.
    """
    kinds = [(one, build_bare_type(one.now, dict(after.options))) for one in guarded if one.guard]
    changes = [f"MODIFY COLUMN {quote_identifier(one.guard)} {kind}" for one, kind in kinds]
    if not changes:
        return ()
    alter = f"ALTER TABLE {kept.kept_name} {', '.join(changes)}"
    if not is_locked:
        return (alter,)
    values = ", ".join(f"{_guard(kept, one)} = {_now(kept, one)}" for one, _ in kinds)
    join = f"{kept.kept_name} JOIN {kept.name} ON {_match(kept, key)}"
    return (alter, f"UPDATE {join} SET {values} WHERE NOT ({_build_same(kept, guarded, after)})")


def build_mark(kept: KeptTable, guarded: Sequence[Guarded], after: TableDefinition, key: Mapping[str, str]) -> str:
    """Return the statement that notes which rows still hold what the statement made of them."""
    own = f"{kept.name}.{quote_identifier(key[kept.key[0]])}"
    same = f"{own} IS NOT NULL AND {_build_same(kept, guarded, after)}"
    join = f"{kept.kept_name} LEFT JOIN {kept.name} ON {_match(kept, key)}"
    return f"UPDATE {join} SET {_mark(kept)} = IF({same}, 1, 0);"


def build_lax(kept: KeptTable, key: Mapping[str, str]) -> tuple[str, str]:
    """Return the statements around the ALTER that gives the old types back: what it makes of values matters only in
    rows that do not get theirs back, and so it is strict only where there are such rows.

    What was a year is no date, and yet its row gets its date back.
    """
    first = f"{kept.kept_name}.{quote_identifier(kept.key[0])}"
    join = f"{kept.name} LEFT JOIN {kept.kept_name} ON {_match(kept, key)}"
    others = f"SELECT 1 FROM {join} WHERE {first} IS NULL OR {_mark(kept)} = 0"
    mode = f"IF(EXISTS ({others}), @@SESSION.sql_mode, '{LAX_MODE}')"
    return (
        f"SET @inception_sql_mode = @@SESSION.sql_mode, SESSION sql_mode = {mode};",
        "SET SESSION sql_mode = @inception_sql_mode;",
    )


def build_conflicts(kept: KeptTable, key: Mapping[str, str]) -> str:
    """Return the question for rows that others changed since: an answer with rows is a conflict."""
    columns = ", ".join(f"{kept.kept_name}.{quote_identifier(column)}" for column in kept.key)
    join = f"{kept.name} JOIN {kept.kept_name} ON {_match(kept, key)}"
    return f"SELECT {columns} FROM {join} WHERE {_mark(kept)} = 0 LIMIT {MOST_NAMED};"


def build_look_at_rows(kept: KeptTable, key: Mapping[str, str]) -> str:
    """Return a statement that fails (ER_SUBQUERY_NO_1_ROW) where rows were written since, for which nothing is kept."""
    join = f"{kept.name} LEFT JOIN {kept.kept_name} ON {_match(kept, key)}"
    others = f"SELECT 1 FROM {join} WHERE {kept.kept_name}.{quote_identifier(kept.key[0])} IS NULL LIMIT 1"
    return f"SELECT (SELECT 1 UNION ALL ({others})) AS `no row was written since`;"


def build_copy_back(kept: KeptTable, columns: Sequence[str], table: TableDefinition, *, marked: bool) -> str:
    """Return the statement that writes kept values into columns that are as they were. table: as it was.

    marked: into rows that the mark names.
    """
    written = {fold_name(column) for column in columns}
    # Columns that set themselves at every UPDATE keep the value they have.
    others = [c.name for c in table.columns if " ON UPDATE " in read_words(c) and fold_name(c.name) not in written]
    changes = [f"{kept.name}.{quote_identifier(c)} = {kept.kept_name}.{quote_identifier(c)}" for c in columns]
    changes += [f"{kept.name}.{quote_identifier(c)} = {kept.name}.{quote_identifier(c)}" for c in others]
    join = f"{kept.name} JOIN {kept.kept_name} ON {_match(kept, {column: column for column in kept.key})}"
    return f"UPDATE {join} SET {', '.join(changes)}{f' WHERE {_mark(kept)} = 1' if marked else ''};"


def build_done(kept: KeptTable) -> str:
    return f"ALTER TABLE {kept.kept_name} COMMENT = '{DONE}';"


def _match(kept: KeptTable, key: Mapping[str, str]) -> str:
    """Compare the key. key: its columns to their names in the table now."""
    pairs = [(f"{kept.name}.{quote_identifier(now)}", quote_identifier(column)) for column, now in key.items()]
    return " AND ".join(f"{mine} = {kept.kept_name}.{column}" for mine, column in pairs)


def _guard(kept: KeptTable, one: Guarded) -> str:
    return f"{kept.kept_name}.{quote_identifier(one.guard)}"


def _now(kept: KeptTable, one: Guarded) -> str:
    return f"{kept.name}.{quote_identifier(one.now.name)}"


def _build_same(kept: KeptTable, guarded: Sequence[Guarded], after: TableDefinition) -> str:
    charset = dict(after.options).get("CHARSET", "")
    parts = list[str]()
    for one in guarded:
        if one.guard:
            kind = parse_type(one.now, charset)
            parts += _compare(_now(kept, one), _guard(kept, one), kind.base if kind else "")
    return " AND ".join(parts) or "TRUE"


def _compare(left: str, right: str, base: str) -> list[str]:
    if base in _PLAIN:
        return [f"{left} <=> {right}"]
    if base == "json":  # MySQL's own type; MariaDB's is a text
        left, right = f"CAST({left} AS CHAR)", f"CAST({right} AS CHAR)"
    found = [f"CAST({left} AS BINARY) <=> CAST({right} AS BINARY)"]
    # The wrong value of an ENUM and a member '' are the same text.
    return [*found, f"{left} + 0 <=> {right} + 0"] if base == "enum" else found
