"""Each requirement on a server: what is refused, what is warned of, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from backups.binlog.flavor import Flavor
from changes import preflight, preflight_backup
from changes.grants import parse_grants
from changes.preflight import Purpose, build_checklist, check
from changes.problems import Problem
from changes.server_facts import ServerFacts, ServerIdentity
from tests.changes.facts import MARIADB, MYSQL

Change = Callable[[ServerFacts], ServerFacts]


def binlog(**changes: object) -> Change:
    return lambda facts: replace(facts, binlog=replace(facts.binlog, **changes))  # type: ignore[arg-type]


def server(**changes: object) -> Change:
    return lambda facts: replace(facts, **changes)  # type: ignore[arg-type]


def without(*privileges: str) -> Change:
    def change(facts: ServerFacts) -> ServerFacts:
        lines = [replace(line, privileges=line.privileges - set(privileges)) for line in facts.grants.lines]
        return replace(facts, grants=replace(facts.grants, lines=tuple(lines)))

    return change


def with_grants(*lines: str) -> Change:
    return lambda facts: replace(facts, grants=parse_grants(lines))


@pytest.mark.parametrize("facts", [MYSQL, MARIADB], ids=["mysql", "mariadb"])
def test_a_server_as_it_should_be_has_no_problem(facts: ServerFacts) -> None:
    assert check(facts, Purpose(schema_name="shop", identity=facts.identity)) == []
    assert {item.state for item in build_checklist(facts, Purpose(schema_name="shop"))} == {"ok"}


ERRORS = [
    (binlog(enabled=False), "target.log_bin", "The server has log_bin=OFF."),
    (binlog(session_enabled=False), "target.sql_log_bin", "Our session has sql_log_bin=OFF"),
    (binlog(skip_replication=True), "target.skip_replication", "Our session has skip_replication=ON"),
    (binlog(format="STATEMENT"), "target.binlog_format", "The server has binlog_format=STATEMENT."),
    (binlog(format="MIXED"), "target.binlog_format", "The server has binlog_format=MIXED."),
    (binlog(row_image="MINIMAL"), "target.binlog_row_image", "The server has binlog_row_image=MINIMAL."),
    (binlog(row_image="FULL_NODUP"), "target.binlog_row_image", "The server has binlog_row_image=FULL_NODUP."),
    (binlog(do_schemas=("a", "b")), "target.binlog_filters", "binlog_do_db=a,b"),
    (binlog(ignore_schemas=("c",)), "target.binlog_filters", "binlog_ignore_db=c"),
    (binlog(status_denied=True), "target.privilege.replication_client", "may not ask where the binlog is"),
    (without("REPLICATION SLAVE"), "target.privilege.replication_slave", "may not read the binlog"),
    (without("SELECT"), "target.privilege.select", "may not read the schema shop"),
    (server(read_only=True), "target.read_only", "read_only=ON"),
    (server(read_only=True, super_read_only=True), "target.read_only", "super_read_only=ON"),
    (server(handshake_id=7), "target.proxy", "its handshake said 7"),
]
WARNINGS = [
    (binlog(sync=0), "target.sync", "The server has sync_binlog=0."),
    (binlog(flush_at_commit=2), "target.sync", "The server has innodb_flush_log_at_trx_commit=2."),
    (binlog(retention_seconds=3600), "target.retention", "after 60 minutes"),
    (server(galera=True), "target.galera", "Galera"),
]


@pytest.mark.parametrize("facts", [MYSQL, MARIADB], ids=["mysql", "mariadb"])
@pytest.mark.parametrize(("change", "problem_id", "words"), ERRORS)
def test_what_makes_a_backup_impossible_is_an_error(
    facts: ServerFacts, change: Change, problem_id: str, words: str
) -> None:
    (problem,) = check(change(facts), Purpose(schema_name="shop"))
    assert (problem.id, problem.severity) == (problem_id, "error")
    assert words in problem.found
    assert problem.needed
    assert problem.how


@pytest.mark.parametrize("facts", [MYSQL, MARIADB], ids=["mysql", "mariadb"])
@pytest.mark.parametrize(("change", "problem_id", "words"), WARNINGS)
def test_what_makes_a_backup_doubtful_is_a_warning(
    facts: ServerFacts, change: Change, problem_id: str, words: str
) -> None:
    (problem,) = check(change(facts))
    assert (problem.id, problem.severity) == (problem_id, "warning")
    assert words in problem.found


@pytest.mark.parametrize(
    ("change", "problem_id"),
    [
        (binlog(enabled=False, format="STATEMENT", row_image="MINIMAL", sync=0), None),
        (with_grants("GRANT INSERT ON `shop`.* TO `app`@`%`"), None),
        (server(read_only=True), "target.read_only"),
        (server(handshake_id=7), "target.proxy"),
    ],
)
def test_a_ticket_without_backup_asks_nothing_of_the_binlog(change: Change, problem_id: str | None) -> None:
    found = check(change(MYSQL), backup=False, schema_name="shop")
    assert [problem.id for problem in found] == ([problem_id] if problem_id else [])


def test_a_binlog_that_is_off_is_one_problem_and_not_five() -> None:
    off = binlog(enabled=False, session_enabled=False, format="", row_image="", coordinates=None)(MARIADB)
    assert [problem.id for problem in check(off)] == ["target.log_bin"]


def test_another_server_behind_the_address_is_refused() -> None:
    problems = check(MYSQL, identity=ServerIdentity("other", 1, "db1"))
    assert [problem.id for problem in problems] == ["target.identity"]
    assert "uuid=other" in problems[0].found


def test_a_large_connection_id_is_compared_as_the_handshake_has_it() -> None:
    assert check(replace(MYSQL, connection_id=2**32 + 5, handshake_id=5)) == []


def test_children_in_other_schemas_are_warned_of_where_their_rows_are_not_logged() -> None:
    blind = without("PROCESS")
    assert [problem.id for problem in check(blind(MARIADB))] == ["target.privilege.process"]
    assert check(blind(MYSQL)) == []
    native = replace(blind(MYSQL), native_foreign_keys=True)
    assert [problem.id for problem in check(native)] == ["target.privilege.process"]


def test_triggers_that_cannot_be_seen_are_warned_of_on_mysql() -> None:
    blind = without("TRIGGER")
    found = check(blind(MYSQL), schema_name="shop")
    assert [(problem.id, problem.severity) for problem in found] == [("target.privilege.trigger", "warning")]
    assert check(blind(MARIADB), schema_name="shop") == []


def test_an_account_that_can_switch_the_binlog_off_is_noticed() -> None:
    root = with_grants("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION")
    (problem,) = check(root(MARIADB))
    assert (problem.id, problem.severity) == ("target.privilege.too_much", "notice")


def test_plain_text_is_noticed_and_nothing_more() -> None:
    (problem,) = check(replace(MYSQL, cipher=""))
    assert (problem.id, problem.severity) == ("target.tls.off", "notice")


def test_an_old_server_is_warned_of() -> None:
    (problem,) = check(replace(MYSQL, flavor=Flavor("mysql", (5, 7, 44)), native_foreign_keys=False))
    assert problem.id == "target.version"
    assert "MySQL 5.7.44" in problem.found
    assert "MySQL 8.0.22" in problem.needed


def test_errors_come_first() -> None:
    facts = binlog(sync=0, format="MIXED")(replace(MYSQL, cipher=""))
    assert [problem.severity for problem in check(facts)] == ["error", "warning", "notice"]


def test_the_checklist_tells_the_same_as_the_check() -> None:
    facts = binlog(sync=0, format="MIXED")(MYSQL)
    told = {item.text for item in build_checklist(facts) if item.state != "ok"}
    assert told == {str(problem) for problem in check(facts)}
    states = {item.label: item.state for item in build_checklist(facts)}
    assert (states["Binlog format"], states["Crash safety"], states["Row image"]) == ("fail", "warn", "ok")


def test_the_repair_names_the_account_as_sql_does() -> None:
    odd = replace(without("REPLICATION SLAVE")(MYSQL), account="o`dd@x@10.0.0.%")
    (problem,) = check(odd)
    assert problem.how.endswith("TO `o``dd@x`@`10.0.0.%`")


def test_every_requirement_is_in_the_checklist_once() -> None:
    labels = [item.label for item in build_checklist(MYSQL)]
    assert len(labels) == len(set(labels)) == len(preflight._REQUIREMENTS)


def ids(problems: list[Problem]) -> list[str]:
    return [problem.id for problem in problems]


class TestTheBackupServer:
    def test_it_may_be_as_little_as_create_insert_and_select(self) -> None:
        facts = with_grants(r"GRANT SELECT, INSERT, CREATE ON `10\_0\_0\_1\_3306\_%`.* TO `backup`@`%`")(MARIADB)
        assert preflight_backup.check(facts, "10_0_0_1_3306_shop") == []
        assert preflight_backup.check(facts) == []

    def test_it_is_refused_when_the_schema_is_outside_of_its_rights(self) -> None:
        facts = with_grants(r"GRANT SELECT, INSERT, CREATE ON `10\_0\_0\_1\_3306\_%`.* TO `backup`@`%`")(MARIADB)
        (problem,) = preflight_backup.check(facts, "10_0_0_2_3306_shop")
        assert problem.id == "backup.privilege"
        assert "lacks CREATE, INSERT, SELECT on 10_0_0_2_3306_shop" in problem.found

    def test_it_is_refused_without_insert(self) -> None:
        (problem,) = preflight_backup.check(with_grants("GRANT SELECT, CREATE ON *.* TO `backup`@`%`")(MARIADB))
        assert "lacks INSERT on backup schemas" in problem.found

    def test_it_is_refused_when_it_takes_no_writes(self) -> None:
        root = with_grants("GRANT ALL PRIVILEGES ON *.* TO `backup`@`%`")
        assert ids(preflight_backup.check(replace(root(MARIADB), read_only=True))) == ["backup.read_only"]

    def test_it_is_warned_of_when_large_rows_do_not_fit(self) -> None:
        root = with_grants("GRANT ALL PRIVILEGES ON *.* TO `backup`@`%`")
        (problem,) = preflight_backup.check(replace(root(MARIADB), max_allowed_packet=1024 * 1024))
        assert (problem.id, problem.severity) == ("backup.max_allowed_packet", "warning")
