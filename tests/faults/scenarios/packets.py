"""The network breaks at the n-th packet of the protocol, in either direction, between the worker and a server."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.faults.proxy import Break, Direction, Proxy
from tests.faults.stage import Scenario, Stage

SHAPES = ("one", "each", "schema")
DRAWN = 1
A_ROW = 12
HELD_SECONDS = 0.7
FIRED_SECONDS = 10
STEP = {Break.CUT: 2, Break.CUT_AFTER: 2, Break.CUT_INSIDE: 7, Break.DROP: 7, Break.STALL: 7}
"""Of a whole run every n-th packet only, from a drawn beginning: between two neighbours nothing new happens."""
_KINDS = {
    Break.CUT: "connection cut before a packet",
    Break.CUT_AFTER: "connection cut after a packet",
    Break.CUT_INSIDE: "connection cut inside a packet",
    Break.DROP: "packet lost, connection hanging, then cut",
    Break.STALL: "packet held for a while, then delivered",
}


def list_scenarios(server: str) -> Iterator[Scenario]:
    for other in ("target", "backup"):
        for direction in Direction:
            for action, kind in _KINDS.items():
                for phase in ("execution", "rollback"):
                    name = f"{other}/{direction}/{action}/{phase}"
                    play = _make_play(other, direction, action, phase)
                    yield Scenario(f"packets/{name}/{server}", kind, server, "", play)


def _make_play(other: str, direction: Direction, action: Break, phase: str):
    def play(stage: Stage) -> Iterator[None]:
        proxy = stage.proxy if other == "target" else stage.place.backup_proxy
        probe = stage.case_for(phase, stage.rng.choice(SHAPES))
        proxy.count()
        probe.execute()
        count = proxy.passed(direction)
        for done, number in enumerate(_numbers(stage, count, STEP[action]), 1):
            case = stage.case_for(phase, stage.rng.choice(SHAPES) if stage.thorough else probe.shape.name)
            case.note = f"{case.shape.name}, packet {number} {direction}"
            stage.fire(_break(stage, proxy, case, direction, number, action))
            if done % A_ROW == 0:
                yield
        yield

    return play


def _numbers(stage: Stage, count: int, step: int) -> list[int]:
    if stage.thorough:
        return list(range(stage.rng.randint(1, step), count + 1, step))
    return sorted(stage.rng.sample(range(1, count + 1), DRAWN))


def _break(stage: Stage, proxy: Proxy, case, direction: Direction, number: int, action: Break) -> bool:
    proxy.arm(direction, number, action, seconds=HELD_SECONDS if action == Break.STALL else None)
    process = case.start()
    if action == Break.DROP and _wait_until_fired(proxy, process):
        time.sleep(HELD_SECONDS)
        proxy.heal()
        stage.place.forks.wait_for_end(process)
        return True
    stage.end(process)
    return proxy.heal()


def _wait_until_fired(proxy: Proxy, process) -> bool:
    deadline = time.monotonic() + FIRED_SECONDS
    while time.monotonic() < deadline and process.status is None:
        if proxy.wait_until_fired(0.05):
            return True
    return proxy.fired
