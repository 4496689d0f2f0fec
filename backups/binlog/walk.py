"""Going through a binlog event by event: where we are, whether we are past the end, and whether bytes are damaged."""

from __future__ import annotations

import zlib

from backups.binlog import events
from backups.binlog.coordinates import BinlogCoordinates
from backups.binlog.events import HEADER_SIZE
from backups.errors import DecodeError

_CHECKSUM_SIZE = 4


class EventWalk:
    """Takes whole events, header to checksum, in order from `start`, and knows where it is.

    passed_end: whether all up to `end` was taken.
    restarts: how often the server was started anew between `start` and here; thread ids begin again with each.
    """

    def __init__(self, start: BinlogCoordinates, end: BinlogCoordinates, checksum_algorithm: int) -> None:
        self._end = end
        self._checksum_size = _checksum_size(checksum_algorithm)
        self._file = start.file
        self._position = start.position
        self._file_changed = False
        self.passed_end = start >= end
        self.restarts = 0

    @property
    def coordinates(self) -> BinlogCoordinates:
        """Where the last event that was fed ends."""
        return BinlogCoordinates.at(self._file, self._position)

    def step(self, event: bytes) -> int | None:
        """Take one event. Return its type; None when it only tells of the file or that there is none."""
        if len(event) < HEADER_SIZE:
            raise DecodeError(f"found an event of {len(event)} bytes after {self.coordinates}; needed: 19 or more.")
        type_code = event[4]
        if type_code == events.ROTATE:
            self._rotate(event)
            return None
        if type_code == events.FORMAT_DESCRIPTION:
            self._begin_file(event)
        self._advance(int.from_bytes(event[13:17], "little"))
        if type_code in (events.FORMAT_DESCRIPTION, events.HEARTBEAT, events.HEARTBEAT_V2):
            return None
        return type_code

    def checked(self, event: bytes) -> bytes:
        """Return the event without its checksum, which must be right."""
        if not self._checksum_size:
            return event
        raw, checksum = event[:-_CHECKSUM_SIZE], int.from_bytes(event[-_CHECKSUM_SIZE:], "little")
        if zlib.crc32(raw) != checksum:
            raise DecodeError(
                f"found a wrong checksum in the event that ends at {self.coordinates}; needed: {checksum:08x}. "
                "The binlog or the connection is damaged."
            )
        return raw

    def without_checksum(self, event: bytes) -> bytes:
        """Return an event without its checksum, right or not: for what only tells whose a transaction is."""
        return event[: -self._checksum_size] if self._checksum_size else event

    def _begin_file(self, event: bytes) -> None:
        description = events.decode_format_description(event[HEADER_SIZE:])
        self._checksum_size = _checksum_size(description.checksum_algorithm)
        # The first file's is made up by the dump for its reader. The others tell when the server was started, and
        # only the one that it wrote as its first.
        if self._file_changed and description.started_at:
            self.restarts += 1

    def _rotate(self, event: bytes) -> None:
        # The artificial rotate at the start comes before the file's format description, and has a checksum or not by
        # other rules; whether one is there tells itself.
        has_checksum = zlib.crc32(event[:-_CHECKSUM_SIZE]) == int.from_bytes(event[-_CHECKSUM_SIZE:], "little")
        rotate = events.decode_rotate(event[HEADER_SIZE : -_CHECKSUM_SIZE if has_checksum else None])
        try:
            BinlogCoordinates.at(rotate.file, rotate.position)
        except ValueError as error:
            raise DecodeError(f"found a change of file without a file, after {self.coordinates}: {error}") from error
        self._file_changed = self._file_changed or rotate.file != self._file
        self._file, self._position = rotate.file, rotate.position
        self._check_end()

    def _advance(self, end_position: int) -> None:
        if not end_position:  # artificial
            return
        position = (self._position & ~0xFFFFFFFF) | end_position
        # Headers have 32 bits; a transaction can make a file longer.
        self._position = position if position >= self._position else position + (1 << 32)
        self._check_end()

    def _check_end(self) -> None:
        end = self._end
        if self._file == end.file:
            self.passed_end = self._position >= end.position
        else:
            self.passed_end = self.coordinates >= end


def _checksum_size(algorithm: int) -> int:
    return _CHECKSUM_SIZE if algorithm == events.CHECKSUM_CRC32 else 0
