"""A ticket that waits, runs, stops or is killed: what each of the cast sees of it, and may do."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from django.test import Client
from django.urls import reverse

from changes.models import ExecutedStatement, Execution, Ticket
from changes.states import TicketState
from changes.targets import TargetAddress
from tests.changes.pages import PageTestCase, make_unfinished
from tests.changes.people import make_person, make_target, make_ticket


class StopTests(PageTestCase):
    def test_it_is_offered_to_the_submitter_and_to_dbas_and_others_read_why_not(self) -> None:
        make_unfinished(self.ticket, ["sent", "waiting"])
        for person in (self.ann, self.dana):
            text = self.page(person)
            assert f'action="/changes/ticket/{self.ticket.pk}/stop/"' in text
            assert f'href="/changes/ticket/{self.ticket.pk}/kill/"' in text
        for person in (self.ben, self.cy):
            text = self.page(person)
            assert "/stop/" not in text
            assert "Only the submitter or a DBA may stop a ticket." in text

    def test_it_stops_for_the_submitter_once_and_for_nobody_else(self) -> None:
        make_unfinished(self.ticket, ["sent", "waiting"])
        assert self.post(self.dan, "stop").status_code == 403
        assert "Only the submitter or a DBA" in self.said(self.post(self.ben, "stop"))
        assert self.state_of(self.ticket) == TicketState.RUNNING
        assert "Nothing more is sent" in self.said(self.post(self.ann, "stop"))
        assert self.state_of(self.ticket) == TicketState.STOPPING
        assert Execution.objects.get().stop_requested_at is not None
        self.post(self.dana, "stop")
        assert self.state_of(self.ticket) == TicketState.STOPPING

    def test_it_says_so_when_the_ticket_has_ended_meanwhile(self) -> None:
        make_unfinished(self.ticket, ["done"], state="succeeded")
        assert "there is nothing to stop" in self.said(self.post(self.ann, "stop"))
        assert self.state_of(self.ticket) == TicketState.SUCCEEDED

    def test_it_shows_that_it_stops_and_only_the_kill_is_left(self) -> None:
        make_unfinished(self.ticket, ["sent", "waiting"])
        self.post(self.ann, "stop")
        text = self.page(self.ann)
        assert "nothing more is sent once the statement that runs has ended" in text
        assert "/stop/" not in text
        assert "Kill now" in text
        assert ">stopping</span>" in text

    def test_it_says_of_one_transaction_that_nothing_is_applied(self) -> None:
        self.together()
        make_unfinished(self.ticket, ["sent", "waiting"], one_transaction=True)
        assert "stopped or killed, it is aborted, and nothing of the ticket is applied" in self.page(self.ann)
        assert "The transaction is aborted after the statement" in self.said(self.post(self.ann, "stop"))
        assert "the transaction is aborted and nothing of the ticket is applied" in self.page(self.ann)

    def test_it_says_of_a_rollback_that_its_step_puts_nothing_back(self) -> None:
        undo = make_ticket(self.target, by=self.dana, submitted=False, title="Undo")
        Ticket.objects.filter(pk=undo.pk).update(rolls_back=self.ticket)
        make_unfinished(undo, ["sent"])
        assert "killed, the step is aborted and puts nothing back" in self.page(self.dana, undo)
        kill = self.look(self.dana, "changes_ticket_kill", undo.pk).content.decode()
        assert "The step is aborted: it puts nothing back." in kill

    def together(self) -> None:
        self.ticket.inspection["one_transaction"] = True
        Ticket.objects.filter(pk=self.ticket.pk).update(inspection=self.ticket.inspection)
        self.ticket.refresh_from_db()


class KillTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.records = make_unfinished(self.ticket, ["done", "sent", "waiting"])
        self.told: list[tuple[Any, ...]] = []
        self.answer = True
        killed = patch("changes.killing.kill_query", side_effect=self.kill_query)
        killed.start()
        self.addCleanup(killed.stop)

    def kill_query(self, address: TargetAddress, connection_id: int, *, lock: str) -> bool:
        self.told.append((address.host, connection_id, lock))
        return self.answer

    def test_it_shows_the_statement_before_anything_is_killed(self) -> None:
        response = self.look(self.dana, "changes_ticket_kill", self.ticket.pk)
        text = response.content.decode()
        assert "Kill statement 2 on shop-test" in text
        assert "The statements before it stay" in text
        assert not self.told
        assert self.state_of(self.ticket) == TicketState.RUNNING

    def test_it_kills_what_was_shown_and_stops(self) -> None:
        response = self.post(self.ann, "kill", statement=self.records[1].pk)
        assert "The server was told" in self.said(response)
        assert self.told == [("127.0.0.1", 17, f"inception:0badf00d:{self.target.pk}:{self.ticket.pk}")]
        assert self.state_of(self.ticket) == TicketState.STOPPING

    def test_it_kills_nothing_else_than_what_was_shown(self) -> None:
        response = self.post(self.ann, "kill", statement=self.records[0].pk)
        assert "statement 2 runs now" in self.said(response)
        assert response["Location"].endswith("/kill/")
        assert not self.told
        assert self.state_of(self.ticket) == TicketState.RUNNING

    def test_it_is_refused_to_others_in_words(self) -> None:
        for person in (self.ben, self.cy):
            response = self.post(person, "kill", statement=self.records[1].pk)
            assert "Only the submitter or a DBA" in self.said(response)
            assert self.look(person, "changes_ticket_kill", self.ticket.pk).status_code == 302
        assert self.look(self.dan, "changes_ticket_kill", self.ticket.pk).status_code == 403
        assert not self.told

    def test_it_says_when_the_server_could_not_be_told_and_stops_all_the_same(self) -> None:
        self.answer = False
        response = self.post(self.ann, "kill", statement=self.records[1].pk)
        assert "No statement was killed" in self.said(response)
        assert self.state_of(self.ticket) == TicketState.STOPPING

    def test_it_says_of_one_transaction_that_all_of_it_goes(self) -> None:
        Execution.objects.update(one_transaction=True)
        ExecutedStatement.objects.filter(seq=0).update(outcome="sent", execute_seconds=0.5)
        text = self.look(self.ann, "changes_ticket_kill", self.ticket.pk).content.decode()
        assert "nothing of the ticket is applied" in text
        assert "Kill statement 2" in text

    def test_it_says_when_nothing_runs_just_now(self) -> None:
        ExecutedStatement.objects.filter(seq=1).update(outcome="done")
        text = self.look(self.ann, "changes_ticket_kill", self.ticket.pk).content.decode()
        assert "No statement runs at this moment" in text


class ProgressTests(PageTestCase):
    def test_it_tells_what_ran_in_an_open_transaction_from_what_is_done(self) -> None:
        records = make_unfinished(self.ticket, ["sent", "sent", "waiting"], one_transaction=True)
        ExecutedStatement.objects.filter(pk=records[0].pk).update(execute_seconds=0.2, affected_rows=3)
        text = self.page(self.cy)
        assert "ran, not committed" in text
        assert "1 of 3, not committed yet" in text
        assert ">done</span>" not in text

    def test_it_shows_the_tries_that_a_deadlock_made_needed_without_their_values(self) -> None:
        records = make_unfinished(self.ticket, ["sent"])
        entry = {"at": "2026-11-26T00:00:00+00:00", "error": "1213: Deadlock found for 'ann@example.org'"}
        ExecutedStatement.objects.filter(pk=records[0].pk).update(retries=[entry, entry])
        assert "Tried again 2 times after 1213: Deadlock found" in self.page(self.ben)
        assert "ann@example.org" not in self.page(self.cy)

    def test_it_has_words_for_every_outcome(self) -> None:
        outcomes = [
            "waiting",
            "sent",
            "commit_sent",
            "done",
            "failed",
            "failed_partial",
            "aborted",
            "unknown",
            "not_run",
        ]
        make_unfinished(self.ticket, outcomes, state="failed")
        text = self.page(self.cy)
        for words in ("aborted", "failed half-way", "unknown", "not run", "committing"):
            assert f">{words}</span>" in text


class QueueTests(PageTestCase):
    def queue(self, ticket: Ticket) -> None:
        Execution.objects.create(ticket=ticket, number=1, content_hash=ticket.content_hash)
        Ticket.objects.filter(pk=ticket.pk).update(state=TicketState.QUEUED)

    def test_it_names_the_ticket_that_runs_in_the_same_schema(self) -> None:
        other = make_ticket(self.target, title="Before")
        make_unfinished(other, ["sent"])
        self.queue(self.ticket)
        text = self.page(self.cy)
        assert "One ticket at a time runs in the schema shop." in text
        assert f'<a href="{other.get_absolute_url()}">#{other.pk} Before</a>' in text

    def test_it_says_when_the_server_takes_no_more(self) -> None:
        self.target.most_running = 1
        self.target.save()
        make_unfinished(make_ticket(self.target, title="Elsewhere", schema_name="crm"), ["sent"])
        self.queue(self.ticket)
        text = self.page(self.cy)
        assert "shop-test takes one ticket at a time" in text
        assert "Elsewhere</a>" in text

    def test_it_waits_for_a_worker_when_nothing_is_in_its_way(self) -> None:
        make_unfinished(make_ticket(make_target(name="other"), title="Other server"), ["sent"])
        self.queue(self.ticket)
        assert "Waits for a free worker." in self.page(self.cy)


class MethodTests(PageTestCase):
    def test_it_changes_nothing_by_get(self) -> None:
        make_unfinished(self.ticket, ["sent"])
        client = Client()
        client.force_login(make_person("root", is_superuser=True))
        for name in ("stop", "look_again", "decide_outcome", "give_up_backup", "run_again", "run_rest"):
            response = client.get(reverse(f"admin:changes_ticket_{name}", args=[self.ticket.pk]))
            assert response.status_code == 405, name
        client.get(reverse("admin:changes_ticket_kill", args=[self.ticket.pk]))
        assert self.state_of(self.ticket) == TicketState.RUNNING
