"""A change by an online tool: what the approver reads of it, and what is seen and can be done while it runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from changes import unfinished
from changes.content import hash_ticket
from changes.errors import PermissionRefusedError, TicketStateError
from changes.models import ExecutedStatement, Ticket
from changes.online_command import make_plan
from changes.states import TicketState
from changes.ticket_page import build_page
from tests.changes.pages import PageTestCase, make_unfinished

CLAUSES = "MODIFY price BIGINT COMMENT 'a <b>'"
APPROVED = {"tool": "pt_osc", "clauses": CLAUSES, "after": "0123456789abcdef"}


class OnlineTestCase(PageTestCase):
    def copying(self, outcome: str = "sent", **progress: Any) -> ExecutedStatement:
        """Let the ticket's one statement be made by the tool at this moment."""
        (record,) = make_unfinished(self.ticket, [outcome])
        plan = make_plan(APPROVED, "shop", "product", installation="0badf00d", execution_id=record.execution_id, seq=0)
        now = {"state": "copying", "percent": 41, "rows": 4100, "rows_total": 10_000, "left_seconds": 130, "load": ""}
        record.online = {"plan": plan.to_dict(), "open": True}
        record.progress = {**now, "at": timezone.now().isoformat(timespec="seconds"), **progress}
        record.table_name = "product"
        record.save()
        return record

    def fresh(self) -> Ticket:
        return Ticket.objects.get(pk=self.ticket.pk)


class ProgressTests(OnlineTestCase):
    def test_it_shows_how_far_it_is(self) -> None:
        self.copying()
        text = self.page(self.cy)
        assert '<progress class="copying" max="100" value="41"' in text
        assert "41 %" in text
        assert "about 4,100 of 10,000 rows" in text
        assert "about 3 minutes left" in text
        assert "by pt-online-schema-change" in text

    def test_it_says_what_the_tool_waits_for(self) -> None:
        self.copying(state="throttled", load="Threads_running=31")
        assert "waits: the server is busy (Threads_running=31)" in self.page(self.ann)

    def test_it_says_when_nothing_was_heard_for_a_while(self) -> None:
        self.copying(at=(timezone.now() - timedelta(seconds=50)).isoformat())
        assert "last change 50 s ago" in self.page(self.ann) or "last change 51 s ago" in self.page(self.ann)

    def test_it_is_asked_for_every_two_seconds_however_long_it_takes(self) -> None:
        record = self.copying()
        record.execution.started_at = timezone.now() - timedelta(hours=9)
        record.execution.save()
        assert build_page(self.fresh(), self.ann)["poll_seconds"] == 2

    def test_it_is_gone_when_the_change_is_over(self) -> None:
        self.copying(outcome="done")
        assert "<progress" not in self.page(self.ann)


class ActTests(OnlineTestCase):
    def test_the_submitter_and_dbas_may_throttle_and_cancel_and_others_read_why_not(self) -> None:
        self.copying()
        for person in (self.ann, self.dana):
            text = self.page(person)
            assert f'action="/changes/ticket/{self.ticket.pk}/throttle/"' in text
            assert "Cancel the change of product" in text
            assert "Kill now" not in text
        for person in (self.ben, self.cy):
            text = self.page(person)
            assert "/throttle/" not in text
            assert "Only the submitter or a DBA may stop a ticket." in text

    def test_it_is_throttled_and_resumed_and_both_are_written_down(self) -> None:
        record = self.copying()
        assert "no more rows are copied" in self.said(self.post(self.ann, "throttle"))
        record.refresh_from_db()
        assert record.wants_pause
        text = self.page(self.ann)
        assert "/resume/" in text
        assert "/throttle/" not in text
        self.post(self.dana, "resume")
        record.refresh_from_db()
        assert not record.wants_pause
        verbs = list(self.ticket.activities.order_by("id").values_list("verb", "actor__username"))
        assert verbs[-2:] == [("throttled", "ann"), ("resumed", "dana")]

    def test_nobody_else_throttles_it(self) -> None:
        record = self.copying()
        assert self.post(self.dan, "throttle").status_code == 403
        assert "Only the submitter or a DBA" in self.said(self.post(self.ben, "throttle"))
        with pytest.raises(PermissionRefusedError):
            unfinished.pause(self.fresh(), by=self.ben, wanted=True)
        record.refresh_from_db()
        assert not record.wants_pause

    def test_get_changes_nothing(self) -> None:
        self.copying()
        for name in ("changes_ticket_throttle", "changes_ticket_resume"):
            assert self.look(self.ann, name, self.ticket.pk).status_code == 405

    def test_it_cannot_be_throttled_once_the_tables_are_swapped_or_it_is_over(self) -> None:
        for outcome in ("commit_sent", "done"):
            ExecutedStatement.objects.all().delete()
            self.ticket.executions.all().delete()
            record = self.copying(outcome=outcome)
            with pytest.raises(TicketStateError, match="No online change"):
                unfinished.pause(self.fresh(), by=self.ann, wanted=True)
            record.refresh_from_db()
            assert not record.wants_pause

    def test_cancelling_stops_the_ticket_and_says_so(self) -> None:
        self.copying()
        assert "cancelled at once" in self.said(self.post(self.ann, "stop"))
        assert self.state_of(self.ticket) == TicketState.STOPPING
        text = self.page(self.ann)
        assert "is being cancelled" in text
        assert "/throttle/" not in text

    def test_the_swap_cannot_be_cancelled_and_the_page_says_so(self) -> None:
        self.copying(outcome="commit_sent", state="swapping", percent=100)
        text = self.page(self.ann)
        assert "cannot be cancelled any more" in text
        assert "/throttle/" not in text


class ApprovalTests(OnlineTestCase):
    def approve_online(self) -> None:
        entry = {**self.ticket.inspection["statements"][0], "online": APPROVED}
        self.ticket.inspection = {**self.ticket.inspection, "statements": [entry]}
        self.ticket.save()

    def test_the_approver_reads_what_the_tool_is_given(self) -> None:
        self.approve_online()
        text = self.page(self.ben)
        assert "Will be made online by pt-online-schema-change" in text
        assert "&lt;b&gt;" in text
        assert "<b>'" not in text

    def test_it_is_part_of_what_is_approved(self) -> None:
        before = hash_ticket(self.ticket)
        self.approve_online()
        online = hash_ticket(self.ticket)
        assert online != before
        entry = self.ticket.inspection["statements"][0]
        for name in APPROVED:
            changed = {**entry, "online": {**APPROVED, name: "other"}}
            self.ticket.inspection = {**self.ticket.inspection, "statements": [changed]}
            assert hash_ticket(self.ticket) != online

    def test_content_that_was_approved_before_keeps_its_hash(self) -> None:
        before = hash_ticket(self.ticket)
        entries = [{**entry, "online": {}, "makes_wait": True} for entry in self.ticket.inspection["statements"]]
        self.ticket.inspection = {**self.ticket.inspection, "statements": entries}
        assert hash_ticket(self.ticket) == before
