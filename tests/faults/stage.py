"""What a scenario acts on: tickets of its own on one target, the faults of the place, and what came of them."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.faults import traces
from tests.faults.checker import Subject, Violation
from tests.faults.fork_server import Job, Process
from tests.faults.own_server import OwnServer
from tests.faults.place import LEASE_SECONDS, Place
from tests.faults.proxy import Proxy
from tests.faults.traces import SHAPES, Dump, Shape


class NotFiredError(Exception):
    """The fault that a scenario is about did not happen: the harness proves nothing then."""


@dataclass(eq=False)
class Case:
    """A ticket on its way.

    execution_id: of what waits to be run, the ticket's or its rollback's. note: what was done to it, for a report.
    """

    place: Place
    server: OwnServer
    shape: Shape
    schema: str
    before: Dump
    ticket_id: int
    execution_id: int
    note: str = ""
    settled_seconds: float | None = None

    @classmethod
    def submit(cls, place: Place, server: OwnServer, shape: Shape) -> Case:
        """Make a ticket and put it in review."""
        from changes import actions

        schema = traces.make_schema(server.run, shape)
        before = traces.dump(server.query, schema)
        fields: dict[str, Any] = {
            "title": f"{shape.name} in {schema}",
            "target": place.targets[server.name],
            "schema_name": schema,
            "sql": ";\n".join(traces.texts(shape.traces)),
        }
        if "transaction_mode" in actions.TicketFields.__dataclass_fields__:
            fields["transaction_mode"] = shape.mode
        ticket = actions.create_ticket(actions.TicketFields(**fields), by=place.people["ann"])
        actions.submit(ticket, by=place.people["ann"])
        return cls(place, server, shape, schema, before, ticket.pk, 0)

    @classmethod
    def make(cls, place: Place, server: OwnServer, shape: Shape) -> Case:
        """Take a ticket as far as the queue: made, submitted, approved by another person."""
        from changes import actions

        case = cls.submit(place, server, shape)
        ticket = case.ticket
        actions.approve(ticket, by=place.people["ben"], content_hash=ticket.content_hash)
        case.execution_id = ticket.executions.get().pk
        place.take_rings(only=case.execution_id)
        return case

    @property
    def ticket(self) -> Any:
        from changes.models import Ticket

        return Ticket.objects.select_related("target").get(pk=self.ticket_id)

    def execute(self, seconds: float = 60, **faults: Any) -> Process:
        """Run what is queued in a fork; return when it ended or stands still."""
        return self.place.forks.run(self.job(**faults), seconds)

    def start(self, **faults: Any) -> Process:
        return self.place.forks.start(self.job(**faults))

    def job(self, **faults: Any) -> Job:
        return Job("changes.execution:run", (self.execution_id,), **faults)

    def roll_back(self) -> None:
        """Make and queue the rollback; `execute` then runs it."""
        from changes import actions

        undo = actions.roll_back(self.ticket, by=self.place.people["dana"], plan=actions.RollbackPlan())
        self.execution_id = undo.executions.get().pk
        self.place.take_rings(only=self.execution_id)

    @property
    def may_be_rolled_back(self) -> bool:
        from changes import permissions

        ticket = self.ticket
        if ticket.state not in ("succeeded", "partly_done") or ticket.rollback_state == "done":
            return False
        return permissions.why_no_rollback(ticket) is None

    @property
    def subject(self) -> Subject:
        server = self.server
        return Subject(self.ticket_id, self.schema, self.shape.traces, self.before, server.query, server.list_sent)


@dataclass
class Stage:
    """One scenario's own.

    thorough: a scenario that is a loop goes through all of it, else through a few drawn places.
    fired: faults that happened. undo_afterwards: what stands is rolled back at the end, which proves its backup.
    """

    place: Place
    server: OwnServer
    rng: random.Random
    thorough: bool = False
    cases: list[Case] = field(default_factory=list)
    fired: int = 0
    undo_afterwards: bool = True
    expects_fault: bool = True
    violations: list[Violation] = field(default_factory=list)

    @property
    def proxy(self) -> Proxy:
        return self.place.proxies[self.server.name]

    def case(self, shape: str = "each") -> Case:
        made = Case.make(self.place, self.server, SHAPES[shape])
        self.cases.append(made)
        return made

    def rolling_back(self, shape: str = "each") -> Case:
        """Return a case whose ticket ran well and whose rollback is queued."""
        made = self.case(shape)
        made.execute()
        if made.ticket.state not in ("succeeded", "partly_done"):
            raise RuntimeError(f"without any fault ticket {made.ticket_id} is {made.ticket.state}")
        made.roll_back()
        return made

    def case_for(self, phase: str, shape: str) -> Case:
        return self.case(shape) if phase == "execution" else self.rolling_back(shape)

    def pause_at(self, case: Case, point: str, nth: int = 1, **faults: Any) -> Process:
        """Run the case up to a point and let its process stand still there (SIGSTOP). Raises NotFiredError."""
        process = case.execute(points=f"{point}:{nth}:stop", **faults)
        if not process.stopped:
            raise NotFiredError(f"{point} was not passed; see {process.log.name}")
        return process

    def resume(self, process: Process, seconds: float = 60) -> None:
        """Let a paused process go on and wait until it ends; one that does not is killed."""
        process.signal(signal.SIGCONT)
        self.end(process, seconds)

    def freeze(self, process: Process) -> bool:
        """Stop a process where it is, but for one place; whether it stands still.

        Not inside of its write to the application database: SQLite has one writer, and nobody could recover anything.
        """
        while process.status is None:
            process.signal(signal.SIGSTOP)
            self.place.forks.wait(process, 5)
            if process.status is not None or self.place.may_write():
                break
            process.signal(signal.SIGCONT)
            time.sleep(0.02)
        return process.status is None

    def end(self, process: Process, seconds: float = 60) -> None:
        """Wait until a process ends; one that does not in time is killed."""
        if not self.place.forks.wait_for_end(process, seconds):
            process.signal(signal.SIGKILL)
            self.place.forks.wait_for_end(process)

    def let_leases_run_out(self) -> None:
        time.sleep(LEASE_SECONDS + 0.2)

    def rng_shape(self) -> Shape:
        return SHAPES[self.rng.choice(("one", "each", "schema"))]

    def found(self, invariant: str, text: str) -> None:
        """Say that something is not as this scenario wants it, beside what the checker looks at."""
        self.violations.append(Violation(invariant, text))

    def fire(self, happened: object = True) -> None:
        self.fired += bool(happened)


Play = Callable[[Stage], Iterator[None] | None]


@dataclass(frozen=True)
class Scenario:
    """One thing that goes wrong.

    kind: in words, as the figures count it. covers: a place that every sample has, "" for none. alone: it breaks what
    others stand on, so it is not run in a row with them before recovery.
    has_evidence: nothing takes it away, so *unknown* at the end would be wrong.
    play: does it; a generator hands over to recovery at each `yield` and is resumed after it.
    """

    name: str
    kind: str
    server: str
    covers: str
    play: Play
    alone: bool = False
    has_evidence: bool = True
    undo_afterwards: bool = True


def wait_until(condition: Callable[[], object], seconds: float = 20, pause: float = 0.05) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(pause)
    return False
