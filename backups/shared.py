"""One transaction of several statements, taken apart again: which of its row events is whose.

Sources: the marker in each statement's text (Annotate_rows; Rows_query where the server writes it), else the flag that
ends a statement's rows. Where neither is certain nothing is guessed: the statements are kept together, and can only be
rolled back together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from backups.source import OwnEvent, OwnTransaction, ServerAddress, read_own_events


@dataclass(frozen=True, slots=True)
class Share:
    """One statement of the transaction. affected_rows: as the server answered, None when nobody heard it."""

    number: int
    table: tuple[str, str]
    affected_rows: int | None


@dataclass(frozen=True, slots=True)
class Segment:
    """The row events up to an end-of-statement flag. statement: from the text before them, None without one."""

    statement: int | None
    tables: frozenset[tuple[str, str]]


def assign(segments: Sequence[Segment], shares: Sequence[Share]) -> list[int] | None:
    """Return the number of the statement that made each segment; None when that cannot be said for certain."""
    numbers = {share.number for share in shares}
    if all(segment.statement in numbers for segment in segments):
        return [segment.statement for segment in segments if segment.statement is not None]
    if any(segment.statement is not None for segment in segments):
        return None
    if any(share.affected_rows is None for share in shares):
        return None
    # A statement that changed a row has one segment, one that changed none has none; but REPLACE counts rows that it
    # left alone, and a trigger writes rows that are not counted. Then the numbers or the tables do not fit.
    changed = [share for share in shares if share.affected_rows]
    if len(changed) != len(segments):
        return None
    if any(share.table not in segment.tables for share, segment in zip(changed, segments, strict=True)):
        return None
    return [share.number for share in changed]


@dataclass(slots=True)
class SharedTransaction:
    """The transaction of `shares` in the binlog of `source`.

    Call survey() first; then events_of() of each statement, best in their order: the binlog is read twice in all.
    """

    source: ServerAddress
    own: OwnTransaction
    shares: Sequence[Share]
    owners: list[int] | None = None
    holder: int = 0
    _stream: Iterator[tuple[int, OwnEvent]] | None = None
    _ahead: list[tuple[int, OwnEvent]] = field(default_factory=list)

    @property
    def is_apart(self) -> bool:
        """Whether each statement's rows are known. If not, all rows are the holder's."""
        return self.owners is not None

    def survey(self) -> None:
        """Look at whose the events are. Raises as read_own_events does."""
        segments = list(_survey(read_own_events(self.source, self.own)))
        self.owners = assign(segments, self.shares)
        self.holder = next((share.number for share in self.shares if share.affected_rows != 0), self.shares[0].number)

    def events_of(self, number: int) -> Iterator[OwnEvent]:
        """Yield the events of one statement. Raises as read_own_events does."""
        if self.owners is None:
            if number == self.holder:
                yield from read_own_events(self.source, self.own)
            return
        mine = {index for index, owner in enumerate(self.owners) if owner == number}
        if not mine:
            return
        if self._stream is None or (self._ahead and self._ahead[0][0] > min(mine)):
            self._ahead, self._stream = [], _split(read_own_events(self.source, self.own))
        yield from self._take(mine)

    def _take(self, mine: set[int]) -> Iterator[OwnEvent]:
        assert self._stream is not None
        stream, last = self._stream, max(mine)
        while True:
            index, event = self._ahead.pop() if self._ahead else next(stream, (last + 1, None))
            if event is None:
                self._stream = None  # read to its end: who asks again begins anew
            if event is None or index > last:
                self._ahead = [(index, event)] if event is not None else []
                return
            if index in mine:
                yield event


def _split(stream: Iterator[OwnEvent]) -> Iterator[tuple[int, OwnEvent]]:
    """Number the segments of a transaction from 0."""
    index = 0
    for event in stream:
        yield index, event
        index += event.ends_statement


def _survey(stream: Iterator[OwnEvent]) -> Iterator[Segment]:
    for _, group in groupby(_split(stream), key=lambda pair: pair[0]):
        statement, tables = None, set()
        for _, event in group:
            statement = event.statement if statement is None else statement
            if event.table_map is not None:
                tables.add((event.table_map.schema_name, event.table_map.table_name))
        yield Segment(statement, frozenset(tables))
