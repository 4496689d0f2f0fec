"""The worker that `manage.py rqworker` starts."""

from __future__ import annotations

from typing import Any

from rq import Worker
from rq.serializers import JSONSerializer


class JsonWorker(Worker):  # type: ignore[misc]  # rq is not typed for us
    """Reads job arguments as JSON, whatever the command line says: pickle would run code that came from the queue."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "serializer": JSONSerializer})
