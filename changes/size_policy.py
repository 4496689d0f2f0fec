"""Whether a table may be changed the way the server would do it: large tables are not copied while others wait."""

from __future__ import annotations

from dataclasses import dataclass

from changes.problems import Problem

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class TableChange:
    """A change of a table, as its server would make it.

    number, line: of the statement, from 0 and from 1. table: its name, for messages. size_bytes: rows and indexes.
    algorithm: in words; "" when the server was not asked or did not say.
    makes_wait: others cannot write, or it is not known whether they can.
    """

    number: int
    line: int
    table: str
    size_bytes: int
    algorithm: str
    makes_wait: bool


def is_over(change: TableChange, limit_mib: int) -> bool:
    """Whether others would wait for the change of a table beyond the limit; 0 is none."""
    return change.makes_wait and 0 < limit_mib * MIB < change.size_bytes


def is_for_tool(change: TableChange, from_mib: int) -> bool:
    """Whether the change is one that the target's online tool is there for."""
    return change.makes_wait and change.size_bytes >= from_mib * MIB


def find_too_large(change: TableChange, limit_mib: int, *, tool: str, obstacle: str) -> Problem | None:
    """Return why the server may not make the change; None when it may.

    tool: the name of the target's online tool, "" without one. obstacle: why it cannot make this change.
    """
    if not is_over(change, limit_mib):
        return None
    how = (
        "Split the statement into clauses that the server makes with ALGORITHM=INSTANT or LOCK=NONE, and write that; or"
    )
    if not tool:
        how += " ask whoever keeps the target for an online tool on it (Online schema changes), or for a higher limit."
    elif obstacle:
        how += f" write it so that {tool} can make it: now it cannot, since {obstacle}."
    else:
        how += f" ask whoever keeps the target to let {tool} change tables of this size (Online from)."
    return Problem(
        id="table.too_large",
        severity="error",
        found=f"{_place(change)} changes {change.table}, which has {show_mib(change.size_bytes)};"
        f" {describe(change.algorithm)}.",
        needed=f"A change for which nobody waits: tables beyond {limit_mib:,} MiB are not written anew on this target.",
        how=how,
        statement=change.number,
        line=change.line,
    )


def warn_not_online(change: TableChange, *, tool: str, obstacle: str) -> Problem:
    """Say that a change which the tool is there for is made by the server all the same."""
    return Problem(
        id="table.not_online",
        severity="warning",
        found=f"{_place(change)} would be made online by {tool}, which cannot: {obstacle}.",
        needed="",
        how=f"Approve it only if others may wait while the server changes {change.table}"
        f" ({show_mib(change.size_bytes)}; {describe(change.algorithm)}).",
        statement=change.number,
        line=change.line,
    )


def explain_growth(table: str, size_bytes: int, limit_mib: int) -> str:
    """Return why a statement that was approved for a smaller table is not sent now."""
    return (
        f"Found: {table} has {show_mib(size_bytes)} now. Needed: at most {limit_mib:,} MiB for a change for which"
        " others wait, by the target's policy. Check the ticket again: the page then says what else can be done."
    )


def describe(algorithm: str) -> str:
    return f"the server would make it by {algorithm}" if algorithm else "how the server would make it is not known"


def show_mib(size_bytes: int) -> str:
    return f"{-(-size_bytes // MIB):,} MiB"


def _place(change: TableChange) -> str:
    return f"Statement {change.number + 1} (line {change.line})"
