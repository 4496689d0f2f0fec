"""Columns that the server calculates, and what they are calculated from."""

from __future__ import annotations

import re
from collections.abc import Iterable

from backups.rollback.column_types import parse_type
from backups.rollback.definitions import Element, TableDefinition
from backups.rollback.literals import quote_identifier

_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*+'|`(?:[^`]|``)*+`", re.DOTALL)
_BEGIN = "GENERATED ALWAYS AS ("
_END = re.compile(r"\) (?:STORED|PERSISTENT)\b")


def parse_stored(column: Element) -> str:
    """Return the expression of a column whose calculated value is stored, "" for any other column."""
    masked = _QUOTED.sub(lambda match: "x" * len(match[0]), column.text)
    begin, end = masked.find(_BEGIN), _END.search(masked)
    return column.text[begin + len(_BEGIN) : end.start()] if begin >= 0 and end is not None else ""


def find_calculated_from(table: TableDefinition, names: Iterable[str]) -> list[str]:
    """Return the columns that are calculated from `names`, or from columns that are, in the table's order."""
    sources, found = set(names), set[str]()
    calculated = [column for column in table.columns if (kind := parse_type(column, "")) and kind.is_generated]
    while True:
        more = {c.name for c in calculated if c.name not in found and _names_any(c, sources | found)}
        if not more:
            return [column.name for column in table.columns if column.name in found]
        found |= more


def _names_any(column: Element, names: Iterable[str]) -> bool:
    rest = column.text[len(quote_identifier(column.name)) :]
    return any(quote_identifier(name) in rest for name in names)
