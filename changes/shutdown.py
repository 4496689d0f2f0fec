"""Whether this process was asked to end: a worker then finishes the statement it runs, and sends no other."""

from __future__ import annotations

import signal
import threading

_requested = threading.Event()


def request(number: int = 0, frame: object = None) -> None:
    """Ask for the end; fit to be a signal handler."""
    _requested.set()


def is_requested() -> bool:
    return _requested.is_set()


def listen(number: signal.Signals) -> None:
    """Take this signal as the wish to end. From the main thread only."""
    _requested.clear()
    signal.signal(number, request)
