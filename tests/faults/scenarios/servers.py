"""Target and backup server killed, frozen, restored, purged or set otherwise, while a worker stands at a point."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from tests.faults.own_server import OwnServer
from tests.faults.stage import NotFiredError, Play, Scenario, Stage, wait_until

FROZEN_SECONDS = 1.5
AROUND_COMMIT = ("stmt_sent", "stmt_done_before_commit", "commit_sent", "commit_done_before_record")
AROUND_BACKUP = (
    "recorded_before_decode",
    "mid_decode",
    "backup_tx_open",
    "backup_committed_before_mark",
    "between_statements",
)


def list_scenarios(server: str) -> Iterator[Scenario]:
    def make(name: str, kind: str, play: Play, **options: bool) -> Scenario:
        return Scenario(f"server/{name}/{server}", kind, server, "", play, alone=True, **options)

    yield make(
        "target_killed", "target killed and restarted", _make_at(AROUND_COMMIT + AROUND_BACKUP[:2], _kill_target)
    )
    yield make("target_frozen", "target frozen and thawed", _make_at(AROUND_COMMIT, _freeze_target))
    yield make(
        "target_older", "target restored from an older copy", _target_older, undo_afterwards=False, has_evidence=False
    )
    yield make("backup_killed", "backup server killed and restarted", _make_at(AROUND_BACKUP, _kill_backup))
    yield make("backup_frozen", "backup server frozen and thawed", _make_at(AROUND_BACKUP, _freeze_backup))
    yield make("backup_read_only", "backup server read-only", _make_at(AROUND_BACKUP, _make_backup_read_only))
    yield make("backup_down", "backup server down at the start", _backup_down)
    yield make("binlog_flushed", "binlog rotated inside the range", _make_at(AROUND_COMMIT + AROUND_BACKUP[:1], _flush))
    yield make(
        "binlog_purged", "binlog purged before the backup", _make_at(AROUND_BACKUP[:1], _purge), has_evidence=False
    )
    yield make(
        "purged_before_recovery", "binlog purged before the recovery", _purged_before_recovery, has_evidence=False
    )
    yield make("target_read_only", "target read-only between statements", _make_at(("between_statements",), _read_only))
    yield make("settings_changed", "binlog settings changed under way", _make_at(("between_statements",), _settings))


During = Callable[[Stage, Callable[[], None]], None]
"""What happens while the worker stands still; the callable lets it go on and waits for its end."""


def _make_at(points: tuple[str, ...], during: During) -> Play:
    def play(stage: Stage) -> Iterator[None]:
        for point in points if stage.thorough else [stage.rng.choice(points)]:
            for phase in ("execution", "rollback") if stage.thorough else [stage.rng.choice(("execution", "rollback"))]:
                yield from _strike(stage, point, phase, during)

    return play


def _strike(stage: Stage, point: str, phase: str, during: During) -> Iterator[None]:
    shape = stage.rng.choice(("one", "each", "schema"))
    if point == "between_statements":
        # One transaction has nothing between its statements; a rollback is one, unless a schema change is in it.
        shape = "each" if phase == "execution" else "schema"
    case = stage.case_for(phase, shape)
    case.note = f"{phase}, {shape}, at {point}"
    process = stage.pause_at(case, point)
    during(stage, lambda: stage.resume(process))
    stage.fire()
    yield


def _kill_target(stage: Stage, resume: Callable[[], None]) -> None:
    stage.server.kill()
    resume()
    stage.server.start()


def _kill_backup(stage: Stage, resume: Callable[[], None]) -> None:
    stage.place.backup.kill()
    resume()
    stage.place.backup.start()


def _freeze_target(stage: Stage, resume: Callable[[], None]) -> None:
    with _frozen_for_a_while(stage.server):
        resume()


def _freeze_backup(stage: Stage, resume: Callable[[], None]) -> None:
    with _frozen_for_a_while(stage.place.backup):
        resume()


@contextlib.contextmanager
def _frozen_for_a_while(server: OwnServer) -> Iterator[None]:
    """Freeze the server now and thaw it from beside while the block waits."""
    server.freeze()
    timer = threading.Timer(FROZEN_SECONDS, server.thaw)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def _make_backup_read_only(stage: Stage, resume: Callable[[], None]) -> None:
    stage.place.backup.run("SET GLOBAL read_only = 1")
    try:
        resume()
    finally:
        stage.place.backup.run("SET GLOBAL read_only = 0")


def _read_only(stage: Stage, resume: Callable[[], None]) -> None:
    stage.server.run("SET GLOBAL read_only = 1")
    try:
        resume()
    finally:
        stage.server.run("SET GLOBAL read_only = 0")


def _settings(stage: Stage, resume: Callable[[], None]) -> None:
    stage.server.run("SET GLOBAL binlog_row_image = 'MINIMAL'", "SET GLOBAL binlog_format = 'STATEMENT'")
    try:
        resume()
    finally:
        stage.server.run("SET GLOBAL binlog_row_image = 'FULL'", "SET GLOBAL binlog_format = 'ROW'")


def _flush(stage: Stage, resume: Callable[[], None]) -> None:
    stage.server.run(*["FLUSH BINARY LOGS"] * 3)
    resume()


def _purge(stage: Stage, resume: Callable[[], None]) -> None:
    purge(stage.server)
    resume()


def purge(server: OwnServer) -> None:
    """Delete every binlog but an empty new one. Raises NotFiredError when the server keeps one."""

    def is_purged() -> bool:
        server.run(f"PURGE BINARY LOGS TO '{last}'")
        return len(server.query("SHOW BINARY LOGS")) == 1

    server.run("FLUSH BINARY LOGS")
    last = server.query("SHOW BINARY LOGS")[-1][0]
    # A file that a dump still reads, or the engine's checkpoint still needs, is kept without a word.
    if not wait_until(is_purged):
        raise NotFiredError(f"{server.name} keeps {server.query('SHOW BINARY LOGS')}")


def _purged_before_recovery(stage: Stage) -> Iterator[None]:
    for point in AROUND_COMMIT[1:] if stage.thorough else [stage.rng.choice(AROUND_COMMIT[1:])]:
        case = stage.case(stage.rng.choice(("one", "each")))
        case.note = f"killed at {point}, then purged"
        stage.fire(case.execute(points=f"{point}:1:kill").was_killed)
        purge(stage.server)
        yield


def _target_older(stage: Stage) -> Iterator[None]:
    """The server forgets what was done since the copy; whatever is said of it then, it may not be said to stand."""
    for point in ("stmt_done_before_commit", "commit_sent", "commit_done_before_record", "recorded_before_decode"):
        if not stage.thorough and point != "commit_done_before_record":
            continue
        case = stage.case("each")
        case.note = f"killed at {point}, then an older copy"
        with stage.server.stopped():
            copy = stage.server.copy_data()
        stage.fire(case.execute(points=f"{point}:1:kill").was_killed)
        with stage.server.stopped():
            stage.server.put_back(copy)
        yield


def _backup_down(stage: Stage) -> Iterator[None]:
    """Nothing may start; the ticket waits for a person, who queues it again once the server is there."""
    case = stage.case()
    stage.place.backup.kill()
    case.execute()
    if any(case.subject.read_effects()):
        stage.found("I2", "statements ran while the backup server was down from the start")
    stage.fire()
    yield
