"""No fault at all: what the checker says of these is the harness's own error."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.stage import Scenario, Stage
from tests.faults.traces import SHAPES


def list_scenarios(server: str) -> Iterator[Scenario]:
    for shape in (name for name in SHAPES if name != "half"):
        yield Scenario(f"calm/{shape}/{server}", "none", server, "", _make_play(shape))


def _make_play(shape: str):
    def play(stage: Stage) -> None:
        stage.expects_fault = False
        case = stage.case(shape)
        case.execute()
        if case.ticket.state != "succeeded":
            raise RuntimeError(f"without any fault ticket {case.ticket_id} is {case.ticket.state}")

    return play
