"""Which tables a statement names, and every other dotted name in it: one pass over its tokens.

A name is a table's when it stands where only a table can: after FROM, JOIN, INTO, UPDATE, REFERENCES, and after a comma
between those. Every other dotted name is a column's or a function's; the policy compares its qualifier with the
aliases.
What does not fit raises UnreadableError: never a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from changes.cursor import TokenCursor, UnreadableError
from changes.lexer import Token, TokenKind

MAX_DEPTH = 200
MAX_TABLES = 61  # both servers join no more


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table named by a statement. schema is None when the name stands alone."""

    schema: str | None
    table: str


@dataclass(frozen=True, slots=True)
class DottedName:
    """A name of two or three parts that is not in a table's place."""

    parts: tuple[str, ...]
    is_call: bool


class _Mode(Enum):
    START = auto()  # nothing read yet: a query, a list of tables or an expression may follow
    CTE = auto()  # between WITH and the query proper
    TABLES = auto()  # a list of tables
    ASSIGNMENTS = auto()  # after the SET of an UPDATE
    EXPRESSION = auto()


@dataclass(slots=True)
class _Frame:
    """One level of parentheses.

    expect: in TABLES a table must come next; in ASSIGNMENTS a column.
    is_query: FROM begins a list of tables here (and not in TRIM(… FROM …)).
    is_factor: stands where a table may; an alias can follow its end.
    """

    mode: _Mode = _Mode.START
    expect: bool = False
    is_query: bool = False
    is_factor: bool = False


# Reserved on both servers: a word that cannot be an alias without quotes.
_JOIN_WORDS = {"JOIN", "STRAIGHT_JOIN", "INNER", "CROSS", "LEFT", "RIGHT", "NATURAL", "ON", "USING"}
_LIST_ENDS = {
    "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "FOR", "LOCK", "INTO", "PROCEDURE",
    "VALUES", "WITH", "SELECT", "SET", "FETCH",
}  # fmt: skip
# Reserved on one server only, an alias on the other.
_SOMETIMES_ENDS = {"WINDOW", "RETURNING", "QUALIFY"}
_PRESENT = {"NOW", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURDATE", "LOCALTIME", "LOCALTIMESTAMP"}
_INERT = {TokenKind.STRING, TokenKind.NUMBER, TokenKind.ROWS, TokenKind.OPERATOR}
_PARENTHESES = {"(", ")"}
_NO_ALIAS = _JOIN_WORDS | _LIST_ENDS | {"AS", "PARTITION", "USE", "IGNORE", "FORCE", "TABLESAMPLE", "TABLE", "FROM"}
_AFTER_ALIAS = _JOIN_WORDS | _LIST_ENDS | {",", ")", ""}
_NO_TABLE = _NO_ALIAS | {"EXISTS", "NOT", "CASE", "AND", "OR", "NULL"}


class ReferenceReader(TokenCursor):
    """Reads a statement's tables from token `position` on.

    After read(): `uses` (tables in order of the text), `names` (other dotted names), `aliases` and `ctes` (what
    qualifiers and single names may mean), `outer` (tables outside of subqueries by alias), `assigned` (columns of an
    UPDATE's SET), `has_where`.
    """

    def __init__(self, tokens: Sequence[Token], position: int = 0) -> None:
        super().__init__(tokens, position)
        self.uses: list[TableUse] = []
        self.names: list[DottedName] = []
        self.aliases: set[str] = set()
        self.ctes: set[str] = set()
        self.assigned: list[tuple[str, ...]] = []
        self.outer: dict[str, TableUse] = {}
        self.has_where = False
        self.allows_row_alias = False  # INSERT … VALUES (…) AS new
        self._frames = [_Frame()]

    def read_table(self) -> TableUse:
        """Step over a table's name, add it to `uses` and return it."""
        if self.key() in _NO_TABLE:
            raise self.unreadable()
        parts = self.read_name()
        if len(parts) > 2:
            raise UnreadableError(".".join(parts))
        use = TableUse(parts[0] if len(parts) == 2 else None, parts[-1])
        self.uses.append(use)
        self.aliases.add(use.table)
        return use

    def skip_partitions(self) -> None:
        if self.key() == "PARTITION" and self.key(1) == "(":
            self.position += 1
            self.skip_group()

    # Reading on its own.

    def begin_tables(self) -> None:
        self._top.mode, self._top.expect, self._top.is_query = _Mode.TABLES, True, True

    def begin_expression(self, *, is_query: bool = False) -> None:
        self._top.mode, self._top.is_query = _Mode.EXPRESSION, is_query

    @property
    def _top(self) -> _Frame:
        return self._frames[-1]

    def read(self) -> None:
        """Read to the end of the statement."""
        tokens, end = self.tokens, len(self.tokens)
        while self.position < end:
            token = tokens[self.position]
            # The bulk of a long statement: values, commas and signs in an expression.
            if token.kind in _INERT and token.key not in _PARENTHESES and self._top.mode is _Mode.EXPRESSION:
                self.position += 1
            else:
                self.step()
        if len(self._frames) != 1 or self._top.expect:
            raise self.unreadable()

    def read_with_clause(self) -> None:
        """Read WITH … up to the verb outside of parentheses; the verb stays unread."""
        self.need("WITH")
        self._top.mode = _Mode.CTE
        while len(self._frames) > 1 or self.key() not in ("UPDATE", "DELETE"):
            if self.at_end:
                raise self.unreadable()
            self.step()
        self._top.mode = _Mode.START

    def step(self) -> None:
        key = self.key()
        if key == "(":
            self._open()
        elif key == ")":
            self._close()
        else:
            if self._top.mode is _Mode.START:
                self._start()
            _STEPS[self._top.mode](self, key)

    def _open(self) -> None:
        top = self._top
        if top.mode is _Mode.START:
            # Parentheses around tables hold tables; around anything else, anything.
            top.mode, top.expect = (_Mode.TABLES, True) if top.is_factor else (_Mode.EXPRESSION, False)
        if len(self._frames) > MAX_DEPTH:
            raise UnreadableError(f"more than {MAX_DEPTH} levels of parentheses")
        self._frames.append(_Frame(is_factor=top.mode is _Mode.TABLES and top.expect))
        top.expect = False
        self.position += 1

    def _close(self) -> None:
        if len(self._frames) == 1 or (self._top.mode is _Mode.TABLES and self._top.expect):
            raise self.unreadable()
        closed = self._frames.pop()
        self.position += 1
        if closed.is_factor:
            self._read_alias()

    def _start(self) -> None:
        """Decide by its first word what a level of parentheses holds."""
        top, key = self._top, self.key()
        if key in ("SELECT", "VALUES", "TABLE", "WITH"):
            top.mode, top.is_query = _Mode.EXPRESSION, True
        elif top.is_factor:
            top.mode, top.expect = _Mode.TABLES, True
        else:
            top.mode = _Mode.EXPRESSION

    def _step_cte(self, key: str) -> None:
        if key in ("SELECT", "VALUES", "TABLE"):
            self._top.mode, self._top.is_query = _Mode.EXPRESSION, True
        elif self._at_cte_name():
            self.ctes.add(self.tokens[self.position].name)
            self.position += 1
        else:
            self.position += 1

    def _at_cte_name(self) -> bool:
        is_name = self.tokens[self.position].is_identifier and self.key() not in ("AS", "RECURSIVE")
        return is_name and self.key(1) in ("AS", "(")

    def _step_expression(self, key: str) -> None:
        top = self._top
        if key == "FROM" and top.is_query:
            self.position += 1
            self.begin_tables()
        elif key == "WITH" and self._begins_cte():
            top.mode = _Mode.CTE
            self.position += 1
        elif key in ("TABLE", "REFERENCES"):
            self.position += 1
            self.read_table()
        elif key == "AS" and self.allows_row_alias and len(self._frames) == 1 and not top.is_query:
            self._read_alias()
        else:
            top.is_query = top.is_query or key == "SELECT"
            self.has_where = self.has_where or (key == "WHERE" and len(self._frames) == 1)
            self._read_operand()

    def _begins_cte(self) -> bool:
        """WITH c AS (…), not WITH ROLLUP, WITH CHECK OPTION or WITH PARSER."""
        if self.key(1) == "RECURSIVE":
            return True
        index = self.position + 1
        return index < len(self.tokens) and self.tokens[index].is_identifier and self.key(2) in ("AS", "(")

    def _read_operand(self) -> None:
        """Step over one token or one whole dotted name."""
        if not self.tokens[self.position].is_identifier or self.key(-1) in (".", "@"):
            self.position += 1
            return
        parts = self.read_name()
        if len(parts) > 1:
            self.names.append(DottedName(parts, is_call=self.key() == "("))

    def _step_assignments(self, key: str) -> None:
        if self._top.expect:
            column = self.read_name()
            self.assigned.append(column)
            if len(column) > 1:
                self.names.append(DottedName(column, is_call=False))
            self._top.expect = False
        elif key == ",":
            self._top.expect = True
            self.position += 1
        elif key in ("WHERE", "ORDER", "LIMIT", "RETURNING"):
            self._top.mode = _Mode.EXPRESSION
        else:
            self._read_operand()

    def _step_tables(self, key: str) -> None:
        top = self._top
        if top.expect:
            self._read_factor(key)
        elif key in (",", "JOIN", "STRAIGHT_JOIN"):
            top.expect = True
            self.position += 1
        elif key == "SET" and len(self._frames) == 1:
            top.mode, top.expect = _Mode.ASSIGNMENTS, True
            self.position += 1
        elif key == "AS" and self.key(1) != "OF":
            self._read_alias()
        elif self._ends_list(key):
            top.mode = _Mode.EXPRESSION
        elif key in ("FROM", "TABLE"):
            raise self.unreadable()
        else:
            self._read_operand()

    def _ends_list(self, key: str) -> bool:
        if key == "ON":
            return self.key(1) == "DUPLICATE"
        if key == "FOR":  # t FOR SYSTEM_TIME …, t USE INDEX FOR ORDER BY (i)
            return self.key(1) != "SYSTEM_TIME" and self.key(-1) not in ("INDEX", "KEY")
        return key in _SOMETIMES_ENDS or (key in _LIST_ENDS and self.key(-1) != "FOR")

    def _read_factor(self, key: str) -> None:
        top = self._top
        if key == "LATERAL":
            self.position += 1
        elif key == "DUAL":
            top.expect = False
            self.position += 1
        elif self.key(1) == "(" and self.tokens[self.position].is_identifier and key not in _NO_TABLE:
            self._read_table_function()
        else:
            use = self.read_table()
            top.expect = False
            self.skip_partitions()
            self._skip_portion()
            alias = self._read_alias()
            if not any(frame.is_query for frame in self._frames[1:]):
                self.outer[alias or use.table] = use
                if len(self.outer) > MAX_TABLES:
                    raise UnreadableError(f"a join of more than {MAX_TABLES} tables")

    def _read_table_function(self) -> None:
        """JSON_TABLE(…) AS x: its arguments are expressions, its name is no table."""
        self.position += 2
        self._top.expect = False
        self._frames.append(_Frame(_Mode.EXPRESSION, is_factor=True))

    def _skip_portion(self) -> None:
        """Step over MariaDB's FOR PORTION OF period FROM … TO …; its bounds hold no column and no table."""
        if not self.accept("FOR", "PORTION"):
            return
        self.need("OF")
        self._read_single_name()
        for word in ("FROM", "TO"):
            self.need(word)
            self._skip_moment()

    def _skip_moment(self) -> None:
        """Step over a literal or the present time, and intervals added to it: of the constants, what reads one way."""
        if self.key() in _PRESENT:
            self.position += 1
            if self.accept("("):
                self._accept_kind(TokenKind.NUMBER)
                self.need(")")
        else:
            self.skip_any("DATE", "TIMESTAMP")
            self._skip_literal()
        while self.accept("+", "INTERVAL") or self.accept("-", "INTERVAL"):
            self._skip_literal()
            self._read_single_name()

    def _skip_literal(self) -> None:
        if not self._accept_kind(TokenKind.STRING, TokenKind.NUMBER):
            raise self.unreadable()

    def _accept_kind(self, *kinds: TokenKind) -> bool:
        is_one = not self.at_end and self.tokens[self.position].kind in kinds
        self.position += is_one
        return is_one

    def _read_alias(self) -> str:
        """Step over [AS] alias, when one comes next, and return it."""
        alias = ""
        if self.accept("AS"):
            alias = self._read_single_name()
        elif not self.at_end and self.tokens[self.position].is_identifier and self.key() not in _NO_ALIAS:
            if self.key() in _SOMETIMES_ENDS and self.key(1) not in _AFTER_ALIAS:
                return ""
            alias = self._read_single_name()
        if alias:
            self.aliases.add(alias)
        return alias

    def _read_single_name(self) -> str:
        parts = self.read_name()
        if len(parts) != 1:
            raise UnreadableError(".".join(parts))
        return parts[0]


_STEPS: dict[_Mode, Callable[[ReferenceReader, str], None]] = {
    _Mode.CTE: ReferenceReader._step_cte,
    _Mode.TABLES: ReferenceReader._step_tables,
    _Mode.ASSIGNMENTS: ReferenceReader._step_assignments,
    _Mode.EXPRESSION: ReferenceReader._step_expression,
}
