"""What a row change does to the tables that it writes, and which of their rows, as far as its text tells for certain.

What foreign keys will change has to be known before the statement runs. Its own words after FROM or WHERE say it best;
where they may not mean the same rows a moment later (RAND(), user variables, functions we do not know), all rows of the
table are taken for possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backups.rollback.children import Acts
from backups.rollback.literals import fold_name
from changes.cursor import TokenCursor, UnreadableError
from changes.kinds import StatementKind
from changes.lexer import Token, TokenKind, tokenize

_TAIL = frozenset({"WHERE", "ORDER", "LIMIT"})
_ENDS = _TAIL | {"RETURNING"}
_MODIFIERS = ("LOW_PRIORITY", "QUICK", "IGNORE")
_CHANGING_WORDS = frozenset({"NEXT", "PREVIOUS", "INTO", "SQL_CALC_FOUND_ROWS", "PROCEDURE", "OVER", "LATERAL"})
_GROUP_WORDS = (
    "ALL AND ANY AS BETWEEN BINARY BY CASE DISTINCT DIV ELSE END EXISTS FROM GROUP HAVING IN INDEX IS JOIN KEY LIKE"
    " LIMIT MOD NOT ON OR ORDER PARTITION INTERVAL REGEXP RLIKE ROW SELECT SOME THEN UNION USING VALUE VALUES"
    " WHEN WHERE XOR"
)
_FUNCTIONS = (
    "ABS ADDDATE ASCII AVG CAST CEIL CEILING CHAR CHARACTER_LENGTH CHAR_LENGTH COALESCE CONCAT CONCAT_WS CONVERT COUNT"
    " CRC32 CURDATE CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURTIME DATE DATEDIFF DATE_ADD DATE_FORMAT DATE_SUB DAY"
    " DAYOFMONTH DAYOFWEEK DAYOFYEAR ELT EXTRACT FIELD FIND_IN_SET FLOOR FROM_DAYS FROM_UNIXTIME GREATEST HEX HOUR IF"
    " IFNULL INET_ATON INET_NTOA INSTR ISNULL JSON_CONTAINS JSON_EXTRACT JSON_UNQUOTE JSON_VALUE LAST_DAY LCASE LEAST"
    " LEFT LENGTH LOCALTIME LOCALTIMESTAMP LOCATE LOWER LPAD LTRIM MAKEDATE MAX MD5 MID MIN MINUTE MONTH NOW NULLIF"
    " OCTET_LENGTH ORD POSITION POW POWER QUARTER REPEAT REPLACE REVERSE RIGHT ROUND RPAD RTRIM SECOND SHA SHA1 SHA2"
    " SIGN SQRT STR_TO_DATE SUBDATE SUBSTR SUBSTRING SUM TIME TIMEDIFF TIMESTAMP TIMESTAMPADD TIMESTAMPDIFF TO_DAYS"
    " TRIM TRUNCATE UCASE UNHEX UNIX_TIMESTAMP UPPER UTC_DATE UTC_TIMESTAMP WEEK WEEKDAY YEAR"
)
_BEFORE_GROUPS, _CERTAIN_FUNCTIONS = frozenset(_GROUP_WORDS.split()), frozenset(_FUNCTIONS.split())
"""The functions give the same for the same row, but for the present time: a row that comes to fit then stops it."""


@dataclass(frozen=True, slots=True)
class ParentRows:
    """What a statement does to each table that it writes.

    source: for a change of one table, what selects the rows of it, beginning with FROM; "" for any of its rows.
    has_limit: the source ends in a LIMIT. without_limit: the same without ORDER BY and LIMIT: these rows and others.
    ordered_by: the columns of its ORDER BY, folded. Where they do not tell one row from all others, the LIMIT takes
        any of those that are equal.
    incoming: for REPLACE and INSERT … ON DUPLICATE KEY UPDATE of given rows, what follows the table's name up to their
        end: the rows that are changed have a key of one of these.
    """

    acts: Acts
    source: str = ""
    has_limit: bool = False
    without_limit: str = ""
    ordered_by: frozenset[str] = frozenset()
    incoming: str = ""


def read_parent_rows(
    kind: StatementKind, text: str, *, ansi_quotes: bool = False, no_backslash_escapes: bool = False
) -> ParentRows:
    """Return what the row change `text` does. What does not follow the grammar may do anything, to any row."""
    found = tokenize(text, ansi_quotes=ansi_quotes, no_backslash_escapes=no_backslash_escapes)
    tokens = [token for token in found if token.kind is not TokenKind.COMMENT and token.key != ";"]
    if kind is StatementKind.DELETE:
        return _read_delete(tokens, text)
    if kind is StatementKind.UPDATE:
        return _read_update(tokens, text)
    if kind is StatementKind.REPLACE:
        return ParentRows(Acts(deletes=True), incoming=_read_incoming(tokens, text))
    place = _find(tokens, "DUPLICATE", "KEY", "UPDATE")
    if place is None:
        return ParentRows(Acts())
    return ParentRows(Acts(assigned=_read_assigned(tokens[place + 3 :])), incoming=_read_incoming(tokens, text))


def _read_incoming(tokens: Sequence[Token], text: str) -> str:
    """Return "(a, b) VALUES (1, 2)" or "SET a = 1" of a statement that gives its rows; "" for any other."""
    cursor = TokenCursor(tokens, 1)
    cursor.skip_any("LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "IGNORE", "INTO")
    try:
        cursor.read_name()
        begin = cursor.position
        if cursor.key() == "(":
            cursor.skip_group()
    except UnreadableError:
        return ""
    if cursor.key() not in ("VALUES", "VALUE", "SET"):
        return ""
    ends = [
        place for keys in (("ON", "DUPLICATE"), ("RETURNING",)) if (place := _find(tokens[begin:], *keys)) is not None
    ]
    end = begin + min(ends) if ends else len(tokens)
    return _slice(tokens, text, begin, end) if _is_certain(tokens[begin:end]) else ""


def _find(tokens: Sequence[Token], *keys: str) -> int | None:
    """Return where the keys come one after the other, outside of parentheses."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.key == "(") - (token.key == ")")
        if not depth and tuple(other.key for other in tokens[index : index + len(keys)]) == keys:
            return index
    return None


def _read_assigned(tokens: Sequence[Token]) -> frozenset[str] | None:
    """Return the columns of `a = 1, t.b = 2 …`, folded, up to the end of the list; None where that cannot be read."""
    assigned: set[str] = set()
    depth, expects = 0, True
    for index, token in enumerate(tokens):
        if not depth and token.key in _ENDS:
            break
        if not depth and expects:
            cursor = TokenCursor(tokens, index)
            try:
                assigned.add(fold_name(cursor.read_name()[-1]))
            except UnreadableError:
                return None
            expects = False
        depth += (token.key == "(") - (token.key == ")")
        expects = expects or (not depth and token.key == ",")
    return frozenset(assigned) or None


def _read_delete(tokens: Sequence[Token], text: str) -> ParentRows:
    acts = Acts(deletes=True)
    cursor = TokenCursor(tokens)
    if not cursor.accept("DELETE"):
        return ParentRows(acts)
    cursor.skip_any(*_MODIFIERS)
    if not cursor.accept("FROM"):
        return ParentRows(acts)
    begin = cursor.position
    if not _skip_table(cursor):
        return ParentRows(acts)
    return _select(acts, tokens, text, (begin, cursor.position), cursor.position)


def _read_update(tokens: Sequence[Token], text: str) -> ParentRows:
    begin = _find(tokens, "SET")
    # FOR PORTION OF sets the ends of the period too.
    is_whole = begin is not None and _find(tokens[:begin], "PORTION") is None
    acts = Acts(assigned=_read_assigned(tokens[begin + 1 :]) if begin is not None and is_whole else None)
    cursor = TokenCursor(tokens)
    if begin is None or not cursor.accept("UPDATE"):
        return ParentRows(acts)
    cursor.skip_any(*_MODIFIERS)
    table = cursor.position
    if not _skip_table(cursor) or cursor.position != begin:
        return ParentRows(acts)
    ends = [place for key in _ENDS if (place := _find(tokens[begin:], key)) is not None]
    return _select(acts, tokens, text, (table, begin), begin + min(ends) if ends else len(tokens))


def _skip_table(cursor: TokenCursor) -> bool:
    """Step over one table, its partitions and its alias; False when something else comes then."""
    try:
        cursor.read_name()
        if cursor.accept("PARTITION"):
            cursor.skip_group()
        if cursor.accept("AS") or (not cursor.at_end and cursor.key() not in _ENDS | {"SET"} and _at_alias(cursor)):
            cursor.read_name()
    except UnreadableError:
        return False
    return cursor.at_end or cursor.key() in _ENDS | {"SET"}


def _at_alias(cursor: TokenCursor) -> bool:
    return cursor.tokens[cursor.position].is_identifier and cursor.key() not in ("FOR", "USING", "JOIN")


def _select(acts: Acts, tokens: Sequence[Token], text: str, table: tuple[int, int], tail: int) -> ParentRows:
    """Build what selects the rows. table: its tokens, from and to. tail: where WHERE, ORDER BY or LIMIT begin."""
    returning = _find(tokens[tail:], "RETURNING")
    end = len(tokens) if returning is None else tail + returning
    if not _is_certain(tokens[table[0] : table[1]]) or not _is_certain(tokens[tail:end]):
        return ParentRows(acts)
    limits = [place for key in ("ORDER", "LIMIT") if (place := _find(tokens[tail:end], key)) is not None]
    first = tail + min(limits) if limits else end
    begin = f"FROM {_slice(tokens, text, *table)}"
    without = f"{begin} {_slice(tokens, text, tail, first)}".rstrip()
    has_limit = _find(tokens[tail:end], "LIMIT") is not None
    # LIMIT alone takes whichever rows come first.
    is_ordered = _find(tokens[tail:end], "ORDER") is not None
    if has_limit and is_ordered:
        ordered_by = _read_order(tokens[first:end])
        return ParentRows(acts, f"{begin} {_slice(tokens, text, tail, end)}", True, without, ordered_by)
    return ParentRows(acts, without, False, without)


def _read_order(tokens: Sequence[Token]) -> frozenset[str]:
    """Return the columns of `ORDER BY a, t.b DESC LIMIT …`, folded; none where it has anything else, as a number."""
    cursor = TokenCursor(tokens)
    columns: set[str] = set()
    more = cursor.accept("ORDER") and cursor.accept("BY")
    while more:
        try:
            columns.add(fold_name(cursor.read_name()[-1]))
        except UnreadableError:
            return frozenset()
        cursor.skip_any("ASC", "DESC")
        more = cursor.accept(",")
    return frozenset(columns) if not cursor.at_end and cursor.key() == "LIMIT" else frozenset()


def _slice(tokens: Sequence[Token], text: str, begin: int, end: int) -> str:
    return text[tokens[begin].start : tokens[end - 1].end] if begin < end else ""


def _is_certain(tokens: Sequence[Token]) -> bool:
    """Whether the tokens mean the same rows when they are read once more in the same transaction."""
    for index, token in enumerate(tokens):
        if token.kind in (TokenKind.HINT, TokenKind.EXECUTABLE) or token.key in ("@", "?") or "@" in token.text[:1]:
            return False
        if token.key in _CHANGING_WORDS:
            return False
        is_call = index + 1 < len(tokens) and tokens[index + 1].key == "("
        if not is_call or not token.is_identifier:
            continue
        is_known = token.key in _BEFORE_GROUPS or token.key in _CERTAIN_FUNCTIONS
        if not is_known or (index and tokens[index - 1].key == "."):
            return False
    return True
