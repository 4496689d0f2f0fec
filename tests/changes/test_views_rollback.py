"""The rollback's page: what is shown, tried and started, and by whom."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client, TestCase
from django.urls import reverse

from backups.restore import Conflict, PreviewPage, PreviewRow, RestoreResult
from changes.errors import ChangeError
from changes.models import ExecutedStatement, Ticket
from changes.states import RollbackState
from tests.changes.pages import make_run
from tests.changes.people import make_person, make_target, make_ticket


def make_row(key: str, bucket: str = "unchanged", now: dict[str, str | None] | None = None) -> PreviewRow:
    before: dict[str, str | None] = {"id": key, "note": "'before it'", "kept": "1"}
    after: dict[str, str | None] = {"id": key, "note": None, "kept": "1"}
    return PreviewRow(
        "shop", "cart", f"id={key}", "UPDATE", before, after, now or after, bucket, f"UPDATE `cart` /* {key} */"
    )


def make_page(*rows: PreviewRow, next_after: str = "") -> PreviewPage:
    buckets = ("unchanged", "changed", "missing", "restored")
    counts = {name: sum(row.bucket == name for row in rows) for name in buckets}
    return PreviewPage(rows, counts, next_after)


RESULT = RestoreResult(7, 0, 0, (), (("shop", "cart"),), "UPDATE", True, 7)


class RollbackTests(TestCase):
    def setUp(self) -> None:
        self.ann, self.ben, self.cy = make_person("ann"), make_person("ben"), make_person("cy")
        self.dan, self.dana = make_person("dan"), make_person("dana")
        self.ticket = make_ticket(make_target())
        self.execution = make_run(self.ticket)
        self.url = reverse("admin:changes_ticket_rollback_preview", args=[self.ticket.pk])
        self.page = make_page(make_row("1"), make_row("2"))
        preview = patch("changes.actions.preview_rollback", side_effect=lambda *a, **k: self.page)
        dry = patch("changes.actions.dry_run", return_value=RESULT)
        self.preview, self.dry = preview.start(), dry.start()
        bell = patch("changes.jobs.ring")
        bell.start()
        for started in (preview, dry, bell):
            self.addCleanup(started.stop)

    def client_of(self, person: User) -> Client:
        client = Client()
        client.force_login(person)
        return client

    def get(self, person: User, query: str = "") -> Any:
        return self.client_of(person).get(self.url + query)

    def post(self, person: User, **data: Any) -> Any:
        return self.client_of(person).post(self.url, data)

    def roll_back(self, person: User, **data: Any) -> Any:
        url = reverse("admin:changes_ticket_rollback", args=[self.ticket.pk])
        return self.client_of(person).post(url, {"picked": "1", "statements": ["0"], **data})

    def test_it_shows_before_after_now_and_what_will_run(self) -> None:
        text = self.get(self.ben).content.decode()
        assert "before it" in text
        assert ">NULL<" in text
        assert "UPDATE" in text
        assert "Roll back 2 rows on shop-test" in text
        assert "kept" not in text, "a column that is the same everywhere is left out"

    def test_it_is_for_those_who_may_roll_back(self) -> None:
        for person, status in ((self.ann, 403), (self.cy, 403), (self.dan, 403), (self.ben, 200), (self.dana, 200)):
            assert self.get(person).status_code == status, person
        self.preview.reset_mock()
        self.get(self.cy)
        self.preview.assert_not_called()

    def test_it_says_that_rows_differ_and_counts_by_the_choice(self) -> None:
        self.page = make_page(make_row("1"), make_row("2", "changed", {"id": "2", "note": "'theirs'", "kept": "1"}))
        text = self.get(self.ben).content.decode()
        assert "1 row is not as the ticket left it" in text
        assert '<button class="danger" disabled>Roll back 1 row on' in text
        text = self.get(self.ben, "?on_conflict=skip").content.decode()
        assert '<button class="danger">Roll back 1 row on' in text
        text = self.get(self.ben, "?on_conflict=overwrite").content.decode()
        assert '<button class="danger">Roll back 2 rows on' in text

    def test_it_says_when_a_row_is_gone(self) -> None:
        row = make_row("1", "missing")
        gone = PreviewRow(
            row.schema, row.table, row.key, row.kind, row.before, row.after, None, row.bucket, row.statement
        )
        self.page = make_page(gone)
        assert "no such row" in self.get(self.ben).content.decode()

    def test_it_pages_by_key_and_keeps_the_choices(self) -> None:
        self.page = make_page(make_row("1"), next_after="0:50")
        text = self.get(self.ben, "?on_conflict=skip").content.decode()
        assert "?on_conflict=skip&amp;after=0%3A50" in text
        assert "Roll back all on shop-test" in text
        self.get(self.ben, "?on_conflict=skip&after=0%3A50")
        assert self.preview.call_args.kwargs["after"] == "0:50"
        assert self.preview.call_args.kwargs["plan"].on_conflict == "skip"

    def test_it_leads_other_choices_to_a_page_with_an_address(self) -> None:
        response = self.post(self.ben, picked="1", statements=["0"], on_conflict="skip", show="1")
        assert response.status_code == 302
        assert response["Location"] == f"{self.url}?on_conflict=skip"

    def test_it_changes_nothing_in_a_dry_run(self) -> None:
        text = self.post(self.ben, picked="1", statements=["0"], dry="1").content.decode()
        assert "Dry run: 7 rows would be put back" in text
        assert not Ticket.objects.filter(rolls_back=self.ticket).exists()
        self.ticket.refresh_from_db()
        assert self.ticket.rollback_state == RollbackState.NONE

    def test_it_says_when_a_dry_run_met_conflicts(self) -> None:
        conflict = Conflict("shop", "cart", "id=1", "changed", None, None, None, "")
        self.dry.return_value = RestoreResult(0, 0, 0, (conflict,), (), "", True, 1)
        text = self.post(self.ben, picked="1", statements=["0"], dry="1").content.decode()
        assert "1 row in conflict, so the rollback would change nothing" in text

    def test_it_says_why_the_target_could_not_be_asked(self) -> None:
        self.preview.side_effect = ChangeError("shop-test does not answer.")
        text = self.get(self.ben).content.decode()
        assert "shop-test does not answer." in text
        assert 'class="danger"' not in text

    def test_it_makes_a_linked_ticket_and_shows_it(self) -> None:
        response = self.roll_back(self.ben)
        undo = Ticket.objects.get(rolls_back=self.ticket)
        assert response["Location"] == undo.get_absolute_url()
        assert undo.state == "queued"
        assert undo.get_absolute_url() in self.client_of(self.cy).get(self.ticket.get_absolute_url()).content.decode()

    def test_it_takes_a_double_click_for_one_and_shows_the_one(self) -> None:
        first, second = self.roll_back(self.ben), self.roll_back(self.ben)
        assert Ticket.objects.filter(rolls_back=self.ticket).count() == 1
        assert second["Location"] == first["Location"]

    def test_it_refuses_who_may_not_and_makes_nothing(self) -> None:
        for person in (self.ann, self.cy):
            self.roll_back(person)
        assert self.roll_back(self.dan).status_code == 403
        assert not Ticket.objects.filter(rolls_back=self.ticket).exists()

    def test_it_wants_a_reason_to_overwrite(self) -> None:
        response = self.roll_back(self.ben, on_conflict="overwrite")
        assert "needs a reason" in " ".join(str(m) for m in get_messages(response.wsgi_request))
        assert not Ticket.objects.filter(rolls_back=self.ticket).exists()

    def test_it_wants_at_least_one_statement(self) -> None:
        response = self.roll_back(self.ben, statements=[])
        assert "Tick at least one" in " ".join(str(m) for m in get_messages(response.wsgi_request))
        assert not Ticket.objects.filter(rolls_back=self.ticket).exists()

    def test_it_shows_no_values_to_who_may_not_see_rows(self) -> None:
        self.cy.user_permissions.add(Permission.objects.get(codename="rollback_ticket"))
        text = self.get(self.cy).content.decode()
        assert "before it" not in text
        assert "You may not see row values" in text
        assert "Dry run" in text

    def test_it_offers_no_statement_whose_backup_is_not_complete(self) -> None:
        ExecutedStatement.objects.create(
            execution=self.execution,
            seq=1,
            sql="UPDATE b",
            sql_sha256="x",
            kind="UPDATE",
            outcome="done",
            backup_state="incomplete",
            backup_reason="A type is not known.",
            records_stored=0,
        )
        text = self.get(self.ben).content.decode()
        assert "A type is not known." in text
        assert 'value="1" disabled' in text

    def test_it_has_nothing_to_roll_back_before_the_ticket_ran(self) -> None:
        other = make_ticket(self.ticket.target, title="Waiting")
        url = reverse("admin:changes_ticket_rollback_preview", args=[other.pk])
        response = self.client_of(self.ben).get(url)
        assert response.status_code == 302
        assert "only what ran can be rolled back" in " ".join(str(m) for m in get_messages(response.wsgi_request))
