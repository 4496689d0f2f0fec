"""A schema on the server for proofs that holds empty tables like those of a ticket, for as long as it is looked at."""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import MySQLdb

from backups.rollback.ddl import Definitions, ObjectName, compare_definitions
from backups.rollback.definitions import TableDefinition, ViewDefinition
from backups.rollback.kept import STAND_IN, KeptTable
from backups.rollback.literals import quote_identifier
from backups.snapshot import find_names
from changes import proof_server, targets
from changes.definitions import RecordedDefinition, parse_definitions, plain_session, read_definitions
from changes.proof_server import PREFIX, NoProofError
from changes.requalify import requalify

logger = logging.getLogger(__name__)

LEFTOVER_SECONDS = 3600
MOST_OBJECTS = 200
KEPT = "_k"
"""Behind a scratch schema's name: where what its statements would destroy is set aside."""
_NAME = re.compile(PREFIX + r"(\d{10})_[0-9a-f]{8}" + f"(?:{KEPT}(?:{STAND_IN})?)?")
_PARENT = re.compile(r"REFERENCES `((?:[^`]|``)+)`(?:\.`((?:[^`]|``)+)`)? \(")
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
)
"""What of the target's settings decides what table a statement makes; those a flavor does not have are left out."""


@dataclass(frozen=True, slots=True)
class Originals:
    """The tables and views of the target that a ticket is about, and what decides how new ones look there."""

    schema: str
    charset: str
    collation: str
    objects: tuple[RecordedDefinition, ...]
    settings: dict[str, str]


@dataclass(frozen=True, slots=True)
class Scratch:
    """name: of the schema. connection: its session is the one of a ticket on the target."""

    connection: Any
    name: str
    original: str

    def run(self, sql: str) -> None:
        targets.read_rows(self.connection, sql)

    def read(self) -> Definitions:
        """Return the definition of everything in the scratch schema, by the names of the original."""
        question = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s ORDER BY TABLE_NAME"
        names = [name for (name,) in targets.read_rows(self.connection, question, (self.name,))]
        found = read_definitions(self.connection, [(self.name, name) for name in names])
        return parse_definitions([_move(one, self.name, self.original) for one in found])

    def to_scratch(self, sql: str, kept_schema: str) -> str:
        """Return a statement of ours, in the session of a rollback, for the scratch schema."""
        return requalify(requalify(sql, self.original, self.name), kept_schema, f"{self.name}{KEPT}")

    def place(self, kept: KeptTable) -> KeptTable:
        """Return what is kept of a table as it is kept here."""
        return replace(kept, schema_name=self.name, kept_schema=f"{self.name}{KEPT}")

    def make_again(self, wanted: Definitions, names: Iterable[ObjectName]) -> None:
        """Make tables as they were. Raises NoProofError when they do not come out so."""
        with plain_session(self.connection):
            self.run("SET SESSION foreign_key_checks = 0")
            for name in names:
                self.run(f"DROP TABLE IF EXISTS {quote_identifier(self.name)}.{quote_identifier(name[1])}")
                if isinstance(table := wanted.get(name), TableDefinition):
                    self.run(requalify(table.text, self.original, self.name))
            self.run("SET SESSION foreign_key_checks = 1")
        if difference := compare_definitions(self.read(), wanted):
            raise NoProofError(f"the server for proofs makes another table of the same definition: {difference}")

    def drop_kept(self) -> None:
        for name in (f"{self.name}{KEPT}{STAND_IN}", f"{self.name}{KEPT}"):
            self.run(f"DROP DATABASE IF EXISTS {quote_identifier(name)}")


def read_originals(connection: Any, schema: str, names: Iterable[str]) -> Originals:
    """Read, on the target, the named objects and all that they hang together with. Raises NoProofError."""
    ((charset, collation),) = targets.read_rows(
        connection,
        "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
        " WHERE SCHEMA_NAME = %s",
        (schema,),
    )
    listed = ", ".join(f"'{name}'" for name in _LIKE_TARGET)
    settings = dict(targets.read_rows(connection, f"SHOW SESSION VARIABLES WHERE Variable_name IN ({listed})"))
    found = _close_over(connection, schema, set(names))
    return Originals(schema, charset, collation, tuple(found.values()), settings)


def _close_over(connection: Any, schema: str, names: set[str]) -> dict[str, RecordedDefinition]:
    """Add parents and children of foreign keys and the tables of views, until nothing is missing."""
    found: dict[str, RecordedDefinition] = {}
    while names:
        if len(found) + len(names) > MOST_OBJECTS:
            raise NoProofError(f"more than {MOST_OBJECTS} tables hang together with those of the ticket")
        read = read_definitions(connection, [(schema, name) for name in sorted(names)])
        found.update({one.name: one for one in read})
        following: set[str] = set(_read_children(connection, schema, names))
        for one in read:
            if one.is_view:
                following |= find_names(one.body)[0]
            following |= {match[1].replace("``", "`") for match in _PARENT.finditer(one.text) if not match[2]}
        names = _existing(connection, schema, following - set(found))
    return {name: one for name, one in found.items() if one.text}


def _read_children(connection: Any, schema: str, names: Iterable[str]) -> list[str]:
    question = (
        "SELECT DISTINCT TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE"
        " WHERE TABLE_SCHEMA = %s AND REFERENCED_TABLE_SCHEMA = %s AND REFERENCED_TABLE_NAME = %s"
    )
    return [row[0] for name in names for row in targets.read_rows(connection, question, (schema, schema, name))]


def _existing(connection: Any, schema: str, names: set[str]) -> set[str]:
    question = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
    return names & {row[0] for row in targets.read_rows(connection, question, (schema,))} if names else set()


@contextmanager
def open_scratch(connection: Any, originals: Originals) -> Iterator[Scratch]:
    """Make a scratch schema with a like of every original, and drop it whatever happens.

    Raises NoProofError when it does not come out as the originals are.
    """
    sweep(connection)
    name = f"{PREFIX}{int(time.time())}_{secrets.token_hex(4)}"
    quoted = quote_identifier(name)
    try:
        targets.read_rows(
            connection, f"CREATE DATABASE {quoted} CHARACTER SET {originals.charset} COLLATE {originals.collation}"
        )
        targets.read_rows(connection, f"USE {quoted}")
        scratch = Scratch(connection, name, originals.schema)
        _fill(scratch, originals)
        for variable, value in originals.settings.items():
            with contextlib.suppress(MySQLdb.Error):  # the comparison after each step finds what that changes
                targets.read_rows(connection, f"SET SESSION {variable} = %s", (_as_value(value),))
        yield scratch
    finally:
        for suffix in ("", KEPT, f"{KEPT}{STAND_IN}"):
            _drop(connection, f"{name}{suffix}")


def _as_value(text: str) -> str | int:
    return {"ON": 1, "OFF": 0}.get(text, text)


def _fill(scratch: Scratch, originals: Originals) -> None:
    wanted = parse_definitions(originals.objects)
    for (_, name), definition in wanted.items():
        if isinstance(definition, TableDefinition):
            _check_table(name, definition)
    tables = [one for one in originals.objects if not one.is_view]
    views = [one for one in originals.objects if one.is_view]
    with plain_session(scratch.connection):
        scratch.run("SET SESSION foreign_key_checks = 0")
        for one in tables:
            scratch.run(requalify(one.text, originals.schema, scratch.name))
        scratch.run("SET SESSION foreign_key_checks = 1")
        _make_views(scratch, views)
    if difference := compare_definitions(scratch.read(), wanted):
        raise NoProofError(f"the server for proofs makes another table of the same definition: {difference}")


def _make_views(scratch: Scratch, views: list[RecordedDefinition]) -> None:
    """Make views in any order in which each finds what it reads."""
    while views:
        left: list[RecordedDefinition] = []
        problem = ""
        for one in views:
            moved = _move(one, scratch.original, scratch.name).parse()
            try:
                assert isinstance(moved, ViewDefinition)
                scratch.run(moved.build_create(scratch.name, or_replace=False))
            except MySQLdb.Error as error:
                left.append(one)
                problem = "{}: {}".format(*targets.error_of(error))
        if len(left) == len(views):
            raise NoProofError(f"the view {left[0].name} could not be made on the server for proofs ({problem})")
        views = left


def _move(one: RecordedDefinition, old: str, new: str) -> RecordedDefinition:
    return RecordedDefinition(new, one.name, requalify(one.text, old, new), requalify(one.body, old, new), one.is_view)


def _check_table(name: str, table: TableDefinition) -> None:
    """Raise NoProofError for a table whose like would reach outside of the scratch schema."""
    if any(match[2] for match in _PARENT.finditer(table.text)):
        raise NoProofError(f"{name} has a foreign key to another schema, which a scratch schema cannot have")
    engine = dict(table.options).get("ENGINE", "")
    if engine not in _ENGINES or _OUTSIDE.search(table.text):
        raise NoProofError(f"{name} has its rows elsewhere (engine {engine}), so that no like of it is made")


def sweep(connection: Any) -> list[str]:
    """Drop scratch schemas that a worker left behind when it died. Returns their names."""
    question = "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE %s"
    pattern = PREFIX.replace("_", r"\_") + "%"
    swept = []
    for (name,) in targets.read_rows(connection, question, (pattern,)):
        match = _NAME.fullmatch(name)
        if match is not None and int(match[1]) < time.time() - LEFTOVER_SECONDS:
            _drop(connection, name)
            swept.append(name)
    return swept


def _drop(connection: Any, name: str) -> None:
    """Drop a scratch schema, over a new connection when this one is lost in the middle of something."""
    sql = f"DROP DATABASE IF EXISTS {quote_identifier(name)}"
    try:
        targets.read_rows(connection, sql)
        return
    except MySQLdb.Error:
        logger.warning("scratch=%s state=connection_lost", name)
    try:
        with contextlib.closing(targets.connect(proof_server.address())) as other:
            with contextlib.suppress(MySQLdb.Error):
                targets.read_rows(other, f"KILL {int(connection.thread_id())}")
            targets.read_rows(other, sql)
    except (MySQLdb.Error, targets.TargetError) as error:
        # It is empty, and the next proof sweeps it away.
        logger.error("scratch=%s state=left_behind error=%s", name, error)
