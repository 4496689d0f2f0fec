"""What comes of a case by other ways than ours."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """wrong: it ended without an error and left other data than before. error: it said that it could not.

    not run: the statement itself could not be run outside of the product, or the tool is missing.
    """

    EXACT = "exact"
    ERROR = "error"
    WRONG = "wrong"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class OtherWay:
    ending: Ending
    detail: str = ""
