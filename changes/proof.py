"""Proof, before anyone approves, that each schema change of a ticket can be undone: it is done and undone on empty
likes of its tables, and the definitions are compared.

Row changes are not played: they change no definition, and their own undo is proven row by row when it runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import MySQLdb

from backups.errors import DefinitionError
from backups.rollback.alter import NoInverseError
from backups.rollback.column_types import parse_type
from backups.rollback.ddl import (
    Definitions,
    SchemaChange,
    build_inverse,
    compare_definitions,
    digest,
    find_narrowed,
    find_stuck,
    move_change,
)
from backups.rollback.definitions import ObjectName, TableDefinition
from backups.rollback.kept import KeptTable
from backups.rollback.literals import fold_name
from backups.rollback_session import SCHEMA_CHANGE_MODE
from changes import effort, keeping, kept_data, proof_server, targets
from changes.alter_clauses import EVERY_TEXT
from changes.ddl_undo import build_change, find_loss_by_text, label, list_names, mark
from changes.definitions import parse_definitions
from changes.fragile_values import find_fragile
from changes.lexer import SplitError
from changes.proof_server import NoProofError
from changes.requalify import requalify_all
from changes.reserved import KEPT_PREFIX
from changes.scratch import Originals, Scratch, open_scratch, read_originals
from changes.server_facts import ServerFacts
from changes.statements import Statement, check_statements

logger = logging.getLogger(__name__)

KEPT_SCHEMA = f"{KEPT_PREFIX}…"
"""Stands for the schema that an execution makes for what a statement would destroy."""


class ProofState(StrEnum):
    PROVEN = "proven"  # undone on the scratch copy, and all was as before
    UNPROVEN = "unproven"  # not tried, or not as before: `reason` says why
    LOST = "lost"  # no way back: `reason` says what is lost


@dataclass(frozen=True, slots=True)
class StatementProof:
    """What is known of the way back from one schema change.

    undo: the statements that undid it, in an order that descending id replays; none when it changes nothing.
    keeps: what it would destroy is set aside first; keeps_columns: of these, columns that stay, under another type.
    seen: name to digest of the tables and views as they were on the target, where no statement before has changed them.
    algorithm: how the server makes the change, in words; "" when it is not known.
    shape: its one table before and after it; None for a change of several, or of none.
    """

    state: ProofState
    reason: str = ""
    undo: tuple[str, ...] = ()
    keeps: bool = False
    keeps_columns: tuple[str, ...] = ()
    algorithm: str = ""
    shape: tuple[TableDefinition, TableDefinition] | None = None
    seen: Mapping[str, str] = field(default_factory=dict)


def prove(
    connection: Any, facts: ServerFacts, statements: Sequence[Statement], schema_name: str, *, most_copied_mib: int
) -> dict[int, StatementProof]:
    """Return the proof of each schema change by the number of its statement. Runs nothing on the target.

    connection: to the target. most_copied_mib: as keeping.Request has it.
    Raises MySQLdb.Error when the target stops answering.
    """
    changing = [statement for statement in statements if statement.facts is not None]
    if not changing:
        return {}
    names = {name for statement in changing for name in _mentioned(statement, schema_name)}
    target = _Target(connection, facts, schema_name, most_copied_mib)
    try:
        originals = _read_originals(connection, schema_name, names)
        target.definitions = parse_definitions(originals.objects)
        with proof_server.connected(facts.flavor) as other, open_scratch(other, originals) as scratch:
            return _Play(scratch, target).run(changing)
    except (NoProofError, DefinitionError, SplitError) as error:
        reason = str(error).rstrip(".")
    except MySQLdb.Error as error:
        if _answers(connection):
            reason = "the server for proofs answered {}: {}".format(*targets.error_of(error))
        else:
            raise
    return {statement.number: target.without_proof(statement, reason) for statement in changing}


def _read_originals(connection: Any, schema_name: str, names: set[ObjectName]) -> Originals:
    """Raises NoProofError where the account may not read a definition, of another schema's table for example."""
    try:
        return read_originals(connection, schema_name, names)
    except MySQLdb.Error as error:
        if not _answers(connection):
            raise
        raise NoProofError("the target answered {}: {}".format(*targets.error_of(error))) from error


def _answers(connection: Any) -> bool:
    """Whether the target still answers, so that an error was the other server's."""
    with suppress(MySQLdb.Error):
        return bool(targets.read_rows(connection, "SELECT 1"))
    return False


def _find_shape(
    names: Sequence[ObjectName], before: Definitions, after: Definitions
) -> tuple[TableDefinition, TableDefinition] | None:
    if len(names) != 1:
        return None
    old, new = before.get(names[0]), after.get(names[0])
    return (old, new) if isinstance(old, TableDefinition) and isinstance(new, TableDefinition) else None


def _mentioned(statement: Statement, schema_name: str) -> list[ObjectName]:
    return [*list_names(statement, schema_name), *((schema or schema_name, name) for schema, name in statement.tables)]


@dataclass(slots=True)
class _Target:
    """The server that the ticket is for.

    definitions: of the ticket's tables, as far as they could be read. fragile: by statement, what was looked for once.
    """

    connection: Any
    facts: ServerFacts
    schema_name: str
    most_copied_mib: int
    definitions: Definitions = field(default_factory=dict)
    fragile: dict[int, Mapping[ObjectName, tuple[str, ...]]] = field(default_factory=dict)

    def plan_keeping(
        self, statement: Statement, before: Definitions, changed: Iterable[str] = ()
    ) -> tuple[tuple[KeptTable, ...], str]:
        """Return what is set aside before `statement`, and why that cannot be, "" when it can.

        changed: columns that stay, under a type that may not hold every value.
        """
        request = keeping.Request(self.facts, statement, self.schema_name, KEPT_SCHEMA, self.most_copied_mib)
        tables, obstacle = keeping.plan(request, before, changed)
        obstacle = obstacle or keeping.find_obstacle(self.connection, request, tables, before)
        return (() if obstacle else tables), obstacle

    def find_fragile(self, statement: Statement) -> Mapping[ObjectName, tuple[str, ...]]:
        """Return what fragile_values.find_fragile says: it may read whole tables, so it is asked once."""
        if statement.number not in self.fragile:
            names = list_names(statement, self.schema_name)
            definitions = {name: self.definitions.get(name) for name in names}
            self.fragile[statement.number] = find_fragile(self.connection, statement, definitions, self.facts.sql_mode)
        return self.fragile[statement.number]

    def without_proof(self, statement: Statement, reason: str) -> StatementProof:
        """Say what is known without a try: what the text alone tells, and what it leaves open, counts as lost."""
        names = list_names(statement, self.schema_name)
        before = {name: self.definitions.get(name) for name in names}
        changed = _list_redefined(statement, before)
        lost = find_loss_by_text(statement)
        if not lost and changed:
            lost = f"it may not hold every value of column {', '.join(changed)} under the new type"
        if not lost:
            return StatementProof(ProofState.UNPROVEN, reason)
        kept, obstacle = self.plan_keeping(statement, before, changed)
        if kept and set(changed) <= set(kept[0].columns) and not _has_documents(kept[0], before):
            return StatementProof(ProofState.UNPROVEN, reason, keeps=True, keeps_columns=kept[0].changed)
        lost = f"{lost}, and cannot be set aside: {obstacle}" if obstacle else lost
        return StatementProof(ProofState.LOST, f"{lost}; not tried: {reason}")


def _has_documents(kept: KeptTable, before: Definitions) -> bool:
    """Whether a column that may get another type is MySQL's JSON, which not every value can become again."""
    table = before[kept.schema_name, kept.table_name]
    assert isinstance(table, TableDefinition)
    kinds = {column.name: parse_type(column, "") for column in table.columns}
    return any((kind := kinds[name]) is None or kind.base == "json" for name in kept.changed)


def _list_redefined(statement: Statement, before: Definitions) -> tuple[str, ...]:
    """Return the columns whose type an ALTER TABLE may change, those too that its table does not have yet."""
    assert statement.facts is not None
    named = [clause.redefines for clause in statement.facts.clauses if clause.redefines]
    table = next((table for table in before.values() if isinstance(table, TableDefinition)), None)
    if table is None:
        return tuple(named)
    there = {fold_name(column.name) for column in table.columns} | {EVERY_TEXT}
    unknown = [name for name in named if fold_name(name) not in there]
    return (*keeping.find_redefined(statement, table), *unknown)


def _find_in_all(
    change: SchemaChange, find: Callable[[TableDefinition, TableDefinition, SchemaChange], list[str]]
) -> list[str]:
    """Return the columns that `find` names, of every table that is there before and after."""
    found, names = list[str](), dict(change.renames)
    for name, before in change.before.items():
        after = change.after.get(names.get(name, name))
        if isinstance(before, TableDefinition) and isinstance(after, TableDefinition):
            found += find(before, after, change)
    return found


@dataclass(slots=True)
class _Play:
    """The ticket's schema changes, one after the other, on a scratch schema.

    touched: what statements so far have changed: those that come then do not find it as it is on the target now.
    """

    scratch: Scratch
    target: _Target
    stopped: str = ""
    touched: set[ObjectName] = field(default_factory=set)

    def run(self, statements: Sequence[Statement]) -> dict[int, StatementProof]:
        found = {}
        for statement in statements:
            seen = self._digest_untouched(statement)
            found[statement.number] = replace(self._prove(statement), seen=seen)
            if self.stopped:
                break
        return {
            statement.number: found.get(statement.number) or self.target.without_proof(statement, self.stopped)
            for statement in statements
        }

    def _digest_untouched(self, statement: Statement) -> dict[str, str]:
        schema_name = self.target.schema_name
        names = [name for name in list_names(statement, schema_name) if name not in self.touched]
        fragile = self.target.find_fragile(statement)
        definitions = self.target.definitions
        return {label(name, schema_name): mark(definitions.get(name), fragile.get(name, ())) for name in names}

    def _prove(self, statement: Statement) -> StatementProof:
        try:
            return self._do_and_undo(statement)
        except MySQLdb.Error as error:
            number, text = targets.error_of(error)
            self.stopped = f"statement {statement.number + 1} before it could not be tried"
            return self.target.without_proof(
                statement, f"on empty tables like these the server answers {number}: {text}"
            )
        except (DefinitionError, NoProofError, NoInverseError, SplitError) as error:
            self.stopped = f"statement {statement.number + 1} before it could not be tried"
            return self.target.without_proof(statement, str(error).rstrip("."))

    def _do_and_undo(self, statement: Statement) -> StatementProof:
        sql = self._to_scratch(statement)
        before = self.scratch.read()
        names = list_names(statement, self.target.schema_name)
        kept, obstacle = self.target.plan_keeping(statement, {name: before.get(name) for name in names})
        change, after = self._play(statement, sql, kept, before)
        narrowed, stuck = _find_in_all(change, find_narrowed), _find_in_all(change, find_stuck)
        if stuck:
            kept, obstacle = (
                (),
                f"what becomes of column {stuck[0]} may be no value of its old type, which it would need",
            )
        elif narrowed:
            # What its types do to values is known only now: begin anew, with these set aside as well.
            kept, obstacle = self.target.plan_keeping(statement, change.before, narrowed)
            if kept:
                self.scratch.make_again(before, names)
                change, after = self._play(statement, sql, kept, before)
        # Children of a table that is renamed change with it.
        touched = [name for name in {*before, *after} if digest(before.get(name)) != digest(after.get(name))]
        self.touched.update(names, touched)
        inverse = build_inverse(change)
        if inverse.missing:
            lost = inverse.missing.removeprefix("cannot be undone: ").rstrip(".")
            return StatementProof(ProofState.LOST, f"{lost}, and cannot be set aside: {obstacle}" if obstacle else lost)
        if not inverse.statements:
            difference = compare_definitions(after, before)
            state = ProofState.UNPROVEN if difference else ProofState.PROVEN
            return StatementProof(state, f"it also changes this: {difference}" if difference else "")
        problem = self._undo(inverse.statements, before)
        if not problem:
            _, again = self._play(statement, sql, kept, before)
            problem = compare_definitions(again, after)
            if problem:
                self.stopped = f"statement {statement.number + 1} before it does not do the same twice"
                problem = ""
        else:
            self.stopped = f"the way back of statement {statement.number + 1} before it did not work"
        state = ProofState.UNPROVEN if problem else ProofState.PROVEN
        algorithm = "" if problem or self.stopped else self._ask_algorithm(statement, sql, inverse.statements, after)
        columns = kept[0].changed if kept else ()
        return StatementProof(
            state,
            problem,
            inverse.statements,
            keeps=bool(kept),
            keeps_columns=columns,
            algorithm=algorithm,
            shape=_find_shape(names, before, after),
        )

    def _play(
        self, statement: Statement, sql: str, kept: tuple[KeptTable, ...], before: Definitions
    ) -> tuple[SchemaChange, Definitions]:
        """Run a statement as the execution does. Returns what it did, and all definitions after it."""
        connection, mode = self.scratch.connection, self.target.facts.sql_mode
        names = list_names(statement, self.target.schema_name)
        try:
            self._run_as_ticket(sql, kept, before)
        finally:
            kept_data.release(connection)
        after = self.scratch.read()
        change = build_change(
            statement,
            self.target.schema_name,
            before={name: before.get(name) for name in names},
            after={name: after.get(name) for name in names},
            sql_mode=mode,
            kept=kept,
            fragile=self.target.find_fragile(statement),
        )
        here = [self.scratch.place(one) for one in kept]
        kept_data.make_guards(connection, move_change(change, here), mode, is_locked=True)
        return change, after

    def _ask_algorithm(self, statement: Statement, sql: str, undo: Sequence[str], after: Definitions) -> str:
        """Undo the statement once more, and let the server choose how to make it again."""
        if statement.kind not in effort.KINDS or not undo:
            return ""
        if self._undo(undo, {}, compare=False):
            self.stopped = f"statement {statement.number + 1} before it could not be tried again"
            return ""
        targets.read_rows(self.scratch.connection, "SET SESSION sql_mode = %s", (self.target.facts.sql_mode,))
        made, algorithm = effort.ask_algorithm(statement, sql, self.scratch.run)
        if not made:
            self.scratch.run(sql)
        if compare_definitions(self.scratch.read(), after):
            self.stopped = f"statement {statement.number + 1} before it does not do the same twice"
        return algorithm

    def _to_scratch(self, statement: Statement) -> str:
        """Return the statement's text for the scratch schema, and see that it names no other. Raises NoProofError."""
        facts = self.target.facts
        names = self.scratch.names
        sql = requalify_all(
            statement.text,
            names,
            ansi_quotes=facts.ansi_quotes,
            no_backslash_escapes=facts.no_backslash_escapes,
        )
        checked = check_statements(
            sql,
            self.scratch.name,
            len(sql.encode()) + 1,
            ansi_quotes=facts.ansi_quotes,
            no_backslash_escapes=facts.no_backslash_escapes,
            scratch=frozenset(names.values()),
        )
        if checked.errors or len(checked.statements) != 1 or checked.statements[0].kind is not statement.kind:
            raise NoProofError("it could not be written for a scratch schema")
        if not set(checked.statements[0].list_other_schemas(self.scratch.name)) <= set(names.values()):
            raise NoProofError("it names a schema for which there is no scratch schema")
        return sql

    def _run_as_ticket(self, sql: str, kept: Sequence[KeptTable], before: Definitions) -> None:
        """Run a statement as the execution does, with what it would destroy set aside first."""
        connection, names = self.scratch.connection, self.scratch.names
        targets.read_rows(connection, "SET SESSION sql_mode = %s", (self.target.facts.sql_mode,))
        self.scratch.drop_kept()
        here = {(names[schema], table): definition for (schema, table), definition in before.items()}
        kept_data.set_aside(connection, [self.scratch.place(one) for one in kept], here)
        self.scratch.run(sql)

    def _undo(self, statements: Sequence[str], before: Definitions, *, compare: bool = True) -> str:
        """Run the inverse as a rollback does. Returns what is not as it was, "" when all is."""
        self.scratch.run(f"SET SESSION sql_mode = '{SCHEMA_CHANGE_MODE}'")
        for text in reversed(statements):
            try:
                self.scratch.run(self.scratch.to_scratch(text, KEPT_SCHEMA).rstrip(";"))
            except MySQLdb.Error as error:
                kept_data.release(self.scratch.connection)
                return "its inverse is answered by {}: {}".format(*targets.error_of(error))
        difference = compare_definitions(self.scratch.read(), before) if compare else ""
        return f"after the way back {difference}" if difference else ""
