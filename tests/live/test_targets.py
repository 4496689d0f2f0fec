"""Connections to real servers: what they refuse, and what they are told."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import MySQLdb
import pytest

from changes import targets
from changes.problems import Problem
from changes.targets import TargetAddress, TargetError
from tests.live.accounts import PASSWORD, account, address_of
from tests.live.private_server import private_mariadb
from tests.servers import MYSQL, Server, free_port

pytestmark = pytest.mark.live


def refusal(address: TargetAddress, **options: object) -> Problem:
    with pytest.raises(TargetError) as caught:
        targets.connect(address, **options)  # type: ignore[arg-type]
    assert PASSWORD not in str(caught.value)
    return caught.value.problem


class TestAConnection:
    def test_it_runs_one_statement_per_call(self, server: Server, schema: str) -> None:
        connection = targets.connect(address_of(server), schema=schema)
        for sql in ("SELECT 1; SELECT 2", "SELECT 1; CREATE TABLE gone (id int)"):
            with pytest.raises(MySQLdb.ProgrammingError) as caught:
                connection.query(sql.encode())
            assert caught.value.args[0] == 1064
        assert targets.read_rows(connection, "SHOW TABLES") == []

    def test_it_never_sends_a_file_of_this_machine(self, server: Server, schema: str, tmp_path: Path) -> None:
        secret = tmp_path / "secret.txt"
        secret.write_text("secret\n")
        connection = targets.connect(address_of(server), schema=schema)
        connection.query(b"CREATE TABLE t (v text)")
        with pytest.raises(MySQLdb.Error) as caught:
            connection.query(f"LOAD DATA LOCAL INFILE '{secret}' INTO TABLE t".encode())
        assert caught.value.args[0] in (2068, 4166, 3948, 1148)
        assert targets.read_rows(targets.connect(address_of(server), schema=schema), "SELECT * FROM t") == []

    def test_it_commits_by_itself_and_counts_changed_rows(self, server: Server, schema: str) -> None:
        connection = targets.connect(address_of(server), schema=schema)
        connection.query(b"CREATE TABLE t (id int primary key, v int)")
        connection.query(b"INSERT INTO t VALUES (1, 1), (2, 2)")
        assert len(targets.read_rows(targets.connect(address_of(server), schema=schema), "SELECT * FROM t")) == 2
        for found_rows, expected in ((False, 1), (True, 2)):
            other = targets.connect(address_of(server), schema=schema, found_rows=found_rows)
            other.query(b"UPDATE t SET v = 1")
            assert other.affected_rows() == expected
            other.query(b"UPDATE t SET v = id")

    def test_it_waits_for_locks_for_a_bounded_time(self, server: Server) -> None:
        connection = targets.connect(address_of(server))
        ((row_locks, table_locks),) = targets.read_rows(
            connection, "SELECT @@innodb_lock_wait_timeout, @@lock_wait_timeout"
        )
        assert (row_locks, table_locks) == (targets.LOCK_WAIT_SECONDS, targets.LOCK_WAIT_SECONDS)

    def test_it_knows_four_byte_characters(self, server: Server) -> None:
        connection = targets.connect(address_of(server))
        assert targets.read_rows(connection, "SELECT %s, CHAR_LENGTH(%s)", ("🔑ü", "🔑ü")) == [("🔑ü", 2)]

    def test_the_name_localhost_goes_through_tcp(self, server: Server) -> None:
        connection = targets.connect(address_of(server, host="localhost"))
        assert "via TCP/IP" in connection.get_host_info()

    def test_it_gives_up_when_told_to(self, server: Server) -> None:
        connection = targets.connect(address_of(server), read_timeout=1)
        with pytest.raises(MySQLdb.OperationalError) as caught:
            connection.query(b"SELECT SLEEP(4)")
        assert caught.value.args[0] == 2013

    def test_a_lock_is_held_by_one_session(self, server: Server, schema: str) -> None:
        first, second = (targets.connect(address_of(server)) for _ in range(2))
        assert targets.take_lock(first, schema, seconds=0)
        assert not targets.take_lock(second, schema, seconds=0)
        first.close()
        assert targets.take_lock(second, schema, seconds=5)


class TestARefusal:
    def test_it_says_that_nobody_answers(self, server: Server) -> None:
        assert refusal(address_of(server, port=free_port())).id == "target.unreachable"
        assert refusal(address_of(server, host="no-such-host.invalid")).id == "target.unreachable"

    def test_it_says_that_the_password_is_wrong(self, server: Server) -> None:
        with account(server) as address:
            problem = refusal(replace(address, password="wrong"))
        assert problem.id == "target.access_denied"
        assert address.user in problem.found

    def test_it_says_that_the_schema_is_unknown(self, server: Server) -> None:
        problem = refusal(address_of(server), schema="no_such_schema")
        assert problem.id == "target.schema.unknown"
        assert "no_such_schema" in problem.found

    def test_it_says_that_the_schema_is_not_ours(self, server: Server, schema: str) -> None:
        with account(server) as address:
            assert refusal(address, schema=schema).id == "target.schema.denied"

    def test_it_says_that_the_account_wants_tls(self, server: Server) -> None:
        with account(server) as address:
            root = server.connect()
            root.query(f"ALTER USER `{address.user}`@`%` REQUIRE SSL".encode())
            problem = refusal(address)
        # Neither server tells it from a wrong password.
        assert problem.id == "target.access_denied"
        assert "TLS mode" in problem.how


class TestMySQLsOwnPasswords:
    """caching_sha2_password: the first log-in sends the password itself, later ones a hash."""

    @pytest.mark.parametrize("tls_mode", ["disabled", "required"])
    def test_a_first_and_a_later_log_in_work(self, server: Server, tls_mode: str) -> None:
        if server.name != MYSQL:
            pytest.skip("MariaDB has no caching_sha2_password")
        with account(server, identified="IDENTIFIED WITH caching_sha2_password BY") as address:
            for _ in range(2):
                connection = targets.connect(replace(address, tls_mode=tls_mode))
                assert bool(targets.read_cipher(connection)) is (tls_mode == "required")
                connection.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, another one, and a server's certificate for 127.0.0.1 and one for another name."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip
    for name, alternative in (("here", "IP:127.0.0.1"), ("elsewhere", "DNS:db9.example")):
        (folder / "names").write_text(f"subjectAltName={alternative}")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", "names", "-out", f"{name}.pem")  # fmt: skip
    return folder


@pytest.fixture(scope="module", params=["here", "elsewhere"])
def tls_server(request: pytest.FixtureRequest, certificates: Path) -> Iterator[tuple[str, Server]]:
    name = request.param
    options = [f"--ssl-cert={certificates / name}.pem", f"--ssl-key={certificates / name}.key"]
    # Run by every session of an account without administrative rights, before its first statement.
    options.append("--init-connect=SET SESSION sql_mode='ANSI_QUOTES', time_zone='+09:00',"
                   " autocommit=0, foreign_key_checks=0, unique_checks=0, skip_replication=1,"
                   " character_set_client=latin1")  # fmt: skip
    with private_mariadb(*options) as server:
        yield name, server


class TestTls:
    def test_it_is_refused_by_the_cipher_when_the_server_has_none(self) -> None:
        with private_mariadb("--skip-ssl") as server:
            for mode in ("required", "verify_ca", "verify_identity"):
                address = address_of(server, tls_mode=mode, tls_ca="/etc/ssl/certs/ca-certificates.crt")
                assert refusal(address).id == "target.tls.not_offered"
            assert refusal(address_of(server, tls_mode="required", role="backup")).id == "backup.tls.not_offered"

    def test_each_mode_asks_what_it_says(self, tls_server: tuple[str, Server], certificates: Path) -> None:
        name, server = tls_server
        ca, other = str(certificates / "ca.pem"), str(certificates / "other.pem")

        def outcome(mode: str, tls_ca: str | None = None) -> str:
            try:
                connection = targets.connect(address_of(server, tls_mode=mode, tls_ca=tls_ca))
            except TargetError as error:
                return error.problem.id
            return "TLS" if targets.read_facts(connection).cipher else "plain"

        assert outcome("disabled") == "plain"
        assert outcome("required") == "TLS"
        assert outcome("verify_ca", ca) == "TLS"
        assert outcome("verify_ca", other) == "target.tls.untrusted"
        assert outcome("verify_identity", other) == "target.tls.untrusted"
        assert outcome("verify_identity", ca) == ("TLS" if name == "here" else "target.tls.untrusted")
        assert outcome("verify_identity", str(certificates / "missing.pem")) == "target.tls.untrusted"

    def test_nothing_of_an_init_connect_stays(self, tls_server: tuple[str, Server]) -> None:
        _, server = tls_server
        with account(server) as address:
            plain = MySQLdb.connect(host=server.host, port=server.port, user=address.user, password=PASSWORD)
            assert targets.read_rows(plain, "SELECT @@sql_mode") == [("ANSI_QUOTES",)]
            connection = targets.connect(address)
            facts = targets.read_facts(connection)
            ((autocommit, checks, unique, charset),) = targets.read_rows(
                connection, "SELECT @@autocommit, @@foreign_key_checks, @@unique_checks, @@character_set_client"
            )
        assert "STRICT_TRANS_TABLES" in facts.sql_mode
        assert not facts.ansi_quotes
        assert facts.time_zone == "SYSTEM"
        assert not facts.binlog.skip_replication
        assert (autocommit, checks, unique, charset) == (1, 1, 1, "utf8mb4")


class TestFacts:
    def test_they_are_those_of_the_server(self, server: Server) -> None:
        connection = targets.connect(address_of(server))
        facts = targets.read_facts(connection)
        assert facts.flavor == server.flavor
        assert facts.account == "root@localhost"
        assert facts.connection_id == facts.handshake_id == targets.read_connection_id(connection)
        assert facts.identity.uuid
        assert facts.binlog.enabled
        assert facts.binlog.session_enabled
        assert (facts.binlog.format, facts.binlog.row_image) == ("ROW", "FULL")
        assert facts.binlog.coordinates is not None
        assert facts.cipher == ""
        assert facts.grants.has_privilege("REPLICATION SLAVE")
        assert facts == replace(targets.read_facts(connection), binlog=facts.binlog)
        assert facts.logs_cascades is (server.name == MYSQL)

    def test_coordinates_and_gtid_move_with_our_own_changes_only(self, server: Server, schema: str) -> None:
        connection = targets.connect(address_of(server), schema=schema)
        before = targets.read_coordinates(connection, server.flavor)
        assert targets.read_last_gtid(connection, server.flavor) is None
        server.connect().query(f"CREATE TABLE `{schema}`.theirs (id int)".encode())
        assert targets.read_last_gtid(connection, server.flavor) is None
        connection.query(b"CREATE TABLE ours (id int)")
        after = targets.read_coordinates(connection, server.flavor)
        assert before is not None
        assert after is not None
        assert before < after
        assert (targets.read_last_gtid(connection, server.flavor) is not None) is server.flavor.is_mariadb

    def test_an_account_that_may_not_ask_for_the_position_is_told_apart(self, server: Server) -> None:
        with account(server) as address:
            connection = targets.connect(address)
            facts = targets.read_facts(connection)
            assert facts.binlog.status_denied
            assert targets.read_coordinates(connection, server.flavor) is None
            assert not facts.grants.has_privilege("REPLICATION SLAVE")

    def test_rights_that_come_through_a_role_count(self, server: Server, schema: str) -> None:
        root = server.connect()
        role = f"{schema}_role"
        root.query(f"CREATE ROLE `{role}`".encode())
        try:
            root.query(f"GRANT SELECT ON `{schema}`.* TO `{role}`".encode())
            with account(server) as address:
                root.query(f"GRANT `{role}` TO `{address.user}`@`%`".encode())
                word = "FOR" if server.flavor.is_mariadb else "TO"
                root.query(f"SET DEFAULT ROLE `{role}` {word} `{address.user}`@`%`".encode())
                facts = targets.read_facts(targets.connect(address))
            assert facts.grants.has_privilege("SELECT", schema)
            assert not facts.grants.has_privilege("INSERT", schema)
        finally:
            root.query(f"DROP ROLE `{role}`".encode())

    def test_schemas_are_those_of_people(self, server: Server, schema: str) -> None:
        found = targets.read_schemas(targets.connect(address_of(server)))
        assert schema in found
        assert not {"mysql", "information_schema", "performance_schema", "sys"} & set(found)


class TestTables:
    def test_facts_tell_tables_views_and_engines_apart(self, server: Server, schema: str) -> None:
        connection = targets.connect(address_of(server), schema=schema)
        connection.query("CREATE TABLE `Mixed ü` (id int primary key) ENGINE=InnoDB".encode())
        connection.query("INSERT INTO `Mixed ü` VALUES (1), (2)".encode())
        connection.query(b"CREATE TABLE old (id int) ENGINE=MyISAM")
        connection.query(b"CREATE VIEW seen AS SELECT * FROM old")
        names = [(schema, name) for name in ("Mixed ü", "old", "seen", "nope", "OLD")]
        mixed, old, seen, nope, shouted = targets.read_tables(connection, names)
        assert (mixed.exists, mixed.engine, mixed.transactional) == (True, "InnoDB", True)
        assert (old.engine, old.transactional) == ("MyISAM", False)
        assert (seen.is_view, seen.transactional) == (True, True)
        assert not nope.exists
        # Both servers of the tests tell table names apart by case.
        assert not shouted.exists
        assert mixed.label == f"{schema}.Mixed ü"
