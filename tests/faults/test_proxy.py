"""The proxy breaks the packet it was told to break, and no other."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.proxy import Break, Direction, Proxy


def packet(payload: bytes, sequence: int = 0) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload


class Echo:
    """A server that answers each packet with its own payload, and remembers what it got."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while head := connection.recv(4, socket.MSG_WAITALL):
                size = int.from_bytes(head[:3], "little")
                payload = connection.recv(size, socket.MSG_WAITALL)
                if len(payload) == size:
                    self.got.append(payload)
                    connection.sendall(packet(payload, 1))


class Client:
    def __init__(self, proxy: Proxy) -> None:
        self.socket = socket.create_connection(("127.0.0.1", proxy.port), 5)
        self.socket.settimeout(5)

    def ask(self, payload: bytes) -> bytes:
        """Return the answer; b"" when the connection ended instead."""
        try:
            self.socket.sendall(packet(payload))
            answer = b""
            while len(answer) < 4 + len(payload) and (block := self.socket.recv(65536)):
                answer += block
            return answer[4:]
        except (ConnectionError, BrokenPipeError):
            return b""


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.listener.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    made = Proxy(echo.address)
    yield made
    made.close()


def test_it_passes_packets_on_and_counts_them(proxy: Proxy) -> None:
    client = Client(proxy)
    assert [client.ask(word) for word in (b"one", b"two", b"three")] == [b"one", b"two", b"three"]
    assert proxy.passed(Direction.TO_SERVER) == proxy.passed(Direction.TO_CLIENT) == 3
    proxy.count()
    assert client.ask(b"four" * 50_000) == b"four" * 50_000
    assert proxy.passed(Direction.TO_SERVER) == 1


def test_packets_in_pieces_are_counted_once(proxy: Proxy) -> None:
    client = Client(proxy)
    whole = packet(b"in two pieces")
    client.socket.sendall(whole[:6])
    time.sleep(0.05)
    client.socket.sendall(whole[6:])
    assert client.socket.recv(100)[4:] == b"in two pieces"
    assert proxy.passed(Direction.TO_SERVER) == 1


@pytest.mark.parametrize(
    ("direction", "action", "arrived"),
    [
        (Direction.TO_SERVER, Break.CUT, [b"one"]),
        (Direction.TO_SERVER, Break.CUT_INSIDE, [b"one"]),
        (Direction.TO_SERVER, Break.CUT_AFTER, [b"one", b"two"]),
        (Direction.TO_CLIENT, Break.CUT, [b"one", b"two"]),
        (Direction.TO_CLIENT, Break.CUT_INSIDE, [b"one", b"two"]),
    ],
)
def test_the_second_packet_is_cut(
    proxy: Proxy, echo: Echo, direction: Direction, action: Break, arrived: list[bytes]
) -> None:
    proxy.arm(direction, 2, action)
    client = Client(proxy)
    assert client.ask(b"one") == b"one"
    assert not proxy.fired
    assert client.ask(b"two") != b"two"
    assert proxy.wait_until_fired(5)
    _wait_until(lambda: echo.got == arrived)
    assert Client(proxy).ask(b"again") == b"again"


def test_a_reply_is_dropped_and_the_connection_stays_until_it_heals(proxy: Proxy, echo: Echo) -> None:
    proxy.arm(Direction.TO_CLIENT, 1, Break.DROP)
    client = Client(proxy)
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.ask(b"lost")
    assert echo.got == [b"lost"]
    assert proxy.heal()
    client.socket.settimeout(5)
    assert client.ask(b"after") == b""


def test_a_stall_ends_by_itself(proxy: Proxy) -> None:
    proxy.arm(Direction.TO_SERVER, 1, Break.STALL, seconds=0.3)
    began = time.monotonic()
    assert Client(proxy).ask(b"late") == b"late"
    assert time.monotonic() - began >= 0.3


def test_a_stall_without_an_end_waits_for_heal(proxy: Proxy) -> None:
    proxy.arm(Direction.TO_SERVER, 1, Break.STALL)
    client = Client(proxy)
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.ask(b"held")
    other = Client(proxy)
    assert other.ask(b"free") == b"free"
    assert proxy.heal()


def test_it_refuses_and_takes_again(proxy: Proxy) -> None:
    old = Client(proxy)
    assert old.ask(b"one") == b"one"
    proxy.refuse()
    with pytest.raises(ConnectionError):
        Client(proxy)
    assert old.ask(b"two") == b"two"
    proxy.sever()
    assert old.ask(b"three") == b""
    proxy.heal()
    assert Client(proxy).ask(b"four") == b"four"


def test_an_upstream_that_is_gone_ends_the_connection(proxy: Proxy) -> None:
    proxy.upstream = ("127.0.0.1", 1)
    assert Client(proxy).ask(b"one") == b""


def _wait_until(condition: object, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about")
