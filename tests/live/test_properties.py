"""After a rollback all is as before, or a conflict names a row that another session really touched.

PROPERTY_EXAMPLES and PROPERTY_SEED (scripts/soak sets both) ask for more examples, and other ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.live.conftest import Executor
from tests.live.properties import Kind, Scenario, Stage, choose_kinds, scenarios
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "12"))
SEED = int(os.environ.get("PROPERTY_SEED", "20260101"))
FEWEST_KINDS = 40


@pytest.fixture
def stage(server: Server, executor: Executor) -> Iterator[Stage]:
    made = Stage(server, executor)
    yield made
    made.close()


@pytest.fixture
def kinds(server: Server, stage: Stage) -> list[Kind]:
    known, unknown = choose_kinds(server, stage.executor)
    missing = ", ".join(kind.declaration for kind in unknown) or "none"
    print(f"{server.name}: seed {SEED}, {EXAMPLES} examples, {len(known)} types; not decoded: {missing}")
    assert len(known) >= FEWEST_KINDS
    return known


def test_after_a_rollback_all_is_as_before_or_a_conflict_tells_why(stage: Stage, kinds: list[Kind]) -> None:
    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(scenarios(kinds))
    def check(scenario: Scenario) -> None:
        stage.play(scenario)

    check()
    print(", ".join(f"{count} {name}" for name, count in stage.seen.items()))
    assert stage.seen["rows restored"]
