"""Letting go of what is kept for rollbacks: the ticket is told first, then the data goes.

A backup that is called complete while its data is gone would be a lie; the other way round is some data too much, which
the next purge finds. What a rollback that has not ended needs is left alone, and so is what may be the only copy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

import MySQLdb
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from backups import purging
from backups.errors import StoreError
from backups.rollback.literals import quote_identifier
from changes import backup_server, permissions, targets
from changes.activity import note
from changes.attempt import rollback_lock_name
from changes.errors import ChangeError, PermissionRefusedError
from changes.expiry import describe_end
from changes.installation import own_id
from changes.models import ExecutedStatement, Target, Ticket
from changes.protection import sum_of
from changes.retention import Item, Kind, find_obstacle, find_owner
from changes.states import BackupState
from changes.targets import TargetAddress, TargetError

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5
ANSWER_SECONDS = 120
LOCK_WAIT_SECONDS = 10
COMMAND = "manage.py purge"


class LeftAloneError(ChangeError):
    """Something speaks against it at the moment: nobody's fault."""


@dataclass(frozen=True, slots=True)
class Left:
    """What was not purged, or not all of it, and why. is_failure: a server refused or did not answer."""

    item: Item
    reason: str
    is_failure: bool


@dataclass(slots=True)
class PurgeResult:
    """rest: for which the time did not reach."""

    done: list[Item] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    rest: list[Item] = field(default_factory=list)


def purge_as(person: User, items: Sequence[Item], *, keep_going: Callable[[], bool]) -> PurgeResult:
    """Purge for a person on a page. Raises PermissionRefusedError."""
    if reason := permissions.why_not_purge(person):
        raise PermissionRefusedError(reason)
    return purge(items, by=person, keep_going=keep_going)


def purge(items: Sequence[Item], *, by: User | None, keep_going: Callable[[], bool] = lambda: True) -> PurgeResult:
    """Let go of `items`, ticket by ticket.

    by: None for the command. keep_going: asked between two steps; what is then left undone is `rest`, and where a
    ticket was told already the next purge goes on with it.
    """
    result = PurgeResult()
    groups = groupby(sorted(items, key=_order), key=_order)
    with ExitStack() as stack:
        servers = _Servers(stack)
        for _, group in groups:
            of_ticket = list(group)
            if not keep_going():
                result.rest += of_ticket
                continue
            _purge_of_ticket(servers, of_ticket, result, by=by, keep_going=keep_going)
    return result


def _order(item: Item) -> tuple[int, str]:
    return item.ticket.pk, item.kind


def _purge_of_ticket(
    servers: _Servers,
    items: Sequence[Item],
    result: PurgeResult,
    *,
    by: User | None,
    keep_going: Callable[[], bool],
) -> None:
    """Purge what is of one kind and one ticket."""
    waiting = list(items)
    try:
        with servers.hold(items[0]) as connection:
            for item in items:
                servers.require_right(item)
            _tell(items, by=by, now=timezone.now())
            while waiting and keep_going() and servers.drop(waiting[0], connection, keep_going):
                result.done.append(waiting.pop(0))
            result.rest += waiting
    except LeftAloneError as error:
        result.left += [Left(item, str(error), False) for item in waiting]
    except (ChangeError, StoreError) as error:
        result.left += [Left(item, str(error), True) for item in waiting]
    for item in items[: len(items) - len(waiting)]:
        logger.info("purge=%s ticket=%s schema=%s by=%s", item.kind, item.ticket.pk, item.schema_name, by or COMMAND)


class _Servers:
    """The connections of one purge, each opened when it is first needed; one that failed is not tried again."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._open: dict[int | None, Any] = {}
        self._checked: set[tuple[str, str]] = set()

    @contextmanager
    def hold(self, item: Item) -> Iterator[Any]:
        """Take the lock that a rollback of the item's ticket holds; give the connection to the target.

        A target that takes no tickets any more may be gone for good: then the application's own record has to do,
        which says that no rollback is under way, and what is kept on the backup server can go all the same.
        """
        ticket, target = item.ticket, item.ticket.target
        try:
            connection = self._target(target)
        except ChangeError:
            if item.kind is Kind.KEPT or target.is_active:
                raise
            yield None
            return
        name = rollback_lock_name(ticket)
        try:
            is_ours = targets.take_lock(connection, name, seconds=0)
        except MySQLdb.Error as error:
            raise ChangeError("{} answered {}: {}".format(target, *targets.error_of(error))) from error
        if not is_ours:
            raise LeftAloneError(f"a rollback of ticket #{ticket.pk} is running")
        try:
            yield connection
        finally:
            with suppress(MySQLdb.Error):
                targets.read_rows(connection, "SELECT RELEASE_LOCK(%s)", (name,))

    def require_right(self, item: Item) -> None:
        """Raise when the account may not delete on the backup server, before anybody is told anything."""
        place = (item.schema_name, item.statement.backup_table)
        if item.kind is Kind.BACKUP and place not in self._checked:
            purging.check_may_delete(self._backup(), *place)
            self._checked.add(place)

    def drop(self, item: Item, connection: Any, keep_going: Callable[[], bool]) -> bool:
        """Delete what is kept; whether all of it is gone. Raises ChangeError or StoreError."""
        if item.kind is Kind.KEPT:
            try:
                targets.read_rows(connection, f"DROP DATABASE IF EXISTS {quote_identifier(item.schema_name)}")
            except MySQLdb.Error as error:
                answered = "not dropped: the server answered {}: {}".format(*targets.error_of(error))
                raise ChangeError(answered) from error
            return True
        record = item.statement
        place = purging.StoredPlace(record.backup_schema, record.backup_table, record.opid_time, record.archive_sha256)
        if not purging.delete_statement(self._backup(), place, keep_going=keep_going):
            return False
        ExecutedStatement.objects.filter(pk=record.pk).update(purged_at=timezone.now())
        return True

    def _target(self, target: Target) -> Any:
        return self._connect(target.pk, lambda: target.address)

    def _backup(self) -> Any:
        is_new = None not in self._open
        connection = self._connect(None, backup_server.purge_address)
        if is_new:
            purging.prepare(connection)
        return connection

    def _connect(self, key: int | None, find_address: Callable[[], TargetAddress]) -> Any:
        """Return an open connection. Raises ChangeError."""
        if key not in self._open:
            try:
                connection = targets.connect(
                    find_address(),
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=ANSWER_SECONDS,
                    lock_wait_seconds=LOCK_WAIT_SECONDS,
                )
                self._open[key] = self._stack.enter_context(closing(connection))
            except TargetError as error:
                self._open[key] = ChangeError(str(error))
        if isinstance(self._open[key], ChangeError):
            raise self._open[key]
        return self._open[key]


def _tell(items: Sequence[Item], *, by: User | None, now: datetime) -> None:
    """Write on the ticket, and in its statements' records, what is about to go. Raises LeftAloneError.

    The ticket's row is locked meanwhile: a rollback that is asked for at this moment comes before, and stops this, or
    after, and is refused.
    """
    with transaction.atomic():
        ticket = Ticket.objects.select_for_update().get(pk=items[0].ticket.pk)
        own = own_id()
        owners = [find_owner(item.statement.execution, own) for item in items]
        if obstacle := find_obstacle(ticket) or next(filter(None, owners), ""):
            raise LeftAloneError(obstacle)
        keys = [item.statement.pk for item in items]
        records = list(ExecutedStatement.objects.filter(pk__in=keys).defer("sql", "undo_statements"))
        reasons = {item.statement.pk: _describe_end(item, by=by, now=now) for item in items}
        spare = {item.statement.pk for item in items if item.is_spare}
        lost = [
            one
            for one in records
            if one.backup_state == BackupState.COMPLETE and one.records_stored and one.pk not in spare
        ]
        for record in lost:
            ExecutedStatement.objects.filter(pk=record.pk).update(
                backup_state=BackupState.EXPIRED, backup_reason=reasons[record.pk]
            )
        if items[0].kind is Kind.BACKUP:
            ExecutedStatement.objects.filter(pk__in=keys, purge_began_at=None).update(purge_began_at=now)
        last = ticket.last_execution
        if lost and last is not None:
            state = sum_of(last.statements.only("backup_state"))
            Ticket.objects.filter(pk=ticket.pk).update(backup_state=state)
        told = [record for record in records if record.pk not in spare]
        copies = ["Copies of rows that foreign keys had changed were left, and are dropped."] if spare else []
        words = [*copies, *([_describe_loss(told, lost, reasons)] if told else [])]
        note(ticket, "purge", by=by, text=" ".join(words))


def _describe_end(item: Item, *, by: User | None, now: datetime) -> str:
    target = item.ticket.target
    is_kept = item.kind is Kind.KEPT
    what, days = ("what it took away", target.keep_days) if is_kept else ("its backup", target.backup_days)
    return describe_end(what, item.since, days, target.name, by=str(by or COMMAND), now=now)


def _describe_loss(
    records: Sequence[ExecutedStatement], lost: Sequence[ExecutedStatement], reasons: dict[int, str]
) -> str:
    """Return what the ticket's Activity says: what cannot be undone any more, and what could not be anyway."""
    gone = {record.pk for record in lost if record.undone_by_id is None}
    words = []
    for is_gone, ending in (
        (True, " cannot be rolled back any more"),
        (False, ", undone already or not to be undone anyway"),
    ):
        of_these = [record for record in records if (record.pk in gone) == is_gone]
        if of_these:
            numbers = ", ".join(str(record.seq + 1) for record in sorted(of_these, key=lambda record: record.seq))
            words.append(f"Statement{'s' if len(of_these) > 1 else ''} {numbers}{ending}: {reasons[of_these[0].pk]}")
    return " ".join(words)
