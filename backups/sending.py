"""Work for one connection: done in order by one thread, while the caller prepares more."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

WAITING_BYTES = 4 << 20


@dataclass(slots=True)
class Sender:
    """Does tasks in their order in a thread of its own; tasks of at most `waiting_bytes`, or one, wait or are at work.

    The caller leaves the connection alone until finish() or close() returned.
    """

    waiting_bytes: int = WAITING_BYTES
    _thread: ThreadPoolExecutor | None = None
    _waiting: deque[tuple[Future[None], int]] = field(default_factory=deque)
    _size: int = 0

    def put(self, task: Callable[[], None], size_bytes: int) -> None:
        """Let `task` be done, which holds about `size_bytes`. Raises what it, or one before, raised."""
        while self._waiting and (self._waiting[0][0].done() or self._size + size_bytes > self.waiting_bytes):
            self._await_first()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="backup-sender")
        self._waiting.append((self._thread.submit(task), size_bytes))
        self._size += size_bytes

    def finish(self) -> None:
        """Return when all is done. Raises what a task raised."""
        while self._waiting:
            self._await_first()

    def close(self) -> None:
        """Return when no task is at work any more; those that still wait are dropped."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
            self._thread = None
        self._waiting.clear()
        self._size = 0

    def _await_first(self) -> None:
        future, size = self._waiting.popleft()
        self._size -= size
        try:
            future.result()
        except BaseException:
            self.close()
            raise
