"""Clicks that come too late, twice, or from the wrong person, with the words the user sees: refused/action_*/."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import pytest
from django.test import TestCase

from backups.models import BackupSchema
from changes import actions, inspection
from changes.activity import move
from changes.errors import AlreadySavedError, ChangeError
from changes.models import Target, Ticket
from changes.states import BackupState, RollbackState, TicketState
from tests.changes.people import make_fields, make_person, make_target, make_ticket, patch_inspection

REFUSED = Path(__file__).parent.parent / "fixtures" / "refused"


def words(case: str, **values: object) -> str:
    return (REFUSED / case / "message.txt").read_text(encoding="utf-8").strip().format(**values)


class RefusedActionTests(TestCase):
    def setUp(self) -> None:
        self.ann, self.ben, self.dana = make_person("ann"), make_person("ben"), make_person("dana")
        bell = patch("changes.jobs.ring")
        bell.start()
        self.addCleanup(bell.stop)

    def refused(self, case: str, action: object, *args: object, **kwargs: object) -> None:
        """Assert that the action is refused in the words of `case`, and that it moved nothing."""
        states = list(Ticket.objects.values_list("state", flat=True))
        with pytest.raises(ChangeError) as error:
            action(*args, **kwargs)  # type: ignore[operator]
        assert str(error.value) == words(case, ticket=getattr(args[0], "pk", ""))
        assert list(Ticket.objects.values_list("state", flat=True)) == states

    def test_the_submitter_may_not_approve(self) -> None:
        ticket = make_ticket(by=self.dana)
        self.refused("action_self_approval", actions.approve, ticket, by=self.dana, content_hash=ticket.content_hash)

    def test_the_last_editor_may_not_approve(self) -> None:
        ticket = make_ticket()
        with patch_inspection():
            actions.edit_ticket(ticket, make_fields(ticket.target, title="Other"), by=self.dana)
            actions.submit(ticket, by=self.ann)
        self.refused("action_editor_approval", actions.approve, ticket, by=self.dana, content_hash=ticket.content_hash)

    def test_a_stale_page_decides_nothing(self) -> None:
        ticket = make_ticket()
        self.refused("action_stale_page", actions.approve, ticket, by=self.ben, content_hash="0" * 64)
        self.refused("action_stale_page", actions.reject, ticket, by=self.ben, content_hash="0" * 64, comment="no")

    def test_save_is_clicked_twice(self) -> None:
        fields = make_fields(make_target())
        with patch_inspection():
            first = actions.create_ticket(fields, by=self.ann, form_key="abc")
            self.refused("action_double_save", actions.create_ticket, fields, by=self.ann, form_key="abc")
            # The second click was checked at the same time, and comes to save after the first.
            unsaved = patch("changes.actions._require_unsaved", side_effect=[None, AlreadySavedError(first.pk)])
            with unsaved:
                self.refused("action_double_save", actions.create_ticket, fields, by=self.ann, form_key="abc")
        assert Ticket.objects.count() == 1

    def test_submit_is_clicked_twice(self) -> None:
        self.refused("action_double_submit", actions.submit, make_ticket(), by=self.ann)

    def test_approve_is_clicked_twice(self) -> None:
        ticket = make_ticket(make_target(approvals_needed=2))
        actions.approve(ticket, by=self.ben, content_hash=ticket.content_hash)
        self.refused("action_double_approval", actions.approve, ticket, by=self.ben, content_hash=ticket.content_hash)

    def test_two_approvers_click_at_once(self) -> None:
        ticket = make_ticket()
        actions.approve(ticket, by=self.ben, content_hash=ticket.content_hash)
        self.refused("action_two_approvers", actions.approve, ticket, by=self.dana, content_hash=ticket.content_hash)

    def test_run_is_clicked_twice(self) -> None:
        ticket = make_ticket(make_target(run_policy=Target.RunPolicy.BY_EXECUTOR))
        actions.approve(ticket, by=self.ben, content_hash=ticket.content_hash)
        ticket.refresh_from_db()
        actions.run(ticket, by=self.dana)
        self.refused("action_double_run", actions.run, ticket, by=self.dana)
        assert ticket.executions.count() == 1

    def test_roll_back_is_clicked_twice(self) -> None:
        ticket = make_ticket()
        Ticket.objects.update(
            state=TicketState.SUCCEEDED, backup_state=BackupState.COMPLETE, rollback_state=RollbackState.RUNNING
        )
        ticket.refresh_from_db()
        plan = actions.RollbackPlan()
        self.refused("action_double_rollback", actions.roll_back, ticket, by=self.dana, plan=plan)
        assert not ticket.rollbacks.exists()

    def test_withdraw_is_clicked_twice(self) -> None:
        ticket = make_ticket()
        actions.withdraw(ticket, by=self.ann)
        self.refused("action_double_withdraw", actions.withdraw, ticket, by=self.ann)

    def test_a_rejection_says_why(self) -> None:
        ticket = make_ticket()
        hashed = {"content_hash": ticket.content_hash, "comment": " "}
        self.refused("action_reject_without_reason", actions.reject, ticket, by=self.ben, **hashed)

    def test_somebody_was_faster(self) -> None:
        ticket = make_ticket()
        Ticket.objects.update(state=TicketState.WITHDRAWN)
        self.refused("action_lost_race", move, ticket, TicketState.APPROVED, by=self.ben, verb="approved")

    def test_a_backup_name_that_another_schema_has_is_said_and_not_shared(self) -> None:
        ticket = make_ticket(make_target(host="10.0.0.1", port=3306), submitted=False, schema_name="a.b")
        first = BackupSchema.claim(ticket.target_id, "10.0.0.1", 3306, "a-b")
        (problem,) = inspection._name_problems(ticket)
        assert "\n".join((problem.found, problem.needed, problem.how)) == words("backup_name_taken")
        second = BackupSchema.claim(ticket.target_id, "10.0.0.1", 3306, "a.b")
        assert first.name != second.name
        assert second.name.startswith(first.name)
