"""The pages of retention: who sees them, what they show, and that a purge takes what was shown and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from backups.models import BackupSchema
from changes.installation import own_id, renew_id
from changes.models import ExecutedStatement, Execution, Target, Ticket
from changes.purge import purge
from changes.retention import find_expired
from changes.states import BackupState, RollbackState, TicketState
from tests.changes.pages import PageTestCase, make_run
from tests.changes.people import make_ticket

BACKUP_SCHEMA = "127_0_0_1_3307_shop"


class FakeServer:
    """Stands for connections to the target and the backup server: it takes every lock and remembers what it was sent.

    trouble: what it says in place of an answer when a page asks it.
    """

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.schemas: list[tuple[str, int]] = []
        self.trouble = ""

    def ask_kept(self, address: Any) -> Any:
        return self.trouble or self.schemas

    def cursor(self) -> FakeServer:
        return self

    def close(self) -> None:
        pass

    def execute(self, sql: str, arguments: Any = None) -> int:
        self.sent.append(sql % arguments if arguments else sql)
        return 0

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [(1,)] if "GET_LOCK" in self.sent[-1] else []

    @property
    def dropped(self) -> list[str]:
        return [sql for sql in self.sent if sql.startswith("DROP")]

    @property
    def deleted(self) -> list[str]:
        """The opid_times that were deleted; the look at the right asks for none."""
        found = (sql.partition("opid_time = ")[2].partition(" ")[0] for sql in self.sent if sql.startswith("DELETE"))
        return sorted({opid_time for opid_time in found if opid_time})


class RetentionTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        Target.objects.update(keep_days=30, backup_days=90)
        BackupSchema.objects.create(
            target_id=self.target.pk, host="127.0.0.1", port=3307, schema_name="shop", name=BACKUP_SCHEMA
        )
        self.server = FakeServer()
        for name, stand_in in (
            ("changes.retention._ask_kept", self.server.ask_kept),
            ("changes.retention_page.read_backup_sizes", lambda names: dict.fromkeys(names, 5 << 20)),
            ("changes.retention_page.with_sizes", lambda items: (list(items), "")),
            ("changes.purge.targets.connect", lambda *args, **options: self.server),
        ):
            patcher = patch(name, side_effect=stand_in)
            patcher.start()
            self.addCleanup(patcher.stop)
        self.old = self.keep(self.ticket, days=91)
        self.new = self.keep(make_ticket(self.target, title="Young"), days=1)

    def set_aside(self, *, days: int) -> ExecutedStatement:
        """Give a new ticket a DROP TABLE that set its table aside."""
        record = self.keep(make_ticket(self.target, title="Drop it"), days=days, kind="DROP TABLE", opid_time="")
        name = f"inception_kept_{record.execution_id}_0_1700000000"
        entry = {"kept_schema": name, "table_name": "orders", "columns": []}
        ExecutedStatement.objects.filter(pk=record.pk).update(definitions_before={"kept": [entry]}, backup_schema="")
        self.server.schemas.append((name, 3 << 20))
        record.refresh_from_db()
        return record

    def keep(self, ticket: Ticket, *, days: int, **fields: Any) -> ExecutedStatement:
        """Give `ticket` a run whose backup is so many days old."""
        past = timezone.now() - timedelta(days=days)
        values = {"backup_schema": BACKUP_SCHEMA, "table_name": "product", "opid_time": f"{ticket.pk}_2_00000000"}
        return make_run(ticket, executed_at=past, intent_at=past, **{**values, **fields}).statements.get()

    def see(self, person: User, name: str = "changes_retention", query: str = "") -> str:
        response = self.look(person, name, query=query)
        assert response.status_code == 200, response.status_code
        return response.content.decode()

    def purge(self, person: User, *items: str) -> Any:
        client = Client()
        client.force_login(person)
        return client.post(reverse("admin:changes_purge"), {"item": items})

    def key(self, record: ExecutedStatement) -> str:
        return f"backup-{record.pk}-{BACKUP_SCHEMA}"

    def kept_key(self, record: ExecutedStatement) -> str:
        return f"kept-{record.pk}-{record.definitions_before['kept'][0]['kept_schema']}"

    def state(self, record: ExecutedStatement) -> str:
        record.refresh_from_db()
        return record.backup_state

    def test_it_shows_what_is_kept_to_whoever_may_see_targets(self) -> None:
        record = self.set_aside(days=10)
        text = self.see(self.cy)
        for words in (BACKUP_SCHEMA, "5.0", "3.0", "orders", f"#{record.execution.ticket_id}", "needed", "90 days"):
            assert words in text, words
        until = record.intent_at + timedelta(days=30)
        assert f"{until:%Y-%m-%d}" in text
        assert self.look(self.dan, "changes_retention").status_code == 403

    def test_it_shows_a_way_to_purge_only_to_those_who_may(self) -> None:
        assert reverse("admin:changes_purge") in self.see(self.dana)
        for person in (self.ann, self.ben, self.cy):
            assert reverse("admin:changes_purge") not in self.see(person)

    def test_it_names_a_target_that_is_down_and_shows_the_rest(self) -> None:
        self.server.trouble = "shop-test does not answer on port 3307."
        text = self.see(self.cy)
        assert "shop-test does not answer on port 3307." in text
        assert BACKUP_SCHEMA in text

    def test_it_names_a_backup_server_that_is_down_and_shows_the_rest(self) -> None:
        from changes.errors import ChangeError

        record = self.set_aside(days=10)
        with patch("changes.retention_page.read_backup_sizes", side_effect=ChangeError("The backup server is away.")):
            text = self.see(self.cy)
        assert "The backup server is away." in text
        assert f"#{record.execution.ticket_id}" in text

    def test_it_shows_that_nothing_is_kept(self) -> None:
        BackupSchema.objects.all().delete()
        assert "Nothing is kept." in self.see(self.cy)

    def test_it_counts_in_few_queries(self) -> None:
        url = reverse("admin:changes_retention")
        few = self.count_queries(self.cy, url)
        for _ in range(5):
            self.set_aside(days=10)
        assert self.count_queries(self.cy, url) <= few + 1

    def test_the_dry_run_shows_what_would_go_and_changes_nothing(self) -> None:
        record = self.set_aside(days=31)
        text = self.see(self.dana, "changes_purge")
        assert self.key(self.old) in text
        assert self.kept_key(record) in text
        assert self.key(self.new) not in text
        assert "2 tickets lose the rollback, or a part of it" in text
        assert self.server.sent == []
        assert self.state(self.old) == BackupState.COMPLETE

    def test_only_those_with_the_right_see_the_dry_run_or_purge(self) -> None:
        for person in (self.ann, self.ben, self.cy, self.dan):
            assert self.look(person, "changes_purge").status_code == 403
            assert self.purge(person, self.key(self.old)).status_code == 403
        assert self.server.sent == []
        assert self.state(self.old) == BackupState.COMPLETE

    def test_what_was_not_shown_is_not_dropped(self) -> None:
        late = self.keep(make_ticket(self.target, title="Late"), days=100)
        kept = self.set_aside(days=31)
        said = self.said(self.purge(self.dana, self.key(self.old)))
        assert "1 was purged" in said
        assert self.server.deleted == [self.old.opid_time]
        assert self.server.dropped == []
        assert self.state(self.old) == BackupState.EXPIRED
        assert self.state(late) == self.state(kept) == BackupState.COMPLETE

    def test_what_is_not_expired_is_not_dropped_though_somebody_sends_it(self) -> None:
        kept = self.set_aside(days=29)
        said = self.said(self.purge(self.dana, self.key(self.new), self.kept_key(kept)))
        assert "2 of what was ticked were not purged" in said
        assert self.server.sent == []
        assert self.state(self.new) == self.state(kept) == BackupState.COMPLETE

    def test_nonsense_is_not_dropped(self) -> None:
        for item in ("", "backup", "backup-x-y", f"backup-{self.old.pk}-mysql", "kept-1-mysql", "kept-1-shop"):
            self.purge(self.dana, item)
        self.purge(self.dana)
        assert self.server.sent == []
        assert self.state(self.old) == BackupState.COMPLETE

    def test_data_set_aside_goes_by_its_name_alone(self) -> None:
        kept, other = self.set_aside(days=31), self.set_aside(days=31)
        self.purge(self.dana, self.kept_key(kept))
        assert self.server.dropped == [f"DROP DATABASE IF EXISTS `{kept.definitions_before['kept'][0]['kept_schema']}`"]
        assert self.state(kept) == BackupState.EXPIRED
        assert self.state(other) == BackupState.COMPLETE

    def test_a_schema_that_no_record_of_ours_names_is_shown_and_never_dropped(self) -> None:
        name = f"inception_kept_{self.old.execution_id}_0_1700000001"
        self.server.schemas.append((name, 1))
        assert name in self.see(self.cy)
        assert name not in self.see(self.dana, "changes_purge")
        self.purge(self.dana, f"kept-{self.old.pk}-{name}")
        assert self.server.sent == []

    def test_a_name_with_the_installation_in_it_is_ours_when_a_record_names_it(self) -> None:
        record = self.set_aside(days=31)
        name = f"inception_kept_{own_id()}_{record.execution_id}_0_1700000000"
        entry = {"kept_schema": name, "table_name": "orders", "columns": []}
        ExecutedStatement.objects.filter(pk=record.pk).update(definitions_before={"kept": [entry]})
        foreign = f"inception_kept_0badf00d_{record.execution_id}_0_1700000000"
        self.server.schemas[:] = [(name, 1), (foreign, 1)]
        self.purge(self.dana, f"kept-{record.pk}-{name}", f"kept-{record.pk}-{foreign}")
        assert self.server.dropped == [f"DROP DATABASE IF EXISTS `{name}`"]

    def test_what_the_installation_left_of_which_this_is_a_copy_is_never_purged(self) -> None:
        kept = self.set_aside(days=31)
        items = (self.key(self.old), self.kept_key(kept))
        Execution.objects.update(installation=own_id())
        shown, _ = find_expired([Target.objects.get(pk=self.target.pk)], timezone.now())
        assert [item.obstacle for item in shown] == ["", ""]
        renew_id()
        result = purge(shown, by=None)
        said = self.said(self.purge(self.dana, *items))
        assert said.count("Left alone") == 2, said
        assert "which may still need it" in said
        assert (result.done, len(result.left)) == ([], 2)
        assert self.server.deleted == self.server.dropped == []
        assert self.state(self.old) == self.state(kept) == BackupState.COMPLETE

    def test_a_rollback_that_has_not_ended_keeps_its_data_and_is_named(self) -> None:
        Ticket.objects.filter(pk=self.ticket.pk).update(rollback_state=RollbackState.RUNNING)
        undo = make_ticket(self.target, title="Undo", submitted=False)
        Ticket.objects.filter(pk=undo.pk).update(rolls_back=self.ticket, state=TicketState.APPROVED)
        text = self.see(self.dana, "changes_purge")
        assert self.key(self.old) not in text
        assert f"Its rollback, ticket #{undo.pk}, is approved and has not ended." in text
        said = self.said(self.purge(self.dana, self.key(self.old)))
        assert "Left alone" in said
        assert self.server.sent == []
        assert self.state(self.old) == BackupState.COMPLETE

    def test_a_ticket_that_still_runs_keeps_its_data(self) -> None:
        Ticket.objects.filter(pk=self.ticket.pk).update(state=TicketState.UNKNOWN)
        self.purge(self.dana, self.key(self.old))
        assert self.server.sent == []
        assert self.state(self.old) == BackupState.COMPLETE

    def test_the_ticket_says_that_it_cannot_be_rolled_back_any_more_and_who_purged(self) -> None:
        self.purge(self.dana, self.key(self.old))
        entry = self.ticket.activities.get(verb="purge")
        assert entry.actor == self.dana
        assert "Statement 1 cannot be rolled back any more" in entry.text
        text = self.page(self.ben)
        assert "Cannot be rolled back any more: its backup was kept until" in text
        assert "purged by dana" in text
        assert "no longer kept" in text
        assert reverse("admin:changes_ticket_rollback_preview", args=[self.ticket.pk]) not in text
        assert reverse("admin:backups_statement", args=[BACKUP_SCHEMA, self.old.opid_time]) not in text
        said = self.said(self.post(self.dana, "rollback"))
        assert "no longer kept" in said

    def test_the_ticket_says_until_when_it_can_be_rolled_back(self) -> None:
        until = self.new.executed_at + timedelta(days=90)
        text = self.page(self.ben, self.new.execution.ticket)
        assert f"Can be rolled back until {until:%Y-%m-%d}: backups are kept 90 days on shop-test." in text
        assert "Can be rolled back until the next purge" in self.page(self.ben)

    def test_the_approver_reads_how_long_it_could_be_rolled_back(self) -> None:
        waiting = make_ticket(self.target, title="New")
        assert "It could be rolled back for 90 days" in self.page(self.ben, waiting)

    def test_an_incomplete_backup_stays_red_when_its_records_are_purged(self) -> None:
        half = self.keep(make_ticket(self.target, title="Half"), days=100, backup="incomplete", backup_reason="Lost.")
        self.purge(self.dana, self.key(half))
        assert self.state(half) == BackupState.INCOMPLETE
        assert half.purged_at is not None
        assert half.backup_reason == "Lost."
        assert "Its backup was purged on" in self.page(self.ben, half.execution.ticket)

    def test_a_purge_that_is_out_of_time_says_what_is_left(self) -> None:
        with patch("changes.retention_views.MOST_SECONDS", 0):
            said = self.said(self.purge(self.dana, self.key(self.old)))
        assert "1 was left when" in said
        assert self.state(self.old) == BackupState.COMPLETE
