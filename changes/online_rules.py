"""What an online tool may be given, judged from the statement and from its table before and after it.

pt-online-schema-change copies with INSERT IGNORE and lets duplicates and cut values pass. So it is given only what
cannot lose a row or a value, whatever the rows are: the proof has shown both definitions, and the rules compare them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backups.rollback.column_types import ColumnType, keeps_values, parse_type
from backups.rollback.definitions import PRIMARY, Element, TableDefinition
from backups.rollback.literals import fold_name
from changes.alter_clauses import AlterAction
from changes.kinds import StatementKind
from changes.server_facts import ServerFacts
from changes.statements import Statement

LONGEST_CLAUSES = 100_000
"""Characters; the system hands a program no argument longer than 128 KiB."""
LONGEST_NAME = 50
"""Characters of a table's name: when it is put away it gets `_old` and as many as ten _ around it, 64 in all. The new
table's name does not hold it."""

_NAME = re.compile(r"[0-9A-Za-z_$]+")
_ALLOWED = frozenset({AlterAction.ADD_COLUMN, AlterAction.ADD_INDEX, AlterAction.DROP_COLUMN, AlterAction.DEFINITION})
_KEY_TYPES = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "date", "datetime", "timestamp", "char", "varchar"}
)
_UNIQUE = (PRIMARY, "UNIQUE")


def read_clauses(statement: Statement) -> str:
    """Return what stands behind the table's name in an ALTER TABLE, in the author's own characters."""
    assert statement.facts is not None
    return statement.text[statement.facts.clauses_at :]


def find_obstacle(
    statement: Statement, shape: tuple[TableDefinition, TableDefinition] | None, facts: ServerFacts, schema_name: str
) -> str:
    """Return why the tool cannot make this change, "" when it can.

    shape: the table before and after the statement; None when that is not known.
    """
    reason = _find_in_text(statement, schema_name) or _find_in_server(facts)
    if reason:
        return reason
    if shape is None:
        return "what the table will be is not known, since it could not be tried on an empty copy"
    before, after = shape
    for table in shape:
        if reason := _find_in_table(table):
            return reason
    if before.without_counter == after.without_counter:
        return "it leaves the definition as it is, so whether it took effect could not be told"
    return next(_find_in_difference(statement, before, after), "")


def _find_in_text(statement: Statement, schema_name: str) -> str:
    facts = statement.facts
    if statement.kind is not StatementKind.ALTER_TABLE or facts is None:
        return f"it is {statement.kind.value}, and only ALTER TABLE can be made by it (… ADD INDEX, … DROP INDEX)"
    if facts.ignore or len(facts.written) != 1:
        return "it is ALTER IGNORE or changes another table too"
    odd = next((clause for clause in facts.clauses if clause.action not in _ALLOWED), None)
    if odd is not None:
        why = "its author chose how the server makes it" if odd.action is AlterAction.OPTION else "not made by it"
        return f"{odd.text or odd.action.value} … is in it ({why})"
    own = facts.written[0]
    if not _NAME.fullmatch(own.table) or not _NAME.fullmatch(schema_name) or len(own.table) > LONGEST_NAME:
        return f"names of schema and table must be of ASCII letters, digits, _ and $, at most {LONGEST_NAME} long"
    if len(read_clauses(statement)) > LONGEST_CLAUSES:
        return f"its text is longer than {LONGEST_CLAUSES:,} characters"
    return ""


def _find_in_server(facts: ServerFacts) -> str:
    if facts.ansi_quotes or facts.no_backslash_escapes:
        return "the server's sql_mode has ANSI_QUOTES or NO_BACKSLASH_ESCAPES"
    return "the server is a node of a cluster" if facts.galera else ""


def _find_in_table(table: TableDefinition) -> str:
    if dict(table.options).get("ENGINE") != "InnoDB":
        return "the table is not of the engine InnoDB"
    if table.foreign_keys:
        return "the table has foreign keys, which would get other names"
    if table.checks:
        return "the table has check constraints, which would get other names"
    if table.partitioning or table.periods or table.is_versioned or table.unread:
        return "the table is partitioned, versioned or has options that are not known here"
    if any("`" in element.name for element in (*table.columns, *table.indexes)):
        return "a column or index has a ` in its name"
    if any(index.kind in ("SPATIAL", "VECTOR") for index in table.indexes):
        return "the table has a spatial or vector index"
    types = _types(table)
    if any(column is None or column.is_generated for column in types.values()):
        return "the table has generated columns or types that are not known here"
    primary = next((index for index in table.indexes if index.kind == PRIMARY), None)
    if primary is None:
        return "the table has no primary key"
    for name, column in types.items():
        if column is not None and primary.names_any([name]) and column.base not in _KEY_TYPES:
            return f"column {name} of the primary key is of the type {column.base}"
    return ""


def _find_in_difference(statement: Statement, before: TableDefinition, after: TableDefinition) -> Iterator[str]:
    assert statement.facts is not None
    options = [dict(table.options) for table in (before, after)]
    if any(options[0].get(name) != options[1].get(name) for name in ("CHARSET", "COLLATE")):
        yield "the table's character set or collation changes"
    for index in after.indexes:
        if index.kind in _UNIQUE and index not in before.indexes:
            yield f"the key {index.name} is new or changed, and rows that break it would be left out"
    there = {fold_name(column.name): column for column in before.columns}
    then = {fold_name(column.name) for column in after.columns}
    for clause in statement.facts.clauses:
        if clause.action is AlterAction.DROP_COLUMN and fold_name(clause.name) in then:
            yield f"column {clause.name} is dropped and made anew in one statement"
    old_types, new_types = _types(before), _types(after)
    unique = [index for index in after.indexes if index.kind in _UNIQUE]
    for column in after.columns:
        old = there.get(fold_name(column.name))
        new_type = new_types[column.name]
        assert new_type is not None
        if old is None:
            yield from _find_in_new(column, new_type)
        elif old.text != column.text:
            old_type = old_types[old.name]
            assert old_type is not None
            yield from _find_in_changed(
                column, old_type, new_type, is_unique=any(index.names_any([column.name]) for index in unique)
            )


def _find_in_new(column: Element, new: ColumnType) -> Iterator[str]:
    if "AUTO_INCREMENT" in column.text or "CHECK (" in column.text:
        yield f"the new column {column.name} counts or has a check"
    if not new.nullable and " DEFAULT " not in column.text:
        yield f"the new column {column.name} is NOT NULL without a DEFAULT"


def _find_in_changed(column: Element, old: ColumnType, new: ColumnType, *, is_unique: bool) -> Iterator[str]:
    if is_unique:
        yield f"column {column.name} is part of a unique key and changes"
    if "CHECK (" in column.text:
        yield f"column {column.name} changes and has a check"
    if old.charset != new.charset or not keeps_values(old, new, strict=False):
        yield f"not every value of column {column.name} fits its new type, and what does not would be cut"


def _types(table: TableDefinition) -> dict[str, ColumnType | None]:
    charset = dict(table.options).get("CHARSET", "")
    return {column.name: parse_type(column, charset) for column in table.columns}
