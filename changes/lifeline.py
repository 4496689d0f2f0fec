"""The thread beside a running execution: it gives signs of life, and ends a statement that is over its time.

It has a connection of its own to the application database. When the execution is lost to another worker it says so, and
the working thread sends nothing more: its next write would fail on the fence anyway.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import connections

from changes import killing
from changes.attempt import Attempt
from changes.targets import TargetAddress

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
KILL_AGAIN_SECONDS = 5.0


class Lifeline:
    """Use as a context manager around the work on one attempt."""

    def __init__(self, attempt: Attempt, address: TargetAddress) -> None:
        self._attempt = attempt
        self._address = address
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._lock = threading.Lock()
        self._deadline: tuple[float, int] | None = None
        self._thread = threading.Thread(target=self._run, name=f"lifeline-{attempt.execution.pk}", daemon=True)

    def __enter__(self) -> Lifeline:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def is_lost(self) -> bool:
        """Whether another worker holds the execution now, or we could not tell for the length of a lease."""
        return self._lost.is_set()

    @contextlib.contextmanager
    def limit(self, connection_id: int, seconds: float) -> Iterator[None]:
        """End what runs on the target's session `connection_id` when the block takes longer than `seconds`."""
        with self._lock:
            self._deadline = (time.monotonic() + seconds, connection_id)
        try:
            yield
        finally:
            with self._lock:
                self._deadline = None

    def _run(self) -> None:
        lease_seconds = settings.INCEPTION.worker.lease_seconds
        renewed_at = time.monotonic()
        next_at = renewed_at + lease_seconds / 3
        try:
            while not self._ended.wait(min(TICK_SECONDS, lease_seconds / 6)):
                self._end_overdue()
                now = time.monotonic()
                if now < next_at:
                    continue
                next_at = now + lease_seconds / 3
                try:
                    if not self._attempt.renew():
                        self._lost.set()
                        return
                    renewed_at = now
                except DjangoDatabaseError as error:
                    logger.warning("execution=%s lease=not_renewed error=%s", self._attempt.execution.pk, error)
                    connections["default"].close()
                    if now - renewed_at > lease_seconds:
                        self._lost.set()  # somebody else may have taken it: the next write that works will tell
        finally:
            connections.close_all()

    def _end_overdue(self) -> None:
        # Held until the KILL is sent: the statement after this one must not be hit.
        with self._lock:
            if self._deadline is None or time.monotonic() < self._deadline[0]:
                return
            connection_id = self._deadline[1]
            logger.warning("execution=%s connection=%s limit=passed", self._attempt.execution.pk, connection_id)
            killing.kill_query(self._address, connection_id)
            self._deadline = (time.monotonic() + KILL_AGAIN_SECONDS, connection_id)
