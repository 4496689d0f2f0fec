"""A place in a server's binlog."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class BinlogCoordinates:
    """File name and byte offset together. An event's position is where it *ends*.

    Ordered as the server writes: file names of one server differ in their zero-padded number only, but the number
    outgrows its six digits, so compare `sort_key`, which the ordering of this class uses.
    """

    sort_key: tuple[int, int]
    file: str
    position: int

    @classmethod
    def at(cls, file: str, position: int) -> BinlogCoordinates:
        """Return the coordinates of `position` in `file`. Raises ValueError when `file` has no number at its end."""
        number = file.rpartition(".")[2]
        if not number.isdigit():
            raise ValueError(f"{file!r} is no binlog file name; needed: a name that ends in a dot and digits.")
        return cls((int(number), position), file, position)

    def __str__(self) -> str:
        return f"{self.file}:{self.position}"
