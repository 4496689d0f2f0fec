"""A case by the product's own road: submitted, approved by another person, executed, captured, rolled back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import MySQLdb
from django.db import connections

from backups.routers import BACKUP_ALIAS
from changes.errors import ChangeError, CheckFailedError
from changes.models import Execution, Ticket
from changes.states import BackupState, ExecutionState, RollbackState
from tests.fidelity.cases import Case, Verdict
from tests.fidelity.tables import State, describe_difference, make_again, query, read_state
from tests.live.installation import Installation

UNPROTECTED = (BackupState.INCOMPLETE, BackupState.IMPOSSIBLE, BackupState.OFF)
ANNOUNCING = frozenset(
    {
        "table.column_type",
        "table.cascade",
        "table.versioned",
        "table.engine",
        "rollback.ddl.none",
        "rollback.ddl.unproven",
    }
)
"""Warnings before approval that a rollback will not bring everything back."""
BY_HAND = "can be run by hand"
NEEDED_MODES = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"
ODD_MODES = "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"


@dataclass(frozen=True, slots=True)
class Judged:
    """by_hand: None when the stored text was not replayed, "" when it restored everything, else what differed."""

    verdict: Verdict
    detail: str = ""
    by_hand: str | None = None


def judge(case: Case, place: Installation, connection: Any, *, by_hand: bool) -> Judged:
    """Run a case on fresh tables. by_hand: once more, undone by the stored text alone.

    connection: of a person beside the tool, with the client flag for several statements at once.
    """
    make_again(connection, place.schema, case.make_on(place.server.name))
    before = read_state(connection, place.schema)
    try:
        ran = place.run(case.sql)
    except CheckFailedError as error:
        return Judged(Verdict.REFUSED, str(error))
    if ran.state == ExecutionState.REFUSED:
        return Judged(Verdict.REFUSED, ran.error)
    judged = roll_back(place, ran, before, connection)
    by_hand_too = judged.verdict == Verdict.EXACT or BY_HAND in judged.detail
    if not by_hand or not by_hand_too or not has_records(ran):
        return judged
    make_again(connection, place.schema, case.make_on(place.server.name))
    again = place.run(case.sql)
    return Judged(judged.verdict, judged.detail, replay(again, place, connection, before, case))


def roll_back(place: Installation, ran: Execution, before: State, connection: Any) -> Judged:
    changed = read_state(connection, place.schema)
    warned = sorted({problem.id for problem in ran.ticket.problems if problem.id in ANNOUNCING})
    reasons = " ".join(statement.backup_reason for statement in ran.statements.all() if statement.backup_reason)
    try:
        back = place.roll_back(ran.ticket)
    except ChangeError as error:
        Ticket.objects.filter(pk=ran.ticket.pk).update(rollback_state=RollbackState.NONE)
        if changed == before:
            return Judged(Verdict.EXACT, "nothing was changed")
        if ran.ticket.backup_state not in UNPROTECTED:
            return Judged(Verdict.WRONG, f"says {error} But: {describe_difference(before, changed)}")
        detail = reasons or str(error)
        if warned:
            return Judged(Verdict.WARNED, f"{', '.join(warned)}: {detail}")
        return Judged(Verdict.STOPPED, detail)
    after = read_state(connection, place.schema)
    if back.state == ExecutionState.SUCCEEDED:
        if after == before:
            return Judged(Verdict.EXACT)
        difference = describe_difference(before, after)
        return Judged(Verdict.WARNED if warned else Verdict.WRONG, f"{', '.join(warned)} {difference}".strip())
    conflicts = [str(conflict) for conflict in back.rollback_result.get("conflicts", [])[:1]]
    detail = " ".join([back.error, *conflicts])
    if after == changed:
        return Judged(Verdict.STOPPED, detail)
    return Judged(Verdict.WRONG, f"{detail} And yet: {describe_difference(changed, after)}")


def has_records(ran: Execution) -> bool:
    statements = list(ran.statements.all())
    return any(statement.records_stored for statement in statements) and all(
        statement.backup_state in (BackupState.COMPLETE, BackupState.NONE) for statement in statements
    )


def replay(
    ran: Execution,
    place: Installation,
    connection: Any,
    before: State,
    case: Case | None = None,
    *,
    modes: str = "",
) -> str:
    """Run the stored text as a person would, newest first. Returns what differs afterwards, or "".

    docs/limitations.md says what such a session needs: a sql_mode that takes zero dates and the 0 of an AUTO_INCREMENT,
    and no foreign key checks where the binlog has the cascades or a row refers to itself. All else is as odd here as a
    session can be, but for a session of other `modes`.
    """
    flavor = place.server.flavor
    checks = not flavor.logs_cascades and not (case is not None and case.is_replayed_unchecked)
    modes = modes or f"{NEEDED_MODES},{ODD_MODES}" + (",EMPTY_STRING_IS_NULL" if flavor.is_mariadb else "")
    query(connection, f"SET SESSION sql_mode = '{modes}', time_zone = '-08:00'")
    query(connection, f"SET SESSION foreign_key_checks = {int(checks)}")
    for text in load_rollback_text(ran):
        try:
            query(connection, text)
        except MySQLdb.Error as error:
            return f"{error}: {text[:200]}"
    after = read_state(connection, place.schema)
    return "" if after == before else describe_difference(before, after)


def load_rollback_text(ran: Execution) -> list[str]:
    """Return the stored rollback statements as any client of the format reads them: by descending id."""
    texts: list[str] = []
    with connections[BACKUP_ALIAS].cursor() as cursor:
        for statement in ran.statements.filter(records_stored__gt=0).order_by("-seq"):
            table = statement.backup_table.replace("`", "``")
            cursor.execute(
                f"SELECT rollback_statement FROM `{statement.backup_schema}`.`{table}`".replace("%", "%%")
                + " WHERE opid_time = %s ORDER BY id DESC",
                [statement.opid_time],
            )
            texts += [text for (text,) in cursor.fetchall()]
    return texts
