"""Named points where a test can make the program die, fail, freeze or wait: the faults that recovery is proven with.

Nothing happens unless `arm` was called, which is done at the start from `[site] fault`; a configuration in production
mode refuses that setting. Every point costs one look at an empty list.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

POINTS = (
    "after_claim",
    "after_connect",
    "after_lock",
    "after_snapshot",
    "after_intent",
    "after_begin",
    "children_kept",
    "stmt_sent",
    "children_followed",
    "stmt_done_before_commit",
    "commit_sent",
    "online_started",
    "online_before_swap",
    "online_ended",
    "commit_done_before_record",
    "recorded_before_decode",
    "mid_decode",
    "backup_tx_open",
    "backup_committed_before_mark",
    "between_statements",
    "before_final_cas",
)
"""In the order in which one statement passes them."""

CHILD_POINTS = frozenset({"children_kept", "children_followed"})
"""Passed only by statements whose foreign keys change rows that the server does not log."""


class InjectedFaultError(Exception):
    """What the action "raise" raises: an error that no part of the program expects."""


def _raise() -> None:
    raise InjectedFaultError("A fault was injected here by a test.")


ACTIONS: dict[str, Callable[[], None]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "raise": _raise,
}
"""What can happen at a point. "sleep=SECONDS" is one too."""


@dataclass(slots=True)
class _Fault:
    """One fault that waits. passes: how often its point is still to be passed until it happens."""

    point: str
    passes: int
    act: Callable[[], None]


_armed: list[_Fault] = []


def parse(text: str) -> list[_Fault]:
    """Return the faults of `text`, separated by commas. Raises ValueError.

    Each is "point:n:action": at the n-th pass of `point`, from 1, do `action`.
    """
    return [_parse_one(part.strip()) for part in text.split(",") if part.strip()]


def _parse_one(text: str) -> _Fault:
    point, _, rest = text.partition(":")
    count, _, action = rest.partition(":")
    if point not in POINTS:
        raise ValueError(f"there is no point {point!r}; the points are {', '.join(POINTS)}")
    if not (count.isascii() and count.isdigit() and int(count) > 0):
        raise ValueError(f"needs point:n:action with n from 1, found {text!r}")
    if action.startswith("sleep="):
        seconds = float(action.removeprefix("sleep="))
        return _Fault(point, int(count), lambda: time.sleep(seconds))
    if action not in ACTIONS:
        raise ValueError(f"there is no action {action!r}; the actions are {', '.join(ACTIONS)} and sleep=SECONDS")
    return _Fault(point, int(count), ACTIONS[action])


def arm(text: str) -> None:
    """Let the faults of `text` happen in this process; "" disarms all. Raises ValueError."""
    _armed[:] = parse(text)


def point(name: str) -> None:
    """Pass a point: do what is armed for it, each fault once."""
    for fault in list(_armed):
        if fault.point == name:
            fault.passes -= 1
            if fault.passes == 0:
                _armed.remove(fault)
                fault.act()
