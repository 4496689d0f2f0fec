"""Around the statements of one execution: which rows of other tables are kept, as the approver was told, and where."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import MySQLdb

from backups.binlog.snapshots import Snapshot
from changes import children
from changes.attempt import Attempt
from changes.child_plan import ChildPlan, plan_children
from changes.children import ChildrenError, Keeper
from changes.content import approved_entry
from changes.keeping import name_schema
from changes.models import ExecutedStatement
from changes.run import Run
from changes.statements import Statement

logger = logging.getLogger(__name__)

LOST_ID = "table.cascade"
"""The warning that rows which foreign keys change will be lost."""


def prepare(run: Run, pairs: Sequence[tuple[Statement, ExecutedStatement]], snapshot: Snapshot) -> list[Keeper | None]:
    """Make what the statements need to keep rows that their foreign keys change; a keeper each, None for no need.

    Where the shadows are stands on the records before they are made. Raises ChildrenError, MySQLdb.Error.
    """
    return [_prepare_one(run, statement, record, snapshot) for statement, record in pairs]


def _prepare_one(run: Run, statement: Statement, record: ExecutedStatement, snapshot: Snapshot) -> Keeper | None:
    let_go(run.attempt, run.session.connection, [record])  # of a worker that died before it was sent
    if not run.ticket.backup:
        return None
    kept_schema = name_schema(run.execution.installation, run.execution.pk, record.seq)
    plan = plan_children(
        run.session.connection,
        run.session.facts,
        statement,
        run.ticket.schema_name,
        snapshot,
        kept_schema=kept_schema,
        most_rows=run.ticket.target.most_child_rows,
        counts=False,
    )
    if not plan.acts or not _is_to_keep(run, statement, plan):
        return None
    entry = children.to_record(plan, kept_schema)
    run.attempt.write(record, kept_children=entry)
    shadows = children.from_record(entry)
    children.create(run.session.connection, run.session.facts.flavor, shadows, snapshot)
    return Keeper(
        run.session.connection,
        run.session.facts.flavor,
        run.marker(record),
        plan,
        shadows,
        snapshot,
        run.ticket.target.most_child_rows,
    )


def _is_to_keep(run: Run, statement: Statement, plan: ChildPlan) -> bool:
    """Whether the rows are kept; False when the approver knows that they are not. Raises ChildrenError."""
    told = any(
        problem.id == LOST_ID and problem.severity == "warning" and problem.statement in (None, statement.number)
        for problem in run.ticket.problems
    )
    if told and not approved_entry(run.ticket, statement.number).get("keeps_children"):
        return False
    if plan.obstacle:
        raise ChildrenError(
            f"Found: {plan.obstacle}. Needed: that rows of {plan.label}, which foreign keys change, can be kept, as it"
            " was approved. Check the ticket again, and submit it with what is lost then."
        )
    return True


def let_go(attempt: Attempt, connection: Any, records: Sequence[ExecutedStatement]) -> None:
    """Drop the shadows of `records`: the binlog holds all that they told. What stays is on record."""
    for record in records:
        if not holds(record):
            continue
        try:
            children.drop(connection, record.kept_children)
        except MySQLdb.Error as error:
            logger.warning("statement=%s shadows=kept error=%s", record.pk, error.args[0])
            continue
        attempt.write(record, kept_children={**record.kept_children, "is_dropped": True})


def holds(record: ExecutedStatement) -> bool:
    """Whether shadows of a statement may still be on its target."""
    return bool(record.kept_children.get("schema")) and not record.kept_children.get("is_dropped")
