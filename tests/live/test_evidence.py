"""What the backup server gives back is what was kept, or nothing of it is run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connections

from backups.capture import capture
from changes import undo
from changes.errors import ChangeError
from changes.models import ExecutedStatement, Execution
from changes.secrets import build_key
from changes.states import BackupState, ExecutionState, RollbackState
from tests.live.conftest import Executor
from tests.live.installation import Installation, point_at, register
from tests.live.own_rows import query
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

ARCHIVE = "$_$Inception_row_events$_$"
TICKET = (
    "UPDATE t SET v = CONCAT(v, '!'), n = n + 1 WHERE id <= 600; DELETE FROM t WHERE id > 1190;"
    " ALTER TABLE t ADD COLUMN c INT"
)


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = point_at(backup_server, django_settings.INCEPTION)
    with contextlib.closing(server.connect(database=schema)) as connection:
        query(connection, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40), n INT)")
        rows = ",".join(f"({number}, 'rød {number}', {number})" for number in range(1, 1201))
        query(connection, f"INSERT INTO t VALUES {rows}")
    with patch("changes.jobs.ring"):
        yield Installation(server, schema, register(server))


@pytest.fixture
def ran(place: Installation) -> Execution:
    """Rows changed, rows deleted, a column added: three statements, all protected."""
    done = place.run(TICKET)
    assert done.state == ExecutionState.SUCCEEDED, done.error
    return done


def statement(ran: Execution, number: int) -> ExecutedStatement:
    return ran.statements.get(seq=number)


def tamper(record: ExecutedStatement, table: str, sql: str) -> None:
    """Run SQL on the backup server as whoever got hold of its account would. {} stands for the table."""
    with connections["backup"].cursor() as cursor:
        name = f"`{record.backup_schema}`.`{table}`"
        assert cursor.execute(f"{sql.format(name)} WHERE opid_time = '{record.opid_time}' LIMIT 1")


def verify(ran: Execution, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        call_command("verify_backup", str(ran.ticket_id), *words)
    assert isinstance(ended.value.code, int)
    return int(ended.value.code), capsys.readouterr().out


def rows_of(place: Installation) -> list[tuple[Any, ...]]:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        return query(connection, "SELECT * FROM t ORDER BY id")


def test_records_are_made_anew_from_the_archive_as_the_same_text(
    ran: Execution, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = verify(ran, capsys)
    assert status == 0, text
    lines = text.splitlines()
    assert [line.split(": ", 1)[1] for line in lines] == [
        "600 records, 600 made anew and the same, 1 blocks: whole",
        "10 records, 10 made anew and the same, 1 blocks: whole",
        "1 records, 0 made anew and the same, 0 blocks: whole",
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE {} SET rollback_statement = REPLACE(rollback_statement, '1191', '1')",
        "UPDATE {} SET rollback_statement = 'DROP DATABASE mysql;'",
        "UPDATE {} SET rollback_statement = CONCAT(rollback_statement, ' ')",
        "DELETE FROM {}",
        "INSERT INTO {0} (rollback_statement, opid_time) SELECT 'DROP DATABASE mysql;', opid_time FROM {0}",
    ],
    ids=["a value", "the statement", "a space", "one is gone", "one more"],
)
@pytest.mark.parametrize("number", [1, 2], ids=["rows", "schema change"])
def test_altered_rollback_text_is_refused(
    place: Installation, ran: Execution, capsys: pytest.CaptureFixture[str], number: int, sql: str
) -> None:
    record = statement(ran, number)
    if number == 2:
        sql = sql.replace("'1191', '1'", "'`c`', '`v`'")
    tamper(record, "t", sql)
    before = rows_of(place)
    status, text = verify(ran, capsys)
    assert status == 1
    assert "rollback statements that are not the" in text
    back = place.roll_back(ran.ticket, number)
    assert back.state == ExecutionState.FAILED
    assert "altered on the backup server" in back.error
    assert rows_of(place) == before
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.FAILED


def test_it_names_the_record_that_the_archive_tells_otherwise(
    ran: Execution, capsys: pytest.CaptureFixture[str]
) -> None:
    record = statement(ran, 0)
    with connections["backup"].cursor() as cursor:
        cursor.execute(
            f"UPDATE `{record.backup_schema}`.`t` SET rollback_statement = REPLACE(rollback_statement, '555', '556')"
            " WHERE opid_time = %s",
            [record.opid_time],
        )
    status, text = verify(ran, capsys)
    assert status == 1
    assert "(number 555) is not what the archive makes of its row change" in text


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE {} SET payload = CONCAT(payload, 'x')",
        "UPDATE {} SET payload = CONCAT(payload, 'x'), sha256 = SHA2(payload, 256)",
        "UPDATE {} SET sha256 = 'no checksum'",
        "DELETE FROM {}",
    ],
    ids=["a block", "a block and its checksum", "a checksum", "gone"],
)
@pytest.mark.parametrize("block", [0, 1], ids=["header", "events"])
def test_an_altered_archive_is_refused(
    place: Installation, ran: Execution, capsys: pytest.CaptureFixture[str], block: int, sql: str
) -> None:
    record = statement(ran, 1)
    with connections["backup"].cursor() as cursor:
        name = f"`{record.backup_schema}`.`{ARCHIVE}`"
        assert cursor.execute(f"{sql.format(name)} WHERE opid_time = %s AND block = %s", [record.opid_time, block])
    before = rows_of(place)
    assert verify(ran, capsys)[0] == 1
    back = place.roll_back(ran.ticket, 1)
    assert back.state == ExecutionState.FAILED
    assert "Needed" in back.error
    assert rows_of(place) == before


def test_another_statements_archive_under_this_key_is_refused(place: Installation, ran: Execution) -> None:
    """Every checksum in it is right: it was written by us, for something else."""
    record, other = statement(ran, 1), statement(ran, 0)
    with connections["backup"].cursor() as cursor:
        name = f"`{record.backup_schema}`.`{ARCHIVE}`"
        cursor.execute(f"DELETE FROM {name} WHERE opid_time = %s", [record.opid_time])
        cursor.execute(f"UPDATE {name} SET opid_time = %s WHERE opid_time = %s", [record.opid_time, other.opid_time])
    back = place.roll_back(ran.ticket, 1)
    assert back.state == ExecutionState.FAILED
    assert "not the one written" in back.error


def test_a_dry_run_and_a_preview_refuse_it_too(ran: Execution) -> None:
    record = statement(ran, 1)
    tamper(record, "t", "UPDATE {} SET rollback_statement = 'DROP DATABASE mysql;'")
    with pytest.raises(ChangeError, match="altered on the backup server"):
        undo.dry_run(ran.ticket, undo.RollbackPlan((1,)))
    tamper(record, ARCHIVE, "DELETE FROM {}")
    with pytest.raises(ChangeError, match="no archive"):
        undo.preview(ran.ticket, undo.RollbackPlan((1,)), after="", limit=10)


def test_a_signature_of_a_key_that_is_gone_is_refused_and_can_be_renewed_before(
    place: Installation, ran: Execution, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = settings.INCEPTION.site.encryption_keys[0], build_key()

    def use(*keys: str) -> None:
        settings.INCEPTION = replace(settings.INCEPTION, site=replace(settings.INCEPTION.site, encryption_keys=keys))

    use(new)
    assert verify(ran, capsys)[0] == 1
    use(new, old)
    assert verify(ran, capsys)[0] == 0
    assert verify(ran, capsys, "--sign")[0] == 0
    use(new)
    assert verify(ran, capsys)[0] == 0
    use(new, old)  # the target's password
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED


def test_when_the_keys_are_lost_the_digests_have_to_do(
    ran: Execution, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    site = replace(settings.INCEPTION.site, encryption_keys=(build_key(),))
    settings.INCEPTION = replace(settings.INCEPTION, site=site)
    tamper(statement(ran, 1), "t", "UPDATE {} SET rollback_statement = 'DROP DATABASE mysql;'")
    assert verify(ran, capsys, "--sign")[0] == 1
    status, text = verify(ran, capsys, "--sign", "--keys-lost")
    assert (status, text.count("ALTERED")) == (1, 1)
    status, text = verify(ran, capsys)
    assert (status, text.count("ALTERED"), text.count("whole")) == (1, 1, 2)


def test_a_backup_from_before_signatures_is_signed_after_a_look(
    place: Installation, ran: Execution, capsys: pytest.CaptureFixture[str]
) -> None:
    ran.statements.update(records_sha256="", backup_signature="")
    assert verify(ran, capsys)[0] == 1
    back = place.roll_back(ran.ticket, 1)
    assert "verify_backup TICKET --sign" in back.error
    assert verify(ran, capsys, "--sign")[0] == 0
    assert place.roll_back(ran.ticket).state == ExecutionState.SUCCEEDED


def test_a_rollback_is_signed_like_any_other_change(
    place: Installation, ran: Execution, capsys: pytest.CaptureFixture[str]
) -> None:
    back = place.roll_back(ran.ticket, 0, 1)
    assert back.state == ExecutionState.SUCCEEDED, back.error
    assert verify(back, capsys)[0] == 0
    again = place.roll_back(back.ticket)
    assert again.state == ExecutionState.SUCCEEDED, again.error


def test_it_says_when_there_is_nothing_to_verify(place: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    ran = place.run("UPDATE t SET n = 0 WHERE id = 1", backup=False, no_backup_reason="not needed")
    assert ran.statements.get().backup_state == BackupState.OFF
    assert verify(ran, capsys)[0] == 2
    with pytest.raises(CommandError, match="no ticket"):
        call_command("verify_backup", "0")


@pytest.mark.parametrize(
    "sql", ["DELETE FROM `{}`.t LIMIT 1", "UPDATE `{}`.`" + ARCHIVE + "` SET row_count = 2 WHERE block = 1"]
)
def test_it_keeps_anew_what_is_not_whole_any_more(executor: Executor, sql: str) -> None:
    executor.sql("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2), (3)")
    change = executor.run("t", "DELETE", "DELETE FROM t")
    first = capture(change, executor.source)
    with connections["backup"].cursor() as cursor:
        cursor.execute(sql.format(first.backup_schema))
    second = capture(change, executor.source)
    assert second.state == "complete"
    assert second.opid_time != first.opid_time  # what stands on the backup server is not deleted
    assert second.rows_captured == second.records_stored == second.rows_archived == 3
    assert second.evidence.records_sha256 == first.evidence.records_sha256
