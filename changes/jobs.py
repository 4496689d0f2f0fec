"""RQ entry points. RQ is a doorbell: it is told an execution's id and nothing else; its status is never trusted."""

from __future__ import annotations

import logging

import django_rq
import redis.exceptions

logger = logging.getLogger(__name__)


def ring(execution_id: int) -> None:
    """Tell a worker that an execution waits.

    A queue that is down loses nothing: the execution stays QUEUED in the application database, and
    `manage.py run_due` rings again.
    """
    try:
        django_rq.get_queue("default").enqueue(run_execution, execution_id, job_timeout=-1, result_ttl=60)
    except redis.exceptions.RedisError as error:
        logger.warning("execution=%s queue=down error=%s", execution_id, type(error).__name__)


def run_execution(execution_id: int) -> None:
    """Run one queued execution. The rows it leaves tell how it went."""
    from changes import execution

    execution.run(execution_id)
