"""The inverse of a schema change, only where it is simple and certain; for all others, why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from backups.rollback.literals import quote_identifier

ObjectName = tuple[str, str]
"""(schema name, table or view name)"""

PRIMARY = "PRIMARY"

_REASONS = {
    "DROPTABLE": "DROP TABLE takes the rows with it",
    "TRUNCATETABLE": "TRUNCATE takes the rows with it; DELETE can be undone",
    "DROPINDEX": "the definition of a dropped index is not kept",
    "DROPVIEW": "the definition of a dropped view is not kept",
}


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of ALTER TABLE.

    action: "ADD COLUMN", "ADD INDEX", "RENAME TABLE", "OPTION" (ALGORITHM, LOCK, WAIT) or anything else.
    name: column, index or new table; "" when the text gives none.
    if_not_exists: the clause does nothing when `name` is there already.
    text: its words, for messages.
    """

    action: str
    name: str = ""
    if_not_exists: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """What a statement changes, and what was there before it ran.

    kind: `type` of the information table. name: what it makes or alters; for CREATE INDEX the table.
    existed: the table or view that CREATE names was there already.
    or_replace: CREATE OR REPLACE. if_not_exists: CREATE … IF NOT EXISTS.
    index: name of CREATE INDEX. renames: (old, new) in the order of the text.
    columns, indexes: names in the table before, in any case.
    """

    kind: str
    name: ObjectName
    existed: bool = False
    or_replace: bool = False
    if_not_exists: bool = False
    index: str = ""
    clauses: tuple[Clause, ...] = ()
    renames: tuple[tuple[ObjectName, ObjectName], ...] = ()
    columns: frozenset[str] = frozenset()
    indexes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Inverse:
    """statements: in an order that replays right by descending id. missing: why there are none.

    Neither statements nor a reason: the statement changes nothing.
    """

    statements: tuple[str, ...] = ()
    missing: str = ""


def build_inverse(change: SchemaChange) -> Inverse:
    """Return what undoes `change`, which is yet to run."""
    if change.kind in ("CREATETABLE", "CREATEVIEW"):
        return _undo_create(change, "TABLE" if change.kind == "CREATETABLE" else "VIEW")
    if change.kind == "CREATEINDEX":
        return _undo_create_index(change)
    if change.kind == "RENAMETABLE":
        pairs = ", ".join(f"{_name(new)} TO {_name(old)}" for old, new in reversed(change.renames))
        return Inverse((f"RENAME TABLE {pairs};",))
    if change.kind == "ALTERTABLE":
        return _undo_alter(change)
    return _none(_REASONS.get(change.kind, f"no inverse is known for {change.kind}"))


def _undo_create(change: SchemaChange, word: str) -> Inverse:
    if not change.existed:
        return Inverse((f"DROP {word} {_name(change.name)};",))
    if change.if_not_exists and not change.or_replace:
        return Inverse()
    return _none(f"CREATE OR REPLACE takes the {word.lower()} away that was there before")


def _undo_create_index(change: SchemaChange) -> Inverse:
    if _is_in(change.index, change.indexes):
        if change.if_not_exists and not change.or_replace:
            return Inverse()
        return _none(f"index {change.index} was there before, and its definition is not kept")
    return Inverse((f"DROP INDEX {quote_identifier(change.index)} ON {_name(change.name)};",))


def _undo_alter(change: SchemaChange) -> Inverse:
    name, inverse = change.name, list[str]()
    for clause in change.clauses:
        if clause.action == "OPTION" or _does_nothing(clause, change):
            continue
        if clause.action == "ADD COLUMN" and clause.name:
            inverse.append(f"DROP COLUMN {quote_identifier(clause.name)}")
        elif clause.action == "ADD INDEX" and clause.name and clause.name.upper() != PRIMARY:
            inverse.append(f"DROP INDEX {quote_identifier(clause.name)}")
        elif clause.action == "RENAME TABLE" and clause.name:
            name = (change.name[0], clause.name)
            inverse.append(f"RENAME TO {_name(change.name)}")
        else:
            return _none(f"no inverse is known for the clause {clause.text or clause.action!r}")
    return Inverse((f"ALTER TABLE {_name(name)} {', '.join(reversed(inverse))};",)) if inverse else Inverse()


def _does_nothing(clause: Clause, change: SchemaChange) -> bool:
    there = change.columns if clause.action == "ADD COLUMN" else change.indexes
    return clause.if_not_exists and clause.action in ("ADD COLUMN", "ADD INDEX") and _is_in(clause.name, there)


def _is_in(name: str, names: Iterable[str]) -> bool:
    return name.casefold() in {other.casefold() for other in names}


def _name(name: ObjectName) -> str:
    return f"{quote_identifier(name[0])}.{quote_identifier(name[1])}"


def _none(reason: str) -> Inverse:
    return Inverse(missing=f"cannot be undone yet: {reason}.")
