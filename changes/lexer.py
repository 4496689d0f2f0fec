"""SQL text into tokens, by the lexical rules that MySQL and MariaDB share.

Where the two servers read the same text differently (executable comments, words that begin with `$`), the token says
so and the policy refuses it. Source: MySQL server, sql_lex.cc, lex_one_token; MariaDB's copy of it.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from changes.problems import Problem


class SplitError(Exception):
    """The text cannot be read to its end: nothing of it may run. `problem` has the words for the user."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class TokenKind(Enum):
    WORD = auto()  # keyword or unquoted identifier
    QUOTED = auto()  # identifier in backticks, or in double quotes under ANSI_QUOTES
    STRING = auto()
    NUMBER = auto()
    OPERATOR = auto()  # one character
    EXECUTABLE = auto()  # the opening of /*! or /*M!, or the */ that closes it: code, not a comment
    HINT = auto()  # /*+ … */
    ROWS = auto()  # (1, 'a'), (2, 'b') …: rows of literals after VALUES, as one token
    COMMENT = auto()


class Token(NamedTuple):
    """One token.

    text: exactly as written.
    key: what keywords are compared with: an ASCII word in capitals, an operator as it is, else "".
    start: offset in characters.
    """

    kind: TokenKind
    text: str
    key: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_identifier(self) -> bool:
        return self.kind is TokenKind.WORD or self.kind is TokenKind.QUOTED

    @property
    def name(self) -> str:
        """The identifier as the server stores it: quotes taken off, doubled quotes made single."""
        if self.kind is not TokenKind.QUOTED:
            return self.text
        quote = self.text[0]
        return self.text[1:-1].replace(quote * 2, quote)


# Every character above ASCII belongs to an identifier; Unicode white space too.
_WORD = r"0-9A-Za-z_$\x80-\U0010ffff"
# What a row may hold besides literals and still name nothing.
_PLAIN_WORDS = (
    r"NULL|DEFAULT|TRUE|FALSE|CURRENT_DATE|CURRENT_TIMESTAMP(?:\([0-6]?\))?"
    r"|(?:NOW|CURDATE|CURTIME|UUID|UTC_TIMESTAMP)\([0-6]?\)"
)
_KINDS: dict[str | None, TokenKind | None] = {"SPACE": None, **{kind.name: kind for kind in TokenKind}}
_UNTERMINATED = {"'": "string", '"': "string", "`": "quoted name", "/*": "comment"}


@lru_cache
def _build_patterns(ansi_quotes: bool, no_backslash_escapes: bool) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the pattern of any token, and the one of rows of literals."""

    def string(quote: str) -> str:
        # Possessive loops: an unterminated 4 MiB string fails in one pass.
        inner = rf"[^{quote}]++" if no_backslash_escapes else rf"[^{quote}\\]++|\\."
        return rf"{quote}(?:{inner}|{quote}{quote})*+{quote}"

    def identifier(quote: str) -> str:
        return rf"{quote}(?:[^{quote}]++|{quote}{quote})*+{quote}"

    strings = string("'") if ansi_quotes else rf"{string(chr(39))}|{string(chr(34))}"
    identifiers = rf"{identifier('`')}|{identifier(chr(34))}" if ansi_quotes else identifier("`")
    # 1e5from and 1.from are a number and the keyword FROM, 1from is one identifier: the server's reading, which hides
    # keywords from whoever reads otherwise. `.5` after a name is a dot and an identifier.
    number = (
        r"[0-9]+[eE][+-]?[0-9]+|[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?"
        rf"|(?<![{_WORD}`\"])\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]++(?![{_WORD}])"
    )
    literal = rf"(?:[xXbBnN]?(?:{strings})|[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|(?i:{_PLAIN_WORDS}))"
    row = rf"\([ \t\r\n]*+{literal}[ \t\r\n]*+(?:,[ \t\r\n]*+{literal}[ \t\r\n]*+)*+\)"
    rows = re.compile(rf"{row}(?:[ \t\r\n]*+,[ \t\r\n]*+{row})*+", re.DOTALL)
    token = re.compile(
        rf"(?P<SPACE>[ \t\n\r\v\f]++)|(?P<NUMBER>{number})|(?P<WORD>[{_WORD}]++)"
        rf"|(?P<STRING>{strings})|(?P<QUOTED>{identifiers})"
        r"|(?P<EXECUTABLE>/\*M?![0-9]*+|\*/)|(?P<HINT>/\*\+.*?\*/)"
        r"|(?P<COMMENT>\#[^\n]*+|--(?=[\x00-\x20\x7f]|\Z)[^\n]*+|/\*(?!\+|M?!).*?\*/)"
        r"|(?P<OPERATOR>.)",
        re.DOTALL,
    )
    return token, rows


def tokenize(sql: str, *, ansi_quotes: bool = False, no_backslash_escapes: bool = False) -> list[Token]:
    """Return the tokens of `sql`, comments included, white space left out. Linear in the length.

    Raises SplitError for a NUL character and for a string, quoted name or comment that does not end.
    """
    if (position := sql.find("\0")) >= 0:
        raise SplitError(_nul_problem(sql, position))
    token_pattern, rows_pattern = _build_patterns(ansi_quotes, no_backslash_escapes)
    match, match_rows = token_pattern.match, rows_pattern.match
    tokens: list[Token] = []
    opened: list[int] = []  # starts of the executable comments we are inside of
    # A byte order mark may begin a file; it belongs to no statement.
    position, end = (1 if sql.startswith("\ufeff") else 0), len(sql)
    while position < end:
        found = match(sql, position)
        assert found is not None  # the last alternative takes any character
        text, kind = found[0], _KINDS[found.lastgroup]
        key = ""
        if kind is TokenKind.WORD:
            # str.upper() makes "ſet" SET and "lımıt" LIMIT; to the server these are names.
            key = text.upper() if text.isascii() else text
        elif kind is TokenKind.EXECUTABLE and text == "*/" and not opened:
            # Outside of an executable comment the server reads `*` and looks at `/` anew: 2*/* two */3.
            kind, text, key = TokenKind.OPERATOR, "*", "*"
        elif kind is TokenKind.EXECUTABLE:
            opened.pop() if text == "*/" else opened.append(position)
        elif kind is TokenKind.OPERATOR:
            if text in "'\"`" or (text == "/" and sql.startswith("/*", position)):
                raise SplitError(_unterminated_problem(sql, position))
            key = text
            if text == "(" and _may_begin_rows(tokens) and (rows := match_rows(sql, position)):
                kind, text, key = TokenKind.ROWS, rows[0], ""
        if kind is not None:
            tokens.append(Token(kind, text, key, position))
        position += len(text)
    if opened:
        raise SplitError(_unterminated_problem(sql, opened[0]))
    return tokens


def _may_begin_rows(tokens: list[Token]) -> bool:
    """Whether rows may come next: after VALUES or a row's comma, literals in parentheses are no arguments."""
    if not tokens:
        return False
    if tokens[-1].key == ",":
        return len(tokens) > 1 and (tokens[-2].key == ")" or tokens[-2].kind is TokenKind.ROWS)
    return tokens[-1].key in ("VALUES", "VALUE")


def line_of(sql: str, position: int) -> int:
    """Return the line, from 1, that holds the character at `position`."""
    return sql.count("\n", 0, position) + 1


def _nul_problem(sql: str, position: int) -> Problem:
    line = line_of(sql, position)
    return Problem(
        "sql.nul",
        "error",
        found=f"Line {line} holds a NUL character (byte 00).",
        needed="Plain text.",
        how="Save the file as UTF-8 text; write binary values as X'00'.",
        line=line,
    )


def _unterminated_problem(sql: str, position: int) -> Problem:
    opening = "/*" if sql.startswith("/*", position) else sql[position]
    closing = "*/" if opening == "/*" else opening
    line, what = line_of(sql, position), _UNTERMINATED[opening]
    advice = f"; inside of it write {closing} twice" if opening != "/*" else ""
    return Problem(
        "sql.unterminated",
        "error",
        found=f"The {what} that begins with {opening} on line {line} does not end.",
        needed=f"A closing {closing}.",
        how=f"Add the missing {closing}{advice}.",
        line=line,
    )
