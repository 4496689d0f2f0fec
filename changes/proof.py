"""Proof, before anyone approves, that each schema change of a ticket can be undone: it is done and undone on empty
likes of its tables, and the definitions are compared.

Row changes are not played: they change no definition, and their own undo is proven row by row when it runs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import MySQLdb

from backups.errors import DefinitionError
from backups.restore import SCHEMA_CHANGE_MODE
from backups.rollback.ddl import Definitions, build_inverse, compare_definitions
from changes import proof_server, targets
from changes.ddl_undo import build_change, find_loss_by_text, list_names
from changes.lexer import SplitError
from changes.proof_server import NoProofError
from changes.requalify import requalify
from changes.scratch import Scratch, open_scratch, read_originals
from changes.server_facts import ServerFacts
from changes.statements import Statement, check_statements

logger = logging.getLogger(__name__)


class ProofState(StrEnum):
    PROVEN = "proven"  # undone on the scratch copy, and all was as before
    UNPROVEN = "unproven"  # not tried, or not as before: `reason` says why
    LOST = "lost"  # no way back: `reason` says what is lost


@dataclass(frozen=True, slots=True)
class StatementProof:
    """What is known of the way back from one schema change.

    undo: the statements that undid it, in an order that descending id replays; none when it changes nothing.
    """

    state: ProofState
    reason: str = ""
    undo: tuple[str, ...] = ()


def prove(
    connection: Any, facts: ServerFacts, statements: Sequence[Statement], schema_name: str
) -> dict[int, StatementProof]:
    """Return the proof of each schema change by the number of its statement. Runs nothing on the target.

    connection: to the target. Raises MySQLdb.Error when the target stops answering.
    """
    changing = [statement for statement in statements if statement.facts is not None]
    if not changing:
        return {}
    names = {name for statement in changing for name in _mentioned(statement, schema_name)}
    try:
        originals = read_originals(connection, schema_name, names)
        with proof_server.connected(facts.flavor) as other, open_scratch(other, originals) as scratch:
            return _Play(scratch, facts, schema_name).run(changing)
    except (NoProofError, DefinitionError, SplitError) as error:
        reason = str(error).rstrip(".")
    except MySQLdb.Error as error:
        if _answers(connection):
            reason = "the server for proofs answered {}: {}".format(*targets.error_of(error))
        else:
            raise
    return {statement.number: _without_proof(statement, reason) for statement in changing}


def _answers(connection: Any) -> bool:
    """Whether the target still answers, so that an error was the other server's."""
    with suppress(MySQLdb.Error):
        return bool(targets.read_rows(connection, "SELECT 1"))
    return False


def _mentioned(statement: Statement, schema_name: str) -> list[str]:
    named = [*list_names(statement, schema_name), *((schema or schema_name, name) for schema, name in statement.tables)]
    return [name for schema, name in named if schema == schema_name]


def _without_proof(statement: Statement, reason: str) -> StatementProof:
    if lost := find_loss_by_text(statement):
        return StatementProof(ProofState.LOST, lost)
    return StatementProof(ProofState.UNPROVEN, reason)


@dataclass(slots=True)
class _Play:
    """The ticket's schema changes, one after the other, on a scratch schema."""

    scratch: Scratch
    facts: ServerFacts
    schema_name: str
    stopped: str = ""

    def run(self, statements: Sequence[Statement]) -> dict[int, StatementProof]:
        found = {}
        for statement in statements:
            found[statement.number] = self._prove(statement)
            if self.stopped:
                break
        return {
            statement.number: found.get(statement.number) or _without_proof(statement, self.stopped)
            for statement in statements
        }

    def _prove(self, statement: Statement) -> StatementProof:
        try:
            return self._do_and_undo(statement)
        except MySQLdb.Error as error:
            number, text = targets.error_of(error)
            self.stopped = f"statement {statement.number + 1} before it could not be tried"
            return _without_proof(statement, f"on empty tables like these the server answers {number}: {text}")
        except (DefinitionError, NoProofError, SplitError) as error:
            self.stopped = f"statement {statement.number + 1} before it could not be tried"
            return _without_proof(statement, str(error).rstrip("."))

    def _do_and_undo(self, statement: Statement) -> StatementProof:
        sql = self._to_scratch(statement)
        before = self.scratch.read()
        self._run_as_ticket(sql)
        after = self.scratch.read()
        names = list_names(statement, self.schema_name)
        change = build_change(
            statement,
            self.schema_name,
            before={name: before.get(name) for name in names},
            after={name: after.get(name) for name in names},
            sql_mode=self.facts.sql_mode,
        )
        inverse = build_inverse(change)
        if inverse.missing:
            return StatementProof(ProofState.LOST, inverse.missing.removeprefix("cannot be undone: ").rstrip("."))
        if not inverse.statements:
            difference = compare_definitions(after, before)
            state = ProofState.UNPROVEN if difference else ProofState.PROVEN
            return StatementProof(state, f"it also changes this: {difference}" if difference else "")
        problem = self._undo(inverse.statements, before)
        if not problem:
            self._run_as_ticket(sql)
            problem = compare_definitions(self.scratch.read(), after)
            if problem:
                self.stopped = f"statement {statement.number + 1} before it does not do the same twice"
                problem = ""
        else:
            self.stopped = f"the way back of statement {statement.number + 1} before it did not work"
        return StatementProof(ProofState.UNPROVEN if problem else ProofState.PROVEN, problem, inverse.statements)

    def _to_scratch(self, statement: Statement) -> str:
        """Return the statement's text for the scratch schema, and see that it names no other. Raises NoProofError."""
        quotes = {"ansi_quotes": self.facts.ansi_quotes, "no_backslash_escapes": self.facts.no_backslash_escapes}
        sql = requalify(statement.text, self.schema_name, self.scratch.name, **quotes)
        checked = check_statements(sql, self.scratch.name, len(sql.encode()) + 1, **quotes)
        if checked.errors or len(checked.statements) != 1 or checked.statements[0].kind is not statement.kind:
            raise NoProofError("it could not be written for a scratch schema")
        return sql

    def _run_as_ticket(self, sql: str) -> None:
        targets.read_rows(self.scratch.connection, "SET SESSION sql_mode = %s", (self.facts.sql_mode,))
        self.scratch.run(sql)

    def _undo(self, statements: Sequence[str], before: Definitions) -> str:
        """Run the inverse as a rollback does. Returns what is not as it was, "" when all is."""
        self.scratch.run(f"SET SESSION sql_mode = '{SCHEMA_CHANGE_MODE}'")
        for text in reversed(statements):
            try:
                self.scratch.run(self.scratch.to_scratch(text).rstrip(";"))
            except MySQLdb.Error as error:
                return "its inverse is answered by {}: {}".format(*targets.error_of(error))
        difference = compare_definitions(self.scratch.read(), before)
        return f"after the way back {difference}" if difference else ""
