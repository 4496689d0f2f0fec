"""What statements set aside on their targets: how old and how large it is, and how it is let go."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import MySQLdb
from django.utils import timezone

from backups.rollback.literals import quote_identifier
from changes import targets
from changes.activity import note
from changes.attempt import lock_name
from changes.errors import ChangeError
from changes.keeping import PREFIX
from changes.models import ExecutedStatement, Target
from changes.states import OPEN_OUTCOMES, BackupState, Outcome

_UNDER_WAY = OPEN_OUTCOMES | {Outcome.WAITING, Outcome.UNKNOWN}
_NAME = re.compile(PREFIX + r"(\d+)_(\d+)_\d+")


@dataclass(frozen=True, slots=True)
class KeptSchema:
    """One schema on a target. statement: what it was set aside for. data_bytes: as the server estimates it.

    is_needed: a rollback would bring the data back from there.
    is_spare: copies of rows that foreign keys changed, which nothing needs once the statement is over.
    """

    name: str
    statement: ExecutedStatement
    kept_at: datetime
    data_bytes: int
    is_needed: bool
    is_spare: bool = False

    @property
    def is_over(self) -> bool:
        if self.is_spare:
            return self.statement.outcome not in _UNDER_WAY
        return self.statement.outcome == Outcome.DONE


def list_kept(target: Target) -> list[KeptSchema]:
    """Return what this installation has set aside on `target`, oldest first. Raises ChangeError."""
    with closing(_connect(target)) as connection:
        return sorted(_read(connection, target), key=lambda kept: kept.kept_at)


def purge(target: Target, *, older_than: timedelta, dry_run: bool) -> list[KeptSchema]:
    """Drop what was set aside longer ago than that, and say on each ticket that it cannot be brought back any more.

    The ticket is told first: a backup that is called complete while its data is gone would be a lie, the other way
    round is a schema too many. Of statements that failed, or whose outcome is open, it may hold the only copy: those
    are left alone.
    Returns what was dropped, or with `dry_run` what would be. Raises ChangeError.
    """
    limit = timezone.now() - older_than
    with closing(_connect(target)) as connection:
        chosen = [kept for kept in _read(connection, target) if kept.kept_at < limit and kept.is_over]
        for kept in chosen if not dry_run else ():
            # A rollback that is bringing it back holds this lock.
            if not targets.take_lock(connection, lock_name(kept.statement.execution.ticket), seconds=0):
                raise ChangeError(f"{kept.name} was not dropped: a rollback of its ticket is running. Try again later.")
            _forget(kept)
            try:
                targets.read_rows(connection, f"DROP DATABASE {quote_identifier(kept.name)}")
            except MySQLdb.Error as error:
                raise ChangeError("{} was not dropped ({}: {}).".format(kept.name, *targets.error_of(error))) from error
    return chosen


def _connect(target: Target) -> Any:
    try:
        return targets.connect(target.address)
    except targets.TargetError as error:
        raise ChangeError(str(error)) from error


def _read(connection: Any, target: Target) -> Iterator[KeptSchema]:
    """Yield the schemas that a record of ours names; those of another installation are not ours to judge."""
    question = (
        "SELECT s.SCHEMA_NAME, SUM(t.DATA_LENGTH + t.INDEX_LENGTH) FROM information_schema.SCHEMATA s"
        " LEFT JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = s.SCHEMA_NAME"
        " WHERE s.SCHEMA_NAME LIKE %s GROUP BY s.SCHEMA_NAME"
    )
    for name, size in targets.read_rows(connection, question, (PREFIX.replace("_", r"\_") + "%",)):
        match = _NAME.fullmatch(name)
        statement = _find_statement(target, match) if match else None
        if statement is None:
            continue
        is_spare = name == statement.kept_children.get("schema")
        if not is_spare and name not in {entry["kept_schema"] for entry in _entries(statement)}:
            continue
        is_needed = not is_spare and statement.backup_state == BackupState.COMPLETE and statement.undone_by_id is None
        kept_at = statement.intent_at or statement.execution.created_at
        yield KeptSchema(name, statement, kept_at, int(size or 0), is_needed, is_spare)


def _find_statement(target: Target, match: re.Match[str]) -> ExecutedStatement | None:
    found = ExecutedStatement.objects.filter(execution_id=int(match[1]), seq=int(match[2]))
    return found.filter(execution__ticket__target=target).select_related("execution__ticket").first()


def _entries(statement: ExecutedStatement) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = statement.definitions_before.get("kept", [])
    return entries


def _forget(kept: KeptSchema) -> None:
    """Write that a statement cannot be undone any more, where it could be until now."""
    if not kept.is_needed:
        return
    statement = kept.statement
    reason = f"cannot be undone any more: what it took away was kept in {kept.name} until {timezone.now():%Y-%m-%d}."
    ExecutedStatement.objects.filter(pk=statement.pk, undone_by=None).update(
        backup_state=BackupState.IMPOSSIBLE, backup_reason=reason
    )
    note(statement.execution.ticket, "purge", by=None, text=f"Statement {statement.seq + 1} {reason}")
