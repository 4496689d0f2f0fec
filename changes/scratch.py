"""A schema on the server for proofs that holds empty tables like those of a ticket, for as long as it is looked at."""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import MySQLdb

from backups.rollback.alter import NoInverseError, build_default_drops
from backups.rollback.databases import DatabaseDefinition
from backups.rollback.ddl import Definitions, compare_definitions, remake_view
from backups.rollback.definitions import ObjectName, TableDefinition, ViewDefinition
from backups.rollback.kept import STAND_IN, KeptTable
from backups.rollback.literals import quote_identifier
from backups.snapshot import find_names
from changes import proof_server, targets
from changes.definitions import RecordedDefinition, parse_definitions, plain_session, read_definitions
from changes.forced_keys import tables_as_written
from changes.proof_server import NoProofError
from changes.requalify import requalify, requalify_all
from changes.reserved import PROOF_PREFIX, is_system

logger = logging.getLogger(__name__)

LEFTOVER_SECONDS = 3600
MOST_OBJECTS = 200
KEPT = "_k"
"""Behind a scratch schema's name: where what its statements would destroy is set aside."""
BESIDE = "_o"
"""Behind a scratch schema's name, with a number: what stands for another schema than the ticket's."""
_NAME = re.compile(PROOF_PREFIX + r"(\d{10})_[0-9a-f]{8}" + rf"(?:{KEPT}(?:{STAND_IN})?|{BESIDE}\d+)?")
_PARENT = re.compile(r"REFERENCES `((?:[^`]|``)+)`(?:\.`((?:[^`]|``)+)`)? \(")
_QUALIFIED = re.compile(r"`((?:[^`]|``)+)`\.`((?:[^`]|``)+)`")
_OUTSIDE = re.compile(r"(?:DATA|INDEX) DIRECTORY ?=")
_ENGINES = frozenset({"InnoDB", "MyISAM", "Aria", "MEMORY", "ARCHIVE"})
_LIKE_TARGET = (
    "sql_mode",
    "explicit_defaults_for_timestamp",
    "innodb_strict_mode",
    "default_storage_engine",
    "sql_generate_invisible_primary_key",
    "default_collation_for_utf8mb4",
    "character_set_collations",
    "sql_require_primary_key",
    "restrict_fk_on_non_standard_key",
    "old_mode",
    "alter_algorithm",
)
"""What of the target's settings decides what table a statement makes; those a flavor does not have are left out."""


@dataclass(frozen=True, slots=True)
class Originals:
    """What of the target a ticket is about, and what decides how new tables look there.

    schema: the ticket's. objects: tables and views, and the schemas themselves as far as they are there.
    schemas: the names of all that objects are of, or will be; the ticket's first.
    """

    schema: str
    schemas: tuple[str, ...]
    objects: tuple[RecordedDefinition, ...]
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Scratch:
    """Schemas that stand for those of the target. connection: its session is the one of a ticket on the target.

    names: of the scratch schemas by those of the originals; the ticket's first.
    """

    connection: Any
    names: Mapping[str, str]

    @property
    def name(self) -> str:
        """The scratch schema that stands for the ticket's."""
        return next(iter(self.names.values()))

    @property
    def originals(self) -> dict[str, str]:
        return {scratch: original for original, scratch in self.names.items()}

    def run(self, sql: str) -> None:
        targets.read_rows(self.connection, sql)

    def read(self) -> Definitions:
        """Return the definition of the scratch schemas and everything in them, by the names of the originals."""
        schemas = list(self.originals)
        question = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN %s"
        names = [(name, "") for (name,) in targets.read_rows(self.connection, question, (schemas,))]
        question = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA IN %s"
        found = read_definitions(
            self.connection, sorted([*names, *targets.read_rows(self.connection, question, (schemas,))])
        )
        return parse_definitions([move(one, self.originals) for one in found])

    def to_scratch(self, sql: str, kept_schema: str) -> str:
        """Return a statement of ours, in the session of a rollback, for the scratch schemas."""
        return requalify(requalify_all(sql, self.names), kept_schema, f"{self.name}{KEPT}")

    def place(self, kept: KeptTable) -> KeptTable:
        """Return what is kept of a table as it is kept here."""
        return replace(kept, schema_name=self.names[kept.schema_name], kept_schema=f"{self.name}{KEPT}")

    def make_again(self, wanted: Definitions, names: Iterable[ObjectName]) -> None:
        """Make tables as they were. Raises NoProofError when they do not come out so."""
        with plain_session(self.connection), tables_as_written(self.connection):
            self.run("SET SESSION foreign_key_checks = 0")
            for schema, name in names:
                here = quote_identifier(self.names[schema])
                self.run(f"DROP TABLE IF EXISTS {here}.{quote_identifier(name)}")
                if isinstance(table := wanted.get((schema, name)), TableDefinition):
                    self.run(f"USE {here}")
                    self.run(requalify_all(table.text, self.names))
                    for sql in build_default_drops(table.columns, quote_identifier(name)):
                        self.run(sql.rstrip(";"))
            self.run("SET SESSION foreign_key_checks = 1")
            self.run(f"USE {quote_identifier(self.name)}")
        if difference := compare_definitions(self.read(), wanted):
            raise NoProofError(f"the server for proofs makes another table of the same definition: {difference}")

    def drop_kept(self) -> None:
        for name in (f"{self.name}{KEPT}{STAND_IN}", f"{self.name}{KEPT}"):
            self.run(f"DROP DATABASE IF EXISTS {quote_identifier(name)}")


def move(one: RecordedDefinition, schemas: Mapping[str, str]) -> RecordedDefinition:
    """Return a definition as it is in schemas of other names; schemas: old to new."""
    if not one.name:
        return replace(one, schema=schemas[one.schema])
    text, body = (requalify_all(text, schemas) for text in (one.text, one.body))
    return replace(one, schema=schemas[one.schema], text=text, body=body)


def read_originals(connection: Any, schema: str, names: Iterable[ObjectName]) -> Originals:
    """Read, on the target, the named objects and all that they hang together with. Raises NoProofError."""
    listed = ", ".join(f"'{name}'" for name in _LIKE_TARGET)
    settings = dict(targets.read_rows(connection, f"SHOW SESSION VARIABLES WHERE Variable_name IN ({listed})"))
    wanted = set(names)
    found = _close_over(connection, schema, {name for name in wanted if name[1]})
    schemas = tuple(dict.fromkeys([schema, *sorted({name[0] for name in {*wanted, *found}})]))
    databases = [one for one in read_definitions(connection, [(name, "") for name in schemas]) if one.text]
    return Originals(schema, schemas, (*databases, *found.values()), settings)


def _close_over(connection: Any, schema: str, names: set[ObjectName]) -> dict[ObjectName, RecordedDefinition]:
    """Add parents and children of foreign keys and the tables of views, until nothing is missing.

    Children are looked for of what is named, and of all tables in the ticket's schema: what others refer to in a schema
    that only holds a parent is none of the ticket's business.
    """
    found: dict[ObjectName, RecordedDefinition] = {}
    named = set(names)
    while names:
        if len(found) + len(names) > MOST_OBJECTS:
            raise NoProofError(f"more than {MOST_OBJECTS} tables hang together with those of the ticket")
        read = read_definitions(connection, sorted(names))
        found.update({(one.schema, one.name): one for one in read})
        following = set(_read_children(connection, {name for name in names if name[0] == schema or name in named}))
        for one in read:
            following |= _find_in_text(one)
        names = _existing(connection, following - set(found))
    return {name: one for name, one in found.items() if one.text}


def _find_in_text(one: RecordedDefinition) -> set[ObjectName]:
    """Return what a definition may name: parents of foreign keys, and what a view reads."""
    if not one.is_view:
        parents = ((match[2] and match[1], match[2] or match[1]) for match in _PARENT.finditer(one.text))
        return {(_unquote(schema) if schema else one.schema, _unquote(table)) for schema, table in parents}
    near = {(one.schema, name) for name in find_names(one.body)[0]}
    return near | {(_unquote(match[1]), _unquote(match[2])) for match in _QUALIFIED.finditer(one.body)}


def _unquote(name: str) -> str:
    return name.replace("``", "`")


def _read_children(connection: Any, names: Iterable[ObjectName]) -> list[ObjectName]:
    question = (
        "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE"
        " WHERE REFERENCED_TABLE_SCHEMA = %s AND REFERENCED_TABLE_NAME = %s"
    )
    return [(row[0], row[1]) for name in names for row in targets.read_rows(connection, question, name)]


def _existing(connection: Any, names: set[ObjectName]) -> set[ObjectName]:
    question = "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
    schemas = {schema for schema, _ in names if not is_system(schema)}
    return {row for schema in schemas for row in targets.read_rows(connection, question, (schema,))} & names


@contextmanager
def open_scratch(connection: Any, originals: Originals) -> Iterator[Scratch]:
    """Make scratch schemas with a like of every original, and drop them whatever happens.

    Raises NoProofError when they do not come out as the originals are.
    """
    sweep(connection)
    name = f"{PROOF_PREFIX}{int(time.time())}_{secrets.token_hex(4)}"
    names = {schema: f"{name}{BESIDE}{number}" if number else name for number, schema in enumerate(originals.schemas)}
    try:
        scratch = Scratch(connection, names)
        _fill(scratch, originals)
        for variable, value in originals.settings.items():
            with contextlib.suppress(MySQLdb.Error):  # the comparison after each step finds what that changes
                targets.read_rows(connection, f"SET SESSION {variable} = %s", (_as_value(value),))
        yield scratch
    finally:
        for one in (*reversed(names.values()), f"{name}{KEPT}", f"{name}{KEPT}{STAND_IN}"):
            _drop(connection, one)


def _as_value(text: str) -> str | int:
    return {"ON": 1, "OFF": 0}.get(text, text)


def _fill(scratch: Scratch, originals: Originals) -> None:
    wanted = parse_definitions(originals.objects)
    for name, definition in wanted.items():
        if isinstance(definition, TableDefinition):
            _check_table(name, definition, wanted)
    tables = [one for one in originals.objects if one.name and not one.is_view]
    with plain_session(scratch.connection), tables_as_written(scratch.connection):
        for (schema, _), definition in wanted.items():
            if isinstance(definition, DatabaseDefinition):
                quoted = quote_identifier(scratch.names[schema])
                scratch.run(f"CREATE DATABASE {quoted} {definition.build_options()}")
        scratch.run("SET SESSION foreign_key_checks = 0")
        for one in tables:
            moved = move(one, scratch.names)
            scratch.run(f"USE {quote_identifier(moved.schema)}")
            scratch.run(moved.text)
            table = wanted[one.schema, one.name]
            assert isinstance(table, TableDefinition)
            for sql in build_default_drops(table.columns, quote_identifier(one.name)):
                scratch.run(sql.rstrip(";"))
        scratch.run("SET SESSION foreign_key_checks = 1")
        scratch.run(f"USE {quote_identifier(scratch.name)}")
        _make_views(scratch, [one for one in originals.objects if one.is_view])
    if difference := compare_definitions(scratch.read(), wanted):
        raise NoProofError(f"the server for proofs makes another table of the same definition: {difference}")


def _make_views(scratch: Scratch, views: list[RecordedDefinition]) -> None:
    """Make views in any order in which each finds what it reads."""
    while views:
        left: list[RecordedDefinition] = []
        problem = ""
        for one in views:
            recorded = move(one, scratch.names)
            moved = recorded.parse()
            try:
                assert isinstance(moved, ViewDefinition)
                for text in remake_view(recorded.schema, moved, is_there=False):
                    scratch.run(text.rstrip(";"))
            except NoInverseError as error:
                raise NoProofError(str(error)) from error
            except MySQLdb.Error as error:
                left.append(one)
                problem = "{}: {}".format(*targets.error_of(error))
        if len(left) == len(views):
            raise NoProofError(f"the view {left[0].name} could not be made on the server for proofs ({problem})")
        views = left


def _check_table(name: ObjectName, table: TableDefinition, wanted: Definitions) -> None:
    """Raise NoProofError for a table whose like would reach outside of the scratch schemas."""
    for match in _PARENT.finditer(table.text):
        parent = (_unquote(match[1]), _unquote(match[2] or ""))
        if match[2] and wanted.get(parent) is None:
            raise NoProofError(
                f"{name[1]} has a foreign key to {'.'.join(parent)} in another schema, which the account may not see"
            )
    engine = dict(table.options).get("ENGINE", "")
    if engine not in _ENGINES or _OUTSIDE.search(table.text):
        raise NoProofError(f"{name[1]} has its rows elsewhere (engine {engine}), so that no like of it is made")


def sweep(connection: Any) -> list[str]:
    """Drop scratch schemas that a worker left behind when it died. Returns their names."""
    question = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE %s"
    pattern = PROOF_PREFIX.replace("_", r"\_") + "%"
    swept = []
    for (name,) in targets.read_rows(connection, question, (pattern,)):
        match = _NAME.fullmatch(name)
        if match is not None and int(match[1]) < time.time() - LEFTOVER_SECONDS:
            _drop(connection, name)
            swept.append(name)
    return swept


_NO_CHECKS = "SET SESSION foreign_key_checks = 0"


def _drop(connection: Any, name: str) -> None:
    """Drop a scratch schema, over a new connection when this one is lost in the middle of something."""
    sql = f"DROP DATABASE IF EXISTS {quote_identifier(name)}"
    try:
        targets.read_rows(connection, _NO_CHECKS)  # a table of another scratch schema may refer to it
        targets.read_rows(connection, sql)
        return
    except MySQLdb.Error:
        logger.warning("scratch=%s state=connection_lost", name)
    try:
        with contextlib.closing(targets.connect(proof_server.address())) as other:
            with contextlib.suppress(MySQLdb.Error):
                targets.read_rows(other, f"KILL {int(connection.thread_id())}")
            targets.read_rows(other, _NO_CHECKS)
            targets.read_rows(other, sql)
    except (MySQLdb.Error, targets.TargetError) as error:
        # It is empty, and the next proof sweeps it away.
        logger.error("scratch=%s state=left_behind error=%s", name, error)
