"""A TCP proxy in front of a MySQL or MariaDB server that counts the protocol's packets and breaks the n-th one.

A packet is what the protocol calls so: three bytes of length, one of sequence, the payload. What is broken is broken
between two packets or inside of one, which is where a network breaks too. Plain text only: TLS hides the packets.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

HEADER_BYTES = 4
BLOCK_BYTES = 65536
CONNECT_SECONDS = 5


class Direction(StrEnum):
    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"


class Break(StrEnum):
    """What becomes of the n-th packet."""

    CUT = "cut"
    """It is not delivered; the connection ends on both sides."""
    CUT_AFTER = "cut_after"
    """It is delivered, then the connection ends: a statement arrives, its answer never does."""
    CUT_INSIDE = "cut_inside"
    """Half of it is delivered, then the connection ends."""
    DROP = "drop"
    """It is swallowed; the connection stays open and both sides wait."""
    STALL = "stall"
    """It, and what follows it, waits until `heal`, or for `seconds`."""


@dataclass(slots=True)
class _Fault:
    """seconds: how long a stall holds; None until `heal`."""

    direction: Direction
    number: int
    action: Break
    seconds: float | None = None
    fired: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False, slots=True)
class _Pair:
    """One client's connection and ours to the server for it."""

    client: socket.socket
    server: socket.socket

    def cut(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for end in (self.client, self.server):
            end.close()


class Proxy:
    """Listens on a port of its own from the beginning to `close`, except while it refuses."""

    def __init__(self, upstream: tuple[str, int] | None = None) -> None:
        self.upstream = upstream
        self.port = 0
        self._lock = threading.Lock()
        self._healed = threading.Event()
        self._fault: _Fault | None = None
        self._passed: Counter[Direction] = Counter()
        self._pairs: set[_Pair] = set()
        self._listener: socket.socket | None = None
        self.accept()

    def accept(self) -> None:
        """Take connections (again)."""
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def refuse(self) -> None:
        """Refuse new connections, as a machine does on which nothing listens; those that are open stay."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # A close alone leaves the accept of the other thread waiting, and the port taken.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def sever(self) -> None:
        """Cut every open connection now."""
        for pair in self._open_pairs():
            pair.cut()

    def arm(self, direction: Direction, number: int, action: Break, *, seconds: float | None = None) -> None:
        """Break the `number`-th packet from now on, counted from 1 over all connections."""
        with self._lock:
            self._healed.clear()
            self._passed.clear()
            self._fault = _Fault(direction, number, action, seconds)

    def heal(self, *, cut: bool = True) -> bool:
        """Break nothing any more and take connections; whether the armed fault had happened.

        cut: end the connections that wait for what was swallowed or held; else a stall goes on where it stood.
        """
        with self._lock:
            fault, self._fault = self._fault, None
            self._healed.set()
        fired = fault is not None and fault.fired.is_set()
        if fired and cut:
            self.sever()
        self.accept()
        return fired

    @property
    def fired(self) -> bool:
        fault = self._fault
        return fault is not None and fault.fired.is_set()

    def wait_until_fired(self, seconds: float) -> bool:
        fault = self._fault
        return fault is not None and fault.fired.wait(seconds)

    def passed(self, direction: Direction) -> int:
        """Return how many packets went that way since `arm` or `count`."""
        with self._lock:
            return self._passed[direction]

    def count(self) -> None:
        """Count packets from 0, and break none."""
        with self._lock:
            self._fault = None
            self._passed.clear()

    def close(self) -> None:
        self.refuse()
        self._healed.set()
        self.sever()

    def _open_pairs(self) -> list[_Pair]:
        with self._lock:
            return list(self._pairs)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        try:
            if self.upstream is None:
                raise OSError("no server yet")
            server = socket.create_connection(self.upstream, CONNECT_SECONDS)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = _Pair(client, server)
        with self._lock:
            self._pairs.add(pair)
        other = threading.Thread(target=self._pump, args=(pair, Direction.TO_CLIENT), daemon=True)
        other.start()
        self._pump(pair, Direction.TO_SERVER)
        other.join()
        with self._lock:
            self._pairs.discard(pair)
        pair.close()

    def _pump(self, pair: _Pair, direction: Direction) -> None:
        source, sink = (pair.client, pair.server) if direction == Direction.TO_SERVER else (pair.server, pair.client)
        try:
            for packet in _read_packets(source):
                fault = self._pass(direction)
                if fault is None:
                    sink.sendall(packet)
                elif not self._break(fault, pair, sink, packet):
                    break
        except OSError:
            pass
        # One side is gone: the other learns of it, as over a network that works.
        pair.cut()

    def _pass(self, direction: Direction) -> _Fault | None:
        """Count a packet; return the fault when it is the one to be broken."""
        with self._lock:
            self._passed[direction] += 1
            fault = self._fault
            if fault is None or fault.fired.is_set() or fault.direction != direction:
                return None
            return fault if self._passed[direction] == fault.number else None

    def _break(self, fault: _Fault, pair: _Pair, sink: socket.socket, packet: bytes) -> bool:
        """Do what is armed; whether the connection goes on."""
        fault.fired.set()
        if fault.action == Break.DROP:
            return True
        if fault.action == Break.STALL:
            self._healed.wait(fault.seconds)
            sink.sendall(packet)
            return True
        if fault.action == Break.CUT_AFTER:
            # First the side that waits for the answer: it may be on its way back before we come to cut.
            (pair.client if sink is pair.server else pair.server).shutdown(socket.SHUT_RDWR)
            sink.sendall(packet)
        elif fault.action == Break.CUT_INSIDE:
            sink.sendall(packet[: max(1, len(packet) // 2)])
        return False


def _read_packets(source: socket.socket) -> Iterator[bytes]:
    """Yield whole packets until the other side ends. Raises OSError when it ends by force."""
    pending = bytearray()
    while block := source.recv(BLOCK_BYTES):
        pending += block
        while len(pending) >= HEADER_BYTES:
            size = HEADER_BYTES + int.from_bytes(pending[:3], "little")
            if len(pending) < size:
                break
            yield bytes(pending[:size])
            del pending[:size]
