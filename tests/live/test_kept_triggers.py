"""Tables with triggers are set aside too: the triggers are never off meanwhile, and come back as they were."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import MySQLdb
import pytest
from django.conf import settings as django_settings

from changes import actions, ddl_undo, execution, keeping, kept_data
from changes.errors import CheckFailedError
from changes.models import Target, Ticket
from changes.statements import check_statements
from changes.states import BackupState, ExecutionState, Outcome
from changes.targets import read_facts
from tests.changes.people import make_fields, make_person
from tests.fidelity.tables import State
from tests.live.accounts import account
from tests.live.installation import Installation, point_at, prove_on
from tests.live.kept_place import find_kept, open_place, run_sql, state_of, submit
from tests.live.own_rows import query
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE log (n INT PRIMARY KEY AUTO_INCREMENT, what VARCHAR(40), id INT)",
    "CREATE TABLE people (id INT PRIMARY KEY)",
    "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, person INT, total INT, note VARCHAR(40),"
    " CONSTRAINT of_person FOREIGN KEY (person) REFERENCES people (id), CONSTRAINT pos CHECK (total > 0))",
    "CREATE TABLE plain (id INT PRIMARY KEY)",
    "CREATE TRIGGER second BEFORE INSERT ON orders FOR EACH ROW SET NEW.note = CONCAT(NEW.note, '2é')",
    "CREATE TRIGGER `fir``st` BEFORE INSERT ON orders FOR EACH ROW PRECEDES second"
    " SET NEW.note = CONCAT(NEW.note, '1')",
    "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
    "CREATE TRIGGER logged AFTER INSERT ON orders FOR EACH ROW BEGIN"
    " INSERT INTO \"log\" (what, id) VALUES ('a\\', NEW.id); SET @seen = NEW.id; END",
    "SET SESSION sql_mode = DEFAULT",
    "CREATE TRIGGER kept AFTER DELETE ON orders FOR EACH ROW"
    " INSERT INTO log (what, id) SELECT 'gone', MAX(id) FROM plain",
    "CREATE TRIGGER of_plain AFTER INSERT ON plain FOR EACH ROW"
    " INSERT INTO orders (total, note) VALUES (1, 'by plain')",
    "INSERT INTO people VALUES (1), (2)",
    "INSERT INTO orders (person, total, note) VALUES (1, 2, 'x'), (NULL, 7, NULL)",
)


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    with open_place(server, schema, TABLES) as made:
        yield made


def definitions(state: State) -> State:
    """Return a state without rows."""
    return {name: value[0] for name, value in state.items()}


@pytest.mark.parametrize(
    "sql",
    [
        "TRUNCATE orders",
        "DROP TABLE orders",
        "DROP TABLE plain, orders, people",
        "TRUNCATE plain; UPDATE orders SET total = 5; TRUNCATE orders",
        "ALTER TABLE orders ADD COLUMN extra INT; DROP TABLE orders; CREATE TABLE orders (id INT PRIMARY KEY)",
    ],
)
def test_it_comes_back_with_its_triggers(place: Installation, sql: str) -> None:
    before = state_of(place)
    ran = place.run(sql, accepts_loss=False)
    assert ran.state == ExecutionState.SUCCEEDED, ran.error
    assert ran.ticket.backup_state == BackupState.COMPLETE
    assert state_of(place) != before
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    after = state_of(place)
    for state in (before, after):
        state.pop("log")  # what the triggers wrote for the ticket's own rows stays
    assert after == before


def test_an_emptied_table_is_the_same_table_without_rows(place: Installation) -> None:
    before = definitions(state_of(place))
    assert place.run("TRUNCATE orders", accepts_loss=False).state == ExecutionState.SUCCEEDED
    assert definitions(state_of(place)) == before
    run_sql(place, "INSERT INTO orders (person, total, note) VALUES (2, 1, 'n')")
    assert run_sql(place, "SELECT id, note FROM orders") == [(1, "n12é")]
    assert run_sql(place, "SELECT what, id FROM log ORDER BY n DESC LIMIT 1") == [("a\\", 1)]
    with pytest.raises(MySQLdb.Error, match="foreign key constraint fails"):
        run_sql(place, "INSERT INTO orders (person, total) VALUES (99, 5)")


def open_record(place: Installation, connection: Any, sql: str) -> dict[str, Any]:
    """Return the record of a statement that is about to run, with what is set aside for it."""
    statement = check_statements(sql, place.schema, 1000).statements[0]
    record = ddl_undo.read_before(connection, statement, place.schema)
    request = keeping.Request(
        read_facts(connection), statement, place.schema, keeping.name_schema("0badf00d", 1, 0), 1024
    )
    record["kept"] = keeping.require(connection, request, record, ())
    return record


class _DiedError(Exception):
    pass


@contextlib.contextmanager
def dies_at(number: int) -> Iterator[list[str]]:
    """Let a worker die before the statement of that number that sets aside or brings back."""
    sent: list[str] = []
    original = kept_data.read_rows

    def read(connection: Any, sql: str, *arguments: Any) -> Any:
        if len(sent) == number:
            connection.close()
            raise _DiedError
        sent.append(sql)
        return original(connection, sql, *arguments)

    with patch.object(kept_data, "read_rows", read):
        yield sent


@contextlib.contextmanager
def a_worker(place: Installation, *, dies_before: int | None) -> Iterator[tuple[Any, list[str]]]:
    """Give a session that may be lost, and what was sent in it before it was."""
    connection = place.server.connect(database=place.schema)
    try:
        if dies_before is None:
            yield connection, []
        else:
            with dies_at(dies_before) as sent, contextlib.suppress(_DiedError, MySQLdb.Error):
                yield connection, sent
    finally:
        with contextlib.suppress(MySQLdb.Error):
            connection.close()


@pytest.mark.parametrize("sql", ["TRUNCATE orders", "DROP TABLE orders, plain"])
def test_whenever_a_worker_dies_another_one_brings_all_back(place: Installation, sql: str) -> None:
    before = state_of(place)
    for number in itertools.count():
        with a_worker(place, dies_before=None) as (first, _):
            record = open_record(place, first, sql)
        with a_worker(place, dies_before=number) as (second, sent):
            kept_data.begin(second, record)
        with a_worker(place, dies_before=3 + number * 7 % 19) as (third, _):
            kept_data.bring_back(third, record)
        with a_worker(place, dies_before=None) as (fourth, _):
            assert kept_data.bring_back(fourth, record) == ""
        assert state_of(place) == before, (number, sent)
        assert find_kept(place.server) == []
        if len(sent) < number:
            assert number > 20
            return


def test_no_row_is_written_without_its_triggers(place: Installation) -> None:
    """Another session writes all the while; the like that takes the table's place has what it had."""
    written, errors, stop = list[int](), list[Exception](), threading.Event()

    def write() -> None:
        with contextlib.closing(place.server.connect(database=place.schema)) as connection:
            while not stop.is_set():
                try:
                    query(connection, "INSERT INTO orders (total, note) VALUES (1, 'by others')")
                    written.append(connection.insert_id())
                except MySQLdb.Error as error:
                    errors.append(error)

    logged = run_sql(place, "SELECT COUNT(*) FROM log")[0][0]
    thread = threading.Thread(target=write)
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        record = open_record(place, connection, "TRUNCATE orders")
        thread.start()
        try:
            while len(written) < 20:
                assert thread.is_alive()
            kept_data.begin(connection, record)
            count = len(written)
            while len(written) < count + 20:
                assert thread.is_alive()
        finally:
            stop.set()
            thread.join()
    assert errors == []
    assert run_sql(place, "SELECT COUNT(*) FROM log")[0][0] - logged == len(written)
    assert run_sql(place, "SELECT COUNT(*) FROM orders WHERE note <> 'by others12é'") == [(0,)]


def test_a_statement_that_fails_brings_everything_back(place: Installation) -> None:
    ticket = submit(place, "DROP TABLE orders, plain")
    run_sql(place, "RENAME TABLE plain TO elsewhere")
    run_sql(place, "CREATE TABLE plain (id INT PRIMARY KEY)")
    before = state_of(place)
    actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
    original = kept_data.begin

    def begin(connection: Any, record: Any) -> None:
        original(connection, record)
        run_sql(place, "DROP TABLE plain")

    with patch.object(kept_data, "begin", begin):
        done = execution.run(Ticket.objects.get(pk=ticket.pk).executions.get().pk)
    assert done is not None
    assert done.statements.get().outcome in (Outcome.FAILED, Outcome.ABORTED)
    assert state_of(place) == before


@pytest.mark.parametrize(
    "change",
    [
        ("CREATE TRIGGER late AFTER UPDATE ON orders FOR EACH ROW SET @a = 1",),
        ("DROP TRIGGER kept",),
        ("DROP TRIGGER kept", "CREATE TRIGGER kept AFTER DELETE ON orders FOR EACH ROW SET @a = 1"),
    ],
)
def test_triggers_that_others_changed_since_stop_the_rollback(place: Installation, change: tuple[str, ...]) -> None:
    ran = place.run("TRUNCATE orders", accepts_loss=False)
    run_sql(place, *change)
    changed = state_of(place)
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.CONFLICTED, back.error
    assert "other triggers than those it had" in back.rollback_result["conflicts"][0]["detail"]
    assert state_of(place) == changed


def test_a_trigger_name_that_another_table_has_by_now_stops_the_rollback(place: Installation) -> None:
    ran = place.run("DROP TABLE orders", accepts_loss=False)
    run_sql(place, "CREATE TRIGGER logged BEFORE INSERT ON plain FOR EACH ROW SET @a = 1")
    changed = state_of(place)
    back = place.roll_back(ran.ticket)
    assert back.state == ExecutionState.FAILED
    assert "another table that has a trigger by the name" in back.error
    assert state_of(place) == changed
    run_sql(place, "DROP TRIGGER logged")
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED


@pytest.mark.parametrize(
    "trigger",
    [
        "CREATE /* by ann */ TRIGGER odd /* why */ BEFORE DELETE ON orders FOR EACH ROW SET @a = 1",
        "CREATE TRIGGER odd BEFORE DELETE ON orders FOR EACH ROW SET @a = '\N{PILE OF POO}'",
    ],
)
def test_a_trigger_that_cannot_be_read_whole_needs_a_word_of_the_submitter(place: Installation, trigger: str) -> None:
    """What a server does not give back sign by sign differs: comments of the head, signs beyond the BMP."""
    run_sql(place, trigger)
    before = state_of(place)
    fields = make_fields(place.target, sql="TRUNCATE orders", schema_name=place.schema)
    ticket = actions.create_ticket(fields, by=make_person("ann"))
    found = [problem.found for problem in ticket.problems if problem.id == "rollback.ddl.none"]
    assert found or "by ann" not in trigger or not place.server.flavor.is_mariadb
    if found:
        assert "sign by sign" in found[0]
        with pytest.raises(CheckFailedError, match="This data will be lost"):
            actions.submit(ticket, by=make_person("ann"))
        return
    ran = place.run("TRUNCATE orders", accepts_loss=False)
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED
    assert state_of(place) == before


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        (("TRIGGER",), "SET USER"),
        ((), "needed to make them"),
    ],
)
def test_an_account_that_could_not_make_the_triggers_again_is_told_so(
    place: Installation, rights: tuple[str, ...], reason: str
) -> None:
    trusts = "log_bin_trust_function_creators"
    ((before,),) = run_sql(place, f"SELECT @@GLOBAL.{trusts}")
    run_sql(place, f"SET GLOBAL {trusts} = {1 if rights else 0}")
    server_rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES, LOCK TABLES, CREATE VIEW,"
    server_rights += " SHOW VIEW, TRIGGER, PROCESS, REPLICATION SLAVE, REPLICATION CLIENT, RELOAD ON *.*"
    try:
        with account(place.server, server_rights) as address:
            target = Target.objects.get(pk=place.target.pk)
            target.user = address.user
            target.set_password(address.password)
            target.save()
            fields = make_fields(target, sql="TRUNCATE orders", schema_name=place.schema)
            ticket = actions.create_ticket(fields, by=make_person("ann"))
    finally:
        run_sql(place, f"SET GLOBAL {trusts} = {before}")
    found = [problem.found for problem in ticket.problems if problem.id == "rollback.ddl.none"]
    assert found, ticket.problems
    assert reason in found[0]
