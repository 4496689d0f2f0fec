"""A table as it was when a statement ran, and the changes of its rows. Pure values in table column order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Absent(Enum):
    """The type of ABSENT."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""A column that the row image does not carry. SQL NULL is None."""

Value = str | None | Absent
"""An SQL literal as text, None for NULL, or ABSENT. Never a Python datetime, Decimal or float."""

Image = tuple[Value, ...]


class ChangeKind(Enum):
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


@dataclass(frozen=True, slots=True)
class Column:
    """One column, as information_schema.COLUMNS told it before the statement ran.

    data_type: lower-case type name without attributes, e.g. "int", "varchar", "datetime".
    column_type: the full type as shown by the server, e.g. "int(10) unsigned", "enum('a','b')".
    charset: None for types that have none.
    octet_length: CHARACTER_OCTET_LENGTH, the most bytes a string column holds; None for others.
    datetime_precision: fractional digits, 0 to 6; None where it has no meaning.
    generated: "" or "VIRTUAL" or "STORED". A generated column takes a place in the row image and is never written.
    """

    name: str
    data_type: str
    column_type: str
    unsigned: bool = False
    nullable: bool = True
    charset: str | None = None
    collation: str | None = None
    octet_length: int | None = None
    numeric_precision: int | None = None
    numeric_scale: int | None = None
    datetime_precision: int | None = None
    generated: str = ""
    invisible: bool = False


SEQUENCE = "SEQUENCE"
"""Stands for the engine of a sequence, whichever keeps its row."""


@dataclass(frozen=True, slots=True)
class Table:
    """A base table in ordinal order.

    primary_key: column indexes (from 0) of the primary key, in key order; when there is none, of the first
    unique key whose columns are all NOT NULL and not generated; empty when there is neither.
    hidden: how many columns only the binlog shows, behind all others: MariaDB's hashes of long unique keys.
    """

    schema_name: str
    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[int, ...] = ()
    engine: str = "InnoDB"
    hidden: int = 0

    @property
    def is_sequence(self) -> bool:
        """Whether it is a MariaDB SEQUENCE, whose one row counts; like AUTO_INCREMENT it is never set back."""
        return self.engine == SEQUENCE


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row of one row event.

    before: image before the change, in table column order; None for INSERT.
    after: image after the change, same length; None for DELETE.
    """

    kind: ChangeKind
    before: Image | None
    after: Image | None
