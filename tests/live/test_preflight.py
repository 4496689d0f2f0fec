"""What a server refuses, in the words the user sees: tests/fixtures/refused/server_*/.

make.sql: statements that root runs in a fresh schema, and lines that say what else there is:
    -- server: OPTIONS          a MariaDB of its own, started with these options
    -- account: RIGHTS ON …     an account with these rights instead of root; one line each
    -- connect: NAME=VALUE …    how the address differs: port=closed, password=, tls_mode=, role=, schema=
    -- session: STATEMENT       run by our session before it is judged
ticket.sql: what was asked for.
message.txt: found, needed, how, a line each. {server}, {schema} and {account} stand for this run's, […] for any text.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from backups.snapshot import read_snapshot
from changes import backup_server, preflight, targets
from changes.preflight_tables import check_tables, list_tables
from changes.problems import Problem
from changes.statements import split_statements
from changes.targets import TargetAddress, TargetError
from tests.live.accounts import account, address_of
from tests.live.private_server import private_mariadb
from tests.servers import ROOT, Server, free_port

pytestmark = pytest.mark.live

CASES = sorted((ROOT / "tests" / "fixtures" / "refused").glob("server_*"))
OPTIONS = re.compile(r"-- server: (.*)")


@dataclass(frozen=True)
class Case:
    """The files of one case."""

    statements: tuple[str, ...]
    grants: tuple[str, ...]
    connect: dict[str, str]
    session: tuple[str, ...]
    ticket: str
    message: str

    @classmethod
    def read(cls, folder: Path, schema: str) -> Case:
        make = (folder / "make.sql").read_text().replace("{schema}", schema)

        def told(word: str) -> tuple[str, ...]:
            return tuple(re.findall(rf"^-- {word}: (.*)$", make, re.MULTILINE))

        sql = "\n".join(line for line in make.splitlines() if not line.startswith("-- "))
        return cls(
            statements=tuple(part.strip() for part in sql.split(";") if part.strip()),
            grants=told("account"),
            connect=dict(pair.split("=") for line in told("connect") for pair in line.split()),
            session=told("session"),
            ticket=(folder / "ticket.sql").read_text(),
            message=(folder / "message.txt").read_text(),
        )


def options_of(folder: Path) -> tuple[str, ...]:
    match = OPTIONS.search((folder / "make.sql").read_text())
    return tuple(match[1].split()) if match else ()


@pytest.fixture(scope="module")
def private_servers() -> Iterator[dict[tuple[str, ...], Server]]:
    """A server for each set of options that a case asks for, started when first needed."""
    with contextlib.ExitStack() as stack:

        class Started(dict[tuple[str, ...], Server]):
            def __missing__(self, options: tuple[str, ...]) -> Server:
                self[options] = stack.enter_context(private_mariadb(*options))
                return self[options]

        yield Started()


def ask(address: TargetAddress, schema: str, case: Case) -> list[Problem]:
    """Return the problems of the ticket, by the same calls as a check and an execution make."""
    if address.role == "backup":
        return backup_server.check(at=address)
    try:
        connection = targets.connect(address, schema=schema)
    except TargetError as error:
        return [error.problem]
    try:
        for statement in case.session:
            connection.query(statement.encode())
        facts = targets.read_facts(connection)
        statements = split_statements(case.ticket)
        return preflight.check(facts, schema_name=schema) + check_tables(
            statements,
            schema_name=schema,
            tables=targets.read_tables(connection, list_tables(statements, schema)),
            snapshot=read_snapshot(connection, schema, case.ticket, facts.flavor),
            server=facts,
        )
    finally:
        connection.close()


def judge(server: Server, schema: str, case: Case) -> tuple[list[str], str]:
    """Return the refusals as the user reads them, and the pattern of the one that is expected."""
    root = server.connect(database=schema)
    with contextlib.ExitStack() as stack:
        for statement in case.statements:
            root.query(statement.encode())
        address = stack.enter_context(account(server, *case.grants)) if case.grants else address_of(server)
        changes: dict[str, object] = {name: text for name, text in case.connect.items() if name != "schema"}
        if changes.get("port") == "closed":
            changes["port"] = free_port()
        address = replace(address, **changes)  # type: ignore[arg-type]
        problems = ask(address, case.connect.get("schema", schema), case)
    told = ["\n".join((p.found, p.needed, p.how)) + "\n" for p in problems if p.severity == "error"]
    pattern = re.escape(case.message).replace(re.escape("[…]"), ".*")
    for name, value in (("server", str(address)), ("schema", schema), ("account", address.user)):
        pattern = pattern.replace(re.escape(f"{{{name}}}"), re.escape(value))
    root.close()
    return told, pattern


@pytest.mark.parametrize("folder", [case for case in CASES if not options_of(case)], ids=lambda folder: folder.name)
def test_it_is_refused_in_these_words(folder: Path, server: Server, schema: str) -> None:
    told, pattern = judge(server, schema, Case.read(folder, schema))
    assert [text for text in told if re.fullmatch(pattern, text)], f"told: {told}"


@pytest.mark.parametrize("folder", [case for case in CASES if options_of(case)], ids=lambda folder: folder.name)
def test_a_server_of_its_own_is_refused_in_these_words(
    folder: Path, private_servers: dict[tuple[str, ...], Server]
) -> None:
    server = private_servers[options_of(folder)]
    schema = folder.name
    root = server.connect()
    root.query(f"CREATE DATABASE `{schema}`".encode())
    told, pattern = judge(server, schema, Case.read(folder, schema))
    assert [text for text in told if re.fullmatch(pattern, text)], f"told: {told}"


def test_a_server_as_it_should_be_is_not_refused(server: Server, schema: str) -> None:
    root = server.connect(database=schema)
    root.query(b"CREATE TABLE orders (id int PRIMARY KEY, total decimal(10,2)) ENGINE=InnoDB")
    rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, TRIGGER"
    case = Case((), (), {}, (), "UPDATE orders SET total = 0 WHERE id = 1", "")
    with account(
        server, "PROCESS, REPLICATION SLAVE, REPLICATION CLIENT ON *.*", f"{rights} ON `{schema}`.*"
    ) as address:
        problems = ask(address, schema, case)
    # The servers of the tests give up crash safety for speed, and have no TLS to give.
    assert {problem.id for problem in problems} <= {"target.sync", "target.tls.off"}


def test_child_tables_of_other_schemas_are_told_before_approval(server: Server, schema: str) -> None:
    if not server.flavor.logs_cascades:
        pytest.skip("tests/live/test_cascades.py: they are kept here, and that is told")
    root = server.connect(database=schema)
    other = f"{schema}_other"
    root.query(f"CREATE DATABASE `{other}`".encode())
    try:
        root.query(b"CREATE TABLE orders (id int PRIMARY KEY) ENGINE=InnoDB")
        root.query(
            f"CREATE TABLE `{other}`.notes (id int PRIMARY KEY, o int, CONSTRAINT fk_o FOREIGN KEY (o)"
            f" REFERENCES `{schema}`.orders (id) ON DELETE CASCADE) ENGINE=InnoDB".encode()
        )
        case = Case((), (), {}, (), "DELETE FROM orders WHERE id = 1", "")
        problems = {problem.id: problem for problem in ask(address_of(server), schema, case)}
    finally:
        root.query(f"DROP DATABASE `{other}`".encode())
    cascade = problems["table.cascade"]
    assert f"{other}.notes by fk_o (ON DELETE CASCADE)" in cascade.found
    assert cascade.severity == "notice"


def test_a_backup_server_that_works_has_no_problem(backup_server: Server) -> None:
    at = address_of(backup_server, role="backup")
    with account(backup_server, r"CREATE, INSERT, SELECT ON `10\_0\_0\_1\_3306\_%`.*") as narrow:
        assert _check(replace(narrow, role="backup"), "10_0_0_1_3306_shop") == []
        assert _check(replace(narrow, role="backup"), "10_0_0_2_3306_shop") == ["backup.privilege"]
    assert _check(at, None) == []


def _check(at: TargetAddress, schema: str | None) -> list[str]:
    return [problem.id for problem in backup_server.check(schema, at=at)]
