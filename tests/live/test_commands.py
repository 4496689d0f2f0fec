"""The commands for scripts: what they print, and how they exit."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from changes import foreground
from changes.models import Execution, Target, Ticket
from tests.live.installation import point_at, register
from tests.live.own_rows import query
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]


class Shell:
    """Runs commands as a shell does: standard output, exit status."""

    def __init__(self, server: Server, schema: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.server, self.schema, self.folder, self.capsys = server, schema, folder, capsys

    def __call__(self, *words: str) -> tuple[dict[str, Any], int]:
        with pytest.raises(SystemExit) as ended:
            call_command(*words, "--format", "json")
        code = ended.value.code
        assert isinstance(code, int)
        return json.loads(self.capsys.readouterr().out), code

    def run(self, sql: str | bytes, *words: str) -> tuple[dict[str, Any], int]:
        file = self.folder / "change.sql"
        file.write_bytes(sql.encode() if isinstance(sql, str) else sql)
        return self("run_change", "--target", "target", "--schema", self.schema, *words, str(file))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.server.connect(database=self.schema)) as connection:
            return query(connection, sql)


@pytest.fixture
def shell(
    server: Server, schema: str, backup_server: Server, settings: Any, tmp_path: Path, capsys: Any
) -> Iterator[Shell]:
    settings.INCEPTION = point_at(backup_server, django_settings.INCEPTION)
    register(server)
    made = Shell(server, schema, tmp_path, capsys)
    made.rows("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))")
    made.rows("INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')")
    return made


def test_a_change_that_is_done_and_protected_exits_0(shell: Shell) -> None:
    report, status = shell.run("UPDATE t SET v = 'x' WHERE id <= 2")
    assert (status, report["state"], report["backup_state"]) == (0, "succeeded", "complete")
    (statement,) = report["statements"]
    wanted = {
        "number": 1,
        "kind": "UPDATE",
        "outcome": "done",
        "affected_rows": 2,
        "rows_captured": 2,
        "records_stored": 2,
    }
    assert statement | wanted == statement
    assert statement["opid_time"].endswith("_00000000")
    assert statement["backup_table"] == "t"
    ticket = Ticket.objects.get(pk=report["ticket"])
    assert (ticket.origin, ticket.reviewed) == ("command", False)


def test_it_is_rolled_back_and_forth(shell: Shell) -> None:
    report, _ = shell.run("DELETE FROM t WHERE id = 2")
    back, status = shell("rollback_change", str(report["ticket"]))
    assert (status, back["rolls_back"], back["rows_restored"], back["rollback_state"]) == (
        0,
        report["ticket"],
        1,
        "done",
    )
    assert len(shell.rows("SELECT * FROM t")) == 3
    _, status = shell("rollback_change", str(report["ticket"]))
    assert status == 2
    _, status = shell("rollback_change", str(back["ticket"]))
    assert (status, len(shell.rows("SELECT * FROM t"))) == (0, 2)


def test_a_statement_that_fails_exits_1(shell: Shell) -> None:
    sql = "DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (2, 'taken'); DELETE FROM t"
    report, status = shell.run(sql)
    assert (status, report["state"], shell.rows("SELECT COUNT(*) FROM t")[0][0]) == (1, "failed", 3)
    report, status = shell.run(sql, "--transaction", "each")
    assert (status, report["state"]) == (1, "partly_done")
    assert [entry["outcome"] for entry in report["statements"]] == ["done", "failed", "not_run"]
    assert "1062" in report["statements"][1]["error"]
    assert shell.rows("SELECT id FROM t ORDER BY id") == [(2,), (3,)]


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("", "sql.empty"),
        ("SET sql_log_bin = 0", "statement.set"),
        ("UPDATE nowhere SET v = 1", "table.unknown"),
        ("UPDATE t SET v = 'open", "sql.unterminated"),
        (b"UPDATE t SET v = '\xff'", "sql.not_utf8"),
    ],
)
def test_a_refusal_exits_2_and_nothing_ran(shell: Shell, sql: str | bytes, problem: str) -> None:
    report, status = shell.run(sql)
    assert (status, report["state"], report["statements"]) == (2, "refused", [])
    found = [entry for entry in report["problems"] if entry["severity"] == "error"]
    assert any(entry["id"].startswith(problem) for entry in found), found
    assert all(entry["found"] for entry in found)
    assert len(shell.rows("SELECT * FROM t WHERE v IN ('one', 'two', 'three')")) == 3


def test_a_conflict_exits_3_and_changes_nothing(shell: Shell) -> None:
    report, _ = shell.run("UPDATE t SET v = 'ours'")
    shell.rows("UPDATE t SET v = 'theirs' WHERE id = 3")
    dry, status = shell("rollback_change", str(report["ticket"]), "--dry-run")
    assert (status, dry["state"]) == (3, "dry_run")
    back, status = shell("rollback_change", str(report["ticket"]))
    assert (status, back["rollback_state"]) == (3, "conflicted")
    assert back["conflicts"] == [{"schema": shell.schema, "table": "t", "key": "id=3", "reason": "changed"}]
    assert shell.rows("SELECT v FROM t ORDER BY id") == [("ours",), ("ours",), ("theirs",)]
    _, status = shell("rollback_change", str(report["ticket"]), "--on-conflict", "skip")
    assert (status, shell.rows("SELECT v FROM t ORDER BY id")) == (0, [("one",), ("two",), ("theirs",)])


def test_a_dry_run_changes_nothing(shell: Shell) -> None:
    report, _ = shell.run("DELETE FROM t")
    dry, status = shell("rollback_change", str(report["ticket"]), "--dry-run")
    assert (status, dry["rows_restored"], dry["ticket"]) == (0, 3, None)
    assert shell.rows("SELECT * FROM t") == []


def test_a_change_that_cannot_be_undone_exits_4(shell: Shell) -> None:
    report, status = shell.run("ALTER TABLE t DISABLE KEYS")
    assert status == 2
    report, status = shell.run("ALTER TABLE t DISABLE KEYS", "--accept-loss")
    assert (status, report["state"], report["backup_state"]) == (4, "succeeded", "impossible")


def test_without_backup_it_exits_0(shell: Shell) -> None:
    report, status = shell.run("DELETE FROM t", "--backup=false")
    assert (status, report["backup_state"], report["statements"][0]["opid_time"]) == (0, "off", None)


def test_the_schema_is_taken_from_the_text_when_every_table_names_it(shell: Shell) -> None:
    file = shell.folder / "qualified.sql"
    file.write_text(f"DELETE FROM `{shell.schema}`.t WHERE id = 1")
    report, status = shell("run_change", "--target", "target", str(file))
    assert (status, report["state"]) == (0, "succeeded")
    file.write_text("DELETE FROM t WHERE id = 2")
    report, status = shell("run_change", "--target", "target", str(file))
    assert (status, report["problems"][0]["id"]) == (2, "ticket.schema")


def test_it_is_refused_where_the_site_wants_a_review(shell: Shell, settings: Any) -> None:
    settings.INCEPTION = replace(settings.INCEPTION, site=replace(settings.INCEPTION.site, allow_unreviewed_cli=False))
    report, status = shell.run("DELETE FROM t")
    assert (status, report["problems"][0]["id"]) == (2, "site.unreviewed_cli")
    assert len(shell.rows("SELECT * FROM t")) == 3


def test_a_target_is_added_with_its_password_from_a_file(shell: Shell) -> None:
    secret = shell.folder / "password"
    secret.write_text("s3cret \n")
    call_command("add_target", "second", "--host", "db2", "--user", "inception", "--password-file", str(secret))
    target = Target.objects.get(name="second")
    assert (target.address.password, target.tls_mode) == ("s3cret ", "required")
    assert "s3cret" not in target.password_encrypted
    assert "s3cret" not in shell.capsys.readouterr().out


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_target_on_this_machine_needs_no_tls(shell: Shell, host: str, monkeypatch: Any) -> None:
    monkeypatch.setenv("SECRET", "")
    call_command("add_target", "near", "--host", host, "--user", "u", "--password-env", "SECRET")
    assert Target.objects.get(name="near").tls_mode == "disabled"


def test_a_target_needs_its_variable_to_be_set(shell: Shell) -> None:
    with pytest.raises(CommandError, match="NO_SUCH_VARIABLE is not set"):
        call_command("add_target", "third", "--host", "db3", "--user", "u", "--password-env", "NO_SUCH_VARIABLE")
    assert not Target.objects.filter(name="third").exists()


def test_a_schema_that_stays_busy_is_refused_and_nothing_runs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = shell.run("UPDATE t SET v = 'x' WHERE id = 1")
    Execution.objects.filter(pk=first["execution"]).update(state="running")
    monkeypatch.setattr(foreground.run, "__kwdefaults__", {"patience_seconds": 0})
    report, status = shell.run("DELETE FROM t")
    assert (status, report["state"]) == (2, "refused")
    assert f"ticket #{first['ticket']} is still running in the same schema" in report["problems"][0]["found"]
    assert shell.rows("SELECT COUNT(*) FROM t")[0][0] == 3
    assert Ticket.objects.get(pk=report["ticket"]).state == "withdrawn"
