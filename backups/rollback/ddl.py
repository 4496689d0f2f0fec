"""The inverse of a schema change, made from the definitions before and after it; or what makes it impossible."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from backups.rollback.alter import NoInverseError, build_alters, build_default_drops, find_counterparts
from backups.rollback.column_types import DATES, can_return, keeps_values, parse_type, read_words
from backups.rollback.databases import DatabaseDefinition, build_drop
from backups.rollback.definitions import Definition, ObjectName, TableDefinition, ViewDefinition
from backups.rollback.kept import (
    KeptTable,
    build_move_back,
    without_foreign_keys,
)
from backups.rollback.kept_back import bring_rows_back, bring_values_back
from backups.rollback.literals import fold_name, quote_identifier

Definitions = Mapping[ObjectName, Definition | None]
"""What there is under each name; None where there is nothing."""


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One schema change that ran.

    before, after: the definitions of every table and view that the statement names, before and after it.
    renames: of tables and views, (old, new) in the order of the text. column_renames: (old, new).
    dropped_columns: names in DROP COLUMN: one that is added again under its name has lost its values all the same.
    kept: what was set aside before it ran, by the name of the table.
    rows_lost: what it does to rows that no definition shows ("TRUNCATE takes the rows with it"), "" for nothing.
    fragile: columns of a table with values that the statement may change unsaid: a 0 that AUTO_INCREMENT would number,
        dates that the session's sql_mode does not allow.
    replaces: CREATE OR REPLACE TABLE. strict: the session that ran it had a strict sql_mode.
    empty: tables and schemas that held nothing before it. whole_columns: those whose values all
        come back, as was seen: they fit, or held only the default.
    """

    before: Definitions
    after: Definitions
    renames: tuple[tuple[ObjectName, ObjectName], ...] = ()
    column_renames: tuple[tuple[str, str], ...] = ()
    dropped_columns: tuple[str, ...] = ()
    rows_lost: str = ""
    replaces: bool = False
    kept: Mapping[ObjectName, KeptTable] = field(default_factory=dict)
    strict: bool = True
    empty: frozenset[ObjectName] = frozenset()
    whole_columns: frozenset[str] = frozenset()
    fragile: Mapping[ObjectName, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Inverse:
    """statements: in an order that replays right by descending id. missing: why there are none.

    Neither statements nor a reason: the statement changed nothing.
    """

    statements: tuple[str, ...] = ()
    missing: str = ""


def move_change(change: SchemaChange, kept: Sequence[KeptTable]) -> SchemaChange:
    """Return `change` as it is elsewhere, with its tables where `kept` has them."""
    places = {one.table_name: (one.schema_name, one.table_name) for one in kept}
    before, after = (
        {places.get(name[1], name): definition for name, definition in definitions.items()}
        for definitions in (change.before, change.after)
    )
    return replace(change, before=before, after=after, kept={places[one.table_name]: one for one in kept})


def build_inverse(change: SchemaChange) -> Inverse:
    """Return what undoes `change`."""
    if change.rows_lost:
        return _none(change.rows_lost)
    run = _Inverse(change, dict(change.after))
    try:
        statements = list(run.build())
    except NoInverseError as error:
        return _none(str(error))
    return Inverse(tuple(reversed(statements)))


def compare_definitions(found: Definitions, wanted: Definitions) -> str:
    """Return the first difference, in words; "" when all is the same but for AUTO_INCREMENT counters."""
    for name in sorted({*found, *wanted}):
        left, right = found.get(name), wanted.get(name)
        if _is_same(left, right):
            continue
        label = ".".join(name) if name[1] else f"the schema {name[0]}"
        if left is None or right is None:
            return f"{label} {'is missing' if left is None else 'is there and should not be'}"
        return f"{label} has {_first_difference(left, right)}"
    return ""


def _is_same(left: Definition | None, right: Definition | None) -> bool:
    """Whether nothing has to be done to make one into the other."""
    if (left and left.without_counter) != (right and right.without_counter):
        return False
    if not isinstance(left, ViewDefinition) or not isinstance(right, ViewDefinition):
        return True
    return left.is_same_session(right)


def digest(definition: Definition | None) -> str:
    """Return a short mark of a definition; two that compare equal have the same."""
    if definition is None:
        return "none"
    plain = definition.without_counter
    parts = [getattr(plain, part.name) for part in fields(plain) if part.compare]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def find_dropped(before: TableDefinition, after: TableDefinition, change: SchemaChange) -> list[str]:
    """Return the columns with values of their own that are gone, or were made anew."""
    counterparts = find_counterparts(after.columns, before.columns, dict(change.column_renames))
    dropped = {fold_name(name) for name in change.dropped_columns}
    found = []
    for column in before.columns:
        if column.name in change.whole_columns:
            continue
        old = parse_type(column, "")
        is_gone = column.name not in counterparts or fold_name(column.name) in dropped
        if is_gone and column.name not in change.whole_columns and (old is None or not old.is_generated):
            found.append(column.name)
    return found


def find_narrowed(before: TableDefinition, after: TableDefinition, change: SchemaChange) -> list[str]:
    """Return the columns, by their names before, whose new types may not hold every value."""
    counterparts = find_counterparts(after.columns, before.columns, dict(change.column_renames))
    charsets = [dict(table.options).get("CHARSET", "") for table in (before, after)]
    dropped = {fold_name(name) for name in change.dropped_columns}
    found = []
    for column in before.columns:
        if column.name in change.whole_columns:
            continue
        counterpart = counterparts.get(column.name)
        if counterpart is None or fold_name(column.name) in dropped:
            continue
        old, new = parse_type(column, charsets[0]), parse_type(counterpart, charsets[1])
        if old is None or new is None or not keeps_values(old, new, strict=change.strict):
            found.append(column.name)
    return found


def find_stuck(before: TableDefinition, after: TableDefinition, change: SchemaChange) -> list[str]:
    """Return the narrowed columns that an ALTER may not give their type back, so that kept values have no place."""
    counterparts = find_counterparts(after.columns, before.columns, dict(change.column_renames))
    found = []
    for name in find_narrowed(before, after, change):
        column = next(column for column in before.columns if column.name == name)
        old, new = parse_type(column, ""), parse_type(counterparts[name], "")
        if old is None or new is None or not can_return(old, new):
            found.append(name)
    return found


def find_lost_columns(before: TableDefinition, after: TableDefinition, change: SchemaChange) -> list[str]:
    """Return the columns whose values do not survive and are not kept, each with the reason."""
    kept = {column for table in change.kept.values() for column in table.columns}
    changed = {column for table in change.kept.values() for column in table.changed}
    lost = [
        f"the values of column {name}, which is dropped"
        for name in find_dropped(before, after, change)
        if name not in kept - changed
    ]
    return lost + [
        f"values of column {name} that its new type cannot hold exactly"
        for name in find_narrowed(before, after, change)
        if name not in changed
    ]


def _find_fragile(before: TableDefinition, after: TableDefinition, change: SchemaChange, name: ObjectName) -> list[str]:
    """Return what the statement may have done to values unsaid. A column that was renamed besides may have got the
    counter that there is."""
    counting = {fold_name(column.name) for column in after.columns if " AUTO_INCREMENT" in read_words(column)}
    there = {fold_name(column.name) for column in after.columns}
    put_back = {column for table in change.kept.values() for column in table.columns}
    types = {column.name: parse_type(column, "") for column in before.columns}
    found = []
    for column in change.fragile.get(name, ()):
        kind = types.get(column)
        if kind is not None and kind.is_generated:
            found.append(f"values of column {column} that this session would calculate otherwise")
        elif kind is not None and kind.base in DATES:
            if column not in put_back:
                found.append(f"dates of column {column} that this sql_mode does not allow, which an ALTER may make 0")
        elif fold_name(column) in counting or (counting and fold_name(column) not in there):
            found.append(f"the 0 of column {column}, which AUTO_INCREMENT makes a number")
    return found


@dataclass(slots=True)
class _Inverse:
    """The inverse in the making. now: what stands when the statements so far have run."""

    change: SchemaChange
    now: dict[ObjectName, Definition | None]
    renamed_back: set[ObjectName] = field(default_factory=set)

    def build(self) -> Iterator[str]:
        """Yield the statements in the order to run them. Raises NoInverseError."""
        yield from self._rename_back()
        # All of them before their foreign keys: one may be the parent of another.
        for name, kept in self.change.kept.items():
            if kept.is_whole:
                yield from build_move_back(kept, is_there=self.now.get(name) is not None)
        for name, wanted in _order_views(self.change.before):
            now = self.now.get(name)
            if name in self.change.kept:
                yield from self._bring_back(self.change.kept[name], name, now, wanted)
                continue
            if isinstance(now, TableDefinition) and isinstance(wanted, TableDefinition):
                self._check_rows(name, now, wanted)
            if not _is_same(now, wanted):
                yield from self._restore(name, now, wanted)

    def _bring_back(
        self, kept: KeptTable, name: ObjectName, now: Definition | None, wanted: Definition | None
    ) -> Iterator[str]:
        if not isinstance(wanted, TableDefinition) or not (kept.is_whole or isinstance(now, TableDefinition)):
            raise NoInverseError(f"{name[1]} is no longer the table that it was")
        if kept.is_whole:
            yield from build_alters(without_foreign_keys(wanted), wanted, _name(name), {})
            return
        assert isinstance(now, TableDefinition)
        self._check_rows(name, now, wanted)
        renamed = dict(self.change.column_renames)
        if kept.partitions:
            yield from bring_rows_back(kept, now, wanted)
        else:
            yield from bring_values_back(kept, now, wanted, find_narrowed(wanted, now, self.change), renamed)

    def _check_rows(self, name: ObjectName, now: TableDefinition, wanted: TableDefinition) -> None:
        """Raise NoInverseError when rows, or values of columns, were lost; equal definitions do not say that."""
        if self.change.replaces:
            raise NoInverseError(f"CREATE OR REPLACE takes the rows of {name[1]} away")
        lost = [*find_lost_columns(wanted, now, self.change), *_find_fragile(wanted, now, self.change, name)]
        if lost:
            raise NoInverseError(f"lost are {'; '.join(lost)}")

    def _rename_back(self) -> Iterator[str]:
        pairs = list_happened(self.change.before, self.change.renames)
        if not pairs:
            return
        back = ", ".join(f"{_name(new)} TO {_name(old)}" for old, new in reversed(pairs))
        yield f"RENAME TABLE {back};"
        for old, new in reversed(pairs):
            moved = self.now.get(new)
            self.now[new] = None
            self.now[old] = moved.renamed(old[1]) if isinstance(moved, (TableDefinition, ViewDefinition)) else None
            for name, table in self.now.items():
                if isinstance(table, TableDefinition):
                    schemas = (new[0] if name == old else name[0], name[0])
                    self.now[name] = table.follow_parents(schemas, new, old)

    def _restore(self, name: ObjectName, now: Definition | None, wanted: Definition | None) -> Iterator[str]:
        if now is None and name in self.change.empty:
            yield _make_empty(name, wanted)
            if isinstance(wanted, TableDefinition):
                yield from build_default_drops(wanted.columns, _name(name))
        elif not name[1]:
            yield _restore_schema(name[0], now, wanted)
        elif wanted is None:
            yield f"DROP {'VIEW' if isinstance(now, ViewDefinition) else 'TABLE'} {_name(name)};"
        elif isinstance(wanted, ViewDefinition):
            if isinstance(now, TableDefinition):
                raise NoInverseError(f"{name[1]} was a view and is a table now")
            yield from remake_view(name[0], wanted, is_there=now is not None)
        elif now is None:
            raise NoInverseError(f"the rows of {name[1]} go with the table")
        elif not isinstance(now, TableDefinition) or not isinstance(wanted, TableDefinition):
            raise NoInverseError(f"{name[1]} was a table and is a view now")
        else:
            yield from build_alters(now, wanted, _name(name), dict(self.change.column_renames))


def list_happened(
    before: Definitions, renames: Iterable[tuple[ObjectName, ObjectName]]
) -> list[tuple[ObjectName, ObjectName]]:
    """Return the renames that took place: with IF EXISTS, a name that was not there is passed over."""
    there = {name for name, definition in before.items() if definition is not None}
    happened = []
    for old, new in renames:
        if old in there and old != new:
            there = (there - {old}) | {new}
            happened.append((old, new))
    return happened


def _make_empty(name: ObjectName, wanted: Definition | None) -> str:
    """Return what makes a table or schema again that held nothing. Raises NoInverseError."""
    if isinstance(wanted, TableDefinition):
        return f"{wanted.build_create(name[0], parents_in=name[0])};"
    if isinstance(wanted, DatabaseDefinition) and not wanted.unread:
        return f"CREATE DATABASE {quote_identifier(name[0])} {wanted.build_options()};"
    raise NoInverseError(f"{'.'.join(name)} is gone")


def _restore_schema(name: str, now: Definition | None, wanted: Definition | None) -> str:
    """Return what makes a schema's own options as they were. Raises NoInverseError."""
    if wanted is None:
        return build_drop(name)
    if not isinstance(now, DatabaseDefinition) or not isinstance(wanted, DatabaseDefinition):
        raise NoInverseError(f"the schema {name} is gone")
    if now.unread != wanted.unread:
        raise NoInverseError(f"no way back is known for the option {now.unread or wanted.unread} of the schema {name}")
    return wanted.build_alter(now)


def remake_view(schema_name: str, wanted: ViewDefinition, *, is_there: bool) -> Iterator[str]:
    """Yield what makes a view again, in a session of the character set of the one that made it.

    Raises NoInverseError.
    """
    if not wanted.is_remade_in_any_session:
        raise NoInverseError(
            f"the view {wanted.name} was made in a session of the character set {wanted.charset} and holds signs that"
            " are other bytes there than in utf8mb4"
        )
    create = f"{wanted.build_create(schema_name, or_replace=is_there)};"
    if not wanted.charset:
        yield create
        return
    yield (
        "SET @inception_charset = @@character_set_client, @inception_collation = @@collation_connection,"
        f" character_set_client = {wanted.charset}, collation_connection = {wanted.collation};"
    )
    yield create
    yield "SET character_set_client = @inception_charset, collation_connection = @inception_collation;"


def _order_views(definitions: Definitions) -> Iterator[tuple[ObjectName, Definition | None]]:
    """Yield all in their order, but a view after the views that it reads: it cannot be made before them.

    The server writes every name in a view's body with its schema. A string that looks like one only moves a view.
    """
    waiting = {name: found for name, found in definitions.items() if isinstance(found, ViewDefinition)}
    yield from ((name, found) for name, found in definitions.items() if name not in waiting)
    while waiting:
        free = [
            name for name, view in waiting.items() if not any(_name(n) in view.body for n in waiting if n != name)
        ] or list(waiting)
        yield from ((name, waiting.pop(name)) for name in free)


def _first_difference(found: Definition, wanted: Definition) -> str:
    if isinstance(found, ViewDefinition) and isinstance(wanted, ViewDefinition) and found == wanted:
        here, there = (f"{view.charset}/{view.collation}" for view in (found, wanted))
        return f"another session's character set: found {here}; needed {there}"
    if isinstance(found, DatabaseDefinition) and isinstance(wanted, DatabaseDefinition):
        return f"other options: found {found.build_options()}; needed {wanted.build_options()}"
    if not isinstance(found, TableDefinition) or not isinstance(wanted, TableDefinition):
        return "another definition"
    for part in ("columns", "indexes", "foreign_keys", "checks", "periods"):
        left, right = getattr(found, part), getattr(wanted, part)
        if left != right:
            return _describe(part.replace("_", " "), [e.text for e in left], [e.text for e in right])
    for left, right in zip(_others(found), _others(wanted), strict=True):
        if left != right:
            return _describe("options", [left], [right])
    return "another definition"


def _others(table: TableDefinition) -> tuple[str, ...]:
    table = table.without_counter
    return (str(dict(table.options)), table.partitioning, table.unread, str(table.is_versioned))


def _describe(part: str, found: Sequence[str], wanted: Sequence[str]) -> str:
    more = [text for text in found if text not in wanted]
    less = [text for text in wanted if text not in found]
    if not more and not less:
        return f"its {part} in another order"
    return f"other {part}: found {', '.join(more) or 'none'}; needed {', '.join(less) or 'none'}"


def _name(name: ObjectName) -> str:
    return f"{quote_identifier(name[0])}.{quote_identifier(name[1])}"


def _none(reason: str) -> Inverse:
    return Inverse(missing=f"cannot be undone: {reason}.")
