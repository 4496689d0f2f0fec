"""What is kept for rollbacks, on targets and on the backup server: how old and large it is, and until when it stays."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any

import MySQLdb
from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce

from backups import purging
from backups.models import BackupSchema
from changes import backup_server, targets
from changes.errors import ChangeError
from changes.expiry import expires_at
from changes.installation import own_id
from changes.marker import INSTALLATION
from changes.models import ExecutedStatement, Execution, Target, Ticket
from changes.reserved import KEPT_PREFIX
from changes.states import ACTIVE, FINAL, BackupState, Outcome, RollbackState, TicketState
from changes.targets import TargetAddress, TargetError

CONNECT_SECONDS = 3
ANSWER_SECONDS = 5
"""Of a server that is asked for a page: the others are shown all the same."""
_AT_ONCE = 16

# Without an installation in names from before installations had an id.
_NAME = re.compile(KEPT_PREFIX + rf"(?:{INSTALLATION}_)?(\d+)_(\d+)_\d+")
_STORED = (BackupState.COMPLETE, BackupState.INCOMPLETE, BackupState.IMPOSSIBLE, BackupState.EXPIRED)


class Kind(StrEnum):
    """KEPT: data that a schema change took away, in a schema of the target. BACKUP: one statement's records."""

    KEPT = "kept"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True)
class Item:
    """What is kept for one statement. schema_name: where, on the target or on the backup server.

    expires_at: None for never. size_bytes: as the server estimates it; of a backup, which shares its tables, the row
        events in its archive, and None before `with_sizes`.
    is_needed: a rollback that is possible now would not be, without it.
    obstacle: why it is not purged, however old it is; "" when nothing speaks against it.
    """

    kind: Kind
    statement: ExecutedStatement
    schema_name: str
    since: datetime
    expires_at: datetime | None
    size_bytes: int | None
    is_needed: bool
    obstacle: str

    @property
    def key(self) -> str:
        """What a page sends back of it."""
        return f"{self.kind}-{self.statement.pk}-{self.schema_name}"

    @property
    def ticket(self) -> Ticket:
        return self.statement.execution.ticket

    @property
    def is_spare(self) -> bool:
        """Whether it is copies of rows that foreign keys changed: nothing needs them once the statement is over."""
        return self.kind is Kind.KEPT and self.schema_name == self.statement.kept_children.get("schema")

    @property
    def number(self) -> int:
        return self.statement.seq + 1

    @property
    def tables(self) -> list[str]:
        """What is set aside, in words: whole tables, or columns of them; of a backup the statement's table."""
        if self.is_spare:
            return [
                f"copies of {table}"
                for _, _, table, is_incoming in self.statement.kept_children["shadows"]
                if not is_incoming
            ]
        entries = self.statement.definitions_before.get("kept", []) if self.kind is Kind.KEPT else []
        if not entries:
            return [self.statement.table_name] if self.statement.table_name else []
        return [
            f"{entry['table_name']} ({', '.join(entry['columns'])})" if entry["columns"] else entry["table_name"]
            for entry in entries
        ]

    def is_expired(self, now: datetime) -> bool:
        """Whether its time is over. A backup that was deleted half-way is of no use to anybody."""
        if self.kind is Kind.BACKUP and self.statement.purge_began_at is not None:
            return True
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class StoredSchema:
    """A backup schema in figures. size_bytes: None when it is not there, or the server was not reached."""

    name: str
    schema_name: str
    size_bytes: int | None
    statement_count: int
    expired_count: int
    oldest: datetime | None
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class KeptOnTarget:
    """What is set aside on one target, oldest first. strangers: schemas of that kind that no record of ours names.

    trouble: why it could not be read; then the others say nothing.
    """

    items: tuple[Item, ...] = ()
    strangers: tuple[str, ...] = ()
    trouble: str = ""


def find_obstacle(ticket: Ticket) -> str:
    """Return why nothing of a ticket may be purged now, in words; "" when it may."""
    if ticket.ticket_state in ACTIVE or ticket.ticket_state == TicketState.UNKNOWN:
        return f"ticket #{ticket.pk} is {ticket.state.replace('_', ' ')}"
    if ticket.rollback_state == RollbackState.RUNNING:
        undo = ticket.rollbacks.exclude(state__in=FINAL).first()
        if undo is not None:
            return f"its rollback, ticket #{undo.pk}, is {undo.state.replace('_', ' ')} and has not ended"
        return "its rollback has not ended"
    return ""


def find_owner(execution: Execution, own: str) -> str:
    """Return why what `execution` left is not ours to purge, in words; "" when it is.

    own: the id of this installation. In a copy of another's application database the records name what is the other's.
    """
    if execution.installation in ("", own):
        return ""
    return (
        f"it is of installation {execution.installation}, which may still need it; this one is {own}, and was made from"
        " a copy of the other's database"
    )


def read_kept(chosen: Sequence[Target], *, older_than: timedelta | None = None) -> dict[int, KeptOnTarget]:
    """Return what this installation has set aside on each target, by its id. All are asked at once, each for seconds.

    older_than: an age that takes the place of the targets' policies.
    """
    asked: dict[int, TargetAddress] = {}
    found: dict[int, KeptOnTarget] = {}
    for target in chosen:
        try:
            asked[target.pk] = target.address
        except TargetError as error:
            found[target.pk] = KeptOnTarget(trouble=str(error))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(zip(asked, pool.map(_ask_kept, asked.values()), strict=True))
    for target in chosen:
        if target.pk in answers:
            answer = answers[target.pk]
            found[target.pk] = (
                KeptOnTarget(trouble=answer) if isinstance(answer, str) else _build_kept(target, answer, older_than)
            )
    return found


def _ask_kept(address: TargetAddress) -> list[tuple[str, int]] | str:
    """Return (name, size in bytes) of the schemas for data set aside, or why they cannot be had. Knows no models."""
    question = (
        "SELECT s.SCHEMA_NAME, SUM(t.DATA_LENGTH + t.INDEX_LENGTH) FROM information_schema.SCHEMATA s"
        " LEFT JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = s.SCHEMA_NAME"
        " WHERE s.SCHEMA_NAME LIKE %s GROUP BY s.SCHEMA_NAME"
    )
    like = KEPT_PREFIX.replace("_", r"\_") + "%"
    answer = _ask(address, lambda connection: targets.read_rows(connection, question, (like,)))
    return answer if isinstance(answer, str) else [(name, int(size or 0)) for name, size in answer]


def _ask(address: TargetAddress, question: Any) -> Any:
    """Return what a server answers to a look of some seconds, or, as text, why it does not."""
    try:
        with closing(
            targets.connect(address, connect_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS)
        ) as connection:
            return question(connection)
    except TargetError as error:
        return str(error)
    except MySQLdb.Error as error:
        return "{} answered {}: {}".format(address, *targets.error_of(error))


def _build_kept(target: Target, schemas: Sequence[tuple[str, int]], older_than: timedelta | None) -> KeptOnTarget:
    """Those of another installation are not ours to judge."""
    matches = {name: match for name, _ in schemas if (match := _NAME.fullmatch(name))}
    executions = {int(match[1]) for match in matches.values()}
    records = _with_ticket(ExecutedStatement.objects.filter(execution__in=executions))
    by_place = {
        (record.execution_id, record.seq): record for record in records.filter(execution__ticket__target=target)
    }
    items, strangers, own = [], [], own_id()
    for name, size in schemas:
        match = matches.get(name)
        record = by_place.get((int(match[1]), int(match[2]))) if match else None
        if record is None or name not in _schemas_of(record):
            strangers.append(name)
        else:
            items.append(_build_kept_item(target, record, name, size, older_than, own))
    return KeptOnTarget(tuple(sorted(items, key=lambda item: item.since)), tuple(sorted(strangers)))


def _schemas_of(record: ExecutedStatement) -> set[str]:
    """Return the schemas that a statement's record names."""
    kept = {entry["kept_schema"] for entry in record.definitions_before.get("kept", [])}
    return kept | {record.kept_children.get("schema", "")}


def _build_kept_item(
    target: Target, record: ExecutedStatement, name: str, size: int, older_than: timedelta | None, own: str
) -> Item:
    since = record.intent_at or record.execution.created_at
    obstacle = find_obstacle(record.execution.ticket) or find_owner(record.execution, own)
    if name == record.kept_children.get("schema"):
        end = since + older_than if older_than is not None else since
        return Item(Kind.KEPT, record, name, since, end, size, False, obstacle)
    if not obstacle and record.outcome != Outcome.DONE:
        words = record.outcome.replace("_", " ")
        obstacle = f"its statement is not done but {words}: what is there may be the only copy"
    return Item(
        Kind.KEPT, record, name, since, _end_of(since, target.keep_days, older_than), size, _is_needed(record), obstacle
    )


def _end_of(since: datetime, days: int, older_than: timedelta | None) -> datetime | None:
    return since + older_than if older_than is not None else expires_at(since, days)


def _is_needed(record: ExecutedStatement) -> bool:
    could_be = record.backup_state == BackupState.COMPLETE and bool(record.records_stored)
    return could_be and record.undone_by_id is None


def _with_ticket(records: QuerySet[ExecutedStatement]) -> QuerySet[ExecutedStatement]:
    """Load what is said of a statement, without the texts that can be large."""
    large = ("sql", "undo_statements", "execution__ticket__sql", "execution__ticket__inspection")
    return records.select_related("execution__ticket__target").defer(*large)


def _stored() -> Any:
    """Return a query of the statements of whose backup something is left on the backup server; each has `since`."""
    kept = ExecutedStatement.objects.filter(purged_at=None, backup_state__in=_STORED)
    return kept.exclude(opid_time="").annotate(since=Coalesce("executed_at", "intent_at", "execution__created_at"))


def _names_of(target: Target) -> dict[str, str]:
    """Return the backup schemas of a target: their names, and the schema each is of."""
    schemas = BackupSchema.objects.filter(target_id=target.pk).order_by("schema_name")
    return dict(schemas.values_list("name", "schema_name"))


def find_expired_backups(
    target: Target,
    now: datetime,
    *,
    older_than: timedelta | None = None,
    among: Iterable[int] | None = None,
    limit: int | None = None,
) -> list[Item]:
    """Return the backups of a target whose time is over, oldest first; asks no server.

    among: ids of statements, the only ones to look at.
    """
    days = timedelta(days=target.backup_days) if older_than is None and target.backup_days else older_than
    records = _stored().filter(backup_schema__in=_names_of(target))
    if among is not None:
        records = records.filter(pk__in=among)
    over = Q(purge_began_at__isnull=False) | (Q(since__lte=now - days) if days is not None else Q(pk__in=()))
    found: Any = _with_ticket(records.filter(over))
    own = own_id()
    return [
        Item(
            Kind.BACKUP,
            record,
            record.backup_schema,
            record.since,
            _end_of(record.since, target.backup_days, older_than),
            None,
            _is_needed(record),
            find_obstacle(record.execution.ticket) or find_owner(record.execution, own),
        )
        for record in found.order_by("since", "pk")[:limit]
    ]


def find_expired(
    chosen: Sequence[Target],
    now: datetime,
    *,
    kinds: Collection[Kind] = frozenset(Kind),
    among: Collection[str] | None = None,
    older_than: timedelta | None = None,
    limit: int | None = None,
) -> tuple[list[Item], list[str]]:
    """Return what is kept on, or for, these targets longer than they say, and the words of servers that did not answer.

    among: keys of items, the only ones to look for. limit: at most so many backups, the oldest of each target first.
    """
    kept = read_kept(chosen, older_than=older_than) if Kind.KEPT in kinds else {}
    troubles = [f"{one}: {kept[one.pk].trouble}" for one in chosen if one.pk in kept and kept[one.pk].trouble]
    found = [item for of_target in kept.values() for item in of_target.items if item.is_expired(now)]
    statements = None if among is None else _statements_of(among)
    for target in chosen if Kind.BACKUP in kinds else ():
        backups = find_expired_backups(target, now, older_than=older_than, among=statements, limit=limit)
        found += backups
        limit = None if limit is None else limit - len(backups)
    return [item for item in found if among is None or item.key in among], troubles


def _statements_of(keys: Iterable[str]) -> list[int]:
    parts = [key.split("-", 2) for key in keys]
    return [int(part[1]) for part in parts if len(part) == 3 and part[0] == Kind.BACKUP and part[1].isdecimal()]


def count_stored(
    target: Target, now: datetime, sizes: Mapping[str, int], *, older_than: timedelta | None = None
) -> list[StoredSchema]:
    """Return the backup schemas of a target in figures. sizes: as `read_backup_sizes` gave them."""
    names = _names_of(target)
    days = timedelta(days=target.backup_days) if older_than is None and target.backup_days else older_than
    over = Q(purge_began_at__isnull=False)
    if days is not None:
        over |= Q(since__lte=now - days)
    counted = _stored().filter(backup_schema__in=names).order_by().values("backup_schema")
    figures = counted.annotate(
        total=Count("pk"), expired=Count("pk", filter=over), oldest=Min("since"), newest=Max("since")
    )
    by_name = {row["backup_schema"]: row for row in figures}
    return [
        StoredSchema(
            name,
            schema_name,
            sizes.get(name),
            by_name[name]["total"] if name in by_name else 0,
            by_name[name]["expired"] if name in by_name else 0,
            by_name[name]["oldest"] if name in by_name else None,
            by_name[name]["newest"] if name in by_name else None,
        )
        for name, schema_name in names.items()
    ]


def with_sizes(backups: Sequence[Item]) -> tuple[list[Item], str]:
    """Return `backups` with the bytes of row events that their archives hold, and why that is not known, or ""."""
    opid_times: dict[str, list[str]] = {}
    for item in backups:
        opid_times.setdefault(item.schema_name, []).append(item.statement.opid_time)
    if not backups:
        return [], ""

    def ask(connection: Any) -> dict[str, dict[str, int]]:
        return {name: purging.read_event_bytes(connection, name, some) for name, some in opid_times.items()}

    answer = _ask(backup_server.address(), ask)
    if isinstance(answer, str):
        return list(backups), answer
    return [replace(item, size_bytes=answer[item.schema_name].get(item.statement.opid_time, 0)) for item in backups], ""


def read_backup_sizes(names: Iterable[str]) -> dict[str, int]:
    """Return the size in bytes of each backup schema that exists.

    Raises ChangeError when the backup server does not answer.
    """
    answer = _ask(backup_server.address(), partial(purging.read_sizes, names=list(names)))
    if isinstance(answer, str):
        raise ChangeError(answer)
    return dict(answer)
