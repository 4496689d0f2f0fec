"""What can go wrong between a server's binlog and a restored row; the messages are for people to read."""

from __future__ import annotations


class BackupError(Exception):
    """Base of all errors of this app. The text says what was found, what is needed and how to get it."""


class DecodeError(BackupError):
    """Bytes that do not have the promised form. Parsers of bytes raise this and nothing else."""


class UnknownTypeError(BackupError):
    """A column type that the decoder does not know; the text names the column."""


class AttributionError(BackupError):
    """Our own transaction could not be told apart from others; never guessed."""


class UnreachableError(AttributionError):
    """The server's binlog could not be read just now; trying again later can help."""


class BinlogGoneError(AttributionError):
    """The server no longer has that part of its binlog; no later try can help."""


class StoreError(BackupError):
    """The backup server refused, or did not keep, what was written to it."""


class RestoreError(BackupError):
    """A rollback that could not be run; nothing was changed."""


class HalfRestoredError(RestoreError):
    """A rollback that stopped in the middle: what it had committed before stays undone."""


class EvidenceError(RestoreError):
    """What the backup server gives back is not what was kept there, or nothing proves that it is."""


class DefinitionError(BackupError):
    """What a server said of a table's or view's definition cannot be taken apart."""
