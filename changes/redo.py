"""What makes a schema change again that a rollback undid: the rollback is a schema change too, with definitions before
and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import MySQLdb

from backups.binlog.flavor import Flavor
from backups.errors import DefinitionError
from backups.rollback.alter import find_counterparts
from backups.rollback.column_types import keeps_values, parse_type
from backups.rollback.databases import parse_drop
from backups.rollback.ddl import Definitions, Inverse, SchemaChange, build_inverse, list_happened
from backups.rollback.definitions import ObjectName, TableDefinition
from backups.rollback.fitting import build_misfit
from backups.rollback.literals import quote_identifier
from changes.definitions import load_recorded, parse_definitions, read_definitions, time_zone_of
from changes.targets import error_of, read_rows

LOOK_SECONDS = 5
"""How long it may take to see that all values of a column come back."""

UNSEEN = "cannot be made again: nobody looked at what the rollback left."
_DATA_PUT_BACK = (
    "cannot be made again by a rollback: data that was set aside was put back. Submit it as a new ticket, which sets it"
    " aside again."
)
_TOO_OLD = "cannot be made again by a rollback: its record does not say which names changed. Submit it as a new ticket."


def read_before(
    connection: Any,
    undone: Mapping[str, Any],
    undo: Sequence[str],
    *,
    flavor: Flavor,
    sql_mode: str,
    on_conflict: str,
) -> dict[str, Any]:
    """Return, for the record of a rollback's step, what has to be known from before it to make the change again.

    undone, undo: definitions_before and undo_statements of the statement that it undoes. sql_mode: of the rollback.
    `missing` in it says why that cannot be done. Raises MySQLdb.Error, DefinitionError.
    """
    if undone.get("kept"):
        return {"missing": _DATA_PUT_BACK}
    if "renames" not in undone:
        return {"missing": _TOO_OLD}
    recorded = load_recorded(undone["objects"])
    with time_zone_of(connection, undone):
        ((zone,),) = read_rows(connection, "SELECT @@SESSION.time_zone")
        found = read_definitions(connection, [(one.schema, one.name) for one in recorded])
    then = parse_definitions(recorded)
    happened = list_happened(then, [(tuple(old), tuple(new)) for old, new in undone["renames"]])
    column_renames = [(new, old) for old, new in undone["column_renames"]]
    now = parse_definitions(found)
    return {
        "missing": "",
        "sql_mode": sql_mode,
        "time_zone": zone,
        "objects": [one.to_dict() for one in found],
        "kept": [],
        "renames": [(new, old) for old, new in reversed(happened)],
        "column_renames": column_renames,
        "empty": _find_empty(undo, on_conflict),
        "whole_columns": _find_whole_columns(
            connection, flavor, now, _follow(then, happened), dict(undone["column_renames"])
        ),
    }


def _find_empty(undo: Sequence[str], on_conflict: str) -> list[ObjectName]:
    """Return the tables and schemas that the rollback drops only while they are empty."""
    schemas = [name for text in undo if (name := parse_drop(text)) is not None]
    tables = list[ObjectName]()
    for text in undo if on_conflict == "stop" else ():
        # What was made with rows is dropped with them, and says so in a comment.
        if text.startswith("DROP TABLE `") and text.endswith("`;"):
            schema, table = text.removeprefix("DROP TABLE `").removesuffix("`;").split("`.`")
            tables.append((schema.replace("``", "`"), table.replace("``", "`")))
    return [*tables, *((name, "") for name in schemas)]


def _follow(then: Definitions, happened: Sequence[tuple[ObjectName, ObjectName]]) -> Definitions:
    """Return what there was under the names that it has now."""
    found = dict(then)
    for old, new in happened:
        found[new] = found.pop(old, None)
    return found


def _find_whole_columns(
    connection: Any, flavor: Flavor, now: Definitions, then: Definitions, renames: Mapping[str, str]
) -> list[str]:
    """Return the columns of which not every value would come back, and every value that is there does.

    now, then: under the names of now. renames: of columns, the name then to the name now.
    """
    found = list[str]()
    for name, table in now.items():
        wanted = then.get(name)
        if not isinstance(table, TableDefinition) or not isinstance(wanted, TableDefinition):
            continue
        pairs = find_counterparts(table.columns, wanted.columns, renames)
        becomes = {pairs[column.name].name: column for column in wanted.columns if column.name in pairs}
        charsets = [dict(one.options).get("CHARSET", "") for one in (table, wanted)]
        for column in table.columns:
            old = parse_type(column, charsets[0])
            new = parse_type(becomes[column.name], charsets[1]) if column.name in becomes else None
            if column.name in becomes and (not old or not new or keeps_values(old, new, strict=True)):
                continue
            misfit = build_misfit(column, old, new)
            if misfit is not None and not _has_any(connection, flavor, name, misfit):
                found.append(column.name)
    return found


def _has_any(connection: Any, flavor: Flavor, name: ObjectName, condition: str) -> bool:
    """Whether a table has a row of which `condition` is true; True when that was not seen in time, or not at all."""
    hint = "" if flavor.is_mariadb else f"/*+ MAX_EXECUTION_TIME({LOOK_SECONDS * 1000}) */ "
    limit = f"SET STATEMENT max_statement_time = {LOOK_SECONDS} FOR " if flavor.is_mariadb else ""
    table = ".".join(map(quote_identifier, name))
    try:
        return bool(read_rows(connection, f"{limit}SELECT {hint}1 FROM {table} WHERE {condition} LIMIT 1"))
    except MySQLdb.Error:
        return True


def finish(connection: Any, before: Mapping[str, Any]) -> Inverse:
    """Return what makes the change again, now that the rollback has run. before: as read_before gave it."""
    if before["missing"]:
        return Inverse(missing=before["missing"])
    try:
        recorded = load_recorded(before["objects"])
        with time_zone_of(connection, before):
            after = read_definitions(connection, [(one.schema, one.name) for one in recorded])
        change = SchemaChange(
            before=parse_definitions(recorded),
            after=parse_definitions(after),
            renames=tuple((tuple(old), tuple(new)) for old, new in before["renames"]),
            column_renames=tuple((old, new) for old, new in before["column_renames"]),
            empty=frozenset((schema, name) for schema, name in before["empty"]),
            whole_columns=frozenset(before["whole_columns"]),
        )
    except DefinitionError as error:
        return Inverse(missing=f"cannot be made again: {error}")
    except MySQLdb.Error as error:
        number, text = error_of(error)
        return Inverse(missing=f"cannot be made again: its tables could not be read after it ran ({number}: {text}).")
    inverse = build_inverse(change)
    return Inverse(inverse.statements, inverse.missing.replace("cannot be undone", "cannot be made again", 1))
