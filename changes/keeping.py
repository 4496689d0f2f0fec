"""What a schema change would destroy and whether it can be set aside first, on the same server."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from backups.binlog.flavor import Flavor
from backups.errors import BackupError
from backups.rollback.calculated import find_calculated_from
from backups.rollback.column_types import parse_type, read_words
from backups.rollback.ddl import Definitions
from backups.rollback.definitions import PRIMARY, ObjectName, TableDefinition
from backups.rollback.kept import KeptTable
from backups.rollback.kept_partitions import choose_partitions, list_stored, list_unique, parse_key
from backups.rollback.literals import fold_name
from backups.rollback.triggers import TriggerDefinition
from backups.triggers import read_triggers
from changes import effort, kept_data
from changes.alter_clauses import EVERY_PARTITION, EVERY_TEXT, AlterAction, AlterClause
from changes.definitions import load_recorded, parse_definitions, plain_session
from changes.forced_keys import find_forced_key
from changes.grants import Grants
from changes.kinds import StatementKind
from changes.reserved import KEPT_PREFIX
from changes.server_facts import ServerFacts
from changes.statements import Statement
from changes.targets import read_rows

_RIGHTS = ("CREATE", "DROP", "ALTER", "INSERT", "SELECT", "INDEX", "REFERENCES")
_ENGINES = frozenset({"InnoDB", "MyISAM", "Aria"})
# Who may name another account as a trigger's definer, and who may make triggers while the binlog is on: MariaDB's
# names, MySQL 9's, MySQL 8's.
_SET_DEFINER = ("SUPER", "SET USER", "SET_ANY_DEFINER", "SET_USER_ID")
_TRUSTED = ("SUPER", "BINLOG ADMIN")


def name_schema(installation: str, execution_id: int, seq: int) -> str:
    """Return the name of a schema for what one statement would destroy; the time keeps one try from the next.

    installation: id of the one whose execution it is, "" when that began before installations had one.
    """
    return KEPT_PREFIX + "_".join([*filter(None, [installation]), str(execution_id), str(seq), str(int(time.time()))])


class KeepingError(BackupError):
    """What was to be set aside cannot be; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: that what `statement` would destroy is set aside in `kept_schema`.

    schema_name: of the ticket. most_copied_mib: of a table whose values are copied; to move one takes no time.
    """

    facts: ServerFacts
    statement: Statement
    schema_name: str
    kept_schema: str
    most_copied_mib: int


def require(
    connection: Any, request: Request, before: Mapping[str, Any], changed: Iterable[str]
) -> list[dict[str, Any]]:
    """Return, for the statement's record, what is set aside as the approver was told. Raises KeepingError.

    before: as ddl_undo.read_before gave it. changed: as `plan` takes it.
    """
    definitions = parse_definitions(load_recorded(before["objects"]))
    tables, reason = plan(request, definitions, changed)
    if not tables and any(isinstance(definition, TableDefinition) for definition in definitions.values()):
        reason = reason or "its table is no longer as it was when the ticket was checked"
    if reason := reason or find_obstacle(connection, request, tables, definitions):
        raise KeepingError(
            f"Found: {reason}. Needed: that what statement {request.statement.number + 1} takes away can be set aside,"
            " as it was approved. Check the ticket again, and submit it with what is lost then."
        )
    return kept_data.to_record(_with_triggers(connection, kept) for kept in tables)


def _with_triggers(connection: Any, kept: KeptTable) -> KeptTable:
    """Return a table that is moved whole with the triggers that have to come back with it."""
    return replace(kept, triggers=_read_triggers(connection, kept)) if kept.is_whole else kept


def _read_triggers(connection: Any, kept: KeptTable) -> tuple[TriggerDefinition, ...]:
    with plain_session(connection):
        return read_triggers(connection.cursor(), kept.schema_name, kept.table_name)


def plan(request: Request, before: Definitions, changed: Iterable[str] = ()) -> tuple[tuple[KeptTable, ...], str]:
    """Return what has to be kept of the tables of a statement, () for nothing; and why it cannot be, "" when it can.

    before: the tables' definitions. changed: columns that stay, under a type that may not hold every value.
    """
    statement, facts, kept_schema = request.statement, request.statement.facts, request.kept_schema
    if facts is None:
        return (), ""
    names = [(use.schema or request.schema_name, use.table) for use in dict.fromkeys(facts.written)]
    tables = [(name, table) for name in names if isinstance(table := before.get(name), TableDefinition)]
    if statement.kind in (StatementKind.DROP_TABLE, StatementKind.TRUNCATE_TABLE):
        return tuple(KeptTable(*name, kept_schema) for name, _ in tables), ""
    if statement.kind is not StatementKind.ALTER_TABLE or len(tables) != 1:
        return (), ""
    name, table = tables[0]
    if any(clause.action in (AlterAction.ROWS, AlterAction.OTHER) for clause in facts.clauses):
        return _plan_partitions(KeptTable(*name, kept_schema), table, facts.clauses)
    kept = KeptTable(*name, kept_schema, _find_dropped(statement, table), _find_key(table))
    kept = replace(kept, changed=_choose(table, changed, without=kept.columns))
    kept = replace(kept, columns=(*kept.columns, *kept.changed))
    reason = _find_unfit(statement, table, kept) if kept.columns else ""
    return ((kept,) if kept.columns and not reason else ()), reason


def _plan_partitions(
    kept: KeptTable, table: TableDefinition, clauses: Sequence[AlterClause]
) -> tuple[tuple[KeptTable, ...], str]:
    """Return what `plan` does for a statement that takes the rows of partitions."""
    if len(clauses) != 1 or not clauses[0].partitions:
        return (), ""
    if list_unique(table) is None:
        return (), f"{kept.table_name} has a unique key of parts of columns, or of calculated ones"
    if table.is_versioned:
        return (), f"{kept.table_name} is system-versioned"
    kept = replace(kept, columns=list_stored(table), key=_find_key(table))
    kept = replace(kept, partitions=choose_partitions(table, clauses[0].partitions))
    return (kept,), ""


def _choose(table: TableDefinition, names: Iterable[str], *, without: Iterable[str]) -> tuple[str, ...]:
    """Return the named columns in the table's spelling and order."""
    wanted = {fold_name(name) for name in names} - {fold_name(name) for name in without}
    return tuple(column.name for column in table.columns if fold_name(column.name) in wanted)


def _find_unfit(statement: Statement, table: TableDefinition, kept: KeptTable) -> str:
    """Return why values of columns could not be found again by the key when the statement has run, "" when they can."""
    assert statement.facts is not None
    clauses, of_key = statement.facts.clauses, {fold_name(column) for column in kept.key}
    again = {fold_name(clause.name) for clause in clauses if clause.action is AlterAction.ADD_COLUMN}
    dropped = {fold_name(column) for column in kept.columns if column not in kept.changed}
    texts = {fold_name(column) for column in find_redefined(statement, table, texts_only=True)}
    if table.is_versioned:
        return f"{kept.table_name} is system-versioned"
    if not kept.key:
        return f"{kept.table_name} has no primary key, or one of beginnings of columns, to find the values again by"
    if statement.renames:
        return f"{kept.table_name} is renamed by the same statement"
    if statement.facts.ignore:
        return "ALTER IGNORE deletes rows"
    if again & dropped:
        return f"the column {min(again & dropped)} is dropped and made again by the same statement"
    kinds = {column.name: parse_type(column, "") for column in table.columns}
    words = [column for column in kept.key if (kind := kinds[column]) is not None and "''" in kind.members]
    if words:
        return f"the key's column {words[0]} has the word '', which compares like a value that is no word of it"
    if kept.changed and any((kind := kinds[column]) is None or kind.is_generated for column in kept.key):
        return f"the primary key of {kept.table_name} is calculated, from the values that change perhaps"
    if of_time := _find_calculated_from_time(table):
        return f"the column {of_time} is calculated from a TIMESTAMP, and would be again, in another time zone"
    # A key of characters that gets others may compare otherwise.
    if of_key & {fold_name(column) for column in kept.columns} or (kept.changed and of_key & texts):
        return (
            f"the statement changes its primary key too, by which the values of {kept.table_name} would be found again"
        )
    return ""


def _find_calculated_from_time(table: TableDefinition) -> str:
    """Return a column that is calculated from one of TIMESTAMP, so that its value is another in each time zone."""
    kinds = {column.name: parse_type(column, "") for column in table.columns}
    times = [name for name, kind in kinds.items() if kind is not None and kind.base == "timestamp"]
    return next(iter(find_calculated_from(table, times)), "")


def find_redefined(statement: Statement, table: TableDefinition, *, texts_only: bool = False) -> tuple[str, ...]:
    """Return the columns to which an ALTER TABLE gives a new definition, as far as its text tells."""
    if statement.facts is None:
        return ()
    named = {fold_name(clause.redefines) for clause in statement.facts.clauses} - {""}
    charset, found = dict(table.options).get("CHARSET", ""), []
    for column in table.columns:
        kind = parse_type(column, charset)
        is_text = kind is None or bool(kind.charset)
        is_named = fold_name(column.name) in named or (EVERY_TEXT in named and is_text)
        if is_named and (is_text or not texts_only) and not (kind and kind.is_generated):
            found.append(column.name)
    return tuple(found)


def _find_dropped(statement: Statement, table: TableDefinition) -> tuple[str, ...]:
    """Return the columns with values of their own that an ALTER TABLE drops, in the table's spelling."""
    assert statement.facts is not None
    names = {fold_name(c.name) for c in statement.facts.clauses if c.action is AlterAction.DROP_COLUMN}
    found = []
    for column in table.columns:
        kind = parse_type(column, "")
        if fold_name(column.name) in names and (kind is None or not kind.is_generated):
            found.append(column.name)
    return tuple(found)


def _find_key(table: TableDefinition) -> tuple[str, ...]:
    """Return the columns of the primary key; () when there is none, or it holds only the beginning of a column."""
    return next((parse_key(index) for index in table.indexes if index.kind == PRIMARY), ())


def find_obstacle(connection: Any, request: Request, tables: Iterable[KeptTable], before: Definitions) -> str:
    """Return why the data cannot be set aside, "" when it can. connection: to the target."""
    flavor, grants, tables = request.facts.flavor, request.facts.grants, list(tables)
    together = {(kept.schema_name.casefold(), kept.table_name.casefold()) for kept in tables if len(tables) > 1}
    for kept in tables:
        table = before[kept.schema_name, kept.table_name]
        assert isinstance(table, TableDefinition)
        reason = _find_missing_right(grants, kept) or _find_in_table(connection, kept, table, grants)
        if kept.is_whole:
            reason = reason or find_forced_key(connection, flavor, table)
        if not kept.is_whole:
            reason = reason or _find_in_way_of_lock(request, table)
            reason = reason or _find_too_large(connection, kept, request)
        name = (kept.schema_name, kept.table_name)
        reason = reason or (find_children(connection, flavor, grants, name, together) if kept.is_whole else "")
        if reason:
            return reason
    return ""


def _find_missing_right(grants: Grants, kept: KeptTable) -> str:
    needed = [(right, kept.kept_schema) for right in _RIGHTS]
    needed += [("LOCK TABLES", kept.kept_schema), ("LOCK TABLES", kept.schema_name)]
    if kept.changed or kept.partitions:
        needed.append(("UPDATE", kept.kept_schema))
    if kept.is_whole:
        needed += [(right, kept.schema_name) for right in ("CREATE", "DROP", "ALTER", "INSERT")]
        needed += [(right, kept.stand_in_schema) for right in ("CREATE", "DROP")]
    missing = next(((right, schema) for right, schema in needed if not grants.has_privilege(right, schema)), None)
    return f"the account lacks {missing[0]} on {missing[1]}" if missing else ""


def _find_in_table(connection: Any, kept: KeptTable, table: TableDefinition, grants: Grants) -> str:
    engine = dict(table.options).get("ENGINE", "")
    if engine not in _ENGINES or table.is_versioned:
        return f"{kept.table_name} is {'system-versioned' if table.is_versioned else f'of the engine {engine}'}"
    triggers = _read_triggers(connection, kept)
    if kept.is_whole:
        return _find_in_triggers(connection, kept, triggers, grants) if triggers else ""
    if ("INSERT" if kept.partitions else "UPDATE") in {trigger.event for trigger in triggers}:
        return f"{kept.table_name} has a trigger that putting the values back would fire"
    return ""


def _find_in_triggers(connection: Any, kept: KeptTable, triggers: Iterable[TriggerDefinition], grants: Grants) -> str:
    """Return why the triggers of a table could not be made again as they are, "" when they can."""
    ((account, trusts, collation),) = read_rows(
        connection,
        "SELECT CURRENT_USER(), @@GLOBAL.log_bin_trust_function_creators, DEFAULT_COLLATION_NAME"
        " FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s",
        (kept.schema_name,),
    )
    if not grants.has_privilege("TRIGGER", kept.schema_name):
        return f"{kept.table_name} has triggers, and the account lacks TRIGGER on {kept.schema_name}"
    if not trusts and not any(map(grants.has_privilege, _TRUSTED)):
        return (
            f"{kept.table_name} has triggers, and without log_bin_trust_function_creators SUPER is needed to make them"
        )
    for trigger in triggers:
        if not trigger.is_read or not trigger.is_remade_in_any_session:
            return f"the text of the trigger {trigger.name} of {kept.table_name} could not be made again sign by sign"
        if trigger.schema_collation != collation:
            return f"the trigger {trigger.name} was made when its schema had the collation {trigger.schema_collation}"
        if trigger.definer != account and not any(map(grants.has_privilege, _SET_DEFINER)):
            return (
                f"the trigger {trigger.name} of {kept.table_name} runs as {trigger.definer}, and only an account with"
                " SET USER (MySQL: SET_ANY_DEFINER) or SUPER can make it again"
            )
    return ""


def _find_in_way_of_lock(request: Request, table: TableDefinition) -> str:
    """Return why the server would not run the statement, or its way back, on a table that is locked, or not copy from
    it; "" when it would."""
    of_sequence = [column.name for column in table.columns if "nextval(" in read_words(column)]
    if of_sequence:
        return f"column {of_sequence[0]} takes its default from a sequence, which is not locked together with the table"
    if request.facts.flavor.is_mariadb:
        return ""
    if len(set(request.statement.tables)) > 1:
        return "MySQL makes no foreign key while the table is locked; make it in a statement of its own"
    engine = dict(table.options).get("ENGINE", "")
    return "" if engine == "InnoDB" else f"with GTIDs MySQL does not copy from a table of the engine {engine}"


def _find_too_large(connection: Any, kept: KeptTable, request: Request) -> str:
    most_mib = request.most_copied_mib
    effort.want_fresh_sizes(connection, request.facts.flavor)
    name: tuple[str, ...] = (kept.schema_name, kept.table_name)
    question = "SELECT SUM(DATA_LENGTH) FROM information_schema.{} WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    if kept.partitions and kept.partitions != (EVERY_PARTITION,):
        listed = ", ".join(["%s"] * len(kept.partitions))
        question = f"{question} AND (PARTITION_NAME IN ({listed}) OR SUBPARTITION_NAME IN ({listed}))"
        rows = read_rows(connection, question.format("PARTITIONS"), (*name, *kept.partitions, *kept.partitions))
    else:
        rows = read_rows(connection, question.format("TABLES"), name)
    size = int(rows[0][0] or 0)
    if size <= most_mib << 20:
        return ""
    place = " in these partitions" if kept.partitions else ""
    return f"{kept.table_name} has {size:,} bytes{place}; values are copied up to {most_mib:,} MiB on this target"


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
