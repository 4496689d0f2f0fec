"""Whatever breaks, nothing runs twice, is lost without a mark, or hangs: a sample of scripts/faults.

Every named point is in it, in an execution and in a rollback; the rest is drawn. The seed is new in every run, and
printed; INCEPTION_FAULT_SEED repeats one.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.faults.scenarios import list_scenarios, sample
from tests.servers import MARIADB, MYSQL, ROOT, ServerMissingError, find_program, report_missing

COUNT = 45
"""About four minutes on two cores."""
LONGEST_SECONDS = 900


@pytest.mark.live
@pytest.mark.timeout(LONGEST_SECONDS + 60)
def test_a_sample_of_all_faults_violates_nothing() -> None:
    for name in (MARIADB, MYSQL):
        try:
            find_program(name)
        except ServerMissingError as error:
            report_missing(f"{name}: {error}")
    words = ["--sample", str(COUNT)]
    if seed := os.environ.get("INCEPTION_FAULT_SEED"):
        words += ["--seed", seed]
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]


def test_a_sample_has_every_point_and_is_the_same_for_the_same_seed() -> None:
    scenarios = list_scenarios((MARIADB, MYSQL))
    places = {scenario.covers for scenario in scenarios if scenario.covers}
    assert len(places) == 32
    for seed in range(5):
        chosen = sample(scenarios, 50, seed)
        assert {scenario.covers for scenario in chosen if scenario.covers} == places
        assert len(chosen) == 50
        assert chosen == sample(scenarios, 50, seed)
    assert sample(scenarios, 50, 1) != sample(scenarios, 50, 2)


def test_a_large_sample_has_every_kind_of_fault() -> None:
    scenarios = list_scenarios((MARIADB, MYSQL))
    kinds = {scenario.kind for scenario in scenarios}
    assert {scenario.kind for scenario in sample(scenarios, 32 + len(kinds), 1)} == kinds


def test_the_names_of_scenarios_are_their_own() -> None:
    names = [scenario.name for scenario in list_scenarios((MARIADB, MYSQL))]
    assert len(names) == len(set(names))
