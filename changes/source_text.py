"""The bytes a person sent as SQL: UTF-8, of a bearable size, and showing on a page what the server will read."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from changes.lexer import SplitError, Token, TokenKind, line_of, tokenize
from changes.problems import Problem

_BIDI = "\u202a-\u202e\u2066-\u2069"
# Turn the order of the letters around it; end a line for a browser but not for the server.
_MISLEADING = re.compile(f"[{_BIDI}\x01-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]|\r(?!\n)")
_TURNING = re.compile(f"[{_BIDI}]")
_SUSPICIOUS = re.compile("[^\n\r\t -~]|\r(?!\n)")


def decode_sql(sql: str | bytes, max_bytes: int) -> str:
    """Return the SQL as text. Raises SplitError when it is over `max_bytes` or not UTF-8."""
    try:
        data = sql.encode() if isinstance(sql, str) else sql
    except UnicodeEncodeError as error:
        assert isinstance(sql, str)
        raise SplitError(_encoding_problem(line_of(sql, error.start), "half of a surrogate pair")) from error
    if len(data) > max_bytes:
        raise SplitError(
            Problem(
                "sql.too_long",
                "error",
                found=f"The SQL has {len(data):,} bytes.",
                needed=f"At most {max_bytes:,} bytes.",
                how="Split it into several tickets, or have max_sql_bytes in config.toml raised.",
            )
        )
    if isinstance(sql, str):
        return sql
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SplitError(_encoding_problem(line, f"byte {data[error.start]:02X}")) from error


def _encoding_problem(line: int, what: str) -> Problem:
    return Problem(
        "sql.not_utf8",
        "error",
        found=f"Line {line} is not UTF-8 text ({what}).",
        needed="Text in UTF-8.",
        how="Save the file as UTF-8; write binary values as X'…'.",
        line=line,
    )


def check_characters(sql: str, *, ansi_quotes: bool = False, no_backslash_escapes: bool = False) -> list[Problem]:
    """Return a problem for the first character that makes a page show something else than the server reads.

    Inside of strings only marks that turn the writing direction count, and as a warning: they may be data.
    Raises SplitError as tokenize does.
    """
    if _SUSPICIOUS.search(sql) is None:
        return []
    tokens = tokenize(sql, ansi_quotes=ansi_quotes, no_backslash_escapes=no_backslash_escapes)
    error = warning = None
    end = 1 if sql.startswith("\ufeff") else 0
    for token in tokens:
        if token.kind in (TokenKind.STRING, TokenKind.ROWS):
            warning = warning if warning is not None else _find(_TURNING, sql, token.start, token.end)
        elif error is None:
            error = _find(_MISLEADING, sql, end, token.end)
        if error is None and token.kind is TokenKind.WORD and not token.text.isascii():
            error = _find_unprintable(token)
        end = token.end
    if error is None:
        error = _find(_MISLEADING, sql, end, len(sql))
    found = [(error, _MISLEADING_PROBLEM), (warning, _TURNING_PROBLEM)]
    return [_character_problem(sql, position, problem) for position, problem in found if position is not None]


def _find(pattern: re.Pattern[str], sql: str, start: int, end: int) -> int | None:
    # The end of the search hides the line feed that stands behind it.
    found = (match.start() for match in pattern.finditer(sql, start, end))
    return next((position for position in found if not sql.startswith("\r\n", position)), None)


def _find_unprintable(token: Token) -> int | None:
    """A space or an invisible character beyond ASCII: to the server it is part of a name."""
    for index, character in enumerate(token.text):
        if unicodedata.category(character)[0] in "ZC":
            return token.start + index
    return None


def _character_problem(sql: str, position: int, problem: Problem) -> Problem:
    code, line = ord(sql[position]), line_of(sql, position)
    name = "CARRIAGE RETURN without LINE FEED" if code == 13 else unicodedata.name(sql[position], "a control character")
    return replace(problem, found=problem.found.format(line=line, character=f"U+{code:04X} ({name})"), line=line)


_MISLEADING_PROBLEM = Problem(
    "sql.hidden_character",
    "error",
    found="Line {line} holds {character}: the page may show another text than the server reads.",
    needed="Plain characters and spaces outside of strings.",
    how="Delete the character and type what was meant; copied text often brings such spaces.",
)
_TURNING_PROBLEM = Problem(
    "sql.turning_character",
    "warning",
    found="Line {line} holds {character} in a string: the page may show its letters in another order.",
    needed="",
    how="Look at this string with care.",
)
