"""Other sessions on the target: writers, locks, deadlocks, a DBA who kills; and a clock that jumps."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator

import MySQLdb

from changes.attempt import lock_name
from tests.faults.own_server import OwnServer
from tests.faults.stage import Case, NotFiredError, Play, Scenario, Stage, wait_until
from tests.faults.traces import OTHERS_FROM

HELD_SECONDS = 1.0
TWO_HOURS = 7200
POINTS = ("stmt_sent", "stmt_done_before_commit", "commit_sent", "commit_done_before_record", "recorded_before_decode")


def list_scenarios(server: str) -> Iterator[Scenario]:
    def make(name: str, kind: str, play: Play) -> Scenario:
        return Scenario(f"session/{name}/{server}", kind, server, "", play, alone=True)

    yield make("kill_connection", "our session killed by a DBA", _kill_connection)
    yield make("kill_query", "our statement killed by a DBA", _kill_query)
    yield make("lock_wait", "row lock held by another session", _lock_wait)
    yield make("metadata_lock", "metadata lock held by another session", _metadata_lock)
    yield make("deadlock", "deadlock with another session", _deadlock)
    yield make("half_way", "statement of a table without transactions fails half way", _half_way)
    yield make("writers", "worker killed while three others write", _writers)
    for words, seconds in (("forward", TWO_HOURS), ("back", -TWO_HOURS)):
        kind = "clock of the worker jumps by two hours"
        yield make(f"clock_{words}", kind, _make_clock(seconds))
        yield make(f"clock_{words}_killed", f"{kind}, then it is killed", _make_clock(seconds, kill=True))


def session_of(case: Case) -> int:
    """Return the id of the session that runs the case: the one that holds its lock."""
    found: list[int] = []

    def look() -> bool:
        execution = case.subject.family[-1].last_execution  # read anew: the lock is named when it is claimed
        assert execution is not None
        ((holder,),) = case.server.query("SELECT IS_USED_LOCK(%s)", (lock_name(execution),))
        found[:] = [holder] if holder is not None else []
        return bool(found)

    if not wait_until(look, 15):
        raise NotFiredError("no session held the ticket's lock")
    return found[0]


def wait_for_statement(server: OwnServer, session: int, *, seconds: float = 15) -> None:
    """Wait until the session stands in a statement of ours."""

    def waits() -> bool:
        rows = server.query("SELECT INFO FROM information_schema.PROCESSLIST WHERE ID = %s", (session,))
        return any(info and ("/* inception " in str(info) or "ALTER" in str(info)) for (info,) in rows)

    if not wait_until(waits, seconds):
        raise NotFiredError("the session did not come to wait in a statement of ours")


def _kill_connection(stage: Stage) -> Iterator[None]:
    for point in POINTS if stage.thorough else [stage.rng.choice(POINTS)]:
        for phase in ("execution", "rollback"):
            case = stage.case_for(phase, stage.rng_shape().name)
            process = stage.pause_at(case, point)
            case.note = f"{phase}, {case.shape.name}, killed at {point}"
            stage.server.run(f"KILL CONNECTION {session_of(case)}")
            stage.resume(process)
            stage.fire()
    yield


@contextlib.contextmanager
def holding(server: OwnServer, schema: str, *statements: str) -> Iterator[MySQLdb.connections.Connection]:
    """Hold the locks of `statements` in a transaction that is aborted at the end."""
    with contextlib.closing(server.connect(database=schema, autocommit=False)) as other:
        for statement in ("START TRANSACTION", *statements):
            other.cursor().execute(statement)
        yield other
        with contextlib.suppress(MySQLdb.Error):
            other.rollback()


def _kill_query(stage: Stage) -> Iterator[None]:
    for shape in ("one", "each"):
        case = stage.case(shape)
        with holding(stage.server, case.schema, "SELECT * FROM counter WHERE id = 2 FOR UPDATE"):
            process = case.start()
            session = session_of(case)
            wait_for_statement(stage.server, session)
            stage.server.run(f"KILL QUERY {session}")
            stage.end(process)
        case.note = f"{shape}, query killed while it waited"
        stage.fire()
    yield


def _lock_wait(stage: Stage) -> Iterator[None]:
    """Shorter than any limit: it waits, and is done."""
    case = stage.case(stage.rng_shape().name)
    with holding(stage.server, case.schema, "SELECT * FROM counter WHERE id IN (1, 2, 3) FOR UPDATE"):
        process = case.start()
        wait_for_statement(stage.server, session_of(case))
        threading.Event().wait(HELD_SECONDS)
        stage.fire()
    stage.end(process)
    yield


def _metadata_lock(stage: Stage) -> Iterator[None]:
    case = stage.case("ddl")
    with holding(stage.server, case.schema, "SELECT * FROM altered"):
        process = case.start()
        wait_for_statement(stage.server, session_of(case))
        threading.Event().wait(HELD_SECONDS)
        stage.fire()
    stage.end(process)
    yield


def _deadlock(stage: Stage) -> Iterator[None]:
    """The other has changed more rows, so that ours is the one that is aborted."""
    for shape in ("one", "each"):
        case = stage.case(shape)
        rows = ", ".join(f"({OTHERS_FROM + number}, 0)" for number in range(200))
        # Ours takes the rows by ascending id: it has 1 and waits for 2.
        heavy = (f"INSERT INTO counter (id, n) VALUES {rows}", "SELECT * FROM counter WHERE id = 2 FOR UPDATE")
        with holding(stage.server, case.schema, *heavy) as other:
            process = case.start()
            wait_for_statement(stage.server, session_of(case))
            try:
                other.cursor().execute("SELECT * FROM counter WHERE id = 1 FOR UPDATE")
                stage.fire()
            except MySQLdb.OperationalError as error:
                case.note = f"the other was chosen: {error.args[0]}"
        stage.end(process)
        case.note = case.note or f"{shape}, deadlock"
    yield


def _half_way(stage: Stage) -> Iterator[None]:
    case = stage.case("half")
    case.execute()
    stage.fire(any(0 < effect < 1 for effect in case.subject.read_effects()))
    yield


def _writers(stage: Stage) -> Iterator[None]:
    for point in POINTS if stage.thorough else stage.rng.sample(POINTS, 2):
        case = stage.case(stage.rng.choice(("one", "each")))
        with _others_write(stage.server, case.schema) as errors:
            stage.fire(case.execute(points=f"{point}:1:kill").was_killed)
            case.note = f"{case.shape.name}, three writers, killed at {point}"
        if errors:
            raise RuntimeError(f"the other sessions failed: {errors[0]}")
    yield


@contextlib.contextmanager
def _others_write(server: OwnServer, schema: str) -> Iterator[list[str]]:
    stop, errors = threading.Event(), []

    def write(number: int) -> None:
        with contextlib.closing(server.connect(database=schema, read_timeout=30)) as connection:
            for step in itertools.count():
                if stop.wait(0.005):
                    return
                row = OTHERS_FROM + number * 1000 + step % 20
                try:
                    cursor = connection.cursor()
                    cursor.execute(
                        f"INSERT INTO counter (id, n) VALUES ({row}, {step}) ON DUPLICATE KEY UPDATE n = n + 1"
                    )
                    cursor.execute(f"INSERT INTO trace VALUES ('other{number}', {step % 100})")
                except MySQLdb.Error as error:
                    if error.args[0] not in (1205, 1213):
                        errors.append(str(error))
                        return

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield errors
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _make_clock(seconds: int, *, kill: bool = False) -> Play:
    def play(stage: Stage) -> Iterator[None]:
        for after in (0, 0.15):
            case = stage.case_for(stage.rng.choice(("execution", "rollback")), stage.rng_shape().name)
            points = f"{stage.rng.choice(POINTS)}:1:kill" if kill else ""
            process = case.execute(points=points, clock={"seconds": seconds, "after": after})
            case.note = f"{case.shape.name}, clock {seconds:+} s after {after} s {points}"
            stage.fire(process.was_killed or not kill)
        yield

    return play
