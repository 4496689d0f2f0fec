"""It sends in order, keeps few bytes waiting, and brings errors back."""

from __future__ import annotations

import threading
import time

import pytest

from backups.sending import Sender


def test_it_works_in_order_in_one_other_thread() -> None:
    done: list[tuple[int, int]] = []
    sender = Sender()
    for number in range(500):
        sender.put(lambda number=number: done.append((number, threading.get_ident())), 1)
    sender.finish()
    sender.close()
    assert [number for number, _ in done] == list(range(500))
    assert len({ident for _, ident in done}) == 1
    assert done[0][1] != threading.get_ident()


def test_it_lets_few_bytes_wait() -> None:
    made = sent = most = 0

    def send(size: int) -> None:
        nonlocal sent
        time.sleep(0.001)
        sent += size

    sender = Sender(waiting_bytes=1000)
    for size in [100] * 50 + [5000] + [100] * 20:
        made += size
        sender.put(lambda size=size: send(size), size)
        most = max(most, made - sent)
    sender.finish()
    sender.close()
    assert made == sent
    assert most <= 5000  # one that is larger goes alone


def test_it_brings_an_error_back_and_does_nothing_after() -> None:
    done: list[str] = []

    def fail() -> None:
        raise ConnectionError("gone")

    sender = Sender()
    sender.put(lambda: done.append("good"), 1)
    sender.put(fail, 1)
    with pytest.raises(ConnectionError, match="gone"):
        sender.finish()
    sender.finish()
    assert done == ["good"]


def test_close_waits_for_what_is_at_work() -> None:
    started, finished = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        time.sleep(0.05)
        finished.set()

    sender = Sender()
    sender.put(work, 1)
    started.wait()
    sender.close()
    assert finished.is_set()
