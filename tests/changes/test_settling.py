"""What is written when a worker goes on, tries again or ends: the words and states that the pages show."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock, patch

from changes import recovery, running, verdict
from changes.attempt import Attempt
from changes.models import ExecutedStatement, Execution, Ticket
from changes.states import BackupState, TicketState
from tests.changes.pages import PageTestCase, make_unfinished


class SettlingTests(PageTestCase):
    def attempt(self) -> Attempt:
        return Attempt(Execution.objects.select_related("ticket__target", "ticket__rolls_back").get())

    def test_it_does_not_leave_a_ticket_pending_whose_backup_was_made_at_last(self) -> None:
        records = make_unfinished(self.ticket, ["done", "waiting"], backup="pending")
        ExecutedStatement.objects.filter(pk=records[0].pk).update(backup_state="complete")
        records[0].refresh_from_db()
        recovery._go_on_or_end(self.attempt(), records)
        assert self.state_of(self.ticket) == TicketState.QUEUED
        assert Ticket.objects.get(pk=self.ticket.pk).backup_state == BackupState.NONE
        assert "backup pending" not in self.page(self.cy)

    def test_it_forgets_the_answers_of_a_try_that_was_aborted(self) -> None:
        records = make_unfinished(self.ticket, ["sent", "sent"], one_transaction=True)
        for record in records:
            record.execute_seconds, record.affected_rows = 0.5, 3
            record.save()
        run: Any = Mock(attempt=self.attempt())
        result: Any = Mock(error=(1213, "Deadlock found"))
        with patch("time.sleep"):
            running._note_retry(run, records, result, 1)
        assert "ran, not committed" not in self.page(self.cy)
        assert "The whole transaction was tried again once after 1213: Deadlock found" in self.page(self.ben)
        assert not ExecutedStatement.objects.exclude(execute_seconds=None, affected_rows=None).exists()

    def test_it_calls_only_what_was_asked_for_a_stop_as_asked(self) -> None:
        for ticket_state, words in (("stopping", "as asked"), ("running", "its worker went away")):
            records = make_unfinished(self.ticket, ["done", "waiting"], ticket_state=ticket_state)
            verdict.finish(self.attempt(), records)
            assert self.state_of(self.ticket) == TicketState.PARTLY_DONE
            assert words in Execution.objects.get().error
            ExecutedStatement.objects.all().delete()
            Execution.objects.all().delete()
