"""What became of a statement whose answer nobody heard: from evidence to an outcome, and never by a guess.

The caller holds the ticket's lock on the server, so the session that sent the statement is over, and what is seen is
final. The rules are a table; each row of it has a test.
"""

from __future__ import annotations

from dataclasses import dataclass

from changes.states import Outcome


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one statement.

    outcome: as its worker wrote it: SENT (COMMIT was not sent; a schema change not at all) or COMMIT_SENT.
    is_row_change: False for a schema change, which commits by itself.
    is_transactional: all tables it can write to abort with their transaction.
    expected: how many transactions it makes; more than one only for the schema changes of a rollback.
    found: how many of ours are in the binlog since it began.
    trouble: why the binlog could not be read from there to now without a gap; "" when it was.
    """

    outcome: Outcome
    is_row_change: bool
    is_transactional: bool
    expected: int = 1
    found: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """outcome: DONE, ABORTED, FAILED_PARTIAL or UNKNOWN. reason: for people, what it was concluded from."""

    outcome: Outcome
    reason: str


def judge(evidence: Evidence) -> Judgement:
    """Return what became of the statement."""
    if evidence.is_row_change and evidence.is_transactional and evidence.outcome == Outcome.SENT:
        return _judge_uncommitted(evidence)
    if not evidence.is_row_change and evidence.outcome == Outcome.SENT:
        return Judgement(Outcome.ABORTED, "It was not sent yet: nothing of it was applied.")
    if evidence.trouble:
        return Judgement(Outcome.UNKNOWN, f"Whether it took effect is not known: {evidence.trouble}")
    if evidence.found == 0:
        return Judgement(
            Outcome.ABORTED,
            "Nothing of it is in the binlog, which was read without a gap from before it was sent until its session was"
            " over: it was not applied, or changed nothing.",
        )
    if evidence.found != evidence.expected:
        return Judgement(
            Outcome.UNKNOWN,
            f"The binlog holds {evidence.found} transactions of it; needed: {evidence.expected}. It was applied in"
            " part, or somebody else used its session.",
        )
    if evidence.is_row_change and not evidence.is_transactional and evidence.outcome == Outcome.SENT:
        return Judgement(
            Outcome.FAILED_PARTIAL,
            "Its rows are in the binlog, but it changes a table that knows no transactions and its answer was not"
            " heard: it may have been stopped half way.",
        )
    return Judgement(Outcome.DONE, "Its transaction is in the binlog: it is committed.")


def _judge_uncommitted(evidence: Evidence) -> Judgement:
    """A transaction whose COMMIT was never sent ended with its session. The binlog can only agree."""
    if evidence.found:
        return Judgement(
            Outcome.UNKNOWN,
            f"COMMIT was not sent, and yet the binlog holds {evidence.found} transactions of it.",
        )
    return Judgement(Outcome.ABORTED, "COMMIT was not sent, and its session is over: nothing of it was applied.")


def judge_online(outcome: Outcome, before: str, after: str, now: str) -> Judgement:
    """Return what became of a change by an online tool whose sessions are over: the swap of the tables is all or none.

    outcome: SENT: the tool was not let swap; COMMIT_SENT: it was.
    before, after, now: marks of the table's definition before the change, as it must be after it, and as it is.
    """
    if now == before and now != after:
        return Judgement(Outcome.ABORTED, "The table is as it was: the online tool had not swapped the tables.")
    if outcome == Outcome.SENT:
        return Judgement(
            Outcome.ABORTED,
            "The online tool had not been let swap the tables, so nothing of it was applied. The table is not as it was"
            " when the change began, either: somebody else changed it meanwhile.",
        )
    if now == after and now != before:
        return Judgement(Outcome.DONE, "The table is as it was to be: the online tool had swapped the tables.")
    return Judgement(
        Outcome.UNKNOWN,
        "The table is neither as it was nor as it was to be: somebody else changed it meanwhile, or it is gone.",
    )
