"""A worker dies, fails or freezes at each of the named points, in an execution and in a rollback."""

from __future__ import annotations

import signal
from collections.abc import Iterator

from backups.faults import POINTS
from tests.faults.stage import NotFiredError, Scenario, Stage

KINDS = {
    "kill": "worker killed at a named point",
    "raise": "unforeseen error at a named point",
    "stop": "worker frozen at a named point, woken after take-over",
}
SHAPE_OF_POINT = {"mid_decode": "each", "between_statements": "each"}
SHAPES = ("one", "each", "schema")


def list_scenarios(server: str) -> Iterator[Scenario]:
    for phase in ("execution", "rollback"):
        for point in POINTS:
            for action, kind in KINDS.items():
                for shape in SHAPES:
                    yield Scenario(
                        f"point/{point}/{action}/{phase}/{shape}/{server}",
                        kind,
                        server,
                        f"{point}/{phase}",
                        _make_play(point, action, phase, shape),
                    )


def _make_play(point: str, action: str, phase: str, shape: str):
    def play(stage: Stage) -> Iterator[None]:
        case = stage.case_for(phase, shape)
        nth = stage.rng.choice((1, 1, 2))
        process = case.execute(points=f"{point}:{nth}:{action}")
        if nth > 1 and not _happened(process, action):
            # Not every point is passed twice: the first pass then, with a ticket that did not run yet.
            case = stage.case_for(phase, shape)
            process = case.execute(points=f"{point}:1:{action}")
        if not _happened(process, action):
            raise NotFiredError(f"{point} was not passed; see {process.log.name}")
        stage.fire()
        yield
        if action == "stop":
            process.signal(signal.SIGCONT)
            stage.place.forks.wait_for_end(process, 30)
            yield

    return play


def _happened(process, action: str) -> bool:
    if action == "kill":
        return process.was_killed
    if action == "stop":
        return process.stopped
    return b"InjectedFaultError" in process.log.read_bytes()
