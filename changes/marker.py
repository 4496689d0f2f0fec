"""The comment in front of every statement we send; it comes back in the binlog and tells whose rows these are."""

from __future__ import annotations

import re
from dataclasses import dataclass

INSTALLATION = r"[0-9a-f]{8}"
"""What the id of an installation looks like."""

_INSTALLATION = re.compile(INSTALLATION)
_PATTERN = re.compile(rf"/\* inception (?:({INSTALLATION}) )?ticket=(\d+) execution=(\d+) statement=(\d+) \*/ ")


@dataclass(frozen=True, slots=True)
class Marker:
    """Which statement of which attempt. statement: zero-based number in the ticket.

    installation: id of the installation that sent it; "" before installations had one.
    """

    installation: str
    ticket: int
    execution: int
    statement: int

    def __str__(self) -> str:
        return build_marker(self.installation, self.ticket, self.execution, self.statement)


def build_marker(installation: str, ticket: int, execution: int, statement: int) -> str:
    """Return the comment, one space behind it; the statement's text follows without a change.

    The numbers go through int(), so nothing but an id and digits can get into the comment. Raises ValueError.
    """
    return f"{build_marker_head(installation, ticket, execution)}{int(statement)} */ "


def build_marker_head(installation: str, ticket: int, execution: int) -> str:
    """Return what the markers of all statements of one attempt begin with, up to the number of the statement.

    Neither form is the beginning of the other: who looks for one never finds the other. Raises ValueError.
    """
    return f"/* inception {_build_whose(installation)}ticket={int(ticket)} execution={int(execution)} statement="


def _build_whose(installation: str) -> str:
    if not installation:
        return ""
    if not _INSTALLATION.fullmatch(installation):
        raise ValueError(f"{installation!r} is not the id of an installation, which is 8 hex digits in small letters.")
    return f"{installation} "


def parse_marker(sql: str) -> Marker | None:
    """Return the marker that `sql` begins with; None when it begins with anything else."""
    match = _PATTERN.match(sql)
    return Marker(match[1] or "", int(match[2]), int(match[3]), int(match[4])) if match else None
