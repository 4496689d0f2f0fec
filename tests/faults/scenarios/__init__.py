"""What goes wrong: every module lists its scenarios for a server."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.faults.scenarios import calls, calm, packets, people, points, processes, servers, sessions
from tests.faults.stage import Scenario

MODULES = (calm, points, calls, packets, processes, servers, sessions, people)


def list_scenarios(servers: Sequence[str]) -> list[Scenario]:
    return [scenario for module in MODULES for name in servers for scenario in module.list_scenarios(name)]


def sample(scenarios: Sequence[Scenario], count: int, seed: int) -> list[Scenario]:
    """Return about `count` scenarios, drawn by `seed`.

    Every named point is among them, in an execution and in a rollback, whatever the count; then one of each kind of
    fault, as far as the count goes; then any.
    """
    rng = random.Random(seed)
    drawn = list(scenarios)
    rng.shuffle(drawn)
    points, kinds, rest = [], [], []
    seen: set[str] = set()
    for scenario in drawn:
        key = scenario.covers or scenario.kind
        group = rest if key in seen else points if scenario.covers else kinds
        group.append(scenario)
        seen.add(key)
    chosen = {id(scenario) for scenario in [*points, *[*kinds, *rest][: max(0, count - len(points))]]}
    return [scenario for scenario in scenarios if id(scenario) in chosen]
