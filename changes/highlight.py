"""SQL with colours, on the server, as spans with classes: no script, and clean under a strict policy."""

from __future__ import annotations

import sqlparse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers.sql import MySqlLexer
from sqlparse.exceptions import SQLParseError

COLOUR_LIMIT = 60_000
"""Characters; longer text is shown whole but plain, since every token becomes an element of the page."""

LONG_LINE = 160
"""Characters; a statement with a longer line is offered in lines for reading."""

REINDENT_LIMIT = 8_000
"""Characters; the parser takes a second for some ten thousand."""

_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)


def highlight_sql(sql: str) -> SafeString:
    """Return `sql` as HTML: escaped, with Pygments' short classes. Every character of the text is kept."""
    if len(sql) > COLOUR_LIMIT:
        return escape(sql)
    lexer = MySqlLexer(stripnl=False, ensurenl=False)
    return mark_safe(highlight(sql, lexer, _FORMATTER))  # noqa: S308  Pygments escapes the text


def reindent(sql: str) -> str:
    """Return `sql` in lines for reading, or "" when it is short enough as it is, or too long to be taken apart.

    For the eye only: a parser wrote it, and what is approved and runs is the author's text.
    """
    if len(sql) > REINDENT_LIMIT or max(map(len, sql.splitlines()), default=0) <= LONG_LINE:
        return ""
    try:
        return str(sqlparse.format(sql, reindent=True))
    except SQLParseError:
        return ""
