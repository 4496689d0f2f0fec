"""Until when what a ticket did can be put back, and why: arithmetic on ages and on the policy of its target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from changes.states import BackupState


@dataclass(frozen=True, slots=True)
class KeepingPolicy:
    """How long a target keeps things; 0 days is for ever.

    keep_days: what a schema change took away, on the target itself. backup_days: records, on the backup server.
    """

    target: str
    keep_days: int
    backup_days: int


@dataclass(frozen=True, slots=True)
class RanStatement:
    """What is known of one statement that ran. number: from 1. ran_at: aware.

    is_set_aside: what it took away is kept on the target. is_undone: a rollback has put it back.
    """

    number: int
    kind: str
    ran_at: datetime
    backup_state: BackupState
    backup_reason: str
    record_count: int
    is_set_aside: bool = False
    is_undone: bool = False

    @property
    def can_be_undone(self) -> bool:
        return self.backup_state == BackupState.COMPLETE and self.record_count > 0 and not self.is_undone

    @property
    def is_lost(self) -> bool:
        """Whether it could be undone once, and no longer since a purge."""
        return self.backup_state == BackupState.EXPIRED and not self.is_undone


@dataclass(frozen=True, slots=True)
class RollbackLimit:
    """text: for people. until: when the first of what a rollback needs may go; None for never, or when it is gone.

    is_over: nothing of the ticket can be rolled back any more.
    """

    text: str
    until: datetime | None = None
    is_over: bool = False


def expires_at(since: datetime, days: int) -> datetime | None:
    """Return when what is kept since then may be purged; None for never."""
    return since + timedelta(days=days) if days else None


def find_limit(statements: Sequence[RanStatement], policy: KeepingPolicy, now: datetime) -> RollbackLimit | None:
    """Return until when a ticket can be rolled back, by the statement whose backup goes first.

    None when there is nothing to say: nothing of it was ever backed up, or all of it is undone.
    """
    lost = [statement for statement in statements if statement.is_lost]
    left = [statement for statement in statements if statement.can_be_undone]
    gone = _describe_lost(lost, is_all=not left)
    if not left:
        return RollbackLimit(gone, is_over=True) if lost else None
    limits = [limit for statement in left for limit in _limits_of(statement, policy, len(statements) > 1)]
    ending = [limit for limit in limits if limit[0] is not None]
    if not ending:
        text = f"Can be rolled back for ever: so long does the policy of {policy.target} keep its backup."
        return RollbackLimit(_join(text, gone))
    until, why = min(ending, key=lambda limit: limit[0] or now)
    assert until is not None
    if until <= now:
        text = f"Can be rolled back until the next purge: {why}, which ended on {until:%Y-%m-%d}."
    else:
        text = f"Can be rolled back until {until:%Y-%m-%d}: {why}."
    return RollbackLimit(_join(text, gone), until)


def _limits_of(
    statement: RanStatement, policy: KeepingPolicy, has_others: bool
) -> Iterable[tuple[datetime | None, str]]:
    """Yield what a rollback of a statement needs: when it may go, and why."""
    backup = f"backups are kept {_count_days(policy.backup_days)} on {policy.target}"
    yield expires_at(statement.ran_at, policy.backup_days), backup
    if statement.is_set_aside:
        which = f" (statement {statement.number})" if has_others else ""
        kept = f"what {statement.kind}{which} took away is kept {_count_days(policy.keep_days)} on {policy.target}"
        yield expires_at(statement.ran_at, policy.keep_days), kept


def _describe_lost(lost: Sequence[RanStatement], *, is_all: bool) -> str:
    if not lost:
        return ""
    reason = lost[0].backup_reason
    if is_all:
        return f"Cannot be rolled back any more: {reason}"
    numbers = ", ".join(str(statement.number) for statement in lost)
    return f"Statement{'s' if len(lost) > 1 else ''} {numbers} no longer: {reason}"


def _join(*texts: str) -> str:
    return " ".join(text for text in texts if text)


def forecast_limit(set_aside: Sequence[tuple[int, str]], count: int, policy: KeepingPolicy) -> str:
    """Return for how long a ticket that has not run yet could be rolled back.

    set_aside: (number from 1, kind) of its statements whose data would be set aside. count: of all its statements.
    """
    limits = []
    if policy.backup_days:
        backup = f"backups are kept {_count_days(policy.backup_days)} on {policy.target}"
        limits.append((policy.backup_days, backup))
    if set_aside and policy.keep_days:
        number, kind = set_aside[0]
        which = f" (statement {number})" if count > 1 else ""
        kept = f"what {kind}{which} takes away is kept {_count_days(policy.keep_days)} on {policy.target}"
        limits.append((policy.keep_days, kept))
    if not limits:
        return f"It could be rolled back for ever: so long does the policy of {policy.target} keep its backup."
    days, why = min(limits)
    return f"It could be rolled back for {_count_days(days)}: {why}."


def describe_end(what: str, since: datetime, days: int, target: str, *, by: str, now: datetime) -> str:
    """Return, for a statement's record, why it cannot be undone any more. what: was kept. by: who purged it."""
    until = expires_at(since, days)
    if until is None or until > now:
        kept = f"kept since {since:%Y-%m-%d}"
    else:
        kept = f"kept until {until:%Y-%m-%d} ({_count_days(days)} on {target})"
    return f"{what} was {kept}, and purged by {by} on {now:%Y-%m-%d}."


def _count_days(days: int) -> str:
    if not days:
        return "for ever"
    return "1 day" if days == 1 else f"{days} days"
