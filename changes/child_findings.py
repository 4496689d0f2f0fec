"""What the approver is told of rows that foreign keys change where the server does not log that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backups.binlog.snapshots import CascadeFact, Snapshot
from changes.child_plan import ChildPlan, plan_children
from changes.problems import Problem
from changes.reserved import KEPT_PREFIX
from changes.server_facts import ServerFacts
from changes.statements import Statement

if TYPE_CHECKING:
    from changes.models import Ticket


def plan_all(
    connection: Any, facts: ServerFacts, ticket: Ticket, statements: Iterable[Statement], snapshot: Snapshot
) -> dict[int, ChildPlan]:
    """Return, by number, what is kept around each statement whose foreign keys can act. Raises MySQLdb.Error."""
    plans = {
        statement.number: plan_children(
            connection,
            facts,
            statement,
            ticket.schema_name,
            snapshot,
            kept_schema=f"{KEPT_PREFIX}…",
            most_rows=ticket.target.most_child_rows,
            counts=True,
        )
        for statement in statements
    }
    return {number: plan for number, plan in plans.items() if plan.acts}


def find_problems(
    statements: Sequence[Statement], plans: Mapping[int, ChildPlan], facts: ServerFacts, *, accepts_loss: bool
) -> Iterator[Problem]:
    """accepts_loss: the submitter said that what cannot be undone may be lost; without that it is refused."""
    for statement in statements:
        plan = plans.get(statement.number)
        if plan is None:
            continue
        if plan.keeps:
            yield _kept_problem(statement, plan)
        else:
            yield _lost_problem(statement, plan, facts, accepted=accepts_loss)


def why_apart(plans: Mapping[int, ChildPlan], facts: ServerFacts) -> str | None:
    """Return why statements with kept rows cannot share a transaction; None when they can."""
    number = next((number for number, plan in plans.items() if plan.keeps), None)
    if number is None or (facts.flavor.is_mariadb and facts.binlog.annotated):
        return None
    return (
        f"Statement {number + 1} changes rows of other tables by foreign keys, which are kept with it, and this server"
        " does not write into its binlog which statement changed a row."
    )


def describe(plan: ChildPlan | None) -> tuple[str, str]:
    """Return the state and the note of a row change, as the pages show it before it runs."""
    if plan is None:
        return "rows", "can be undone row by row"
    if plan.keeps:
        return "rows", f"can be undone row by row; rows that foreign keys change are kept: {_describe_kept(plan)}"
    return "none", f"cannot be undone: rows of {plan.label}, which foreign keys change, cannot be kept: {plan.obstacle}"


def _describe_kept(plan: ChildPlan) -> str:
    return plan.label if plan.row_count is None else f"{plan.label} (about {plan.row_count:,} rows with their parents)"


def _describe_edges(edges: Iterable[CascadeFact]) -> str:
    return "; ".join(
        f"{edge.schema_name}.{edge.table_name} by {edge.constraint}"
        f" (ON DELETE {edge.on_delete}, ON UPDATE {edge.on_update})"
        for edge in edges
    )


def _kept_problem(statement: Statement, plan: ChildPlan) -> Problem:
    return Problem(
        "table.children_kept",
        "notice",
        f"Statement {statement.number + 1} also changes rows of other tables: {_describe_edges(plan.reach.edges)}.",
        f"They are kept: {_describe_kept(plan)}.",
        "Nothing to do: they are locked and copied in the same transaction, and a rollback brings them back.",
        statement.number,
        statement.line,
    )


def _lost_problem(statement: Statement, plan: ChildPlan, facts: ServerFacts, *, accepted: bool) -> Problem:
    found = (
        f"Statement {statement.number + 1} also changes rows of other tables: {_describe_edges(plan.reach.edges)}."
        f" They cannot be kept: {plan.obstacle}."
    )
    needed = f"{facts.flavor} does not log what a foreign key's action changes."
    if accepted:
        how = "These child rows cannot be put back. Change them in statements of their own before this one."
        return Problem("table.cascade", "warning", found, needed, how, statement.number, statement.line)
    return Problem(
        "table.cascade",
        "error",
        found,
        f"{needed} The submitter's word that these rows will be lost.",
        'Change them in statements of their own before this one; or tick "This data will be lost" (run_change:'
        " --accept-loss).",
        statement.number,
        statement.line,
    )
