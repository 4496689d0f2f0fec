"""The table between two ALTERs of one way back: its dropped columns are there again, still without their values.

What the whole table demands of values (a unique key, a check, a parent) no row meets before they are back, so it is
demanded after that. A proof on empty tables cannot show it: tests/fidelity/schema_cases/unusual.sql does, with rows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from backups.rollback.alter import find_counterparts, find_missing, follow_renames
from backups.rollback.column_types import GEOMETRIES, parse_type, read_words
from backups.rollback.definitions import Element, TableDefinition
from backups.rollback.literals import fold_name

_DEMANDING = frozenset({"PRIMARY", "UNIQUE", "SPATIAL", "VECTOR"})
_WITHOUT_DEFAULT = GEOMETRIES | {"geometry", "json", "vector"}
"""Types for which the servers know no value to put into rows that are there when NOT NULL asks for one."""

_PIECE = re.compile(r"'(?:[^'\\]|\\.|'')*+'|`(?:[^`]|``)*+`|\((?:[^()'`]|'(?:[^'\\]|\\.|'')*+')*\)", re.DOTALL)
_RANDOM = re.compile(r"\b(?:uuid|uuid_short|rand|random_bytes|sysdate|user|current_user|session_user|connection_id)\b")
"""In a default, with it MySQL adds no column (1674); a column that is there may get it."""
_AFTER_TYPE = re.compile(r" (?:NOT NULL|NULL|DEFAULT|AUTO_INCREMENT|COMMENT|CHECK|INVISIBLE|ON UPDATE)\b| /\*")


def build_interim(
    now: TableDefinition, wanted: TableDefinition, restored: Collection[str], renamed: Mapping[str, str]
) -> TableDefinition | None:
    """Return what the table has to be while the values of `restored` are written; None when it can be `wanted`.

    restored: names of columns that `wanted` has and `now` lacks. renamed: as for build_alters.
    """
    there = follow_renames(now.without_counter, renamed)
    names = {fold_name(name) for name in restored}
    demanded = [index for index in find_missing(wanted.indexes, there.indexes) if index.kind in _DEMANDING]
    demanded += find_missing(wanted.checks, there.checks)
    demanded += find_missing(wanted.foreign_keys, there.foreign_keys)
    demanded += find_missing(wanted.periods, there.periods)
    unfit = {column.name for column in wanted.columns if fold_name(column.name) in names and _needs_value(column)}
    if not demanded and not unfit and there.partitioning == wanted.partitioning:
        return None
    counterparts = find_counterparts(now.columns, wanted.columns, renamed)
    columns = []
    for column in wanted.columns:
        if fold_name(column.name) in names:
            columns.append(_relax(column, wanted, is_unfit=column.name in unfit))
        elif (counterpart := counterparts.get(column.name)) is not None:
            columns.append(column if renamed else counterpart)
        # A generated column is made when what it is calculated from has its values again.
    return replace(there, columns=tuple(columns))


def _needs_value(column: Element) -> bool:
    """Tell whether a column cannot be added as it is to a table with rows."""
    kind = parse_type(column, "")
    plain = _PIECE.sub("", column.text)
    has_default = " DEFAULT" in plain
    without_value = kind is None or (kind.base in _WITHOUT_DEFAULT and not kind.nullable and not has_default)
    words = read_words(column)
    is_random = " DEFAULT (" in words and _RANDOM.search(words) is not None
    return without_value or is_random or " AUTO_INCREMENT" in plain or " CHECK " in plain


def _relax(column: Element, table: TableDefinition, *, is_unfit: bool) -> Element:
    """Return the column as it can be added: in its own character set, and NULL where it needs a value."""
    spans = [match.span() for match in _PIECE.finditer(column.text)]
    ends = (
        match.start()
        for match in _AFTER_TYPE.finditer(column.text)
        if not any(start <= match.start() < end for start, end in spans)
    )
    end = next(ends, len(column.text))
    head, rest = column.text[:end], column.text[end:]
    kind, options = parse_type(column, "of the table"), dict(table.options)
    if kind is not None and kind.charset == "of the table" and "CHARSET" in options:
        head += f" CHARACTER SET {options['CHARSET']}"
        if "COLLATE" in options and " COLLATE " not in column.text[:end]:
            head += f" COLLATE {options['COLLATE']}"
    return replace(column, text=f"{head} NULL" if is_unfit else head + rest)
