"""Proof that what the backup server gives back is what was kept there.

Whoever can write to the backup server could have SQL of his own run on a target. So a digest is made of the records as
they are stored, signed with a key that the backup server never sees, and kept in the application database.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from backups.errors import EvidenceError

LABEL = b"inception: backup evidence, version 1"
PENDING_COUNT = 256


class RecordsDigest:
    """SHA-256 over rollback statements in their order; fed while they are stored or read, a few at a time in memory.

    Their lengths are hashed beside the text, so that no statement can be moved into its neighbour.
    """

    def __init__(self) -> None:
        self._hashed_count = 0
        self._pending: list[bytes] = []
        self._texts = hashlib.sha256()
        self._lengths = hashlib.sha256()

    @property
    def count(self) -> int:
        return self._hashed_count + len(self._pending)

    def add(self, statement: bytes) -> None:
        self._pending.append(statement)
        if len(self._pending) >= PENDING_COUNT:
            self._flush()

    def add_all(self, statements: Sequence[bytes]) -> None:
        """Add many at once: cheaper than one by one, and the same digest."""
        self._pending += statements
        if len(self._pending) >= PENDING_COUNT:
            self._flush()

    def hexdigest(self) -> str:
        self._flush()
        return hashlib.sha256(self._texts.digest() + self._lengths.digest()).hexdigest()

    def _flush(self) -> None:
        self._hash(self._pending)
        self._pending.clear()

    def _hash(self, statements: Sequence[bytes]) -> None:
        self._hashed_count += len(statements)
        self._texts.update(b"".join(statements))
        self._lengths.update(struct.pack(f"<{len(statements)}Q", *map(len, statements)))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one statement's backup is. Signed as a whole: its place counts as much as its content.

    records_sha256: as RecordsDigest gives it. archive_sha256: of the archive's block 0, which covers all blocks.
    """

    backup_schema: str
    backup_table: str
    opid_time: str
    record_count: int
    records_sha256: str
    archive_sha256: str

    def sign(self, keys: Sequence[str]) -> str:
        """Return the signature by the first of `keys` (32 bytes in URL-safe base64, newest first), in hex.

        Raises EvidenceError when there is no key.
        """
        if not keys:
            raise EvidenceError(
                "found no encryption key to sign backups with. Needed: at least one in encryption_keys of [site]."
            )
        return self._sign(keys[0])

    def check(self, signature: str, keys: Sequence[str]) -> None:
        """Raise EvidenceError unless one of `keys` made `signature` of this very evidence."""
        if not signature:
            raise EvidenceError(
                f"{self.opid_time}: found no signature of this backup, kept before backups were signed."
                " Needed: one. Look at its records, then sign it: manage.py verify_backup TICKET --sign."
            )
        if not any(hmac.compare_digest(self._sign(key), signature) for key in keys):
            raise EvidenceError(
                f"{self.opid_time}: found a signature that none of the configured keys made for this backup. Needed:"
                " the one written when the statement was captured. If a key left encryption_keys, put it back;"
                " else somebody altered the application database, and nothing of this backup should be run."
            )

    def _sign(self, key: str) -> str:
        derived = hmac.digest(base64.urlsafe_b64decode(key), LABEL, "sha256")
        content = json.dumps(asdict(self), sort_keys=True).encode()
        return hmac.digest(derived, content, "sha256").hex()
