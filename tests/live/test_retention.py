"""What is kept for rollbacks expires, is purged with a word on its ticket, and nothing else is touched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from backups import purging
from backups.models import BackupSchema
from backups.rollback.literals import quote_identifier
from backups.schema import ARCHIVE_TABLE, INFORMATION_TABLE
from changes import actions, targets, undo
from changes.attempt import lock_name, rollback_lock_name
from changes.errors import ChangeError
from changes.models import ExecutedStatement, Execution, Target, Ticket
from changes.purge import PurgeResult, purge
from changes.retention import Item, Kind, count_stored, find_expired, read_backup_sizes, read_kept
from changes.states import BackupState, ExecutionState, RollbackState, TicketState
from tests.changes.people import make_person
from tests.live.installation import Installation, open_installation, point_at, prove_on, register
from tests.live.kept_place import drop_kept, find_kept
from tests.live.own_rows import query
from tests.servers import Server

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True, databases=["default", "backup"])]

TABLES = (
    "CREATE TABLE item (id INT PRIMARY KEY, price INT)",
    "CREATE TABLE other (id INT PRIMARY KEY)",
    "INSERT INTO item VALUES (1, 1), (2, 1), (3, 1)",
    "INSERT INTO other VALUES (1)",
)


@pytest.fixture
def place(server: Server, schema: str, backup_server: Server, settings: Any) -> Iterator[Installation]:
    settings.INCEPTION = prove_on(server, point_at(backup_server, django_settings.INCEPTION))
    with open_installation(server, schema, TABLES, keep_days=30, backup_days=90) as made:
        yield made
    drop_kept(server)
    with contextlib.closing(backup_server.connect()) as connection:
        for name in BackupSchema.objects.values_list("name", flat=True):
            query(connection, f"DROP DATABASE IF EXISTS {quote_identifier(name)}")


def make_older(execution: Execution, days: int) -> None:
    """Let an execution have run so many days ago."""
    past = timezone.now() - timedelta(days=days)
    execution.statements.update(executed_at=past, intent_at=past)


def find(place: Installation, *kinds: Kind, older_than: timedelta | None = None) -> list[Item]:
    found, troubles = find_expired([fresh(place)], timezone.now(), kinds=kinds or set(Kind), older_than=older_than)
    assert troubles == []
    return found


def fresh(place: Installation) -> Target:
    return Target.objects.get(pk=place.target.pk)


def count_left(backup_server: Server, statement: ExecutedStatement) -> tuple[int, int, int]:
    """Return how many records, blocks and information rows of a statement are there."""
    tables = (statement.backup_table, ARCHIVE_TABLE, INFORMATION_TABLE)
    names = [f"{quote_identifier(statement.backup_schema)}.{quote_identifier(table)}" for table in tables]
    with contextlib.closing(backup_server.connect()) as connection:
        counts = [
            query(connection, f"SELECT COUNT(*) FROM {name} WHERE opid_time = '{statement.opid_time}'")[0][0]
            for name in names
        ]
    return counts[0], counts[1], counts[2]


def only(execution: Execution) -> ExecutedStatement:
    return ExecutedStatement.objects.get(execution=execution)


def said(ticket: Ticket) -> list[str]:
    return list(ticket.activities.filter(verb="purge").values_list("text", flat=True))


def prices(place: Installation) -> list[int]:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        return [price for (price,) in query(connection, "SELECT price FROM item ORDER BY id")]


def reasons(result: PurgeResult) -> list[str]:
    return [left.reason for left in result.left]


def test_only_what_is_older_than_its_policy_is_expired(place: Installation) -> None:
    old, new = place.run("UPDATE item SET price = 2"), place.run("UPDATE item SET price = 3")
    kept = place.run("DROP TABLE other", accepts_loss=False)
    make_older(old, 91)
    make_older(new, 89)
    make_older(kept, 29)
    assert [item.statement.execution_id for item in find(place)] == [old.pk]
    make_older(kept, 31)
    assert [(item.kind, item.statement.execution_id) for item in find(place)] == [
        (Kind.KEPT, kept.pk),
        (Kind.BACKUP, old.pk),
    ]
    Target.objects.update(keep_days=0, backup_days=0)
    assert find(place) == []
    assert len(find(place, older_than=timedelta(days=30))) == 4  # of DROP TABLE the table, and what undoes it


def test_a_purged_backup_is_gone_and_its_rollback_is_refused_in_words(
    place: Installation, backup_server: Server
) -> None:
    old, new = place.run("UPDATE item SET price = 2"), place.run("UPDATE item SET price = 3 WHERE id < 3")
    make_older(old, 91)
    assert count_left(backup_server, only(old)) == (3, 2, 1)
    dana = make_person("dana")
    result = purge(find(place), by=dana)
    assert (len(result.done), result.left, result.rest) == (1, [], [])
    assert count_left(backup_server, only(old)) == (0, 0, 0)
    assert count_left(backup_server, only(new)) == (2, 2, 1)
    statement = only(old)
    assert statement.backup_state == BackupState.EXPIRED
    assert statement.purged_at is not None
    assert "90 days on target" in statement.backup_reason
    assert "purged by dana" in statement.backup_reason
    old.ticket.refresh_from_db()
    assert old.ticket.backup_state == BackupState.EXPIRED
    assert said(old.ticket) == [f"Statement 1 cannot be rolled back any more: {statement.backup_reason}"]
    assert said(new.ticket) == []
    with pytest.raises(ChangeError, match="its backup is no longer kept"):
        place.roll_back(old.ticket)
    assert place.roll_back(new.ticket).state == ExecutionState.SUCCEEDED
    assert prices(place) == [2, 2, 2]
    assert find(place) == []


def test_data_set_aside_is_dropped_and_its_rollback_is_refused_in_words(place: Installation) -> None:
    ran = place.run("DROP TABLE other", accepts_loss=False)
    make_older(ran, 31)
    (item,) = find(place)
    assert (item.kind, item.is_needed, item.tables, item.obstacle) == (Kind.KEPT, True, ["other"], "")
    assert purge([item], by=None).done == [item]
    assert find_kept(place.server) == []
    assert "30 days on target), and purged by manage.py purge" in only(ran).backup_reason
    with pytest.raises(ChangeError, match="no longer kept"):
        place.roll_back(ran.ticket)


def test_the_other_statements_of_a_ticket_can_still_be_rolled_back(place: Installation) -> None:
    ran = place.run("UPDATE item SET price = 2; DROP TABLE other", accepts_loss=False)
    make_older(ran, 31)
    purge(find(place), by=None)
    with pytest.raises(ChangeError, match=r"Statement 2 cannot be rolled back any more: what it took away was kept"):
        place.roll_back(ran.ticket)
    assert place.roll_back(ran.ticket, 0).state == ExecutionState.SUCCEEDED
    assert prices(place) == [1, 1, 1]
    ran.ticket.refresh_from_db()
    assert ran.ticket.rollback_state == RollbackState.PARTIAL


def test_a_backup_that_is_purged_under_the_eyes_of_a_preview_is_not_called_altered(place: Installation) -> None:
    ran = place.run("UPDATE item SET price = 2")
    make_older(ran, 91)
    read = undo.choose_statements
    calls: list[None] = []

    def purge_after_the_first(*args: Any) -> Any:
        chosen = read(*args)
        if not calls:
            calls.append(None)
            purge(find(place), by=None)
        return chosen

    words = "cannot be rolled back any more: its backup was kept until"
    with patch.object(undo, "choose_statements", purge_after_the_first), pytest.raises(ChangeError, match=words):
        undo.preview(Ticket.objects.get(pk=ran.ticket_id), actions.RollbackPlan(), after="", limit=50)


def test_records_of_another_tool_in_the_same_schema_stay(place: Installation, backup_server: Server) -> None:
    ran = place.run("UPDATE item SET price = 2")
    make_older(ran, 91)
    statement = only(ran)
    schema = quote_identifier(statement.backup_schema)
    theirs = "1500000000_7_00000000"
    with contextlib.closing(backup_server.connect()) as connection:
        query(
            connection,
            f"INSERT INTO {schema}.{quote_identifier(INFORMATION_TABLE)} (opid_time, dbname, `time`)"
            f" VALUES ('{theirs}', 'x', NOW())",
        )
        query(connection, f"INSERT INTO {schema}.item (rollback_statement, opid_time) VALUES ('DO 1;', '{theirs}')")
        purge(find(place), by=None)
        left = query(connection, f"SELECT opid_time FROM {schema}.item")
        rows = query(connection, f"SELECT opid_time FROM {schema}.{quote_identifier(INFORMATION_TABLE)}")
    assert [opid for (opid,) in left] == [opid for (opid,) in rows] == [theirs]


def test_an_archive_that_is_not_ours_is_not_deleted(place: Installation, backup_server: Server) -> None:
    ran = place.run("UPDATE item SET price = 2")
    make_older(ran, 91)
    statement = only(ran)
    archive = f"{quote_identifier(statement.backup_schema)}.{quote_identifier(ARCHIVE_TABLE)}"
    with contextlib.closing(backup_server.connect()) as connection:
        query(connection, f"UPDATE {archive} SET sha256 = REPEAT('0', 64) WHERE block = 0")
    result = purge(find(place), by=None)
    assert result.done == []
    assert "found an archive that is not the one written" in reasons(result)[0]
    assert count_left(backup_server, statement) == (3, 2, 1)


@pytest.mark.parametrize("sql", ["UPDATE item SET price = 2", "DROP TABLE other"])
def test_a_rollback_that_waits_for_its_approval_is_left_alone(
    place: Installation, backup_server: Server, sql: str
) -> None:
    Target.objects.update(rollback_policy="reviewed")
    ran = place.run(sql, accepts_loss=False)
    make_older(ran, 100)
    stale = find(place)  # what a page showed before
    back = actions.roll_back(Ticket.objects.get(pk=ran.ticket_id), by=make_person("dana"), plan=actions.RollbackPlan())
    assert back.state == TicketState.IN_REVIEW
    words = f"its rollback, ticket #{back.pk}, is in review and has not ended"
    assert {item.obstacle for item in find(place)} == {words}
    for items in (stale, find(place)):
        result = purge(items, by=None)
        assert result.done == []
        assert not any(left.is_failure for left in result.left)
        assert set(reasons(result)) == {words}
    assert only(ran).backup_state == BackupState.COMPLETE
    actions.approve(back, by=make_person("ben"), content_hash=back.content_hash)
    undone = place.work(back)
    assert undone.state == ExecutionState.SUCCEEDED
    assert lock_name(undone) == rollback_lock_name(ran.ticket)  # which is what a purge takes


def test_a_rollback_that_runs_is_left_alone_although_the_records_do_not_tell(
    place: Installation, backup_server: Server
) -> None:
    ran = place.run("UPDATE item SET price = 2")
    make_older(ran, 91)
    with contextlib.closing(targets.connect(place.target.address)) as connection:
        assert targets.take_lock(connection, rollback_lock_name(ran.ticket), seconds=0)
        result = purge(find(place), by=None)
        assert result.done == []
        assert reasons(result) == [f"a rollback of ticket #{ran.ticket_id} is running"]
    assert only(ran).backup_state == BackupState.COMPLETE
    assert count_left(backup_server, only(ran)) == (3, 2, 1)
    assert len(purge(find(place), by=None).done) == 1


def test_purging_what_a_rollback_put_back_loses_only_its_redo(place: Installation) -> None:
    ran = place.run("UPDATE item SET price = 2")
    back = place.roll_back(ran.ticket)
    make_older(back, 91)
    (item,) = find(place)
    assert item.ticket == back.ticket
    assert purge([item], by=None).done == [item]
    with pytest.raises(ChangeError, match="no longer kept"):
        place.roll_back(back.ticket)
    ran.ticket.refresh_from_db()
    assert (ran.ticket.backup_state, ran.ticket.rollback_state) == (BackupState.COMPLETE, RollbackState.DONE)


def test_a_large_backup_goes_in_chunks_and_a_purge_that_was_cut_short_is_gone_on_with(
    place: Installation, backup_server: Server
) -> None:
    with contextlib.closing(place.server.connect(database=place.schema)) as connection:
        values = ", ".join(f"({number}, 1)" for number in range(10, 30))
        query(connection, f"INSERT INTO item VALUES {values}")
    ran = place.run("UPDATE item SET price = 2")
    make_older(ran, 91)
    answers = iter([True, True, True, False])  # before the ticket, before the statement, after two chunks
    with patch.object(purging, "RECORDS_A_CHUNK", 5):
        result = purge(find(place), by=None, keep_going=lambda: next(answers))
    assert (len(result.done), len(result.rest)) == (0, 1)
    assert count_left(backup_server, only(ran)) == (13, 2, 1)
    assert only(ran).backup_state == BackupState.EXPIRED  # never called complete while something is missing
    assert only(ran).purged_at is None
    with pytest.raises(ChangeError, match="no longer kept"):
        place.roll_back(ran.ticket)
    Target.objects.update(backup_days=0)  # half of it is of no use, whatever the policy says by now
    (item,) = find(place)
    with patch.object(purging, "RECORDS_A_CHUNK", 5):
        assert purge([item], by=None).done == [item]
    assert count_left(backup_server, only(ran)) == (0, 0, 0)


def test_an_account_that_may_not_delete_changes_nothing_and_tells_nobody(
    place: Installation, backup_server: Server, settings: Any
) -> None:
    ran = place.run("UPDATE item SET price = 2")
    make_older(ran, 91)
    with contextlib.closing(backup_server.connect()) as connection:
        for sql in (
            "CREATE USER IF NOT EXISTS 'keeper'@'%' IDENTIFIED BY 'Keeper-1'",
            "GRANT SELECT, INSERT, CREATE ON *.* TO 'keeper'@'%'",
        ):
            query(connection, sql)
        try:
            inc = replace(settings.INCEPTION.inc, purge_user="keeper", purge_password="Keeper-1", backup_tls="disabled")
            if not backup_server.flavor.is_mariadb:
                inc = replace(inc, backup_tls="required")
            settings.INCEPTION = replace(settings.INCEPTION, inc=inc)
            result = purge(find(place), by=None)
            assert "the account may not delete there" in reasons(result)[0]
            assert "purge_user in [inc]" in reasons(result)[0]
            assert only(ran).backup_state == BackupState.COMPLETE
            assert said(ran.ticket) == []
            query(connection, "GRANT DELETE ON *.* TO 'keeper'@'%'")
            assert len(purge(find(place), by=None).done) == 1
        finally:
            query(connection, "DROP USER 'keeper'@'%'")


def test_a_target_that_is_down_hides_no_other_and_holds_back_its_backups(
    place: Installation, backup_server: Server
) -> None:
    ran = place.run("UPDATE item SET price = 2")
    make_older(ran, 91)
    kept = place.run("DROP TABLE other", accepts_loss=False)
    make_older(kept, 31)
    gone = register(place.server, "gone")
    Target.objects.filter(pk=gone.pk).update(port=1)
    found = read_kept(list(Target.objects.all()))
    assert "127.0.0.1:1" in found[gone.pk].trouble
    assert [item.statement.execution_id for item in found[place.target.pk].items] == [kept.pk]
    # Nobody can tell whether a rollback runs on a server that does not answer, unless it takes no tickets any more.
    Target.objects.filter(pk=place.target.pk).update(port=1)
    result = purge(find(place, Kind.BACKUP), by=None)
    assert [left.is_failure for left in result.left] == [True]
    assert only(ran).backup_state == BackupState.COMPLETE
    Target.objects.filter(pk=place.target.pk).update(is_active=False)
    assert len(purge(find(place, Kind.BACKUP), by=None).done) == 1
    assert count_left(backup_server, only(ran)) == (0, 0, 0)


def test_the_figures_of_the_page_are_those_of_the_servers(place: Installation) -> None:
    old = place.run("UPDATE item SET price = 2")
    place.run("UPDATE item SET price = 3")
    make_older(old, 91)
    (name,) = BackupSchema.objects.values_list("name", flat=True)
    sizes = read_backup_sizes([name, "there_is_no_such_schema"])
    assert list(sizes) == [name]
    (stored,) = count_stored(fresh(place), timezone.now(), sizes)
    assert (stored.name, stored.schema_name, stored.statement_count, stored.expired_count) == (name, place.schema, 2, 1)
    assert stored.size_bytes == sizes[name]
    assert sizes[name] > 0
    assert stored.oldest is not None
    assert stored.newest is not None
    assert stored.newest - stored.oldest > timedelta(days=90)


def test_the_command_lists_and_purges_only_when_told(place: Installation, backup_server: Server) -> None:
    ran = place.run("UPDATE item SET price = 2")
    kept = place.run("DROP TABLE other", accepts_loss=False)
    make_older(ran, 91)
    make_older(kept, 31)
    for words in ([], ["--dry-run"]):
        out = StringIO()
        call_command("purge", *words, stdout=out)
        assert f"ticket #{ran.ticket_id}, statement 1" in out.getvalue()
        assert f"ticket #{kept.ticket_id}, statement 1" in out.getvalue()
        assert "2 would be purged" in out.getvalue()
    assert find_kept(place.server) != []
    assert only(ran).backup_state == BackupState.COMPLETE
    out = StringIO()
    call_command("purge", "--yes", "--only", "backup", "--target", "target", stdout=out)
    assert "1 purged." in out.getvalue()
    assert count_left(backup_server, only(ran)) == (0, 0, 0)
    assert find_kept(place.server) != []
    call_command("purge", "--yes", stdout=out)
    assert find_kept(place.server) == []
    assert "manage.py purge" in said(kept.ticket)[0]
    with pytest.raises(CommandError, match="There is no target 'nowhere'"):
        call_command("purge", "--target", "nowhere")


def test_the_command_purges_the_others_and_fails_when_a_target_is_down(place: Installation) -> None:
    kept = place.run("DROP TABLE other", accepts_loss=False)
    make_older(kept, 31)
    gone = register(place.server, "gone")
    Target.objects.filter(pk=gone.pk).update(port=1)
    with pytest.raises(CommandError, match="gone: "):
        call_command("purge", "--yes", stdout=StringIO())
    assert find_kept(place.server) == []
