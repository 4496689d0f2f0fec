"""A row before, after and now, column by column, for people."""

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


def build_cells(before: Image, after: Image, now: Image) -> tuple[Cell, ...]:
    """Return the columns that differ between any two of the images, in table order; all when none differs."""
    images = [image or {} for image in (before, after, now)]
    names = list(dict.fromkeys(name for image in images for name in image))
    cells = [Cell(name, *(image.get(name, ABSENT) for image in images)) for name in names]
    changed = tuple(cell for cell in cells if not cell.before == cell.after == cell.now)
    return changed or tuple(cells)
