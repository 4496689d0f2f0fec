"""What a ticket would do, asked before anyone reviews it: of its text, and of the server it is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import MySQLdb
from django.conf import settings
from django.utils import timezone

from backups.binlog.snapshots import Snapshot
from backups.models import BackupSchema
from backups.schema import INFORMATION_TABLE, build_schema_name
from backups.snapshot import read_snapshot
from changes import (
    backup_server,
    effort,
    preflight,
    preflight_schemas,
    preflight_tables,
    preflight_triggers,
    proof,
    targets,
)
from changes.models import ExecutedStatement, Target, Ticket
from changes.preflight import ChecklistItem
from changes.problems import Problem
from changes.proof import ProofState, StatementProof
from changes.server_facts import ServerFacts, ServerIdentity
from changes.statements import CheckResult, Statement, check_statements
from changes.states import TransactionMode
from changes.undo_plan import is_row_change_of

_ORDER = {"error": 0, "warning": 1, "notice": 2}


@dataclass(frozen=True, slots=True)
class InspectedStatement:
    """One statement as the pages show it before it runs.

    undo_state: "rows" (put back row by row), "ddl" (undone by the statements in `undo`, which is proven), "unproven"
        (`undo_note` says why), "none" (cannot be undone, `undo_note` says what is lost) or "off" (the ticket asks for
        no backup).
    keeps: what it would destroy is set aside on the target first; keeps_columns: of these, columns that stay.
    seen: digests of the tables on which its rollback was tried, by name; it runs only while they are the same.
    effort: how the server makes the change and how large its table is, in words; "" when that is not known.
    """

    number: int
    text: str
    kind: str
    line: int
    schema: str
    table: str
    undo: tuple[str, ...]
    undo_note: str
    undo_state: str
    keeps: bool = False
    keeps_columns: tuple[str, ...] = ()
    effort: str = ""
    seen: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"undo": list(self.undo)}


@dataclass(frozen=True, slots=True)
class Inspection:
    """Findings, worst first, and what each statement is.

    one_transaction: how they will run. apart_because: why not in one, when that is not what was asked for.
    schemas: those besides the ticket's in which it changes something; no other ticket runs in them meanwhile.
    """

    problems: tuple[Problem, ...]
    statements: tuple[InspectedStatement, ...] = ()
    server: str = ""
    identity: ServerIdentity | None = None
    one_transaction: bool = False
    apart_because: str = ""
    schemas: tuple[str, ...] = ()
    checked_at: str = field(default_factory=lambda: timezone.now().isoformat(timespec="seconds"))

    @property
    def has_errors(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        return {
            "problems": [problem.to_dict() for problem in self.problems],
            "statements": [statement.to_dict() for statement in self.statements],
            "server": self.server,
            "identity": asdict(self.identity) if self.identity else None,
            "one_transaction": self.one_transaction,
            "apart_because": self.apart_because,
            "schemas": list(self.schemas),
            "checked_at": self.checked_at,
        }


def check_text(ticket: Ticket, facts: ServerFacts | None) -> CheckResult:
    """Split and judge the ticket's SQL as a session on its server reads it; without `facts`, as most servers do."""
    return check_statements(
        ticket.sql,
        ticket.schema_name,
        settings.INCEPTION.site.max_sql_bytes,
        ansi_quotes=facts.ansi_quotes if facts else False,
        no_backslash_escapes=facts.no_backslash_escapes if facts else False,
    )


def inspect(ticket: Ticket) -> Inspection:
    """Ask the ticket's server how it reads SQL and what its tables are, and judge the text by that; runs nothing.

    A server that cannot be asked is an error: what the approver is not told, nobody has approved.
    """
    try:
        with _asking(ticket) as (connection, facts):
            return _inspect_on(connection, facts, ticket)
    except targets.TargetError as error:
        problem = error.problem
    except MySQLdb.Error as error:
        problem = _lost_problem(error)
    checked = check_text(ticket, None)
    problems = [*checked.problems, *_option_problems(ticket), problem]
    return Inspection(_worst_first(problems), tuple(_describe(ticket, statement) for statement in checked.statements))


@contextmanager
def _asking(ticket: Ticket) -> Iterator[tuple[Any, ServerFacts]]:
    connection = targets.connect(ticket.target.address, schema=ticket.schema_name)
    try:
        yield connection, targets.read_facts(connection)
    finally:
        connection.close()


def _inspect_on(connection: Any, facts: ServerFacts, ticket: Ticket) -> Inspection:
    checked = check_text(ticket, facts)
    problems = [*checked.problems, *_option_problems(ticket)]
    problems += preflight.check(facts, backup=ticket.backup, schema_name=ticket.schema_name)
    if ticket.backup:
        problems += [*backup_server.check(), *_name_problems(ticket)]
    problems += _backup_schema_problems(connection, ticket)
    proofs: dict[int, StatementProof] = {}
    together: str | None = "The text has errors."
    if not checked.errors:
        snapshot = _read_snapshot(connection, facts, ticket, checked.statements)
        problems += _table_problems(connection, facts, ticket, checked.statements, snapshot)
        problems += preflight_schemas.check(
            connection,
            facts,
            checked.statements,
            ticket.schema_name,
            backups=build_schema_name(ticket.target.host, ticket.target.port, ""),
        )
        problems += preflight_triggers.check(connection, checked.statements, ticket.schema_name)
        together = why_not_together(checked.statements, snapshot)
        problems += _transaction_problems(ticket, together)
        if ticket.backup and not any(problem.severity == "error" for problem in problems):
            proofs = proof.prove(
                connection,
                facts,
                checked.statements,
                ticket.schema_name,
                most_copied_mib=ticket.target.most_copied_mib,
            )
            problems += _proof_problems(checked.statements, proofs, accepts_loss=ticket.accepts_loss)
    return Inspection(
        _worst_first(problems),
        tuple(
            _describe(
                ticket,
                statement,
                proofs.get(statement.number),
                read_effort(connection, statement, ticket.schema_name, proofs.get(statement.number)),
            )
            for statement in checked.statements
        ),
        str(facts.flavor),
        facts.identity,
        one_transaction=together is None and ticket.transaction_mode != TransactionMode.EACH,
        apart_because="" if ticket.transaction_mode == TransactionMode.EACH else together or "",
        schemas=preflight_schemas.list_schemas(checked.statements, ticket.schema_name),
    )


def why_not_together(statements: Sequence[Statement], snapshot: Snapshot) -> str | None:
    """Return why statements cannot be all in one transaction; None when they can, and when there is only one."""
    if len(statements) < 2:
        return "There is one statement only."
    for statement in statements:
        if not statement.kind.is_row_change:
            return (
                f"Statement {statement.number + 1} ({statement.kind.value}) is no row change: the server commits"
                " before it and after it."
            )
    for table in snapshot.tables:
        if not table.is_sequence and table.engine != "InnoDB":
            return f"The table {table.schema_name}.{table.name} is of the engine {table.engine}."
    return None


def _transaction_problems(ticket: Ticket, reason: str | None) -> list[Problem]:
    if ticket.transaction_mode != TransactionMode.ONE or reason is None:
        return []
    return [
        Problem(
            id="ticket.one_transaction",
            severity="error",
            found=f"The ticket asks for one transaction, which cannot be. {reason}",
            needed="Several row changes, on tables of InnoDB only, for all of them or none.",
            how="Choose another way under Transaction, or make two tickets.",
        )
    ]


def inspect_rollback(chosen: Sequence[ExecutedStatement]) -> Inspection:
    """Describe what a rollback undoes, newest first."""
    tickets = {statement.execution.ticket for statement in chosen}
    statements = [
        InspectedStatement(
            number=statement.seq,
            text=statement.sql,
            kind=statement.kind,
            line=1,
            schema=statement.schema_name,
            table=statement.table_name,
            undo=(),
            undo_note=f"{statement.records_stored} record(s) of {statement.opid_time}",
            undo_state="rows" if is_row_change_of(statement) else "ddl",
        )
        for statement in chosen
    ]
    schemas = {name for ticket in tickets for name in ticket.inspection.get("schemas", ())}
    return Inspection((), tuple(statements), schemas=tuple(sorted(schemas)))


def test_connection(target: Target) -> list[ChecklistItem]:
    """Connect to `target` and return the checklist of the preflight; a failure to connect is its only line."""
    try:
        connection = targets.connect(target.address)
    except targets.TargetError as error:
        return [ChecklistItem("Connection", "fail", str(error.problem))]
    try:
        facts = targets.read_facts(connection)
    except MySQLdb.Error as error:
        return [ChecklistItem("Connection", "fail", str(_lost_problem(error)))]
    finally:
        connection.close()
    Target.objects.filter(pk=target.pk).update(server_version=str(facts.flavor))
    return [
        ChecklistItem("Connection", "ok", f"connected to {target.host}:{target.port}"),
        *preflight.build_checklist(facts),
    ]


def _option_problems(ticket: Ticket) -> list[Problem]:
    if ticket.backup or ticket.no_backup_reason.strip():
        return []
    return [
        Problem(
            id="ticket.no_backup_reason",
            severity="error",
            found="The ticket asks for no backup and gives no reason.",
            needed="A reason that the approver can judge: what runs without backup cannot be rolled back.",
            how="Say why no backup is needed, or switch the backup on.",
        )
    ]


def _backup_schema_problems(connection: Any, ticket: Ticket) -> list[Problem]:
    """Refuse a schema that keeps backups: a ticket must not be able to rewrite what undoes another one."""
    question = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    if not targets.read_rows(connection, question, (ticket.schema_name, INFORMATION_TABLE)):
        return []
    return [
        Problem(
            id="schema.backup",
            severity="error",
            found=f"The schema {ticket.schema_name} keeps backups of other tickets.",
            needed="A schema of an application: what is kept to undo tickets is not changed by tickets.",
            how="Choose another schema.",
        )
    ]


def _name_problems(ticket: Ticket) -> list[Problem]:
    """Say where the backup goes when another schema already has the name that clients of goInception look for."""
    target = ticket.target
    taken = BackupSchema.find_collision(target.pk, target.host, target.port, ticket.schema_name)
    if taken is None:
        return []
    return [
        Problem(
            id="backup.schema_name",
            severity="notice",
            found=f"The backup schema {taken.name} belongs to {taken.host}:{taken.port}, schema {taken.schema_name}.",
            needed="A backup schema of its own: two schemas never share one.",
            how="Nothing to do: this one's name gets a short hash at its end, and the pages find it under Backups.",
        )
    ]


def _read_snapshot(connection: Any, facts: ServerFacts, ticket: Ticket, statements: Sequence[Statement]) -> Snapshot:
    text = "\n".join(statement.text for statement in statements)
    return read_snapshot(connection, ticket.schema_name, text, facts.flavor)


def _table_problems(
    connection: Any, facts: ServerFacts, ticket: Ticket, statements: Sequence[Statement], snapshot: Snapshot
) -> list[Problem]:
    names = preflight_tables.list_tables(statements, ticket.schema_name)
    return preflight_tables.check_tables(
        statements,
        schema_name=ticket.schema_name,
        tables=targets.read_tables(connection, names),
        snapshot=snapshot,
        server=facts,
        backup=ticket.backup,
    )


def _proof_problems(
    statements: Iterable[Statement], proofs: Mapping[int, StatementProof], *, accepts_loss: bool
) -> Iterator[Problem]:
    """What the approver has to know of schema changes whose way back is not certain.

    accepts_loss: the submitter said that what cannot be undone may be lost; without that it is refused.
    """
    for statement in statements:
        found = proofs.get(statement.number)
        if found is None or found.state is ProofState.PROVEN:
            continue
        place = f"Statement {statement.number + 1} (line {statement.line})"
        if found.state is ProofState.LOST:
            yield _loss_problem(statement, f"{place} cannot be undone: {found.reason}.", accepted=accepts_loss)
        else:
            problem_id, words = "rollback.ddl.unproven", f"has a rollback that is not proven: {found.reason}."
            how = "Approve it only if the way back may fail; it is made from the tables' definitions when it has run."
            yield Problem(problem_id, "warning", f"{place} {words}", "", how, statement.number, statement.line)


def _loss_problem(statement: Statement, found: str, *, accepted: bool) -> Problem:
    number, line = statement.number, statement.line
    if accepted:
        how = "Approve it only if nobody will need the way back, or keep a copy first."
        return Problem("rollback.ddl.none", "warning", found, "", how, number, line)
    return Problem(
        "rollback.ddl.none",
        "error",
        found,
        "The submitter's word that this data will be lost.",
        'Tick "This data will be lost" (run_change: --accept-loss), or take the statement out.',
        number,
        line,
    )


def read_effort(connection: Any, statement: Statement, schema_name: str, found: StatementProof | None) -> str:
    """Say how the server makes a change of a table, and how large that is. Raises MySQLdb.Error."""
    if found is None or statement.facts is None or statement.kind not in effort.KINDS:
        return ""
    use = statement.facts.written[0]
    size = effort.read_size(connection, (use.schema or schema_name, use.table))
    return "; ".join(filter(None, (found.algorithm, size)))


def _describe(
    ticket: Ticket, statement: Statement, found: StatementProof | None = None, effort_words: str = ""
) -> InspectedStatement:
    if not ticket.backup:
        state, note = "off", "runs without backup: cannot be rolled back"
    elif statement.kind.is_row_change:
        state, note = "rows", "can be undone row by row"
    elif found is None:
        state, note = "none", "not checked"
    elif found.state is ProofState.LOST:
        state, note = "none", f"cannot be undone: {found.reason}"
    elif found.state is ProofState.UNPROVEN:
        state, note = "unproven", f"rollback not proven: {found.reason}"
    elif found.undo:
        aside = "what it takes away is set aside first, " if found.keeps else ""
        state, note = "ddl", f"rollback proven: {aside}" + " ".join(reversed(found.undo))
    else:
        state, note = "ddl", "rollback proven: it changes nothing, so there is nothing to undo"
    return InspectedStatement(
        number=statement.number,
        text=statement.text,
        kind=statement.kind.value,
        line=statement.line,
        schema="" if statement.kind.is_of_database else statement.schema_name or ticket.schema_name,
        table=statement.table_name or (ticket.schema_name if statement.kind.is_of_database else ""),
        undo=found.undo if found else (),
        undo_note=note,
        undo_state=state,
        keeps=bool(found and found.keeps),
        keeps_columns=found.keeps_columns if found else (),
        effort=effort_words,
        seen=dict(found.seen) if found and found.state is ProofState.PROVEN else {},
    )


def _lost_problem(error: MySQLdb.Error) -> Problem:
    number, text = targets.error_of(error)
    return Problem(
        id="target.lost",
        severity="error",
        found=f"The server stopped answering while it was asked about the tables ({number}: {text}).",
        needed="A server that answers.",
        how="Look at the server, then check the ticket again.",
    )


def _worst_first(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (_ORDER[problem.severity], problem.statement or 0)))
