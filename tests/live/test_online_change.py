"""A large table is changed by pt-online-schema-change while others write to it: watched, throttled, cancelled, settled
after a worker's death, and rolled back."""

from __future__ import annotations

import contextlib
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings

from backups import faults
from changes import actions, execution, online_change, online_tool, schema_change, unfinished
from changes.installation import own_id
from changes.models import ExecutedStatement, Execution, Target, Ticket
from changes.online_command import make_plan
from changes.states import BackupState, ExecutionState, Outcome, TicketState
from tests.changes.people import make_fields, make_person
from tests.live.accounts import account
from tests.live.conftest import other_sessions
from tests.live.installation import Installation, point_at, prove_on, register
from tests.live.own_rows import query
from tests.live.test_recovery import die, kill_worker, reconcile
from tests.servers import ROOT, Server, report_missing

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

ROWS = 20_000
PORTION = 1_000
CHANGE = "ALTER TABLE big MODIFY a BIGINT NOT NULL DEFAULT 0 COMMENT 'größer, €', ADD COLUMN extra INT DEFAULT 7"


def find_tool() -> str:
    found = shutil.which("pt-online-schema-change")
    if found is None:
        report_missing("no pt-online-schema-change on this machine; scripts/setup dev installs percona-toolkit")
    return found


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    config = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    settings.INCEPTION = replace(
        config,
        worker=replace(config.worker, takeover_seconds=1, backup_retry_seconds=1),
        online=replace(config.online, pt_osc=find_tool()),
    )
    with contextlib.closing(server.connect(database=schema)) as connection:
        query(
            connection,
            "CREATE TABLE big (id INT PRIMARY KEY AUTO_INCREMENT, a INT NOT NULL DEFAULT 0, b VARCHAR(80),"
            " KEY by_a (a))",
        )
        query(connection, "INSERT INTO big (a, b) VALUES " + ", ".join(f"({n}, '{'x' * 60}')" for n in range(1000)))
        while int(query(connection, "SELECT COUNT(*) FROM big")[0][0]) < ROWS:
            query(connection, "INSERT INTO big (a, b) SELECT a + 1, b FROM big LIMIT 10000")
        query(connection, "ANALYZE TABLE big")
    with patch("changes.jobs.ring"), patch.object(online_change, "ASK_SECONDS", 0.1), copying_takes(0.5):
        yield Installation(server, schema, register(server, online_tool="pt_osc", online_from_mib=0))
    faults.arm("")


@contextlib.contextmanager
def copying_takes(seconds: float) -> Iterator[None]:
    """Let the tool rest between portions of rows, so that it copies for about this long on the fastest machine."""
    build = online_tool.build_arguments
    rest = seconds * PORTION / ROWS

    def build_slow(*arguments: Any, **named: Any) -> list[str]:
        *options, address = build(*arguments, **named)
        return [*options, "--chunk-time", "0", "--chunk-size", str(PORTION), "--sleep", str(rest), address]

    with patch.object(online_tool, "build_arguments", build_slow):
        yield


@pytest.fixture
def slowly(place: Installation) -> Iterator[None]:
    """The tool tells its progress once a second: it has to copy for longer than that to be seen at it."""
    with copying_takes(5):
        yield


def submit(place: Installation, sql: str = CHANGE, **fields: Any) -> Ticket:
    made = make_fields(place.target, sql=sql, schema_name=place.schema, **fields)
    ticket = actions.create_ticket(made, by=make_person("ann"))
    actions.submit(ticket, by=make_person("ann"))
    actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
    ticket.refresh_from_db()
    return ticket


def ask(place: Installation, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        return query(connection, sql)


def show(place: Installation) -> str:
    return str(ask(place, "SHOW CREATE TABLE big")[0][1]).partition(" AUTO_INCREMENT=")[0]


def sums(place: Installation) -> tuple[Any, ...]:
    return ask(place, "SELECT COUNT(*), SUM(id), SUM(a), SUM(CRC32(b)) FROM big")[0]


def leftovers(place: Installation) -> list[Any]:
    tables = [name for (name,) in ask(place, "SHOW TABLES") if name != "big"]
    return tables + ask(place, "SHOW TRIGGERS")


@contextlib.contextmanager
def at_each_progress(act: Callable[[dict[str, Any]], None]) -> Iterator[list[dict[str, Any]]]:
    """Call `act` with what is written of the progress, in the worker's own thread."""
    seen: list[dict[str, Any]] = []
    original = online_change._Watch._write_progress

    def write(watch: Any) -> None:
        original(watch)
        now = dict(watch.record.progress)
        seen.append(now)
        act(now)

    with patch.object(online_change._Watch, "_write_progress", write):
        yield seen


def test_others_write_meanwhile_and_no_row_is_lost(place: Installation, slowly: None) -> None:
    before = show(place)
    ticket = submit(place)
    (entry,) = ticket.inspection["statements"]
    assert entry["online"]["clauses"] == CHANGE.removeprefix("ALTER TABLE big ")
    own = "SELECT COUNT(*), SUM(id), SUM(a), SUM(CRC32(b)) FROM big WHERE id < 1000000"
    rows = ask(place, own)
    with at_each_progress(lambda now: None) as seen, other_sessions(place.server, place.schema, "big") as errors:
        done = place.work(ticket)
    assert done.state == ExecutionState.SUCCEEDED, done.error
    assert not errors
    percents = [one["percent"] for one in seen]
    assert percents == sorted(percents)
    assert len({percent for percent in percents if 0 < percent < 100}) > 1, percents
    assert {"copying", "swapping"} <= {one["state"] for one in seen}
    assert ask(place, own) == rows
    assert "bigint" in show(place)
    assert "größer, €" in show(place)
    assert ask(place, "SELECT DISTINCT extra FROM big") == [(7,)]
    assert leftovers(place) == []
    record = done.statements.get()
    assert (record.outcome, record.backup_state) == (Outcome.DONE, BackupState.COMPLETE)
    assert record.online["open"] is False
    after = sums(place)
    assert place.roll_back(ticket).state == ExecutionState.SUCCEEDED
    assert show(place) == before
    assert sums(place) == after


def test_throttled_it_copies_nothing_until_it_is_resumed(place: Installation, slowly: None) -> None:
    ticket = submit(place)
    counted: list[int] = []

    def act(now: dict[str, Any]) -> None:
        if now["state"] == "copying" and not counted:
            counted.append(-1)
            unfinished.pause(Ticket.objects.get(pk=ticket.pk), by=make_person("dana"), wanted=True)
        elif now["state"] == "paused":
            record = ExecutedStatement.objects.get(execution__ticket=ticket)
            time.sleep(0.3)
            counted.append(ask(place, f"SELECT COUNT(*) FROM `{online_change.load_plan(record).new}`")[0][0])
            if len(counted) == 4:
                unfinished.pause(Ticket.objects.get(pk=ticket.pk), by=make_person("dana"), wanted=False)

    with at_each_progress(act):
        done = place.work(ticket)
    assert done.state == ExecutionState.SUCCEEDED, done.error
    assert 0 < counted[1] == counted[2] == counted[3] < ROWS
    assert [a.verb for a in ticket.activities.all() if a.verb in ("throttled", "resumed")] == ["throttled", "resumed"]


@pytest.mark.parametrize("paused", [False, True])
def test_cancelled_it_leaves_nothing_and_the_table_as_it_was(place: Installation, slowly: None, paused: bool) -> None:
    before, rows = show(place), sums(place)
    ticket = submit(place)

    def act(now: dict[str, Any]) -> None:
        if paused and now["state"] == "copying":
            unfinished.pause(Ticket.objects.get(pk=ticket.pk), by=make_person("dana"), wanted=True)
        elif now["state"] in ("paused", "copying") and Ticket.objects.get(pk=ticket.pk).state == TicketState.RUNNING:
            unfinished.stop(Ticket.objects.get(pk=ticket.pk), by=make_person("dana"))

    with at_each_progress(act):
        done = place.work(ticket)
    assert done.state == ExecutionState.FAILED
    assert "Cancelled before the tables were swapped" in done.error
    record = done.statements.get()
    assert (record.outcome, record.backup_state, record.online["open"]) == (Outcome.ABORTED, BackupState.NONE, False)
    assert (show(place), sums(place), leftovers(place)) == (before, rows, [])


@pytest.mark.parametrize(
    ("point", "took_effect"), [("online_started", False), ("online_before_swap", False), ("online_ended", True)]
)
def test_what_a_dead_worker_left_is_settled_and_cleaned_up(place: Installation, point: str, took_effect: bool) -> None:
    before, rows = show(place), sums(place)
    ticket = submit(place)
    with die(point), pytest.raises(faults.InjectedFaultError):
        execution.run(ticket.executions.get().pk)
    reconcile()
    ticket.refresh_from_db()
    assert leftovers(place) == []
    if not took_effect:
        assert ticket.state == TicketState.FAILED
        assert (show(place), sums(place)) == (before, rows)
        assert ticket.executions.get().statements.get().outcome == Outcome.ABORTED
        actions.run_again(ticket, by=make_person("dana"))
        assert place.work(ticket).state == ExecutionState.SUCCEEDED
        ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)
    assert place.roll_back(ticket).state == ExecutionState.SUCCEEDED
    assert (show(place), sums(place)) == (before, rows)


def test_the_tool_of_a_frozen_worker_is_ended_on_the_server_and_cannot_come_back(
    place: Installation, slowly: None, tmp_path: Path
) -> None:
    """The worker neither ends its tool nor goes on; another one takes the ticket over."""
    before = show(place)
    ticket = submit(place)
    tools: list[Any] = []
    ended = online_tool.OnlineTool.end

    def freeze(tool: Any) -> None:
        tools.append(tool)

    def act(now: dict[str, Any]) -> None:
        if now["state"] == "copying" and now["percent"]:
            raise faults.InjectedFaultError

    frozen = patch.object(online_tool.OnlineTool, "end", freeze), patch.object(online_tool.shutil, "rmtree")
    with (
        patch("tempfile.tempdir", str(tmp_path)),
        frozen[0],
        frozen[1],
        die("before_final_cas"),
        at_each_progress(act),
        pytest.raises(faults.InjectedFaultError),
    ):
        execution.run(ticket.executions.get().pk)
    (tool,) = tools
    try:
        assert tool.exit_code is None
        reconcile()
        ticket.refresh_from_db()
        assert (ticket.state, leftovers(place), show(place)) == (TicketState.FAILED, [], before)
        tool._process.wait(60)
        assert (leftovers(place), show(place)) == ([], before)
    finally:
        ended(tool)


def test_no_password_is_seen_and_nothing_stays_on_the_worker(place: Installation, caplog: Any, tmp_path: Path) -> None:
    with account(place.server, "ALL ON *.*") as address:
        target = Target.objects.get(pk=place.target.pk)
        target.user = address.user
        if not place.server.flavor.is_mariadb:  # MySQL makes itself a certificate; the MariaDB of the tests has none
            target.tls_mode = "required"
        target.set_password(address.password)
        target.save()
        place.target = target
        ticket = submit(place)
        said: list[bytes] = []

        def act(now: dict[str, Any]) -> None:
            for folder in tmp_path.glob("inception-online-*"):
                assert stat.S_IMODE(folder.stat().st_mode) == 0o700
                assert not [path for path in folder.iterdir() if path.name != "swap"]
            said.extend(path.read_bytes() for path in _own_processes())

        with patch("tempfile.tempdir", str(tmp_path)), at_each_progress(act), caplog.at_level("DEBUG"):
            done = place.work(ticket)
    assert done.state == ExecutionState.SUCCEEDED, done.error
    assert any(b"pt-online-schema-change" in one for one in said)
    assert not any(b"s3cret" in one for one in said)
    assert "s3cret" not in caplog.text
    assert list(tmp_path.iterdir()) == []


def _own_processes() -> Iterator[Path]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield from [path for path in (folder / "cmdline", folder / "environ") if path.read_bytes()]


def test_a_worker_that_lacks_the_tool_sends_nothing(place: Installation, settings: Any) -> None:
    ticket = submit(place)
    settings.INCEPTION = replace(settings.INCEPTION, online=replace(settings.INCEPTION.online, pt_osc=""))
    done = place.work(ticket)
    assert done.state == ExecutionState.FAILED
    assert "this worker has no pt-online-schema-change" in done.error
    assert leftovers(place) == []


def test_a_swap_that_does_not_get_the_table_changes_nothing_and_is_cleaned_up_later(place: Installation) -> None:
    Target.objects.filter(pk=place.target.pk).update(lock_wait_seconds=1)
    before, rows = show(place), sums(place)
    ticket = submit(place)
    with contextlib.closing(place.server.connect(database=place.schema, autocommit=False)) as other:

        def act(now: dict[str, Any]) -> None:
            if now["state"] == "checking":
                query(other, "SELECT a FROM big WHERE id = 1")

        with at_each_progress(act):
            place.work(ticket)
        ticket.refresh_from_db()
        assert (ticket.state, show(place)) == (TicketState.UNKNOWN, before)
        assert "may still be there (_inception_" in ticket.executions.get().error
        other.rollback()
    reconcile()
    ticket.refresh_from_db()
    assert (ticket.state, leftovers(place)) == (TicketState.FAILED, [])
    assert (show(place), sums(place)) == (before, rows)
    assert "Lock wait timeout" in ticket.executions.get().statements.get().error


def test_a_copy_that_lacks_a_row_is_not_swapped_in(place: Installation) -> None:
    before = show(place)
    ticket = submit(place)

    def act(now: dict[str, Any]) -> None:
        if now["state"] == "checking":
            record = ExecutedStatement.objects.get(execution__ticket=ticket)
            ask(place, f"DELETE FROM `{online_change.load_plan(record).new}` WHERE id = 5")

    with at_each_progress(act):
        done = place.work(ticket)
    assert done.state == ExecutionState.FAILED
    assert "The copy is not the table" in done.error
    assert (show(place), leftovers(place)) == (before, [])


@pytest.mark.parametrize("name", ["a`b", "Grün", "x%d"])
def test_a_changed_column_keeps_its_values_whatever_its_name(place: Installation, name: str) -> None:
    quoted = f"`{name.replace('`', '``')}`"
    ask(place, f"ALTER TABLE big ADD COLUMN {quoted} INT NOT NULL DEFAULT 1")
    ask(place, f"UPDATE big SET {quoted} = id")
    rows = f"SELECT SUM({quoted}), MAX({quoted}) FROM big"
    before = ask(place, rows)
    ticket = submit(place, f"ALTER TABLE big MODIFY {quoted.upper()} BIGINT NOT NULL DEFAULT 1")
    assert bool(ticket.inspection["statements"][0]["online"]) == ("`" not in name)
    done = place.work(ticket)
    assert ask(place, rows) == before, done.error
    assert leftovers(place) == []


@pytest.mark.parametrize("spoilt", [False, True])
def test_values_that_get_another_type_are_compared_too(place: Installation, spoilt: bool) -> None:
    columns = {
        "i": ("INT(6) ZEROFILL", "BIGINT(8) UNSIGNED", "7"),
        "f": ("FLOAT", "DOUBLE", "0.1"),
        "n": ("DECIMAL(5,2)", "DECIMAL(9,4)", "-1.5"),
        "h": ("TIME", "TIME(2)", "'-101:02:03'"),
        "c": ("CHAR(5)", "VARCHAR(9)", "'é'"),
        "v": ("VARBINARY(5)", "BLOB", "x'00ff'"),
        "e": ("ENUM('x')", "ENUM('x','y')", "'x'"),
        "p": ("BIT(3)", "BIT(9)", "b'101'"),
        "g": ("POINT", "POINT COMMENT 'place'", "ST_GeomFromText('POINT(1 2)')"),
    }
    ask(place, "ALTER TABLE big " + ", ".join(f"ADD COLUMN {name} {kind[0]}" for name, kind in columns.items()))
    ask(place, "UPDATE big SET " + ", ".join(f"{name} = {kind[2]}" for name, kind in columns.items()))
    ticket = submit(place, "ALTER TABLE big " + ", ".join(f"MODIFY {name} {kind[1]}" for name, kind in columns.items()))
    assert ticket.inspection["statements"][0]["online"], ticket.problems
    if not spoilt:
        done = place.work(ticket)
        assert done.state == ExecutionState.SUCCEEDED, done.error
        return
    record = f"_inception_{own_id()}_{ticket.executions.get().pk}_0"
    with once_at(place, "checking", f"UPDATE `{record}` SET n = 2.5 WHERE id = 5"):
        done = place.work(ticket)
    assert done.state == ExecutionState.FAILED
    assert "differ" in done.error
    assert leftovers(place) == []


def test_a_table_that_others_changed_between_two_statements_is_not_given_to_the_tool(place: Installation) -> None:
    ticket = submit(place, "ALTER TABLE big ADD COLUMN z INT; ALTER TABLE big MODIFY a BIGINT NOT NULL DEFAULT 0")
    original = schema_change.read_before

    def read(run: Any, statement: Any) -> Any:
        if statement.number == 1:
            ask(place, "ALTER TABLE big MODIFY a VARCHAR(9) NOT NULL DEFAULT '0'")
            ask(place, "UPDATE big SET a = 'abc'")
        return original(run, statement)

    with patch.object(schema_change, "read_before", read):
        done = place.work(ticket)
    assert ask(place, "SELECT DISTINCT a FROM big") == [("abc",)]
    assert "is not as it was to be before this statement" in done.error
    assert leftovers(place) == []


def test_a_row_is_compared_however_long_it_is(place: Installation) -> None:
    (most,) = ask(place, "SELECT @@max_allowed_packet")[0]
    ask(place, "ALTER TABLE big ADD COLUMN l LONGTEXT, ADD COLUMN m LONGTEXT")
    if int(most) > 1 << 25:
        pytest.skip("rows of that size are for servers with a small max_allowed_packet")
    for column in "lm":
        ask(place, f"UPDATE big SET {column} = REPEAT('x', {int(most) * 6 // 10}) WHERE id = 5")
    ticket = submit(place)
    name = f"_inception_{own_id()}_{ticket.executions.get().pk}_0"
    with once_at(place, "checking", f"UPDATE `{name}` SET l = 'y' WHERE id = 5"):
        done = place.work(ticket)
    assert "differ" in done.error


@contextlib.contextmanager
def once_at(place: Installation, state: str, sql: str) -> Iterator[None]:
    """Let another session send `sql` when the tool is at `state` for the first time."""
    sent: list[str] = []

    def act(now: dict[str, Any]) -> None:
        if now["state"] == state and not sent:
            sent.append(sql)
            ask(place, sql)

    with at_each_progress(act):
        yield
    assert sent


@pytest.mark.parametrize("state", ["copying", "checking"])
def test_a_column_that_others_add_meanwhile_is_not_swapped_away(place: Installation, state: str) -> None:
    ticket = submit(place)
    with once_at(place, state, "ALTER TABLE big ADD COLUMN theirs INT DEFAULT 3"):
        done = place.work(ticket)
    assert "`theirs`" in show(place)
    assert done.state == ExecutionState.FAILED, done.error
    assert "is no longer as it was when this began" in done.error
    assert (leftovers(place), done.statements.get().outcome) == ([], Outcome.FAILED)


def test_what_others_add_in_the_moment_of_the_swap_is_kept_and_said(place: Installation) -> None:
    ticket = submit(place)
    with once_at(place, "swapping", "ALTER TABLE big ADD COLUMN theirs INT DEFAULT 3"):
        place.work(ticket)
    ticket.refresh_from_db()
    assert "bigint" in show(place)
    assert ask(place, "SELECT DISTINCT theirs FROM _big_old") == [(3,)]
    assert ticket.state == TicketState.UNKNOWN
    assert "_big_old" in ticket.executions.get().error
    ask(place, "DROP TABLE _big_old")
    reconcile()
    ticket.refresh_from_db()
    assert (ticket.state, ticket.backup_state) == (TicketState.SUCCEEDED, BackupState.COMPLETE)
    assert leftovers(place) == []


@pytest.mark.parametrize("state", ["copying", "swapping"])
def test_a_trigger_that_others_make_meanwhile_is_not_lost(place: Installation, state: str) -> None:
    ticket = submit(place)
    with once_at(place, state, "CREATE TRIGGER theirs BEFORE INSERT ON big FOR EACH ROW SET NEW.b = 'seen'"):
        place.work(ticket)
    ticket.refresh_from_db()
    found = ask(place, "SELECT EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_NAME = 'theirs'")
    error = ticket.executions.get().error
    if state == "copying":
        assert (found, ticket.state) == ([("big",)], TicketState.FAILED)
        assert "trigger theirs" in error
    else:
        assert (found, ticket.state) == ([("_big_old",)], TicketState.UNKNOWN)
        assert "trigger theirs" in error


def test_a_table_of_others_that_has_the_name_of_the_old_one_stays(place: Installation) -> None:
    ticket = submit(place)
    with once_at(place, "copying", "CREATE TABLE _big_old AS SELECT * FROM big LIMIT 3"):
        done = place.work(ticket)
    assert done.state == ExecutionState.SUCCEEDED, done.error
    assert leftovers(place) == ["_big_old"]
    assert ask(place, "SELECT COUNT(*) FROM _big_old") == [(3,)]


def test_a_child_that_comes_meanwhile_keeps_its_parent(place: Installation) -> None:
    ticket = submit(place)
    child = "CREATE TABLE child (id INT PRIMARY KEY, big_id INT, FOREIGN KEY (big_id) REFERENCES big (id))"
    with once_at(place, "copying", child):
        done = place.work(ticket)
    assert done.state == ExecutionState.FAILED, done.error
    assert "has a foreign key to big" in done.error
    assert leftovers(place) == ["child"]
    assert "REFERENCES `big`" in ask(place, "SHOW CREATE TABLE child")[0][1]


@pytest.mark.parametrize(
    ("clauses", "word"),
    [
        ("MODIFY a TINYINT NOT NULL DEFAULT 0", "would be cut"),
        ("MODIFY a BIGINT NOT NULL, ADD UNIQUE KEY one (b)", "rows that break it would be left out"),
        ("MODIFY a BIGINT NOT NULL, CHANGE b c VARCHAR(80)", "not made by it"),
    ],
)
def test_what_the_tool_would_spoil_is_said_before_approval(place: Installation, clauses: str, word: str) -> None:
    ticket = actions.create_ticket(
        make_fields(place.target, sql=f"ALTER TABLE big {clauses}", schema_name=place.schema, accepts_loss=True),
        by=make_person("ann"),
    )
    (entry,) = ticket.inspection["statements"]
    assert not entry["online"]
    found = [problem.found for problem in ticket.problems if problem.id == "table.not_online"]
    # A narrower type is not proven: then it is not known what the table will be.
    assert any(word in text or "what the table will be is not known" in text for text in found), ticket.problems


def test_a_large_table_without_a_tool_is_refused_with_the_way_out(place: Installation) -> None:
    Target.objects.filter(pk=place.target.pk).update(online_tool="none", most_rewritten_mib=1)
    place.target.refresh_from_db()
    fields = make_fields(place.target, sql=CHANGE, schema_name=place.schema)
    ticket = actions.create_ticket(fields, by=make_person("ann"))
    (problem,) = [one for one in ticket.problems if one.severity == "error"]
    assert problem.id == "table.too_large"
    assert "COPY" in problem.found
    assert "ask whoever keeps the target for an online tool" in problem.how
    small = make_fields(place.target, sql="ALTER TABLE big ADD COLUMN z INT", schema_name=place.schema)
    assert not [one for one in actions.create_ticket(small, by=make_person("ann")).problems if one.severity == "error"]


def test_a_table_that_grew_too_large_since_is_not_changed(place: Installation) -> None:
    Target.objects.filter(pk=place.target.pk).update(online_tool="none", most_rewritten_mib=500)
    place.target.refresh_from_db()
    before = show(place)
    ticket = submit(place)
    Target.objects.filter(pk=place.target.pk).update(most_rewritten_mib=1)
    done = place.work(ticket)
    assert done.state == ExecutionState.FAILED
    assert "It was not sent. Found: big has" in done.error
    assert show(place) == before


DIES = """
import sys, time
sys.path.insert(0, {root!r})
from changes import online_tool
from changes.online_command import make_plan
from changes.targets import TargetAddress
approved = {{"tool": "pt_osc", "clauses": "ADD COLUMN z INT", "after": ""}}
plan = make_plan(approved, {schema!r}, "big", installation="0badf00d", execution_id=9, seq=0)
limits = {{"lock_wait_seconds": "5", "max_load": "Threads_running=99", "critical_load": "Threads_running=99",
          "chunk_seconds": "0.01"}}
import MySQLdb
connection = MySQLdb.connect(host={host!r}, port={port}, user={user!r}, autocommit=True)
cursor = connection.cursor()
cursor.execute("SELECT GET_LOCK('it:frozen', 0), CONNECTION_ID()")
holder = cursor.fetchone()[1]
address = TargetAddress({host!r}, {port}, {user!r}, "", tls_mode="disabled")
with online_tool.started({tool!r}, plan, address, ticket_lock="it:frozen", holder=holder, limits=limits) as tool:
    while True:
        line = tool.next_line(10)
        if line and "inception: copied" in line:
            print(tool.pid, flush=True)
            time.sleep(600)
"""


def test_the_tool_dies_with_a_worker_that_is_killed(place: Installation) -> None:
    server = place.server
    text = DIES.format(
        root=str(ROOT), schema=place.schema, host=server.host, port=server.port, user=server.user, tool=find_tool()
    )
    worker = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    assert b"pt-online-schema-change" in Path(f"/proc/{pid}/cmdline").read_bytes()
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    plan = make_plan(
        {"tool": "pt_osc", "clauses": "", "after": ""},
        place.schema,
        "big",
        installation="0badf00d",
        execution_id=9,
        seq=0,
    )
    assert plan.new in leftovers(place)  # what recovery is there for
    assert Execution.objects.count() == 0


def test_what_another_installation_made_under_the_same_numbers_stays(place: Installation) -> None:
    ticket = submit(place)
    left = kill_worker(place, ticket, "after_intent")
    theirs = f"_inception_0badf00d_{left.pk}_0"
    ask(place, f"CREATE TABLE `{theirs}` (id INT PRIMARY KEY)")
    reconcile()
    record = ticket.executions.get().statements.get()
    assert record.online["plan"]["new"] == f"_inception_{own_id()}_{left.pk}_0"
    assert (record.outcome, record.online["open"]) == (Outcome.ABORTED, False)  # looked into, and cleaned up
    assert leftovers(place) == [theirs]
