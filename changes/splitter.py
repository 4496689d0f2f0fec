"""A script into its statements, as the server would split it with multi-statements on.

A statement's text is the author's exact characters from its first to its last token: white space and comments around it
are left out, comments inside it stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from changes.lexer import SplitError, Token, TokenKind, line_of, tokenize
from changes.problems import Problem

# Statements whose body may hold semicolons.
_BODY_OBJECTS = {"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE"}
_OTHER_OBJECTS = {"TABLE", "VIEW", "INDEX", "DATABASE", "SCHEMA", "USER", "ROLE", "SERVER", "SEQUENCE", "TABLESPACE"}
_HEAD_WORDS = 12
_BLOCKS = {"BEGIN", "CASE", "LOOP", "REPEAT", "WHILE"}
_BLOCK_ENDS = {"CASE", "IF", "LOOP", "REPEAT", "WHILE", "FOR"}
# What stands before an IF or FOR that begins a statement, not an expression.
_STATEMENT_STARTS = {";", "BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", ":", "ROW", ")", "DETERMINISTIC"}


@dataclass(frozen=True, slots=True)
class Piece:
    """One statement of a script.

    text: exact slice of the script.
    line: line of its first character, from 1.
    tokens: without comments and without the closing semicolon; starts count from the script's first character.
    comments: the comments inside it.
    """

    text: str
    line: int
    tokens: tuple[Token, ...]
    comments: tuple[Token, ...]


class _Body:
    """Tells whether a semicolon ends the statement or stands in the body of a routine, trigger or event."""

    def __init__(self) -> None:
        self._words = 0
        self._first = ""
        self._in_body = False
        self._decided = False
        self._depth = 0
        self._previous = ""

    @property
    def is_plain(self) -> bool:
        """Whether no token to come can open a body."""
        return self._decided and not self._in_body

    @property
    def is_open(self) -> bool:
        return self._depth > 0

    def read(self, token: Token, following: Token | None) -> None:
        key = token.key or token.kind.name
        if token.kind is TokenKind.WORD and self._previous not in (".", "@"):
            if not self._decided:
                self._read_head(token.key)
            elif self._in_body:
                self._read_body(token.key, following.key if following else "")
        elif not self._decided and token.kind is not TokenKind.EXECUTABLE and not self._words:
            self._decided = True
        self._previous = key

    def _read_head(self, word: str) -> None:
        self._words += 1
        if self._words == 1:
            self._first = word
            self._decided = word not in ("CREATE", "ALTER", "BEGIN")
        elif self._first == "BEGIN":
            # MariaDB: BEGIN NOT ATOMIC … END is a block of its own; BEGIN alone starts a transaction.
            self._decided, self._in_body = True, word == "NOT"
            self._depth = int(self._in_body)
        elif word in _BODY_OBJECTS or word in _OTHER_OBJECTS or self._words >= _HEAD_WORDS:
            self._decided, self._in_body = True, word in _BODY_OBJECTS

    def _read_body(self, word: str, following: str) -> None:
        if self._previous == "END" and word in _BLOCK_ENDS:
            return
        if word == "END" and self._depth:
            self._depth -= 1
        elif word in _BLOCKS:
            self._depth += not (word == "REPEAT" and following == "(")
        elif self._previous in _STATEMENT_STARTS:
            begins_if = word == "IF" and following not in ("NOT", "EXISTS")
            begins_for = word == "FOR" and self._depth > 0
            self._depth += begins_if or begins_for


def split_script(sql: str, *, ansi_quotes: bool = False, no_backslash_escapes: bool = False) -> list[Piece]:
    """Return the statements of `sql` in order; empty ones and mere comments are none.

    Raises SplitError for what the lexer refuses, for a DELIMITER command, and for a statement that ends in `--`,
    which is no comment here and one when the statement runs alone.
    """
    tokens = tokenize(sql, ansi_quotes=ansi_quotes, no_backslash_escapes=no_backslash_escapes)
    pieces: list[Piece] = []
    line, counted = 1, 0
    for begin, end in _find_ranges(sql, tokens):
        code = tuple(token for token in tokens[begin:end] if token.kind is not TokenKind.COMMENT)
        if not code:
            continue
        start, stop = code[0].start, code[-1].end
        line, counted = line + sql.count("\n", counted, start), start
        comments = tuple(
            token for token in tokens[begin:end] if token.kind is TokenKind.COMMENT and start < token.start < stop
        )
        if code[-1].text == "-" and sql.endswith("--", start, stop):
            raise SplitError(_dashes_problem(line_of(sql, stop)))
        pieces.append(Piece(sql[start:stop], line, code, comments))
    return pieces


def _find_ranges(sql: str, tokens: list[Token]) -> list[tuple[int, int]]:
    """Return half-open ranges of token indexes, one per stretch between two semicolons that split."""
    ranges: list[tuple[int, int]] = []
    begin, body, executable, started = 0, _Body(), 0, False
    for index, token in enumerate(tokens):
        if token.kind is TokenKind.COMMENT:
            continue
        if token.kind is TokenKind.EXECUTABLE:
            executable += -1 if token.text == "*/" else 1
        if token.key == ";" and not executable and not body.is_open:
            ranges.append((begin, index))
            begin, body, started = index + 1, _Body(), False
            continue
        if not started and token.key == "DELIMITER":
            raise SplitError(_delimiter_problem(sql, token))
        started = True
        if not body.is_plain:
            body.read(token, tokens[index + 1] if index + 1 < len(tokens) else None)
    ranges.append((begin, len(tokens)))
    return ranges


def _dashes_problem(line: int) -> Problem:
    return Problem(
        "sql.dashes",
        "error",
        found=f"Line {line} ends a statement with --: no comment for the server, though it looks like one.",
        needed="A space after --, or no --.",
        how="Write `-- ` for a comment, or delete the dashes.",
        line=line,
    )


def _delimiter_problem(sql: str, token: Token) -> Problem:
    line = line_of(sql, token.start)
    return Problem(
        "sql.delimiter",
        "error",
        found=f"Line {line} has DELIMITER, a command of the mysql client that no server knows.",
        needed="Statements that end with a semicolon.",
        how="Take the DELIMITER lines out. Routines, triggers and events cannot run through a ticket.",
        line=line,
    )
