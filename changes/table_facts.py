"""What a server said about a table that a ticket names, beside its snapshot."""

from __future__ import annotations

from dataclasses import dataclass

TableName = tuple[str, str]
"""(schema name, table name)."""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One name of a ticket.

    exists: False leaves everything behind it at its default.
    kind: "BASE TABLE", "VIEW", "SYSTEM VERSIONED", "SEQUENCE" …, as information_schema says.
    transactional: whether the engine can abort a statement.
    estimated_rows, data_bytes: the engine's guess; None where it has none.
    """

    schema_name: str
    name: str
    exists: bool
    kind: str = ""
    engine: str = ""
    transactional: bool = True
    estimated_rows: int | None = None
    data_bytes: int | None = None

    @property
    def label(self) -> str:
        return f"{self.schema_name}.{self.name}"

    @property
    def is_view(self) -> bool:
        return self.kind == "VIEW"
