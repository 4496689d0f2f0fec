"""Addresses, markers, grants, and the words for a connection that failed; no server."""

from __future__ import annotations

import pytest

from changes import targets
from changes.connect_problems import Attempt, build_connect_problem, build_plain_text_problem
from changes.grants import parse_grants
from changes.marker import Marker, build_marker, build_marker_head, parse_marker
from changes.targets import TargetAddress, TargetError

ATTEMPT = Attempt("target", "db1:3306", "app", "shop")


def test_an_address_never_shows_its_password() -> None:
    address = TargetAddress("db1", 3306, "app", "hunter2")
    assert "hunter2" not in repr(address) + str(address) + f"{address}"


@pytest.mark.parametrize("host", ["", "a:1,b:2/x", "aurora://db", "host=a;port=1", "/run/mysqld.sock", "a b", "db1\n"])
def test_a_host_that_is_more_than_a_name_is_refused(host: str) -> None:
    with pytest.raises(TargetError) as caught:
        targets.connect(TargetAddress(host, 3306, "app", "x", tls_mode="disabled"))
    assert caught.value.problem.id == "target.host"


@pytest.mark.parametrize("mode", ["verify_ca", "verify_identity"])
def test_a_verifying_mode_without_a_ca_file_is_refused(mode: str) -> None:
    with pytest.raises(TargetError) as caught:
        targets.connect(TargetAddress("127.0.0.1", 1, "app", "x", tls_mode=mode))
    assert caught.value.problem.id == "target.tls.ca_missing"


def test_an_unknown_tls_mode_never_connects() -> None:
    with pytest.raises(ValueError, match="'preferred' is no TLS mode"):
        targets.connect(TargetAddress("127.0.0.1", 1, "app", "x", tls_mode="preferred"))


@pytest.mark.parametrize(
    ("code", "problem_id"),
    [
        (2002, "target.unreachable"),
        (2003, "target.unreachable"),
        (2005, "target.unreachable"),
        (2013, "target.unreachable"),
        (1045, "target.access_denied"),
        (1698, "target.access_denied"),
        (1130, "target.access_denied"),
        (1049, "target.schema.unknown"),
        (1044, "target.schema.denied"),
        (2026, "target.tls.untrusted"),
        (3159, "target.tls.needed"),
        (1862, "target.password_expired"),
        (1040, "target.full"),
        (9999, "target.refused"),
    ],
)
def test_every_error_of_a_connection_is_told_in_three_parts(code: int, problem_id: str) -> None:
    problem = build_connect_problem(ATTEMPT, code, "the server's words")
    assert (problem.id, problem.severity) == (problem_id, "error")
    assert problem.found
    assert problem.needed
    assert problem.how
    assert "db1:3306" in problem.found


def test_the_drivers_refusal_of_plain_text_reads_like_our_own() -> None:
    said = "TLS/SSL error: SSL is required, but the server does not support it"
    assert build_connect_problem(ATTEMPT, 2026, said) == build_plain_text_problem(ATTEMPT)


def test_a_problem_of_the_backup_server_says_so() -> None:
    assert build_connect_problem(Attempt("backup", "b:1", "u"), 2002, "x").id == "backup.unreachable"


def test_a_marker_comes_back() -> None:
    marker = build_marker("0badf00d", 42, 97, 0)
    assert marker == "/* inception 0badf00d ticket=42 execution=97 statement=0 */ "
    assert parse_marker(marker + "DELETE FROM t") == Marker("0badf00d", 42, 97, 0)
    assert str(Marker("0badf00d", 42, 97, 0)) == marker


def test_a_marker_from_before_installations_had_an_id_comes_back() -> None:
    marker = "/* inception ticket=42 execution=97 statement=0 */ "
    assert build_marker("", 42, 97, 0) == marker
    assert parse_marker(marker + "DELETE FROM t") == Marker("", 42, 97, 0)


def test_no_marker_of_one_installation_begins_like_one_of_another() -> None:
    heads = [build_marker_head(installation, 4, 5) for installation in ("", "0badf00d", "0badf00e")]
    markers = [build_marker(installation, 4, 5, 0) for installation in ("", "0badf00d", "0badf00e")]
    for number, head in enumerate(heads):
        assert [marker.startswith(head) for marker in markers] == [other == number for other in range(3)]


@pytest.mark.parametrize(
    "sql", ["DELETE FROM t", " /* inception ticket=1 execution=2 statement=3 */ x", "/* inception ticket=1 */ x", ""]
)
def test_what_has_no_marker_has_none(sql: str) -> None:
    assert parse_marker(sql) is None


def test_only_numbers_get_into_a_marker() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        build_marker("0badf00d", "1 */ DROP TABLE t; /*", 2, 3)  # type: ignore[arg-type]


# MariaDB 10.11, SHOW GRANTS of an account with a role and a grant to PUBLIC.
MARIADB_GRANTS = (
    "GRANT `tgt_role` TO `tgt_g`@`%`",
    "GRANT USAGE ON *.* TO `tgt_g`@`%` IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
    "GRANT INSERT, UPDATE (`id`, `name`) ON `tgt_r`.`t` TO `tgt_g`@`%`",
    "GRANT BINLOG MONITOR ON *.* TO `tgt_role`",
    r"GRANT SELECT ON `tgt\_r`.* TO `tgt_role`",
    "GRANT DELETE ON `tgt_r`.* TO PUBLIC",
    "SET DEFAULT ROLE `tgt_role` FOR `tgt_g`@`%`",
)


@pytest.mark.parametrize(
    ("privilege", "schema", "table", "expected"),
    [
        ("BINLOG MONITOR", None, None, True),
        ("REPLICATION CLIENT", None, None, True),  # the same right under its old name
        ("REPLICATION SLAVE", None, None, False),
        ("SELECT", "tgt_r", "t", True),  # the active role's
        ("SELECT", "tgtXr", "t", False),  # an escaped _ is no wildcard
        ("SELECT", None, None, False),
        ("INSERT", "tgt_r", "t", True),
        ("INSERT", "tgt_r", "u", False),
        ("INSERT", "tgt_r", None, False),  # a right on a table is none on its schema
        ("UPDATE", "tgt_r", "t", False),  # nor is one on columns a right on the table
        ("DELETE", "tgt_r", "u", True),  # everyone's
        ("DELETE", "tgtXr", "u", True),  # a plain _ is a wildcard
    ],
)
def test_rights_are_read_from_show_grants(
    privilege: str, schema: str | None, table: str | None, expected: bool
) -> None:
    assert parse_grants(MARIADB_GRANTS).has_privilege(privilege, schema, table) is expected


def test_all_privileges_are_every_privilege() -> None:
    grants = parse_grants(["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"])
    assert grants.has_privilege("REPLICATION SLAVE")
    assert grants.has_privilege("DELETE", "any", "table")
    only_schema = parse_grants(["GRANT ALL PRIVILEGES ON `shop`.* TO `app`@`%`"])
    assert only_schema.has_privilege("DELETE", "shop", "orders")
    assert not only_schema.has_privilege("REPLICATION SLAVE")


def test_a_partial_revoke_takes_one_schema_out() -> None:
    grants = parse_grants(["GRANT SELECT, INSERT ON *.* TO `a`@`%`", "REVOKE SELECT ON `hr`.* FROM `a`@`%`"])
    assert grants.has_privilege("SELECT", "shop")
    assert not grants.has_privilege("SELECT", "hr")
    assert grants.has_privilege("INSERT", "hr")


def test_a_backtick_in_a_name_is_read() -> None:
    assert parse_grants(["GRANT SELECT ON `a``b`.`c d` TO `x`@`%`"]).has_privilege("SELECT", "a`b", "c d")
