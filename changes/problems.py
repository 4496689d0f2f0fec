"""What stands in a ticket's way, in the form every user reads: found, needed, how."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "notice"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding of a check.

    id: stable name, e.g. "statement.kind.set"; tests and scripts rely on it.
    severity: an "error" refuses, a "warning" is shown before approval and becomes part of what is approved,
        a "notice" only informs.
    statement: zero-based number of the statement it is about; None for the whole ticket or the server.
    line: 1-based line in the ticket's SQL, where one is known.
    """

    id: str
    severity: Severity
    found: str
    needed: str
    how: str
    statement: int | None = None
    line: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Problem:
        return cls(**data)

    def __str__(self) -> str:
        return " ".join(part for part in (self.found, self.needed, self.how) if part)
