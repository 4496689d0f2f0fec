"""What people do while a ticket runs, or when nobody knows what became of it: stop, kill, decide, run again."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.scenarios.servers import purge
from tests.faults.scenarios.sessions import holding, session_of, wait_for_statement
from tests.faults.stage import NotFiredError, Play, Scenario, Stage


def list_scenarios(server: str) -> Iterator[Scenario]:
    def make(name: str, kind: str, play: Play) -> Scenario:
        return Scenario(f"person/{name}/{server}", kind, server, "", play, alone=True, has_evidence=name != "decide")

    yield make("stop", "stopped by a person between statements", _stop)
    yield make("kill", "statement killed by a person", _kill)
    yield make("kill_dead", "stopped by a person while its worker is dead", _stop_dead)
    yield make("decide", "unknown outcome decided by a person", _decide)
    yield make("run_again", "run again by a person after nothing was applied", _run_again)
    yield make("run_rest", "rest of a stopped ticket run by a person", _run_rest)


def _stop(stage: Stage) -> Iterator[None]:
    from changes import unfinished

    for point in ("stmt_sent", "commit_sent", "between_statements"):
        case = stage.case("each")
        process = stage.pause_at(case, point)
        case.note = f"stopped at {point}"
        unfinished.stop(case.ticket, by=stage.place.people["dana"])
        stage.resume(process)
        stage.fire()
        effects = case.subject.read_effects()
        if effects[1:] != [0, 0]:
            stage.found("outcome", f"after a stop at {point} of the first statement, {effects} took effect")
    yield


def _kill(stage: Stage) -> Iterator[None]:
    from changes import unfinished

    for shape in ("one", "each"):
        case = stage.case(shape)
        with holding(stage.server, case.schema, "SELECT * FROM counter WHERE id = 2 FOR UPDATE"):
            process = case.start()
            wait_for_statement(stage.server, session_of(case))
            unfinished.kill(case.ticket, by=stage.place.people["dana"])
            stage.end(process)
        case.note = f"{shape}, killed while it waited"
        stage.fire()
        if any(case.subject.read_effects()):
            stage.found("outcome", "a statement that was killed while it waited took effect")
    yield


def _stop_dead(stage: Stage) -> Iterator[None]:
    from changes import unfinished

    case = stage.case("each")
    stage.fire(case.execute(points="commit_done_before_record:1:kill").was_killed)
    unfinished.stop(case.ticket, by=stage.place.people["dana"])
    yield
    if case.subject.read_effects()[1:] != [0, 0]:
        stage.found("outcome", "the ticket was stopped, and its other statements ran all the same")


def _decide(stage: Stage) -> Iterator[None]:
    """Without a binlog no evidence is left; a person who looked at the data says what is so."""
    from changes import unfinished

    case = stage.case("each")
    stage.fire(case.execute(points="commit_done_before_record:1:kill").was_killed)
    purge(stage.server)
    yield
    if case.ticket.state != "unknown":
        raise NotFiredError(f"without a binlog the ticket is {case.ticket.state}")
    applied = case.subject.read_effects()[0] == 1
    unfinished.decide(case.ticket, applied=applied, reason="counted the rows", by=stage.place.people["dana"])
    case.note = "decided by a person"
    yield


def _run_again(stage: Stage) -> Iterator[None]:
    from changes import actions

    case = stage.case("one")
    stage.fire(case.execute(points="stmt_done_before_commit:1:kill").was_killed)
    yield
    run = {"failed": actions.run_again, "approved": actions.run}.get(case.ticket.state)
    if run is not None:
        case.execution_id = run(case.ticket, by=stage.place.people["dana"]).pk
        yield
    if case.ticket.state != "succeeded":
        stage.found("outcome", f"run again, the ticket is {case.ticket.state}")


def _run_rest(stage: Stage) -> Iterator[None]:
    """Stopped after its first statement; of what did not take effect a ticket is made, which goes its whole way."""
    from changes import actions, unfinished

    case = stage.case("each")
    process = stage.pause_at(case, "stmt_sent")
    unfinished.stop(case.ticket, by=stage.place.people["dana"])
    stage.resume(process)
    stage.fire()
    yield
    rest = actions.continue_with_rest(case.ticket, by=stage.place.people["ann"])
    actions.submit(rest, by=stage.place.people["ann"])
    actions.approve(rest, by=stage.place.people["ben"], content_hash=rest.content_hash)
    yield
    if case.subject.read_effects() != [1, 1, 1]:
        stage.found("I1", f"with its rest the ticket took effect {case.subject.read_effects()} times")
    # Each of the two is undone by itself; the checker compares the tables of one ticket.
    stage.undo_afterwards = False
