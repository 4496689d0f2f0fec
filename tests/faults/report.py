"""Figures of a run: on the screen, and in docs/reliability.md between two marks."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.faults.checker import Violation
from tests.faults.run import Result
from tests.servers import ROOT

DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
MOST_LINES = 8

MEANINGS = {
    "statements executed more than once": ("I1",),
    "committed statements without a verified backup or a red mark": ("I2",),
    "wrong outcome": ("outcome", "I4", "I6"),
    "stuck after recovery": ("I7",),
    "text, session, audit or secret": ("I3", "I5", "I8", "I9"),
}


@dataclass(frozen=True)
class Figures:
    """kinds: faults that happened, by kind. missed: scenarios that proved nothing, since their fault did not happen.

    possible: how many scenarios there are, all of which a whole run plays. command: what was called.
    """

    kinds: Counter[str]
    tickets: int
    violations: tuple[Violation, ...]
    missed: tuple[str, ...]
    longest_seconds: float
    endings: Counter[str]
    scenarios: int
    possible: int
    command: str
    seed: int
    seconds: float
    servers: tuple[str, ...]

    @classmethod
    def of(
        cls,
        results: Sequence[Result],
        everywhere: Sequence[Violation],
        seed: int,
        seconds: float,
        names: tuple[str, ...],
        possible: int,
        command: str,
    ) -> Figures:
        kinds: Counter[str] = Counter()
        for result in results:
            if result.fired or result.missed:
                kinds[result.scenario.kind] += result.fired
        return cls(
            kinds=kinds,
            tickets=sum(result.tickets for result in results),
            violations=(*(found for result in results for found in result.violations), *everywhere),
            missed=tuple(f"{result.scenario.name}: {result.missed}" for result in results if result.missed),
            longest_seconds=max((result.longest_seconds for result in results), default=0.0),
            endings=Counter(ending.partition("/")[0] for result in results for ending in result.endings),
            scenarios=len(results),
            possible=possible,
            command=command,
            seed=seed,
            seconds=seconds,
            servers=names,
        )

    @property
    def is_bad(self) -> bool:
        return bool(self.violations or self.missed)

    def count(self, invariants: Sequence[str]) -> int:
        return sum(violation.invariant in invariants for violation in self.violations)


def show(result: Result, number: int, count: int, again: str) -> None:
    """A counter for what is well; for the rest what was found and how to repeat it."""
    if result.violations or result.missed:
        print(f"{result.scenario.name}: {', '.join(result.endings)} after {result.fired} fault(s)")
        if result.missed:
            print(f"  PROVED NOTHING: {result.missed}")
        for violation in result.violations[:MOST_LINES]:
            print(f"  VIOLATION {violation}"[:400])
        print(f"  again: scripts/faults --only {result.scenario.name} {again}", flush=True)
    elif sys.stderr.isatty():
        print(f"{number}/{count}\r", end="", file=sys.stderr)


def build_summary(figures: Figures) -> str:
    lines = [f"faults injected: {sum(figures.kinds.values())} in {figures.scenarios} scenarios"]
    lines += [f"  {count:5} {kind}" for kind, count in sorted(figures.kinds.items())]
    endings = ", ".join(f"{state} {count}" for state, count in sorted(figures.endings.items()))
    lines.append(f"tickets run: {figures.tickets} ({endings})")
    lines += [f"{words}: {figures.count(invariants)}" for words, invariants in MEANINGS.items()]
    lines.append(f"longest time to a final or person-needed state: {figures.longest_seconds:.1f} s")
    lines.append(f"scenarios that proved nothing: {len(figures.missed)}")
    lines += [f"  {words}" for words in figures.missed]
    lines += [f"  everywhere: {violation}" for violation in figures.violations if violation.invariant == "I9"]
    lines.append(f"seed {figures.seed}, {figures.seconds:.0f} s")
    return "\n".join(lines)


def build_section(figures: Figures) -> str:
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    lines = [
        BEGIN,
        "",
        f"Written by `{figures.command}` on {day}: {figures.scenarios} of {figures.possible} scenarios on"
        f" {' and '.join(figures.servers)} in {figures.seconds / 60:.0f} minutes, seed {figures.seed}.",
        "",
        "| fault | injected |",
        "|---|---:|",
        *(f"| {kind} | {count} |" for kind, count in sorted(figures.kinds.items())),
        f"| **all** | **{sum(figures.kinds.values())}** |",
        "",
        "| found | |",
        "|---|---:|",
        f"| tickets run | {figures.tickets} |",
        *(f"| {words} | **{figures.count(invariants)}** |" for words, invariants in MEANINGS.items()),
        f"| longest time to a final or person-needed state | {figures.longest_seconds:.1f} s |",
        f"| scenarios whose fault did not happen | {len(figures.missed)} |",
        "",
        END,
    ]
    return "\n".join(lines)


def write(figures: Figures) -> None:
    """Put the figures between the marks of the document; the prose around them stays."""
    text = DOCUMENT.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(before + build_section(figures) + after, "utf-8")
