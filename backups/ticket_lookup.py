"""What the app above knows about what is stored here: names of targets, numbers of tickets.

`backups` knows an execution by its integer id and imports nothing of `changes`; whoever keeps tickets registers a
lookup when it starts. Without one, backups are browsed all the same, only without these names.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class TicketLookup(Protocol):
    def target_names(self, target_ids: Collection[int]) -> dict[int, str]:
        """Return the names of the targets that still exist."""
        ...

    def ticket_ids(self, backup_schema: str, opid_times: Collection[str]) -> dict[str, int]:
        """Return the ticket of each executed statement that a ticket is known of."""
        ...

    def opid_times(self, backup_schema: str, ticket_id: int) -> list[str]:
        """Return the executed statements of a ticket that are stored in `backup_schema`."""
        ...


class _NoTickets:
    """Where nobody keeps tickets."""

    def target_names(self, target_ids: Collection[int]) -> dict[int, str]:
        return {}

    def ticket_ids(self, backup_schema: str, opid_times: Collection[str]) -> dict[str, int]:
        return {}

    def opid_times(self, backup_schema: str, ticket_id: int) -> list[str]:
        return []


_registered: list[TicketLookup] = []


def register(lookup: TicketLookup) -> None:
    """Make `lookup` the one that is asked. Called once, when the app that keeps tickets is ready."""
    _registered[:] = [lookup]


def current() -> TicketLookup:
    return _registered[0] if _registered else _NoTickets()
