"""/healthz: this process answers. /readyz: everything it needs answers too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import django_rq
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError
from rq import Worker

# An idle worker of rq tells that it lives every worker_ttl - 15 seconds; rqworker's worker_ttl is 420.
WORKER_SILENCE = timedelta(seconds=480)


class HealthMiddleware:
    """Answers the two probes before all other middleware: a probe comes by IP address, without TLS or a session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain")
        if request.path_info == "/readyz":
            return readyz()
        return self.get_response(request)


def readyz() -> JsonResponse:
    """Return 200 when all is ready, else 503; the body names each part. Reasons stay short: anyone may ask."""
    parts = {name: check() for name, check in _CHECKS.items()}
    ready = all(state == "ok" for state in parts.values())
    return JsonResponse({"ready": ready, **parts}, status=200 if ready else 503)


def _check_database() -> str:
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "does not answer"
    return f"{len(missing)} migrations are missing" if missing else "ok"


def _check_queue() -> str:
    try:
        django_rq.get_connection().ping()
    except RedisError:
        return "does not answer"
    return "ok"


def _check_worker() -> str:
    try:
        workers = Worker.all(queue=django_rq.get_queue())
    except RedisError:
        return "unknown, the queue does not answer"
    oldest = datetime.now(UTC) - WORKER_SILENCE
    alive = [
        worker for worker in workers if worker.last_heartbeat and worker.last_heartbeat.replace(tzinfo=UTC) > oldest
    ]
    return "ok" if alive else "no worker is running"


_CHECKS: dict[str, Callable[[], str]] = {
    "database": _check_database,
    "queue": _check_queue,
    "worker": _check_worker,
}
