"""Run scenarios: break, recover, check. Some in a row before one recovery, since a lease runs out in real time."""

from __future__ import annotations

import contextlib
import random
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from changes.errors import ChangeError
from tests.faults.checker import Violation, check, check_secrets, find_unsettled, read_logs
from tests.faults.fork_server import Job, Process
from tests.faults.place import BACKUP_PASSWORD, TARGET_PASSWORD, Place
from tests.faults.stage import Case, NotFiredError, Scenario, Stage
from tests.faults.traces import ROW_VALUE

RECOVERY_SECONDS = 40
"""Several leases of two seconds and take-overs of two; who needs longer is stuck."""
BOUND_SECONDS = 30
"""Beyond that it is said to be stuck, even when it came loose in the end."""
PAUSE_SECONDS = 0.3
ROW_LENGTH = 12


@dataclass
class Result:
    """What came of one scenario. missed: its fault did not happen, or the harness itself failed; says how."""

    scenario: Scenario
    fired: int = 0
    tickets: int = 0
    violations: list[Violation] = field(default_factory=list)
    missed: str = ""
    longest_seconds: float = 0.0
    endings: list[str] = field(default_factory=list)


def run(place: Place, scenarios: Sequence[Scenario], seed: int, *, thorough: bool) -> Iterator[Result]:
    """Yield the results of all scenarios; those that may share a recovery share one."""
    for row in _divide(scenarios):
        yield from _run_row(place, [_Played(place, scenario, seed, thorough) for scenario in row])


def _divide(scenarios: Sequence[Scenario]) -> Iterator[list[Scenario]]:
    row: list[Scenario] = []
    for scenario in scenarios:
        if scenario.alone:
            yield [scenario]
            continue
        row.append(scenario)
        if len(row) == ROW_LENGTH:
            yield row
            row = []
    if row:
        yield row


def _run_row(place: Place, played: Sequence[_Played]) -> Iterator[Result]:
    going = list(played)
    while going:
        going = [play for play in going if play.advance()]
        place.mend()
        recover(place, [play for play in played if not play.result.missed])
    for play in played:
        play.check()
    undone = [play for play in played if play.undo()]
    if undone:
        recover(place, undone)
        for play in undone:
            play.check()
    for play in played:
        play.end()
        yield play.result


class _Played:
    """One scenario on its stage."""

    def __init__(self, place: Place, scenario: Scenario, seed: int, thorough: bool) -> None:
        self.result = Result(scenario)
        # By name, so that the same seed repeats a scenario whatever else is chosen.
        rng = random.Random(f"{seed}/{scenario.name}")
        self.stage = Stage(place, place.servers[scenario.server], rng, thorough)
        self.stage.undo_afterwards = scenario.undo_afterwards
        self.going: Iterator[None] | None = None

    def advance(self) -> bool:
        """Play up to the next recovery; whether there is more to play after it."""
        try:
            if self.going is None:
                played = self.result.scenario.play(self.stage)
                if played is None:
                    return False
                self.going = played
            next(self.going)
        except StopIteration:
            return False
        except Exception as error:  # noqa: BLE001  one scenario that breaks the harness must not end all others
            where = traceback.extract_tb(error.__traceback__)[-1]
            words = "" if isinstance(error, NotFiredError) else f" ({where.filename.rpartition('/')[2]}:{where.lineno})"
            self.result.missed = f"{type(error).__name__}: {error}{words}"
            return False
        return True

    def check(self) -> None:
        for case in self.stage.cases:
            for violation in check(case.subject):
                self._add(violation, case)
            if self.result.scenario.has_evidence:
                for ticket in case.subject.family:
                    if ticket.state == "unknown":
                        self._add(Violation("outcome", f"ticket {ticket.pk} is unknown, with all evidence there"), case)

    def _add(self, violation: Violation, case: Case) -> None:
        noted = replace(violation, text=f"{violation.text} [{case.note}]") if case.note else violation
        if noted not in self.result.violations:
            self.result.violations.append(noted)

    def undo(self) -> bool:
        """Roll back what stands, so that its backup is proven by the data; whether there was anything."""
        begun = False
        if self.stage.undo_afterwards and not self.result.missed and not self.result.violations:
            for case in self.stage.cases:
                if case.shape.may_be_undone and case.may_be_rolled_back:
                    # Refused in words is well: nothing was left, or a backup is red.
                    with contextlib.suppress(ChangeError):
                        case.roll_back()
                        case.execute()
                        begun = True
        return begun

    def end(self) -> None:
        result, stage = self.result, self.stage
        result.violations += stage.violations
        for case in stage.cases:
            if (case.settled_seconds or 0) > BOUND_SECONDS:
                words = f"ticket {case.ticket_id} took {case.settled_seconds:.0f} s to settle [{case.note}]"
                result.violations.append(Violation("I7", words))
        result.fired, result.tickets = stage.fired, len(stage.cases)
        if not result.missed and not stage.fired and stage.expects_fault:
            result.missed = "its fault did not happen"
        result.longest_seconds = max((case.settled_seconds or 0.0 for case in stage.cases), default=0.0)
        for case in stage.cases:
            ticket = case.ticket
            result.endings.append(f"{ticket.state}/{ticket.backup_state}/{ticket.rollback_state}")
            if not result.violations:
                stage.server.run(f"DROP DATABASE IF EXISTS {case.schema}")


def recover(place: Place, played: Sequence[_Played]) -> None:
    """Let the product recover by itself, as `serve` lets it, until everything is final or waits for a person."""
    cases = [case for play in played for case in play.stage.cases]
    began = time.monotonic()
    while True:
        reconcile(place)
        for execution_id in dict.fromkeys(place.take_rings()):
            place.execute(execution_id)
        open_cases = [case for case in cases if _is_open(case)]
        for case in cases:
            if case not in open_cases and case.settled_seconds is None:
                case.settled_seconds = time.monotonic() - began
        if not open_cases or time.monotonic() - began > RECOVERY_SECONDS:
            return
        time.sleep(PAUSE_SECONDS)


def reconcile(place: Place, **faults: Any) -> Process:
    """Let the product recover once, in a fork."""
    return place.forks.run(Job("tests.faults.fork_server:call_command", RECONCILE, **faults), RECOVERY_SECONDS)


def _is_open(case: Case) -> bool:
    return any(True for ticket in case.subject.family for _ in find_unsettled(ticket))


RECONCILE = ("reconcile",)


def check_place(place: Place) -> list[Violation]:
    """What is checked once, over everything: secrets in logs and in the queue."""
    secrets = (TARGET_PASSWORD, BACKUP_PASSWORD, ROW_VALUE)
    found = check_secrets(read_logs(place.logs), secrets)
    queued = b"\n".join([place.queue.read_all(), *place.heard])
    return found + check_secrets([("the queue", queued)], secrets)
