"""The command behind scripts/faults."""

from __future__ import annotations

import logging
import random
import sys
import time
from argparse import ArgumentParser
from typing import Any

import django

from tests.faults.place import Place
from tests.servers import MARIADB, MYSQL, ROOT

NAMES = (MARIADB, MYSQL)


def choose(scenarios: list[Any], words: list[str]) -> list[Any]:
    """Return the scenarios whose name begins with one of `words`, or holds it where none begins so; all without any."""
    if not words:
        return scenarios
    begins = {word for word in words if any(scenario.name.startswith(word) for scenario in scenarios)}
    return [
        scenario
        for scenario in scenarios
        if any(scenario.name.startswith(word) if word in begins else word in scenario.name for word in words)
    ]


def main() -> int:
    parser = ArgumentParser(prog="scripts/faults", description="Faults, recovery, and the proof of what was left.")
    parser.add_argument("--server", action="append", choices=NAMES, help="may be given more than once; all by default")
    parser.add_argument(
        "--only", action="append", default=[], help="scenarios whose name begins with this, or holds it"
    )
    parser.add_argument("--sample", type=int, help="how many scenarios; everything is covered once all the same")
    parser.add_argument("--seed", type=int, help="repeats a sample, and what a scenario draws; printed")
    parser.add_argument("--list", action="store_true", help="only print the names")
    parser.add_argument("--write", action="store_true", help="write the figures into docs/reliability.md")
    parser.add_argument("--keep", action="store_true", help="leave the folder with all logs")
    chosen = parser.parse_args()
    command = " ".join(["scripts/faults", *sys.argv[1:]])
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1 << 31)
    place = Place(tuple(chosen.server or NAMES))
    place.prepare()
    django.setup()
    logging.disable(logging.WARNING)
    from tests.faults import report
    from tests.faults.run import check_place, run
    from tests.faults.scenarios import list_scenarios, sample

    every = list_scenarios(place.names)
    scenarios = choose(every, chosen.only)
    if chosen.sample is not None:
        scenarios = sample(scenarios, chosen.sample, seed)
    if chosen.list:
        print("\n".join(scenario.name for scenario in scenarios))
        place.stop()
        return 0
    print(f"seed {seed}: {len(scenarios)} scenarios on {', '.join(place.names)}", flush=True)
    # A sample draws places of a loop that a whole run goes through.
    again = f"--seed {seed}" + (" --sample 1" if chosen.sample is not None else "")
    began = time.monotonic()
    results = []
    try:
        place.start()
        for result in run(place, scenarios, seed, thorough=chosen.sample is None):
            results.append(result)
            report.show(result, len(results), len(scenarios), again)
        everywhere = check_place(place)
    finally:
        if chosen.keep:
            print(f"kept: {place.folder}", file=sys.stderr)
        place.stop(keep=chosen.keep)
    figures = report.Figures.of(results, everywhere, seed, time.monotonic() - began, place.names, len(every), command)
    print(report.build_summary(figures))
    if chosen.write:
        report.write(figures)
        print(f"written: {report.DOCUMENT.relative_to(ROOT)}")
    return 1 if figures.is_bad else 0
