"""What goes wrong: every module lists its scenarios for a server."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.faults.scenarios import calls, calm, packets, points, processes, servers, sessions
from tests.faults.stage import Scenario

MODULES = (calm, points, calls, packets, processes, servers, sessions)


def list_scenarios(servers: Sequence[str]) -> list[Scenario]:
    return [scenario for module in MODULES for name in servers for scenario in module.list_scenarios(name)]


def sample(scenarios: Sequence[Scenario], count: int, seed: int) -> list[Scenario]:
    """Return about `count` scenarios, drawn by `seed`; of everything that is to be covered, at least one."""
    rng = random.Random(seed)
    drawn = list(scenarios)
    rng.shuffle(drawn)
    covered: set[str] = set()
    first, rest = [], []
    for scenario in drawn:
        (rest if scenario.covers in covered else first).append(scenario)
        covered.add(scenario.covers)
    chosen = {id(scenario) for scenario in [*first, *rest[: max(0, count - len(first))]]}
    return [scenario for scenario in scenarios if id(scenario) in chosen]
