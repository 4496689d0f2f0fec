"""Each action, tried by each of the cast: what it does once, twice, too late, and by GET."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.test import Client, TestCase
from django.urls import reverse
from django.utils import timezone

from changes.models import Approval, Execution, Ticket
from changes.problems import Problem
from changes.states import TicketState
from tests.changes.people import make_person, make_target, make_ticket, patch_inspection

WRONG = Problem("table.unknown", "error", "There is no table shop.prodcut.", "A table.", "Check its name.", line=1)


class Base(TestCase):
    def setUp(self) -> None:
        cache.clear()
        self.ann, self.ben, self.cy = make_person("ann"), make_person("ben"), make_person("cy")
        self.dan, self.dana = make_person("dan"), make_person("dana")
        self.target = make_target()
        for started in (patch("changes.jobs.ring"), patch_inspection()):
            started.start()
            self.addCleanup(started.stop)

    def post(self, person: User, name: str, ticket: Ticket | None = None, **data: Any) -> Any:
        client = Client()
        client.force_login(person)
        args = [ticket.pk] if ticket else []
        return client.post(reverse(f"admin:changes_ticket_{name}", args=args), data)

    def said(self, response: Any) -> str:
        return " ".join(str(message) for message in get_messages(response.wsgi_request))

    def state_of(self, ticket: Ticket) -> str:
        ticket.refresh_from_db()
        return ticket.state


class MethodTests(Base):
    def test_it_changes_nothing_by_get(self) -> None:
        ticket = make_ticket(self.target)
        client = Client()
        client.force_login(make_person("root", is_superuser=True))
        for name in ("submit", "approve", "reject", "withdraw", "run", "rollback"):
            response = client.get(reverse(f"admin:changes_ticket_{name}", args=[ticket.pk]))
            assert response.status_code == 405, name
        assert self.state_of(ticket) == TicketState.IN_REVIEW

    def test_it_refuses_a_post_without_the_token_in_words(self) -> None:
        ticket = make_ticket(self.target)
        client = Client(enforce_csrf_checks=True)
        client.force_login(self.ben)
        response = client.post(reverse("admin:changes_ticket_approve", args=[ticket.pk]))
        assert response.status_code == 403
        assert "Your page was too old to be trusted" in response.content.decode()
        assert self.state_of(ticket) == TicketState.IN_REVIEW

    def test_it_does_not_take_a_post_on_the_page_itself(self) -> None:
        ticket = make_ticket(self.target)
        assert self.post(self.ben, "change", ticket).status_code == 405


class DecisionTests(Base):
    def setUp(self) -> None:
        super().setUp()
        self.ticket = make_ticket(self.target)

    def decide(self, person: User, name: str = "approve", **data: str) -> Any:
        return self.post(person, name, self.ticket, **{"content_hash": self.ticket.content_hash, **data})

    def test_it_lets_ben_approve_and_queues_the_ticket(self) -> None:
        response = self.decide(self.ben, comment="fine")
        assert response.status_code == 302
        assert self.state_of(self.ticket) == TicketState.QUEUED
        assert Approval.objects.get().comment == "fine"

    def test_it_refuses_all_others_in_words_and_decides_nothing(self) -> None:
        for person, words in ((self.ann, "You submitted this ticket"), (self.cy, "You may not approve tickets")):
            response = self.decide(person)
            assert words in self.said(response)
        assert self.decide(self.dan).status_code == 403
        assert self.state_of(self.ticket) == TicketState.IN_REVIEW
        assert not Approval.objects.exists()

    def test_it_decides_nothing_for_a_superuser_who_submitted(self) -> None:
        root = make_person("root", is_superuser=True)
        self.ticket = make_ticket(self.target, by=root)
        assert "You submitted this ticket" in self.said(self.decide(root))
        assert self.state_of(self.ticket) == TicketState.IN_REVIEW

    def test_it_takes_a_double_click_for_one(self) -> None:
        self.decide(self.ben)
        again = self.decide(self.ben)
        assert again.status_code == 302
        assert "Nothing was changed." in self.said(again)
        assert Approval.objects.count() == 1
        assert Execution.objects.count() == 1

    def test_it_decides_nothing_on_a_stale_page_and_keeps_the_comment(self) -> None:
        for name in ("approve", "reject"):
            response = self.decide(self.ben, name, content_hash="0" * 64, comment="I like it <b>much</b>")
            assert response.status_code == 409
            text = response.content.decode()
            assert "The ticket changed after your page was loaded" in text
            assert "I like it &lt;b&gt;much&lt;/b&gt;</textarea>" in text
            assert f'value="{self.ticket.content_hash}"' in text
        assert self.state_of(self.ticket) == TicketState.IN_REVIEW
        assert not Approval.objects.exists()

    def test_it_decides_nothing_without_a_hash(self) -> None:
        assert self.decide(self.ben, content_hash="").status_code == 409

    def test_it_wants_a_comment_to_reject(self) -> None:
        assert "A rejection needs a reason" in self.said(self.decide(self.ben, "reject", comment="  "))
        assert self.state_of(self.ticket) == TicketState.IN_REVIEW
        self.decide(self.ben, "reject", comment="Name the season.")
        assert self.state_of(self.ticket) == TicketState.REJECTED

    def test_it_decides_nothing_when_two_approvers_are_slower_than_an_edit(self) -> None:
        seen = self.ticket.content_hash
        fields = {"target": self.target.pk, "schema_name": "shop", "title": "T", "reason": "R", "backup": "on"}
        self.post(self.ann, "edit", self.ticket, **fields, sql="DELETE FROM everything")
        response = self.decide(self.ben, content_hash=seen)
        assert "not in review" in self.said(response)
        assert not Approval.objects.exists()


class OtherActionTests(Base):
    def test_it_submits_a_draft_once(self) -> None:
        ticket = make_ticket(self.target, submitted=False)
        assert "You may not submit" in self.said(self.post(self.cy, "submit", ticket))
        assert self.state_of(ticket) == TicketState.DRAFT
        self.post(self.ann, "submit", ticket)
        assert self.state_of(ticket) == TicketState.IN_REVIEW
        assert "not a draft" in self.said(self.post(self.ann, "submit", ticket))

    def test_it_keeps_a_draft_whose_check_fails_and_says_where_to_look(self) -> None:
        ticket = make_ticket(self.target, submitted=False)
        with patch_inspection((WRONG,)):
            response = self.post(self.ann, "submit", ticket)
        assert "the check found 1 error" in self.said(response)
        assert self.state_of(ticket) == TicketState.DRAFT

    def test_it_withdraws_for_the_submitter_and_nobody_else(self) -> None:
        ticket = make_ticket(self.target)
        assert "Only the submitter or a DBA" in self.said(self.post(self.ben, "withdraw", ticket))
        assert self.state_of(ticket) == TicketState.IN_REVIEW
        self.post(self.ann, "withdraw", ticket)
        assert self.state_of(ticket) == TicketState.WITHDRAWN
        assert "can no longer be withdrawn" in self.said(self.post(self.ann, "withdraw", ticket))

    def test_it_runs_an_approved_ticket_once_and_for_dbas_only(self) -> None:
        ticket = make_ticket(self.target)
        Ticket.objects.filter(pk=ticket.pk).update(state=TicketState.APPROVED)
        assert "You may not run tickets" in self.said(self.post(self.ben, "run", ticket))
        self.post(self.dana, "run", ticket)
        self.post(self.dana, "run", ticket)
        assert Execution.objects.filter(ticket=ticket).count() == 1


class FormTests(Base):
    def fields(self, **fields: Any) -> dict[str, Any]:
        values = {"title": "T", "target": self.target.pk, "schema_name": "shop", "reason": "R", "sql": "DELETE FROM a"}
        return {"backup": "on", **values, **fields}

    def test_it_saves_a_draft_and_shows_it(self) -> None:
        response = self.post(self.ann, "add", **self.fields(), save="1")
        ticket = Ticket.objects.get()
        assert response["Location"] == ticket.get_absolute_url()
        assert (ticket.state, ticket.submitter, ticket.reason) == ("draft", self.ann, "R")

    def test_it_saves_and_submits_in_one_step(self) -> None:
        self.post(self.ann, "add", **self.fields(), submit="1")
        assert Ticket.objects.get().state == TicketState.IN_REVIEW

    def test_it_loses_nothing_when_the_check_refuses_what_was_to_be_submitted(self) -> None:
        with patch_inspection((WRONG,)):
            response = self.post(self.ann, "add", **self.fields(sql="UPDATE prodcut SET a = 1"), submit="1")
        ticket = Ticket.objects.get()
        assert (ticket.state, ticket.sql) == ("draft", "UPDATE prodcut SET a = 1")
        assert "Kept as a draft: the check found 1 error" in self.said(response)

    def test_it_loses_nothing_that_was_typed_when_a_field_is_wrong(self) -> None:
        response = self.post(self.ann, "add", **self.fields(title="", sql="\n  DELETE <b>", reason="Because & so"))
        assert response.status_code == 200
        text = response.content.decode()
        assert "\n\n  DELETE &lt;b&gt;</textarea>" in text
        assert "Because &amp; so</textarea>" in text
        assert "No title given" in text
        assert not Ticket.objects.exists()

    def test_it_takes_a_double_click_on_save_for_one_ticket(self) -> None:
        first = self.post(self.ann, "add", **self.fields(form_key="abc"))
        second = self.post(self.ann, "add", **self.fields(form_key="abc"))
        assert first["Location"] == second["Location"]
        assert Ticket.objects.count() == 1

    def test_it_makes_another_ticket_from_another_page(self) -> None:
        self.post(self.ann, "add", **self.fields(form_key="abc"))
        self.post(self.dana, "add", **self.fields(form_key="abc"))
        self.post(self.ann, "add", **self.fields(form_key="def"))
        assert Ticket.objects.count() == 3

    def test_it_lets_a_form_that_was_refused_be_sent_again(self) -> None:
        self.target.is_active = False
        self.target.save()
        self.post(self.ann, "add", **self.fields(form_key="abc"))
        self.target.is_active = True
        self.target.save()
        self.post(self.ann, "add", **self.fields(form_key="abc"))
        assert Ticket.objects.count() == 1

    def test_it_lets_nobody_without_the_right_write_a_ticket(self) -> None:
        for person in (self.ben, self.cy, self.dan):
            assert self.post(person, "add", **self.fields()).status_code == 403
        assert not Ticket.objects.exists()

    def test_it_voids_the_approvals_when_the_sql_is_edited(self) -> None:
        ticket = make_ticket(make_target(name="two", approvals_needed=2))
        self.post(self.ben, "approve", ticket, content_hash=ticket.content_hash)
        self.post(self.dana, "edit", ticket, **self.fields(target=ticket.target_id, sql="DELETE FROM b"))
        assert self.state_of(ticket) == TicketState.DRAFT
        assert Approval.objects.get().voided_at is not None

    def test_it_refuses_to_overwrite_what_somebody_else_saved_meanwhile(self) -> None:
        ticket = make_ticket(self.target, submitted=False)
        seen_at = (ticket.updated_at - timedelta(seconds=1)).isoformat()
        response = self.post(self.dana, "edit", ticket, **self.fields(sql="DELETE FROM mine", seen_at=seen_at))
        assert response.status_code == 409
        assert "DELETE FROM mine</textarea>" in response.content.decode()
        ticket.refresh_from_db()
        assert ticket.sql == "UPDATE product SET price = 1"

    def test_it_does_not_edit_what_runs(self) -> None:
        ticket = make_ticket(self.target)
        Ticket.objects.filter(pk=ticket.pk).update(state=TicketState.RUNNING, updated_at=timezone.now())
        response = self.post(self.ann, "edit", ticket, **self.fields(sql="DROP TABLE a"))
        assert "can no longer change" in self.said(response)
        ticket.refresh_from_db()
        assert ticket.sql == "UPDATE product SET price = 1"
