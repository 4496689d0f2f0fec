"""The tables, triggers and foreign keys a statement can touch, read before it runs.

The binlog carries neither column names nor signs nor character sets (MySQL's default is MINIMAL metadata, MariaDB's is
none), and a table may be altered or dropped before its events are read. So the facts are taken first and kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import MySQLdb

from backups.binlog.flavor import Flavor
from backups.binlog.rows import SEQUENCE, Column, Table
from backups.binlog.snapshots import CascadeFact, Snapshot, TriggerFact, snapshot_from_json, snapshot_to_json

__all__ = [
    "CascadeFact",
    "Snapshot",
    "TriggerFact",
    "choose_key",
    "find_names",
    "read_cascades",
    "read_snapshot",
    "snapshot_from_json",
    "snapshot_to_json",
]

ACCESS_DENIED_ERRORS = (1142, 1227)
MOST_NAMES_IN_A_QUERY = 500
LONGEST_NAME = 64
SYSTEM_SCHEMAS = frozenset({"information_schema", "mysql", "performance_schema", "sys"})

_NAME = re.compile(r"`((?:[^`]|``)+)`(\s*\.)?|([0-9A-Za-z_$\x80-\uffff]+)(\s*\.)?")
_IN_DOUBLE_QUOTES = re.compile(r'(?="((?:[^"\n]|""){1,64}+)"(\s*\.)?)')
"""From every double quote on: which ones open a name is not known here."""

ObjectName = tuple[str, str]
"""(schema name, table or view name) in the server's spelling."""


def find_names(sql: str, *, ansi_quotes: bool = False) -> tuple[set[str], set[str]]:
    """Return (names, qualifiers): every word or backticked name in `sql`, and those followed by a dot.

    ansi_quotes: names may stand in double quotes too.
    Words inside strings and comments are taken too: a name too many costs a lookup, a name missed costs the backup.
    """
    names: set[str] = set()
    qualifiers: set[str] = set()
    found = _NAME.findall(sql)
    if ansi_quotes:
        found += [
            (name.replace('""', '"').replace("`", "``"), dot, "", "") for name, dot in _IN_DOUBLE_QUOTES.findall(sql)
        ]
    for quoted, quoted_dot, word, word_dot in found:
        name = quoted.replace("``", "`") if quoted else word
        # Names are utf8mb3 on both servers; asked about an emoji they answer with an error (1271, 3854).
        if len(name) > LONGEST_NAME or max(name) > "\uffff" or (word and word.isdigit()):
            continue
        names.add(name)
        if quoted_dot or word_dot:
            qualifiers.add(name)
    return names, qualifiers


def read_snapshot(connection: Any, schema_name: str, sql: str, flavor: Flavor) -> Snapshot:
    """Read every table that `sql`, run in `schema_name`, can touch; before it runs, on the connection that runs it.

    Names in the text are closed over view definitions, trigger and routine bodies, and the children of foreign keys
    with an action. Objects the account may not see are missing: their events then make the backup incomplete.
    """
    return _Reader(connection, flavor).read(schema_name, sql)


def read_cascades(connection: Any, flavor: Flavor, parents: Iterable[ObjectName]) -> tuple[CascadeFact, ...]:
    """Read the foreign keys with an action that point to `parents`, in all schemas."""
    return _Reader(connection, flavor).read_cascades(list(parents))


def read_references(connection: Any, flavor: Flavor, parent: ObjectName) -> tuple[CascadeFact, ...] | None:
    """Read all foreign keys that point to `parent`, also those without an action, in all schemas.

    None where the account (which then lacks PROCESS) cannot be shown those in schemas hidden from it.
    """
    reader = _Reader(connection, flavor)
    try:
        rows = reader.ask(*_innodb_cascades(flavor, parent[0], {parent[1]}, acting=False))
    except MySQLdb.Error as error:
        if error.args[0] not in ACCESS_DENIED_ERRORS:
            raise
        return None
    return _build_cascades(rows)


@dataclass(slots=True)
class _Reader:
    """One reading. Each method asks at most one question per schema concerned."""

    connection: Any
    flavor: Flavor
    base_tables: dict[ObjectName, str] = field(default_factory=dict)
    views: set[ObjectName] = field(default_factory=set)
    routines: set[ObjectName] = field(default_factory=set)
    cascades: list[CascadeFact] = field(default_factory=list)
    triggers: list[TriggerFact] = field(default_factory=list)

    def read(self, schema_name: str, sql: str) -> Snapshot:
        ((mode,),) = self.ask("SELECT @@SESSION.sql_mode")
        wanted = self._names_of([(schema_name, sql)], ansi_quotes="ANSI" in str(mode))
        while wanted:
            tables, views = self._find_objects(wanted)
            texts = [*self._read_views(views), *self._read_triggers(tables), *self._read_routines(wanted)]
            texts += self._read_defaults(tables)
            wanted = self._names_of(texts)
            for cascade in self.read_cascades(tables):
                self.cascades.append(cascade)
                wanted.setdefault(cascade.schema_name, set()).add(cascade.table_name)
        return Snapshot(
            tables=tuple(self._read_tables()),
            cascades=tuple(self.cascades),
            triggers=tuple(self.triggers),
            cascades_logged=self._read_cascades_logged(),
        )

    def read_cascades(self, parents: Sequence[ObjectName]) -> tuple[CascadeFact, ...]:
        if not parents:
            return ()
        return _build_cascades(self._cascade_rows(parents))

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        cursor = self.connection.cursor()
        try:
            cursor.execute(sql, tuple(parameters))
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def _names_of(self, texts: Iterable[tuple[str, str]], *, ansi_quotes: bool = True) -> dict[str, set[str]]:
        """Return the names to look for in each schema. A text's plain names live in the schema of its object.

        ansi_quotes: of triggers and routines, whose own mode it is, in any case.
        """
        wanted: dict[str, set[str]] = {}
        for schema_name, text in texts:
            names, qualifiers = find_names(text, ansi_quotes=ansi_quotes)
            for schema in {schema_name, *self._existing_schemas(qualifiers - {schema_name})}:
                wanted.setdefault(schema, set()).update(names)
        return wanted

    def _existing_schemas(self, names: set[str]) -> Iterator[str]:
        if names:
            rows = self.ask("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
            folded = {name.casefold() for name in names}
            yield from (name for (name,) in rows if name.casefold() in folded and name not in SYSTEM_SCHEMAS)

    def _find_objects(self, wanted: dict[str, set[str]]) -> tuple[list[ObjectName], list[ObjectName]]:
        """Return the tables and views among `wanted` that were not known yet."""
        tables: list[ObjectName] = []
        views: list[ObjectName] = []
        for schema, names in wanted.items():
            sql = "SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
            folded = {other.casefold() for other in names}
            for name, kind, engine in self.ask(*_restrict(sql, "TABLE_NAME", schema, names)):
                key = (schema, name)
                if key in self.base_tables or key in self.views or name.casefold() not in folded:
                    continue
                if kind == "VIEW":
                    self.views.add(key)
                    views.append(key)
                else:
                    self.base_tables[key] = SEQUENCE if kind == "SEQUENCE" else engine or ""
                    tables.append(key)
        return tables, views

    def _read_views(self, views: list[ObjectName]) -> Iterator[tuple[str, str]]:
        for schema, names in _by_schema(views):
            sql = "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = %s"
            for _, text in self.ask(*_restrict(sql, "TABLE_NAME", schema, names)):
                yield schema, text or ""

    def _read_defaults(self, tables: list[ObjectName]) -> Iterator[tuple[str, str]]:
        """Yield the defaults that take the next number of a sequence: the binlog has a row event for it."""
        for schema, names in _by_schema(tables) if self.flavor.is_mariadb else ():
            sql = (
                "SELECT TABLE_NAME, COLUMN_DEFAULT FROM information_schema.COLUMNS"
                " WHERE TABLE_SCHEMA = %s AND COLUMN_DEFAULT LIKE '%%nextval(%%'"
            )
            for table, text in self.ask(*_restrict(sql, "TABLE_NAME", schema, names)):
                if table in names:
                    yield schema, text

    def _read_triggers(self, tables: list[ObjectName]) -> Iterator[tuple[str, str]]:
        for schema, names in _by_schema(tables):
            sql = (
                "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME, EVENT_MANIPULATION, ACTION_TIMING, ACTION_STATEMENT"
                " FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = %s"
            )
            for table, name, event, timing, text in self.ask(*_restrict(sql, "EVENT_OBJECT_TABLE", schema, names)):
                if table in names:
                    self.triggers.append(TriggerFact(schema, table, name, event, timing))
                    yield schema, text or ""

    def _read_routines(self, wanted: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
        for schema, names in wanted.items():
            sql = "SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s"
            folded = {other.casefold() for other in names}
            for name, text in self.ask(*_restrict(sql, "ROUTINE_NAME", schema, names)):
                if name.casefold() in folded and (schema, name) not in self.routines:
                    self.routines.add((schema, name))
                    yield schema, text or ""

    def _read_tables(self) -> Iterator[Table]:
        for schema, names in _by_schema(self.base_tables):
            keys, hidden = self._read_keys(schema, names)
            columns: dict[str, list[tuple[Any, ...]]] = {name: [] for name in names}
            sql = (
                "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME,"
                " COLLATION_NAME, CHARACTER_OCTET_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, EXTRA"
                " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s"
            )
            statement, parameters = _restrict(sql, "TABLE_NAME", schema, names)
            for name, *facts in self.ask(statement + " ORDER BY TABLE_NAME, ORDINAL_POSITION", parameters):
                if name in columns:
                    columns[name].append(tuple(facts))
            for name in sorted(names):
                read = tuple(_build_column(*facts) for facts in columns[name])
                key = choose_key(read, keys.get(name, {}))
                engine = self.base_tables[schema, name]
                is_hashed = self.flavor.is_mariadb and engine != "MEMORY"
                yield Table(schema, name, read, key, engine, len(hidden.get(name, ())) if is_hashed else 0)

    def _read_keys(
        self, schema: str, names: set[str]
    ) -> tuple[dict[str, dict[str, list[str | None]]], dict[str, set[str]]]:
        """Return the columns of each unique key of each table, in key order, None for an expression; and which of
        the keys are hashes, for which MariaDB keeps a column that nobody else sees."""
        sql = (
            "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, INDEX_TYPE FROM information_schema.STATISTICS"
            " WHERE TABLE_SCHEMA = %s AND NON_UNIQUE = 0"
        )
        statement, parameters = _restrict(sql, "TABLE_NAME", schema, names)
        found: dict[str, dict[str, list[str | None]]] = {}
        hashes: dict[str, set[str]] = {}
        for table, index, column, kind in self.ask(statement + " ORDER BY TABLE_NAME, SEQ_IN_INDEX", parameters):
            found.setdefault(table, {}).setdefault(index, []).append(column)
            if kind == "HASH":
                hashes.setdefault(table, set()).add(index)
        return found, hashes

    def _cascade_rows(self, parents: Sequence[ObjectName]) -> Iterator[tuple[Any, ...]]:
        # InnoDB's own tables show children in schemas the account has no rights on, where deletes cascade all the
        # same; they need the PROCESS privilege.
        try:
            for schema, names in _by_schema(parents):
                yield from self.ask(*_innodb_cascades(self.flavor, schema, names))
        except MySQLdb.Error as error:
            if error.args[0] not in ACCESS_DENIED_ERRORS:
                raise
            for schema, names in _by_schema(parents):
                yield from self.ask(*_visible_cascades(schema, names))

    def _read_cascades_logged(self) -> bool:
        if not self.flavor.logs_cascades:
            return False
        # MySQL 9.6+ can hand foreign keys back to InnoDB, which logs nothing.
        rows = self.ask("SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'")
        return all(value == "OFF" for _, value in rows)


def choose_key(columns: Sequence[Column], keys: dict[str, list[str | None]]) -> tuple[int, ...]:
    """Return the indexes of the columns that tell one row from all others, in key order; () when nothing does.

    keys: columns of each unique key. The primary key is taken first, then the first by name whose columns are all
    NOT NULL and not generated: NULLs are equal to nothing, and a generated value cannot be written.
    """
    places = {column.name: index for index, column in enumerate(columns)}
    usable = {index for index, column in enumerate(columns) if not column.nullable and not column.generated}
    for name in sorted(keys, key=lambda name: (name != "PRIMARY", name)):
        indexes = [places.get(column, -1) if column is not None else -1 for column in keys[name]]
        if usable.issuperset(indexes):
            return tuple(indexes)
    return ()


def _build_column(
    name: str,
    data_type: str,
    column_type: str,
    is_nullable: str,
    charset: str | None,
    collation: str | None,
    octet_length: int | None,
    precision: int | None,
    scale: int | None,
    datetime_precision: int | None,
    extra: str,
) -> Column:
    words = extra.upper().replace(",", " ").split()
    # MySQL writes DEFAULT_GENERATED for a default that is an expression: not a generated column.
    generated = next((kind for kind in ("VIRTUAL", "STORED") if kind in words and "GENERATED" in words), "")
    return Column(
        name=name,
        data_type=data_type.lower(),
        column_type=column_type,
        unsigned=column_type.lower().endswith((" unsigned", " unsigned zerofill")),
        nullable=is_nullable == "YES",
        charset=charset,
        collation=collation,
        octet_length=octet_length,
        numeric_precision=precision,
        numeric_scale=scale,
        datetime_precision=datetime_precision,
        generated=generated,
        invisible="INVISIBLE" in words,
    )


def _build_cascades(rows: Iterable[tuple[Any, ...]]) -> tuple[CascadeFact, ...]:
    """Return one fact per foreign key of `rows`, which hold a pair of its columns each."""
    keys: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for *key, column, parent_column in rows:
        keys.setdefault(tuple(key), []).append((column, parent_column))
    return tuple(
        CascadeFact(
            schema_name=schema,
            table_name=table,
            constraint=constraint,
            columns=tuple(column for column, _ in pairs),
            parent_schema=parent_schema,
            parent_table=parent_table,
            parent_columns=tuple(parent for _, parent in pairs),
            on_delete=on_delete,
            on_update=on_update,
        )
        for (constraint, schema, table, parent_schema, parent_table, on_delete, on_update), pairs in keys.items()
    )


def _innodb_cascades(flavor: Flavor, schema: str, names: set[str], *, acting: bool = True) -> tuple[str, list[Any]]:
    """Return the question for the keys on tables of `schema`, asked of InnoDB itself. acting: only with an action."""
    prefix = "INNODB_SYS_FOREIGN" if flavor.is_mariadb else "INNODB_FOREIGN"

    def part(column: str, place: int) -> str:
        text = f"SUBSTRING_INDEX({column}, '/', {place})"
        if flavor.is_mariadb:
            # MariaDB shows names as its files bear them: `a-b` is a@002db.
            return (
                f"CAST(CAST(CONVERT({text} USING binary) AS CHAR CHARACTER SET filename) AS CHAR CHARACTER SET utf8mb4)"
            )
        return text

    sql = (
        f"SELECT SUBSTRING_INDEX(k.ID, '/', -1), {part('k.FOR_NAME', 1)}, {part('k.FOR_NAME', -1)},"
        f" {part('k.REF_NAME', 1)}, {part('k.REF_NAME', -1)},"
        " CASE WHEN k.TYPE & 1 THEN 'CASCADE' WHEN k.TYPE & 2 THEN 'SET NULL' ELSE 'NO ACTION' END,"
        " CASE WHEN k.TYPE & 4 THEN 'CASCADE' WHEN k.TYPE & 8 THEN 'SET NULL' ELSE 'NO ACTION' END,"
        " c.FOR_COL_NAME, c.REF_COL_NAME"
        f" FROM information_schema.{prefix} k JOIN information_schema.{prefix}_COLS c ON c.ID = k.ID"
        f" WHERE {'k.TYPE & 15' if acting else '1'} AND {part('k.REF_NAME', 1)} = %s"
        f" AND {part('k.REF_NAME', -1)} IN ({_marks(names)}) ORDER BY k.ID, c.POS"
    )
    return sql, [schema, *sorted(names)]


def _visible_cascades(schema: str, names: set[str]) -> tuple[str, list[Any]]:
    """Return the same question, asked of what the account may see."""
    sql = (
        "SELECT r.CONSTRAINT_NAME, r.CONSTRAINT_SCHEMA, r.TABLE_NAME, k.REFERENCED_TABLE_SCHEMA,"
        " k.REFERENCED_TABLE_NAME, r.DELETE_RULE, r.UPDATE_RULE, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME"
        " FROM information_schema.REFERENTIAL_CONSTRAINTS r JOIN information_schema.KEY_COLUMN_USAGE k"
        " ON k.CONSTRAINT_SCHEMA = r.CONSTRAINT_SCHEMA AND k.CONSTRAINT_NAME = r.CONSTRAINT_NAME"
        " AND k.TABLE_NAME = r.TABLE_NAME"
        " WHERE (r.DELETE_RULE IN ('CASCADE', 'SET NULL') OR r.UPDATE_RULE IN ('CASCADE', 'SET NULL'))"
        f" AND k.REFERENCED_TABLE_SCHEMA = %s AND k.REFERENCED_TABLE_NAME IN ({_marks(names)})"
        " ORDER BY r.CONSTRAINT_SCHEMA, r.CONSTRAINT_NAME, k.ORDINAL_POSITION"
    )
    return sql, [schema, *sorted(names)]


def _restrict(sql: str, column: str, schema: str, names: set[str]) -> tuple[str, list[Any]]:
    """Return `sql` and its parameters, narrowed to `names` unless they are too many for one statement.

    Nor when two differ in case only: MariaDB 10.11 then looks into one of them and forgets the other.
    """
    if len(names) > MOST_NAMES_IN_A_QUERY or len({name.casefold() for name in names}) < len(names):
        return sql, [schema]
    return f"{sql} AND {column} IN ({_marks(names)})", [schema, *sorted(names)]


def _marks(names: Iterable[str]) -> str:
    return ", ".join("%s" for _ in names)


def _by_schema(names: Iterable[ObjectName]) -> Iterator[tuple[str, set[str]]]:
    found: dict[str, set[str]] = {}
    for schema, name in names:
        found.setdefault(schema, set()).add(name)
    yield from found.items()
