"""The worker that `manage.py rqworker` starts."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any

from rq import Worker
from rq.serializers import JSONSerializer

from changes import shutdown


class JsonWorker(Worker):  # type: ignore[misc]  # rq is not typed for us
    """Reads job arguments as JSON, whatever the command line says: pickle would run code that came from the queue.

    Asked to end (SIGTERM), it lets its work-horse finish the statement that runs, and nothing more: rq itself would
    wait for the whole ticket, and a SIGTERM that reaches the horse too would cut the statement off.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "serializer": JSONSerializer})

    def setup_work_horse_signals(self) -> None:
        super().setup_work_horse_signals()
        shutdown.listen(signal.SIGTERM)

    def handle_warm_shutdown_request(self) -> None:
        super().handle_warm_shutdown_request()
        if self.horse_pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)
