"""Until when a ticket can be rolled back, and why: ages and policies in, words out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from changes.expiry import (
    KeepingPolicy,
    RanStatement,
    RollbackLimit,
    describe_end,
    expires_at,
    find_limit,
    forecast_limit,
)
from changes.states import BackupState, sum_backup_states

RAN_AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOW = RAN_AT + timedelta(days=1)
POLICY = KeepingPolicy("shop-main", keep_days=30, backup_days=0)
UPDATE = RanStatement(1, "UPDATE", RAN_AT, BackupState.COMPLETE, "", 12)
DROP = RanStatement(2, "DROP TABLE", RAN_AT, BackupState.COMPLETE, "", 1, is_set_aside=True)
GONE = replace(DROP, backup_state=BackupState.EXPIRED, backup_reason="what it took away was purged by dana.")


def limit_of(*statements: RanStatement, policy: KeepingPolicy = POLICY, now: datetime = NOW) -> RollbackLimit | None:
    return find_limit(statements, policy, now)


def text_of(*statements: RanStatement, policy: KeepingPolicy = POLICY, now: datetime = NOW) -> str:
    limit = limit_of(*statements, policy=policy, now=now)
    assert limit is not None
    return limit.text


def test_nothing_expires_where_the_policy_says_for_ever() -> None:
    assert expires_at(RAN_AT, 0) is None
    assert expires_at(RAN_AT, 30) == datetime(2026, 12, 26, 12, tzinfo=UTC)


def test_it_names_the_day_and_what_is_kept_until_then() -> None:
    assert text_of(DROP) == (
        "Can be rolled back until 2026-12-26: what DROP TABLE took away is kept 30 days on shop-main."
    )


def test_it_names_the_statement_where_there_are_several() -> None:
    assert "what DROP TABLE (statement 2) took away is kept 30 days" in text_of(UPDATE, DROP)


def test_backups_have_an_age_of_their_own() -> None:
    policy = replace(POLICY, backup_days=90)
    assert text_of(UPDATE, policy=policy) == (
        "Can be rolled back until 2027-02-24: backups are kept 90 days on shop-main."
    )


def test_the_earliest_of_all_counts() -> None:
    older = replace(UPDATE, ran_at=RAN_AT - timedelta(days=80))
    limit = limit_of(older, DROP, policy=replace(POLICY, backup_days=90))
    assert limit is not None
    assert limit.until == RAN_AT + timedelta(days=10)
    assert "backups are kept 90 days" in limit.text


def test_a_day_is_no_days() -> None:
    assert "backups are kept 1 day on" in text_of(UPDATE, policy=replace(POLICY, backup_days=1))


def test_for_ever_is_said_as_a_policy() -> None:
    assert limit_of(UPDATE) == RollbackLimit(
        "Can be rolled back for ever: so long does the policy of shop-main keep its backup."
    )


def test_what_is_set_aside_for_ever_goes_with_its_backup() -> None:
    policy = KeepingPolicy("shop-main", keep_days=0, backup_days=7)
    assert "backups are kept 7 days" in text_of(DROP, policy=policy)
    assert "for ever" in text_of(DROP, policy=replace(policy, backup_days=0))


def test_past_its_day_it_still_can_until_somebody_purges() -> None:
    assert text_of(DROP, now=RAN_AT + timedelta(days=31)) == (
        "Can be rolled back until the next purge: what DROP TABLE took away is kept 30 days on shop-main, which ended"
        " on 2026-12-26."
    )


def test_what_was_purged_cannot_any_more() -> None:
    assert limit_of(GONE) == RollbackLimit(
        "Cannot be rolled back any more: what it took away was purged by dana.", is_over=True
    )


def test_what_is_left_of_a_ticket_still_can() -> None:
    limit = limit_of(UPDATE, GONE)
    assert limit is not None
    assert not limit.is_over
    assert limit.text.startswith("Can be rolled back for ever")
    assert limit.text.endswith("Statement 2 no longer: what it took away was purged by dana.")


@pytest.mark.parametrize(
    "statement",
    [
        replace(UPDATE, is_undone=True),
        replace(UPDATE, record_count=0),
        replace(UPDATE, backup_state=BackupState.INCOMPLETE),
        replace(UPDATE, backup_state=BackupState.OFF),
        replace(GONE, is_undone=True),
    ],
)
def test_nothing_is_said_where_nothing_can_be_rolled_back(statement: RanStatement) -> None:
    assert limit_of(statement) is None


def test_before_it_runs_it_tells_how_long() -> None:
    assert forecast_limit([(1, "DROP TABLE")], 1, POLICY) == (
        "It could be rolled back for 30 days: what DROP TABLE takes away is kept 30 days on shop-main."
    )
    shorter = replace(POLICY, backup_days=7)
    assert forecast_limit([(2, "TRUNCATE")], 2, shorter) == (
        "It could be rolled back for 7 days: backups are kept 7 days on shop-main."
    )
    assert "(statement 2)" in forecast_limit([(2, "TRUNCATE")], 2, POLICY)
    assert "for ever" in forecast_limit([], 2, POLICY)


def test_the_reason_tells_until_when_it_was_kept_and_who_purged_it() -> None:
    later = RAN_AT + timedelta(days=40)
    assert describe_end("its backup", RAN_AT, 30, "shop-main", by="dana", now=later) == (
        "its backup was kept until 2026-12-26 (30 days on shop-main), and purged by dana on 2027-01-05."
    )


@pytest.mark.parametrize("days", [0, 60])
def test_the_reason_claims_no_policy_that_it_was_purged_against(days: int) -> None:
    later = RAN_AT + timedelta(days=40)
    assert describe_end("its backup", RAN_AT, days, "shop-main", by="dana", now=later) == (
        "its backup was kept since 2026-11-26, and purged by dana on 2027-01-05."
    )


def test_expired_does_not_hide_what_was_never_protected() -> None:
    assert sum_backup_states([BackupState.EXPIRED, BackupState.INCOMPLETE]) == BackupState.INCOMPLETE
    assert sum_backup_states([BackupState.COMPLETE, BackupState.EXPIRED]) == BackupState.EXPIRED
