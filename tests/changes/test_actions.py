from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import IntegrityError, transaction
from django.test import TestCase
from django.utils import timezone

from changes import actions
from changes.errors import ChangeError, CheckFailedError, PermissionRefusedError, StalePageError, TicketStateError
from changes.models import Activity, Approval, Target, Ticket
from changes.problems import Problem
from changes.states import TicketState
from tests.changes.people import inspected, make_fields, make_person, make_target, make_ticket, patch_inspection

WRONG = Problem("table.unknown", "error", "There is no table shop.prodcut.", "A table that exists.", "Check its name.")


class Base(TestCase):
    def setUp(self) -> None:
        self.ann, self.ben, self.cy = make_person("ann"), make_person("ben"), make_person("cy")
        self.dan, self.dana = make_person("dan"), make_person("dana")
        self.root = make_person("root", is_superuser=True)
        self.target = make_target()
        bell = patch("changes.jobs.ring")
        self.bell = bell.start()
        self.addCleanup(bell.stop)

    def state_of(self, ticket: Ticket) -> str:
        ticket.refresh_from_db()
        return ticket.state

    def approve(self, ticket: Ticket, by: object) -> None:
        actions.approve(ticket, by=by, content_hash=ticket.content_hash)  # type: ignore[arg-type]


class SubmitTests(Base):
    def test_it_keeps_a_draft_whose_check_found_errors(self) -> None:
        with patch_inspection((WRONG,)):
            ticket = actions.create_ticket(make_fields(self.target, sql="UPDATE prodcut SET a=1"), by=self.ann)
            with pytest.raises(CheckFailedError, match=r"no table shop\.prodcut"):
                actions.submit(ticket, by=self.ann)
        assert self.state_of(ticket) == TicketState.DRAFT
        assert ticket.sql == "UPDATE prodcut SET a=1"
        assert ticket.problems == [WRONG]

    def test_it_puts_a_clean_ticket_in_review_with_its_hash(self) -> None:
        ticket = make_ticket(self.target)
        assert self.state_of(ticket) == TicketState.IN_REVIEW
        assert len(ticket.content_hash) == 64

    def test_it_refuses_people_without_the_right(self) -> None:
        for person in (self.cy, self.dan, self.ben):
            with pytest.raises(PermissionRefusedError):
                actions.create_ticket(make_fields(self.target), by=person)

    def test_it_refuses_a_target_that_takes_no_tickets(self) -> None:
        closed = make_target(name="closed", is_active=False)
        with pytest.raises(PermissionRefusedError, match="takes no tickets"):
            actions.create_ticket(make_fields(closed), by=self.ann)

    def test_it_refuses_to_submit_twice(self) -> None:
        ticket = make_ticket(self.target)
        with pytest.raises(PermissionRefusedError, match="in review, not a draft"):
            actions.submit(ticket, by=self.ann)

    def test_it_refuses_what_somebody_saved_while_it_was_checked(self) -> None:
        ticket = make_ticket(self.target, submitted=False)

        def edited_meanwhile(checked: Ticket) -> object:
            Ticket.objects.filter(pk=ticket.pk).update(sql="DELETE FROM product", updated_at=timezone.now())
            return inspected(checked.sql)

        with (
            patch("changes.inspection.inspect", side_effect=edited_meanwhile),
            pytest.raises(StalePageError, match="while it was checked"),
        ):
            actions.submit(ticket, by=self.ann)
        assert self.state_of(ticket) == TicketState.DRAFT


class FourEyesTests(Base):
    def test_it_refuses_the_submitter(self) -> None:
        ticket = make_ticket(self.target, by=self.dana)
        with pytest.raises(PermissionRefusedError, match="You submitted"):
            self.approve(ticket, self.dana)
        assert self.state_of(ticket) == TicketState.IN_REVIEW

    def test_it_refuses_a_superuser_who_submitted(self) -> None:
        ticket = make_ticket(self.target, by=self.root)
        with pytest.raises(PermissionRefusedError, match="You submitted"):
            self.approve(ticket, self.root)

    def test_it_refuses_a_superuser_who_edited_last(self) -> None:
        ticket = make_ticket(self.target)
        with patch_inspection():
            actions.edit_ticket(ticket, make_fields(self.target, sql="UPDATE product SET price = 2"), by=self.root)
            actions.submit(ticket, by=self.ann)
        with pytest.raises(PermissionRefusedError, match="You edited"):
            self.approve(ticket, self.root)

    def test_it_refuses_an_earlier_editor_whose_text_it_may_be(self) -> None:
        ticket = make_ticket(self.target)
        with patch_inspection():
            actions.edit_ticket(ticket, make_fields(self.target, sql="DELETE FROM product"), by=self.dana)
            actions.edit_ticket(ticket, make_fields(self.target, sql="DELETE FROM product", title="Other"), by=self.ann)
            actions.submit(ticket, by=self.ann)
        with pytest.raises(PermissionRefusedError, match="You have edited"):
            self.approve(ticket, self.dana)

    def test_the_database_refuses_it_too(self) -> None:
        ticket = make_ticket(self.target)
        for person, editor in ((self.ann, self.dana), (self.dana, self.dana)):
            with pytest.raises(IntegrityError), transaction.atomic():
                Approval.objects.create(
                    ticket=ticket,
                    person=person,
                    submitter=self.ann,
                    last_editor=editor,
                    decision="approve",
                    content_hash=ticket.content_hash,
                )

    def test_it_refuses_people_without_the_right(self) -> None:
        ticket = make_ticket(self.target)
        for person in (self.cy, self.dan):
            with pytest.raises(PermissionRefusedError, match="may not approve"):
                self.approve(ticket, person)


class ApproveTests(Base):
    def test_the_last_approval_queues_the_ticket_and_rings_after_the_commit(self) -> None:
        ticket = make_ticket(self.target)
        with self.captureOnCommitCallbacks() as callbacks:
            self.approve(ticket, self.ben)
        self.bell.assert_not_called()
        assert self.state_of(ticket) == TicketState.QUEUED
        callbacks[0]()
        self.bell.assert_called_once_with(ticket.last_execution.pk)  # type: ignore[union-attr]

    def test_it_waits_for_the_second_of_two_approvals(self) -> None:
        ticket = make_ticket(make_target(name="strict", approvals_needed=2))
        self.approve(ticket, self.ben)
        assert self.state_of(ticket) == TicketState.IN_REVIEW
        with pytest.raises(PermissionRefusedError, match="already approved"):
            self.approve(ticket, self.ben)
        self.approve(ticket, self.dana)
        assert self.state_of(ticket) == TicketState.QUEUED

    def test_it_waits_for_an_executor_where_the_target_says_so(self) -> None:
        ticket = make_ticket(make_target(name="prod", run_policy=Target.RunPolicy.BY_EXECUTOR))
        self.approve(ticket, self.ben)
        assert self.state_of(ticket) == TicketState.APPROVED
        with pytest.raises(PermissionRefusedError, match="may not run"):
            actions.run(ticket, by=self.ben)
        actions.run(ticket, by=self.dana)
        assert self.state_of(ticket) == TicketState.QUEUED

    def test_it_schedules_a_ticket_for_later_and_queues_it_then(self) -> None:
        later = timezone.now() + timedelta(hours=2)
        ticket = make_ticket(self.target, run_not_before=later)
        self.approve(ticket, self.ben)
        assert self.state_of(ticket) == TicketState.SCHEDULED
        assert actions.queue_due(later - timedelta(seconds=1)) == []
        assert len(actions.queue_due(later)) == 1
        assert self.state_of(ticket) == TicketState.QUEUED

    def test_it_refuses_a_stale_page(self) -> None:
        ticket = make_ticket(self.target)
        seen = ticket.content_hash
        with patch_inspection():
            actions.edit_ticket(ticket, make_fields(self.target, sql="DELETE FROM product"), by=self.ann)
            actions.submit(ticket, by=self.ann)
        with pytest.raises(StalePageError):
            actions.approve(ticket, by=self.ben, content_hash=seen)
        assert self.state_of(ticket) == TicketState.IN_REVIEW
        assert not Approval.objects.exists()

    def test_it_refuses_content_that_was_changed_past_the_actions(self) -> None:
        ticket = make_ticket(self.target)
        Ticket.objects.filter(pk=ticket.pk).update(sql="DROP TABLE product")
        with pytest.raises(StalePageError, match="no longer what was submitted"):
            self.approve(ticket, self.ben)
        actions.reject(ticket, by=self.ben, content_hash=ticket.content_hash, comment="Changed behind our backs.")
        assert self.state_of(ticket) == TicketState.REJECTED

    def test_a_second_click_makes_no_second_execution(self) -> None:
        ticket = make_ticket(self.target)
        self.approve(ticket, self.ben)
        with pytest.raises(PermissionRefusedError):
            self.approve(ticket, self.ben)
        with pytest.raises(PermissionRefusedError):
            self.approve(ticket, self.dana)
        assert ticket.executions.count() == 1

    def test_it_refuses_a_ticket_already_rejected(self) -> None:
        ticket = make_ticket(self.target)
        actions.reject(ticket, by=self.ben, content_hash=ticket.content_hash, comment="Wrong table.")
        with pytest.raises(PermissionRefusedError, match="rejected, not in review"):
            self.approve(ticket, self.dana)


class EditTests(Base):
    def test_any_edit_voids_the_approvals(self) -> None:
        ticket = make_ticket(make_target(name="strict", approvals_needed=2))
        self.approve(ticket, self.ben)
        with patch_inspection():
            actions.edit_ticket(ticket, make_fields(self.target, sql="UPDATE product SET price = 3"), by=self.ann)
        assert self.state_of(ticket) == TicketState.DRAFT
        assert ticket.approvals.get().voided_at is not None
        assert "voided" in ticket.activities.last().text  # type: ignore[union-attr]

    def test_a_rejected_ticket_is_edited_and_resubmitted_with_its_history(self) -> None:
        ticket = make_ticket(self.target)
        actions.reject(ticket, by=self.ben, content_hash=ticket.content_hash, comment="Add a WHERE.")
        with patch_inspection():
            actions.edit_ticket(
                ticket, make_fields(self.target, sql="UPDATE product SET price=1 WHERE id=1"), by=self.ann
            )
            actions.submit(ticket, by=self.ann)
        assert self.state_of(ticket) == TicketState.IN_REVIEW
        assert [entry.verb for entry in ticket.activities.all()] == [
            "created",
            "submitted",
            "rejected",
            "edited",
            "submitted",
        ]

    def test_it_refuses_to_edit_what_is_queued(self) -> None:
        ticket = make_ticket(self.target)
        self.approve(ticket, self.ben)
        ticket.refresh_from_db()
        with patch_inspection(), pytest.raises(PermissionRefusedError, match="can no longer change"):
            actions.edit_ticket(ticket, make_fields(self.target), by=self.ann)

    def test_it_refuses_an_edit_of_an_older_version(self) -> None:
        ticket = make_ticket(self.target)
        seen_at = ticket.updated_at
        with patch_inspection():
            actions.edit_ticket(ticket, make_fields(self.target, title="First"), by=self.dana, seen_at=seen_at)
            with pytest.raises(StalePageError):
                actions.edit_ticket(ticket, make_fields(self.target, title="Second"), by=self.ann, seen_at=seen_at)
        ticket.refresh_from_db()
        assert ticket.title == "First"

    def test_a_rejection_needs_a_reason(self) -> None:
        ticket = make_ticket(self.target)
        with pytest.raises(ChangeError, match="needs a reason"):
            actions.reject(ticket, by=self.ben, content_hash=ticket.content_hash, comment="  ")


class WithdrawTests(Base):
    def test_a_withdrawn_ticket_is_never_run(self) -> None:
        ticket = make_ticket(self.target)
        self.approve(ticket, self.ben)
        actions.withdraw(ticket, by=self.ann)
        execution = ticket.last_execution
        assert execution is not None
        assert execution.state == "refused"
        from changes import attempt

        assert attempt.claim(execution.pk) is None

    def test_only_the_submitter_or_a_dba_may_withdraw(self) -> None:
        ticket = make_ticket(self.target)
        with pytest.raises(PermissionRefusedError):
            actions.withdraw(ticket, by=self.ben)
        actions.withdraw(ticket, by=self.dana)
        assert self.state_of(ticket) == TicketState.WITHDRAWN


class RaceTests(Base):
    def test_losing_a_race_is_a_message_and_writes_nothing(self) -> None:
        ticket = make_ticket(self.target)
        Ticket.objects.filter(pk=ticket.pk).update(state=TicketState.WITHDRAWN)
        before = Activity.objects.count()
        from changes.activity import move

        with pytest.raises(TicketStateError, match="somebody was faster"):
            move(ticket, TicketState.APPROVED, by=self.ben, verb="approved")
        assert Activity.objects.count() == before

    def test_the_record_of_what_happened_cannot_be_changed(self) -> None:
        entry = make_ticket(self.target).activities.first()
        assert entry is not None
        with pytest.raises(TypeError, match="append-only"):
            entry.save()
        with pytest.raises(TypeError, match="append-only"):
            entry.delete()

    def test_an_execution_is_claimed_once(self) -> None:
        ticket = make_ticket(self.target)
        self.approve(ticket, self.ben)
        from changes import attempt

        execution = ticket.last_execution
        assert execution is not None
        assert attempt.claim(execution.pk) is not None
        assert attempt.claim(execution.pk) is None

    def test_what_runs_was_approved_by_enough_people(self) -> None:
        ticket = make_ticket(self.target)
        self.approve(ticket, self.ben)
        from changes import attempt

        execution = ticket.last_execution
        assert execution is not None
        assert attempt.is_what_was_approved(execution)
        Approval.objects.update(voided_at=timezone.now())
        assert not attempt.is_what_was_approved(execution)

    def test_what_runs_is_the_text_that_was_approved(self) -> None:
        ticket = make_ticket(self.target)
        self.approve(ticket, self.ben)
        from changes import attempt

        Ticket.objects.filter(pk=ticket.pk).update(sql="DROP TABLE product")
        execution = Ticket.objects.get(pk=ticket.pk).last_execution
        assert execution is not None
        assert not attempt.is_what_was_approved(execution)

    def test_a_ticket_that_is_not_what_was_approved_goes_back_to_its_author(self) -> None:
        ticket = make_ticket(self.target)
        self.approve(ticket, self.ben)
        from changes import attempt

        Ticket.objects.filter(pk=ticket.pk).update(sql="DROP TABLE product")
        mine = attempt.claim(ticket.last_execution.pk)  # type: ignore[union-attr]
        assert mine is not None
        attempt.Attempt(mine).void()
        assert self.state_of(ticket) == TicketState.DRAFT
        assert ticket.approvals.filter(voided_at=None).count() == 0

    def test_a_worker_that_lost_its_execution_writes_nothing_more(self) -> None:
        ticket = make_ticket(self.target)
        self.approve(ticket, self.ben)
        from changes import attempt
        from changes.models import Execution

        mine = attempt.claim(ticket.last_execution.pk)  # type: ignore[union-attr]
        assert mine is not None
        Execution.objects.filter(pk=mine.pk).update(fence=mine.fence + 1)
        with pytest.raises(attempt.LostExecutionError):
            attempt.Attempt(mine).add_statement(0, "x", kind="UPDATE", schema_name="s", table_name="t")
        assert not mine.statements.exists()
