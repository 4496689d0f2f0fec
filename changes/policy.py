"""What may run: an allow list of kinds, and what a statement of such a kind may not hold.

Fails closed: a statement that could not be read is refused. The server's privileges are the second wall, not this one's
excuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from changes import warnings_before
from changes.cursor import UnreadableError
from changes.forbidden import find_forbidden
from changes.kinds import StatementKind
from changes.problems import Problem
from changes.reading import Reading
from changes.references import TableUse
from changes.refusals import ALLOWED_TEXT, choose_refusal
from changes.reserved import is_own, is_system
from changes.schema_facts import SchemaFacts
from changes.splitter import Piece


@dataclass(frozen=True, slots=True)
class Subject:
    """A statement to be judged. reading: None for a kind that is not allowed, the error when it could not be read.

    scratch: schemas of this application that the statement may name, in a proof.
    """

    number: int
    piece: Piece
    kind: StatementKind
    reading: Reading | UnreadableError | None
    schema_name: str
    scratch: frozenset[str] = frozenset()

    @property
    def place(self) -> str:
        return f"Statement {self.number + 1} (line {self.piece.line})"

    def error(self, problem_id: str, *, found: str, needed: str, how: str) -> Problem:
        """found: goes on after "Statement 1 (line 1)"."""
        return Problem(
            problem_id, "error", f"{self.place} {found}", needed, how, statement=self.number, line=self.piece.line
        )


def check_script(
    count: int, schema_name: str, max_statements: int, *, scratch: frozenset[str] = frozenset()
) -> list[Problem]:
    """Return the problems of the whole ticket. count: of its statements. scratch: as in Subject."""
    problems = []
    if is_own(schema_name) and schema_name not in scratch:
        problems.append(
            Problem(
                "schema.reserved",
                "error",
                found=f"The ticket's schema is {schema_name}, which is one of Inception's own.",
                needed="A schema of an application.",
                how="Choose another schema.",
            )
        )
    if is_system(schema_name):
        problems.append(
            Problem(
                "schema.system",
                "error",
                found=f"The ticket's schema is {schema_name}, which belongs to the server.",
                needed="A schema of an application.",
                how="Choose another schema.",
            )
        )
    if count == 0:
        problems.append(
            Problem(
                "sql.empty",
                "error",
                found="The SQL holds no statement.",
                needed=ALLOWED_TEXT,
                how="Write at least one statement; comments and empty lines do not count.",
            )
        )
    if count > max_statements:
        problems.append(
            Problem(
                "sql.too_many",
                "error",
                found=f"The SQL holds {count:,} statements.",
                needed=f"At most {max_statements:,}.",
                how="Write several rows into one INSERT, or split the SQL into several tickets.",
            )
        )
    return problems


def check_statement(subject: Subject) -> list[Problem]:
    """Return what stands in the way of one statement, errors first, each id once."""
    errors: dict[str, Problem] = {}
    for problem in _find_errors(subject):
        errors.setdefault(problem.id, problem)
    if errors or not isinstance(subject.reading, Reading):
        return list(errors.values())
    return warnings_before.find_warnings(subject.number, subject.piece, subject.kind, subject.reading)


def _find_errors(subject: Subject) -> Iterator[Problem]:
    forbidden = list(find_forbidden(subject.kind, subject.piece.tokens))
    if not subject.kind.is_allowed and not forbidden:
        problem_id, words, refusal = choose_refusal(subject.kind, subject.piece.tokens)
        yield subject.error(problem_id, found=f"is {words}: {refusal.why}.", needed=ALLOWED_TEXT, how=refusal.how)
    for finding in forbidden:
        yield subject.error(finding.id, found=finding.found, needed=finding.needed, how=finding.how)
    if isinstance(subject.reading, UnreadableError):
        # A finding above tells why already.
        if not forbidden:
            yield subject.error(
                "statement.unreadable",
                found=f"could not be read as {subject.kind.value}, near: {subject.reading}.",
                needed="SQL that both MySQL and MariaDB read the same way.",
                how="Check the spelling there; put names that are also keywords in backticks.",
            )
    elif subject.reading is not None:
        yield from _check_names(subject, subject.reading)


def _check_names(subject: Subject, reading: Reading) -> Iterator[Problem]:
    yield from _check_database(subject, reading.facts)
    moved = _find_moved(subject, reading.facts)
    for use in reading.uses:
        if use in moved:
            yield from _check_destination(subject, use.schema or "", f"{use.schema}.{use.table}")
        elif use.schema is not None:
            yield from _check_schema(subject, use.schema, f"{use.schema}.{use.table}")
        if _is_ours(use):
            yield _reserved_name(subject, f"the table {use.table}")
    # Aliases are compared without case on some servers; a false match only makes a column of it.
    aliases = {alias.lower() for alias in reading.aliases}
    for name in reading.names:
        if len(name.parts) == 2 and not name.is_call and TableUse(name.parts[0], name.parts[1]) in moved:
            continue  # the new name behind ALTER TABLE … RENAME
        qualifier, text = name.parts[0], ".".join(name.parts)
        is_column = len(name.parts) == 2 and not name.is_call and qualifier.lower() in aliases
        if not is_column or is_system(qualifier):
            yield from _check_schema(subject, qualifier, text)


def _check_schema(subject: Subject, schema: str, text: str) -> Iterator[Problem]:
    if is_system(schema):
        yield _system_schema(subject, schema, text)
    elif schema.lower() == subject.schema_name.lower() != schema:
        yield subject.error(
            "statement.other_schema",
            found=f"names {text}; the ticket's schema is {subject.schema_name}, and capitals can make another one.",
            needed=f"The name as on the ticket: {subject.schema_name}.",
            how=f"Write {subject.schema_name}.",
        )
    elif schema != subject.schema_name:
        yield subject.error(
            "statement.other_schema",
            found=f"names {text}, which is outside of the ticket's schema.",
            needed=f"Tables of {subject.schema_name}, or an alias that the statement defines.",
            how=f"Correct the name, or make a ticket for the schema {schema}.",
        )


def _system_schema(subject: Subject, schema: str, text: str) -> Problem:
    return subject.error(
        "statement.system_schema",
        found=f"names {text}, and {schema} belongs to the server.",
        needed=f"Tables of the ticket's schema, {subject.schema_name}.",
        how="Take that name out.",
    )


def _find_moved(subject: Subject, facts: SchemaFacts | None) -> set[TableUse]:
    """Return the names in another schema of tables that RENAME moves from the ticket's schema, or into it.

    ALTER TABLE only moves out of it: what it names by one word alone is of the session's schema.
    """
    moved = set[TableUse]()
    for old, new in facts.moves if facts else ():
        here = [use.schema in (None, subject.schema_name) for use in (old, new)]
        if here == [True, False]:
            moved.add(new)
        if here == [False, True] and not (facts and facts.clauses):
            moved.add(old)
    return moved


def _check_destination(subject: Subject, schema: str, text: str) -> Iterator[Problem]:
    """What speaks against a schema besides the ticket's that a statement makes, or moves a table from or to."""
    if is_system(schema):
        yield _system_schema(subject, schema, text)
    elif schema.lower() == subject.schema_name.lower() != schema:
        yield from _check_schema(subject, schema, text)
    elif is_own(schema) and schema not in subject.scratch:
        yield subject.error(
            "statement.reserved_schema",
            found=f"names {text}: schemas of such names are made by Inception, for what is set aside and for proofs.",
            needed="A schema of an application.",
            how="Use another name.",
        )


def _check_database(subject: Subject, facts: SchemaFacts | None) -> Iterator[Problem]:
    if facts is None or not facts.database:
        return
    if _is_ours(TableUse(None, facts.database)):
        yield _reserved_name(subject, f"the schema {facts.database}")
    if subject.kind is StatementKind.CREATE_DATABASE:
        yield from _check_destination(subject, facts.database, facts.database)
    else:
        yield from _check_schema(subject, facts.database, facts.database)


def _reserved_name(subject: Subject, what: str) -> Problem:
    return subject.error(
        "statement.reserved_table",
        found=f"names {what}.",
        needed="Tables of your own: names in $_$…$_$ are those of the backup.",
        how="Use another name.",
    )


def _is_ours(use: TableUse) -> bool:
    return use.table.startswith("$_$") and use.table.endswith("$_$")
