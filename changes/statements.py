"""What a ticket's SQL is and whether it may run: split, classified and held against the policy.

check_statements is what the rest of the application calls. It is pure: the same text gives the same answer before
review and before execution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from changes import policy
from changes.cursor import UnreadableError
from changes.kinds import StatementKind, read_kind
from changes.lexer import SplitError
from changes.problems import Problem
from changes.reading import Reading, read_statement
from changes.references import TableUse
from changes.schema_facts import SchemaFacts
from changes.source_text import check_characters, decode_sql
from changes.splitter import Piece, split_script

__all__ = ["CheckResult", "SplitError", "Statement", "StatementKind", "check_statements", "split_statements"]

MAX_STATEMENTS = 10_000

TableName = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a ticket.

    number: from 0. text: the author's exact characters. line: where it begins in the ticket's SQL, from 1.
    schema_name, table_name: the table its backup is filed under; schema_name is None when the text does not say it,
        table_name when it cannot be told.
    written, read: tables it changes and tables it only reads, (schema or None, table), own table first.
    facts: of a schema change, what its inverse is built from; else None.
    """

    number: int
    text: str
    line: int
    kind: StatementKind
    schema_name: str | None = None
    table_name: str | None = None
    written: tuple[TableName, ...] = ()
    read: tuple[TableName, ...] = ()
    facts: SchemaFacts | None = None

    @property
    def renames(self) -> tuple[tuple[TableName, TableName], ...]:
        """(old, new) of RENAME TABLE and of ALTER TABLE … RENAME, in order of the text."""
        moves = self.facts.moves if self.facts else ()
        return tuple(((old.schema, old.table), (new.schema, new.table)) for old, new in moves)

    @property
    def tables(self) -> tuple[TableName, ...]:
        return self.written + self.read

    def list_other_schemas(self, schema_name: str) -> tuple[str, ...]:
        """Return the schemas besides `schema_name`, the ticket's, that it changes something in."""
        named = [self.facts.database] if self.facts and self.facts.database else []
        moved = [schema for pair in self.renames for schema, _ in pair if schema]
        return tuple(dict.fromkeys(schema for schema in (*named, *moved) if schema != schema_name))


@dataclass(frozen=True, slots=True)
class CheckResult:
    """statements: none when the text could not be split. problems: an error among them refuses the ticket."""

    statements: tuple[Statement, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "warning")


def split_statements(
    sql: str, *, ansi_quotes: bool = False, no_backslash_escapes: bool = False
) -> tuple[Statement, ...]:
    """Return the statements of `sql`. Raises SplitError when it cannot be read to its end."""
    pieces = split_script(sql, ansi_quotes=ansi_quotes, no_backslash_escapes=no_backslash_escapes)
    return tuple(_classify(number, piece)[0] for number, piece in enumerate(pieces))


def check_statements(
    sql: str | bytes,
    schema_name: str,
    max_bytes: int,
    *,
    ansi_quotes: bool = False,
    no_backslash_escapes: bool = False,
    scratch: frozenset[str] = frozenset(),
) -> CheckResult:
    """Split `sql` and say what stands in its way.

    schema_name: the ticket's schema; names of another are refused.
    max_bytes: the longest SQL that is looked at, in bytes of UTF-8.
    ansi_quotes, no_backslash_escapes: whether the session that runs it has these sql_modes.
    scratch: schemas of this application that it may make and move tables to: those of a proof.
    """
    try:
        text = decode_sql(sql, max_bytes)
        pieces = split_script(text, ansi_quotes=ansi_quotes, no_backslash_escapes=no_backslash_escapes)
    except SplitError as error:
        return CheckResult((), (error.problem,))
    problems = policy.check_script(len(pieces), schema_name, MAX_STATEMENTS, scratch=scratch)
    if len(pieces) > MAX_STATEMENTS:
        return CheckResult((), tuple(problems))
    problems += check_characters(text, ansi_quotes=ansi_quotes, no_backslash_escapes=no_backslash_escapes)
    statements = []
    for number, piece in enumerate(pieces):
        statement, reading = _classify(number, piece)
        statements.append(statement)
        subject = policy.Subject(number, piece, statement.kind, reading, schema_name, scratch)
        problems += policy.check_statement(subject)
    return CheckResult(tuple(statements), tuple(problems))


def _classify(number: int, piece: Piece) -> tuple[Statement, Reading | UnreadableError | None]:
    """Return the statement, and what it names: None for a kind that may not run, the error when it is unreadable."""
    kind = read_kind(piece.tokens)
    reading: Reading | UnreadableError | None = None
    if kind.is_allowed:
        try:
            reading = read_statement(kind, piece.tokens)
        except UnreadableError as error:
            reading = error
    if not isinstance(reading, Reading):
        return Statement(number, piece.text, piece.line, kind), reading
    statement = Statement(
        number,
        piece.text,
        piece.line,
        kind,
        schema_name=reading.own.schema,
        table_name=reading.own.table,
        written=_names(reading.written),
        read=_names(reading.read),
        facts=reading.facts,
    )
    return statement, reading


def _names(uses: Sequence[TableUse]) -> tuple[TableName, ...]:
    return tuple((use.schema, use.table) for use in uses)
