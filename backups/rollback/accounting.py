"""Do the row events of a statement account for what the server said it did? Pure arithmetic on counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from backups.binlog.rows import ABSENT, ChangeKind, RowChange, Table
from backups.binlog.snapshots import CascadeFact, Snapshot
from backups.rollback.literals import fold_name

TableName = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """reason: why the backup is incomplete, "" when it is complete. explanation: why the counts differ, or ""."""

    reason: str
    explanation: str = ""

    @property
    def state(self) -> str:
        return "incomplete" if self.reason else "complete"


@dataclass(slots=True)
class Tally:
    """Counts the row changes of one statement, and which foreign keys acted where the binlog does not say how.

    counts: the statement's own changes. by_keys: rows that foreign keys changed, known by shadows. left_out: own
    changes that do not count, since the shadow tells the whole change of their rows.
    followed: (schema, table, constraint) of foreign keys whose children were kept. Another one between the same tables
    is as silent as any.
    """

    snapshot: Snapshot
    followed: frozenset[tuple[str, str, str]] = frozenset()
    counts: dict[TableName, dict[ChangeKind, int]] = field(default_factory=dict)
    by_keys: dict[TableName, int] = field(default_factory=dict)
    left_out: int = 0
    silent: dict[CascadeFact, int] = field(default_factory=dict)

    @property
    def own_count(self) -> int:
        return sum(sum(kinds.values()) for kinds in self.counts.values())

    @property
    def row_count(self) -> int:
        """The changes that are kept."""
        return self.own_count - self.left_out + sum(self.by_keys.values())

    def add(self, table: Table, kind: ChangeKind, count: int) -> None:
        """Count `count` rows of `table` that were changed."""
        kinds = self.counts.setdefault((table.schema_name, table.name), {})
        kinds[kind] = kinds.get(kind, 0) + count

    def add_by_keys(self, table: Table, count: int) -> None:
        """Count rows of `table` that a foreign key changed, as its shadow tells."""
        name = (table.schema_name, table.name)
        self.by_keys[name] = self.by_keys.get(name, 0) + count

    def find_cascades(self, table: Table, kind: ChangeKind) -> list[CascadeFact]:
        """Return the foreign keys that a change of a row of `table` can set off, where the server does not log that."""
        if self.snapshot.cascades_logged or kind is ChangeKind.INSERT:
            return []
        return [
            cascade
            for cascade in self.snapshot.cascades
            if (cascade.parent_schema, cascade.parent_table) == (table.schema_name, table.name)
            and (cascade.on_delete if kind is ChangeKind.DELETE else cascade.on_update) != "NO ACTION"
            and (cascade.schema_name, cascade.table_name, cascade.constraint) not in self.followed
        ]

    def add_silent(self, cascades: Iterable[CascadeFact], table: Table, change: RowChange) -> None:
        """Count the rows of children that a foreign key changed by itself because of `change`."""
        for cascade in cascades:
            if acts_on(cascade, table, change):
                self.silent[cascade] = self.silent.get(cascade, 0) + 1

    def count(self, kind: ChangeKind) -> int:
        return sum(kinds.get(kind, 0) for kinds in self.counts.values())

    def judge(self, kind: str, affected_rows: int | None, *, children_checked: bool = False) -> Verdict:
        """Return whether the rows read are all the statement changed.

        kind: `type` of the information table, and REPLACE for what is filed there as INSERT, PORTION for a statement
        with FOR PORTION OF; affected_rows: as the server answered without FOUND_ROWS, None when it was not asked;
        children_checked: no child rows referred to the parent rows that went.
        """
        if self.silent and not children_checked:
            return Verdict(self._describe_silent())
        verdict = self._compare(kind, affected_rows)
        if verdict.reason or not self.by_keys:
            return verdict
        tables = ", ".join(f"{schema}.{name} {count}" for (schema, name), count in self.by_keys.items())
        more = f"With them are kept rows that foreign keys changed: {tables}."
        return Verdict("", f"{verdict.explanation} {more}".strip())

    def _compare(self, kind: str, affected_rows: int | None) -> Verdict:
        """Compare the statement's own changes with what the server counted."""
        if affected_rows is None or affected_rows == self.own_count:
            return Verdict("")
        found, deleted = self.own_count, self.count(ChangeKind.DELETE)
        doubled = self.count(ChangeKind.INSERT) + deleted + 2 * self.count(ChangeKind.UPDATE)
        if kind in ("INSERT", "REPLACE") and affected_rows == doubled:
            return Verdict(
                "",
                f"The server counts a row that ON DUPLICATE KEY UPDATE or REPLACE changed as two:"
                f" {affected_rows} for {found} row changes.",
            )
        if kind == "REPLACE" and affected_rows > doubled:
            # All servers count a row that REPLACE finds equal in every column, and neither change nor log it.
            return Verdict(
                "",
                f"The server counts rows that REPLACE changed as two, and as one those that were equal already:"
                f" {affected_rows} for {found} row changes.",
            )
        inserted = self.count(ChangeKind.INSERT)
        if kind == "PORTION" and affected_rows == found - inserted and inserted <= 2 * affected_rows:
            return Verdict(
                "",
                f"The server counts {affected_rows} rows, a portion of each; with what became rows of their own"
                f" outside of it {found} rows changed.",
            )
        if found > affected_rows and (self.snapshot.triggers or self.snapshot.cascades):
            return Verdict(
                "",
                f"The server counts {affected_rows} rows of the statement's own; with those of triggers"
                f" and foreign keys {found} rows changed: {self._describe_counts()}.",
            )
        return Verdict(
            f"the server counted {affected_rows} changed rows, its binlog holds {found} ({self._describe_counts()})."
            " Needed: row events for every changed row. Look for binlog filters and engines that log nothing."
        )

    def _describe_counts(self) -> str:
        parts = [f"{schema}.{name} {sum(kinds.values())}" for (schema, name), kinds in self.counts.items()]
        return ", ".join(parts) or "none"

    def _describe_silent(self) -> str:
        children = ", ".join(
            f"{fact.schema_name}.{fact.table_name} (foreign key {fact.constraint} to {fact.parent_table},"
            f" ON DELETE {fact.on_delete} ON UPDATE {fact.on_update}, {count} parent rows)"
            for fact, count in self.silent.items()
        )
        return (
            f"rows of {children} may have been changed by the foreign key's action, which this server does not write to"
            " its binlog. They cannot be put back. Delete or change the child rows first, in a statement of their own."
        )


def acts_on(cascade: CascadeFact, table: Table, change: RowChange) -> bool:
    """Tell whether `change`, of a row of the parent `table`, can make the foreign key change child rows."""
    if change.kind is ChangeKind.DELETE:
        return cascade.on_delete != "NO ACTION"
    if change.kind is ChangeKind.INSERT or cascade.on_update == "NO ACTION":
        return False
    assert change.before is not None
    assert change.after is not None
    names = {fold_name(name) for name in cascade.parent_columns}
    return any(
        fold_name(column.name) in names and (before != after or before is ABSENT)
        for column, before, after in zip(table.columns, change.before, change.after, strict=True)
    )
