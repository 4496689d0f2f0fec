"""After a failure: run again, or mend and run the rest; and how several statements are committed."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from changes.errors import ChangeError
from changes.models import ExecutedStatement, Execution, Ticket
from changes.states import TicketState
from tests.changes.pages import PageTestCase, make_run, make_unfinished
from tests.changes.people import make_ticket, patch_inspection

THREE = ["UPDATE a SET x = 1", "UPDATE a SET x = 2", "UPDATE a SET x = 3"]


def describe(ticket: Ticket, texts: list[str], **found: Any) -> None:
    """Let the check of `ticket` have found these statements."""
    first = ticket.inspection["statements"][0]
    statements = [{**first, "number": number, "text": text} for number, text in enumerate(texts)]
    Ticket.objects.filter(pk=ticket.pk).update(inspection={**ticket.inspection, "statements": statements, **found})
    ticket.refresh_from_db()


class RunAgainTests(PageTestCase):
    def test_it_runs_the_same_text_again_when_nothing_was_applied(self) -> None:
        make_unfinished(self.ticket, ["aborted", "failed", "not_run"], state="failed", one_transaction=True)
        assert "Run again on shop-test" in self.page(self.dana)
        assert "/run_again/" not in self.page(self.ann)
        assert "You may not run tickets" in self.said(self.post(self.ann, "run_again"))
        self.post(self.dana, "run_again")
        assert self.state_of(self.ticket) == TicketState.QUEUED
        assert "nothing to run again" not in self.said(self.post(self.dana, "run_again"))
        assert Execution.objects.filter(ticket=self.ticket).count() == 2

    def test_it_runs_nothing_again_of_which_a_part_took_effect(self) -> None:
        make_unfinished(self.ticket, ["done", "failed"], state="failed")
        assert "/run_again/" not in self.page(self.dana)
        assert "A part of the ticket took effect" in self.said(self.post(self.dana, "run_again"))
        assert self.state_of(self.ticket) == TicketState.FAILED


class RestTests(PageTestCase):
    def setUp(self) -> None:
        super().setUp()
        describe(self.ticket, THREE)
        make_unfinished(self.ticket, ["done", "failed", "not_run"], state="partly_done", backup="complete")
        checked = patch_inspection()
        checked.start()
        self.addCleanup(checked.stop)

    def test_it_offers_to_undo_what_ran_and_to_run_the_rest(self) -> None:
        text = self.page(self.dana)
        assert "Undo what ran…" in text
        assert "Fix and run the rest" in text
        assert "Fix and run the rest" not in self.page(self.cy)
        assert "Fix and run the rest" in self.page(self.ann)

    def test_it_makes_a_draft_of_the_rest_and_opens_it(self) -> None:
        assert "You may not submit" in self.said(self.post(self.cy, "run_rest"))
        response = self.post(self.ann, "run_rest")
        rest = Ticket.objects.get(continues=self.ticket)
        assert response["Location"].endswith(f"/{rest.pk}/edit/")
        assert (rest.state, rest.sql, rest.submitter) == ("draft", f"{THREE[1]};\n{THREE[2]};\n", self.ann)

    def test_it_links_both_ways_and_makes_no_second_one(self) -> None:
        self.post(self.ann, "run_rest")
        rest = Ticket.objects.get(continues=self.ticket)
        assert f'its rest is <a href="{rest.get_absolute_url()}">#{rest.pk}</a>' in self.page(self.cy)
        assert f'the rest of <a href="{self.ticket.get_absolute_url()}">' in self.page(self.cy, rest)
        assert "Fix and run the rest" not in self.page(self.ann)
        assert f"ticket #{rest.pk} already" in self.said(self.post(self.ann, "run_rest"))
        assert Ticket.objects.filter(continues=self.ticket).count() == 1

    def test_it_makes_another_one_when_the_first_was_withdrawn(self) -> None:
        self.post(self.ann, "run_rest")
        Ticket.objects.filter(continues=self.ticket).update(state=TicketState.WITHDRAWN)
        self.post(self.ann, "run_rest")
        assert Ticket.objects.filter(continues=self.ticket).count() == 2

    def test_it_makes_none_of_a_ticket_that_is_done(self) -> None:
        done = make_ticket(self.target, title="Fine")
        make_run(done)
        assert "there is no rest of it to run" in self.said(self.post(self.ann, "run_rest", done))


class KeptTogetherTests(PageTestCase):
    def test_it_says_which_statements_can_only_be_put_back_together(self) -> None:
        describe(self.ticket, THREE, one_transaction=True)
        records = make_unfinished(self.ticket, ["done"] * 3, state="succeeded", backup="complete", one_transaction=True)
        for record in records:
            stored = 7 if record is records[0] else 0
            kept_with = None if record is records[0] else records[0]
            ExecutedStatement.objects.filter(pk=record.pk).update(
                backup_state="complete", rows_captured=stored, records_stored=stored, kept_with=kept_with
            )
        text = self.page(self.cy)
        assert text.count("Its rows are kept with statement 1: they can only be put back together.") == 2
        with patch("changes.actions.preview_rollback", side_effect=ChangeError("The server is away.")):
            preview = self.look(self.dana, "changes_ticket_rollback_preview", self.ticket.pk).content.decode()
        assert "7 records, with statements 2, 3: the binlog does not tell their rows apart" in preview


class HowItRunsTests(PageTestCase):
    def test_it_tells_the_approver_that_all_or_none_is_applied(self) -> None:
        describe(self.ticket, THREE, one_transaction=True)
        assert self.page(self.ben).count("All 3 statements run in one transaction: all of them or none.") == 1
        assert "All 3 statements run in one transaction" in self.page(self.cy)

    def test_it_says_why_each_commits_by_itself(self) -> None:
        describe(self.ticket, THREE, apart_because="Statement 2 (ALTER TABLE) is no row change.")
        text = self.page(self.cy)
        assert "Each statement commits by itself." in text
        assert "Statement 2 (ALTER TABLE) is no row change." in text

    def test_it_says_nothing_of_a_single_statement(self) -> None:
        assert "commits by itself" not in self.page(self.ben)

    def test_it_lets_the_submitter_choose_with_a_sentence_for_each(self) -> None:
        text = self.look(self.ann, "changes_ticket_add").content.decode()
        assert 'name="transaction_mode" value="auto" checked' in text
        for words in ("All in one where that can be", "All statements in one", "Each statement by itself"):
            assert words in text
        Ticket.objects.filter(pk=self.ticket.pk).update(transaction_mode="each")
        again = self.look(self.ann, "changes_ticket_edit", self.ticket.pk).content.decode()
        assert 'name="transaction_mode" value="each" checked' in again
