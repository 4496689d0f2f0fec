"""What undoes a schema change: from the definitions before it, which its record keeps, and those after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import MySQLdb

from backups.errors import DefinitionError
from backups.rollback.alter import NoInverseError
from backups.rollback.ddl import (
    Definitions,
    Inverse,
    SchemaChange,
    build_inverse,
    compare_definitions,
    digest,
)
from backups.rollback.definitions import Definition, ObjectName, TableDefinition
from backups.rollback.kept import KeptTable
from backups.rollback.literals import fold_name
from changes import kept_data
from changes.alter_clauses import AlterAction
from changes.definitions import load_recorded, parse_definitions, read_definitions, time_zone_of
from changes.fragile_values import STRICT_MODES, find_fragile
from changes.kinds import StatementKind
from changes.schema_facts import SchemaFacts
from changes.statements import Statement
from changes.targets import error_of, read_rows


def list_names(statement: Statement, schema_name: str) -> tuple[ObjectName, ...]:
    """Return every table and view that a schema change makes, changes, renames or takes away; or the schema."""
    facts = statement.facts
    if facts is None:
        return ()
    if facts.database is not None:
        return ((facts.database or schema_name, ""),)
    uses = [*facts.written, facts.own, *(use for pair in facts.renames for use in pair)]
    return tuple(dict.fromkeys((use.schema or schema_name, use.table) for use in uses))


def list_renames(statement: Statement, schema_name: str) -> tuple[tuple[ObjectName, ObjectName], ...]:
    """Return (old, new) of tables and views, in the order of the text."""
    return tuple(((old[0] or schema_name, old[1]), (new[0] or schema_name, new[1])) for old, new in statement.renames)


def list_column_renames(statement: Statement, before: Definitions) -> tuple[tuple[str, str], ...]:
    """Return (old, new); with IF EXISTS a column that is not there is passed over."""
    clauses = statement.facts.clauses if statement.facts else ()
    tables = [table for table in before.values() if isinstance(table, TableDefinition)]
    there = {fold_name(column.name) for table in tables for column in table.columns}
    pairs = [(clause.old, clause.name) for clause in clauses if clause.action is AlterAction.RENAME_COLUMN]
    return tuple((old, new) for old, new in pairs if fold_name(old) in there)


def label(name: ObjectName, schema_name: str) -> str:
    """Return what a table is called on a ticket of `schema_name`: with its schema when that is another one."""
    return name[1] if name[0] == schema_name else ".".join(name)


def read_before(connection: Any, statement: Statement, schema_name: str) -> dict[str, Any]:
    """Return, for the statement's record, what has to be known from before it runs to undo it. {} for row changes.

    Raises MySQLdb.Error.
    """
    if statement.facts is None:
        return {}
    ((mode, zone),) = read_rows(connection, "SELECT @@SESSION.sql_mode, @@SESSION.time_zone")
    found = read_definitions(connection, list_names(statement, schema_name))
    definitions = parse_definitions(found)
    fragile = find_fragile(connection, statement, definitions, mode)
    return {
        "sql_mode": mode,
        "time_zone": zone,
        "objects": [one.to_dict() for one in found],
        "kept": [],
        "fragile": [[*name, list(columns)] for name, columns in fragile.items()],
        "renames": list_renames(statement, schema_name),
        "column_renames": list_column_renames(statement, definitions),
    }


def require_seen(before: Mapping[str, Any], schema_name: str, seen: Mapping[str, str]) -> None:
    """Raise DefinitionError unless the tables are still those on which the rollback was proven.

    seen: digests by `label`, of tables that no earlier statement of the ticket changes.
    """
    fragile = _load_fragile(before)
    for one in load_recorded(before.get("objects", ())):
        name = label((one.schema, one.name), schema_name)
        if name in seen and mark(one.parse(), fragile.get((one.schema, one.name), ())) != seen[name]:
            raise DefinitionError(
                f"Found: {one.schema}.{one.name or '*'} is no longer as it was when the rollback of this statement was"
                " proven. Needed: a rollback that was proven for what is there. Check the ticket again and submit it."
            )


def mark(definition: Definition | None, fragile: Sequence[str]) -> str:
    """Return a short mark of a table: another one where it is another, or it has come to hold `fragile` values."""
    return "+".join([digest(definition), *sorted(fragile)])


def _load_fragile(before: Mapping[str, Any]) -> dict[ObjectName, tuple[str, ...]]:
    return {(schema, table): tuple(columns) for schema, table, columns in before.get("fragile", ())}


def find_difference(connection: Any, before: Mapping[str, Any]) -> str:
    """Return what, after a rollback, is not as it was before the statement; "" when all is, or nothing is known.

    Raises MySQLdb.Error, DefinitionError.
    """
    recorded = load_recorded(before.get("objects", ()))
    with time_zone_of(connection, before):
        found = read_definitions(connection, [(one.schema, one.name) for one in recorded])
    difference = compare_definitions(parse_definitions(found), parse_definitions(recorded))
    return difference or kept_data.find_other_triggers(connection, before)


def finish(
    connection: Any, statement: Statement, schema_name: str, before: Mapping[str, Any], *, is_fresh: bool = True
) -> Inverse:
    """Return what undoes `statement`, which has run.

    before: as read_before gave it; any worker can finish with it what another one began.
    is_fresh: it has just run on this connection, and what it kept values of is still locked. Else rows that others
        wrote since are not told from its own, and a table that was made with rows is dropped by no rollback.
    """
    if statement.facts is None or not before:
        return Inverse()
    try:
        with time_zone_of(connection, before):
            after = read_definitions(connection, list_names(statement, schema_name))
            change = build_change(
                statement,
                schema_name,
                before=parse_definitions(load_recorded(before["objects"])),
                after=parse_definitions(after),
                sql_mode=before["sql_mode"],
                kept=kept_data.from_record(before["kept"]),
                fragile=_load_fragile(before),
            )
            kept_data.make_guards(connection, change, before["sql_mode"], is_locked=is_fresh)
    except (DefinitionError, NoInverseError) as error:
        return Inverse(missing=f"cannot be undone: {error}")
    except MySQLdb.Error as error:
        number, text = error_of(error)
        return Inverse(missing=f"cannot be undone: its tables could not be read after it ran ({number}: {text}).")
    inverse = build_inverse(change)
    return _with_checksum(connection, statement, inverse) if is_fresh else inverse


def _with_checksum(connection: Any, statement: Statement, inverse: Inverse) -> Inverse:
    """Note, for a table that was made with rows, what they were: its rollback drops it while they still are that."""
    assert statement.facts is not None
    if statement.kind is not StatementKind.CREATE_TABLE or not statement.facts.as_select or not inverse.statements:
        return inverse
    (drop,) = inverse.statements
    name = drop.removeprefix("DROP TABLE ").removesuffix(";")
    try:
        ((_, checksum),) = read_rows(connection, f"CHECKSUM TABLE {name}")
    except MySQLdb.Error:
        return inverse  # the rollback then stops at its rows
    return Inverse((f"DROP TABLE {name} /* CHECKSUM TABLE was {checksum} */;",))


def build_change(
    statement: Statement,
    schema_name: str,
    *,
    before: Definitions,
    after: Definitions,
    sql_mode: str,
    kept: Sequence[KeptTable] = (),
    fragile: Mapping[ObjectName, tuple[str, ...]] | None = None,
) -> SchemaChange:
    """Return the change that `statement` was, from its text, what was there before and after, and what was kept."""
    facts = statement.facts
    assert facts is not None
    return SchemaChange(
        before=before,
        after=after,
        renames=list_renames(statement, schema_name),
        column_renames=list_column_renames(statement, before),
        dropped_columns=tuple(clause.name for clause in facts.clauses if clause.action is AlterAction.DROP_COLUMN),
        rows_lost="" if kept else find_lost_rows(statement.kind, facts),
        kept={(one.schema_name, one.table_name): one for one in kept},
        replaces=facts.or_replace and statement.kind is StatementKind.CREATE_TABLE,
        fragile=fragile or {},
        strict=not STRICT_MODES.isdisjoint(sql_mode.upper().split(",")),
    )


def find_loss_by_text(statement: Statement) -> str:
    """Return what a statement certainly loses, as far as its text alone tells; "" when that is not to be told."""
    facts = statement.facts
    assert facts is not None
    if lost := find_lost_rows(statement.kind, facts):
        return lost
    if statement.kind is StatementKind.DROP_TABLE:
        return f"the rows of {', '.join(use.table for use in facts.written)} go with the table"
    if statement.kind is StatementKind.CREATE_TABLE and facts.or_replace:
        return f"CREATE OR REPLACE takes the rows of {facts.own.table} away"
    dropped = [clause.name for clause in facts.clauses if clause.action is AlterAction.DROP_COLUMN]
    return f"lost are the values of column {', '.join(dropped)}, which is dropped" if dropped else ""


def find_lost_rows(kind: StatementKind, facts: SchemaFacts) -> str:
    """Return what a statement does to rows that no definition shows, or that its text leaves open; "" for nothing."""
    if kind is StatementKind.TRUNCATE_TABLE:
        return "TRUNCATE takes the rows with it; DELETE can be undone"
    if facts.ignore:
        return "ALTER IGNORE deletes rows that break a unique key"
    for clause in facts.clauses:
        if clause.action is AlterAction.ROWS:
            return f"the rows of partitions go with ALTER TABLE … {clause.text} …"
        if clause.action is AlterAction.OTHER:
            return f"no way back is known for ALTER TABLE … {clause.text} …"
    return ""
