"""Workers, queue and recovery as processes: killed, frozen, stopped, started twice, told twice."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.fork_server import Job
from tests.faults.run import RECONCILE, reconcile
from tests.faults.stage import Case, NotFiredError, Play, Scenario, Stage, wait_until

SLEEP_SECONDS = 2
LATE_POINTS = ("mid_decode", "backup_tx_open", "backup_committed_before_mark", "before_final_cas")
RANDOM_MOMENTS = 6


def list_scenarios(server: str) -> Iterator[Scenario]:
    def make(name: str, kind: str, play: Play) -> Scenario:
        return Scenario(f"process/{name}/{server}", kind, server, "", play, alone=True)

    for point in ("stmt_sent", "commit_sent"):
        yield make(f"parent_killed/{point}", "RQ worker killed, its work-horse lives on", _make_parent_killed(point))
        yield make(f"horse_killed/{point}", "work-horse of a real RQ worker killed", _make_horse_killed(point))
    for point in ("stmt_sent", "between_statements"):
        yield make(f"term_worker/{point}", "worker told to stop (SIGTERM)", _make_terminated(point, group=False))
        yield make(
            f"term_group/{point}", "worker and work-horse told to stop (SIGTERM)", _make_terminated(point, group=True)
        )
    yield make("random_kill", "worker killed at a random moment", _make_random(signal.SIGKILL))
    yield make("random_stop", "worker frozen at a random moment, woken after take-over", _make_random(signal.SIGSTOP))
    yield make("told_twice", "job delivered twice at once", _told_twice)
    yield make("told_late", "old job delivered again after the end", _told_late)
    yield make("stale_fence", "worker with an old fence wakes while the next runs", _stale_fence)
    yield make("two_recoveries", "two recoveries at once", _two_recoveries)
    for point in LATE_POINTS:
        yield make(f"recovery_killed/{point}", "recovery itself killed", _make_recovery_killed(point))
    yield make("queue_emptied", "queue killed and started empty", _queue_emptied)
    yield make("queue_down", "queue down at the approval", _queue_down)
    yield make("queue_killed_under_way", "queue killed under a real RQ worker", _queue_killed_under_way)


class RealWorker:
    """`manage.py rqworker default`, listening."""

    def __init__(self, stage: Stage, fault: str = "") -> None:
        self.stage = stage
        self.program: subprocess.Popen[bytes] = stage.place.manage("rqworker", "default", INCEPTION__SITE__FAULT=fault)
        log = stage.place.logs / f"manage-{len(stage.place.programs) - 1:04}.log"
        if not wait_until(lambda: b"Listening on" in log.read_bytes(), 60):
            raise RuntimeError(f"the worker does not listen: {log.read_text(errors='replace')[-500:]}")

    def wait_for_horse(self, case: Case) -> int:
        """Return the id of the work-horse once a statement of the case was sent."""
        if not wait_until(lambda: self.horses and _has_sent(case), 30):
            raise NotFiredError("the worker sent nothing")
        return self.horses[0]

    @property
    def horses(self) -> list[int]:
        try:
            return [
                int(pid)
                for pid in Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children").read_text().split()
            ]
        except FileNotFoundError:
            return []


def _has_sent(case: Case) -> bool:
    tickets = {ticket.pk for ticket in case.subject.family}
    return any(sent.ticket in tickets for sent in case.server.list_sent())


def _ring(case: Case) -> None:
    from changes import jobs

    jobs.ring(case.execution_id)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _make_parent_killed(point: str) -> Play:
    def play(stage: Stage) -> Iterator[None]:
        worker = RealWorker(stage, f"{point}:1:sleep={SLEEP_SECONDS}")
        case = stage.case()
        _ring(case)
        horse = worker.wait_for_horse(case)
        os.kill(worker.program.pid, signal.SIGKILL)
        stage.fire()
        second = RealWorker(stage)
        _ring(case)
        wait_until(lambda: not _lives(horse), 30)
        yield
        second.program.terminate()
        if case.ticket.state != "succeeded":
            stage.found("I7", f"the work-horse lived on and its ticket is {case.ticket.state}")

    return play


def _make_horse_killed(point: str) -> Play:
    def play(stage: Stage) -> Iterator[None]:
        worker = RealWorker(stage, f"{point}:1:sleep={SLEEP_SECONDS}")
        case = stage.case()
        _ring(case)
        os.kill(worker.wait_for_horse(case), signal.SIGKILL)
        stage.fire()
        wait_until(lambda: not worker.horses, 10)
        worker.program.terminate()
        yield

    return play


def _make_terminated(point: str, *, group: bool) -> Play:
    def play(stage: Stage) -> Iterator[None]:
        worker = RealWorker(stage, f"{point}:1:sleep={SLEEP_SECONDS}")
        case = stage.case()
        _ring(case)
        worker.wait_for_horse(case)
        if group:
            os.killpg(worker.program.pid, signal.SIGTERM)
        else:
            os.kill(worker.program.pid, signal.SIGTERM)
        stage.fire()
        if not wait_until(lambda: worker.program.poll() is not None, 30):
            stage.found("I7", "the worker did not stop within 30 s of SIGTERM")
        yield

    return play


def _make_random(number: int) -> Play:
    def play(stage: Stage) -> Iterator[None]:
        stopped = []
        for _ in range(RANDOM_MOMENTS if stage.thorough else 2):
            case = stage.case_for(stage.rng.choice(("execution", "rollback")), stage.rng_shape().name)
            process = case.start()
            wait_until(lambda process=process: process.log.exists(), 5)
            time.sleep(stage.rng.uniform(0, 0.6))
            case.note = f"{case.shape.name}, at a random moment"
            if number == signal.SIGKILL:
                stage.fire(process.status is None)
                process.signal(number)
                stage.end(process)
            elif stage.freeze(process):
                stage.fire()
                stopped.append(process)
        stage.expects_fault = False
        yield
        for process in stopped:
            stage.resume(process, 30)
        yield

    return play


def _told_twice(stage: Stage) -> Iterator[None]:
    for phase in ("execution", "rollback"):
        case = stage.case_for(phase, "each")
        processes = [case.start() for _ in range(3)]
        for process in processes:
            stage.end(process)
        stage.fire()
    yield


def _told_late(stage: Stage) -> Iterator[None]:
    case = stage.case()
    case.execute()
    case.execute()
    stage.fire()
    yield
    case.execute()


def _stale_fence(stage: Stage) -> Iterator[None]:
    """The first worker sleeps through its lease; it wakes in the middle of what the recovery does."""
    point = stage.rng.choice(("after_intent", "stmt_sent", "stmt_done_before_commit", "commit_sent"))
    case = stage.case()
    process = stage.pause_at(case, point)
    case.note = f"frozen at {point}"
    stage.let_leases_run_out()
    recovery = stage.place.forks.start(Job("tests.faults.fork_server:call_command", RECONCILE))
    time.sleep(stage.rng.uniform(0, 1.0))
    stage.resume(process)
    stage.end(recovery)
    stage.fire()
    yield


def _two_recoveries(stage: Stage) -> Iterator[None]:
    for point in ("commit_sent", "commit_done_before_record", "backup_tx_open"):
        case = stage.case(stage.rng_shape().name)
        case.note = f"killed at {point}"
        stage.fire(case.execute(points=f"{point}:1:kill").was_killed)
    stage.let_leases_run_out()
    job = Job("tests.faults.fork_server:call_command", RECONCILE)
    for recovery in [stage.place.forks.start(job) for _ in range(3)]:
        stage.end(recovery)
    yield


def _make_recovery_killed(point: str) -> Play:
    def play(stage: Stage) -> Iterator[None]:
        case = stage.case(stage.rng.choice(("one", "each")))
        case.execute(points="commit_done_before_record:1:kill")
        stage.let_leases_run_out()
        process = reconcile(stage.place, points=f"{point}:1:kill")
        case.note = f"recovery killed at {point}"
        stage.fire(process.was_killed)
        # A recovery need not pass every point that a worker passes.
        stage.expects_fault = False
        yield

    return play


def _queue_emptied(stage: Stage) -> Iterator[None]:
    case = stage.case()
    _ring(case)
    stage.place.queue.kill()
    stage.fire()
    yield


def _queue_down(stage: Stage) -> Iterator[None]:
    from changes import actions

    case = Case.submit(stage.place, stage.server, stage.rng_shape())
    stage.place.queue.kill()
    ticket = case.ticket
    actions.approve(ticket, by=stage.place.people["ben"], content_hash=ticket.content_hash)
    case.execution_id = ticket.executions.get().pk
    stage.cases.append(case)
    stage.fire()
    yield


def _queue_killed_under_way(stage: Stage) -> Iterator[None]:
    worker = RealWorker(stage, f"stmt_sent:1:sleep={SLEEP_SECONDS}")
    case = stage.case()
    _ring(case)
    horse = worker.wait_for_horse(case)
    stage.place.queue.kill()
    stage.fire()
    wait_until(lambda: not _lives(horse), 30)
    worker.program.terminate()
    yield
