"""What a schema change would destroy and whether it can be set aside first, on the same server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Set
from typing import Any

from backups.binlog.flavor import Flavor
from backups.errors import BackupError
from backups.rollback.column_types import parse_type
from backups.rollback.ddl import Definitions
from backups.rollback.definitions import ObjectName, TableDefinition
from backups.rollback.kept import (
    KeptTable,
)
from changes import kept_data
from changes.alter_clauses import AlterAction
from changes.definitions import load_recorded, parse_definitions
from changes.grants import Grants
from changes.kinds import StatementKind
from changes.reserved import KEPT_PREFIX
from changes.server_facts import ServerFacts
from changes.statements import Statement
from changes.targets import read_rows

PREFIX = KEPT_PREFIX
MOST_COPIED_BYTES = 1 << 30
"""Of a table whose columns are copied, which takes as long as reading it; moving a table takes no time at any size."""

_RIGHTS = ("CREATE", "DROP", "ALTER", "INSERT", "SELECT", "INDEX", "REFERENCES")
_ENGINES = frozenset({"InnoDB", "MyISAM", "Aria"})


def name_schema(execution_id: int, seq: int) -> str:
    """Return the name of a schema for what one statement would destroy; the time keeps installations apart."""
    return f"{PREFIX}{execution_id}_{seq}_{int(time.time())}"


class KeepingError(BackupError):
    """What was to be set aside cannot be; nothing was sent."""


def require(
    connection: Any,
    facts: ServerFacts,
    statement: Statement,
    schema_name: str,
    before: Mapping[str, Any],
    kept_schema: str,
) -> list[dict[str, Any]]:
    """Return, for the statement's record, what is set aside as the approver was told. Raises KeepingError.

    before: as ddl_undo.read_before gave it.
    """
    definitions = parse_definitions(load_recorded(before["objects"]))
    tables = plan(statement, schema_name, definitions, kept_schema)
    reason = ""
    if not tables and any(isinstance(definition, TableDefinition) for definition in definitions.values()):
        reason = "its table is no longer as it was when the ticket was checked"
    if reason := reason or find_obstacle(connection, facts.flavor, facts.grants, tables, definitions):
        raise KeepingError(
            f"Found: {reason}. Needed: that what statement {statement.number + 1} takes away can be set aside, as it"
            " was approved. Check the ticket again, and submit it with what is lost then."
        )
    return kept_data.to_record(tables)


def plan(statement: Statement, schema_name: str, before: Definitions, kept_schema: str) -> tuple[KeptTable, ...]:
    """Return what has to be kept of the tables of `statement`, by its text and their definitions; () for nothing."""
    facts = statement.facts
    if facts is None:
        return ()
    tables = [
        ((use.schema or schema_name, use.table), definition)
        for use in dict.fromkeys(facts.written)
        if isinstance(definition := before.get((use.schema or schema_name, use.table)), TableDefinition)
    ]
    if statement.kind in (StatementKind.DROP_TABLE, StatementKind.TRUNCATE_TABLE):
        return tuple(KeptTable(*name, kept_schema) for name, _ in tables)
    if statement.kind is not StatementKind.ALTER_TABLE or len(tables) != 1:
        return ()
    if any(clause.action in (AlterAction.ROWS, AlterAction.OTHER) for clause in facts.clauses):
        return ()
    (name, table), dropped = tables[0], _find_dropped(statement, tables[0][1])
    key = _find_key(table)
    again = {clause.name.casefold() for clause in facts.clauses if clause.action is not AlterAction.DROP_COLUMN}
    unfit = {column.casefold() for column in dropped} & ({column.casefold() for column in key} | again)
    if not dropped or not key or unfit or statement.renames or facts.ignore or table.is_versioned:
        return ()
    return (KeptTable(*name, kept_schema, dropped, key),)


def _find_dropped(statement: Statement, table: TableDefinition) -> tuple[str, ...]:
    """Return the columns with values of their own that an ALTER TABLE drops, in the table's spelling."""
    assert statement.facts is not None
    names = {c.name.casefold() for c in statement.facts.clauses if c.action is AlterAction.DROP_COLUMN}
    found = []
    for column in table.columns:
        kind = parse_type(column, "")
        if column.name.casefold() in names and (kind is None or not kind.is_generated):
            found.append(column.name)
    return tuple(found)


def _find_key(table: TableDefinition) -> tuple[str, ...]:
    """Return the columns of the primary key; () when there is none, or it holds only the beginning of a column."""
    text = next((index.text for index in table.indexes if index.kind == "PRIMARY"), "")
    parts = text.partition("(")[2].rpartition(")")[0].split(",")
    if not text or "(" in text.partition("(")[2]:
        return ()
    return tuple(part.strip().removesuffix(" DESC").strip("`").replace("``", "`") for part in parts)


def find_obstacle(
    connection: Any, flavor: Flavor, grants: Grants, tables: Iterable[KeptTable], before: Definitions
) -> str:
    """Return why the data cannot be set aside, "" when it can. connection: to the target."""
    tables = list(tables)
    together = {(kept.schema_name.casefold(), kept.table_name.casefold()) for kept in tables if len(tables) > 1}
    for kept in tables:
        table = before[kept.schema_name, kept.table_name]
        assert isinstance(table, TableDefinition)
        reason = _find_missing_right(grants, kept) or _find_in_table(connection, kept, table)
        name = (kept.schema_name, kept.table_name)
        reason = reason or (find_children(connection, flavor, grants, name, together) if kept.is_whole else "")
        if reason:
            return reason
    return ""


def _find_missing_right(grants: Grants, kept: KeptTable) -> str:
    needed = [(right, kept.kept_schema) for right in _RIGHTS]
    if not kept.is_whole:
        needed += [("LOCK TABLES", kept.kept_schema), ("LOCK TABLES", kept.schema_name)]
    else:
        needed += [(right, kept.schema_name) for right in ("CREATE", "DROP", "ALTER", "INSERT")]
        needed += [(right, kept.stand_in_schema) for right in ("CREATE", "DROP")]
    missing = next(((right, schema) for right, schema in needed if not grants.has_privilege(right, schema)), None)
    return f"the account lacks {missing[0]} on {missing[1]}" if missing else ""


def _find_in_table(connection: Any, kept: KeptTable, table: TableDefinition) -> str:
    engine = dict(table.options).get("ENGINE", "")
    if engine not in _ENGINES or table.is_versioned:
        return f"{kept.table_name} is {'system-versioned' if table.is_versioned else f'of the engine {engine}'}"
    question = (
        "SELECT EVENT_MANIPULATION FROM information_schema.TRIGGERS"
        " WHERE EVENT_OBJECT_SCHEMA = %s AND EVENT_OBJECT_TABLE = %s"
    )
    events = {row[0] for row in read_rows(connection, question, (kept.schema_name, kept.table_name))}
    if events and kept.is_whole:
        return f"{kept.table_name} has a trigger, and a table with triggers cannot be moved"
    if "UPDATE" in events:
        return f"{kept.table_name} has a trigger that putting the values back would fire"
    question = "SELECT DATA_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    size = next((row[0] or 0 for row in read_rows(connection, question, (kept.schema_name, kept.table_name))), 0)
    if not kept.is_whole and size > MOST_COPIED_BYTES:
        return f"{kept.table_name} has {size:,} bytes; columns are copied up to {MOST_COPIED_BYTES:,}"
    return ""


def find_children(
    connection: Any, flavor: Flavor, grants: Grants, table: ObjectName, together: Set[ObjectName] = frozenset()
) -> str:
    """Return which foreign key points to a table, or why that cannot be seen; "" when none does.

    Foreign keys go with a table when it is moved, and nothing would hold its DROP.
    together: tables that the same statement drops; their foreign keys go with them.
    """
    if not grants.has_privilege("PROCESS"):
        return "the account lacks PROCESS, without which foreign keys of other schemas cannot be seen"
    source = "INNODB_SYS_FOREIGN" if flavor.is_mariadb else "INNODB_FOREIGN"
    rows = read_rows(connection, f"SELECT FOR_NAME, REF_NAME FROM information_schema.{source}")
    wanted = (table[0].casefold(), table[1].casefold())
    for child, parent in rows:
        names = [tuple(_decode(part, flavor).casefold() for part in str(name).split("/")) for name in (child, parent)]
        if names[1] == wanted and names[0] not in together - {wanted}:
            return f"{_decode(str(child), flavor)} has a foreign key to {table[1]}"
    return ""


def _decode(name: str, flavor: Flavor) -> str:
    """MariaDB shows names as its files bear them: `a-b` is a@002db."""
    if not flavor.is_mariadb:
        return name
    parts = name.split("@")
    return parts[0] + "".join(chr(int(part[:4], 16)) + part[4:] if _is_code(part) else f"@{part}" for part in parts[1:])


def _is_code(part: str) -> bool:
    with contextlib.suppress(ValueError):
        return len(part) >= 4 and int(part[:4], 16) > 0
    return False
