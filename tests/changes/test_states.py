from __future__ import annotations

import pytest

from changes.states import ACTIVE, ALLOWED_MOVES, EDITABLE, FINAL, BackupState, TicketState, may_move, sum_backup_states


def test_every_state_has_its_row_in_the_table_of_moves() -> None:
    assert set(ALLOWED_MOVES) == set(TicketState)


def test_final_states_lead_nowhere_but_to_another_try_of_what_was_not_applied() -> None:
    assert {state: set(ALLOWED_MOVES[state]) for state in FINAL if ALLOWED_MOVES[state]} == {
        TicketState.FAILED: {TicketState.QUEUED}
    }


@pytest.mark.parametrize("state", list(TicketState))
def test_no_state_moves_to_itself(state: TicketState) -> None:
    assert not may_move(state, state)


def test_nothing_runs_that_was_not_approved_and_queued() -> None:
    assert {old for old in TicketState if may_move(old, TicketState.RUNNING)} == {TicketState.QUEUED}
    assert {old for old in TicketState if may_move(old, TicketState.QUEUED)} == {
        TicketState.APPROVED,
        TicketState.SCHEDULED,
        TicketState.RUNNING,  # its worker was asked to end between two statements
        TicketState.FAILED,  # nothing of it was applied
    }


def test_what_a_worker_may_hold_cannot_be_edited() -> None:
    assert not ACTIVE & EDITABLE


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], BackupState.NONE),
        ([BackupState.COMPLETE, BackupState.COMPLETE], BackupState.COMPLETE),
        ([BackupState.COMPLETE, BackupState.INCOMPLETE], BackupState.INCOMPLETE),
        ([BackupState.COMPLETE, BackupState.IMPOSSIBLE], BackupState.IMPOSSIBLE),
        ([BackupState.COMPLETE, BackupState.NONE], BackupState.COMPLETE),
        ([BackupState.PENDING, BackupState.COMPLETE], BackupState.PENDING),
        ([BackupState.OFF, BackupState.OFF], BackupState.OFF),
    ],
)
def test_the_worst_statement_speaks_for_the_ticket(states: list[BackupState], expected: BackupState) -> None:
    assert sum_backup_states(states) is expected
