"""Rows, tables and schemas that a rollback does not find as the ticket left them."""

from __future__ import annotations

from dataclasses import dataclass, field

from backups.undoing import Shown

MOST_CONFLICTS = 200


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row that cannot be put back as if nothing had happened since.

    reason: "changed" (somebody changed it), "missing" (it is gone), "exists" (a row has its key), "children" (rows that
        refer to it would go with it), "error" (the server refused it, or it reads back differently).
    before: as it was before our change. after: as we left it. now: as it is. None where there is no row.
    """

    schema: str
    table: str
    key: str
    reason: str
    before: Shown | None
    after: Shown | None
    now: Shown | None
    detail: str


@dataclass(slots=True)
class Conflicts:
    """What a rollback found so far, MOST_CONFLICTS of it, and what it was told to do then.

    on_conflict: "stop", "skip" or "overwrite", as backups.restore.restore takes it.
    """

    on_conflict: str
    found: list[Conflict] = field(default_factory=list)

    @property
    def is_stopped(self) -> bool:
        return bool(self.found) and self.on_conflict == "stop"

    @property
    def is_full(self) -> bool:
        """No use in looking for more."""
        return self.is_stopped and len(self.found) >= MOST_CONFLICTS

    def add(self, conflict: Conflict) -> None:
        if len(self.found) < MOST_CONFLICTS:
            self.found.append(conflict)
