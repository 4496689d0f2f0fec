"""The desk, the list of tickets, and the frame around every page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import redis.exceptions
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from changes import actions
from changes.models import Execution, Ticket
from changes.states import BackupState, ExecutionState, TicketState
from tests.changes.pages import PageTestCase, make_run
from tests.changes.people import make_person, make_target, make_ticket


class ListTests(PageTestCase):
    def titles(self, person: User, query: str) -> list[str]:
        response = self.look(person, "changes_ticket_changelist", query=query)
        return [ticket.title for ticket in response.context["cl"].result_list]  # type: ignore[attr-defined]

    def test_it_lists_for_review_what_this_person_may_decide_now(self) -> None:
        assert self.titles(self.ben, "?view=review") == ["Reprice"]
        assert self.titles(self.ann, "?view=review") == []
        assert self.titles(self.cy, "?view=review") == []
        two = make_target(name="two", approvals_needed=2)
        ticket = make_ticket(two, title="Half approved")
        actions.approve(ticket, by=self.ben, content_hash=ticket.content_hash)
        assert self.titles(self.ben, "?view=review") == ["Reprice"]
        assert self.titles(self.dana, "?view=review") == ["Half approved", "Reprice"]

    def test_it_sorts_tickets_into_its_tabs(self) -> None:
        make_run(make_ticket(self.target, title="Broken"), state="failed", backup="none")
        make_run(make_ticket(self.target, title="Bare"), backup="incomplete")
        make_run(make_ticket(self.target, title="Busy"), state="running", backup="pending")
        make_run(make_ticket(self.target, title="Fine", by=self.dana))
        later = make_ticket(self.target, title="Later")
        Ticket.objects.filter(pk=later.pk).update(state=TicketState.SCHEDULED)
        assert self.titles(self.cy, "?view=failed") == ["Bare", "Broken"]
        assert self.titles(self.cy, "?view=running") == ["Busy"]
        assert self.titles(self.cy, "?view=person") == ["Busy"]
        assert self.titles(self.cy, "?view=scheduled") == ["Later"]
        assert self.titles(self.dana, "?view=mine") == ["Fine"]
        assert len(self.titles(self.cy, "")) == 6

    def test_it_searches_title_sql_and_number(self) -> None:
        other = make_ticket(self.target, title="Other", sql="DELETE FROM basket WHERE id = 7")
        assert self.titles(self.cy, "?q=basket") == ["Other"]
        assert self.titles(self.cy, f"?q=%23{other.pk}") == ["Other"]
        assert self.titles(self.cy, "?q=rePRICE") == ["Reprice"]
        assert self.titles(self.cy, "?q=nothing+like+it") == []

    def test_it_says_for_whom_a_ticket_waits(self) -> None:
        def waits(person: User) -> str:
            response = self.look(person, "changes_ticket_changelist")
            return str(response.context["cl"].result_list[0].waiting_for)  # type: ignore[attr-defined]

        assert waits(self.ben) == "you"
        assert waits(self.ann) == "an approver"

    def test_it_keeps_a_fixed_number_of_queries(self) -> None:
        url = reverse("admin:changes_ticket_changelist")
        before = self.count_queries(self.ben, url)
        for number in range(5):
            make_run(make_ticket(self.target, title=f"More {number}"))
        assert self.count_queries(self.ben, url) == before


class DeskTests(PageTestCase):
    def sections(self, person: User) -> dict[str, list[str]]:
        sections = self.look(person, "index").context["sections"]  # type: ignore[attr-defined]
        return {section["title"]: [ticket.title for ticket in section["tickets"]] for section in sections}

    def tiles(self, person: User) -> dict[str, int]:
        response = self.look(person, "index")
        return {str(tile["label"]).split()[-1]: tile["n"] for tile in response.context["tiles"]}  # type: ignore[attr-defined]

    def test_it_counts_what_waits_runs_and_is_protected(self) -> None:
        make_run(make_ticket(self.target, title="Fine"))
        make_run(make_ticket(self.target, title="Broken"), state="unknown", backup="incomplete")
        Execution.objects.filter(state=ExecutionState.SUCCEEDED).update(finished_at=timezone.now())
        tiles = self.tiles(self.ben)
        assert tiles == {"review": 1, "now": 0, "person": 1, "week": 1, "protected": 1234}
        assert self.tiles(self.ann)["review"] == 0

    def test_it_shows_an_approved_ticket_to_who_may_run_it(self) -> None:
        Ticket.objects.filter(pk=self.ticket.pk).update(state=TicketState.APPROVED)
        waiting = self.look(self.dana, "index").context["sections"][0]  # type: ignore[attr-defined]
        assert [ticket.pk for ticket in waiting["tickets"]] == [self.ticket.pk]

    def test_it_greets_an_empty_installation_with_the_first_step(self) -> None:
        self.ticket.activities.model.objects.all()._raw_delete("default")
        Ticket.objects.all()._raw_delete("default")
        text = self.look(self.ann, "index").content.decode()
        assert "Write the first ticket" in text

    def test_it_forgets_a_failure_that_was_rolled_back(self) -> None:
        make_run(self.ticket, state="partly_done")
        assert self.sections(self.cy)["Gone wrong"] == ["Reprice"]
        Ticket.objects.update(rollback_state="done")
        assert "Gone wrong" not in self.sections(self.cy)

    def test_it_puts_what_stands_still_on_top(self) -> None:
        make_run(make_ticket(self.target, title="Unknown"), state="unknown", backup="none", outcome="unknown")
        make_run(make_ticket(self.target, title="Unkept"), state="running", backup="pending")
        long = make_run(make_ticket(self.target, title="Stopping"), state="running", backup="none")
        make_run(make_ticket(self.target, title="Running"), state="running", backup="none")
        Ticket.objects.filter(title="Stopping").update(state=TicketState.STOPPING)
        assert self.sections(self.cy)["Needs a person"] == ["Unkept", "Unknown"]
        Execution.objects.filter(pk=long.pk).update(stop_requested_at=timezone.now() - timedelta(minutes=2))
        assert set(self.sections(self.cy)["Needs a person"]) == {"Unkept", "Unknown", "Stopping"}
        assert next(iter(self.sections(self.cy))) == "Needs a person"
        assert self.tiles(self.cy)["person"] == 3
        assert 'class="card urgent"' in self.look(self.cy, "index").content.decode()


class SiteTests(PageTestCase):
    def test_it_shows_in_the_bar_only_what_this_person_may_open(self) -> None:
        def labels(person: User) -> set[str]:
            text = self.look(person, "index").content.decode()
            return {name for name in ("Tickets", "Backups", "Targets", "Queue", "People") if f">{name}</a>" in text}

        assert labels(self.dan) == set()
        assert labels(self.cy) == {"Tickets", "Backups", "Targets"}
        assert labels(self.dana) == {"Tickets", "Backups", "Targets", "Queue"}
        assert labels(make_person("root", is_superuser=True)) == {"Tickets", "Backups", "Targets", "Queue", "People"}

    def test_it_keeps_the_queue_for_those_who_run_tickets(self) -> None:
        assert self.look(self.ben, "django_rq_home").status_code == 403
        with patch("django_rq.stats_views.get_statistics", side_effect=redis.exceptions.ConnectionError):
            response = self.look(self.dana, "django_rq_home")
        assert response.status_code == 503
        assert "Nothing is lost" in response.content.decode()

    def test_it_logs_out_by_post_only(self) -> None:
        assert self.look(self.ann, "logout").status_code == 405

    def test_it_lets_no_inline_style_or_script_into_its_pages(self) -> None:
        make_run(self.ticket)
        root = make_person("root", is_superuser=True)
        names: list[tuple[str, tuple[Any, ...]]] = [
            ("index", ()),
            ("changes_ticket_changelist", ()),
            ("changes_target_changelist", ()),
            ("auth_user_changelist", ()),
            ("auth_group_changelist", ()),
            ("auth_user_change", (root.pk,)),
            ("changes_ticket_change", (self.ticket.pk,)),
            ("changes_ticket_add", ()),
            ("password_change", ()),
        ]
        for name, args in names:
            text = self.look(root, name, *args).content.decode()
            assert "<style" not in text, name
            assert " style=" not in text, name
            assert "onclick" not in text, name

    def test_it_makes_everybody_with_an_account_a_member(self) -> None:
        client = Client()
        client.force_login(make_person("root", is_superuser=True))
        password = "long enough for anybody"
        data = {"username": "eva", "password1": password, "password2": password, "usable_password": "true"}
        client.post(reverse("admin:auth_user_add"), data)
        eva = User.objects.get(username="eva")
        assert eva.is_staff
        assert self.look(eva, "index").status_code == 200

    def test_it_offers_for_groups_only_the_permissions_that_mean_something_here(self) -> None:
        root = make_person("root", is_superuser=True)
        text = self.look(root, "auth_group_add").content.decode()
        assert Permission.objects.get(codename="approve_ticket").name in text
        assert "Can add session" not in text
        assert "Can add executed statement" not in text

    def test_it_keeps_what_a_group_has_when_the_group_is_saved(self) -> None:
        group = Group.objects.create(name="Odd")
        odd = Permission.objects.get(codename="view_session")
        group.permissions.add(odd)
        client = Client()
        client.force_login(make_person("root", is_superuser=True))
        url = reverse("admin:auth_group_change", args=[group.pk])
        assert f'value="{odd.pk}"' in client.get(url).content.decode()

    def test_it_leads_the_breadcrumb_of_an_app_to_the_desk(self) -> None:
        response = self.look(self.cy, "app_list", "changes")
        assert response["Location"] == reverse("admin:index")

    def test_it_hides_nothing_of_what_a_backup_state_means(self) -> None:
        for state in BackupState:
            Ticket.objects.filter(pk=self.ticket.pk).update(backup_state=state)
            self.page(self.cy)
