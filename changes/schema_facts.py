"""What a schema change does: the facts from which its inverse is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from changes.alter_clauses import AlterAction, AlterClause, is_partition_clause, read_clause
from changes.kinds import StatementKind, read_object
from changes.lexer import TokenKind
from changes.references import ReferenceReader, TableUse


@dataclass(frozen=True, slots=True)
class SchemaFacts:
    """Facts of one CREATE, ALTER, DROP, RENAME or TRUNCATE.

    own: the table, view or index's table its backup is filed under; the schema of CREATE and ALTER DATABASE.
    written: every table it makes, changes or takes away, in order of the text.
    renames: (old, new) pairs of RENAME TABLE.
    index: name of the index of CREATE INDEX or DROP INDEX.
    invoker: a view that says SQL SECURITY INVOKER.
    ignore: MariaDB's ALTER IGNORE TABLE, which deletes rows that stand in the way of a unique key.
    clauses_at: where the clauses of an ALTER TABLE begin, in characters from the beginning of the statement.
    database: the schema that CREATE or ALTER DATABASE names; "" for the session's, None for other statements.
    """

    own: TableUse
    written: tuple[TableUse, ...]
    if_exists: bool = False
    if_not_exists: bool = False
    or_replace: bool = False
    temporary: bool = False
    like: TableUse | None = None
    as_select: bool = False
    clauses: tuple[AlterClause, ...] = ()
    renames: tuple[tuple[TableUse, TableUse], ...] = ()
    index: str = ""
    invoker: bool = False
    ignore: bool = False
    clauses_at: int = 0
    database: str | None = None

    @property
    def moves(self) -> tuple[tuple[TableUse, TableUse], ...]:
        """(old, new) of RENAME TABLE, and of ALTER TABLE … RENAME."""
        if any(clause.action is AlterAction.RENAME_TABLE for clause in self.clauses):
            return ((self.written[0], self.own),)
        return self.renames


def read_schema_change(kind: StatementKind, reader: ReferenceReader) -> SchemaFacts:
    """Read the whole statement. Raises UnreadableError."""
    return _READERS[kind](reader)


def _read_head(reader: ReferenceReader, *objects: str) -> set[str]:
    """Step over everything up to and with the object's word; return the words between."""
    word, index = read_object(reader.tokens)
    if word not in objects:
        raise reader.unreadable()
    words = {token.key for token in reader.tokens[1:index]}
    reader.position = index + 1
    return words


def _skip_wait(reader: ReferenceReader) -> None:
    """MariaDB: WAIT n, NOWAIT."""
    following = reader.tokens[reader.position + 1 : reader.position + 2]
    if reader.key() == "WAIT" and following and following[0].kind is TokenKind.NUMBER:
        reader.position += 2
    else:
        reader.accept("NOWAIT")


def _need_end(reader: ReferenceReader) -> None:
    if not reader.at_end:
        raise reader.unreadable()


def _read_list(reader: ReferenceReader) -> tuple[TableUse, ...]:
    uses = [reader.read_table()]
    while reader.accept(","):
        uses.append(reader.read_table())
    return tuple(uses)


def _read_create_table(reader: ReferenceReader) -> SchemaFacts:
    words = _read_head(reader, "TABLE")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    own = reader.read_table()
    like = None
    if reader.accept("LIKE") or reader.accept("(", "LIKE"):
        in_parentheses = reader.key(-2) == "("
        like = reader.read_table()
        if in_parentheses:
            reader.need(")")
        _need_end(reader)
    begin = reader.position
    reader.begin_expression()
    reader.read()
    return SchemaFacts(
        own,
        (own,),
        if_not_exists=if_not_exists,
        or_replace="OR" in words,
        temporary="TEMPORARY" in words,
        like=like,
        as_select=_has_query(reader, begin),
    )


def _has_query(reader: ReferenceReader, begin: int) -> bool:
    """Whether CREATE TABLE … [AS] SELECT, TABLE or VALUES: no column or option holds a SELECT or TABLE, and behind the
    VALUES of a partition there is IN or LESS."""
    keys = [token.key for token in reader.tokens[begin:]]
    is_listed = any(first == "VALUES" and second not in ("IN", "LESS") for first, second in pairwise(keys))
    return is_listed or "SELECT" in keys or "TABLE" in keys


def _read_create_view(reader: ReferenceReader) -> SchemaFacts:
    words = _read_head(reader, "VIEW")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    own = reader.read_table()
    if reader.key() == "(":
        reader.skip_group()
    reader.need("AS")
    reader.read()
    return SchemaFacts(
        own, (own,), if_not_exists=if_not_exists, or_replace="OR" in words, invoker="INVOKER" in words, as_select=True
    )


def _read_create_index(reader: ReferenceReader) -> SchemaFacts:
    words = _read_head(reader, "INDEX")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    index = reader.read_name()
    if reader.accept("USING"):
        reader.position += 1
    reader.need("ON")
    own = reader.read_table()
    reader.begin_expression()
    reader.read()
    return SchemaFacts(own, (own,), if_not_exists=if_not_exists, or_replace="OR" in words, index=index[-1])


def _read_drop_index(reader: ReferenceReader) -> SchemaFacts:
    _read_head(reader, "INDEX")
    if_exists = reader.accept("IF", "EXISTS")
    index = reader.read_name()
    reader.need("ON")
    own = reader.read_table()
    _skip_wait(reader)
    reader.begin_expression()
    reader.read()
    return SchemaFacts(own, (own,), if_exists=if_exists, index=index[-1])


def _read_drop(reader: ReferenceReader) -> SchemaFacts:
    words = _read_head(reader, "TABLE", "TABLES", "VIEW")
    if_exists = reader.accept("IF", "EXISTS")
    uses = _read_list(reader)
    _skip_wait(reader)
    reader.skip_any("RESTRICT", "CASCADE")
    _need_end(reader)
    return SchemaFacts(uses[-1], uses, if_exists=if_exists, temporary="TEMPORARY" in words)


def _read_truncate(reader: ReferenceReader) -> SchemaFacts:
    reader.need("TRUNCATE")
    reader.accept("TABLE")
    own = reader.read_table()
    _skip_wait(reader)
    _need_end(reader)
    return SchemaFacts(own, (own,))


def _read_rename(reader: ReferenceReader) -> SchemaFacts:
    _read_head(reader, "TABLE", "TABLES")
    if_exists = reader.accept("IF", "EXISTS")
    renames: list[tuple[TableUse, TableUse]] = []
    while not renames or reader.accept(","):
        old = reader.read_table()
        _skip_wait(reader)
        reader.need("TO")
        renames.append((old, reader.read_table()))
    _need_end(reader)
    written = tuple(use for pair in renames for use in pair)
    return SchemaFacts(renames[-1][1], written, if_exists=if_exists, renames=tuple(renames))


def _read_alter(reader: ReferenceReader) -> SchemaFacts:
    words = _read_head(reader, "TABLE")
    if_exists = reader.accept("IF", "EXISTS")
    table = reader.read_table()
    _skip_wait(reader)
    begin, seen = reader.position, len(reader.uses)
    reader.begin_expression()
    reader.read()
    named = reader.uses[seen:]
    clauses, renamed = [], None
    for start, end in _find_clauses(reader, begin):
        reader.position = start
        clause = read_clause(reader, end)
        if clause.action is AlterAction.RENAME_TABLE:
            renamed = reader.uses[-1]
        clauses.append(clause)
        if is_partition_clause(reader, start):
            break  # it stands alone: the commas in it are between names of partitions
    if not clauses:
        raise reader.unreadable()
    # EXCHANGE PARTITION p WITH TABLE x, CONVERT TABLE x TO PARTITION p: x changes too.
    swapped = named if any(clause.text.upper().startswith(("EXCHANGE ", "CONVERT ")) for clause in clauses) else []
    return SchemaFacts(
        renamed or table,
        (table, *swapped),
        if_exists=if_exists,
        clauses=tuple(clauses),
        ignore="IGNORE" in words,
        clauses_at=reader.tokens[begin].start - reader.tokens[0].start,
    )


def _read_database(reader: ReferenceReader) -> SchemaFacts:
    _read_head(reader, "DATABASE", "SCHEMA")
    if_not_exists = reader.accept("IF", "NOT", "EXISTS")
    is_alter = reader.tokens[0].key == "ALTER"
    name = ""
    # Reserved on both servers, so none of them is a name; other words could be either.
    if not is_alter or reader.key() not in ("DEFAULT", "CHARACTER", "COLLATE"):
        if reader.key() in _DATABASE_OPTIONS:
            raise reader.unreadable()
        name = _read_database_name(reader)
    if is_alter and reader.at_end:
        raise reader.unreadable()
    while not reader.at_end:
        _read_database_option(reader)
    return SchemaFacts(TableUse(None, name), (), if_not_exists=if_not_exists, database=name)


def _read_database_name(reader: ReferenceReader) -> str:
    parts = reader.read_name()
    if len(parts) != 1:
        raise reader.unreadable()
    return parts[0]


_DATABASE_OPTIONS = frozenset({"DEFAULT", "CHARACTER", "CHAR", "CHARSET", "COLLATE", "COMMENT", "ENCRYPTION", "READ"})


def _read_database_option(reader: ReferenceReader) -> None:
    reader.accept("DEFAULT")
    if not (
        reader.accept("CHARACTER", "SET")
        or reader.accept("CHAR", "SET")
        or any(reader.accept(word) for word in ("CHARSET", "COLLATE", "COMMENT", "ENCRYPTION"))
    ):
        raise reader.unreadable()
    reader.accept("=")
    if reader.at_end or not (
        reader.tokens[reader.position].is_identifier or reader.tokens[reader.position].kind is TokenKind.STRING
    ):
        raise reader.unreadable()
    reader.position += 1


def _find_clauses(reader: ReferenceReader, begin: int) -> list[tuple[int, int]]:
    """Return half-open ranges of token indexes between the commas outside of parentheses."""
    ranges, depth, start = [], 0, begin
    for index in range(begin, len(reader.tokens)):
        key = reader.tokens[index].key
        depth += (key == "(") - (key == ")")
        if key == "," and depth == 0:
            ranges.append((start, index))
            start = index + 1
    if start < len(reader.tokens):
        ranges.append((start, len(reader.tokens)))
    return ranges


_READERS: dict[StatementKind, Callable[[ReferenceReader], SchemaFacts]] = {
    StatementKind.CREATE_TABLE: _read_create_table,
    StatementKind.CREATE_VIEW: _read_create_view,
    StatementKind.ALTER_VIEW: _read_create_view,
    StatementKind.CREATE_INDEX: _read_create_index,
    StatementKind.DROP_INDEX: _read_drop_index,
    StatementKind.DROP_TABLE: _read_drop,
    StatementKind.DROP_VIEW: _read_drop,
    StatementKind.TRUNCATE_TABLE: _read_truncate,
    StatementKind.RENAME_TABLE: _read_rename,
    StatementKind.ALTER_TABLE: _read_alter,
    StatementKind.CREATE_DATABASE: _read_database,
    StatementKind.ALTER_DATABASE: _read_database,
}
