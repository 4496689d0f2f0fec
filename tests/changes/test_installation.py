"""The id of an installation: made once, kept by what was claimed under it, renewed only while nothing is under way."""

from __future__ import annotations

import re
from io import StringIO
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import TestCase

from changes import actions, attempt
from changes.installation import own_id
from changes.models import Execution, Installation, Ticket
from changes.states import ExecutionState, RollbackState, TicketState
from tests.changes.people import make_person, make_target, make_ticket


def queue(ticket: Ticket) -> Execution:
    with patch("changes.jobs.ring"):
        actions.approve(ticket, by=make_person("ben"), content_hash=ticket.content_hash)
    return ticket.executions.get()


class InstallationTests(TestCase):
    def renew(self) -> str:
        said = StringIO()
        call_command("new_installation_id", stdout=said)
        return said.getvalue()

    def test_it_is_there_after_the_migrations_and_stays(self) -> None:
        assert Installation.objects.count() == 1
        assert re.fullmatch("[0-9a-f]{8}", own_id())
        assert own_id() == own_id() == Installation.objects.get().short_id

    def test_it_is_made_again_where_the_table_was_emptied(self) -> None:
        Installation.objects.all().delete()
        assert re.fullmatch("[0-9a-f]{8}", own_id())
        assert Installation.objects.count() == 1

    def test_who_loses_the_race_to_make_it_takes_the_winners(self) -> None:
        Installation.objects.all().delete()

        def win() -> str:
            Installation.objects.create(short_id="0badf00d")
            return "ffffffff"

        with patch("changes.installation._make_id", side_effect=win):
            assert own_id() == "0badf00d"

    def test_there_is_no_second_one(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Installation.objects.create(row=2, short_id="0badf00d")

    def test_a_claim_names_it_and_the_lock_does_too(self) -> None:
        ticket = make_ticket()
        claimed = attempt.claim(queue(ticket).pk)
        assert claimed is not None
        assert claimed.installation == own_id()
        assert attempt.lock_name(claimed) == f"inception:{own_id()}:{ticket.target_id}:{ticket.pk}"

    def test_what_was_claimed_before_keeps_its_name(self) -> None:
        for installation in ("", "0badf00d"):
            queued = queue(make_ticket(make_target(name=f"of-{installation}")))
            Execution.objects.filter(pk=queued.pk).update(claims=1, installation=installation)
            claimed = attempt.claim(queued.pk)
            assert claimed is not None
            assert claimed.installation == installation

    def test_the_longest_lock_name_fits(self) -> None:
        most = 2**63 - 1
        execution = Execution(installation="0badf00d", ticket=Ticket(pk=most, target_id=most))
        assert len(attempt.lock_name(execution)) <= 64

    def test_a_new_one_is_given_when_nothing_is_under_way(self) -> None:
        make_ticket()  # in review
        before = own_id()
        said = self.renew()
        assert own_id() != before
        assert said == f"This installation was {before} and is {own_id()} from now on.\n"

    def test_none_is_given_while_a_ticket_is_under_way(self) -> None:
        ticket, before = make_ticket(), own_id()
        for fields in (
            {"state": TicketState.QUEUED},
            {"state": TicketState.RUNNING},
            {"state": TicketState.STOPPING},
            {"state": TicketState.UNKNOWN},
            {"state": TicketState.SUCCEEDED, "rollback_state": RollbackState.RUNNING},
        ):
            Ticket.objects.filter(pk=ticket.pk).update(**fields)
            with pytest.raises(CommandError, match=f"Found tickets under way: #{ticket.pk}."):
                self.renew()
        Ticket.objects.filter(pk=ticket.pk).update(rollback_state=RollbackState.NONE)
        Execution.objects.create(ticket=ticket, number=1, state=ExecutionState.RUNNING, content_hash="")
        with pytest.raises(CommandError, match=f"#{ticket.pk}"):
            self.renew()
        assert own_id() == before
