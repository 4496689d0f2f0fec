"""What a statement of an allowed kind does, as far as its text tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from changes.kinds import StatementKind
from changes.lexer import Token, TokenKind
from changes.references import DottedName, ReferenceReader, TableUse
from changes.schema_facts import SchemaFacts, read_schema_change


@dataclass(frozen=True, slots=True)
class Reading:
    """Tables and clauses of one statement.

    own: the table its backup is filed under.
    written, read: tables it changes and tables it only looks at, each once; own comes first.
    uses: every table named, a new name for a table too.
    names, aliases: other dotted names, and what their first part may mean besides a schema.
    facts: what the inverse of a schema change is built from; None for row changes.
    """

    own: TableUse
    written: tuple[TableUse, ...]
    read: tuple[TableUse, ...] = ()
    uses: tuple[TableUse, ...] = ()
    names: tuple[DottedName, ...] = ()
    aliases: frozenset[str] = field(default=frozenset())
    has_where: bool = False
    facts: SchemaFacts | None = None


def read_statement(kind: StatementKind, tokens: Sequence[Token]) -> Reading:
    """Return what the statement names. tokens: without comments.

    Raises UnreadableError when the text does not follow the grammar of its kind.
    """
    marks = (TokenKind.HINT, TokenKind.EXECUTABLE)  # the policy judges these; what they enclose is read
    reader = ReferenceReader([token for token in tokens if token.kind not in marks])
    facts = None
    if kind is StatementKind.INSERT or kind is StatementKind.REPLACE:
        written = [_read_insert(reader)]
    elif kind is StatementKind.UPDATE:
        written = _read_update(reader)
    elif kind is StatementKind.DELETE:
        written = _read_delete(reader)
    else:
        facts = read_schema_change(kind, reader)
        written = list(facts.written)
    own = facts.own if facts else written[0]
    # After ALTER … RENAME, own is a name to be and no table yet.
    known = {*written, own}
    read = [use for use in dict.fromkeys(reader.uses) if use not in known]
    return Reading(
        own=own,
        written=tuple(dict.fromkeys(written)),
        read=tuple(use for use in read if use.schema is not None or use.table not in reader.ctes),
        uses=tuple(dict.fromkeys(reader.uses)),
        names=tuple(reader.names),
        aliases=frozenset(reader.aliases | reader.ctes),
        has_where=reader.has_where,
        facts=facts,
    )


def _read_insert(reader: ReferenceReader) -> TableUse:
    reader.position += 1
    reader.skip_any("LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "IGNORE", "INTO")
    target = reader.read_table()
    reader.skip_partitions()
    reader.begin_expression()
    reader.allows_row_alias = True
    reader.read()
    return target


def _read_update(reader: ReferenceReader) -> list[TableUse]:
    """Return the tables that SET names, that of the first column first."""
    if reader.key() == "WITH":
        reader.read_with_clause()
    derived = frozenset(reader.ctes)  # those before UPDATE; what they name is never written
    reader.need("UPDATE")
    reader.skip_any("LOW_PRIORITY", "IGNORE")
    reader.begin_tables()
    reader.read()
    if not reader.assigned:
        raise reader.unreadable()
    outer = [use for use in reader.outer.values() if use.schema is not None or use.table not in derived]
    written: list[TableUse] = []
    for column in reader.assigned:
        found = _find_owner(column, reader.outer)
        # A bare column of a join may be of any of its tables: count them all.
        written.extend([found] if found else outer)
    if not written:
        raise reader.unreadable()
    return list(dict.fromkeys(written))


def _find_owner(column: tuple[str, ...], outer: dict[str, TableUse]) -> TableUse | None:
    if len(column) == 2:
        return outer.get(column[0])
    if len(column) == 3:
        return next((use for use in outer.values() if use.table == column[1] and use.schema in (None, column[0])), None)
    return None


def _read_delete(reader: ReferenceReader) -> list[TableUse]:
    if reader.key() == "WITH":
        reader.read_with_clause()
    reader.need("DELETE")
    reader.skip_any("LOW_PRIORITY", "QUICK", "IGNORE")
    targets_first = not reader.accept("FROM")
    begin = reader.position
    targets = _read_delete_targets(reader)
    if targets_first:
        reader.need("FROM")
    elif not reader.accept("USING"):
        reader.position = begin  # DELETE FROM t [AS x] WHERE …
        reader.begin_tables()
        reader.read()
        if len(reader.outer) != 1:
            raise reader.unreadable()
        return list(reader.outer.values())
    reader.begin_tables()
    reader.read()
    return [_resolve_target(target, reader) for target in targets]


def _read_delete_targets(reader: ReferenceReader) -> list[tuple[str, ...]]:
    targets = [reader.read_name()]
    reader.accept(".", "*")
    while reader.accept(","):
        targets.append(reader.read_name())
        reader.accept(".", "*")
    return targets


def _resolve_target(target: tuple[str, ...], reader: ReferenceReader) -> TableUse:
    """Return the table of FROM that a name before FROM means."""
    if len(target) == 1:
        found = reader.outer.get(target[0])
    else:
        found = next(
            (use for use in reader.outer.values() if use.table == target[-1] and use.schema in (None, target[0])), None
        )
        if found is not None and found.schema is None:
            # `DELETE a.t FROM t`: keep the schema that was written, so that the policy sees it.
            found = TableUse(target[0], target[1])
            reader.uses.append(found)
    if found is None or len(target) > 2:
        reader.position = len(reader.tokens)
        raise reader.unreadable()
    return found
