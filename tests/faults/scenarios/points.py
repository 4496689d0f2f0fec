"""A worker dies, fails or freezes at each of the named points, in an execution and in a rollback."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from backups.faults import CHILD_POINTS, POINTS
from tests.faults.fork_server import Process
from tests.faults.stage import NotFiredError, Play, Scenario, Stage

KINDS = {
    "kill": "worker killed at a named point",
    "raise": "unforeseen error at a named point",
    "stop": "worker frozen at a named point, woken after take-over",
}
SHAPES = ("one", "each", "schema")


def list_scenarios(server: str) -> Iterator[Scenario]:
    for phase in ("execution", "rollback"):
        # Those of an online tool are passed by tests/live/test_online_change.py alone.
        for point in POINTS:
            if point in CHILD_POINTS or point.startswith("online_"):
                continue
            for action, kind in KINDS.items():
                name = f"point/{point}/{action}/{phase}/{server}"
                yield Scenario(name, kind, server, f"{point}/{phase}", _make_play(point, action, phase))


def _shapes_that_pass(point: str, phase: str) -> tuple[str, ...]:
    if point != "between_statements":
        return SHAPES
    # A rollback is one transaction, unless a schema change is in it.
    return ("each", "schema") if phase == "execution" else ("schema",)


def _make_play(point: str, action: str, phase: str) -> Play:
    def play(stage: Stage) -> Iterator[None]:
        shape = stage.rng.choice(_shapes_that_pass(point, phase))
        case = stage.case_for(phase, shape)
        nth = stage.rng.choice((1, 1, 2))
        process = case.execute(points=f"{point}:{nth}:{action}")
        if nth > 1 and not _happened(process, action):
            # Not every point is passed twice: the first pass then, with a ticket that did not run yet.
            case = stage.case_for(phase, shape)
            process = case.execute(points=f"{point}:1:{action}")
        if not _happened(process, action):
            raise NotFiredError(f"{point} was not passed by {shape}; status {process.status}; see {process.log.name}")
        case.note = f"{shape}, {action} at {point}"
        stage.fire()
        yield
        if action == "stop":
            process.signal(signal.SIGCONT)
            stage.place.forks.wait_for_end(process, 30)
            yield

    return play


def _happened(process: Process, action: str) -> bool:
    if action == "kill":
        return process.was_killed
    if action == "stop":
        return process.stopped
    return b"InjectedFaultError" in process.log.read_bytes()
