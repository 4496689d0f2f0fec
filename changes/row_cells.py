"""A row before, after and now, for people: the columns that differ, or the whole row where it came or went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Image = Mapping[str, str | None] | None
"""Column name → SQL literal, None for NULL; the whole image is None when there is no such row."""

ABSENT = ""
"""What stands for a column of a row that does not exist. No SQL literal is empty: the empty string is written ''."""


@dataclass(frozen=True, slots=True)
class Cell:
    column: str
    before: str | None
    after: str | None
    now: str | None


@dataclass(frozen=True, slots=True)
class RowView:
    """One row of a preview or a conflict.

    is_whole: the row came or went, so each image is shown as one line; else `cells` has the columns that differ.
    """

    before: Image
    after: Image
    now: Image
    is_whole: bool
    cells: tuple[Cell, ...]


def build_row_view(before: Image, after: Image, now: Image) -> RowView:
    """Return what to show of a row. A row that is gone now differs in no column: only its absence is said."""
    if before is None or after is None:
        return RowView(before, after, now, is_whole=True, cells=())
    present = [image for image in (before, after, now) if image is not None]
    names = list(dict.fromkeys(name for image in present for name in image))
    cells = tuple(
        Cell(name, *(image.get(name, ABSENT) if image is not None else ABSENT for image in (before, after, now)))
        for name in names
    )
    differing = tuple(cell for cell in cells if len({image.get(cell.column, ABSENT) for image in present}) > 1)
    return RowView(before, after, now, is_whole=False, cells=differing or cells)
