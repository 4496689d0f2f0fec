"""RQ entry points. RQ is a doorbell: it is told an execution's id and nothing else; its status is never trusted."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import django_rq
import redis.exceptions

logger = logging.getLogger(__name__)


def ring(execution_id: int) -> None:
    """Tell a worker that an execution waits.

    A queue that is down loses nothing: the execution stays QUEUED in the application database, and
    `manage.py reconcile` rings again.
    """
    try:
        django_rq.get_queue("default").enqueue(
            run_execution, execution_id, job_id=_job_id(execution_id), job_timeout=-1, result_ttl=60
        )
    except redis.exceptions.RedisError as error:
        logger.warning("execution=%s queue=down error=%s", execution_id, type(error).__name__)


def _job_id(execution_id: int) -> str:
    return f"execution-{execution_id}"


def find_lost(execution_ids: Sequence[int]) -> list[int]:
    """Return those that the queue does not have: it was restarted empty, or their bell was heard and they had to wait.

    None of them when the queue is down: nothing can be rung for then.
    """
    try:
        waiting = set(django_rq.get_queue("default").get_job_ids())
    except redis.exceptions.RedisError as error:
        logger.warning("queue=down error=%s", type(error).__name__)
        return []
    return [execution_id for execution_id in execution_ids if _job_id(execution_id) not in waiting]


def run_execution(execution_id: int) -> None:
    """Run one queued execution. The rows it leaves tell how it went."""
    from changes import execution

    execution.run(execution_id)
