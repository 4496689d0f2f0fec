"""Which rows of other tables a statement's foreign keys will change, and whether they can be kept; asked of a server.

Only where the server does not log such rows itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import MySQLdb

from backups.binlog.snapshots import CascadeFact, Snapshot
from backups.rollback.children import Acts, Reach, TableName, find_reach
from backups.rollback.literals import fold_name, quote_identifier
from backups.snapshot import find_names
from changes.parent_rows import ParentRows, read_parent_rows
from changes.server_facts import ServerFacts
from changes.statements import Statement
from changes.targets import error_of, read_rows

COUNT_SECONDS = 3
DEEPEST_COUNT = 4
"""Foreign keys behind each other up to which rows are counted before approval; all of them are followed later."""
TABLE_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
"""To lock the rows and to bring them back."""
KEPT_RIGHTS = ("CREATE", "DROP", "ALTER", "INSERT", "SELECT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """What is kept around one statement.

    sources: per parent, what selects its rows, beginning with FROM. limited: parents whose source ends in a LIMIT.
    counted: parents of which every row that the statement changes is among those, by the same words.
    deletes: it takes rows away, and sets no columns of others.
    incoming: what follows the table's name in a statement that gives its rows; then rows of the one parent that have
        one of its unique_keys in common with them are kept, and not its source.
    row_count: about how many rows are kept, as counted now; None when that was not counted.
    obstacle: why they cannot be kept, "" when they can.
    """

    reach: Reach
    sources: Mapping[TableName, str] = field(default_factory=dict)
    limited: frozenset[TableName] = frozenset()
    counted: frozenset[TableName] = frozenset()
    deletes: bool = False
    incoming: str = ""
    unique_keys: tuple[tuple[str, ...], ...] = ()
    row_count: int | None = None
    obstacle: str = ""

    @property
    def acts(self) -> bool:
        """Whether foreign keys can change rows."""
        return bool(self.reach.edges)

    @property
    def keeps(self) -> bool:
        return self.acts and not self.obstacle

    @property
    def label(self) -> str:
        """The tables whose rows are kept, for people."""
        return ", ".join(".".join(name) for name in self.reach.children)


NOTHING = ChildPlan(Reach())


def plan_children(
    connection: Any,
    facts: ServerFacts,
    statement: Statement,
    schema_name: str,
    snapshot: Snapshot,
    *,
    kept_schema: str,
    most_rows: int,
    counts: bool,
) -> ChildPlan:
    """Return what a statement's foreign keys will change. counts: look how many rows that is. Raises MySQLdb.Error.

    most_rows: more than these, parents included, are not kept.
    """
    if not statement.kind.is_row_change or snapshot.cascades_logged:
        return NOTHING
    rows = read_parent_rows(
        statement.kind,
        statement.text,
        ansi_quotes=facts.ansi_quotes,
        no_backslash_escapes=facts.no_backslash_escapes,
    )
    written = [_find_name(snapshot, (schema or schema_name, table)) for schema, table in statement.written]
    tables = [name for name in dict.fromkeys(written) if name is not None]
    acts = {name: _with_own_settings(connection, name, _with_triggers(snapshot, name, rows.acts)) for name in tables}
    reach = find_reach(snapshot, acts)
    if not reach.edges:
        return NOTHING
    is_single = len(tables) == len(statement.written) == 1
    plan = _choose_sources(reach, rows if is_single else ParentRows(rows.acts), snapshot)
    if rows.incoming and reach.parents == tuple(tables):
        plan = replace(plan, **_read_incoming(connection, snapshot, tables[0], rows.incoming))
    obstacle = reach.obstacle or _find_obstacle(connection, facts, reach, snapshot, tables, kept_schema)
    row_count = None
    if counts and not obstacle and not plan.incoming:
        row_count = _count(connection, facts, plan, most_rows)
        if row_count is not None and row_count > most_rows:
            obstacle = f"more than {most_rows:,} rows would have to be kept, the limit of this target"
    return replace(plan, row_count=row_count, obstacle=obstacle)


def _find_name(snapshot: Snapshot, name: TableName) -> TableName | None:
    """Return a table's name as the snapshot has it; None for a view, and what is not there."""
    if snapshot.find_table(*name):
        return name
    folded = (name[0].casefold(), name[1].casefold())
    found = [
        (table.schema_name, table.name)
        for table in snapshot.tables
        if (table.schema_name.casefold(), table.name.casefold()) == folded
    ]
    return found[0] if len(found) == 1 else None


def _read_incoming(connection: Any, snapshot: Snapshot, name: TableName, incoming: str) -> dict[str, Any]:
    """Return the unique keys by which given rows meet others; {} where a trigger or a part of a key forbids to tell."""
    before = ("INSERT", "BEFORE")
    if any((one.schema_name, one.table_name, one.event, one.timing) == (*name, *before) for one in snapshot.triggers):
        return {}
    question = (
        "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX"
    )
    keys: dict[str, list[str]] = {}
    for index, column, part in read_rows(connection, question, name):
        if column is None or part is not None:
            return {}
        keys.setdefault(index, []).append(column)
    return {"incoming": incoming, "unique_keys": tuple(tuple(columns) for columns in keys.values())}


def _with_triggers(snapshot: Snapshot, name: TableName, acts: Acts) -> Acts:
    """A trigger before an UPDATE can set other columns."""
    sets_more = any(
        (trigger.schema_name, trigger.table_name, trigger.event, trigger.timing) == (*name, "UPDATE", "BEFORE")
        for trigger in snapshot.triggers
    )
    return Acts(acts.deletes, None) if sets_more and acts.assigned else acts


def _is_certain_order(snapshot: Snapshot, name: TableName, columns: frozenset[str]) -> bool:
    """Whether an ORDER BY of these columns has one result only."""
    table = snapshot.find_table(*name)
    key = [fold_name(table.columns[index].name) for index in table.primary_key] if table is not None else []
    return bool(key) and columns.issuperset(key)


def _with_own_settings(connection: Any, name: TableName, acts: Acts) -> Acts:
    """Add the columns that set themselves when another one is set: ON UPDATE CURRENT_TIMESTAMP."""
    if not acts.assigned:
        return acts
    question = (
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND EXTRA LIKE %s"
    )
    more = frozenset(fold_name(column) for (column,) in read_rows(connection, question, (*name, "%on update%")))
    return Acts(acts.deletes, acts.assigned | more)


def _choose_sources(reach: Reach, rows: ParentRows, snapshot: Snapshot) -> ChildPlan:
    sources: dict[TableName, str] = {}
    limited, counted = set(), set()
    for name in reach.parents:
        is_child = name in reach.children
        if not rows.source:
            sources[name] = f"FROM {_quote(name)}"
        elif rows.has_limit and (is_child or not _is_certain_order(snapshot, name, rows.ordered_by)):
            # Rows that go by a foreign key make room under the LIMIT for others; of equal ones it takes any.
            sources[name] = rows.without_limit
        else:
            sources[name] = rows.source
            counted.add(name)
            limited |= {name} if rows.has_limit else set()
    return ChildPlan(reach, sources, frozenset(limited), frozenset(counted), rows.acts.deletes)


def _find_obstacle(
    connection: Any,
    facts: ServerFacts,
    reach: Reach,
    snapshot: Snapshot,
    written: list[TableName],
    kept_schema: str,
) -> str:
    for right in KEPT_RIGHTS:
        if not facts.grants.has_privilege(right, kept_schema):
            return f"the account lacks {right} on {kept_schema}"
    for schema, table in reach.tables:
        for right in TABLE_RIGHTS:
            if not facts.grants.has_privilege(right, schema, table):
                return f"the account lacks {right} on {schema}.{table}"
        if _is_versioned(connection, schema, table):
            return f"{schema}.{table} keeps its history itself (WITH SYSTEM VERSIONING)"
    return next(_find_triggers(connection, reach, snapshot, written), "")


def _is_versioned(connection: Any, schema: str, table: str) -> bool:
    question = "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    return any(kind != "BASE TABLE" for (kind,) in read_rows(connection, question, (schema, table)))


def _find_triggers(connection: Any, reach: Reach, snapshot: Snapshot, written: list[TableName]) -> Iterator[str]:
    """Yield triggers that the statement can fire and that name a table whose rows are kept: they may change others."""
    names = {table.casefold() for _, table in reach.tables}
    question = (
        "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS"
        " WHERE EVENT_OBJECT_SCHEMA = %s AND EVENT_OBJECT_TABLE = %s"
    )
    with_triggers = {(trigger.schema_name, trigger.table_name) for trigger in snapshot.triggers}
    for name in written:
        for trigger, text in read_rows(connection, question, name) if name in with_triggers else ():
            if any(word.casefold() in names for word in find_names(text or "", ansi_quotes=True)[0]):
                yield f"the trigger {trigger} of {'.'.join(name)} names a table whose rows foreign keys change"


def _count(connection: Any, facts: ServerFacts, plan: ChildPlan, most_rows: int) -> int | None:
    """Return about how many rows there are to keep, at most one more than `most_rows`; None when that takes long."""
    total = 0
    for sql in _build_counts(plan, most_rows + 1):
        if facts.flavor.is_mariadb:
            text = f"SET STATEMENT max_statement_time={COUNT_SECONDS} FOR {sql}"
        else:
            text = sql.replace("SELECT", f"SELECT /*+ MAX_EXECUTION_TIME({COUNT_SECONDS * 1000}) */", 1)
        try:
            ((found,),) = read_rows(connection, text)
        except MySQLdb.Error as error:
            if 2000 <= error_of(error)[0] < 3000:
                raise
            return None  # it took too long, or the statement itself will fail
        total += int(found)
        if total > most_rows:
            return total
    return total


def _build_counts(plan: ChildPlan, limit: int) -> Iterator[str]:
    """Yield what counts the rows of each parent, and of the children along each foreign key."""
    for parent in plan.reach.parents:
        source = plan.sources[parent]
        yield _build_count(source, limit, is_limited=parent in plan.limited)
        columns = {column for edge in plan.reach.edges for column in edge.parent_columns if _parent(edge) == parent}
        listed = ", ".join(map(quote_identifier, sorted(columns)))
        yield from _count_children(plan.reach, parent, f"SELECT {listed} {source}", limit, (parent,))


def _count_children(
    reach: Reach, parent: TableName, rows: str, limit: int, seen: tuple[TableName, ...]
) -> Iterator[str]:
    """rows: selects those of `parent`, with every column that is referred to."""
    for edge in reach.edges:
        child = (edge.schema_name, edge.table_name)
        if _parent(edge) != parent or child in seen or len(seen) > DEEPEST_COUNT:
            continue
        condition = _build_condition(edge, rows, len(seen))
        yield _build_count(f"FROM {_quote(child)} c WHERE {condition}", limit, is_limited=False)
        columns = {column for one in reach.edges for column in one.parent_columns if _parent(one) == child}
        if columns:
            listed = ", ".join(f"c.{quote_identifier(column)}" for column in sorted(columns))
            inner = f"SELECT {listed} FROM {_quote(child)} c WHERE {condition}"
            yield from _count_children(reach, child, inner, limit, (*seen, child))


def _build_condition(edge: CascadeFact, rows: str, depth: int) -> str:
    columns = ", ".join(f"c.{quote_identifier(column)}" for column in edge.columns)
    referred = ", ".join(f"p{depth}.{quote_identifier(column)}" for column in edge.parent_columns)
    return f"({columns}) IN (SELECT {referred} FROM ({rows}\n) p{depth})"


def _build_count(source: str, limit: int, *, is_limited: bool) -> str:
    end = "" if is_limited else f"\nLIMIT {limit}"
    return f"SELECT COUNT(*) FROM (SELECT 1 {source}{end}\n) counted"


def _parent(edge: CascadeFact) -> TableName:
    return edge.parent_schema, edge.parent_table


def _quote(name: TableName) -> str:
    return f"{quote_identifier(name[0])}.{quote_identifier(name[1])}"
