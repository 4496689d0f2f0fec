"""The clock of the installation: queues what is due, rings again for what the queue lost, looks into what nobody runs.

Any number of these may run, on any machines: every step is a compare-and-set.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import connections
from django.db.models import Q
from django.utils import timezone

from changes import actions, recovery
from changes.attempt import HELD, Attempt, LostExecutionError
from changes.clock import DatabaseNow
from changes.models import Execution
from changes.states import ExecutionState

logger = logging.getLogger(__name__)

RING_AGAIN_AFTER = timedelta(seconds=10)
MOST_FAILED_LOOKS = 5
MOST_AT_ONCE = 4
"""Looks at one time: a server that does not answer must not keep the others waiting."""


@dataclass(slots=True)
class Reconciler:
    """say: is told one line for everything that is done."""

    say: Callable[[str], None]
    _seen: dict[int, tuple[int, datetime | None, float]] = field(default_factory=dict)
    _looks: dict[int, Future[None]] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=MOST_AT_ONCE, thread_name_prefix="look")
    )

    def step(self) -> None:
        """Do all that is to be done now. Raises Django's database errors."""
        for execution in actions.queue_due():
            self.say(f"queued execution {execution.pk} of ticket {execution.ticket_id}")
        for execution_id in actions.ring_again(timezone.now() - RING_AGAIN_AFTER):
            self.say(f"rang again for execution {execution_id}")
        for execution in self.find_abandoned():
            if execution.pk not in self._looks or self._looks[execution.pk].done():
                self.say(f"looking into execution {execution.pk} of ticket {execution.ticket_id}")
                self._looks[execution.pk] = self._pool.submit(look_into, execution)

    def finish(self) -> None:
        """Wait until all looks that were begun have ended."""
        for look in self._looks.values():
            look.result()

    @property
    def is_watching(self) -> bool:
        """Whether a lease has run out and is watched for a while before it is believed."""
        return bool(self._seen)

    def find_abandoned(self) -> list[Execution]:
        """Return the executions that nobody works on.

        A lease that ran out by the clock counts only when it was also not renewed while we watched for as long as a
        worker takes between two signs of life: a clock that jumps must not end what is well.
        """
        now = time.monotonic()
        due = Q(look_again_at=None) | Q(look_again_at__lte=DatabaseNow())
        expired = Q(state=ExecutionState.RUNNING, lease_until__lt=DatabaseNow())
        given_up = Q(state=ExecutionState.RUNNING, lease_until=None) & due
        free = Q(lease_until=None) | Q(lease_until__lt=DatabaseNow())
        undecided = Q(state=ExecutionState.UNKNOWN, look_again_at__lte=DatabaseNow()) & free
        found = {
            execution.pk: execution
            for execution in Execution.objects.filter(expired | given_up | undecided, state__in=HELD)
        }
        self._seen = {pk: seen for pk, seen in self._seen.items() if pk in found}
        self._looks = {pk: look for pk, look in self._looks.items() if not look.done()}
        abandoned = []
        for pk, execution in found.items():
            if execution.state == ExecutionState.UNKNOWN or execution.lease_until is None:
                abandoned.append(execution)
                continue
            fence, lease_until, since = self._seen.get(pk, (-1, None, now))
            if (fence, lease_until) != (execution.fence, execution.lease_until):
                self._seen[pk] = (execution.fence, execution.lease_until, now)
            elif now - since >= watch_seconds():
                del self._seen[pk]
                abandoned.append(execution)
        return abandoned


def watch_seconds() -> float:
    """How long a lease is watched: a little more than a worker takes between two signs of life."""
    return float(settings.INCEPTION.worker.lease_seconds) / 3 + 0.5


def look_into(execution: Execution) -> None:
    """Take an execution over and settle it; what fails is tried again at the next step."""
    attempt: Attempt | None = None
    try:
        attempt = Attempt.take_over(execution, only_expired=True)
        if attempt is not None:
            recovery.recover(attempt)
    except LostExecutionError:
        logger.info("execution=%s state=taken_by_another", execution.pk)
    except Exception as error:
        logger.exception("execution=%s recovery=failed", execution.pk)
        if attempt is not None:
            _let_go(attempt, error)
    finally:
        connections.close_all()


def _let_go(attempt: Attempt, error: Exception) -> None:
    """Let it be looked at again; what fails each time is a person's to see."""
    try:
        if attempt.execution.looks >= MOST_FAILED_LOOKS:
            recovery.give_up(attempt, f"Looking into it failed with {type(error).__name__}; the log has the details.")
            return
        attempt.let_go(look_again=recovery.pause_after(attempt.execution.looks))
    except DjangoDatabaseError as failure:
        logger.warning("execution=%s lease=not_given_up error=%s", attempt.execution.pk, type(failure).__name__)
