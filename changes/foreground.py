"""Running an execution in the foreground, for the commands of scripts: waiting for its turn, and not for ever."""

from __future__ import annotations

import time

from django.db import transaction
from django.utils import timezone

from changes import execution
from changes.activity import move
from changes.attempt import find_obstacle, settle_rolled_back
from changes.errors import ChangeError
from changes.models import Execution
from changes.states import ExecutionState, TicketState

PATIENCE_SECONDS = 60
PAUSE_SECONDS = 1.0


def run(queued: Execution, *, patience_seconds: float = PATIENCE_SECONDS) -> Execution:
    """Run an execution that no queue knows, waiting while another ticket runs in its schema.

    Raises ChangeError, with the ticket withdrawn, when its turn does not come within `patience_seconds`.
    """
    try:
        return _wait_for_turn(queued, patience_seconds)
    except BaseException:
        # Interrupted too: no worker would ever take it.
        _withdraw(queued)
        raise


def _wait_for_turn(queued: Execution, patience_seconds: float) -> Execution:
    deadline = time.monotonic() + patience_seconds
    while True:
        done = execution.run(queued.pk)
        if done is not None:
            return done
        queued.refresh_from_db()
        obstacle = find_obstacle(queued)
        if queued.state != ExecutionState.QUEUED:
            raise ChangeError(f"Execution {queued.pk} was taken by somebody else; look at ticket #{queued.ticket_id}.")
        if time.monotonic() > deadline:
            by = f"ticket #{obstacle.ticket_id}" if obstacle else "another ticket"
            raise ChangeError(
                f"Nothing ran: {by} is still running in the same schema, or the server runs as many as it may."
                f" Waited {patience_seconds:.0f} seconds; try again later."
            )
        time.sleep(PAUSE_SECONDS)


def _withdraw(queued: Execution) -> None:
    ticket = queued.ticket
    with transaction.atomic():
        given_up = Execution.objects.filter(pk=queued.pk, state=ExecutionState.QUEUED).update(
            state=ExecutionState.REFUSED, finished_at=timezone.now(), error="Its turn did not come in time."
        )
        if not given_up:
            return  # it ran, or somebody else has it
        move(ticket, TicketState.WITHDRAWN, by=None, verb="gave up", text="Its turn did not come in time.")
        if ticket.rolls_back is not None:
            settle_rolled_back(ticket.rolls_back, None)
