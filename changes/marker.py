"""The comment in front of every statement we send; it comes back in the binlog and tells whose rows these are."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PATTERN = re.compile(r"/\* inception ticket=(\d+) execution=(\d+) statement=(\d+) \*/ ")


@dataclass(frozen=True, slots=True)
class Marker:
    """Which statement of which attempt. statement: zero-based number in the ticket."""

    ticket: int
    execution: int
    statement: int

    def __str__(self) -> str:
        return build_marker(self.ticket, self.execution, self.statement)


def build_marker(ticket: int, execution: int, statement: int) -> str:
    """Return the comment, one space behind it; the statement's text follows without a change.

    The numbers go through int(), so nothing but digits can get into the comment.
    """
    return f"{build_marker_head(ticket, execution)}{int(statement)} */ "


def build_marker_head(ticket: int, execution: int) -> str:
    """Return what the markers of all statements of one attempt begin with, up to the number of the statement."""
    return f"/* inception ticket={int(ticket)} execution={int(execution)} statement="


def parse_marker(sql: str) -> Marker | None:
    """Return the marker that `sql` begins with; None when it begins with anything else."""
    match = _PATTERN.match(sql)
    return Marker(*(int(number) for number in match.groups())) if match else None
