"""A call is failed where it was told to be, before or after it is done, once or from there on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.faults.calls import CallCounter


class LostError(Exception):
    pass


def fail() -> None:
    raise LostError


class Calls:
    """Makes calls to one callee and remembers which were done and which failed."""

    def __init__(self, counter: CallCounter) -> None:
        self.counter = counter
        self.done: list[int] = []
        self.failed: list[int] = []

    def make(self, count: int, callee: str = "target") -> Calls:
        for number in range(1, count + 1):
            try:
                self.counter.around(callee, f"call {number}", lambda number=number: self.done.append(number), fail)
            except LostError:
                self.failed.append(number)
        return self


@pytest.mark.parametrize(
    ("options", "done", "failed"),
    [
        ({"number": 0}, [1, 2, 3, 4], []),
        ({"number": 2}, [1, 3, 4], [2]),
        ({"number": 2, "when": "after"}, [1, 2, 3, 4], [2]),
        ({"number": 2, "lasting": True}, [1], [2, 3, 4]),
        ({"number": 9}, [1, 2, 3, 4], []),
    ],
)
def test_which_calls_are_done_and_which_fail(tmp_path: Path, options: dict, done: list[int], failed: list[int]) -> None:
    calls = Calls(CallCounter(tmp_path / "report.json", callee="target", **options)).make(4)
    assert (calls.done, calls.failed) == (done, failed)
    assert calls.counter.passed == 4
    assert bool(calls.counter.fired) == bool(failed)


def test_other_callees_and_other_threads_are_left_alone(tmp_path: Path) -> None:
    calls = Calls(CallCounter(tmp_path / "report.json", callee="target", number=1))
    calls.make(2, "backup")
    thread = threading.Thread(target=calls.make, args=(2,))
    thread.start()
    thread.join()
    assert (calls.done, calls.failed, calls.counter.passed) == ([1, 2, 1, 2], [], 0)


def test_the_report_is_there_before_the_process_dies(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    Calls(CallCounter(report, callee="target", number=3)).make(3)
    assert report.read_text() == '{"passed": 3, "fired": "call 3"}\n'
