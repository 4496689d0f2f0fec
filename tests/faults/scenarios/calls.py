"""Fail the n-th call to application database, target, backup server or queue, n = 1, 2, … until none is left."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults import traces
from tests.faults.calls import Callee
from tests.faults.fork_server import Job
from tests.faults.stage import Case, Scenario, Stage

DRAWN = 1
"""Places in a sample, of each loop."""
A_ROW = 12
MOST_CALLS = 2000
SHAPES = ("one", "each", "schema", "plain")
HOW = {
    "before": {"when": "before"},
    "after": {"when": "after"},
    "lasting": {"when": "before", "lasting": True},
}
STEP = {"before": 1, "after": 2, "lasting": 3}
"""Of a whole run every n-th call only, from a drawn beginning."""
_KINDS = {
    Callee.APPLICATION: "call to the application database failed",
    Callee.TARGET: "call to the target failed",
    Callee.BACKUP: "call to the backup server failed",
}


def list_scenarios(server: str) -> Iterator[Scenario]:
    for callee, kind in _KINDS.items():
        for how in HOW:
            for phase in ("execution", "rollback"):
                name = f"{callee}/{how}/{phase}"
                yield Scenario(f"calls/{name}/{server}", kind, server, "", _make_play(callee, how, phase))
    for how in ("before", "after", "lasting"):
        name = f"queue/{how}/approval"
        yield Scenario(f"calls/{name}/{server}", "call to the queue failed", server, "", _make_queue_play(how))
    for callee in (Callee.APPLICATION, Callee.BACKUP, Callee.TARGET):
        name = f"{callee}/recovery"
        kind = "call of the recovery itself failed"
        yield Scenario(f"calls/{name}/{server}", kind, server, "", _make_recovery_play(callee))


def _numbers(stage: Stage, count: int, step: int = 1) -> list[int]:
    """Return which calls to fail of `count` in an undisturbed run; more when all, since a fault makes other calls."""
    if stage.thorough:
        return list(range(stage.rng.randint(1, step), MOST_CALLS, step))
    return sorted(stage.rng.sample(range(1, count + 1), min(DRAWN, count)))


def _make_play(callee: str, how: str, phase: str):
    def play(stage: Stage) -> Iterator[None]:
        shapes = [shape for shape in SHAPES if phase == "execution" or shape != "plain"]
        first = stage.case_for(phase, stage.rng.choice(shapes))
        probe = first.execute(calls={"callee": callee})
        for number in _numbers(stage, probe.report["passed"], STEP[how]):
            # A drawn place is one of the probe's, which another kind of ticket may not come to.
            case = stage.case_for(phase, stage.rng.choice(shapes) if stage.thorough else first.shape.name)
            process = case.execute(calls={"callee": callee, "number": number, **HOW[how]})
            fired = process.report.get("fired")
            case.note = f"{case.shape.name}, call {number}: {fired}"
            if not fired and stage.thorough and number > probe.report["passed"]:
                break
            stage.fire(fired)
            if len(stage.cases) % A_ROW == 0:
                yield
        yield

    return play


def approve(ticket_id: int, person_id: int) -> None:
    """What a web process does on an approver's click; runs in a fork."""
    from django.contrib.auth.models import User

    from changes import actions
    from changes.models import Ticket

    ticket = Ticket.objects.get(pk=ticket_id)
    actions.approve(ticket, by=User.objects.get(pk=person_id), content_hash=ticket.content_hash)


def _make_queue_play(how: str):
    def play(stage: Stage) -> Iterator[None]:
        def click(**faults: object) -> tuple[Case, dict]:
            case = Case.submit(stage.place, stage.server, traces.SHAPES["each"])
            stage.cases.append(case)
            job = Job("tests.faults.scenarios.calls:approve", (case.ticket_id, stage.place.people["ben"].pk), **faults)
            return case, stage.place.forks.run(job).report

        _, probe = click(calls={"callee": Callee.QUEUE})
        for number in _numbers(stage, probe["passed"]):
            case, report = click(calls={"callee": Callee.QUEUE, "number": number, **HOW[how]})
            case.note = f"call {number}: {report.get('fired')}"
            if not report.get("fired"):
                break
            stage.fire()
        yield

    return play


def _make_recovery_play(callee: str):
    """A worker dies around COMMIT; then the n-th call of the recovery fails, and the next one goes on from there."""

    def play(stage: Stage) -> Iterator[None]:
        from tests.faults.run import reconcile

        point = stage.rng.choice(("commit_sent", "commit_done_before_record", "backup_tx_open", "stmt_sent"))
        for number in stage.rng.sample(range(1, 40), 8 if stage.thorough else DRAWN):
            case = stage.case(stage.rng.choice(SHAPES))
            stage.fire(case.execute(points=f"{point}:1:kill").was_killed)
            stage.let_leases_run_out()
            process = reconcile(stage.place, calls={"callee": callee, "number": number})
            case.note = f"killed at {point}, then call {number} of the recovery: {process.report.get('fired')}"
            stage.fire(process.report.get("fired"))
            yield

    return play
