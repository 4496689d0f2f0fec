"""Is what the backup server gives back what was kept there? Read back, hashed, made anew from the archive, compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from django.conf import settings

from backups.archive import Archive
from backups.cursors import open_backup_cursor
from backups.errors import BackupError, EvidenceError
from backups.evidence import Evidence, RecordsDigest
from backups.rollback.inverse import invert
from backups.rollback.literals import quote_identifier

RECORDS_A_PAGE = 500
_ROW_CHANGES = frozenset({"INSERT", "REPLACE", "UPDATE", "DELETE"})


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of one statement's backup.

    rows_remade: records that were made again from the archive and are the same text. problems: what is not as it was
    kept, as sentences; none when all of it is.
    """

    evidence: Evidence
    record_count: int
    block_count: int
    rows_remade: int
    problems: tuple[str, ...]


def is_row_change(kind: str) -> bool:
    """Tell whether a statement filed as `kind` changes rows; else it changes the schema."""
    return kind.replace(" ", "") in _ROW_CHANGES


def read_keys() -> tuple[str, ...]:
    """Return the site's keys, newest first."""
    keys: tuple[str, ...] = settings.INCEPTION.site.encryption_keys
    return keys


def verify(evidence: Evidence, signature: str, *, kind: str) -> Proof:
    """Look at all that is kept of one statement. kind: `type` of the information table.

    Raises StoreError when the backup server cannot be reached.
    """
    problems: list[str] = []
    block_count = remade = 0
    with open_backup_cursor() as cursor:
        try:
            evidence.check(signature, read_keys())
        except EvidenceError as error:
            problems.append(str(error))
        digest = read_digest(cursor, evidence.backup_schema, evidence.backup_table, evidence.opid_time)
        try:
            compare_digests(digest, evidence)
        except EvidenceError as error:
            problems.append(str(error))
        try:
            archive = load_archive(cursor, evidence)
            block_count = len(archive.load_blocks())
            if is_row_change(kind) and archive.header.row_count:
                remade = compare_with_archive(cursor, evidence, archive)
        except BackupError as error:
            problems.append(str(error))
    return Proof(evidence, digest.count, block_count, remade, tuple(problems))


def check_records(cursor: Any, evidence: Evidence) -> None:
    """Read the records and hash them. Raises EvidenceError when they are not those that were stored."""
    compare_digests(read_digest(cursor, evidence.backup_schema, evidence.backup_table, evidence.opid_time), evidence)


def check_texts(texts: Sequence[str], evidence: Evidence) -> None:
    """Raise EvidenceError when `texts`, in the order they were stored, are not the records."""
    digest = RecordsDigest()
    digest.add_all([text.encode() for text in texts])
    compare_digests(digest, evidence)


def compare_digests(digest: RecordsDigest, evidence: Evidence) -> None:
    """Raise EvidenceError unless the records read are those that were stored."""
    if (digest.count, digest.hexdigest()) != (evidence.record_count, evidence.records_sha256):
        raise EvidenceError(
            f"{evidence.backup_schema}.{evidence.backup_table}, opid_time {evidence.opid_time}: found {digest.count}"
            f" rollback statements that are not the {evidence.record_count} that were stored. Needed: the same text, in"
            " the same order. They were altered on the backup server; nothing of them was run. Find out who did that;"
            " manage.py verify_backup names the first that the archive tells otherwise."
        )


def load_archive(cursor: Any, evidence: Evidence) -> Archive:
    """Return the archive. Raises EvidenceError when it is gone or is not the one that was written."""
    archive = Archive.load(cursor, evidence.backup_schema, evidence.opid_time)
    check_archive(archive, evidence.archive_sha256, f"{evidence.backup_schema}, opid_time {evidence.opid_time}")
    assert archive is not None
    return archive


def check_archive(archive: Archive | None, archive_sha256: str, name: str) -> None:
    """Raise EvidenceError unless the archive is the one whose header has this SHA-256."""
    if archive is not None and archive.sha256 == archive_sha256:
        return
    found = "no archive" if archive is None else "an archive that is not the one written"
    raise EvidenceError(
        f"{name}: found {found} when the statement was captured. Needed: the same one. It was altered on the backup"
        " server; nothing of it was run. Find out who did that, and restore the backup server's tables from a copy."
    )


def compare_with_archive(cursor: Any, evidence: Evidence, archive: Archive) -> int:
    """Make the records anew and compare each with the stored one. Returns how many are the same: all of them.

    Raises EvidenceError at the first that differs, by its number.
    """
    stored = read_records(cursor, evidence.backup_schema, evidence.backup_table, evidence.opid_time)
    count = 0
    for (number, text), remade in zip_longest(stored, remake_records(archive), fillvalue=(0, "")):
        if isinstance(remade, tuple) or text != remade:
            raise EvidenceError(
                f"{evidence.backup_schema}.{evidence.backup_table}: record {number or 'that is missing'} of"
                f" {evidence.opid_time} (number {count + 1}) is not what the archive makes of its row change. Needed:"
                " the same text."
            )
        count += 1
    return count


def remake_records(archive: Archive) -> Iterator[str]:
    """Yield the rollback statements that the archive's events make, in the order they were stored."""
    for block in archive.load_blocks():
        for item in archive.iterate(block):
            yield item.plan.build_stored(invert(item.change))


def read_records(cursor: Any, backup_schema: str, table: str, opid_time: str) -> Iterator[tuple[int, str]]:
    """Yield (id, text) of the stored records by ascending id."""
    name = f"{quote_identifier(backup_schema)}.{quote_identifier(table)}".replace("%", "%%")
    above = 0
    while True:
        cursor.execute(
            f"SELECT id, rollback_statement FROM {name} WHERE opid_time = %s AND id > %s"
            f" ORDER BY id LIMIT {RECORDS_A_PAGE}",
            (opid_time, above),
        )
        rows = cursor.fetchall()
        yield from rows
        if len(rows) < RECORDS_A_PAGE:
            return
        above = rows[-1][0]


def read_evidence(evidence: Evidence) -> Evidence:
    """Return `evidence` with the records as the backup server has them now: for backups that were not signed."""
    with open_backup_cursor() as cursor:
        digest = read_digest(cursor, evidence.backup_schema, evidence.backup_table, evidence.opid_time)
    return replace(evidence, record_count=digest.count, records_sha256=digest.hexdigest())


def read_digest(cursor: Any, backup_schema: str, table: str, opid_time: str) -> RecordsDigest:
    """Return the digest of the records as the backup server gives them."""
    digest = RecordsDigest()
    for _, text in read_records(cursor, backup_schema, table, opid_time):
        digest.add(text.encode())
    return digest
