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
from changes.splitter import Piece

SYSTEM_SCHEMAS = frozenset({"mysql", "information_schema", "performance_schema", "sys"})


@dataclass(frozen=True, slots=True)
class Subject:
    """A statement to be judged. reading: None for a kind that is not allowed, the error when it could not be read."""

    number: int
    piece: Piece
    kind: StatementKind
    reading: Reading | UnreadableError | None
    schema_name: str

    @property
    def place(self) -> str:
        return f"Statement {self.number + 1} (line {self.piece.line})"

    def error(self, problem_id: str, *, found: str, needed: str, how: str) -> Problem:
        """found: goes on after "Statement 1 (line 1)"."""
        return Problem(
            problem_id, "error", f"{self.place} {found}", needed, how, statement=self.number, line=self.piece.line
        )


def check_script(count: int, schema_name: str, max_statements: int) -> list[Problem]:
    """Return the problems of the whole ticket. count: of its statements."""
    problems = []
    if schema_name.lower() in SYSTEM_SCHEMAS:
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
    for use in reading.uses:
        if use.schema is not None:
            yield from _check_schema(subject, use.schema, f"{use.schema}.{use.table}")
        if _is_ours(use):
            yield subject.error(
                "statement.reserved_table",
                found=f"names the table {use.table}.",
                needed="Tables of your own: names in $_$…$_$ are those of the backup.",
                how="Use another name.",
            )
    # Aliases are compared without case on some servers; a false match only makes a column of it.
    aliases = {alias.lower() for alias in reading.aliases}
    for name in reading.names:
        qualifier, text = name.parts[0], ".".join(name.parts)
        is_column = len(name.parts) == 2 and not name.is_call and qualifier.lower() in aliases
        if not is_column or qualifier.lower() in SYSTEM_SCHEMAS:
            yield from _check_schema(subject, qualifier, text)


def _check_schema(subject: Subject, schema: str, text: str) -> Iterator[Problem]:
    if schema.lower() in SYSTEM_SCHEMAS:
        yield subject.error(
            "statement.system_schema",
            found=f"names {text}, and {schema} belongs to the server.",
            needed=f"Tables of the ticket's schema, {subject.schema_name}.",
            how="Take that name out.",
        )
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


def _is_ours(use: TableUse) -> bool:
    return use.table.startswith("$_$") and use.table.endswith("$_$")
