"""What a statement that reaches beyond the ticket's schema finds there: a schema it makes, a table it moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from backups.rollback.definitions import ObjectName
from backups.schema import INFORMATION_TABLE
from changes.problems import Problem, Severity
from changes.server_facts import ServerFacts
from changes.statements import Statement, StatementKind
from changes.targets import read_rows

_DATABASE_RIGHTS = {
    # The last two let a rollback see whether somebody made routines or events there since.
    StatementKind.CREATE_DATABASE: ("CREATE", "DROP", "EVENT", "EXECUTE"),
    StatementKind.ALTER_DATABASE: ("ALTER",),
}


def list_schemas(statements: Iterable[Statement], schema_name: str) -> tuple[str, ...]:
    """Return the schemas besides the ticket's in which its statements change something."""
    found = (name for statement in statements for name in statement.list_other_schemas(schema_name))
    return tuple(dict.fromkeys(found))


def check(
    connection: Any, server: ServerFacts, statements: Sequence[Statement], schema_name: str, *, backups: str
) -> list[Problem]:
    """Return what speaks against statements about schemas, and what an approver has to know.

    backups: how the names of this target's backup schemas begin. Raises MySQLdb.Error.
    """
    look = _Look(connection, server, schema_name, backups)
    return [problem for statement in statements for problem in look.at(statement)]


@dataclass(slots=True)
class _Look:
    """The server as it is before the ticket, and schemas that its statements have made so far."""

    connection: Any
    server: ServerFacts
    schema_name: str
    backups: str

    def at(self, statement: Statement) -> Iterator[Problem]:
        if statement.facts is None:
            return
        if statement.facts.database is not None:
            yield from self._database(statement, statement.facts.database or self.schema_name)
        for old, new in statement.renames:
            here, there = ((schema or self.schema_name, name) for schema, name in (old, new))
            if here[0] != there[0]:
                yield from self._move(statement, here, there)

    def _database(self, statement: Statement, name: str) -> Iterator[Problem]:
        assert statement.facts is not None
        is_there = self._is_there(name)
        if statement.kind is StatementKind.CREATE_DATABASE and is_there and not statement.facts.if_not_exists:
            yield _problem(
                statement,
                "error",
                "exists",
                f"The schema {name} exists already.",
                "A name that is free.",
                "Choose another name, or write CREATE DATABASE IF NOT EXISTS if the schema is as wanted.",
            )
        if name.startswith(self.backups):
            yield self._is_backup(statement, name)
        for right in _DATABASE_RIGHTS[statement.kind]:
            if not self.server.grants.has_privilege(right, name):
                yield self._lacks(statement, right, name)

    def _lacks(self, statement: Statement, right: str, name: str) -> Problem:
        why = ": without it a rollback could not see what is in the schema" if right in ("EVENT", "EXECUTE") else ""
        return _problem(
            statement,
            "error",
            "privilege",
            f"The account {self.server.account} lacks {right} on the schema {name}{why}.",
            f"The privileges {', '.join(_DATABASE_RIGHTS[statement.kind])} on it.",
            f"Let an administrator GRANT {right} ON `{name}`.* to this account.",
        )

    def _move(self, statement: Statement, old: ObjectName, new: ObjectName) -> Iterator[Problem]:
        other = new[0] if old[0] == self.schema_name else old[0]
        if not self._is_there(other):
            yield _problem(
                statement,
                "error",
                "unknown",
                f"There is no schema {other}, or the account {self.server.account} may not see it.",
                "A schema that exists before the ticket runs.",
                "Check its name, capital letters included; make it in a ticket of its own.",
            )
            return
        if self._keeps_backups(other):
            yield self._is_backup(statement, other)
        yield from self._what_moves(statement, old, new)

    def _what_moves(self, statement: Statement, old: ObjectName, new: ObjectName) -> Iterator[Problem]:
        source, place = ".".join(old), ".".join(new)
        question = "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
        if ("VIEW",) in read_rows(self.connection, question, old):
            yield _problem(
                statement,
                "error",
                "view",
                f"{source} is a view, and no server moves a view to another schema.",
                "A table.",
                "Make the view in the other schema, in a ticket of that schema.",
            )
        if triggers := self._find_triggers(old):
            yield _problem(
                statement,
                "error",
                "triggers",
                f"{source} has triggers ({', '.join(triggers)}), and no server moves such a table to another schema.",
                "A table without triggers.",
                "Have an administrator drop them first, and make them again where the table is then.",
            )
        views = self._find_views(old)
        also = f" Views that read it no longer work, until it is back: {', '.join(views)}." if views else ""
        way = "leaves the ticket's schema" if old[0] == self.schema_name else "comes into the ticket's schema"
        yield _problem(
            statement,
            "warning",
            "moves",
            f"Statement {statement.number + 1} (line {statement.line}) moves {source} to {place}: it {way}.{also}",
            "Rights granted on a schema are not moved with a table; foreign keys that refer to it follow it.",
            "Look who reads it by its old name: accounts, views, routines and events.",
        )

    def _is_backup(self, statement: Statement, name: str) -> Problem:
        return _problem(
            statement,
            "error",
            "backup",
            f"The schema {name} keeps backups of other tickets, or has the name of one that will.",
            "A schema of an application.",
            "Choose another schema.",
        )

    def _is_there(self, schema: str) -> bool:
        question = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
        return bool(read_rows(self.connection, question, (schema,)))

    def _keeps_backups(self, schema: str) -> bool:
        question = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
        return bool(read_rows(self.connection, question, (schema, INFORMATION_TABLE)))

    def _find_triggers(self, name: ObjectName) -> list[str]:
        question = (
            "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS"
            " WHERE EVENT_OBJECT_SCHEMA = %s AND EVENT_OBJECT_TABLE = %s ORDER BY 1"
        )
        return [row[0] for row in read_rows(self.connection, question, name)]

    def _find_views(self, name: ObjectName) -> list[str]:
        """Return the views whose text names a table, as far as the account may see it."""
        quoted = ".".join("`" + part.replace("`", "``") + "`" for part in name)
        question = (
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.VIEWS"
            " WHERE LOCATE(%s, VIEW_DEFINITION) ORDER BY 1, 2"
        )
        return [f"{schema}.{view}" for schema, view in read_rows(self.connection, question, (quoted,))]


def _problem(statement: Statement, severity: Severity, name: str, found: str, needed: str, how: str) -> Problem:
    return Problem(f"schema.{name}", severity, found, needed, how, statement.number, statement.line)
